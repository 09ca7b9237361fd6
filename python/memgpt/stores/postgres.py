"""PostgreSQL with pgvector as a store for archival memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memgpt.errors import ConfigError
from memgpt.store import ArchivalStore, Row, Visible
from memgpt.stores._common import library, width_of


class PgVector(ArchivalStore):
    """Vectors in PostgreSQL with the extension pgvector, in a table for each length of vectors,
    such as ``memgpt_vectors_384``; made where it is not there, and so is the extension, where that
    is allowed. Its search is exact until you make an index::

        CREATE INDEX ON memgpt_vectors_384 USING hnsw (vector vector_ip_ops);

    Args:
        dsn: how to reach it, e.g. ``"postgresql://user@host/database"``; it is not journalled.
        table: what the tables' names begin with: lower-case letters, digits and ``_``.
        name: as in :class:`memgpt.ArchivalStore`.

    Raises:
        ConfigError: where psycopg is not installed, or ``table`` is no such name.
    """

    def __init__(self, dsn: str, *, table: str = "memgpt_vectors", name: str = "pgvector") -> None:
        self._psycopg = library("psycopg", "pgvector")
        if not (table.isascii() and table.isidentifier() and table.islower() and len(table) <= 50):
            raise ConfigError(f"table is up to 50 lower-case letters, digits and _, not {table!r}")
        self.dsn = dsn
        self.table = table
        self.name = name
        self._connection: Any = None
        self._made: set[int] = set()

    def insert(self, archive: str, rows: Sequence[Row]) -> None:
        with self._connected().transaction(), self._connection.cursor() as cursor:
            table = self._table(width_of(archive), make=True)
            cursor.executemany(
                f"INSERT INTO {table}(archive, id, branch, seq, vector) VALUES(%s, %s, %s, %s, %s) "
                "ON CONFLICT (archive, id) DO UPDATE SET branch = excluded.branch, "
                "seq = excluded.seq, vector = excluded.vector",
                [(archive, row.id, row.branch, row.seq, _text(row.vector)) for row in rows],
            )

    def delete(self, archive: str, ids: Sequence[int]) -> None:
        connection = self._connected()
        if table := self._table(width_of(archive)):
            connection.execute(
                f"DELETE FROM {table} WHERE archive = %s AND id = ANY(%s)", (archive, list(ids))
            )

    def search(
        self, archive: str, vector: memoryview[float], limit: int, visible: Visible
    ) -> list[int]:
        connection = self._connected()
        table = self._table(width_of(archive))
        if not table:
            return []
        with connection.transaction():
            # For an index; without one they change nothing.
            connection.execute(
                "SELECT set_config('hnsw.ef_search', %s, true), "
                "set_config('hnsw.iterative_scan', 'strict_order', true)",
                (str(min(max(limit, 40), 1000)),),
            )
            found = connection.execute(
                f"SELECT t.id FROM {table} t WHERE t.archive = %s AND EXISTS (SELECT 1 FROM "
                "unnest(%s::bigint[], %s::bigint[]) AS line(branch, last) WHERE line.branch = "
                "t.branch AND t.seq <= line.last) AND t.id <> ALL(%s::bigint[]) "
                "ORDER BY t.vector <#> %s::vector LIMIT %s",
                (
                    archive,
                    [branch for branch, _ in visible.line],
                    [last for _, last in visible.line],
                    visible.hidden,
                    _text(vector),
                    limit,
                ),
            )
            return [id for (id,) in found]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Any:
        if self._connection is not None:
            try:
                self._connection.execute("SELECT 1")
            except self._psycopg.OperationalError:  # the server was started again
                self._connection = None
        if self._connection is None:
            self._made.clear()
            seconds = max(2, int(self.timeout_s))
            self._connection = self._psycopg.connect(
                self.dsn, autocommit=True, connect_timeout=seconds
            )
            # What is not waited for any more ends by itself.
            self._connection.execute(
                "SELECT set_config('statement_timeout', %s, false)",
                (str(int(self.timeout_s * 1000) + 1),),
            )
        return self._connection

    def _table(self, width: int, make: bool = False) -> str:
        """The table for vectors of a length; empty where it is not there."""
        name = f"{self.table}_{width}"
        if width in self._made:
            return name
        found = self._connection.execute("SELECT to_regclass(%s)", (name,)).fetchone()
        if found[0] is None:
            if not make:
                return ""
            has = "SELECT 1 FROM pg_extension WHERE extname = 'vector'"
            if not self._connection.execute(has).fetchone():
                self._connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            self._connection.execute(
                f"CREATE TABLE IF NOT EXISTS {name}(archive text, id bigint, branch bigint NOT "
                f"NULL, seq bigint NOT NULL, vector vector({width}) NOT NULL, "
                "PRIMARY KEY(archive, id))"
            )
        else:
            self._made.add(width)
        return name


def _text(vector: memoryview[float]) -> str:
    """The vector as pgvector reads it; nine digits are all that a float32 has."""
    return "[" + ",".join(map("{:.9g}".format, vector)) + "]"
