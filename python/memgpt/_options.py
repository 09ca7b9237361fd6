"""What is given where an agent is made or opened, as the core takes it."""

from __future__ import annotations

import warnings

from memgpt import _core
from memgpt._text import checked_number, checked_text
from memgpt.errors import ConfigError
from memgpt.memory import BaseMemory, ChatMemory

__all__ = ["agent_name", "memory_of", "reasoning_of", "warn_of_missing_key", "window_of", "zone_of"]


def memory_of(given: BaseMemory | type[BaseMemory] | None) -> BaseMemory:
    """``memory=`` as an object: the stock one where none is given."""
    if given is None:
        return ChatMemory()
    if isinstance(given, type):
        return given()
    return given


def warn_of_missing_key(provider: _core.Provider) -> None:
    """Of the line that called the caller."""
    if provider.missing_key:
        warnings.warn(
            f"the model {provider.model!r} needs a key: set {provider.missing_key} before the "
            "first send()",
            UserWarning,
            stacklevel=3,
        )


def agent_name(name: str) -> str:
    """A name that is given: an empty one is refused."""
    if not name:
        raise ConfigError("an agent's name is 1 to 200 characters")
    return checked_text(name, "the agent's name")


def window_of(context_window: int | None) -> int:
    """In tokens; 0 where none is given."""
    if context_window is None:
        return 0
    return checked_number(context_window, "context_window", ConfigError, low=1)


def reasoning_of(reasoning: str | None) -> str:
    """As the core takes it, which knows the words; empty where none is given."""
    if reasoning is None:
        return ""
    return checked_text(reasoning, "reasoning") or "empty"


def zone_of(timezone: str | None) -> str:
    """The name as the core takes it, which asks for the zone: empty where none is given."""
    if timezone is None:
        return ""
    if not timezone:
        raise ConfigError('timezone is an IANA name such as "Europe/Berlin", not ""')
    return checked_text(timezone, "the time zone")
