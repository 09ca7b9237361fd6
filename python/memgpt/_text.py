"""Text on its way into the core, which takes UTF-8 only."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import Any

from memgpt.errors import ConfigError, Error, InvalidInput


def clean_text(text: str) -> str:
    """Text that can be stored as UTF-8: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode()


def message_of(error: BaseException) -> str:
    """An exception's text, also where reading it raises."""
    try:
        return clean_text(str(error))
    except Exception:  # a broken __str__ must not take the exception's place
        return "(its message cannot be read)"


def error_text(error: BaseException) -> str:
    """An exception's type and text."""
    return f"{type(error).__name__}: {message_of(error)}"


def checked_text(text: Any, what: str) -> str:
    """The text itself.

    Raises:
        InvalidInput: where it is no text, or holds what UTF-8 cannot store.
    """
    if isinstance(text, (bytes, bytearray)):
        raise InvalidInput(f'{what} is bytes; decode it first: text.decode("utf-8", "replace")')
    if not isinstance(text, str):
        raise InvalidInput(f"{what} must be text, not {type(text).__name__}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{what} holds a lone surrogate at character {error.start}, which UTF-8 cannot store; "
            'clean it with text.encode("utf-8", "replace").decode()'
        ) from error
    return text


def checked_texts(texts: Any, what: str) -> list[str]:
    """The texts as a list; ``what`` is one of them.

    Raises:
        InvalidInput: for a text by itself, or what is no collection of texts.
    """
    if isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
        raise InvalidInput(f"give a list, with {what} for each of its items, not {texts!r}")
    return [checked_text(text, what) for text in texts]


def checked_number(
    value: Any, what: str, error: type[Error], low: int = 0, high: int = 2**31 - 1
) -> int:
    """The number itself.

    Raises:
        error: where it is no whole number between ``low`` and ``high``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise error(f"{what} must be a whole number from {low} to {high}, not {value!r}")
    return value


def checked_flag(value: Any, what: str) -> bool:
    """True or False itself.

    Raises:
        ConfigError: for anything else.
    """
    if not isinstance(value, bool):
        raise ConfigError(f"{what} is True or False, not {value!r}")
    return value


def checked_seconds(value: Any, what: str) -> float:
    """The number of seconds.

    Raises:
        ConfigError: where it is no positive number.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < float("inf"):
        raise ConfigError(f"{what} must be a positive number of seconds, not {value!r}")
    return float(value)


def checked_step(step: Any) -> int:
    """The number of a commit.

    Raises:
        InvalidInput: for something that can be none.
    """
    if isinstance(step, bool) or not isinstance(step, int) or not -(2**63) <= step < 2**63:
        raise InvalidInput(f"step must be the number of a commit, a Step's .seq, not {step!r}")
    return step


def warn(text: str) -> None:
    """A UserWarning at the line that called memgpt."""
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "memgpt":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, UserWarning, stacklevel=level)
