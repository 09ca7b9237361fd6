"""Tools, embedders, archival stores and memory policies that misbehave."""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, overload

from memgpt._calls import settled
from memgpt._core import Fit, PolicyWindow
from memgpt.llm import Embedder, to_core_embedder
from memgpt.policy import MemoryPolicy
from memgpt.store import ArchivalStore, Row, Visible
from memgpt.testing._dice import Chaotic, Dice, Event, garbage, some_exception
from memgpt.tools import Tool, as_tool

__all__ = ["EMBEDDER_FAULTS", "POLICY_FAULTS", "STORE_FAULTS", "TOOL_FAULTS", "chaotic"]

TOOL_FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "raises": "raises an exception instead of running",
        "raises_after": "runs, then raises an exception: what it changed must be undone",
        "no_text": "runs, then returns what cannot be turned into text",
        "garbage": "runs, then returns control characters, lone surrogates and markup",
        "huge": "runs, then returns 200,000 characters",
        "reenters": "sends a message to the agent that called it, which is refused",
    }
)
EMBEDDER_FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "raises": "raises an exception",
        "not_finite": "NaN, infinity, or only zeros in a vector",
        "wrong_size": "vectors that are too short or too long",
        "wrong_count": "too few or too many vectors",
        "no_vectors": "something that is no list of vectors",
    }
)
STORE_FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "raises": "raises an exception",
        "raises_after": "does what it is told, then raises an exception",
        "no_ids": "a search gives something that is no list of ids",
        "wrong_ids": "a search gives ids that are not there, too often, or in another order",
        "finds_nothing": "a search gives no ids",
    }
)
POLICY_FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "raises": "raises an exception",
        "no_decision": "returns something that is no list of ranges",
        "wrong_ranges": "ranges that are empty, backwards or outside of the window",
        "keeps_nothing": "lets the newest user message go",
        "keeps_all": "keeps everything, also what does not fit",
        "splits": "keeps every other message: calls without their returns",
    }
)


Faults = Iterable[str] | Mapping[str, float] | None


@overload
def chaotic(
    part: Embedder, *, seed: int | str = 0, rate: float = 0.3, faults: Faults = None
) -> Embedder: ...
@overload
def chaotic(
    part: ArchivalStore, *, seed: int | str = 0, rate: float = 0.3, faults: Faults = None
) -> ArchivalStore: ...
@overload
def chaotic(
    part: MemoryPolicy, *, seed: int | str = 0, rate: float = 0.3, faults: Faults = None
) -> MemoryPolicy: ...
@overload
def chaotic(
    part: Tool | Callable[..., Any],
    *,
    seed: int | str = 0,
    rate: float = 0.3,
    faults: Faults = None,
) -> Tool: ...
def chaotic(part: Any, *, seed: int | str = 0, rate: float = 0.3, faults: Faults = None) -> Any:
    """A part that misbehaves, by a seed; else it does what the given one does.

    What it gives has a ``log``, one :class:`Event` a call, and a ``rate``, which may be set at any
    time: 0 makes it sound.

    Args:
        part: a tool (function, ``@memgpt.tool`` or Tool), an Embedder, an ArchivalStore, or a
            MemoryPolicy. A policy misbehaves by the number of the step, for it has to be a pure
            function.
        seed: the same seed gives the same run.
        rate: share of the calls that misbehave, 0 to 1.
        faults: names from ``TOOL_FAULTS``, ``EMBEDDER_FAULTS``, ``STORE_FAULTS`` or
            ``POLICY_FAULTS``; or how often each of them, as a dict of weights. All of them, alike,
            by default.

    Raises:
        ConfigError: for a fault that does not exist; says which there are.
        ToolError: for something that is none of these.
    """
    if isinstance(part, Embedder):
        return _ChaoticEmbedder(part, Dice(seed, rate, faults, EMBEDDER_FAULTS))
    if isinstance(part, ArchivalStore):
        return _ChaoticStore(part, Dice(seed, rate, faults, STORE_FAULTS))
    if isinstance(part, MemoryPolicy):
        return _ChaoticPolicy(part, Dice(seed, rate, faults, POLICY_FAULTS))
    return _ChaoticTool(as_tool(part), Dice(seed, rate, faults, TOOL_FAULTS))


class _ChaoticTool(Chaotic, Tool):
    """The same to the model: name, description and schema are those of the given tool."""

    def __init__(self, inner: Tool, dice: Dice) -> None:
        self.name = inner.name or type(inner).__name__
        self.description = inner.description
        self.effects = inner.effects
        self.__doc__ = inner.__doc__
        self._dice, self._log = dice, []
        wanted = inspect.signature(inner.run)
        wants_agent = "agent" in wanted.parameters

        @functools.wraps(inner.run)
        def run(*, agent: Any, **arguments: Any) -> Any:
            fault, rng = self._throw()
            if fault == "raises":
                raise some_exception(rng)
            if fault == "reenters":
                return agent.send("chaos").text
            result = settled(inner.run(**arguments, **({"agent": agent} if wants_agent else {})))
            if fault == "raises_after":
                raise some_exception(rng)
            return _RESULTS[fault](rng) if fault else result

        if not wants_agent:  # the kernel passes it to who names it
            own = inspect.Parameter("agent", inspect.Parameter.KEYWORD_ONLY)
            wanted = wanted.replace(parameters=[*wanted.parameters.values(), own])
        run.__signature__ = wanted  # type: ignore[attr-defined]
        self.run = run


