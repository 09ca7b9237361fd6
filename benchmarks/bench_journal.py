"""What lines of history cost, however long the history is; how many steps a second one file takes.

    python benchmarks/bench_journal.py [--messages 100 10000 1000000] [--rounds 15]
                                       [--agents 1 64] [--processes 1 4] [--seconds 5]
                                       [--folder DIR]

Fork, at, undo, redo and opening: each history is a file of its own, of imported messages and some
turns behind them; figures are medians, in milliseconds. Expected: under 1 ms and within a factor of
two of each other for fork, at, undo and redo; opening under 50 ms.

Steps: so many processes on one file, each with so many agents and a thread for each, which sends
without a pause. A step is one send(): two commits. SQLite counts its transactions: where there are
fewer of them than commits, threads have waited for the disk together. The last line is JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import statistics
import struct
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
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


@dataclass
class Steps:
    """One cell: what all processes did together."""

    durability: str
    processes: int
    agents: int  # of each process
    steps_a_second: float
    median_ms: float  # of a step
    p99_ms: float
    commits_a_transaction: float


def work(
    path: Path, durability: str, number: int, agents: int, seconds: float, start: Barrier,
    times: SimpleQueue[list[float]],
) -> None:  # fmt: skip
    """One process: how long each of its steps took, in milliseconds."""
    with memgpt.open(path, durability=durability) as home, ThreadPoolExecutor(agents) as pool:
        team = [home.create_agent(f"{number}-{i}", model=ScriptedLLM(reply)) for i in range(agents)]

        def send(agent: memgpt.Agent) -> list[float]:
            taken: list[float] = []
            while (began := time.perf_counter()) < end:
                agent.send(f"Today I walked {len(taken) * 7919 % 1000} steps along the river.")
                taken.append((time.perf_counter() - began) * 1e3)
            return taken

        start.wait()
        start.wait()
        end = time.perf_counter() + seconds
        try:
            times.put([one for taken in pool.map(send, team) for one in taken])
        except BaseException:
            start.abort()
            times.put([])
            raise
        start.wait()


def transactions(path: Path) -> int:
    """So far, of all processes, as the index of the WAL has it (sqlite.org/walformat.html)."""
    with open(f"{path}-shm", "rb") as index:
        return struct.unpack("=I", index.read(12)[8:])[0]


def steps(path: Path, durability: str, processes: int, agents: int, seconds: float) -> Steps:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(processes + 1)
    times: SimpleQueue[list[float]] = context.SimpleQueue()
    children = [
        context.Process(target=work, args=(path, durability, number, agents, seconds, start, times))
        for number in range(processes)
    ]
    for child in children:
        child.start()
    start.wait()  # all agents are made
    before = transactions(path)
    start.wait()
    began = time.perf_counter()
    taken = sorted(one for _ in children for one in times.get())
    wall = time.perf_counter() - began
    written = transactions(path) - before
    start.wait()
    for child in children:
        child.join()
    return Steps(
        durability, processes, agents,
        steps_a_second=round(len(taken) / wall, 1),
        median_ms=round(statistics.median(taken), 3),
        p99_ms=round(taken[len(taken) * 99 // 100], 3),
        commits_a_transaction=round(2 * len(taken) / written, 2),
    )  # fmt: skip


def print_lines(folder: Path, messages: list[int], rounds: int) -> list[dict[str, float]]:
    print(f"{'messages':>10}{'fork':>8}{'at':>8}{'undo':>8}{'redo':>8}{'open':>8}  bytes a message")
    rows = []
    for number in messages:
        path = folder / f"{number}.db"
        figures = [round(figure, 3) for figure in measure(path, number, rounds)]
        size = round(path.stat().st_size / (number + 3 * TURNS))
        cells = "".join(f"{figure:8.2f}" for figure in figures)
        print(f"{number:>10,}{cells}  {size:15}", flush=True)
        path.unlink()
        names = ("fork_ms", "at_ms", "undo_ms", "redo_ms", "open_ms")
        rows.append(
            {"messages": number, **dict(zip(names, figures, strict=True)), "bytes_a_message": size}
        )
    return rows


def print_steps(folder: Path, options: argparse.Namespace) -> list[dict[str, object]]:
    print("durability  processes  agents each  steps/s  ms, median      p99  commits/transaction")
    rows = []
    cells = itertools.product(options.processes, options.agents)
    for durability, (processes, agents) in itertools.product(("full", "process"), list(cells)):
        path = folder / f"{durability} {processes} {agents}.db"
        row = steps(path, durability, processes, agents, options.seconds)
        print(
            f"{durability:10}  {processes:9}  {agents:11}  {row.steps_a_second:7,.0f}"
            f"  {row.median_ms:10.2f}  {row.p99_ms:7.2f}  {row.commits_a_transaction:19.2f}",
            flush=True,
        )
        path.unlink()
        rows.append(asdict(row))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, nargs="*", default=[100, 10_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--agents", type=int, nargs="+", default=[1, 64], help="of each process")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--seconds", type=float, default=5, help="of each row of steps")
    parser.add_argument("--folder", type=Path, help="where the files are made (a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        lines = print_lines(folder, options.messages, options.rounds) if options.messages else []
        rows = print_steps(folder, options) if options.processes else []
    print(json.dumps({"lines": lines, "steps": rows}))


if __name__ == "__main__":
    main()
