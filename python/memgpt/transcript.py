"""Times, and conversations that were recorded elsewhere, on their way into the core."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from memgpt import _core
from memgpt._text import checked_text
from memgpt.errors import InvalidInput

__all__ = ["microseconds", "read_transcript"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


def microseconds(
    time: dt.datetime | dt.date | str | None, zone: dt.tzinfo = dt.timezone.utc
) -> int | None:
    """Microseconds since the epoch; a time that names no zone is of the given one.

    Raises:
        InvalidInput: for what is no time, or lies outside of the years 1 to 9999.
    """
    if time is None:
        return None
    if isinstance(time, str):
        try:
            time = dt.datetime.fromisoformat(time.replace("Z", "+00:00"))
        except ValueError as error:
            raise InvalidInput(
                f"{time!r} is no ISO time; write it like 2023-05-08T13:56:00"
            ) from error
    if isinstance(time, dt.date) and not isinstance(time, dt.datetime):
        time = dt.datetime(time.year, time.month, time.day)
    if not isinstance(time, dt.datetime):
        raise InvalidInput(f"a time is a datetime or ISO text, not {type(time).__name__}")
    if time.tzinfo is None:
        time = time.replace(tzinfo=zone)
    try:
        return (time.astimezone(dt.timezone.utc) - _EPOCH) // dt.timedelta(microseconds=1)
    except OverflowError as error:
        raise InvalidInput(f"{time} is not in the years 1 to 9999 in UTC") from error


def _optional_text(item: Mapping[str, Any], key: str, where: str) -> str | None:
    """Text under a key; numbers are common as ids and sessions."""
    value = item.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return checked_text(value, f'"{key}" of {where}')


def _read_item(item: Any, index: int, roles: Mapping[str, str]) -> _core.TranscriptItem:
    where = f"item {index} of the transcript"
    if not isinstance(item, Mapping):
        raise InvalidInput(
            f'{where} is a {type(item).__name__}; give a dict like {{"speaker": "Ann", "text": '
            '"Hello", "time": "2023-05-08T13:56:00"}'
        )
    if "text" not in item:
        raise InvalidInput(f'{where} has no "text"; it has {sorted(map(str, item))}')
    speaker = _optional_text(item, "speaker", where) or ""
    try:
        time_us = microseconds(item.get("time"))
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from error
    return _core.TranscriptItem(
        text=checked_text(item["text"], f'"text" of {where}'),
        speaker=speaker,
        role=roles.get(speaker, "user"),
        time_us=time_us,
        session=_optional_text(item, "session", where),
        id=_optional_text(item, "id", where) or "",
    )


def _warn(indices: list[int], what: str) -> None:
    if indices:
        shown = ", ".join(map(str, indices[:5])) + (", ..." if len(indices) > 5 else "")
        # The caller of import_transcript is three frames up.
        count = f"{len(indices)} item{'s' if len(indices) > 1 else ''} of the transcript"
        warnings.warn(f"{count} without {what} (item {shown})", UserWarning, stacklevel=4)


def read_transcript(
    items: Iterable[Mapping[str, Any]], roles: Mapping[str, str]
) -> list[_core.TranscriptItem]:
    """A transcript in the form that the core takes; see ``Recall.import_transcript``.

    Raises:
        InvalidInput: for an item that cannot be read; says which.
    """
    if isinstance(items, (str, bytes, Mapping)) or not isinstance(items, Iterable):
        raise InvalidInput("a transcript is a list of dicts, one for each thing said")
    if not isinstance(roles, Mapping):
        raise InvalidInput('roles maps speakers to roles, like {"Sam": "assistant"}')
    roles = {str(speaker): role for speaker, role in roles.items()}
    allowed = ("user", "assistant", "system")
    for speaker, role in roles.items():
        if role not in allowed:
            raise InvalidInput(f"the role of {speaker!r} is one of {allowed}, not {role!r}")
    read = [_read_item(item, index, roles) for index, item in enumerate(items)]
    _warn(
        [i for i, item in enumerate(read) if item.time_us is None],
        "a time: it is that of the item before",
    )
    _warn(
        [i for i, item in enumerate(read) if not item.text.strip()],
        "a text: search cannot find it",
    )
    unknown = sorted(set(roles) - {item.speaker for item in read})
    if unknown:
        warnings.warn(
            f"roles names speakers that do not occur: {unknown}", UserWarning, stacklevel=3
        )
    return read
