"""What policies are compared with: chance."""

from __future__ import annotations

import memgpt
from memgpt.errors import ConfigError

__all__ = ["RandomEviction", "ranges"]

_MASK = (1 << 64) - 1


class RandomEviction(memgpt.MemoryPolicy):
    """Keeps messages by the throw of a die: a policy that is no better has learnt nothing.

    Pure like any policy: a message's throw depends on the seed and its position in the log.

    Args:
        seed: another seed throws another way.
        evict_at: the share of the limit above which it evicts.
        evict_to: the share that it leaves.

    Raises:
        ConfigError: unless 0 < evict_to < evict_at <= 1.
    """

    def __init__(self, seed: int = 0, evict_at: float = 0.90, evict_to: float = 0.50) -> None:
        if not 0 < evict_to < evict_at <= 1:
            raise ConfigError(f"0 < evict_to < evict_at <= 1 is needed, not {evict_to}, {evict_at}")
        self.seed, self.evict_at, self.evict_to = seed, evict_at, evict_to

    def fit(self, window: memgpt.PolicyWindow) -> memgpt.Fit:
        tokens = window.tokens.tolist()
        total = window.fixed_tokens + sum(tokens)
        # Thousandths, for decisions are made with integers alone.
        at, to = round(self.evict_at * 1000), round(self.evict_to * 1000)
        if total * 1000 <= at * window.limit_tokens and not window.forced:
            return memgpt.Fit([(0, len(window))])
        members: dict[int, list[int]] = {}
        for index, group in enumerate(window.groups):
            members.setdefault(group, []).append(index)
        needed = {window.groups[i] for i in (window.newest_user, window.newest_input) if i >= 0}
        positions = window.positions
        thrown = sorted(members, key=lambda group: _throw(self.seed, positions[members[group][0]]))
        room = to * window.limit_tokens // 1000 - window.fixed_tokens
        keep: list[int] = []
        for group in [*needed, *(group for group in thrown if group not in needed)]:
            cost = sum(tokens[index] for index in members[group])
            if cost <= room or group in needed:
                keep += members[group]
                room -= cost
        return memgpt.Fit(ranges(keep), summarize=False)


def _throw(seed: int, position: int) -> int:
    """64 bits from both, the same on every machine (splitmix64)."""
    bits = (seed * 0x9E3779B97F4A7C15 + (position + 1) * 0xD1B54A32D192ED03) & _MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    return bits ^ (bits >> 31)


def ranges(indices: list[int]) -> list[tuple[int, int]]:
    """Indices in any order as the ranges [begin, end) that a policy returns.

    >>> ranges([4, 0, 1])
    [(0, 2), (4, 5)]
    """
    found: list[tuple[int, int]] = []
    for index in sorted(set(indices)):
        if found and found[-1][1] == index:
            found[-1] = (found[-1][0], index + 1)
        else:
            found.append((index, index + 1))
    return found
