"""Which turns of recorded conversations a search finds for each question.

    python benchmarks/eval_retrieval.py DATA [--conversations N] [--factors] [--seed 0]
                                        [--json FILE]

DATA is a JSON file in LoCoMo's layout; asked are its questions of categories 1 to 4 that have
usable evidence, as they are. No model answers: what is measured is told in benchmarks/README.md.
The system of memgpt.MiniLM is left out where that is not installed.
Exits with 2 if DATA or the options cannot be used, or a file not written.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import random
import sqlite3
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import memgpt
from memgpt import lab

DEPTHS = (1, 5, 10, 20, 50)
DEEPEST = max(DEPTHS)
ROUNDS = 2000  # of the bootstrap

# Ids of turns for a question, the best first.
Search = Callable[[str], list[str]]


@dataclass(frozen=True)
class Score:
    """What one system found for one question."""

    conversation: int
    category: str
    values: dict[str, float]


def score(found: list[str], evidence: set[str]) -> dict[str, float]:
    """Recall at each depth, hit@20, MRR and nDCG@10 of one question."""
    ranks = [place for place, turn in enumerate(found, 1) if turn in evidence]
    values = {f"R@{k}": sum(rank <= k for rank in ranks) / len(evidence) for k in DEPTHS}
    values["hit@20"] = float(any(rank <= 20 for rank in ranks))
    values["MRR"] = 1 / ranks[0] if ranks else 0.0
    best = sum(1 / math.log2(place + 1) for place in range(1, min(10, len(evidence)) + 1))
    gain = sum(1 / math.log2(rank + 1) for rank in ranks if rank <= 10)
    return values | {"nDCG@10": gain / best}


@contextmanager
def ours(
    conversation: lab.Conversation, metadata: bool, ranking: memgpt.Ranking | None = None
) -> Iterator[Search]:
    """``agent.recall.search``; without metadata the turns are texts in an order, nothing else."""
    start = conversation.turns[0].time
    with memgpt.open(":memory:", durability="process") as home:
        agent = home.create_agent("reader", embedding=None)
        agent.recall.import_transcript(
            [
                {"text": turn.text, "id": turn.id}
                | (
                    {"speaker": turn.speaker, "time": turn.time}
                    if metadata
                    else {"speaker": "", "time": start}
                )
                for turn in conversation.turns
            ]
        )
        yield lambda question: [
            hit.message.source_id
            for hit in agent.recall.search(question, limit=DEEPEST, ranking=ranking)
        ]


class Known(memgpt.Embedder):
    """MiniLM's vectors of texts that were embedded before, all at once."""

    name = "known"

    def __init__(self, model: memgpt.MiniLM, texts: list[str]) -> None:
        self.dimension = model.dimension
        self.weight = model.weight
        self.rows = dict(zip(texts, model.embed(texts), strict=True))

    def embed(self, texts: list[str]) -> list[object]:
        return [self.rows[text] for text in texts]


@contextmanager
def passages(conversation: lab.Conversation, model: memgpt.MiniLM | None) -> Iterator[Search]:
    """``agent.archival.search``: each turn a passage, "Speaker: text", of its time, the session as
    its source; with the model's vectors beside the words, or by words alone."""
    texts = [f"{turn.speaker}: {turn.text}" for turn in conversation.turns]
    asked = [question.text for question in conversation.questions]
    with memgpt.open(":memory:", durability="process") as home:
        embedder = Known(model, sorted({*texts, *asked})) if model else None
        agent = home.create_agent("reader", embedding=embedder)
        turns = {}
        for turn, text in zip(conversation.turns, texts, strict=True):
            session = turn.id.split(":")[0]
            passage = agent.archival.insert(text, source=session, time=turn.time)
            turns[passage.id] = turn.id
        yield lambda question: [
            turns[hit.passage.id] for hit in agent.archival.search(question, limit=DEEPEST)
        ]


