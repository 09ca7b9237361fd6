"""What a policy still shows of a conversation when it is over."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import memgpt
from memgpt import _core
from memgpt.lab.conversations import Conversation
from memgpt.policy import to_core_policy

__all__ = ["Script", "shown_by"]

_TURN_OVERHEAD = 4  # what a wire format adds to a message, roughly
_SUMMARY_PART = 10  # a summary may take a tenth of the window, as in the kernel
_ROLES = {"user": 0, "assistant": 1, "tool": 2, "system": 3}
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Script:
    """A conversation in the integers that a policy sees, a list entry for each turn."""

    tokens: list[int]
    roles: list[int]
    times: list[int]
    scores: list[int]

    @classmethod
    def of(cls, conversation: Conversation, counter: memgpt.TokenCounter) -> Script:
        turns = conversation.turns
        texts = [turn.text for turn in turns]
        return cls(
            [count + _TURN_OVERHEAD for count in counter.count_many(texts)],
            [_ROLES[turn.role] for turn in turns],
            [(turn.time - turns[0].time) // _MICROSECOND for turn in turns],
            memgpt.importance(texts),
        )


def shown_by(policy: memgpt.MemoryPolicy, script: Script, budget: int) -> list[int]:
    """Indices of the turns that are in the window after the last one.

    The turns come in one after the other; the policy decides after each. From the first eviction
    that it wants a summary of, a tenth of the budget is the summary's.

    Raises:
        PolicyError: for a decision that cannot be used, or a turn larger than the budget.
    """
    core = to_core_policy(policy)
    kept: list[int] = []
    fixed, warned = 0, False
    for index in range(len(script.tokens)):
        kept.append(index)
        window = _window(script, kept, budget, fixed, warned)
        keep, fit = _decision(core, window)
        if len(keep) < len(kept) and fit.summarize and not fixed:
            fixed = budget // _SUMMARY_PART
            keep, fit = _decision(core, _window(script, kept, budget, fixed, warned))
        warned = fit.warn or (warned and len(keep) == len(kept))
        kept = [kept[place] for place in keep]
    return kept


def _decision(
    policy: _core.CorePolicy, window: memgpt.PolicyWindow
) -> tuple[list[int], memgpt.Fit]:
    """The indices that a policy keeps, and its decision; called and checked as the loop does it."""
    fit = policy.fit(window)
    _core.check_fit(window, fit, f"{policy.name} (after turn {window.positions[-1]})")
    return [index for begin, end in fit.keep for index in range(begin, end)], fit


def _window(
    script: Script, kept: list[int], budget: int, fixed: int, warned: bool
) -> memgpt.PolicyWindow:
    now = script.times[kept[-1]]
    roles = [script.roles[i] for i in kept]
    newest = max((place for place, role in enumerate(roles) if role == 0), default=-1)
    count = len(kept)
    return memgpt.PolicyWindow(
        tokens=[script.tokens[i] for i in kept],
        roles=roles,
        ages=[now - script.times[i] for i in kept],
        pins=[0] * count,
        scores=[script.scores[i] for i in kept],
        groups=list(range(count)),
        positions=kept,
        fixed_tokens=fixed,
        limit_tokens=budget,
        warned=warned,
        newest_user=newest,
        newest_input=newest,
    )
