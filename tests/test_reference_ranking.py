"""The reference that the core's ranking will be compared with, on turns of our own."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.reference.ranking import BARE, DEFAULTS, PLAIN, rank

DAY = dt.datetime(2023, 5, 8, 13, 56)
TALK = [
    ("Ann", "I bought a canoe last week.", 0, 1),
    ("Ben", "What colour is it?", 0, 1),
    ("Ann", "Green, like the lake.", 0, 1),
    ("Ben", "My brother plays the guitar in a band called Herons.", 1, 2),
    ("Ann", "Do you play an instrument?", 1, 2),
    ("Ben", "Only the kettle.", 1, 2),
    ("Ann", "In August we went to Gavdos by ferry.", 90, 3),
    ("Ben", "The children must have loved the beach.", 90, 3),
]
DOCS = [
    {"speaker": who, "text": text, "time": DAY + dt.timedelta(days=days), "session": session}
    for who, text, days, session in TALK
]


def found(query: str, **options: object) -> list[int]:
    return [hit.row for hit in rank(query, DOCS, options)]


def test_words_and_their_forms() -> None:
    assert found("Which canoe did Ann buy?")[0] == 0
    assert found("kettles")[0] == 5
    assert found("Did the kid love the beach?")[0] == 7
    assert {3, 4} <= set(found("What instruments are there?")[:3])
    assert found("gutiar")[0] == 3 and found("gutiar", spelling=0) == []
    assert found("") == found("xyzzy") == []
    assert found("the of and") == found("the") != [], "there is nothing else to look for"


def test_a_turn_counts_with_what_stands_around_it() -> None:
    assert 2 in found("canoe") and 2 not in found("canoe", **PLAIN)
    assert 3 not in found("canoe"), "the window ends at the session's edge"
    reply = found("What colour is the canoe?", question=0.1)
    assert reply.index(2) < reply.index(1), "a question is seldom an answer, its reply is"


def test_what_is_known_besides_the_words() -> None:
    assert found("When was the ferry in August?")[0] == 6
    hit = rank("What did Ann do in August 2023?", DOCS, {"session_prior": 0})[0]
    assert hit.row == 6 and hit.factors == {"date": 2.0, "speaker": 1.3}
    assert rank("ferry", DOCS, BARE)[0].factors == {}


@pytest.mark.parametrize("option", sorted(DEFAULTS))
def test_every_factor_can_be_switched_off(option: str) -> None:
    off = {"k1": 1.2, "b": 0, "power": 1, "window": (), "reply": None, "now": None}
    ones = ("frame", "question", "speaker", "when", "name_cue", "date",
            "related_max_df", "spread_max_df", "phrase", "assistant")  # fmt: skip
    value = off.get(option, 1 if option in ones else 0)
    hits = rank("Which instrument did Ben's brother play in May 2023?", DOCS, {option: value})
    assert hits and hits == sorted(hits, key=lambda hit: (-hit.score, -hit.row))
    for hit in hits:
        score = sum(hit.terms.values())
        for factor in hit.factors.values():
            score *= factor
        assert score == pytest.approx(hit.score, abs=1e-6), "a hit explains its score"
