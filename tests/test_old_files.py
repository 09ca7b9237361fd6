"""Files that older versions wrote, each by the last commit that had the schema.

The agent ``old`` (ScriptedLLM, o200k_base, window 3,584) has a tool with outside effects, an edit
by the user, evictions and a passage; since schema 2 an imported message, since schema 4 a pin,
since schema 5 a tag, an undone turn and a fork.
"""

from __future__ import annotations

import gzip
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import memgpt
import pytest

FILES = Path(__file__).parent / "files"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    return unpack(2, path)


def unpack(schema: int, path: Path) -> Path:
    path.write_bytes(gzip.decompress((FILES / f"schema-{schema}.db.gz").read_bytes()))
    return path


def pay(amount: int) -> str:
    """Pay.

    Args:
        amount: of coins.
    """
    return f"paid {amount}"


def test_its_history_is_made_again(old: Path) -> None:
    """But for the contexts, which another version of the compiler made."""
    with memgpt.open(old) as home:
        agent = home.agent("old")
        replay = agent.replay()
        assert replay.first_divergence is None
        assert (replay.commits, replay.steps) == (38, 19)
        told = "\n".join(replay.unchecked)
        assert len(replay.unchecked) == 2 and "before schema 3" in told
        assert "contexts of compiler version 1" in told
        assert all(step.correction == 0 and step.unbound_tools == [] for step in agent.steps())


def test_it_goes_on(old: Path, kit: Any) -> None:
    with memgpt.open(old) as home:
        agent = home.agent("old", model=(llm := kit.LLM([kit.say("Here.")])), tools=[pay])
        assert agent.send("Are you there?").text == "Here."
        assert "Lives in Turin, walks." in str(llm.last_context)
        assert agent.config["tokenizer"] == "o200k_base"
        assert len(agent.recall) == 59
        kit.still_answers(agent, llm)
        replay = agent.replay()
        assert replay.first_divergence is None and replay.steps == 21


def test_under_another_tokenizer(old: Path, kit: Any) -> None:
    """The window is counted anew, each step by its own."""
    llm = kit.LLM([kit.say("Here.")])
    llm.tokenizer = "cl100k_base"
    counter = memgpt.TokenCounter("cl100k_base")
    with memgpt.open(old) as home:
        agent = home.agent("old", model=llm, tools=[pay])
        agent.send("Are you there?")
        for span in llm.last_context.spans:
            if span.kind in ("message", "tool_return", "tool_schema"):
                assert span.tokens == counter.count(span.text)
        assert agent.replay().first_divergence is None
        names = [step.tokenizer for step in agent.steps() if step.digest]
        assert names == ["o200k_base"] * 19 + ["cl100k_base"]


SCHEMAS = [int(re.findall(r"\d+", path.name)[0]) for path in sorted(FILES.glob("schema-*.db.gz"))]


def test_there_is_a_file_of_every_schema_before_this_one(tmp_path: Path) -> None:
    with memgpt.open(tmp_path / "new.db"), closing(sqlite3.connect(tmp_path / "new.db")) as db:
        (newest,) = db.execute("PRAGMA user_version").fetchone()
    assert list(range(1, newest)) == SCHEMAS


@pytest.mark.parametrize("schema", SCHEMAS)
def test_each_is_migrated_sound_and_goes_on(schema: int, tmp_path: Path, kit: Any) -> None:
    path = unpack(schema, tmp_path / "old.db")
    with closing(sqlite3.connect(path)) as db:
        before = [db.execute("PRAGMA user_version").fetchone()[0], *counted(db)]
    with memgpt.open(path) as home, closing(sqlite3.connect(path)) as db:
        assert [schema, *counted(db)] == before
        assert home.check(replay=True) == []
        agent = home.agent("old", model=(llm := kit.LLM([kit.say("Here.")])), tools=[pay])
        assert len(agent.archival) == 1 and len(agent.archival.search("the")) == 1
        assert agent.recall.search(agent.recall.messages(0, 1)[0].text)
        assert agent.send("Are you there?").text == "Here."
        assert "Lives in Turin, walks." in str(llm.last_context)
        # What came with later schemas works on what was written before.
        agent.recall.import_transcript(
            [{"speaker": "Ann", "text": "New.", "id": "n1", "time": "2023-05-09"}]
        )
        agent.memory.attach(home.create_block("plan", "Shared."))
        agent.save("here")
        fork = agent.fork("other fork", at=5)
        assert fork.memory["human"].value in ("", "Lives in Turin, walks.")
        agent.undo(3)
        agent.redo(3)
        assert max(len(agent.memory[label].history()) for label in agent.memory) > 1
        kit.still_answers(agent, llm)
        assert home.check(replay=True) == []
        if schema >= 5:
            assert [tag.name for tag in agent.tags()] == ["before", "here"]
            assert "I am the fork." in [m.text for m in home.agent("fork").window]


def counted(db: sqlite3.Connection) -> list[int]:
    names = ("step", "message", "block", "passage", "summary", "tool_run")
    return [db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names]
