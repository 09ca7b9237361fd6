"""A store in flat files, on one page: to read, and to begin one's own from."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import heapq
import operator
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from memgpt.store import ArchivalStore, Row, Visible

_HEAD = struct.Struct("<qqq")  # id, branch, seq; then the vector


class FlatFile(ArchivalStore):
    """Vectors in a file an archive, which is read at each search: good for some thousand passages.

    Args:
        path: the folder; made where it is not there.
        name: as in :class:`memgpt.ArchivalStore`.
    """

    def __init__(self, path: str | os.PathLike[str], *, name: str = "flat_file") -> None:
        self.path = Path(path)
        self.name = name

    def insert(self, archive: str, rows: Sequence[Row]) -> None:
        size = _size(archive)
        if wrong := [row.id for row in rows if _HEAD.size + row.vector.nbytes != size]:
            raise ValueError(f"the vector of row {wrong[0]} has not the archive's length")
        with self._locked(), open(self._file(archive), "a+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.truncate(end - end % size)  # half a row: its writer was killed
            for id, branch, seq, vector in rows:
                file.write(_HEAD.pack(id, branch, seq) + bytes(vector))
            _to_disk(file)

    def delete(self, archive: str, ids: Sequence[int]) -> None:
        gone = set(ids)
        path = self._file(archive)
        with self._locked(), open(path.with_suffix(".new"), "wb") as file:
            for id, branch, seq, vector in self._rows(archive):
                if id not in gone:
                    file.write(_HEAD.pack(id, branch, seq) + bytes(vector))
            _to_disk(file)
            os.replace(file.name, path)

    def search(
        self, archive: str, vector: memoryview[float], limit: int, visible: Visible
    ) -> list[int]:
        scores = {
            id: sum(map(operator.mul, vector, own))  # a later row of an id takes its place
            for id, branch, seq, own in self._rows(archive)
            if visible(branch, seq, id)
        }
        return heapq.nlargest(limit, scores, key=scores.__getitem__)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Against other processes: one writes at a time."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / "lock", "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _file(self, archive: str) -> Path:
        return self.path / f"{hashlib.sha256(archive.encode()).hexdigest()[:32]}.vectors"

    def _rows(self, archive: str) -> Iterator[Row]:
        size = _size(archive)
        if not self._file(archive).exists():
            return
        with open(self._file(archive), "rb") as file:
            while len(row := file.read(size)) == size:
                id, branch, seq = _HEAD.unpack_from(row)
                yield Row(id, branch, seq, memoryview(row)[_HEAD.size :].cast("f"))


def _size(archive: str) -> int:
    """Of a row; an archive's name ends with the length of its vectors."""
    return _HEAD.size + 4 * int(archive.rpartition("/")[2])


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
