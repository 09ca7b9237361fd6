"""What must hold of a file that its writer left in whatever way."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import memgpt

from tests.conftest import check_request
from tests.crash.chat import Chat, Places


class Expected:
    """What was acknowledged so far, of one agent in one file."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.steps = 0
        self.passages = 0
        self.blocks: dict[str, str] = {}
        self.words: list[str] = []

    def add(self, ack: dict[str, Any]) -> None:
        if "ids" not in ack:
            return
        assert ack["from"] <= len(self.ids)
        self.ids[ack["from"] :] = ack["ids"]
        self.steps, self.passages = ack["steps"], ack["passages"]
        self.blocks = ack["blocks"]
        if "word" in ack:
            self.words.append(ack["word"])


def check_file(path: Path, expected: Expected, world: Path | None = None) -> Expected:
    """Opens the file, checks it, sends the next message; gives what is there now."""
    with memgpt.open(path) as home:
        assert home.check() == []
        found = _check_agent(home, expected)
        assert home.check() == []
    _check_tables(path, world)
    return found


def _check_agent(home: memgpt.Home, expected: Expected) -> Expected:
    if expected.steps == 0 and not home.agents():
        return expected
    agent = home.agent("sam")
    steps = agent.steps()
    assert len(steps) >= expected.steps, "an acknowledged step is lost"
    log = agent.recall.messages(0, 1_000_000)
    ids = [message.id for message in log]
    assert ids[: len(expected.ids)] == expected.ids, "an acknowledged message is lost"
    assert [message.position for message in log] == list(range(len(log)))
    assert len(agent.archival) >= expected.passages
    if len(steps) == expected.steps:
        blocks = {label: agent.memory[label].value for label in agent.memory}
        assert blocks == expected.blocks
    _check_replay(agent)
    for word in expected.words[-3:]:
        assert any(word in hit.message.text for hit in agent.recall.search(word)), word
    return _check_next(home, expected)


def _check_replay(agent: memgpt.Agent) -> None:
    replay = agent.replay()
    assert replay.first_divergence is None, repr(replay)
    assert [step.seq for step in agent.steps()] == list(range(1, len(agent.steps()) + 1))


def _check_next(home: memgpt.Home, expected: Expected) -> Expected:
    """The next message is answered, and every call has its return then."""
    chat = Chat(home, Places(), Path())
    answer = chat.send("afterwards")
    assert answer["said"].startswith("Answer afterwards")
    context = chat.model.last_context
    assert context is not None
    check_request(context.to_request())
    check_log(chat.agent.recall.messages(0, 1_000_000))
    _check_replay(chat.agent)
    assert chat.agent.recall.search("afterwards", roles=["user"])
    passages = len(chat.agent.archival)
    hits = chat.agent.archival.search("Passage", limit=1_000)
    assert len(hits) == min(passages, 1_000)
    found = Expected()
    found.words = expected.words
    log = chat.agent.recall.messages(0, 1_000_000)
    found.add({"from": 0, "ids": [message.id for message in log], **chat.state()})
    return found


def check_log(log: list[memgpt.Message]) -> None:
    """Each call has one return, after it and before anything else is said."""
    open_calls = Counter[str]()
    for message in log:
        if message.role == "tool":
            assert open_calls[message.tool_call_id] == 1, "a return without its call"
            del open_calls[message.tool_call_id]
        else:
            assert not open_calls, "a call without its return"
            open_calls.update(call.id for call in message.tool_calls)
    assert not open_calls, "a call without its return"


def _check_tables(path: Path, world: Path | None) -> None:
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    intents = Counter(row[0] for row in db.execute("SELECT call_id FROM tool_run"))
    assert all(rows == 2 for rows in intents.values()), "an intent without a result, or two"
    started = "\n".join(row[0] for row in db.execute("SELECT arguments FROM tool_run"))
    db.close()
    if world is None or not world.exists():
        return
    effects = Counter(world.read_text().split())
    for word, times in effects.items():
        assert times == 1 or word == "nowhere", "a call with outside effects was run twice"
        assert f'"{word}"' in started, "something happened outside, and the journal does not know"