@contextmanager
def together(conversations: list[lab.Conversation], asked: lab.Conversation) -> Iterator[Search]:
    """As :func:`ours`, with the turns of all conversations in one agent's memory."""
    with memgpt.open(":memory:", durability="process") as home:
        agent = home.create_agent("reader", embedding=None)
        for conversation in conversations:
            name = conversation.name
            agent.recall.import_transcript(
                [
                    {"text": turn.text, "speaker": turn.speaker, "time": turn.time,
                     "id": f"{name} {turn.id}", "session": f"{name} {turn.id.split(':')[0]}"}
                    for turn in conversation.turns
                ]
            )  # fmt: skip
        own = f"{asked.name} "
        yield lambda question: [
            hit.message.source_id.removeprefix(own)
            for hit in agent.recall.search(question, limit=DEEPEST)
        ]


# Each factor alone, as it is switched off.
OFF: dict[str, dict[str, object]] = {
    "stop words out": {"stop": False},
    "stems": {"stem": False},
    "irregular forms": {"irregular": False},
    "name as a word": {"speaker_text": False},
    "related words": {"related": 0},
    "classes": {"classes": False},
    "framing words": {"frame": 1},
    "spelling": {"spelling": 0},
    "length (b .75)": {"b": 0.75},
    "neighbours": {"window": (), "reply": None},
    "2-norm": {"power": 1},
    "reply": {"reply": None},
    "session's edge": {"session": False},
    "question": {"question": 1},
    "speaker": {"speaker": 1},
    "when": {"when": 1},
    "name cue": {"name_cue": 1},
    "date": {"date": 1},
    "phrase": {"phrase": 1},
    "session prior": {"session_prior": 0},
}


def without(options: dict[str, object]) -> Callable:
    ranking = dataclasses.replace(memgpt.Ranking(), **options)  # type: ignore[arg-type]
    return lambda c: ours(c, metadata=True, ranking=ranking)


@contextmanager
def fts5(conversation: lab.Conversation) -> Iterator[Search]:
    """SQLite's own bm25 with its default tokenizer: the words of the question joined by OR."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE turn USING fts5(text)")
        db.executemany(
            "INSERT INTO turn(rowid, text) VALUES(?, ?)",
            [(n, f"{turn.speaker}: {turn.text}") for n, turn in enumerate(conversation.turns, 1)],
        )

        def search(question: str) -> list[str]:
            cleaned = "".join(c if c.isalnum() else " " for c in question)
            words = " OR ".join(f'"{word}"' for word in cleaned.split())
            if not words:
                return []
            rows = db.execute(
                "SELECT rowid FROM turn WHERE turn MATCH ? ORDER BY bm25(turn), rowid LIMIT ?",
                (words, DEEPEST),
            )
            return [conversation.turns[row - 1].id for (row,) in rows]

        yield search


@contextmanager
def dense(conversation: lab.Conversation, model: memgpt.MiniLM) -> Iterator[Search]:
    """The cosine of the question with each turn; all of a conversation's are embedded at once."""
    turns = model.embed([f"{turn.speaker}: {turn.text}" for turn in conversation.turns])
    asked = list({question.text for question in conversation.questions})
    scores = dict(zip(asked, model.embed(asked) @ turns.T, strict=True))
    yield lambda question: [
        conversation.turns[i].id
        for i in (-scores[question]).round(5).argsort(kind="stable")[:DEEPEST]
    ]


@contextmanager
def at_random(conversation: lab.Conversation, seed: int) -> Iterator[Search]:
    rng = random.Random(f"{seed} {conversation.name}")
    ids = [turn.id for turn in conversation.turns]
    yield lambda question: rng.sample(ids, min(DEEPEST, len(ids)))


def interval(scores: list[Score], metric: str, seed: int) -> tuple[float, float]:
    """95 % of the mean, by drawing conversations with replacement."""
    by_conversation: dict[int, list[float]] = {}
    for one in scores:
        by_conversation.setdefault(one.conversation, []).append(one.values[metric])
    groups = list(by_conversation.values())
    rng = random.Random(seed)
    means = []
    for _ in range(ROUNDS):
        drawn = rng.choices(groups, k=len(groups))
        means.append(sum(map(sum, drawn)) / sum(map(len, drawn)))
    means.sort()
    return means[int(0.025 * ROUNDS)], means[int(0.975 * ROUNDS) - 1]


