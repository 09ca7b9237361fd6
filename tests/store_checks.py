"""What every archival store has to do: compared with the kernel's own index, in one home."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import memgpt
from memgpt.store import Row, Visible

MakeStore = Callable[[], memgpt.ArchivalStore]

WORDS = (
    *("Turin", "violin", "bread", "harbour", "garden", "lantern", "copper", "winter"),
    *("river", "market", "cousin", "ladder", "marble", "orchard", "pepper", "quarry"),
    *("ribbon", "saddle", "thistle", "umbrella", "velvet", "walnut", "yarrow", "zinc"),
)
TAGS = ("travel", "food", "music")


class Memory(memgpt.ArchivalStore):
    """A store in memory, which notes what it is told."""

    name = "memory"

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], tuple[int, int, list[float]]] = {}
        self.calls: list[str] = []

    def insert(self, archive: str, rows: Sequence[Row]) -> None:
        self.calls.append(f"insert {len(rows)}")
        for id, branch, seq, vector in rows:
            self.rows[archive, id] = branch, seq, list(vector)

    def delete(self, archive: str, ids: Sequence[int]) -> None:
        self.calls.append(f"delete {len(ids)}")
        for id in ids:
            self.rows.pop((archive, id), None)

    def search(self, archive: str, vector: memoryview, limit: int, visible: Visible) -> list[int]:
        self.calls.append(f"search {limit}")
        scores = {
            id: sum(a * b for a, b in zip(vector, own, strict=True))
            for (whose, id), (branch, seq, own) in self.rows.items()
            if whose == archive and visible(branch, seq, id)
        }
        return sorted(scores, key=scores.__getitem__, reverse=True)[:limit]


def hits(agent: memgpt.Agent, query: str, **options: Any) -> tuple[list[Any], int]:
    """What a search found, and how many pass its filters."""
    found = agent.archival.search(query, **options)
    return [(hit.passage.text, hit.score, hit.similarity) for hit in found], found.total


def text(source: random.Random) -> str:
    return " ".join(source.choices(WORDS, k=source.randint(2, 9)))


class Twins:
    """Two agents that do the same, one with a store and one with the kernel's own index."""

    def __init__(self, home: memgpt.Home, make: MakeStore, seed: int = 1) -> None:
        self.home = home
        self.source = random.Random(seed)
        self.one = home.create_agent("store", archival_store=make())
        self.other = home.create_agent("own")
        self.ids: list[tuple[str, str]] = []
        self.forks = 0

    def insert(self, count: int = 1) -> None:
        for _ in range(count):
            what, tags = text(self.source), self.source.sample(TAGS, self.source.randint(0, 2))
            # At one time, for the ranking looks at it.
            made = [
                agent.archival.insert(what, tags=tags, time="2024-05-06 07:08") for agent in self
            ]
            self.ids.append((made[0].id, made[1].id))

    def __iter__(self) -> Iterator[memgpt.Agent]:
        return iter((self.one, self.other))

    def seen(self) -> list[tuple[str, str]]:
        def sees(id: str) -> bool:
            try:
                return bool(self.one.archival.get(id))
            except memgpt.PassageNotFound:
                return False

        return [pair for pair in self.ids if sees(pair[0])]

    def change(self) -> None:
        """Something at random, the same for both."""
        what = self.source.choice(("insert", "insert", "update", "delete", "undo", "redo", "fork"))
        seen = self.seen()
        if what == "update" and seen:
            pair, new = self.source.choice(seen), text(self.source)
            for agent, id in zip(self, pair, strict=True):
                agent.archival.update(id, text=new)
        elif what == "delete" and seen:
            for agent, id in zip(self, self.source.choice(seen), strict=True):
                agent.archival.delete(id)
        elif what in ("undo", "redo"):
            count = self.source.randint(1, 3)
            for agent in self:
                with contextlib.suppress(memgpt.InvalidInput):  # not so much was done
                    getattr(agent, what)(count)
        elif what == "fork" and self.forks < 4:
            self.forks += 1
            self.one = self.one.fork(f"store-{self.forks}")
            self.other = self.other.fork(f"own-{self.forks}")
        else:
            self.insert(self.source.randint(1, 4))

    def compare(self) -> None:
        for options in (
            {},
            {"limit": 3, "offset": 2},
            {"tags": ["travel"]},
            {"tags": ["food", "music"], "match": "all", "limit": 5},
            {"limit": 200},
        ):
            query = text(self.source)
            one, other = (hits(agent, query, **options) for agent in self)
            assert one == other, (query, options)


def rows_of(home: memgpt.Home, agent: memgpt.Agent) -> tuple[str, set[int], int]:
    """The name under which a store has the agent's vectors, the ids of those that the file has,
    and their length."""
    with closing(sqlite3.connect(home.path)) as db:
        (archive,) = db.execute("SELECT archive FROM agent WHERE id = ?", (agent.id,)).fetchone()
        rows = db.execute(
            "SELECT p.id, e.embedder, e.dimension FROM passage p JOIN embedding e ON "
            "e.passage = p.id WHERE p.archive = ?",
            (archive,),
        ).fetchall()
    _, embedder, dimension = rows[0]
    return f"{archive}/{embedder}/{dimension}", {row[0] for row in rows}, dimension


def vector_of(home: memgpt.Home, id: int) -> bytes:
    """A passage's vector as the file has it."""
    with closing(sqlite3.connect(home.path)) as db:
        return db.execute("SELECT vector FROM embedding WHERE passage = ?", (id,)).fetchone()[0]


def all_in(store: memgpt.ArchivalStore, archive: str, dimension: int) -> set[int]:
    """The ids of all rows that a store has of an archive."""
    visible = Visible([(branch, 2**40) for branch in range(90)], [])
    vector = memoryview(bytes(4 * (dimension - 1)) + b"\0\0\x80\x3f").cast("f")
    found = store.search(archive, vector, 1_000_000, visible)
    assert len(found) == len(set(found))
    return set(found)
