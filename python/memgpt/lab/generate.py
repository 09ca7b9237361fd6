"""Conversations of our own, made up by a seed: planted facts, changes, contradictions, chatter."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass

from memgpt.errors import ConfigError
from memgpt.lab.conversations import Conversation, Question, Turn
from memgpt.lab.phrases import ANSWERS, CHATTER, EVENTS, NAMES, PREFIXES, SUBJECTS, Subject

__all__ = ["generate", "generate_many"]

_FIRST_DAY = dt.datetime(2024, 1, 8, 18, tzinfo=dt.timezone.utc)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SESSION = 30  # turns


@dataclass(frozen=True)
class _Plant:
    """Something that is told at least once, and asked about at the end."""

    texts: tuple[str, ...]
    question: str
    kind: str
    subject: Subject | None = None
    name: str = ""


def generate(
    seed: int = 0, *, turns: int = 300, facts: int = 24, changed: float = 0.35
) -> Conversation:
    """A conversation of a user with an assistant over some weeks; the same for the same arguments.

    The user tells facts about people and about themselves in the midst of chatter that has names,
    dates and numbers, too. Some facts change later: the user says so ("update") or says something
    else as if it had always been so ("contradiction"). At the end each is asked about once,
    and some people are compared. What was said last counts: it is the evidence, and what it
    replaces is superseded.

    Args:
        seed: names the conversation; another seed is another conversation.
        turns: things said, by both; every other one is the assistant's.
        facts: how many are told, and asked about.
        changed: the share of the facts that can change that do.

    Raises:
        ConfigError: where the numbers do not fit each other; says why.
    """
    if not 0 <= changed <= 1:
        raise ConfigError(f"changed is a share from 0 to 1, not {changed}")
    rng = random.Random(seed)
    plants = _plants(rng, facts, changed)
    told = sum(len(plant.texts) for plant in plants)
    if told * 2 > turns:
        raise ConfigError(f"{told} things to tell need {told * 2} turns; there are {turns}")
    # Places among the user's turns; a plant's own are in order.
    places = rng.sample(range((turns + 1) // 2), told)
    said: dict[int, str] = {}
    evidence: list[list[int]] = []
    for plant in plants:
        own = sorted(places.pop() for _ in plant.texts)
        said.update(zip(own, plant.texts, strict=True))
        evidence.append(own)
    conversation = Conversation(f"seed-{seed}", list(_turns(rng, turns, said)))
    ids = [turn.id for turn in conversation.turns[::2]]
    planted = [
        (plant, [ids[place] for place in own]) for plant, own in zip(plants, evidence, strict=True)
    ]
    conversation.questions = [
        Question(number, plant.question, 0, (own[-1],), plant.kind, tuple(own[:-1]))
        for number, (plant, own) in enumerate(planted)
    ]
    conversation.questions += _comparisons(planted)
    return conversation


def generate_many(count: int, first_seed: int = 0, **options: int | float) -> list[Conversation]:
    """Conversations of consecutive seeds; the options are those of :func:`generate`."""
    return [generate(first_seed + number, **options) for number in range(count)]  # type: ignore[arg-type]


def _comparisons(planted: list[tuple[_Plant, list[str]]]) -> list[Question]:
    """Questions that need what was said of two people: one for each subject with two."""
    found: list[Question] = []
    for subject in SUBJECTS.values():
        same = [(plant, own) for plant, own in planted if plant.subject is subject]
        if not subject.compared or len(same) < 2:
            continue
        (one, one_ids), (other, other_ids) = same[:2]
        text = subject.compared.format(name=one.name, other=other.name)
        evidence = (one_ids[-1], other_ids[-1])
        old = (*one_ids[:-1], *other_ids[:-1])
        found.append(Question(len(planted) + len(found), text, 0, evidence, "comparison", old))
    return found


def _plants(rng: random.Random, facts: int, changed: float) -> list[_Plant]:
    topics: list[tuple[Subject | None, str, tuple[str, str]]] = []
    for subject in SUBJECTS.values():
        names = rng.sample(NAMES, 6) if subject.compared else [""]
        topics += [(subject, name, ("", "")) for name in names]
    names = rng.sample(NAMES, len(EVENTS))
    topics += [(None, name, event) for name, event in zip(names, EVENTS, strict=True)]
    if not 1 <= facts <= len(topics):
        raise ConfigError(f"facts is from 1 to {len(topics)}, not {facts}")
    plants: list[_Plant] = []
    for subject, name, event in rng.sample(topics, facts):
        if subject is None:
            told, asked = (_filled(rng, text, name, str(rng.randrange(50, 900))) for text in event)
            plants.append(_Plant((rng.choice(PREFIXES) + told,), asked, "event"))
        else:
            plants.append(_fact(rng, subject, name, changed))
    return plants


def _fact(rng: random.Random, subject: Subject, name: str, changed: float) -> _Plant:
    values = iter(rng.sample(subject.values, 3))

    def told(templates: tuple[str, ...]) -> str:
        return rng.choice(PREFIXES) + _filled(rng, rng.choice(templates), name, next(values))

    texts, kind = [told(subject.told)], "fact"
    if rng.random() < changed:
        kind = rng.choice(("update", "contradiction"))
        texts.append(told(subject.changed if kind == "update" else subject.claimed))
        if kind == "update" and rng.random() < 0.3:
            texts.append(told(subject.changed))
    return _Plant(
        tuple(texts), _filled(rng, rng.choice(subject.asked), name, ""), kind, subject, name
    )


def _filled(rng: random.Random, template: str, name: str, value: str) -> str:
    return template.format(
        name=name, value=value, weekday=rng.choice(_WEEKDAYS), n=rng.randrange(4, 20),
        town=rng.choice(SUBJECTS["town"].values),
    )  # fmt: skip


def _turns(rng: random.Random, count: int, said: dict[int, str]) -> Iterator[Turn]:
    time = _FIRST_DAY
    for index in range(count):
        if index and index % _SESSION == 0:
            time += dt.timedelta(days=rng.randrange(1, 4), minutes=-rng.randrange(120))
        time += dt.timedelta(seconds=rng.randrange(20, 90))
        turn_id = f"T{index + 1}"
        if index % 2:
            yield Turn(turn_id, "assistant", rng.choice(ANSWERS), time, "assistant")
        elif index // 2 in said:
            yield Turn(turn_id, "user", _with_chatter(rng, said[index // 2]), time)
        else:
            yield Turn(turn_id, "user", _chatter(rng), time)


def _chatter(rng: random.Random) -> str:
    return _filled(rng, rng.choice(CHATTER), rng.choice(NAMES), "")


def _with_chatter(rng: random.Random, text: str) -> str:
    """People do not always keep to one subject in one message."""
    return text if rng.random() < 0.7 else f"{text} {_chatter(rng)}"