def mean(scores: list[Score], metric: str) -> float:
    return statistics.fmean(one.values[metric] for one in scores)


def evaluate(
    conversations: list[lab.Conversation], systems: dict[str, Callable]
) -> dict[str, list[Score]]:
    scores: dict[str, list[Score]] = {}
    for number, conversation in enumerate(conversations):
        for name, system in systems.items():
            with system(conversation) as search:
                for question in conversation.questions:
                    if question.category != 5 and question.evidence:
                        values = score(search(question.text), set(question.evidence))
                        scores.setdefault(name, []).append(Score(number, question.kind, values))
    return scores


def systems_of(
    conversations: list[lab.Conversation], seed: int, model: memgpt.MiniLM | None, factors: bool
) -> dict[str, Callable]:
    def full(c: lab.Conversation) -> Any:
        return ours(c, metadata=True)

    if factors:
        return {"all factors": full} | {name: without(off) for name, off in OFF.items()}
    systems: dict[str, Callable] = {
        "ours": full,
        "ours, bare text": lambda c: ours(c, metadata=False),
        "ours, one index": lambda c: together(conversations, c),
        "ours, passages": lambda c: passages(c, None),
    }
    if model:
        systems |= {
            "ours with MiniLM": lambda c: passages(c, model),
            "MiniLM dense": lambda c: dense(c, model),
        }
    return systems | {"FTS5 bm25": fts5, "random": lambda c: at_random(c, seed)}


def run(options: argparse.Namespace) -> None:
    conversations = lab.read_conversations(options.data, options.conversations)
    try:
        model = memgpt.MiniLM()
    except memgpt.ModelNotFound as error:
        model = None
        print(f"MiniLM is left out: {error}")
    systems = systems_of(conversations, options.seed, model, options.factors)
    scores = evaluate(conversations, systems)
    if not scores:
        raise lab.BadData(f"{options.data} has no question with usable evidence")
    metrics = list(next(iter(scores.values()))[0].values)
    turns = sum(len(conversation.turns) for conversation in conversations)
    asked = len(next(iter(scores.values())))
    print(f"{len(conversations)} conversations, {turns:,} turns, {asked:,} questions\n")
    print(f"{'':<16}" + "".join(f"{metric:>9}" for metric in metrics) + "   95 % of R@10")
    rows = []
    for name, all_scores in scores.items():
        low, high = interval(all_scores, "R@10", options.seed)
        line = "".join(f"{mean(all_scores, metric):9.3f}" for metric in metrics)
        print(f"{name:<16}{line}   {low:.3f} - {high:.3f}")
        for kind in sorted({one.category for one in all_scores}):
            some = [one for one in all_scores if one.category == kind]
            line = "".join(f"{mean(some, metric):9.3f}" for metric in metrics)
            print(f"  {kind:<14}{line}   n = {len(some)}")
            rows.append(
                {"system": name, "category": kind, "n": len(some)}
                | {metric: round(mean(some, metric), 4) for metric in metrics}
            )
        rows.append(
            {"system": name, "category": "all", "n": len(all_scores)}
            | {metric: round(mean(all_scores, metric), 4) for metric in metrics}
            | {"R@10 95 %": [round(low, 4), round(high, 4)]}
        )
    line = json.dumps({"data": options.data.name, "questions": asked, "rows": rows})
    if options.json:
        options.json.write_text(line + "\n")
    print(line)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA", help="a JSON file in LoCoMo's layout")
    parser.add_argument("--conversations", type=int, help="only the first so many")
    parser.add_argument("--seed", type=int, default=0, help="of the random system and intervals")
    parser.add_argument(
        "--factors", action="store_true", help="instead: what is lost without each factor of ours"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the last line there, too")
    options = parser.parse_args()
    try:
        run(options)
    except (lab.BadData, OSError, ValueError) as error:
        print(f"eval_retrieval: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
