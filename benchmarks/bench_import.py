"""What recall.import_transcript costs, beside plain SQLite with the same text in an FTS5 table.

    python benchmarks/bench_import.py [--messages 20000] [--rounds 5]

Each round imports messages that neither side has seen into a new file, in one commit, with
durability "full" (synchronous=FULL on both sides).
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

import memgpt

WORDS = Path(__file__).read_text().split() + [f"word{i}" for i in range(3000)]


def transcript(count: int, seed: int) -> list[dict[str, str]]:
    """Messages of two speakers, 5 to 40 words each."""
    chance = random.Random(seed)
    return [
        {
            "speaker": ("Ann", "Ben")[i % 2],
            "text": " ".join(chance.choices(WORDS, k=chance.randint(5, 40))),
            "time": f"2023-{1 + i * 12 // count:02}-{1 + i % 28:02}T12:{i % 60:02}:00",
            "id": f"{seed}:{i}",
        }
        for i in range(count)
    ]


def ours(items: list[dict[str, str]], path: Path) -> float:
    with memgpt.open(path) as home:
        agent = home.create_agent("sam")
        began = time.perf_counter()
        stored = agent.recall.import_transcript(items)
        taken = time.perf_counter() - began
        assert len(stored) == len(items) == len(agent.recall)
    return taken


def plain_sqlite(items: list[dict[str, str]], path: Path) -> float:
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE message(id INTEGER PRIMARY KEY, speaker, text, time, source_id)")
    db.execute(
        "CREATE VIRTUAL TABLE message_fts USING fts5("
        "text, speaker, content='', tokenize='porter unicode61 remove_diacritics 2')"
    )
    began = time.perf_counter()
    with db:
        rows = [(i, m["speaker"], m["text"], m["time"], m["id"]) for i, m in enumerate(items)]
        db.executemany("INSERT INTO message VALUES(?, ?, ?, ?, ?)", rows)
        db.executemany(
            "INSERT INTO message_fts(rowid, text, speaker) VALUES(?, ?, ?)",
            [(row[0], row[2], row[1]) for row in rows],
        )
    taken = time.perf_counter() - began
    db.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ratios: list[float] = []
    rates: list[tuple[float, float]] = []
    for seed in range(options.rounds):
        items = transcript(options.messages, seed)
        with tempfile.TemporaryDirectory() as folder:
            mine = ours(items, Path(folder) / "ours.db")
            plain = plain_sqlite(items, Path(folder) / "plain.db")
        ratios.append(mine / plain)
        rates.append((len(items) / mine, len(items) / plain))
    print(f"{options.messages:,} messages a round, medians of {options.rounds} rounds")
    print(f"import_transcript   {statistics.median(r[0] for r in rates):>10,.0f} messages/s")
    print(f"plain SQLite, FTS5  {statistics.median(r[1] for r in rates):>10,.0f} messages/s")
    print(f"time, ours / plain  {statistics.median(ratios):>10.2f}")


if __name__ == "__main__":
    main()
