"""Agents in time zones: what they and their users mean by a day."""

from __future__ import annotations

import datetime as dt
import sqlite3
import zoneinfo
from contextlib import closing

import memgpt
import pytest
from memgpt.errors import ConfigError, InvalidInput

UTC = dt.timezone.utc
TIMES = [
    "2023-03-25T22:30Z", "2023-03-26T00:30Z", "2023-03-26T01:30Z", "2023-03-26T22:30Z",
    "2023-10-28T22:30Z", "2023-10-29T00:30Z", "2023-10-29T01:30Z", "2023-10-29T23:30Z",
]  # fmt: skip


def talk(kit, **options):
    agent = kit.agent(lambda context: kit.say("yes"), **options)
    agent.recall.import_transcript([{"text": f"note {i}", "time": t} for i, t in enumerate(TIMES)])
    return agent


def found(agent, **limits):
    return sorted(int(hit.message.text[-1]) for hit in agent.recall.search("note", **limits))


def test_a_day_is_a_day_of_the_agents_zone(kit):
    berlin = talk(kit, name="berlin", timezone="Europe/Berlin")
    auckland = talk(kit, name="auckland", timezone="Pacific/Auckland")
    denver = talk(kit, name="denver", timezone="America/Denver")
    utc = talk(kit, name="utc")
    spring, autumn = {"start": "2023-03-26", "end": "26 March 2023"}, {"end": "29.10.2023"}
    assert found(utc, **spring) == [1, 2, 3]
    assert found(berlin, **spring) == [1, 2]
    assert found(auckland, **spring) == [0, 1, 2]
    assert found(denver, **spring) == [3]
    assert found(berlin, start="2023-10-29", **autumn) == [4, 5, 6]
    assert found(berlin, start="2023-10-29 02:30", end="2023-10-29 03:00") == [5, 6]
    assert found(berlin, start="2023-03-26 03:00", end="2023-03-26 04:00") == [2]
    assert found(berlin, start="October 2023") == [4, 5, 6, 7]
    assert found(berlin, end="before October 2023") == [0, 1, 2, 3]


