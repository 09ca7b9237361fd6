"""Memory policies: what stays in the window when it fills. Subclass one to bring your own.

A policy sees integers only and is a pure function of them: no clock, no random numbers, no text.
That is why it can be replayed, compared on a recorded conversation, and called in microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from memgpt import _core
from memgpt._core import Fit, PolicyWindow
from memgpt.errors import ConfigError

__all__ = [
    "Fit",
    "Importance",
    "MemoryPolicy",
    "NoEviction",
    "PolicyWindow",
    "RecursiveSummary",
    "SlidingWindow",
    "importance",
]


class MemoryPolicy:
    """Decides what stays in the window. Subclass it and define :meth:`fit`.

    Public attributes of an instance are its parameters: the journal keeps them with its name, so
    they are numbers, texts, bools, None, or lists and dicts of these. Setting one on a bound policy
    is a journalled step of the next ``send()``.
    """

    def fit(self, window: PolicyWindow) -> Fit | Sequence[tuple[int, int]]:
        """Decide what to keep. Called before every model call, with integers only.

        Args:
            window: the messages of the window, oldest first, one entry in each array; never none.
                ``newest_user`` is -1 where the window has no user message.

        Returns:
            Ranges ``(begin, end)`` of indices to keep, in order, or a :class:`Fit`, which can also
            warn the agent, do without a summary, or word the summary's prompt. The newest user
            message and the input of the turn are kept, a call and its returns stay or go together,
            and all that is kept fits ``window.limit_tokens``; anything else is a
            :class:`PolicyError`. What you raise comes out of ``send()`` as it is.
        """
        raise ConfigError(f"{type(self).__name__} defines no fit(self, window)")

    def evicts_above(self, limit_tokens: int) -> int:
        """The total above which the policy evicts, of a window's limit.

        The kernel makes sure that what a turn fetches stays below it, so that no search result
        pushes the one before it out.
        """
        return limit_tokens

    @property
    def name(self) -> str:
        """How the journal knows it."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @property
    def parameters(self) -> dict[str, Any]:
        """What the journal keeps beside the name."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self.parameters.items())
        return f"{type(self).__name__}({given})"


class _BuiltIn(MemoryPolicy):
    """A policy of the kernel's own, in C++. Its parameters can be read, and do not change."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            shares = json.loads(self._policy.parameters)
            if name in shares:
                return shares[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self)
        if not name.startswith("_") and (
            kind in _BUILT_IN or name in json.loads(self._policy.parameters)
        ):
            raise ConfigError(
                f"a {kind.__name__} does not change: give the agent another one, "
                f"agent.policy = memgpt.{kind.__name__}(...)"
            )
        super().__setattr__(name, value)

    def _make(self, name: str, shares: dict[str, Any]) -> None:
        for key, value in shares.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError(f"{name}: {key} must be a number (a share of the window)")
            if not abs(value) <= 1:  # nan, too
                raise ConfigError(f"{name}: {key} is a share of the window, from 0 to 1")
        self._policy = _core.builtin_policy(name, json.dumps(shares))

    def fit(self, window: PolicyWindow) -> Fit:
        return self._policy.fit(window)

    def evicts_above(self, limit_tokens: int) -> int:
        return self._policy.evicts_above(limit_tokens)

    @property
    def name(self) -> str:
        return self._policy.name if type(self) in _BUILT_IN else super().name

    @property
    def parameters(self) -> dict[str, Any]:
        return {**json.loads(self._policy.parameters), **super().parameters}


class RecursiveSummary(_BuiltIn):
    """MemGPT's policy: warn, then evict the oldest messages into a recursive summary.

    Source: Packer et al., "MemGPT: Towards LLMs as Operating Systems", 2023.

    Args:
        warn_at: share of the window (less the reply reserve) at which the agent is warned.
        evict_at: share above which messages are evicted.
        evict_to: share that is left.

    Raises:
        ConfigError: unless 0 < evict_to < evict_at <= 1 and 0 < warn_at <= 1.
    """

    def __init__(
        self, warn_at: float = 0.75, evict_at: float = 0.90, evict_to: float = 0.50
    ) -> None:
        shares = {"warn_at": warn_at, "evict_at": evict_at, "evict_to": evict_to}
        self._make("RecursiveSummary", shares)


