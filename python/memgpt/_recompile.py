"""What a model would have seen under another policy, or in another window."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from memgpt._calls import CoreHandle
from memgpt._core import Context, CoreAgent, RecompiledStep, StepFigures
from memgpt._report import Report
from memgpt._text import checked_number, checked_step
from memgpt.errors import ConfigError
from memgpt.policy import MemoryPolicy, from_core_policy, to_core_policy

__all__ = ["Recompilation", "Totals"]

_FIELDS = ("tokens", "text_tokens", "limit", "evicted", "warned", "prefix_tokens", "prefix_share",
           "prefix_broken")  # fmt: skip


@dataclass(frozen=True)
class Totals:
    """What the contexts of a history come to.

    Attributes:
        tokens: of all contexts that were sent.
        largest: of the largest one.
        evictions: calls before which messages left the window.
        evicted: messages that left it.
        warnings: calls at which the agent was warned of memory pressure.
        prefix_share: share of the text tokens that stood in the request before, of the calls for
            which that is known; None where it is of none.
    """

    tokens: int
    largest: int
    evictions: int
    evicted: int
    warnings: int
    prefix_share: float | None


def _totals(figures: Iterable[StepFigures]) -> Totals:
    all_figures = list(figures)
    known = [f for f in all_figures if f.prefix_tokens >= 0]
    sent = sum(f.text_tokens for f in known)
    return Totals(
        tokens=sum(f.tokens for f in all_figures),
        largest=max((f.tokens for f in all_figures), default=0),
        evictions=sum(f.evicted > 0 for f in all_figures),
        evicted=sum(f.evicted for f in all_figures),
        warnings=sum(f.warned for f in all_figures),
        prefix_share=sum(f.prefix_tokens for f in known) / sent if sent else None,
    )


def _copied(policy: Any) -> Any:
    """A policy of one's own as it is now: what becomes of the object later changes nothing here,
    and it does not notice that it was asked."""
    try:
        return copy.deepcopy(policy)
    except Exception:  # it cannot be copied
        return policy


def _row(step: RecompiledStep) -> dict[str, Any]:
    row: dict[str, Any] = {"seq": step.seq}
    for name, figures in (("recorded", step.recorded), ("recompiled", step.recompiled)):
        for field in _FIELDS:
            row[f"{name}_{field}"] = getattr(figures, field)
    return row | {
        "kept": step.kept,
        "lost": step.lost,
        "added": step.added,
        "lost_messages": step.lost_messages,
        "digest": step.digest,
    }


class Recompilation(CoreHandle, Report):
    """What the model would have seen at each step of a history; ``print`` it, or look at it.

    Replies, results and edits are those on record, for no model is asked; mechanical digests stand
    in for summaries. What a tool returned is cut anew for the window.

    Attributes:
        policy: the policy, or None: those on record.
        context_window: the window, or None: those on record.
        steps: a :class:`RecompiledStep` for each model call, with the figures ``recorded`` and
            ``recompiled``, the spans ``kept``, ``lost`` and ``added``, and ``lost_messages``.
        recorded, recompiled: their :class:`Totals`.
        stopped_at: the commit that would not have been made, for something does not fit: a message
            that an agent of these rules refuses, a window that is full; None where all fit. The
            steps end before it.
        stopped: why; empty where all fit.
        unchecked: what of the record could not be compared, and why; one line each.
    """

    _view = "recompilation"

    def __init__(
        self,
        core: CoreAgent,
        policy: MemoryPolicy | type[MemoryPolicy] | None,
        context_window: int | None,
    ) -> None:
        super().__init__(core)
        self._policy = None if policy is None else to_core_policy(_copied(policy))
        self.policy = from_core_policy(self._policy)
        self.context_window: int | None = None
        if context_window is not None:
            self.context_window = checked_number(context_window, "context_window", ConfigError)
            if self.context_window < 1:
                raise ConfigError("context_window must be at least 1 token")
        made = self._core.recompile(self._policy, self.context_window or 0)
        self.steps: list[RecompiledStep] = made.steps
        self.stopped_at: int | None = made.stopped_at or None
        self.stopped: str = made.stopped
        self.unchecked: list[str] = made.unchecked
        self.recorded = _totals(step.recorded for step in self.steps)
        self.recompiled = _totals(step.recompiled for step in self.steps)

    def context(self, step: int) -> Context:
        """The context of one step, as it would have been: made again, with all before it.

        ``agent.context(step=step)`` is what was sent; ``.diff(other)`` compares the two.

        Args:
            step: the ``.seq`` of one of ``steps``.

        Raises:
            NotFound: the history has no such commit.
            InvalidInput: that commit called no model, or its call would not have been made.
        """
        seq = checked_step(step)
        return self._core.recompiled_context(self._policy, self.context_window or 0, seq)

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dict for each model call."""
        return [_row(step) for step in self.steps]

    def to_dict(self) -> dict[str, Any]:
        """The steps, their totals, and what they were made with."""
        policy = self.policy
        return {
            "policy": None if policy is None else policy.name,
            "parameters": None if policy is None else policy.parameters,
            "context_window": self.context_window,
            "summaries": "mechanical digests",
            "recorded": asdict(self.recorded),
            "recompiled": asdict(self.recompiled),
            "stopped_at": self.stopped_at,
            "stopped": self.stopped,
            "unchecked": self.unchecked,
            "rows": self.to_dicts(),
        }