def test_a_span_is_included_and_a_time_of_day_is_not(kit):
    agent = talk(kit)
    assert found(agent, end="2023-03-25") == [0]
    assert found(agent, end=dt.date(2023, 3, 25)) == [0]
    assert found(agent, start=dt.date(2023, 10, 29)) == [5, 6, 7]
    assert found(agent, end="2023-03-26T00:30:00") == [0]
    assert found(agent, end="2023-03-26T00:30:00.000001") == [0, 1]
    assert found(agent, end="2023-03-26T02:30:00+02:00") == [0]
    assert found(agent, start="March to September 2023", end="March 2023") == [0, 1, 2, 3]
    assert found(agent, end=dt.date(9999, 12, 31)) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_datetimes_without_a_zone_are_of_the_agents(kit):
    agent = talk(kit, timezone="Europe/Berlin")
    morning = dt.datetime(2023, 10, 29, 2, 30)
    assert found(agent, start=morning) == [5, 6, 7], "the first of the two half past twos"
    assert found(agent, start=morning.replace(fold=1)) == [6, 7]
    assert found(agent, start=morning.replace(tzinfo=UTC)) == [7]
    assert found(agent, end=morning.replace(tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo"))) == [0, 1, 2, 3]


def test_passages_are_found_by_plain_dates(kit):
    agent = kit.agent(
        [
            kit.call("archival_memory_insert", content="the tide turns at noon"),
            kit.call("archival_memory_search", query="tide"),
            kit.say("noted"),
        ],
        timezone="Europe/Berlin",
    )
    agent.send("remember the tide", time="2023-05-08T22:56:00Z")
    assert "[2023-05-09 00:56 +02:00] the tide" in kit.llm.returned()
    assert agent.archival.search("tide", start="9 May 2023", end="9 May 2023")
    assert not agent.archival.search("tide", end="8 May 2023")
    assert not agent.archival.search("tide", start="today")
    with pytest.raises(InvalidInput, match="write it like"):
        agent.archival.search("tide", start="someday")


def test_relative_dates_are_reckoned_from_now(kit):
    agent = kit.agent(lambda context: kit.say("yes"), timezone="Pacific/Kiritimati")
    agent.send("a note")
    for now in ({"start": "today", "end": "today"}, {"start": "1 hour ago"}, {"end": "today"}):
        (hit,) = agent.recall.search("note", roles=["user"], **now)
        assert hit.message.text == "a note"
    for then in ({"end": "2 days ago"}, {"end": "1 hour ago"}, {"start": "tomorrow"}):
        assert not agent.recall.search("note", roles=["user"], **then)
    with pytest.raises(InvalidInput, match="Gregorian calendar"):
        agent.recall.search("note", start="5783 Tishri")
    with pytest.raises(InvalidInput, match="lone surrogate"):
        agent.recall.search("note", end="\ud800")


def test_the_model_searches_by_plain_dates_of_the_turn(kit):
    agent = talk(kit, timezone="Europe/Berlin")
    searches = [
        ({"start_date": "yesterday", "end_date": "yesterday"}, [4, 5, 6]),
        ({"start_date": "last March", "end_date": "three weeks ago"}, [0, 1, 2, 3]),
        ({"start_date": "2023-10-29 02:30", "end_date": "2023-10-29 02:30"}, [5, 6]),
        ({"start_date": "since October", "end_date": "now"}, [4, 5, 6]),
        ({"start_date": "summer 2023", "end_date": "summer 2023"}, []),
    ]
    kit.llm.calls = 0
    kit.llm.script = [kit.call("conversation_search_date", **args) for args, _ in searches]
    kit.llm.script.append(kit.say("so"))
    # Nearly one in the morning of the 30th in Berlin.
    reply = agent.send("when?", time="2023-10-29T23:29Z")
    returned = [m.text for m in reply.messages if m.role == "tool"]
    for (args, expected), text in zip(searches, returned, strict=False):
        seen = sorted(int(line.split("note ")[1]) for line in text.splitlines() if "note " in line)
        assert seen == expected, args
    assert "[2023-10-29 02:30 +02:00] user: note 5" in returned[0]
    assert "[2023-10-29 02:30 +01:00] user: note 6" in returned[0]
    assert "[2023-03-26 00:30 +01:00] user: note 1" not in returned[1]
    assert "[2023-03-26 03:30 +02:00] user: note 2" in returned[1]
    assert agent.replay().first_divergence is None


def test_the_model_is_told_what_is_wrong_with_a_date(kit):
    wrong = {
        "30 February 2023": "has no day 30", "1445 AH": "Gregorian", "May 2024": "turn them round",
        "x" * 100_000: "longer than 200", "2023\0": "NUL", "": "empty",
    }  # fmt: skip
    agent = talk(kit)
    kit.llm.calls = 0
    kit.llm.script = [
        kit.call("conversation_search_date", start_date=date, end_date="May 2023") for date in wrong
    ] + [kit.say("so")]
    reply = agent.send("when?")
    for message, why in zip(
        (m for m in reply.messages if m.role == "tool"), wrong.values(), strict=False
    ):
        assert message.failed and why in message.text and "start_date" in message.text


def test_the_zone_is_kept_and_changed(kit):
    agent = talk(kit, timezone="Europe/Berlin")
    assert agent.timezone == agent.config["timezone"] == "Europe/Berlin"
    assert agent.fork("twin").timezone == "Europe/Berlin"
    kit.reopen()
    again = kit.home.agent("sam")
    assert again.timezone == "Europe/Berlin"
    before = again.steps()
    assert kit.home.agent("sam", timezone="Asia/Tokyo").timezone == "Asia/Tokyo"
    assert [step.kind for step in again.steps()[len(before) :]] == ["config"]
    kit.home.agent("sam", timezone="Asia/Tokyo")
    assert len(again.steps()) == len(before) + 1, "what is the same is no step"
    assert found(again, start="2023-03-27", end="2023-03-27") == [3]
    assert again.at(before[-1].seq).timezone == "Europe/Berlin"
    assert kit.home.create_agent("sam", exist_ok=True).timezone == "Asia/Tokyo"
    assert kit.home.create_agent("sam", timezone="UTC", exist_ok=True).timezone == "UTC"
    assert again.replay().first_divergence is None


def test_configurations_of_utc_say_nothing_of_zones(kit):
    agents = [talk(kit, name="old"), talk(kit, name="new", timezone="UTC")]
    assert ["timezone" in agent.config for agent in agents] == [False, False]
    assert {agent.timezone for agent in agents} == {"UTC"}


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "", "Europe", "../../etc/passwd", "/etc/localtime", "CEST\0", "+02:00"]
)
def test_a_zone_that_is_not_known_is_refused(kit, zone):
    with pytest.raises(ConfigError, match="Europe/Berlin"):
        kit.home.create_agent("lost", timezone=zone)
    assert "lost" not in kit.home.agents()
    agent = talk(kit)
    with pytest.raises(ConfigError, match="Europe/Berlin"):
        kit.home.agent(agent.name, timezone=zone)
    assert kit.home.agent(agent.name).timezone == "UTC"


@pytest.mark.no_replay  # the file is changed by hand
def test_a_file_with_a_zone_of_elsewhere_opens(kit):
    agent = talk(kit, timezone="Europe/Berlin")
    kit.home.close()
    with closing(sqlite3.connect(kit.home.path)) as db, db:
        db.execute("UPDATE config SET json = json_set(json, '$.timezone', 'Mars/Olympus')")
    with memgpt.open(kit.home.path) as again:
        lost = again.agent(agent.name)
        assert lost.timezone == "Mars/Olympus" and len(lost.recall.search("note")) == 8
        with pytest.raises(ConfigError, match="tzdata"):
            lost.recall.search("note", start="today")
        searches = [
            kit.call("conversation_search", query="note"),
            kit.call("conversation_search_date", start_date="today", end_date="today"),
            kit.say("so"),
        ]
        again.agent(agent.name, model=kit.LLM(searches))
        found, failed = [m for m in lost.send("where?").messages if m.role == "tool"][:2]
        assert "[2023-03-26 01:30] user: note 2" in found.text, "in UTC"
        assert failed.failed and "Mars/Olympus" in failed.text


def test_zones_are_asked_for_only_where_there_are_some(kit):
    code = (
        "import sys, memgpt\n"
        "home = memgpt.open(':memory:')\n"
        "agent = home.create_agent('a')\n"
        "agent.send('hello there')\n"
        "agent.recall.search('hello', start='today')\n"
        "print('zoneinfo' in sys.modules)\n"
    )
    assert kit.run(code).strip() == "False"
