"""An agent in a file of its own: out of one home, into another, and nothing is lost on the way."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import memgpt
import numpy as np
import pytest
from memgpt.errors import (
    AlreadyExists,
    ConfigError,
    InvalidInput,
    NewerVersion,
    NotADatabase,
    StoreError,
    Unbound,
)
from memgpt.memory import BaseMemory, ChatMemory, MemoryModule

from tests.conftest import CheckedLLM, check_replay


@memgpt.tool
def ship(where: str) -> str:
    """Ship a parcel.

    Args:
        where: to.
    """
    return f"shipped to {where}"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[memgpt.Home]:
    with memgpt.open(tmp_path / "elsewhere.db", durability="process") as home:
        yield home


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sam.memgpt"


def lived(kit: Any, name: str = "sam", **options: Any) -> memgpt.Agent:
    """An agent with a bit of everything: edits, evictions, a tool, passages, tags, undone lines."""
    options = {"context_window": 3584, "tools": [ship], **options}
    agent = kit.agent([], name=name, **options)
    script = iter(
        [
            kit.call("core_memory_append", name="human", content="Lives in Turin."),
            kit.say("Turin, noted."),
            kit.call("ship", where="Oslo"),
            kit.say("It is on its way."),
            kit.call("archival_memory_insert", content="The bridge was built in 1903."),
            kit.say("Filed."),
        ]
    )
    kit.llm.script = lambda context: next(script, kit.say("Well, that is " + "so " * 40))
    agent.send("I live in Turin.", name="Ann")
    agent.save("early")
    agent.send("Ship it to Oslo, please.")
    agent.send("Keep the year of the bridge.")
    for i in range(12):
        agent.send(f"Story {i} of the lantern and the goose: " + "it went on and on " * 20)
    first = agent.archival.insert("A goose walked over the bridge.", tags=["goose"], source="book")
    agent.archival.insert("The lantern was green.", metadata={"page": 7})
    gone = agent.archival.insert("To be deleted.")
    agent.archival.update(first.id, text="A goose flew over the bridge.")
    agent.archival.delete(gone.id)
    agent.recall.import_transcript(
        [{"speaker": "Ben", "text": "The orchard is old.", "time": "2023-05-08T13:56", "id": "1"}]
    )
    agent.send("Forget this one.")
    agent.undo()
    agent.send("Rather this one.")
    agent.pin(agent.window[-1])
    agent.send("And this, which is undone.")
    agent.undo()
    return agent


QUERIES = ["bridge", "goose", "lantern green", "Turin", '"on and on"', "orchard", "story 7"]


def answers(agent: memgpt.Agent) -> dict[str, Any]:
    """What an agent tells of itself, without the ids that a home gives."""
    return {
        "context": agent.context().to_request(),
        "spans": [(span.kind, span.text, span.tokens) for span in agent.context().spans],
        "past": [agent.context(step.seq).to_request() for step in agent.steps() if step.digest],
        "recall": [
            [(h.message.text, h.score, h.snippet) for h in agent.recall.search(q)] for q in QUERIES
        ],
        "archival": [
            [
                (h.passage.id, h.passage.text, h.score, h.passage.tags, h.passage.metadata)
                for h in agent.archival.search(q)
            ]
            for q in ["", *QUERIES]
        ],
        "log": [
            (m.role, m.name, m.text, m.time, m.position, m.tool_call_id, m.source_id)
            for m in agent.recall.messages(0, 10_000)
        ],
        "blocks": {label: agent.memory[label].value for label in agent.memory},
        "tags": [(tag.name, tag.head.seq) for tag in agent.tags()],
        "branches": len(agent.branches()),
        "summaries": [(s.text, s.author) for s in agent.summaries()],
        "steps": [(s.seq, s.kind, s.author, s.digest, s.time_us) for s in agent.steps()],
        "pins": agent.pinned,
        "config": agent.config,
    }


def taken_in(home: memgpt.Home, file: Path, name: str | None = None) -> memgpt.Agent:
    """Imported, with its model and its tool bound as in :func:`lived`: no step is made for that."""
    agent = home.import_agent(file, name)
    steps = len(agent.steps())
    agent = home.agent(agent.name, model=CheckedLLM([]), tools=[ship])
    assert agent.unbound == [] and len(agent.steps()) == steps
    return agent


def walk(agent: memgpt.Agent) -> list[Any]:
    """Undo, redo, and a tag: where the agent stands after each, and what it has then."""
    seen = []
    for move in (
        lambda: agent.redo(),
        lambda: agent.undo(2),
        lambda: agent.load("early"),
        lambda: agent.redo(),
    ):
        moved = move()
        seen.append((moved.to_head.seq, moved.messages, len(agent.recall), len(agent.archival)))
    return seen


def test_it_is_the_same_agent_elsewhere(kit: Any, other: memgpt.Home, file: Path) -> None:
    agent = lived(kit)
    before = answers(agent)
    agent.export(file)
    there = taken_in(other, file)
    assert there.name == "sam" and there.id == agent.id
    assert answers(there) == before
    assert [m.id for m in there.recall.messages(0, 9999)] == [
        m.id for m in agent.recall.messages(0, 9999)
    ]
    replay = there.replay()
    assert replay.first_divergence is None and replay.steps == agent.replay().steps > 15
    assert walk(there) == walk(agent)
    assert other.check(replay=True) == []
    assert answers(agent) == answers(there)
    llm = CheckedLLM([kit.call("ship", where="Rome"), kit.say("Done.")])
    there = other.agent("sam", model=llm)
    assert there.send("Ship it to Rome.").text == "Done."
    kit.still_answers(there, llm)


def test_the_file_is_a_home_of_its_own(kit: Any, file: Path, other: memgpt.Home) -> None:
    agent = lived(kit)
    kit.home.create_agent("ann", model=CheckedLLM([])).archival.insert("Nobody's but Ann's.")
    agent.export(file)
    assert b"but Ann" not in file.read_bytes()
    with memgpt.open(file) as home:
        assert home.agents() == ["sam"]
        assert home.check(replay=True) == []
        there = home.agent("sam", model=CheckedLLM([]), tools=[ship])
        assert answers(there) == answers(agent)
    # It was looked at, and nothing was changed in it.
    assert answers(taken_in(other, file)) == answers(agent)
    with memgpt.open(file) as home:
        home.agent("sam").archival.insert("Written there.")
    with pytest.raises(StoreError, match=r"not as it was exported.*opened as a home"):
        other.import_agent(file, name="again")
    with memgpt.open(file) as home:
        home.agent("sam").export(file.with_name("again.memgpt"))
    again = other.import_agent(file.with_name("again.memgpt"), name="again")
    assert again.archival.search("")[0].passage.text == "Written there."


def test_back_into_the_home_that_it_came_from(kit: Any, file: Path) -> None:
    """Ids of messages are unique in a file: the copy's are others, wherever they are named."""
    agent = lived(kit)
    agent.export(file)
    before = answers(agent)
    with pytest.raises(AlreadyExists, match="name="):
        kit.home.import_agent(file)
    copy = taken_in(kit.home, file, "sam II")
    assert copy.name == "sam II" and copy.id != agent.id
    assert answers(copy) == before == answers(agent)
    assert walk(copy) == walk(agent)
    own = {m.id for m in agent.recall.messages(0, 9999)}
    assert not own & {m.id for m in copy.recall.messages(0, 9999)}
    # Neither sees what the other does from now on.
    copy.archival.insert("The copy's alone.")
    copy.memory["human"].value = "Somebody else."
    assert not any("alone" in h.passage.text for h in agent.archival.search("copy alone"))
    assert agent.memory["human"].value != "Somebody else."
    check_replay(kit.home)
    # And once more, the copy of the copy.
    copy.export(file, overwrite=True)
    third = taken_in(kit.home, file, "third")
    assert answers(third) == answers(copy)
    kit.home.delete_agent("sam")
    kit.home.purge(deleted=True)
    assert answers(third) == answers(copy)
    check_replay(kit.home)


