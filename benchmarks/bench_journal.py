"""What lines of history cost: fork, at, undo, redo and opening, however long the history is.

    python benchmarks/bench_journal.py [--messages 100 10000 1000000] [--rounds 15] [--folder DIR]

Each history is a file of its own, of imported messages and some turns behind them; figures are
medians, in milliseconds. Expected: under 1 ms and within a factor of two of each other for fork,
at, undo and redo; opening under 50 ms.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import memgpt
from memgpt.testing import ScriptedLLM

TURNS = 50
BATCH = 50_000


def reply(context: memgpt.Context) -> dict[str, object]:
    return {"tool": "send_message", "args": {"message": "I see."}}


def median_ms(call: Callable[[int], object], rounds: int) -> float:
    times = []
    for number in range(rounds):
        started = time.perf_counter()
        call(number)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e3


def fill(agent: memgpt.Agent, messages: int) -> None:
    """Messages in recall, then turns."""
    for first in range(0, messages, BATCH):
        numbers = range(first, min(messages, first + BATCH))
        agent.recall.import_transcript(
            [
                {"speaker": "Ann", "text": f"message {n} about the mill", "time": "2023-05-08"}
                for n in numbers
            ]
        )
    for _ in range(TURNS):
        agent.send("And what do you say?")


def measure(path: Path, messages: int, rounds: int) -> list[float]:
    """fork, at, undo, redo, open; in milliseconds."""
    with memgpt.open(path, durability="process") as home:
        agent = home.create_agent("sam", model=ScriptedLLM(reply))
        fill(agent, messages)
        past = agent.head.seq - TURNS
        figures = [
            median_ms(lambda n: agent.fork(f"fork {n}"), rounds),
            median_ms(lambda n: agent.at(past), rounds),
        ]
        undo, redo = [], []
        for _ in range(rounds):
            undo.append(median_ms(lambda n: agent.undo(), 1))
            redo.append(median_ms(lambda n: agent.redo(), 1))
        figures += [statistics.median(undo), statistics.median(redo)]

    def reopen(number: int) -> None:
        with memgpt.open(path, durability="process") as home:
            assert home.agent("sam").memory["human"].value is not None

    return [*figures, median_ms(reopen, rounds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, nargs="+", default=[100, 10_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path, help="where the files are made (a temporary folder)")
    options = parser.parse_args()
    print(f"{'messages':>10}{'fork':>8}{'at':>8}{'undo':>8}{'redo':>8}{'open':>8}  bytes a message")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for messages in options.messages:
            path = Path(folder) / f"{messages}.db"
            figures = measure(path, messages, options.rounds)
            size = path.stat().st_size / (messages + 3 * TURNS)
            cells = "".join(f"{figure:8.2f}" for figure in figures)
            print(f"{messages:>10,}{cells}  {size:15.0f}", flush=True)
            path.unlink()


if __name__ == "__main__":
    main()
