"""What goes wrong, and when: by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from memgpt.errors import ConfigError

__all__ = ["ChaosError", "Chaotic", "Dice", "Event", "Unprintable", "garbage", "some_exception"]

_CHARACTERS = 'aZ09 "\\{}[]<>/\n\t\0\x01\x1b\x7f\x85\ud800\udfff\u2028\u202e\ufeff\ufffeäß漢字🦢'


class ChaosError(Exception):
    """Raised by what misbehaves; nothing of memgpt's own."""


class Unprintable(ChaosError):
    """Its text cannot be read."""

    def __str__(self) -> str:
        raise ChaosError("this exception has no text")


@dataclass(frozen=True)
class Event:
    """What one call came to.

    Attributes:
        call: its number, from 1.
        fault: the name of what went wrong; empty where nothing did.
        detail: how it went wrong.
    """

    call: int
    fault: str = ""
    detail: str = ""


class Chaotic:
    """What misbehaves.

    Attributes:
        log: what it did: one :class:`Event` a call.
        rate: share of its calls that misbehave; may be set at any time: 0 makes it sound.
    """

    _dice: Dice
    _log: list[Event]

    @property
    def log(self) -> list[Event]:
        return self._log

    @property
    def rate(self) -> float:
        return self._dice.rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._dice.rate = _checked_rate(rate)

    def _throw(self, among: Iterable[str] | None = None) -> tuple[str, random.Random]:
        """The fault of the next call, which is logged."""
        fault, rng = self._dice.throw(len(self._log) + 1, among)
        self._log.append(Event(len(self._log) + 1, fault))
        return fault, rng


def _checked_rate(rate: float) -> float:
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ConfigError(f"rate is a share of the calls, from 0 to 1, not {rate!r}")
    return rate


class Dice:
    """Chooses the fault of each call, by its number alone."""

    def __init__(
        self,
        seed: int | str,
        rate: float,
        faults: Iterable[str] | Mapping[str, float] | None,
        known: Mapping[str, str],
    ) -> None:
        if isinstance(faults, str):
            faults = [faults]
        weights: dict[str, float]
        if isinstance(faults, Mapping):
            weights = dict(faults)
        else:
            weights = dict.fromkeys(known if faults is None else faults, 1.0)
        if unknown := [name for name in weights if name not in known]:
            raise ConfigError(f"there is no fault {unknown[0]!r}; faults are: {', '.join(known)}")
        if not all(weight > 0 for weight in weights.values()):
            raise ConfigError("the weight of a fault must be more than 0")
        self.seed = seed
        self.rate = _checked_rate(rate)
        self.weights = weights

    def throw(self, number: int, among: Iterable[str] | None = None) -> tuple[str, random.Random]:
        """The fault of a call, or "", and random numbers for what it does."""
        rng = random.Random(f"{self.seed}:{number}")
        names = [name for name in self.weights if among is None or name in among]
        if rng.random() >= self.rate or not names:
            return "", rng
        return rng.choices(names, [self.weights[name] for name in names])[0], rng


def garbage(rng: random.Random, most: int = 200) -> str:
    """Characters that text seldom has: quotes, control characters, lone surrogates, ..."""
    return "".join(rng.choices(_CHARACTERS, k=rng.randint(1, most)))


def _exceptions() -> Iterator[Exception]:
    yield ChaosError("chaos")
    yield RuntimeError("")
    yield OSError(5, "chaos")
    yield KeyError("chaos")
    yield MemoryError()
    yield RecursionError("chaos")
    yield ValueError("a lone surrogate \ud800 and a NUL \0")
    yield UnicodeDecodeError("utf-8", b"\xff", 0, 1, "chaos")
    yield Unprintable()


def some_exception(rng: random.Random) -> Exception:
    """One of many kinds, some without a text that can be read or stored."""
    return rng.choice(list(_exceptions()))
