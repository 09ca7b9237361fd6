"""Dates as people and models write them: what they name, and what is refused."""

from __future__ import annotations

import datetime as dt
import random
import zoneinfo
from collections.abc import Callable

import pytest
from memgpt import _core
from memgpt.errors import InvalidInput

EPOCH = dt.datetime(1970, 1, 1)
US = dt.timedelta(microseconds=1)
DAY = dt.timedelta(days=1)
NOW = dt.datetime(2023, 5, 10, 14, 30)  # a Wednesday


def us(time: dt.datetime) -> int:
    return (time - EPOCH) // US


def span(text: str, now: dt.datetime = NOW) -> tuple[dt.datetime, dt.datetime]:
    begin, end, begin_is_utc, end_is_utc, _ = _core._parse_date(text, us(now))
    assert not begin_is_utc and not end_is_utc
    return EPOCH + begin * US, EPOCH + end * US


def days(first: str, last: str = "") -> tuple[dt.datetime, dt.datetime]:
    """From the beginning of one day to the end of another."""
    return dt.datetime.fromisoformat(first), dt.datetime.fromisoformat(last or first) + DAY


def times(begin: str, end: str) -> tuple[dt.datetime, dt.datetime]:
    return dt.datetime.fromisoformat(begin), dt.datetime.fromisoformat(end)


