"""What an agent's export and import cost: agent.export() and home.import_agent().

    python benchmarks/bench_export.py [--messages 10000] [--passages 10000] [--rounds 5]

The messages are those of real turns (an input, a reply, a tool's return each), with every commit,
window and eviction that they make; the passages have vectors of the offline embedder. Each round
exports to a new file, synced to the disk, and imports it into a new home with durability "full":
checked, replayed, copied. Beside it, in the same round: the file copied and synced by the operating
system, which is the least that anybody can do.

What the archived Letta server took for 1,000 messages is not measured here: it is on record, in CPU
time, from a 2-core machine like the one of our figures, and labelled so.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import memgpt
from memgpt.testing import ScriptedLLM

WORDS = Path(__file__).read_text().split() + [f"word{i}" for i in range(3000)]
# Letta server 0.16.8 (archived), 1,000 messages, no passages: CPU of server and PostgreSQL, ms.
RECORDED_MESSAGES = 1000
RECORDED_EXPORT_MS = 1014.0
RECORDED_IMPORT_MS = 1236.0 + 276.0


def make_agent(home: memgpt.Home, messages: int, passages: int) -> memgpt.Agent:
    """An agent that has been talked to and has filed what it read."""
    chance = random.Random(1)

    def text() -> str:
        return " ".join(chance.choices(WORDS, k=chance.randint(5, 40)))

    llm = ScriptedLLM(lambda context: {"tool": "send_message", "args": {"message": text()}})
    agent = home.create_agent("sam", model=llm)
    while len(agent.recall) < messages:
        agent.send(text())
    for _ in range(passages):
        agent.archival.insert(text())
    return agent


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU time of a call, in ms."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)


def plain_copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def run(options: argparse.Namespace, folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Wall and CPU ms of each round."""
    figures: dict[str, list[tuple[float, float]]] = {"export": [], "import": [], "copy": []}
    home = memgpt.open(folder / "here.db", durability="process")
    agent = make_agent(home, options.messages, options.passages)
    file, copied = folder / "sam.memgpt", folder / "copy"
    for i in range(options.rounds):
        file.unlink(missing_ok=True)
        figures["export"].append(timed(lambda: agent.export(file)))
        with memgpt.open(folder / f"there{i}.db") as there:
            figures["import"].append(timed(lambda home=there: home.import_agent(file)))
            assert len(there.agent("sam").recall) == len(agent.recall)
        figures["copy"].append(timed(lambda: plain_copy(file, copied)))
    steps = sum(bool(step.digest) for step in agent.steps())
    print(
        f"{len(agent.recall):,} messages of {steps:,} model calls and {len(agent.archival):,} "
        f"passages, {file.stat().st_size / 1e6:.1f} MB; medians of {options.rounds} rounds"
    )
    home.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = run(options, Path(name))
    recorded = {"export": RECORDED_EXPORT_MS, "import": RECORDED_IMPORT_MS}
    print(f"{'ms':<10}{'wall':>8}{'CPU':>8}{'recorded CPU':>16}{'a message':>12}{'in all':>9}")
    for what, pairs in figures.items():
        wall, cpu = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
        print(f"{what:<10}{wall:>8.0f}{cpu:>8.0f}", end="")
        if what not in recorded:
            print("   by the operating system, and synced")
            continue
        each = (recorded[what] / RECORDED_MESSAGES) / (cpu / options.messages)
        print(f"{recorded[what]:>16,.0f}{each:>11.1f}x{recorded[what] / cpu:>8.1f}x")
    print(
        f"recorded: Letta server 0.16.8 (archived), {RECORDED_MESSAGES:,} messages, no passages; "
        "times less CPU of ours, a message (passages come on top) and in all"
    )


if __name__ == "__main__":
    main()