class SlidingWindow(_BuiltIn):
    """The oldest messages go, without a summary; recall memory has them.

    Args:
        evict_at: share of the window (less the reply reserve) above which messages are evicted.
        evict_to: share that is left.

    Raises:
        ConfigError: unless 0 < evict_to < evict_at <= 1.
    """

    def __init__(self, evict_at: float = 0.90, evict_to: float = 0.50) -> None:
        self._make("SlidingWindow", {"evict_at": evict_at, "evict_to": evict_to})


class Importance(_BuiltIn):
    """What scores low goes first, whatever its age, into a recursive summary. See
    :func:`importance`. Pinned messages stay.

    Args:
        evict_at: share of the window (less the reply reserve) above which messages are evicted.
        evict_to: share that is left.
        recent: share for the newest messages, which stay whatever they score.

    Raises:
        ConfigError: unless 0 < evict_to < evict_at <= 1 and 0 <= recent < evict_to.
    """

    def __init__(
        self, evict_at: float = 0.90, evict_to: float = 0.50, recent: float = 0.10
    ) -> None:
        shares = {"evict_at": evict_at, "evict_to": evict_to, "recent": recent}
        self._make("Importance", shares)


class NoEviction(_BuiltIn):
    """Nothing goes: a message that does not fit is refused with :class:`WindowFull`, and is not in
    the log."""

    def __init__(self) -> None:
        self._make("NoEviction", {})


_BUILT_IN = {RecursiveSummary, SlidingWindow, Importance, NoEviction}


def importance(texts: Sequence[str]) -> list[int]:
    """How much messages are worth keeping, by their texts alone: content words, names and numbers
    per word. A name or a number counts four times, a text with a time word twice, a question half.

    Returns:
        One integer a text, from 0; some hundreds for most. ``PolicyWindow.scores`` has the same.
    """
    return [_core.importance(text) for text in texts]


def from_core_policy(policy: _core.CorePolicy | None) -> MemoryPolicy | None:
    """The policy that the core calls, as it was given; None where none is bound."""
    if policy is None:
        return None
    if isinstance(policy, _core.PythonPolicy):
        return policy.callable.__self__
    kind = next(kind for kind in _BUILT_IN if kind.__name__ == policy.name)
    return kind(**json.loads(policy.parameters))


def to_core_policy(policy: Any) -> _core.CorePolicy:
    """The core's view of ``policy=``: a MemoryPolicy or its class.

    Raises:
        ConfigError: for something that is no policy, or whose parameters are no JSON.
    """
    if isinstance(policy, type) and issubclass(policy, MemoryPolicy):
        policy = policy()
    if not isinstance(policy, MemoryPolicy):
        raise ConfigError(
            "policy must be a memgpt.MemoryPolicy, such as memgpt.RecursiveSummary(), not "
            f"{policy!r}"
        )
    if type(policy) in _BUILT_IN:
        return policy._policy  # type: ignore[attr-defined]
    kind = type(policy)
    try:
        parameters = json.dumps(policy.parameters, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"public attributes of {kind.__name__} are its parameters, and the journal keeps them: "
            f"{error}. Begin the names of others with an underscore"
        ) from error
    own_line = kind.evicts_above is not MemoryPolicy.evicts_above
    return _core.PythonPolicy(
        policy.name, parameters, policy.fit, policy.evicts_above if own_line else None
    )


def renewed_policy(policy: _core.CorePolicy | None) -> _core.CorePolicy | None:
    """A policy of one's own whose parameters were set since it was bound, as it is now; or None.

    Raises:
        ConfigError: where the parameters are no JSON any more.
    """
    if not isinstance(policy, _core.PythonPolicy):
        return None
    now = to_core_policy(policy.callable.__self__)
    return None if now.parameters == policy.parameters else now
