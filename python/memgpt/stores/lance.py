"""LanceDB as a store for archival memory."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Sequence
from typing import Any

from memgpt.store import ArchivalStore, Row, Visible
from memgpt.stores._common import ids_to_hide, library, lines_to_filter, short_name, width_of

_INSERTS = 50  # after which the small files that they leave are merged
_AT_ONCE = dt.timedelta(milliseconds=1)


class LanceDB(ArchivalStore):
    """Vectors in a LanceDB database, a table an archive. Its search is exact until you make an
    index: ``table.create_index(vector_column_name="vector", metric="dot")``.

    ``home.purge()`` writes the table anew and takes all its older versions away: other processes
    must not be reading it then.

    Args:
        path: the database: a folder, or an address that LanceDB takes.
        name: as in :class:`memgpt.ArchivalStore`.
        options: passed on to ``lancedb.connect``.

    Raises:
        ConfigError: where LanceDB is not installed.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, name: str = "lancedb", **options: Any
    ) -> None:
        self._lancedb = library("lancedb", "lancedb")
        self._arrow = library("pyarrow", "lancedb")
        self.path = os.fspath(path)
        self.name = name
        # What another process has written is seen by the next search.
        self._options = {"read_consistency_interval": dt.timedelta(0), **options}
        self._database: Any = None
        self._tables: dict[str, Any] = {}
        self._inserts = 0

    def insert(self, archive: str, rows: Sequence[Row]) -> None:
        table = self._table(archive, make=True)
        (
            table.merge_insert("id")
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .execute(self._arrow_rows(rows))
        )
        self._inserts += 1
        if self._inserts % _INSERTS == 0:
            table.optimize()

    def delete(self, archive: str, ids: Sequence[int]) -> None:
        table = self._table(archive)
        if table is None:
            return
        table.delete(f"id IN ({', '.join(map(str, ids))})")
        # Rows that are deleted stay in the files of old versions, and of large ones.
        rest = table.to_arrow()
        table = self._connected().create_table(short_name(archive), data=rest, mode="overwrite")
        self._tables[archive] = table
        time.sleep(2 * _AT_ONCE.total_seconds())
        table.optimize(cleanup_older_than=_AT_ONCE)

    def search(
        self, archive: str, vector: memoryview[float], limit: int, visible: Visible
    ) -> list[int]:
        table = self._table(archive)
        if table is None:
            return []
        query = table.search(vector.tolist(), vector_column_name="vector").distance_type("dot")
        if wanted := _filter(visible):
            query = query.where(wanted, prefilter=True)
        return query.select(["id", "_distance"]).limit(limit).to_arrow()["id"].to_pylist()

    def close(self) -> None:
        self._tables.clear()
        self._database = None

    def _connected(self) -> Any:
        if self._database is None:
            self._database = self._lancedb.connect(self.path, **self._options)
        return self._database

    def _table(self, archive: str, make: bool = False) -> Any:
        """The archive's table; None where it is not there, and not to be made."""
        if archive not in self._tables:
            arrow, database = self._arrow, self._connected()
            if make:
                columns: list[Any] = [(name, arrow.int64()) for name in ("id", "branch", "seq")]
                columns.append(("vector", arrow.list_(arrow.float32(), width_of(archive))))
                self._tables[archive] = database.create_table(
                    short_name(archive), schema=arrow.schema(columns), exist_ok=True
                )
            else:
                try:
                    self._tables[archive] = database.open_table(short_name(archive))
                except (ValueError, FileNotFoundError):
                    return None
        return self._tables[archive]

    def _arrow_rows(self, rows: Sequence[Row]) -> Any:
        arrow = self._arrow
        width = len(rows[0].vector)
        numbers = arrow.array([x for row in rows for x in row.vector], arrow.float32())
        columns = {
            "id": arrow.array([row.id for row in rows], arrow.int64()),
            "branch": arrow.array([row.branch for row in rows], arrow.int64()),
            "seq": arrow.array([row.seq for row in rows], arrow.int64()),
            "vector": arrow.FixedSizeListArray.from_arrays(numbers, width),
        }
        return arrow.table(columns)


def _filter(visible: Visible) -> str:
    """What the agent sees, in SQL."""
    seen = " OR ".join(
        f"(branch = {branch} AND seq <= {last})" for branch, last in lines_to_filter(visible)
    )
    hidden = ", ".join(map(str, ids_to_hide(visible)))
    parts = [f"({seen})"] if seen else []
    parts += [f"id NOT IN ({hidden})"] if hidden else []
    return " AND ".join(parts)