EIGHTH = days("2023-05-08")
FORMS = {
    "2023-05-08": EIGHTH, "2023/5/8": EIGHTH, "2023.05.08": EIGHTH, "20230508": EIGHTH,
    "8 May 2023": EIGHTH, "May 8, 2023": EIGHTH, "8th of May 2023": EIGHTH, "8-May-2023": EIGHTH,
    "the 8th of May, 2023": EIGHTH, "2023 May 8": EIGHTH, "Mon 8 May 2023": EIGHTH,
    "8.5.2023": EIGHTH, "05/08/2023": EIGHTH, "2023-W19-1": EIGHTH, "  8  MAY ,2023 ": EIGHTH,
    "8\u00a0May\u202f2023": EIGHTH, "on 8 May": EIGHTH, "May 8th": EIGHTH, "8.5.": EIGHTH,
    "the 8th": EIGHTH, "Monday": EIGHTH, "last Monday": EIGHTH, "this Monday": EIGHTH,
    "the day before yesterday": EIGHTH, "two days ago": EIGHTH, "2 days ago": EIGHTH,
    "13/05/2023": days("2023-05-13"), "13-05-2023": days("2023-05-13"),
    "05-13-2023": days("2023-05-13"), "05-05-2023": days("2023-05-05"),
    "2023-W19": days("2023-05-08", "2023-05-14"), "2020-W53-7": days("2021-01-03"),
    "May 2023": days("2023-05-01", "2023-05-31"), "2023-05": days("2023-05-01", "2023-05-31"),
    "in May of 2023": days("2023-05-01", "2023-05-31"), "may": days("2023-05-01", "2023-05-31"),
    "June": days("2022-06-01", "2022-06-30"), "11 May": days("2022-05-11"),
    "Sept. 2022": days("2022-09-01", "2022-09-30"), "29 February": days("2020-02-29"),
    "2023": days("2023-01-01", "2023-12-31"), "0800": days("0800-01-01", "0800-12-31"),
    "spring 2022": days("2022-03-01", "2022-05-31"), "fall": days("2022-09-01", "2022-11-30"),
    "winter 2022": days("2022-12-01", "2023-02-28"),
    "autumn 2021": days("2021-09-01", "2021-11-30"),
    "last summer": days("2022-06-01", "2022-08-31"),
    "next summer": days("2023-06-01", "2023-08-31"), "today": days("2023-05-10"),
    "yesterday": days("2023-05-09"), "Tomorrow": days("2023-05-11"),
    "the day after tomorrow": days("2023-05-12"), "Wednesday": days("2023-05-10"),
    "last Wednesday": days("2023-05-03"), "next Wednesday": days("2023-05-17"),
    "Friday": days("2023-05-05"), "next friday": days("2023-05-12"),
    "the 31st": days("2023-03-31"), "last week": days("2023-05-01", "2023-05-07"),
    "this week": days("2023-05-08", "2023-05-14"), "next week": days("2023-05-15", "2023-05-21"),
    "last weekend": days("2023-05-06", "2023-05-07"),
    "the weekend": days("2023-05-13", "2023-05-14"),
    "last month": days("2023-04-01", "2023-04-30"), "next month": days("2023-06-01", "2023-06-30"),
    "this year": days("2023-01-01", "2023-12-31"), "last year": days("2022-01-01", "2022-12-31"),
    "last May": days("2023-05-01", "2023-05-31"), "next May": days("2024-05-01", "2024-05-31"),
    "last June": days("2022-06-01", "2022-06-30"),
    "last May 2021": days("2021-05-01", "2021-05-31"), "a few days ago": days("2023-05-07"),
    "a couple of days ago": EIGHTH, "twelve days ago": days("2023-04-28"),
    "two weeks ago": days("2023-04-23", "2023-04-29"),
    "a month ago": days("2023-03-26", "2023-04-25"),
    "1 year ago": days("2021-11-11", "2022-11-06"),
    "the past week": days("2023-05-03", "2023-05-10"),
    "last 3 days": days("2023-05-07", "2023-05-10"),
    "last 3 months": days("2023-02-10", "2023-05-10"),
    "past year": days("2022-05-10", "2023-05-10"),
    "next 10 days": days("2023-05-10", "2023-05-20"),
    "early May 2023": days("2023-05-01", "2023-05-10"),
    "mid-May 2023": days("2023-05-11", "2023-05-20"),
    "late February 2023": days("2023-02-21", "2023-02-28"),
    "the end of last month": days("2023-04-21", "2023-04-30"),
    "late 2022": days("2022-09-01", "2022-12-31"),
    "mid summer 2022": days("2022-07-01", "2022-07-31"),
    "from May to July 2022": days("2022-05-01", "2022-07-31"),
    "May - July 2022": days("2022-05-01", "2022-07-31"),
    "May\u2013July 2022": days("2022-05-01", "2022-07-31"),
    "between May 2022 and July": days("2022-05-01", "2022-07-31"),
    "November to February 2023": days("2022-11-01", "2023-02-28"),
    "November 2022 to February": days("2022-11-01", "2023-02-28"),
    "June to August": days("2022-06-01", "2022-08-31"),
    "April to June": days("2023-04-01", "2023-06-30"),
    "8-12 May": days("2023-05-08", "2023-05-12"),
    "May 8 to 12, 2021": days("2021-05-08", "2021-05-12"),
    "8 to 12 May 2021": days("2021-05-08", "2021-05-12"),
    "2021-2022": days("2021-01-01", "2022-12-31"),
    "2023-05-08 - 2023-05-10": days("2023-05-08", "2023-05-10"),
    "from yesterday until today": days("2023-05-09", "2023-05-10"),
    "Monday to Friday": days("2023-05-01", "2023-05-05"),
    "since 8 May": days("2023-05-08", "9999-12-30"),
    "from 8 May onwards": days("2023-05-08", "9999-12-30"),
    "after April": days("2023-05-01", "9999-12-30"),
    "before May 2023": days("0001-01-01", "2023-04-30"),
    "until May 2023": days("0001-01-01", "2023-05-31"),
    "by Monday": days("0001-01-01", "2023-05-08"),
    "2023-05-08 13:56": times("2023-05-08 13:56", "2023-05-08 13:57"),
    "8 May 2023, 1:56 pm": times("2023-05-08 13:56", "2023-05-08 13:57"),
    "8 May at 12 a.m.": times("2023-05-08 00:00", "2023-05-08 01:00"),
    "2023-05-08T13:56:07": times("2023-05-08 13:56:07", "2023-05-08 13:56:08"),
    "2023-05-08T135607": times("2023-05-08 13:56:07", "2023-05-08 13:56:08"),
    "2023-05-08T13": times("2023-05-08 13:00", "2023-05-08 14:00"),
    "2023-05-08 13:56:07.25": times("2023-05-08 13:56:07.250000", "2023-05-08 13:56:07.250001"),
    "yesterday 13:00 to 14:00": times("2023-05-09 13:00", "2023-05-09 14:00"),
    "after 2023-05-08 13:56": times("2023-05-08 13:56", "9999-12-31"),
    "3pm": times("2023-05-10 15:00", "2023-05-10 16:00"), "now": (NOW, NOW + US),
    "this morning": times("2023-05-10 00:00", "2023-05-10 12:00"),
    "tonight": times("2023-05-10 18:00", "2023-05-11 06:00"),
    "last night": times("2023-05-09 18:00", "2023-05-10 06:00"),
    "yesterday afternoon": times("2023-05-09 12:00", "2023-05-09 18:00"),
    "8 May in the evening": times("2023-05-08 18:00", "2023-05-09 00:00"),
    "2 hours ago": times("2023-05-10 12:30", "2023-05-10 13:30"),
    "last 24 hours": (NOW - DAY, NOW + US),
}  # fmt: skip


