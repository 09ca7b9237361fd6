"""What the ready-made stores share."""

from __future__ import annotations

import hashlib
import importlib
from typing import Any

from memgpt.errors import ConfigError
from memgpt.store import Visible

# More rows than these are not named in a filter: the kernel drops what it does not want.
MOST_BRANCHES = 100
MOST_HIDDEN = 1000


def library(module: str, extra: str) -> Any:
    """The library of a store.

    Raises:
        ConfigError: where it is not installed; says how to.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f'this archival store needs {error.name}: pip install "memgpt-cpp[{extra}]"'
        ) from error


def short_name(archive: str) -> str:
    """A name for an archive of letters and digits only: its own may hold anything."""
    return "memgpt-" + hashlib.sha256(archive.encode()).hexdigest()[:32]


def width_of(archive: str) -> int:
    """How long an archive's vectors are."""
    return int(archive.rpartition("/")[2])


def lines_to_filter(visible: Visible) -> list[tuple[int, int]]:
    """The pairs (branch, last seq), or none where they are too many for a filter."""
    return visible.line if len(visible.line) <= MOST_BRANCHES else []


def ids_to_hide(visible: Visible) -> list[int]:
    """The hidden ids, or none where they are too many for a filter."""
    return visible.hidden if len(visible.hidden) <= MOST_HIDDEN else []
