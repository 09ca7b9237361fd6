"""Agents in files of their own: what Python adds to the core's export."""

from __future__ import annotations

import inspect
import os
import textwrap
from typing import Any

from memgpt import _core
from memgpt._text import clean_text
from memgpt.errors import ConfigError
from memgpt.memory import BaseMemory, ChatMemory
from memgpt.tools import FunctionTool

__all__ = ["file_path", "is_agent_file", "sources_of"]


def file_path(path: str | os.PathLike[str]) -> str:
    """The absolute path of a file, links followed.

    Raises:
        ConfigError: for what can be none.
    """
    try:
        return os.path.realpath(os.fsdecode(path))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path!r} cannot be the path of a file: {error}") from error


def is_agent_file(path: str) -> bool:
    """Whether a path asks for Letta's format, by its ending."""
    return path.lower().endswith(".af")


def _source(given: Any) -> str | None:
    """The text that a function or class was made of; None where it is not to be had."""
    if isinstance(given, FunctionTool):
        given = given.run
    if not inspect.isclass(given) and not inspect.isroutine(given):
        given = type(given)
    try:
        return clean_text(textwrap.dedent(inspect.getsource(inspect.unwrap(given))))
    except (OSError, TypeError, ValueError, SyntaxError, IndexError):
        return None


def sources_of(core: _core.CoreAgent) -> list[tuple[str, str]]:
    """Names and sources of the tools that are bound, and of a memory class of one's own, where
    Python knows them."""
    sources: dict[str, str | None] = {}
    for tool in core.bound_tools():
        if not isinstance(tool, _core.PythonTool):
            continue
        memory: BaseMemory | None = getattr(tool.callable, "memory", None)
        if memory is not None:
            own = type(memory)
            if own is not ChatMemory:
                sources[f"{own.__module__}.{own.__qualname__}"] = _source(own)
        elif (given := getattr(tool.callable, "given", None)) is not None:
            sources[tool.name] = _source(given)
    return [(name, source) for name, source in sources.items() if source is not None]
