"""Chroma as a store for archival memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from memgpt.store import ArchivalStore, Row, Visible
from memgpt.stores._common import ids_to_hide, library, lines_to_filter, short_name


class Chroma(ArchivalStore):
    """Vectors in a Chroma database, a collection an archive. Its telemetry is off, and it embeds
    nothing. Its index is approximate. What ``home.purge()`` deletes is not found any more, and its
    files keep it until Chroma writes them anew.

    Args:
        path: the folder of the database.
        client: a client of your own in place of one for ``path``, e.g. ``chromadb.HttpClient()``.
        name: as in :class:`memgpt.ArchivalStore`.

    Raises:
        ConfigError: where Chroma is not installed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = "chroma",
        *,
        client: Any = None,
        name: str = "chroma",
    ) -> None:
        self._chromadb = library("chromadb", "chroma")
        self.path = os.fspath(path)
        self.name = name
        self._given = client
        self._client: Any = client
        self._collections: dict[str, Any] = {}

    def insert(self, archive: str, rows: Sequence[Row]) -> None:
        self._collection(archive).upsert(
            ids=[str(row.id) for row in rows],
            embeddings=[row.vector.tolist() for row in rows],
            metadatas=[{"id": row.id, "branch": row.branch, "seq": row.seq} for row in rows],
        )

    def delete(self, archive: str, ids: Sequence[int]) -> None:
        self._collection(archive).delete(ids=list(map(str, ids)))

    def search(
        self, archive: str, vector: memoryview[float], limit: int, visible: Visible
    ) -> list[int]:
        collection = self._collection(archive)
        limit = min(limit, collection.count())
        if limit == 0:
            return []
        found = collection.query(
            query_embeddings=[vector.tolist()],
            n_results=limit,
            where=_filter(visible),
            include=[],
        )
        return [int(id) for id in found["ids"][0]]

    def close(self) -> None:
        self._collections.clear()
        if self._given is None and self._client is not None:
            self._client.close()
            self._client = None

    def _collection(self, archive: str) -> Any:
        if self._client is None:
            self._client = self._chromadb.PersistentClient(
                self.path, settings=self._chromadb.Settings(anonymized_telemetry=False)
            )
        if archive not in self._collections:
            self._collections[archive] = self._client.get_or_create_collection(
                short_name(archive),
                embedding_function=None,  # the default one would fetch a model
                configuration={"hnsw": {"space": "ip", "ef_search": 500, "ef_construction": 200}},
            )
        return self._collections[archive]


def _filter(visible: Visible) -> dict[str, Any] | None:
    """What the agent sees, in Chroma's words: "or" and "and" take two or more."""
    seen: list[dict[str, Any]] = [
        {"$and": [{"branch": branch}, {"seq": {"$lte": last}}]}
        for branch, last in lines_to_filter(visible)
    ]
    hidden = ids_to_hide(visible)
    parts: list[dict[str, Any]] = [{"$or": seen}] if len(seen) > 1 else seen
    parts += [{"id": {"$nin": hidden}}] if hidden else []
    return {"$and": parts} if len(parts) > 1 else (parts[0] if parts else None)
