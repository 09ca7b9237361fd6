"""Replay: how many steps a second are made again from the journal and compared.

    python benchmarks/bench_replay.py [--steps 1000 100000] [--context-window 8192]

Makes runs of so many steps with a scripted model that speaks, edits a memory block and searches,
with evictions as they come, and replays each in a process of its own that opens the file anew. No
rival has replay.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import memgpt
from memgpt.testing import ScriptedLLM


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--context-window", type=int, default=8192)
    options = parser.parse_args()
    print("    steps   commits  evictions  file MB  |  steps/s   us/step  (CPU)  peak RSS MB")
    spawn = multiprocessing.get_context("spawn")
    for steps in sorted(options.steps):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench.db"
            evictions = make(path, steps, options.context_window)
            for suffix in ("-wal", "-shm"):
                assert not Path(f"{path}{suffix}").exists(), "the file was not closed"
            with spawn.Pool(1) as pool:
                pool.apply(measure, (path, evictions))


class Actor:
    """A script: mostly it speaks; every 5th call edits memory, every 9th one searches first."""

    def __init__(self) -> None:
        self.calls = 0
        self.note = ""  # the line about the last walk in the block human

    def __call__(self, context: memgpt.Context) -> dict[str, object]:
        self.calls += 1
        number = self.calls
        if number % 25 == 0:
            return call("archival_memory_insert", content=f"Walk {number} was a long one.")
        if number % 5 == 0:
            old, self.note = self.note, f"Walk {number}: {number * 7919 % 1000} steps."
            if not old:
                return call("core_memory_append", name="human", content=self.note)
            return call("core_memory_replace", name="human", old_content=old, new_content=self.note)
        if number % 9 == 0:
            return call("conversation_search", query=str(number // 2))
        return call("send_message", False, message=f"That is walk number {number}.")


def call(tool: str, heartbeat: bool = True, **args: str) -> dict[str, object]:
    """A script's item."""
    return {"tool": tool, "args": args, "heartbeat": heartbeat, "thinking": "About the walk."}


def make(path: Path, steps: int, context_window: int) -> int:
    """A run of at least so many model calls; how many of them evicted messages."""
    actor = Actor()
    evictions = 0
    with memgpt.open(path, durability="process") as home:
        agent = home.create_agent("bench", model=ScriptedLLM(actor), context_window=context_window)
        number = 0
        while actor.calls < steps:
            number += 1
            text = f"Today, day {number}, I walked {number * 7919 % 1000} steps by the river."
            response = agent.send(text)
            evictions += response.evicted > 0
            assert not any(message.failed for message in response.messages)
    return evictions


def measure(path: Path, evictions: int) -> None:
    """One row of the table."""
    with memgpt.open(path, durability="process") as home:
        agent = home.agent("bench")
        cpu, wall = time.process_time(), time.perf_counter()
        replay = agent.replay()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    assert replay.first_divergence is None, replay
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{replay.steps:9}  {replay.commits:8}  {evictions:9}  {path.stat().st_size / 1e6:7.1f}  |"
        f"  {replay.steps / wall:7.0f}  {wall / replay.steps * 1e6:8.0f}  {cpu / wall:5.2f}"
        f"  {peak:11.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