@pytest.mark.parametrize("text", FORMS)
def test_what_a_date_names(text: str) -> None:
    begin, end, *_ = _core._parse_date(text, us(NOW))
    last = us(dt.datetime(9999, 12, 31))
    assert (EPOCH + begin * US, EPOCH + min(end, last) * US) == FORMS[text]
    assert _core._parse_date(text.upper(), us(NOW)) == _core._parse_date(text.lower(), us(NOW))


@pytest.mark.parametrize(
    ("text", "begin"),
    [("2023-05-08T13:56Z", "13:56"), ("2023-05-08 13:56+02:00", "11:56"),
     ("2023-05-08 13:56 +0230", "11:26"), ("2023-05-08T13:56-05", "18:56"),
     ("8 May 2023 13:56 UTC", "13:56"), ("8 May 2023 3pm GMT+1", "14:00"),
     ("20230508T135600Z", "13:56")],
)  # fmt: skip
def test_a_time_with_an_offset_is_absolute(text: str, begin: str) -> None:
    found, _, begin_is_utc, end_is_utc, moment = _core._parse_date(text, us(NOW))
    assert EPOCH + found * US == dt.datetime.fromisoformat(f"2023-05-08 {begin}")
    assert begin_is_utc and end_is_utc and moment


REFUSED = {
    "30 February 2023": "February 2023 has no day 30", "2023-02-29": "has no day 29",
    "31 April": "has no day 31", "2023-13-01": "no month 13", "2023-00-01": "no month 0",
    "2023-05-00": "no day 0", "May 32 2023": "no day 32", "2023-W53": "no week 53",
    "from July 2023 to May 2023": "turn them round", "2023-05-08 - 2023-05-07": "turn them round",
    "today to yesterday": "turn them round", "1445 AH": "Gregorian calendar",
    "5 Ramadan 1445": "Gregorian calendar", "令和5年": "Gregorian calendar",
    "5783 Tishri": "Gregorian calendar", "44 BC": "Gregorian calendar", "8 мая": "Gregorian",
    "0000-05-08": "1 to 9999", "12023": "1 to 9999", "0000": "1 to 9999",
    "10000-01-01": "1 to 9999", "99999999999 days ago": "1 to 9999", "9999 years ago": "1 to 9999",
    "next 9999 years": "1 to 9999", "05-08-2023": "two months", "8.5.23": "four figures",
    "5/8": "needs its year", "8": "write it like", "xyzzy": "write it like", "to": "write it like",
    "from": "write it like", "between May": "between X and Y", "May 8 banana": "write it like",
    "early": "write it like", "last": "write it like", "8 to 12": "write it like",
    "2023-05-08; DROP": "no place", "Tuesday, 8 May 2023": "a Monday", "25:00": "23:59",
    "2023-05-08 13:61": "23:59", "13 pm": "1 to 12", "May 2023 13:00": "needs one day",
    "2023-05-08T13:00Z to 14:00": "with its day", "2023-05-08 13:00+25:00": "+02:00", "": "empty",
    " \n": "empty", "2023\0": "NUL", "x" * 100_000: "longer than 200", "8 " * 99: "write it like",
    "-" * 200: "write it like",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20].replace("\0", "NUL"))
