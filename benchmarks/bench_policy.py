"""What a memory policy costs a step: the core's own, and one in Python through the real crossing.

    python benchmarks/bench_policy.py [--messages 100 1000] [--rounds 2000]

The kernel times calls of a policy as its loop makes them, without the GIL held. Of a policy in
Python the same calls from Python are timed too: that is its own code; the rest is the crossing.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

import memgpt
from memgpt import _core
from memgpt.policy import to_core_policy

REPEATS = 9
EXPECTED_US = 10


class KeepsAll(memgpt.MemoryPolicy):
    """Does nothing itself."""

    def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
        return [(0, len(window))]


class Adds(memgpt.MemoryPolicy):
    """Reads an array."""

    def fit(self, window: memgpt.PolicyWindow) -> memgpt.Fit:
        total = window.fixed_tokens + sum(window.tokens)
        return memgpt.Fit([(0, len(window))], warn=total > window.limit_tokens)


class Alternates(memgpt.MemoryPolicy):
    """Keeps every other message: the longest answer that there can be."""

    def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
        return [(index, index + 1) for index in range(1, len(window), 2)]


def window_of(messages: int, full: float) -> memgpt.PolicyWindow:
    """A window that is so full, of messages of made-up sizes and scores."""
    rng = random.Random(messages)
    tokens = [rng.randrange(5, 60) for _ in range(messages)]
    return memgpt.PolicyWindow(
        tokens=tokens,
        roles=[n % 2 for n in range(messages)],
        ages=[(messages - n) * 30_000_000 for n in range(messages)],
        scores=[rng.randrange(1500) for _ in range(messages)],
        limit_tokens=int(sum(tokens) / full),
        newest_user=messages - 1,
        newest_input=messages - 1,
    )


def kernel_us(policy: memgpt.MemoryPolicy, window: memgpt.PolicyWindow, rounds: int) -> float:
    """Microseconds a call from the kernel."""
    core = to_core_policy(policy)
    return statistics.median(_core.time_fit(core, window, rounds) for _ in range(REPEATS)) / 1e3


def own_us(policy: memgpt.MemoryPolicy, window: memgpt.PolicyWindow, rounds: int) -> float:
    """Microseconds of a policy's own code: a call from Python."""
    fit, times = policy.fit, []
    for _ in range(REPEATS):
        started = time.perf_counter()
        for _ in range(rounds):
            fit(window)
        times.append((time.perf_counter() - started) / rounds * 1e6)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--rounds", type=int, default=2000)
    options = parser.parse_args()
    print("policy            decides    messages  us a step  of it own code  crossing")
    for messages in options.messages:
        for full, decides in ((0.80, "keep all"), (0.95, "evict")):
            window = window_of(messages, full)
            for built_in in (
                memgpt.RecursiveSummary(),
                memgpt.SlidingWindow(),
                memgpt.Importance(),
            ):
                cost = kernel_us(built_in, window, options.rounds)
                print(f"{type(built_in).__name__:16}  {decides:9}  {messages:8}  {cost:9.2f}")
        window = window_of(messages, 0.80)
        for policy in (KeepsAll(), Adds(), Alternates()):
            cost = kernel_us(policy, window, options.rounds)
            own = own_us(policy, window, options.rounds)
            name = type(policy).__name__
            print(f"{name:16}  {'in Python':9}  {messages:8}  {cost:9.2f}  {own:14.2f}"
                  f"  {cost - own:8.2f}")  # fmt: skip
    print(f"expected: a crossing under {EXPECTED_US} us a step")


if __name__ == "__main__":
    main()