_RESULTS: Mapping[str, Callable[[random.Random], Any]] = MappingProxyType(
    {
        "no_text": lambda rng: rng.choice([object(), b"\xff\0", {1, 2}, {("a", 1): 2}, 1j]),
        "garbage": garbage,
        "huge": lambda rng: "geese \u6f22 " * 25_000,
    }
)


class _ChaoticEmbedder(Chaotic, Embedder):
    """Its vectors are those of the given embedder, and so is its name."""

    def __init__(self, inner: Embedder, dice: Dice) -> None:
        core = to_core_embedder(inner)
        assert core is not None
        self._core = core
        self._dice, self._log = dice, []
        self.name, self.dimension = core.name, core.dimension

    def embed(self, texts: list[str]) -> Any:
        fault, rng = self._throw()
        if fault == "raises":
            raise some_exception(rng)
        flat = self._core.embed(texts)
        size = self.dimension
        rows: list[Any] = [flat[i * size : (i + 1) * size] for i in range(len(texts))]
        if fault == "not_finite":
            value = rng.choice([float("nan"), float("inf"), -float("inf"), 1e300, 0.0])
            return [[value] * size for _ in rows]
        if fault == "wrong_size":
            return [rng.choice([row[1:], [*row, 1.0], []]) for row in rows]
        if fault == "wrong_count":
            return rng.choice([rows[1:], rows + rows[:1], []])
        if fault == "no_vectors":
            return rng.choice([None, 7, "vectors", [["x"] * size], [None], {"data": rows}])
        return rows


class _ChaoticStore(Chaotic, ArchivalStore):
    """Keeps what the given store keeps, under its name."""

    def __init__(self, inner: ArchivalStore, dice: Dice) -> None:
        self._inner, self._dice, self._log = inner, dice, []
        self.name = inner.name or type(inner).__name__
        self.timeout_s = inner.timeout_s

    def insert(self, archive: str, rows: Sequence[Row]) -> None:
        self._call(("raises", "raises_after"), lambda: self._inner.insert(archive, rows))

    def delete(self, archive: str, ids: Sequence[int]) -> None:
        self._call(("raises", "raises_after"), lambda: self._inner.delete(archive, ids))

    def search(self, archive: str, vector: memoryview[float], limit: int, visible: Visible) -> Any:
        return self._call(STORE_FAULTS, lambda: self._inner.search(archive, vector, limit, visible))

    def close(self) -> None:
        settled(self._inner.close())

    def _call(self, among: Iterable[str], function: Callable[[], Any]) -> Any:
        fault, rng = self._throw(among)
        if fault == "raises":
            raise some_exception(rng)
        found = settled(function())
        if fault == "raises_after":
            raise some_exception(rng)
        return _ANSWERS[fault](rng, list(found)) if fault else found


def _wrong_ids(rng: random.Random, found: list[int]) -> list[int]:
    others = [-1, 0, 2**62, 2**70, *(rng.randrange(1000) for _ in range(20))]
    wrong = found * 2 + others
    rng.shuffle(wrong)
    return wrong


_ANSWERS: Mapping[str, Callable[[random.Random, list[int]], Any]] = MappingProxyType(
    {
        "no_ids": lambda rng, found: rng.choice(
            [None, 7, "ids", b"\x01", [0.5], [None], [[1]], object(), [float("nan")]]
        ),
        "wrong_ids": _wrong_ids,
        "finds_nothing": lambda rng, found: [],
    }
)


class _ChaoticPolicy(Chaotic, MemoryPolicy):
    """Decides as the given policy, but for some steps."""

    def __init__(self, inner: MemoryPolicy, dice: Dice) -> None:
        self._inner, self._dice, self._log = inner, dice, []

    @property
    def parameters(self) -> dict[str, Any]:
        dice = self._dice
        chaos = {"seed": dice.seed, "rate": dice.rate, "faults": dice.weights}
        return {**chaos, "inner": self._inner.name, "inner_parameters": self._inner.parameters}

    def evicts_above(self, limit_tokens: int) -> int:
        return self._inner.evicts_above(limit_tokens)

    def fit(self, window: PolicyWindow) -> Any:
        fault, rng = self._dice.throw(window.step)
        self._log.append(Event(len(self._log) + 1, fault, f"step {window.step}"))
        if fault == "raises":
            raise some_exception(rng)
        return _DECISIONS[fault](rng, len(window)) if fault else self._inner.fit(window)


def _wrong_ranges(rng: random.Random, size: int) -> Any:
    wrong = [[(0, 0)], [(size, 0)], [(0, size + 1)], [(-1, size)], [(0, size), (0, size)]]
    return rng.choice([*wrong, [(0, 10**30)], Fit([(2**62, 2**63 - 1)])])


_DECISIONS: Mapping[str, Callable[[random.Random, int], Any]] = MappingProxyType(
    {
        "no_decision": lambda rng, size: rng.choice(
            [None, 7, "keep", [1, 2], [("a", "b")], {}, [None], [(0, 1, 2)], object()]
        ),
        "wrong_ranges": _wrong_ranges,
        "keeps_nothing": lambda rng, size: [],
        "keeps_all": lambda rng, size: [(0, size)] if size else [],
        "splits": lambda rng, size: [(i, i + 1) for i in range(0, size, 2)],
    }
)
