"""What a disk would hold after a power cut, made from the record of what a program wrote.

What was written and not yet synced is kept apart. At a cut it is lost, or kept, or some sectors of
it are and others are not, in any order, and one that was just being written may hold anything.
Names of files that were made or removed reach the disk in order, at the latest when their folder
is synced; nothing of a name's making is promised by a sync of the file.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

SECTOR = 512
HEADER = struct.Struct("<cIqII")
Fate = Literal["lost", "kept", "mixed", "newest mixed"]
FATES: tuple[Fate, ...] = ("lost", "kept", "mixed", "newest mixed")


class Event(NamedTuple):
    """One call: o(pen), w(rite), t(runcate), s(ync), f(ailed sync), u(nlink), m(ark)."""

    what: str
    file: int
    number: int  # offset, size, or 1 where an open made the file
    path: str
    data: bytes


def events(record: Path) -> list[Event]:
    """The record, in order."""
    return list(_events(record.read_bytes()))


def _events(record: bytes) -> Iterator[Event]:
    at = 0
    while at < len(record):
        what, file, number, name, size = HEADER.unpack_from(record, at)
        at += HEADER.size
        path = record[at : at + name].decode()
        at += name
        yield Event(what.decode(), file, number, path, record[at : at + size])
        at += size


@dataclass
class File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)


def _write(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _truncate(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


class Disk:
    """The disk under one folder, which was empty when the record began."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._files: dict[int, File] = {}
        self._names: dict[str, int] = {}
        self._pending_names: list[tuple[str, int | None]] = []  # None: removed

    def apply(self, event: Event) -> None:
        file = self._files.setdefault(event.file, File())
        if event.what == "o" and event.number:
            self._pending_names.append((Path(event.path).name, event.file))
        elif event.what == "u":
            self._pending_names.append((Path(event.path).name, None))
        elif event.what in "wt":
            file.pending.append(event)
        elif event.what == "f":
            file.pending.clear()
        elif event.what == "s":
            for change in file.pending:
                self._do(file.synced, change)
            file.pending.clear()
            if event.path == self._folder:
                for name, one in self._pending_names:
                    self._point(self._names, name, one)
                self._pending_names.clear()

    def image(self, fate: Fate, rng: random.Random) -> dict[str, bytes]:
        """The files after a cut at this instant; the disk itself stays as it is."""
        names = dict(self._names)
        share = {"lost": 0.0, "kept": 1.0}.get(fate, rng.random())
        upto = round(share * len(self._pending_names))
        for name, file in self._pending_names[:upto]:
            self._point(names, name, file)
        files = {}
        for name, number in names.items():
            content = bytearray(self._files[number].synced)
            pending = self._files[number].pending
            written = rng.randrange(len(pending) + 1) if fate == "newest mixed" else 0
            for event in pending[:written]:
                self._do(content, event)
            for event in pending[written:]:
                self._perhaps(content, event, share, rng)
            files[name] = bytes(content)
        return files

    @staticmethod
    def _point(names: dict[str, int], name: str, file: int | None) -> None:
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file

    @staticmethod
    def _do(content: bytearray, event: Event) -> None:
        if event.what == "w":
            _write(content, event.number, event.data)
        else:
            _truncate(content, event.number)

    def _perhaps(self, content: bytearray, event: Event, share: float, rng: random.Random) -> None:
        if share in (0.0, 1.0) or event.what == "t":
            if rng.random() < share:
                self._do(content, event)
            return
        begin = event.number
        end = begin + len(event.data)
        while begin < end:
            upto = min(end, (begin // SECTOR + 1) * SECTOR)
            data = event.data[begin - event.number : upto - event.number]
            if rng.random() < 0.01:
                _write(content, begin, rng.randbytes(upto - begin))
            elif rng.random() < share:
                _write(content, begin, data)
            begin = upto


def write_image(files: dict[str, bytes], folder: Path, rng: random.Random) -> None:
    """The files as they are found after the restart. The index of the WAL is worth nothing then:
    SQLite must not believe what stands in it."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        if not name.endswith("-shm"):
            (folder / name).write_bytes(content)
        elif rng.random() < 0.5:
            (folder / name).write_bytes(rng.randbytes(32768))
