"""An agent in a file of its own: out of one home, into another, and nothing is lost on the way."""

from __future__ import annotations

import json
import sqlite3
import threading
import warnings
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
    StoreError,
    Unbound,
)
from memgpt.memory import BaseMemory, ChatMemory, MemoryModule

from tests.conftest import CheckedLLM, check_replay
from tests.export_checks import answers, digest, lived, ship, taken_in


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sam.memgpt"


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
    with pytest.raises(AlreadyExists, match="no export, and would be lost; choose another name"):
        agent.export(file, overwrite=True)
    assert file.read_bytes() == b"mine"
    for content in (b"", b"SQLite format 3\0".ljust(100, b"\0")):
        file.write_bytes(content)
        agent.export(file, overwrite=True)
    assert file.read_bytes().startswith(b"SQLite format 3")
    with pytest.raises(StoreError, match="folder"):
        agent.export(tmp_path / "none" / "x.memgpt")
    with pytest.raises(StoreError, match="name of a file"):
        agent.export(tmp_path, overwrite=True)
    with pytest.raises(AlreadyExists, match="opened as a home"):
        agent.export(kit.home.path, overwrite=True)
    with memgpt.open(tmp_path / "else.db") as home:
        for beside in ("-wal", "-shm", "-journal", "-turns", "-vectors/1.lock"):
            part = Path(home.path + beside)
            part.parent.mkdir(exist_ok=True)
            for _ in range(2):
                before = part.exists() and part.read_bytes()
                with pytest.raises(AlreadyExists, match="part of the home"):
                    agent.export(part, overwrite=True)
                assert (part.exists() and part.read_bytes()) == before
                if not part.exists():
                    part.touch()
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
        "card",  # what clients of the server say of blocks that stay here, and tools of all agents
    }  # fmt: skip


def test_the_digest_is_the_one_that_is_described(kit: Any, file: Path) -> None:
    lived(kit).export(file)
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT digest FROM manifest").fetchall() == [(digest(db),)]


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