def test_a_fork_takes_what_was_before_it(kit: Any, other: memgpt.Home, file: Path) -> None:
    agent = lived(kit)
    fork = agent.fork("fork", at=20)
    agent.send("Only the first one hears this.")
    fork.archival.insert("Only the fork files this.")
    fork.save("forked")
    before = answers(fork)
    fork.export(file)
    assert b"first one hears" not in file.read_bytes()
    there = taken_in(other, file)
    assert other.agents() == ["fork"]
    assert answers(there) == before
    assert there.undo().to_head.seq == fork.undo().to_head.seq
    assert there.redo().to_head.seq == fork.redo().to_head.seq
    # Its parent may come later, and is another agent then.
    agent.export(file, overwrite=True)
    parent = taken_in(other, file)
    assert answers(parent) == answers(agent)
    assert answers(there) == before
    check_replay(other)
    # And a fork of which nobody knows the parent any more.
    kit.home.delete_agent("sam")
    kit.home.purge(deleted=True)
    fork.export(file, overwrite=True)
    assert answers(taken_in(other, file, "orphan")) == before
    check_replay(other)


def test_many_homes_into_one(kit: Any, other: memgpt.Home, file: Path, tmp_path: Path) -> None:
    """Numbers of rows are others in each file."""
    kept = {}
    for i in range(3):
        with memgpt.open(tmp_path / f"home{i}.db", durability="process") as home:
            kit.home = home
            for j in range(i):
                lived(kit, name=f"before{j}")
            agent = lived(kit)
            agent.export(file, overwrite=True)
            kept[f"sam{i}"] = answers(agent)
        taken_in(other, file, f"sam{i}")
    for name, before in kept.items():
        assert answers(other.agent(name)) == before
    check_replay(other)


