"""What a search in recall memory costs, beside plain FTS5 on the same messages.

    python benchmarks/bench_recall.py [--messages 10000 100000] [--queries 200] [--json FILE]

Messages are made up: half of their words are English function words, the others follow Zipf's law
over 50,000 made-up words; a user and an assistant, sessions of 20 messages. Queries ask for three
of these words, and no query is asked twice. FTS5 ranks by its own bm25, words joined by OR: with
its default tokenizer and the question as it is, and, to be fair, with Porter's stemmer and without
stop words, which is how one would tune it. Both give the best 10.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import memgpt

FUNCTION_WORDS = [
    "the", "of", "and", "to", "a", "in", "that", "it", "is", "was", "i", "for", "on", "you", "he",
    "be", "with", "as", "by", "at", "have", "are", "this", "not", "but", "had", "his", "they",
    "from", "she", "which", "or", "we", "an", "there", "her", "were", "one", "do", "been", "all",
    "their", "has", "would", "will", "what", "if", "can", "when", "so", "no", "said", "who", "more",
    "about", "up", "them", "some", "could", "him", "into", "its", "then", "two", "out", "time",
    "my", "did",
]  # fmt: skip
LIMIT = 10


def made_up_words(count: int) -> list[str]:
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u")]
    words = itertools.chain.from_iterable(
        ("".join(parts) for parts in itertools.product(syllables, repeat=n)) for n in (2, 3)
    )
    chosen = list(itertools.islice(words, 4 * count))
    random.Random(0).shuffle(chosen)
    return chosen[:count]


class Texts:
    """Messages and queries from one seed."""

    def __init__(self, seed: int, vocabulary: int = 50_000) -> None:
        self.rng = random.Random(seed)
        self.words = made_up_words(vocabulary)
        self.weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(vocabulary)))
        self.function = list(itertools.accumulate(1 / (r + 2) for r in range(len(FUNCTION_WORDS))))

    def content(self, count: int) -> list[str]:
        return self.rng.choices(self.words, cum_weights=self.weights, k=count)

    def message(self) -> str:
        half = self.rng.randint(3, 12)
        both = self.content(half)
        both += self.rng.choices(FUNCTION_WORDS, cum_weights=self.function, k=half)
        self.rng.shuffle(both)
        return " ".join(both).capitalize() + self.rng.choice(".....?")

    def query(self) -> str:
        a, b, c = self.content(3)
        who = self.rng.choice(("Ann", "Ben"))
        return self.rng.choice(
            (f"What did {who} say about the {a} and {b} {c}?", f"When was {a} in the {b} with {c}?",
             f"Where has {who} been to {a} or {b} {c}?")
        )  # fmt: skip


def transcript(texts: Texts, first: int, count: int) -> Iterator[dict[str, object]]:
    start = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
    for number in range(first, first + count):
        session, place = divmod(number, 20)
        yield {
            "speaker": ("Ann", "Ben")[number % 2],
            "text": texts.message(),
            "time": start + dt.timedelta(hours=3 * session, minutes=place),
            "session": str(session),
        }


def timed(search: Callable[[str], object], queries: list[str]) -> tuple[float, float]:
    """p50 and p95 in milliseconds."""
    taken = []
    for query in queries:
        began = time.perf_counter()
        search(query)
        taken.append(1e3 * (time.perf_counter() - began))
    cuts = statistics.quantiles(taken, n=20)
    return statistics.median(taken), cuts[18]


def fts5(db: sqlite3.Connection, table: str, leave_out: frozenset[str]) -> Callable[[str], object]:
    def search(question: str) -> object:
        cleaned = "".join(c if c.isalnum() else " " for c in question.lower())
        words = " OR ".join(f'"{word}"' for word in cleaned.split() if word not in leave_out)
        return db.execute(
            f"SELECT rowid FROM {table} WHERE {table} MATCH ? "
            f"ORDER BY bm25({table}), rowid LIMIT {LIMIT}",
            (words,),
        ).fetchall()

    return search


def measure(size: int, count: int, folder: Path) -> dict[str, float]:
    texts = Texts(size)
    with (
        memgpt.open(folder / f"{size}.db", durability="process") as home,
        closing(sqlite3.connect(folder / f"{size}-fts.db")) as db,
    ):
        agent = home.create_agent("reader", embedding=None)
        for name, options in (("plain", ""), ("tuned", ", tokenize='porter unicode61'")):
            db.execute(f"CREATE VIRTUAL TABLE {name} USING fts5(text, content=''{options})")
        indexed = 0.0
        for first in range(0, size, 20_000):
            items = list(transcript(texts, first, min(20_000, size - first)))
            agent.recall.import_transcript(items, roles={"Ben": "assistant"})
            for name in ("plain", "tuned"):
                began = time.perf_counter()
                db.executemany(
                    f"INSERT INTO {name}(rowid, text) VALUES(?, ?)",
                    [(first + n, f"{i['speaker']}: {i['text']}") for n, i in enumerate(items, 1)],
                )
                db.commit()
                indexed += (time.perf_counter() - began) * (name == "plain")
        began = time.perf_counter()
        agent.recall.search("anything", limit=LIMIT)
        cold = time.perf_counter() - began
        agent.recall.import_transcript(
            list(transcript(texts, size, 1000)), roles={"Ben": "assistant"}
        )
        searches = {
            "ours": lambda query: agent.recall.search(query, limit=LIMIT),
            "plain": fts5(db, "plain", frozenset()),
            "tuned": fts5(db, "tuned", frozenset((*FUNCTION_WORDS, "where"))),
        }
        began = time.perf_counter()
        searches["ours"]("anything")
        caught_up = time.perf_counter() - began
        figures = {"messages": size, "first_search_ms": 1e3 * cold}
        figures |= {"index_ours_us": 1e3 * caught_up, "index_fts5_us": 1e6 * indexed / size}
        for name, search in searches.items():
            some = count if name == "ours" else max(20, count * 10_000 // max(size, 10_000))
            timed(search, [texts.query() for _ in range(10)])
            p50, p95 = timed(search, [texts.query() for _ in range(some)])
            figures |= {f"{name}_p50_ms": p50, f"{name}_p95_ms": p95}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    print("messages    ours p50     p95   FTS5 p50     p95  (tuned p50     p95)  ratio (tuned)   "
          "first search   indexing ours, FTS5")  # fmt: skip
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in options.messages:
            f = measure(size, options.queries, Path(folder))
            rows.append({name: round(value, 4) for name, value in f.items()})
            print(
                f"{size:>9,} {f['ours_p50_ms']:8.2f} ms {f['ours_p95_ms']:7.2f} "
                f"{f['plain_p50_ms']:7.2f} ms {f['plain_p95_ms']:7.2f}  "
                f"({f['tuned_p50_ms']:6.2f} ms {f['tuned_p95_ms']:7.2f}) "
                f"{f['plain_p50_ms'] / f['ours_p50_ms']:6.1f} "
                f"({f['tuned_p50_ms'] / f['ours_p50_ms']:.1f}) "
                f"{f['first_search_ms']:12.0f} ms   {f['index_ours_us']:6.1f}, "
                f"{f['index_fts5_us']:.1f} us a message",
                flush=True,
            )
    line = json.dumps({"bench": "recall", "rows": rows})
    if options.json:
        options.json.write_text(line + "\n")
    print(line)


if __name__ == "__main__":
    main()
