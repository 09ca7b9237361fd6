"""What was destroyed in a file."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from memgpt import _core

__all__ = ["Purge", "purges_of"]


@dataclass(frozen=True)
class Purge:
    """What a :meth:`Home.purge` left behind.

    Attributes:
        id: its number in this file.
        time: when.
        what: in words, without what was destroyed.
        compacted: False where pages of the file may still hold it: call ``home.purge()`` again.
    """

    id: int
    time: dt.datetime
    what: str
    compacted: bool


def purges_of(core: _core.CoreHome) -> list[Purge]:
    """What was destroyed in a home's file, oldest first."""
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    return [
        Purge(row.id, epoch + dt.timedelta(microseconds=row.time_us), row.what, row.compacted)
        for row in core.purges()
    ]
