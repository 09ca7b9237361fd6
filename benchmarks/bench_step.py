"""Cost of a step: ScriptedLLM, default prompt, ChatMemory and the seven tools.

    python benchmarks/bench_step.py [--messages 10 100000] [--steps 1000]

For each length of history, prints the time of one send() of one step (the input's commit and the
step's), for both durabilities: CPU of the whole process, user and system, mean and median (the mean
has what comes now and then: evictions, SQLite's checkpoints), and wall time. With "full", CPU has
what fsync costs in CPU.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import memgpt
from memgpt.testing import ScriptedLLM

SENT = 1200  # messages

PUBLISHED = (
    "beside it, as published (not run here): pymemgpt 0.3.25 CPU 26-40 ms, at 1,000 messages 68 ms;"
    " Letta server 0.16.8 (archived) CPU 500 ms, at 1,000 messages 1,924 ms"
)


def answer(context: memgpt.Context) -> dict[str, object]:
    """A model that answers at once."""
    return {
        "tool": "send_message",
        "args": {"message": "That sounds like a good plan, tell me how it went."},
        "thinking": "They tell me about their day.",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, nargs="+", default=[10, 100_000])
    parser.add_argument("--steps", type=int, default=1000, help="measured at each length")
    options = parser.parse_args()
    print(
        "durability  history  CPU ms/step: mean  median  system part  wall ms/step (median)"
        "  context tokens"
    )
    for durability in ("process", "full"):
        for length in sorted(options.messages):
            with tempfile.TemporaryDirectory() as folder:
                measure(Path(folder) / "bench.db", durability, length, options.steps)
    print(PUBLISHED)


def measure(path: Path, durability: str, length: int, steps: int) -> None:
    """Fill an agent with `length` messages, then time single steps on fresh texts."""
    home = memgpt.open(path, durability=durability)
    agent = home.create_agent("bench", model=ScriptedLLM(answer))
    number = 0

    def text() -> str:
        nonlocal number
        number += 1
        return f"Today, day {number}, I walked {number * 7919 % 1000} steps along the river."

    # A long history is mostly imported; the window is as full as it gets by sending.
    if length > SENT:
        agent.recall.import_transcript(
            [{"text": text(), "time": "2024-05-08"} for _ in range(length - SENT)]
        )
    while len(agent.recall) < length:
        agent.send(text())
    wall, cpu = [], []
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(steps):
        message = text()
        started, burnt = time.perf_counter(), time.process_time()
        agent.send(message)
        cpu.append((time.process_time() - burnt) * 1e3)
        wall.append((time.perf_counter() - started) * 1e3)
    after = resource.getrusage(resource.RUSAGE_SELF)
    system = (after.ru_stime - before.ru_stime) / steps * 1e3
    print(
        f"{durability:10}  {length:7}  {statistics.mean(cpu):17.3f}  {statistics.median(cpu):6.3f}"
        f"  {system:11.3f}  {statistics.median(wall):21.3f}  {agent.context().tokens:14}"
    )
    home.close()


if __name__ == "__main__":
    main()