def test_what_a_purge_destroyed_is_not_in_the_file(
    kit: Any, other: memgpt.Home, file: Path
) -> None:
    agent = lived(kit)
    lived(kit, name="another").send("unrelated-secret")
    kit.home.purge(text="unrelated-secret")
    kit.home.purge(text="I live in Turin.")
    agent.export(file)
    content = file.read_bytes()
    assert b"I live in Turin." not in content and b"unrelated-secret" not in content
    lived(kit, name="third")
    other.create_agent("x", model=CheckedLLM([])).archival.insert("other-secret")
    other.purge(text="other-secret")
    there = other.import_agent(file)
    assert answers(there)["log"] == answers(agent)["log"]
    purges = [purge.what for purge in other.purges()]
    assert len(purges) == 2 and "16 characters" in purges[1]
    assert all(purge.compacted for purge in other.purges())
    assert there.replay().first_divergence is None
    assert [s.purged for s in there.steps() if s.purged] == [2 for s in agent.steps() if s.purged]
    assert kit.home.import_agent(file, name="again").replay().first_divergence is None
    assert len(kit.home.purges()) == 2
    check_replay(other)


def test_a_purge_finds_what_came_along(kit: Any, other: memgpt.Home, file: Path) -> None:
    lived(kit).export(file)
    there = other.import_agent(file)
    assert other.purge(text="shipped to").configurations == 1
    assert (
        "shipped to" not in there.tool_sources["ship"] and "def ship" in there.tool_sources["ship"]
    )
    other.delete_agent("sam")
    other.purge(deleted=True)
    assert b"def ship" not in Path(other.path).read_bytes()


