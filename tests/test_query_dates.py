"""The dates that a query names: the core finds what the reference finds."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from memgpt import _core

from tests.reference.ranking import MONTHS, query_dates

EPOCH = dt.datetime(1970, 1, 1)
DAY = dt.timedelta(days=1)
NOW = dt.datetime(2023, 5, 10, 14, 30)


def local_us(day: dt.datetime | dt.date) -> int:
    time = day if isinstance(day, dt.datetime) else dt.datetime(day.year, day.month, day.day)
    return (time - EPOCH) // dt.timedelta(microseconds=1)


def reference(text: str, now: dt.datetime | None) -> tuple[set[tuple[int, int]], int]:
    months, ranges = query_dates(text, now)
    spans, mask = set(), 0
    for year, month in months:
        if year is None:
            mask |= 1 << (month - 1)
            continue
        first = dt.date(year, month or 1, 1)
        behind = (first + 31 * DAY).replace(day=1) if month else dt.date(year + 1, 1, 1)
        spans.add((local_us(first), local_us(behind)))
    spans |= {(local_us(first), local_us(last + DAY)) for first, last in ranges}
    return spans, mask


def core(text: str, now: dt.datetime | None) -> tuple[set[tuple[int, int]], int]:
    spans, mask = _core._dates_in_query(text, None if now is None else local_us(now))
    return set(spans), mask


def month(year: int, number: int) -> tuple[int, int]:
    first = dt.date(year, number, 1)
    return local_us(first), local_us((first + 31 * DAY).replace(day=1))


@pytest.mark.parametrize(
    ("text", "spans", "mask"),
    [("What did Ann do in August 2023?", {month(2023, 8)}, 0),
     ("what happened on 8 May", set(), 1 << 4), ("on 8th of May, 2022", {month(2022, 5)}, 0),
     ("May I ask what Ann did?", set(), 0), ("What did Ann do in May?", set(), 1 << 4),
     ("last May", {month(2023, 5)}, 0), ("last June", {month(2022, 6)}, 0),
     ("the last may apply", {month(2023, 5)}, 0), ("last March 2020", {month(2020, 3)}, 0),
     ("blast March", set(), 1 << 2), ("Jan said so", set(), 0), ("Jan 8", set(), 1),
     ("2023-05-08", {month(2023, 5)}, 0), ("2023-13-08 or 1999", {
         (local_us(dt.date(2023, 1, 1)), local_us(dt.date(2024, 1, 1))),
         (local_us(dt.date(1999, 1, 1)), local_us(dt.date(2000, 1, 1)))}, 0),
     ("two weeks ago", {(local_us(NOW.date() - 17 * DAY), local_us(NOW.date() - 10 * DAY))}, 0),
     ("\u201cMay 2023\u201d", {month(2023, 5)}, 0), ("nothing", set(), 0), ("", set(), 0)],
)  # fmt: skip
def test_what_queries_name(text: str, spans: set[tuple[int, int]], mask: int) -> None:
    assert core(text, NOW) == (spans, mask) == reference(text, NOW)


def test_last_may_is_any_may_while_the_time_is_not_known() -> None:
    assert core("last May", None) == (set(), 1 << 4) == reference("last May", None)
    assert core("yesterday, two weeks ago", None) == (set(), 0)


WORDS = [
    *MONTHS, *(name[:3] for name in MONTHS), "sept", "May", "may", "may", "March", "JUNE",
    "mar.", "dec.", "8", "8th", "31st", "2nd", "3rd,", "12", "08", "123", "99", "8,", "of",
    "of", "in", "last", "last", "this", "by", "early", "2023", "1999", "2045.", "(2023)",
    "20235", "2150", "2023,", "2023-05", "2023-05-08", "2023-5", "2023-13-01", "2023-05-08x",
    "1999-12-31?", "12023-05", "yesterday", "today", "tonight", "night", "morning", "week",
    "weeks", "month", "months", "year", "years", "days", "day", "ago", "ago", "ago?", "two", "a",
    "few", "couple", "couple of", "seven", "an", "one", "six", "000", "Ann", "Ann's", "what", "?",
    ",", "-", "\u2014", "\u201cMay", "\u00e9may", "mayor", "_may", "may_", "marched", "augustus",
    "\u00bdx", "x2023", "\n", "\0",
]  # fmt: skip


def test_random_queries_name_what_the_reference_finds() -> None:
    random.seed(11)
    named = 0
    for _ in range(60_000):
        text = random.choice(("", " ")).join(
            part
            for word in random.choices(WORDS, k=random.randrange(1, 9))
            for part in (word, random.choice((" ", " ", " ", " ", " ", ", ", "", "-", ". ")))
        )
        now = random.choice(
            (
                None,
                NOW,
                dt.datetime(2024, 2, 29),
                dt.datetime(2023, 1, 1),
                dt.datetime(2022, 12, 31),
            )
        )
        expected = reference(text, now)
        assert core(text, now) == expected, (text, now)
        named += expected != (set(), 0)
    assert named > 20_000


def test_random_bytes_around_months_are_read_as_the_reference_reads_them() -> None:
    random.seed(12)
    letters = "may 8203of,.-stndrhlaugjbe'\u00e4\u2019"
    for _ in range(60_000):
        text = "".join(random.choices(letters, k=6)) + random.choice(("may", "aug", "june", "2023"))
        text += "".join(random.choices(letters, k=7))
        assert core(text, NOW) == reference(text, NOW), text


@pytest.mark.parametrize(
    "piece", ["may ", "20", "2", "a ago ", "8th of ", "2023-05-", "last ", "\u00e9"]
)
def test_long_queries_cost_little(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    began = dt.datetime.now()
    core(text, NOW)
    assert dt.datetime.now() - began < dt.timedelta(seconds=5)
