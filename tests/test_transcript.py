"""recall.import_transcript: recorded conversations become searchable, the window stays as it is."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import memgpt
import pytest
from memgpt.testing import ScriptedLLM

UTC = dt.timezone.utc
TALK = [
    {
        "speaker": "Ann",
        "text": "I have bought a canoe",
        "time": "2023-05-08T13:56:00",
        "id": "D1:1",
    },
    {"speaker": "Ben", "text": "What colour is it?", "time": "2023-05-08T13:57:00", "id": "D1:2"},
    {"speaker": "Ann", "text": "Green, like the lake", "time": "2023-05-08T14:50:00", "id": "D1:3"},
    {
        "speaker": "Ben",
        "text": "Let us meet on Sunday",
        "time": "2023-05-09T09:00:00",
        "id": "D2:1",
    },
]


def test_nothing_comes_between_a_call_and_its_return(kit: Any) -> None:
    """A transcript did, that was imported after a turn had been broken off."""

    def stop() -> None:
        raise KeyboardInterrupt

    agent = kit.agent([kit.call("stop")], tools=[stop])
    with pytest.raises(KeyboardInterrupt):
        agent.send("go")
    agent.recall.import_transcript(TALK)
    roles = [message.role for message in agent.recall.messages()]
    assert roles == ["user", "assistant", "tool"] + ["user"] * 4
    kit.still_answers(agent)


def test_one_message_an_item_in_order(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    steps = len(agent.steps())
    stored = agent.recall.import_transcript(TALK)
    assert [m.text for m in stored] == [item["text"] for item in TALK]
    assert [m.name for m in stored] == ["Ann", "Ben", "Ann", "Ben"]
    assert {m.role for m in stored} == {"user"}
    assert [m.source_id for m in stored] == ["D1:1", "D1:2", "D1:3", "D2:1"]
    assert stored[0].time == dt.datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert [m.session for m in stored] == [1, 1, 1, 2]
    assert all(m.tokens > 0 for m in stored)
    assert len({m.id for m in stored}) == 4
    assert len(agent.steps()) == steps + 1
    assert agent.steps()[-1].kind == "import"
    again = agent.recall.messages()
    assert [(m.id, m.text, m.source_id) for m in again] == [
        (m.id, m.text, m.source_id) for m in stored
    ]


def test_search_finds_text_speaker_and_time(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.recall.import_transcript(TALK)
    assert agent.recall.search("canoes")[0].message.source_id == "D1:1"
    assert agent.recall.search("Ben")[0].message.name == "Ben"
    by_words = agent.recall.search("Ben", ranking=memgpt.Ranking.plain())
    assert by_words == [], "nobody says his name"
    assert "Ann" not in agent.recall.search("canoe")[0].message.text
    found = agent.recall.search("", start="2023-05-09", end="2023-05-10")
    assert [h.message.source_id for h in found] == ["D2:1"]


def test_the_window_stays_as_it_is(kit) -> None:
    agent = kit.agent(lambda context: kit.say("yes"), context_window=4096)
    agent.send("before the import")
    before = [m.id for m in agent.window]
    agent.recall.import_transcript([{"text": f"imported {i}"} | TALK[0] for i in range(500)])
    assert [m.id for m in agent.window] == before
    assert "canoe" not in str(agent.context())
    # A block's edit writes a window row while nothing stands after the imported messages.
    agent.memory["human"].value = "Chad"
    code = """
import sys, memgpt
from memgpt.testing import ScriptedLLM
llm = ScriptedLLM([{"tool": "send_message", "args": {"message": "yes"}}], context_window=4096)
with memgpt.open(sys.argv[1], durability="process") as home:
    agent = home.agent("sam", model=llm)
    print(len(agent.window), len(agent.recall), "canoe" in str(agent.context()))
    agent.send("after the import")
    print([m.text for m in agent.window if m.role == "user"])