@pytest.mark.parametrize("seen_after", [False, True])
def test_shared_blocks(kit: Any, other: memgpt.Home, file: Path, seen_after: bool) -> None:
    block = kit.home.create_block("plan", "Meet at noon.")
    a = kit.agent(lambda context: kit.say("yes"))
    b = kit.home.create_agent("b", model=CheckedLLM(lambda context: kit.say("no")))
    a.memory.attach(block)
    b.memory.attach(block)
    a.send("Anything planned?")
    b.memory["plan"].value = "Meet at one."
    a.memory["plan"].value = "Meet at two."
    if seen_after:
        a.send("And now?")
    b.memory["plan"].value = "Meet at three."
    before = answers(a)
    a.export(file)
    there = other.import_agent(file)
    assert answers(there) == before and there.memory["plan"].value == "Meet at three."
    assert there.memory["plan"].shared
    (shared,) = other.blocks()
    values = [version.value for version in there.memory["plan"].history()]
    assert values == ["Meet at noon.", "Meet at one.", "Meet at two.", "Meet at three."]
    # Where its versions are there already it is the same block, ...
    again = other.import_agent(file, name="again")
    assert len(other.blocks()) == 1
    again.memory["plan"].value = "Meet at four."
    assert there.memory["plan"].value == shared.value == "Meet at four."
    # ... and else another one, with what it held.
    late = other.import_agent(file, name="late")
    assert len(other.blocks()) == 2
    assert answers(late)["blocks"] == before["blocks"] and answers(late)["past"] == before["past"]
    late.memory["plan"].value = "Meet at five."
    assert there.memory["plan"].value == "Meet at four."
    check_replay(other)


class Diary(BaseMemory):
    """A memory of one's own."""

    def __init__(self) -> None:
        self.memory = {"diary": MemoryModule("Nothing yet.", limit=500)}

    def write_diary(self, line: str) -> None:
        """Write a line.

        Args:
            line: to write.
        """
        self.memory["diary"].value += "\n" + line


class Words(memgpt.TokenCounter):
    """Counts words."""

    def __init__(self) -> None:
        self.name = "words"

    def count(self, text: str) -> int:
        return len(text.split())


class Letters(memgpt.Embedder):
    """Counts letters."""

    name = "letters"
    dimension = 26

    def embed(self, texts: list[str]) -> Any:
        rows = [[1.0 + text.lower().count(chr(97 + i)) for i in range(26)] for text in texts]
        return np.array(rows, dtype=np.float32)


