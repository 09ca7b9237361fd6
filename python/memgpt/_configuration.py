"""Keys and addresses: from the environment, or from the user's configuration file."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

from memgpt._text import warn
from memgpt.errors import ConfigError

__all__ = ["configuration_file", "setting"]

_SECTION = "environment"
# What was read last: the file, its time and size, and what it says.
_read: tuple[Path, tuple[int, int], dict[str, str]] | None = None


def configuration_file() -> Path:
    """``MEMGPT_CONFIG_PATH``, else ``config`` in the folder of ``MEMGPT_HOME``, or in ~/.memgpt."""
    if given := os.environ.get("MEMGPT_CONFIG_PATH"):
        return Path(given).expanduser()
    return Path(os.environ.get("MEMGPT_HOME") or Path.home() / ".memgpt").expanduser() / "config"


def setting(name: str) -> str:
    """A variable such as OPENAI_API_KEY: what the environment says, else what the section
    ``[environment]`` of the configuration file says; empty where neither does.

    Raises:
        ConfigError: where the file is there and cannot be read. What stands in it is not shown.
    """
    return os.environ.get(name) or _configured().get(name, "")


def _bare_name(name: str) -> str:
    return name.removeprefix("export ").strip()


def _bare(value: str) -> str:
    """As a shell would read it: without quotation marks around it."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _configured() -> dict[str, str]:
    global _read
    try:
        path = configuration_file()
        status = path.stat()
    except (OSError, RuntimeError):  # there is none, or no home
        return {}
    stamp = (status.st_mtime_ns, status.st_size)
    if _read is not None and _read[:2] == (path, stamp):
        return _read[2]
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]: names as they are written
    try:
        parser.read_string(path.read_text("utf-8-sig"))
        own = next((name for name in parser.sections() if name.lower() == _SECTION), None)
        found = {_bare_name(n): _bare(v) for n, v in parser[own].items()} if own else {}
    except (OSError, ValueError, configparser.Error) as error:
        # Its text would show the line, and the line may be a key.
        line = getattr(error, "lineno", None)
        raise ConfigError(
            f"cannot read {path}{f', line {line}' if line else ''} ({type(error).__name__}); it is "
            f"written like [{_SECTION}] and below it OPENAI_API_KEY = sk-..."
        ) from None
    if status.st_mode & 0o077 and any(name.endswith("_KEY") for name in found):
        warn(f"{path} holds keys and others may read it: chmod 600 {path}")
    _read = (path, stamp, found)
    return found