"""
    lines = kit.run(code, kit.home.path).splitlines()
    assert lines[0] == f"{len(before)} {len(before) + 500} False"
    assert lines[1] == "['before the import', 'after the import']"
    assert [m.text for m in agent.window if m.role == "user"] == [
        "before the import",
        "after the import",
    ]
    kit.check_request(agent.context().to_request())
    assert str(len(agent.recall) - 3) in kit.run(
        "import sys, memgpt\n"
        "with memgpt.open(sys.argv[1], durability='process') as h:\n"
        "    print(next(s.text for s in h.agent('sam').context().spans"
        " if s.kind == 'external_memory'))",
        kit.home.path,
    )


def test_the_agent_answers_from_what_was_imported(home: memgpt.Home) -> None:
    agent = home.create_agent("sam", context_window=4096)
    agent.recall.import_transcript(TALK)
    assert "canoe" in agent.send("What did Ann buy?").text


def test_sessions_go_on_after_the_import(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.send("Hello", time="2023-05-01T10:00:00")
    first = agent.recall.messages()[0].session
    named = [{"text": str(i), "time": "2023-05-08T13:56:00", "session": i // 2} for i in range(6)]
    assert [m.session - first for m in agent.recall.import_transcript(named)] == [1, 1, 2, 2, 3, 3]
    older = agent.recall.import_transcript([{"text": "older", "time": "2020-01-01"}])
    assert older[0].session == first + 4
    reply = agent.send("Hello again", time="2023-06-01")
    assert reply.messages[0].session == first + 5


def test_roles_by_speaker(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    stored = agent.recall.import_transcript(TALK, roles={"Ben": "assistant"})
    assert [m.role for m in stored] == ["user", "assistant"] * 2
    assert {h.message.name for h in agent.recall.search("", roles=["assistant"])} == {"Ben"}
    with pytest.warns(UserWarning, match="Carl"):
        agent.recall.import_transcript(TALK, roles={"Carl": "assistant"})


def test_what_is_missing_is_reported_and_stored(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    items: list[dict[str, Any]] = [
        {"text": "no time at all"},
        {"text": "has one", "time": dt.datetime(2023, 5, 8, 12, tzinfo=UTC), "speaker": None},
        {"text": "none again", "speaker": "Ann"},
        {"text": "", "speaker": "Ann", "time": "2023-05-08T12:01:00Z"},
    ]
    with pytest.warns(UserWarning) as warned:
        stored = agent.recall.import_transcript(items)
    assert sorted(str(w.message)[:37] for w in warned) == [
        "1 item of the transcript without a te",
        "2 items of the transcript without a t",
    ]
    assert {w.filename for w in warned} == {__file__}
    assert {m.time for m in stored[:3]} == {dt.datetime(2023, 5, 8, 12, tzinfo=UTC)}
    assert [m.text for m in stored] == [item["text"] for item in items]
    with pytest.warns(UserWarning, match="without a time"):
        (now,) = agent.recall.import_transcript([{"text": "when?"}])
    assert abs((dt.datetime.now(UTC) - now.time).total_seconds()) < 60


@pytest.mark.parametrize(
    ("item", "what"),
    [
        ("Hello", "item 1 of the transcript is a str"),
        ({"speaker": "Ann"}, 'item 1 of the transcript has no "text"'),
        ({"text": None}, "must be text"),
        ({"text": 5}, "must be text"),
        ({"text": "x\ud800"}, "lone surrogate"),
        ({"text": "x", "time": "1:56 pm on 8 May, 2023"}, "item 1 .* is no ISO time"),
        ({"text": "x", "time": 5}, "item 1 .* not int"),
        ({"text": "x", "time": "0001-01-01T00:00:00+14:00"}, "item 1 .* years 1 to 9999"),
        ({"text": "x", "time": "9999-12-31T23:59:59-12:00"}, "item 1 .* years 1 to 9999"),
        ({"text": "x", "id": 1.5}, '"id" of item 1'),
    ],
)
def test_bad_items_store_nothing(home: memgpt.Home, item: Any, what: str) -> None:
    agent = home.create_agent("sam")
    with pytest.raises(memgpt.InvalidInput, match=what):
        agent.recall.import_transcript([TALK[0], item])
    assert len(agent.recall) == 0
    assert len(agent.recall.import_transcript(TALK)) == 4


def test_bad_arguments(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    assert agent.recall.import_transcript([]) == []
    for bad in ("Hello", {"text": "Hello"}, b"Hello", None, 5):
        with pytest.raises(memgpt.InvalidInput, match="list of dicts"):
            agent.recall.import_transcript(bad)  # type: ignore[arg-type]
    with pytest.raises(memgpt.InvalidInput, match="role of 'Ann'"):
        agent.recall.import_transcript(TALK, roles={"Ann": "tool"})
    with pytest.raises(memgpt.InvalidInput, match="roles maps"):
        agent.recall.import_transcript(TALK, roles=["Ann"])  # type: ignore[arg-type]
    assert len(agent.recall) == 0


def test_a_transcript_that_is_imported_again_is_not_stored_again(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    first = agent.recall.import_transcript(TALK)
    steps = len(agent.steps())
    again = agent.recall.import_transcript(TALK)
    assert [m.id for m in again] == [m.id for m in first]
    assert (len(agent.recall), len(agent.steps())) == (4, steps)
    changed = [TALK[0], {**TALK[1], "text": "What color is it?"}, {**TALK[2], "id": "D1:4"}]
    stored = agent.recall.import_transcript([*changed, {"text": "no id", "time": "2023-06-01"}])
    assert [m.id == f.id for m, f in zip(stored, first, strict=True)] == [True, False, False, False]
    assert len(agent.recall) == 7
    # Another transcript may number its turns the same way.
    other = home.create_agent("pat")
    assert other.recall.import_transcript(TALK)[0].id != first[0].id


def test_large_turns_and_many(home: memgpt.Home) -> None:
    agent = home.create_agent("sam", context_window=4096)
    big = "An otter swam by. " * 60_000
    start = dt.datetime(2023, 1, 1, tzinfo=UTC)
    items = [
        {
            "speaker": "Ann",
            "text": f"note {i} about topic{i}",
            "time": start + dt.timedelta(hours=i),
        }
        for i in range(5000)
    ]
    began = time.perf_counter()
    stored = agent.recall.import_transcript([*items, {"text": big, "time": start, "id": 7}])
    print(f"{len(stored) / (time.perf_counter() - began):,.0f} messages a second")
    assert stored[-1].text == big and stored[-1].source_id == "7"
    assert agent.recall.search("topic4321")[0].message.id == stored[4321].id
    assert agent.recall.search("otters")[0].message.id == stored[-1].id
    assert agent.send("What do you know about topic1234?").text
    assert agent.context().tokens <= agent.context().budget.limit


def test_inside_a_tool_it_is_refused(home: memgpt.Home) -> None:
    def learn(agent: memgpt.Agent) -> str:
        """Import."""
        agent.recall.import_transcript(TALK)
        return "done"

    llm = ScriptedLLM(
        [{"tool": "learn", "heartbeat": True}, {"tool": "send_message", "args": {"message": "ok"}}]
    )
    agent = home.create_agent("sam", model=llm, tools=[learn])
    reply = agent.send("go")
    (result,) = [m for m in reply.messages if m.name == "learn"]
    assert result.failed and "between turns" in result.text
    assert len(agent.recall) == 5