class Calm(memgpt.MemoryPolicy):
    """Keeps the newest half."""

    def fit(self, window: memgpt.PolicyWindow) -> memgpt.Decision:
        return memgpt.Decision(keep=[(len(window.tokens) // 2, len(window.tokens))])


def test_parts_that_a_program_brought_are_unbound(kit: Any, other: memgpt.Home, file: Path) -> None:
    agent = lived(kit, memory=Diary(), embedding=Letters(), tools=[ship])
    script = iter([kit.call("write_diary", line="Rain."), kit.say("Written.")])
    kit.llm.script = lambda context: next(script)
    agent.send("Write that it rains.")
    log = answers(agent)["log"]
    agent.export(file)
    there = other.import_agent(file)
    assert len(there.unbound) >= 3 and "ship" in str(there.unbound)
    with pytest.raises(Unbound):
        there.send("Hello?")
    assert "Rain." in there.memory["diary"].value
    assert answers_without_vectors(there) == answers_without_vectors(agent)
    assert set(there.tool_sources) == {"ship", f"{__name__}.Diary"}
    assert 'return f"shipped to {where}"' in there.tool_sources["ship"]
    assert there.tool_sources["ship"].startswith("@memgpt.tool\ndef ship")
    assert "def write_diary" in there.tool_sources[f"{__name__}.Diary"]
    llm = CheckedLLM(lambda context: kit.say("Here."))
    there = other.agent("sam", model=llm, memory=Diary, embedding=Letters(), tools=[ship])
    assert there.unbound == []
    assert [h.passage.text for h in there.archival.search("a goose")] == [
        h.passage.text for h in agent.archival.search("a goose")
    ]
    assert answers(there)["log"] == log
    # Sources go along with the next export, also where their tools are not bound.
    other.agent("sam").export(file, overwrite=True)
    assert kit.home.import_agent(file, name="back").tool_sources["ship"].startswith("@memgpt.tool")
    agent.export(file, overwrite=True, sources=False)
    assert kit.home.import_agent(file, name="silent").tool_sources == {}


def answers_without_vectors(agent: memgpt.Agent) -> dict[str, Any]:
    steps = [(s.seq, s.kind, s.digest) for s in agent.steps()]
    return {"log": len(agent.recall), "steps": steps, "archival": len(agent.archival)}


def test_a_counter_of_ones_own(kit: Any, other: memgpt.Home, file: Path) -> None:
    class Model(CheckedLLM):
        tokenizer = Words()

    llm = Model(lambda context: kit.say("So many words."), context_window=4000)
    agent = kit.home.create_agent("sam", model=llm)
    agent.send("Count this, please.")
    agent.export(file)
    there = other.import_agent(file)
    assert there.config["tokenizer"] == "words"
    replay = there.replay()
    assert replay.first_divergence is None and any("words" in line for line in replay.unchecked)
    there = other.agent("sam", model=Model(lambda context: kit.say("Again."), context_window=4000))
    there.send("And now?")
    replay = there.replay()
    assert replay.first_divergence is None and replay.unchecked == []


def test_no_key_is_in_the_file(
    kit: Any, other: memgpt.Home, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    home = kit.home
    home.create_agent("handle", model="openai/gpt-4.1")
    model = memgpt.OpenAICompatible("llama", base_url="http://127.0.0.1:9/v1", api_key="sk-given")
    home.create_agent("object", model=model, summarizer=model)
    for name in ("handle", "object"):
        home.agent(name).export(file, overwrite=True)
        content = file.read_bytes()
        assert b"sk-" not in content
        assert other.import_agent(file).config["model"] == home.agent(name).config["model"]


HOSTILE = [
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "a\x01b\u202e",
    "a'; DROP TABLE x;--",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_only_names(
    kit: Any, other: memgpt.Home, file: Path, name: str, tmp_path: Path
) -> None:
    agent = kit.agent(lambda context: kit.say(name), name=name)
    agent.send(name, name=name)
    agent.save(name)
    agent.archival.insert(name, tags=[name], metadata={name: name})
    agent.fork(name + "2")
    before = sorted(path for path in tmp_path.rglob("*"))
    agent.export(file)
    there = other.import_agent(file)
    assert sorted(path for path in tmp_path.rglob("*") if path != file) == before
    assert there.name == name and answers(there) == answers(agent)
    assert "<script>" not in there._repr_html_() + there.context()._repr_html_()


def test_the_target_is_whole_or_as_it_was(kit: Any, file: Path, tmp_path: Path) -> None:
    agent = kit.agent([])
    file.write_bytes(b"mine")
    with pytest.raises(AlreadyExists, match="overwrite=True"):
        agent.export(file)
    assert file.read_bytes() == b"mine"
    agent.export(file, overwrite=True)
    assert file.read_bytes().startswith(b"SQLite format 3")
    with pytest.raises(StoreError, match="folder"):
        agent.export(tmp_path / "none" / "x.memgpt")
    with pytest.raises(StoreError, match="name of a file"):
        agent.export(tmp_path, overwrite=True)
    with pytest.raises(AlreadyExists, match="opened as a home"):
        agent.export(kit.home.path, overwrite=True)
    with pytest.raises(ConfigError):
        agent.export("a\0b")
    with pytest.raises(InvalidInput, match="as it was"):
        agent.at(1).export(tmp_path / "past.memgpt")
    kit.home.delete_agent("sam")
    with pytest.raises(memgpt.AgentNotFound):
        agent.export(tmp_path / "gone.memgpt")
    assert {path.name for path in tmp_path.iterdir() if "memgpt" in path.name} == {"sam.memgpt"}


def test_a_link_stays_a_link(kit: Any, file: Path, tmp_path: Path, other: memgpt.Home) -> None:
    agent = kit.agent([])
    link = tmp_path / "link.memgpt"
    link.symlink_to(file)
    agent.export(link)
    assert link.is_symlink() and file.is_file()
    assert other.import_agent(link).name == "sam"


def test_an_agent_that_is_being_talked_to(kit: Any, other: memgpt.Home, tmp_path: Path) -> None:
    agent = kit.agent(lambda context: kit.say("And so on."))
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            agent.send("Go on.")

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        for i in range(5):
            agent.export(tmp_path / f"{i}.memgpt")
    finally:
        stop.set()
        talker.join()
    sizes = [len(other.import_agent(tmp_path / f"{i}.memgpt", str(i)).recall) for i in range(5)]
    assert sizes == sorted(sizes) and sizes[-1] <= len(agent.recall)
    check_replay(other)


def test_inside_of_a_tool(kit: Any, other: memgpt.Home, file: Path) -> None:
    """What was committed is exported: the input, and the call that is under way."""

    def back_up(agent: memgpt.Agent) -> str:
        """Write a copy of yourself."""
        agent.export(file)
        return "written"

    agent = kit.agent([kit.call("back_up"), kit.say("Done.")], tools=[back_up])
    agent.send("Back up.")
    there = other.import_agent(file)
    assert there.recall.messages(0, 9)[0].text == "Back up."
    llm = CheckedLLM([kit.say("Here.")])
    kit.still_answers(other.agent("sam", model=llm, tools=[back_up]), llm)


def test_every_table_goes_along_or_stays_for_a_reason(kit: Any, file: Path) -> None:
    """A table that is added has to be thought of."""
    lived(kit).export(file)
    with closing(sqlite3.connect(file)) as db:
        tables = [
            name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")
        ]
        filled = {t for t in tables if db.execute(f"SELECT count(*) FROM {t}").fetchone()[0]}
    assert {t for t in tables if not t.startswith("sqlite_")} - filled == {
        "purge", "shared_block", "archive_commit",  # tested by themselves
        "staged_vector", "store_changed", "store_progress", "vector_epoch",  # of this home
    }  # fmt: skip


def changed(file: Path, sql: str, reseal: bool = False) -> Path:
    """A copy that was edited by hand; ``reseal``: by somebody who knows about the digest."""
    copy = file.with_name("edited.memgpt")
    shutil.copyfile(file, copy)
    with closing(sqlite3.connect(copy)) as db, db:
        assert db.executescript(sql) is not None
        if reseal:
            db.execute("UPDATE manifest SET digest = ?", (digest(db),))
    return copy


def digest(db: sqlite3.Connection) -> str:
    """The manifest's digest, as cpp/store/export_file.h describes it."""
    import hashlib

    (schema,) = db.execute("PRAGMA user_version").fetchone()
    out = hashlib.sha256(f"schema {schema}\n".encode())
    names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    for (table,) in db.execute(names).fetchall():
        if table == "manifest" or table.startswith("sqlite_"):
            continue
        info = db.execute(f"PRAGMA table_info({table})").fetchall()
        columns = ",".join(row[1] for row in info)
        key = ",".join(row[1] for row in sorted(info, key=lambda row: row[5]) if row[5])
        out.update(f"{table}({columns})\n".encode())
        for row in db.execute(f"SELECT {columns} FROM {table} ORDER BY {key}"):
            for value in row:
                if value is None:
                    out.update(b"n")
                elif isinstance(value, int):
                    out.update(f"i{value};".encode())
                else:
                    data = value.encode() if isinstance(value, str) else value
                    kind = "t" if isinstance(value, str) else "b"
                    out.update(f"{kind}{len(data)}:".encode() + data)
            out.update(b"\n")
    return out.hexdigest()


def test_the_digest_is_the_one_that_is_described(kit: Any, file: Path) -> None:
    lived(kit).export(file)
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT digest FROM manifest").fetchall() == [(digest(db),)]


EDITS = [
    "UPDATE message SET text = text || '!' WHERE position = 3",
    "UPDATE embedding SET vector = zeroblob(length(vector))",
    "UPDATE agent SET head_seq = head_seq - 1",
    "UPDATE agent SET archive = 'agent-nobody'",
    "UPDATE config SET json = replace(json, 'max_steps', 'min_steps')",
    "UPDATE tool_source SET source = 'import os'",
    "UPDATE tag SET seq = seq + 1",
    "DELETE FROM pin",
    "DELETE FROM passage WHERE id = 1",
    "DELETE FROM step WHERE seq = 4",
    "INSERT INTO purge(id, time_us, what) VALUES(9, 9, 'x')",
    "UPDATE window SET summary = 99 WHERE summary IS NOT NULL",
    "PRAGMA user_version = 7",
    "DELETE FROM manifest",
    "UPDATE manifest SET agent_id = 'agent-nobody'",
    "INSERT INTO manifest VALUES('agent-2', 1, 'x')",
    "CREATE VIEW v AS SELECT 1",
    "DROP INDEX message_time",
    "CREATE TRIGGER t AFTER INSERT ON message BEGIN DELETE FROM step; END",
    "UPDATE message SET text = x'ff00'",
    "UPDATE message SET tokens = 'many'",
    "UPDATE message SET text = CAST(x'c328' AS TEXT)",
]  # fmt: skip


@pytest.mark.parametrize("sql", EDITS)
def test_what_was_edited_is_refused(kit: Any, other: memgpt.Home, file: Path, sql: str) -> None:
    lived(kit).export(file)
    with pytest.raises(StoreError) as caught:
        other.import_agent(changed(file, sql))
    assert str(file.with_name("edited.memgpt")) in str(caught.value) and ";" in str(caught.value)
    assert other.agents() == [] and other.check() == []


RESEALED = [
    "UPDATE message SET text = text || '!' WHERE position = 3",
    "UPDATE message SET position = position + 1000",
    "UPDATE agent SET head_seq = head_seq + 1",
    "UPDATE agent SET head_branch = 99",
    "UPDATE branch SET parent = id",
    "UPDATE branch SET parent = NULL, parent_seq = NULL",
    "UPDATE branch SET first_position = 4611686018427387904",
    "UPDATE config SET json = '{'",
    "UPDATE config SET agent_id = 'agent-nobody'",
    "DELETE FROM agent",
    "UPDATE agent SET deleted_us = 1",
    "INSERT INTO agent SELECT 'agent-2', 'second', created_us, NULL, head_branch, head_seq, "
    "line_branch, line_seq, archive, kind FROM agent",
    "UPDATE agent SET name = ''",
    "UPDATE agent SET kind = 'archive'",
    "UPDATE window SET summary = 99 WHERE summary IS NOT NULL",
    "UPDATE window SET ranges = '[[0,'",
    "UPDATE summary SET replaces = 99",
    "UPDATE passage SET branch = 77",
    "UPDATE passage SET archive = 'agent-nobody'",
    "UPDATE embedding SET passage = passage + 1000",
    "UPDATE embedding SET dimension = 3",
    "UPDATE retirement SET target = 999",
    "UPDATE retirement SET kind = 'message'",
    "UPDATE tag SET branch = 99",
    "UPDATE pin SET position = 9999",
    "UPDATE step SET purged = 5",
    "UPDATE step SET content = NULL",
    "DELETE FROM message WHERE role = 'tool'",
    "UPDATE message SET tool_calls = 'x'",
    "UPDATE message SET role = 'emperor'",
    "UPDATE block SET shared = 3",
    "UPDATE message SET id = id + 9223372036854700000",
    "UPDATE tool_source SET source = '<script>alert(1)</script>'",
    "UPDATE tag SET name = '<script>'",
    "UPDATE agent SET created_us = -9223372036854775807",
    "INSERT INTO staged_vector VALUES('x', x'00', x'00')",
]  # fmt: skip


@pytest.mark.parametrize("sql", RESEALED)
def test_what_was_forged_is_refused_or_does_no_harm(
    kit: Any, other: memgpt.Home, file: Path, sql: str
) -> None:
    """By somebody who made the digest anew: what is imported keeps all promises, or nothing is."""
    resident = other.create_agent("resident", model=CheckedLLM(lambda context: kit.say("Mine.")))
    resident.send("Are you there?")
    resident.archival.insert("A resident's passage.")
    before = answers(resident)
    lived(kit).export(file)
    try:
        there = other.import_agent(changed(file, sql, reseal=True))
    except memgpt.Error as error:
        assert ";" in str(error) or isinstance(error, ConfigError), error
        assert other.agents() == ["resident"]
    else:
        llm = CheckedLLM([])
        there = other.agent(there.name, model=llm, tools=[ship])
        answers(there)
        str(there), repr(there), there._repr_html_()
        kit.still_answers(there, llm)
    assert answers(resident) == before
    check_replay(other)


def test_from_the_future(kit: Any, other: memgpt.Home, file: Path) -> None:
    kit.agent([]).export(file)
    for reseal in (False, True):
        with pytest.raises(NewerVersion, match="upgrade memgpt"):
            other.import_agent(changed(file, "PRAGMA user_version = 99", reseal))


@pytest.mark.parametrize(
    "content", [b"", b"x", b"SQLite format 3\0", b"\0" * 5000, b"PK\x03\x04" + b"z" * 500, b"{}"]
)
def test_what_is_no_export(other: memgpt.Home, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(NotADatabase):
        other.import_agent(file)


def test_other_files(kit: Any, other: memgpt.Home, file: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        other.import_agent(tmp_path / "not there.memgpt")
    with pytest.raises(StoreError, match="no file"):
        other.import_agent(tmp_path)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE message(id)")
    with pytest.raises(NotADatabase, match="another program"):
        other.import_agent(file)
    kit.agent([])
    kit.home.close()
    with pytest.raises(StoreError, match=r"memgpt.open\(\)"):
        other.import_agent(kit.home.path)
    with pytest.raises(ConfigError):
        other.import_agent(file, name="")
    assert other.agents() == []


def damaged(content: bytes, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    data = bytearray(content)
    if seed % 3 == 0:
        return bytes(data[: int(rng.integers(0, len(data)))])
    for _ in range(int(rng.integers(1, 9))):
        at = int(rng.integers(0, len(data)))
        data[at] ^= int(rng.integers(1, 256))
    if seed % 3 == 1:
        at = int(rng.integers(0, len(data) // 4096)) * 4096
        data[at : at + 4096] = rng.bytes(4096)
    return bytes(data)


def damage(kit: Any, other: memgpt.Home, file: Path, seeds: range) -> None:
    agent = lived(kit)
    agent.export(file)
    before = answers(agent)
    content = file.read_bytes()
    refused = 0
    for seed in seeds:
        file.write_bytes(damaged(content, seed))
        try:
            there = taken_in(other, file)
        except StoreError:
            refused += 1
            continue
        # In a page that is free, or a byte that says nothing.
        assert answers(there) == before, seed
        other.delete_agent("sam")
    assert refused > len(seeds) * 3 // 4
    file.write_bytes(content)
    assert answers(taken_in(other, file)) == before
    check_replay(other)


def test_damaged_files(kit: Any, other: memgpt.Home, file: Path) -> None:
    damage(kit, other, file, range(40))


@pytest.mark.slow
def test_a_thousand_damaged_files(kit: Any, other: memgpt.Home, file: Path) -> None:
    damage(kit, other, file, range(100, 1100))


def test_stock_parts_bind_themselves(kit: Any, other: memgpt.Home, file: Path) -> None:
    agent = kit.home.create_agent("sam", memory=ChatMemory(persona="I am Sam.", human="Chad."))
    agent.send("My name is Ada and I live in Turin.")
    agent.export(file)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        there = other.import_agent(file)
    assert there.unbound == [] and there.tool_sources == {}
    assert "Turin" in there.send("Where do I live?").text
    assert json.dumps(there.config) == json.dumps(agent.config)