def test_what_is_refused_says_what_to_write(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        _core._parse_date(text, us(NOW))
    assert REFUSED[text] in str(refused.value)
    assert len(str(refused.value)) < 300


def test_formatted_dates_come_back() -> None:
    random.seed(7)
    for _ in range(3000):
        day = dt.datetime(1, 1, 1) + DAY * random.randrange(3_652_058)
        now = dt.datetime(1, 1, 1) + DAY * random.randrange(3_652_058)
        name = day.strftime("%B")
        year = f"{day.year:04}"
        written = [
            f"{year}-{day.month:02}-{day.day:02}", f"{day.day} {name} {year}",
            f"{name} {day.day}, {year}", f"{day.day}.{day.month}.{year}",
            f"{name[:3]} {day.day} {year}",
            f"{day.strftime('%A')}, {day.day} {name[:3]}. {year}", f"{day.day}-{name[:3]}-{year}",
            f"{day.month:02}/{day.day:02}/{year}", f"{year}{day.month:02}{day.day:02}",
        ]  # fmt: skip
        text = random.choice(written)
        assert span(text, now) == (day, day + DAY), (text, now)
        time = day + dt.timedelta(microseconds=random.randrange(86_400_000_000))
        text = time.isoformat(random.choice(" T"))
        begin, end, *_, moment = _core._parse_date(text, us(now))
        assert begin == us(time) and end > begin and moment, text
        iso = day.isocalendar()
        assert span(f"{iso.year:04}-W{iso.week:02}-{iso.weekday}", now)[0] == day


def test_what_is_relative_lies_where_it_says() -> None:
    random.seed(8)
    for _ in range(2000):
        now = dt.datetime(1900, 1, 1) + dt.timedelta(minutes=random.randrange(100_000_000))
        today = dt.datetime(now.year, now.month, now.day)
        for day, name in enumerate(("Mon", "Tues", "Wed", "Thurs", "Fri", "Sat", "Sunday")):
            last, this, bare, coming = (
                span(f"{which} {name}", now)[0] for which in ("last", "this", "", "next")
            )
            assert {time.weekday() for time in (last, this, bare, coming)} == {day}
            assert today - 7 * DAY <= last < today < coming <= today + 7 * DAY
            assert today - 7 * DAY < bare <= today
            assert this.isocalendar()[:2] == today.isocalendar()[:2]
        for month in ("January", "may", "dec"):
            begin, end = span(f"last {month}", now)
            assert begin <= now < begin.replace(year=begin.year + 1)
            assert (begin, end) == span(month, now)
            assert span(f"next {month}", now)[0] > now
        number = random.randrange(1, 1000)
        assert span(f"{number} days ago", now) == (today - number * DAY, today - (number - 1) * DAY)
        past = span(f"last {number} weeks", now)
        assert past == (today - 7 * number * DAY, today + DAY)


def test_random_texts_are_read_or_refused() -> None:
    random.seed(9)
    words = [word for text in FORMS for word in text.split()] + ["\0", "é", "-", ",", "99", "of"]
    read = 0
    for _ in range(20_000):
        text = " ".join(random.choices(words, k=random.randrange(1, 7)))
        try:
            begin, end, begin_is_utc, end_is_utc, _ = _core._parse_date(text, us(NOW))
        except InvalidInput:
            continue
        read += 1
        assert begin < end or begin_is_utc != end_is_utc, text
    assert 500 < read < 15_000


def offset_of(zone: str) -> Callable[[int], int]:
    info = zoneinfo.ZoneInfo(zone)

    def offset_s(utc_us: int) -> int:
        time = (EPOCH + utc_us * US).replace(tzinfo=dt.timezone.utc).astimezone(info)
        offset = time.utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    return offset_s


def utc(text: str, zone: str, now: str = "2024-01-10 12:00") -> tuple[str, str]:
    begin, end, _ = _core._parse_date_in(text, us(dt.datetime.fromisoformat(now)), offset_of(zone))
    return (EPOCH + begin * US).isoformat(" "), (EPOCH + end * US).isoformat(" ")


@pytest.mark.parametrize(
    ("zone", "text", "begin", "end"),
    [("Europe/Berlin", "2023-01-08", "2023-01-07 23:00:00", "2023-01-08 23:00:00"),
     ("Europe/Berlin", "2023-05-08", "2023-05-07 22:00:00", "2023-05-08 22:00:00"),
     # 23 and 25 hours long.
     ("Europe/Berlin", "2023-03-26", "2023-03-25 23:00:00", "2023-03-26 22:00:00"),
     ("Europe/Berlin", "2023-10-29", "2023-10-28 22:00:00", "2023-10-29 23:00:00"),
     # Never shown: as if the clocks had not been put forward.
     ("Europe/Berlin", "2023-03-26 02:30", "2023-03-26 01:30:00", "2023-03-26 01:31:00"),
     ("Europe/Berlin", "2023-03-26 03:00", "2023-03-26 01:00:00", "2023-03-26 01:01:00"),
     # Shown twice: from the first to the second.
     ("Europe/Berlin", "2023-10-29 02:30", "2023-10-29 00:30:00", "2023-10-29 01:31:00"),
     ("Europe/Berlin", "2023-10-29 01:59", "2023-10-28 23:59:00", "2023-10-29 00:00:00"),
     ("Europe/Berlin", "2023-10-29 03:00", "2023-10-29 02:00:00", "2023-10-29 02:01:00"),
     ("Europe/Berlin", "2023-10-29 02:30Z", "2023-10-29 02:30:00", "2023-10-29 02:31:00"),
     ("America/New_York", "2023-05-08", "2023-05-08 04:00:00", "2023-05-09 04:00:00"),
     ("Asia/Kolkata", "2023-05-08", "2023-05-07 18:30:00", "2023-05-08 18:30:00"),
     ("Pacific/Auckland", "2023-05", "2023-04-30 12:00:00", "2023-05-31 12:00:00"),
     # Midnight is skipped; midnight is shown twice; a whole day is skipped.
     ("America/Sao_Paulo", "2018-11-04", "2018-11-04 03:00:00", "2018-11-05 02:00:00"),
     ("America/Havana", "2023-11-05", "2023-11-05 04:00:00", "2023-11-06 05:00:00"),
     ("America/Havana", "2023-11-04", "2023-11-04 04:00:00", "2023-11-05 04:00:00"),
     ("Pacific/Apia", "2011-12-31", "2011-12-30 10:00:00", "2011-12-31 10:00:00"),
     # It is the 10th in Kiritimati when it is the 9th in Pago Pago.
     ("Pacific/Kiritimati", "today", "2024-01-10 10:00:00", "2024-01-11 10:00:00"),
     ("Pacific/Pago_Pago", "today", "2024-01-10 11:00:00", "2024-01-11 11:00:00")],
)  # fmt: skip
def test_dates_on_the_clocks_of_a_zone(zone: str, text: str, begin: str, end: str) -> None:
    assert utc(text, zone) == (begin, end)


def test_local_times_are_those_of_pythons_zones() -> None:
    random.seed(10)
    for zone in ("Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"):
        info, offset_s = zoneinfo.ZoneInfo(zone), offset_of(zone)
        for _ in range(1500):
            local = dt.datetime(1950, 1, 1) + dt.timedelta(seconds=random.randrange(3 * 10**9))
            begin, *_ = _core._parse_date_in(local.isoformat(), us(NOW), offset_s)
            expected = local.replace(tzinfo=info).astimezone(dt.timezone.utc).replace(tzinfo=None)
            assert begin == us(expected), (zone, local)


def test_ends_in_utc_and_in_a_zone_are_put_in_order() -> None:
    text = "2023-05-08 14:00Z to 2023-05-08 15:00"
    assert utc(text, "UTC")[0] == "2023-05-08 14:00:00"
    with pytest.raises(InvalidInput, match="turn them round"):
        utc(text, "Asia/Kolkata")
