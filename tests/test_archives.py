"""Archives that several agents share."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import textwrap
import threading
import time
from typing import Any

import memgpt
import pytest
from memgpt.errors import (
    AlreadyExists,
    ArchiveNotFound,
    ConfigError,
    InvalidInput,
    PassageNotFound,
    ReadOnlyArchive,
    Reentrant,
    Unbound,
)

from tests.conftest import CheckedLLM
from tests.test_passages import Letters

FERN = "The key lies under the fern."
OVEN = "The oven of the bakery is broken."
GEESE = "Seven white geese guard the mill."


class OtherLetters(Letters):
    """Of the same dimension, and not to be compared."""

    name = "other letters"

    def embed(self, texts: list[str]) -> list[list[float]]:
        return [row[::-1] for row in super().embed(texts)]


def found(hits: Any) -> list[tuple[str, str | None, str]]:
    return [(hit.passage.text, hit.archive, hit.passage.author) for hit in hits]


def texts(holder: Any, **options: Any) -> list[str]:
    return [hit.passage.text for hit in holder.search("", limit=10_000, **options)]


def filing(*filed: str, archive: str = "team") -> Any:
    """A tool that files texts in a shared archive."""

    @memgpt.tool(effects="none")
    def file(agent: memgpt.Agent) -> str:
        """File what there is."""
        for text in filed:
            agent.archival.insert(text, archive=archive)
        return "filed"

    return file


def uses(kit: Any, *tools: str) -> Any:
    """A script that calls the tools and then speaks."""
    script = iter([*(kit.call(tool) for tool in tools), kit.say("done")])
    return lambda context: next(script)


@pytest.fixture
def team(home: memgpt.Home) -> memgpt.Archive:
    return home.create_archive("team", "What the team knows.")


def test_they_are_made_listed_renamed_and_deleted(kit, home, team):
    assert (team.name, team.description, len(team)) == ("team", "What the team knows.", 0)
    assert (
        team.id.startswith("archive-")
        and team.created.tzinfo
        and team.embedding.startswith("offline")
    )
    with pytest.raises(AlreadyExists, match='an archive named "team" exists'):
        home.create_archive("team")
    assert home.create_archive("team", exist_ok=True) == team
    kit.agent(name="team")  # agents have names of their own
    other = home.create_archive("other")
    with pytest.raises(AlreadyExists, match="other"):
        team.rename("other")
    assert home.agents() == ["team"] and home.archives() == [team, other]
    team.rename("crew")
    team.description = "Who knows what."
    assert home.archive("crew") == team and team.description == "Who knows what."
    with pytest.raises(ArchiveNotFound, match="archives are: crew, other"):
        home.archive("team")
    home.delete_archive("other")
    assert home.archives() == [team]
    for call in (lambda: other.name, lambda: other.insert("x"), lambda: other.search("x")):
        with pytest.raises(ArchiveNotFound, match="was deleted"):
            call()
    home.create_archive("other")
    kit.reopen()
    again = kit.home.archive("crew")
    assert again.description == "Who knows what." and repr(again) == (
        "<Archive 'crew': 0 passages, 0 agents>"
    )


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
def test_names_that_cannot_be(home, name):
    with pytest.raises(ConfigError, match="1 to 200 characters of one line"):
        home.create_archive(name)


def test_the_user_files_in_one_as_in_an_agents_memory(home, team):
    fern = team.insert(FERN, tags=["key"], metadata={"n": 1}, time="2023-05-08")
    oven = team.insert(OVEN)
    assert (fern.author, fern.tags, fern.time.year) == ("user", ["key"], 2023)
    assert found(team.search("where is the key"))[0] == (FERN, "team", "user")
    assert texts(team) == [OVEN, FERN] and texts(team, tags=["key"]) == [FERN]
    assert texts(team, end="2024") == [FERN] and team.search("oven")[0].similarity > 0
    changed = team.update(fern, text=GEESE, tags=[])
    assert (changed.id, changed.time, changed.tags) == (fern.id, fern.time, [])
    assert team.get(fern.id).text == GEESE and len(team) == 2
    team.delete(oven)
    assert texts(team) == [GEESE]
    for call in (team.get, team.delete, lambda id: team.update(id, text="x")):
        with pytest.raises(PassageNotFound, match='archive "team" has no passage'):
            call(oven.id)
    with pytest.raises(InvalidInput, match="empty"):
        team.insert(" ")
    with pytest.raises(InvalidInput, match="nothing is to be changed"):
        team.update(fern)


def test_a_search_by_a_vector_alone(home):
    letters = Letters()
    team = home.create_archive("letters", embedding=letters)
    team.insert_many([FERN, OVEN, GEESE])
    for text in (FERN, OVEN, GEESE):
        hits = team.search(vector=letters.embed([text])[0], limit=1)
        assert [h.passage.text for h in hits] == [text] and hits.total == 3
        assert hits[0].score > 0.99 and [h.passage.text for h in team.search()] == texts(team)
    bare = home.create_archive("bare", embedding=None)
    bare.insert(FERN)
    with pytest.raises(ConfigError, match='"bare" has no embedder'):
        bare.search("", vector=[1.0])


def test_many_are_filed_in_one_commit(home, team):
    told: list[tuple[int, int]] = []
    items = [FERN, {"text": OVEN, "tags": ["oven"], "time": "2023-05-08"}]
    fern, oven = team.insert_many(items, progress=lambda done, of: told.append((done, of)))
    assert (fern.author, oven.tags, oven.time.year, told) == ("user", ["oven"], 2023, [(2, 2)])
    assert texts(team) == [OVEN, FERN] and team.search("fern")[0].similarity > 0
    with contextlib.closing(sqlite3.connect(home.path)) as db:
        assert db.execute("SELECT kind FROM step").fetchall() == [("create",), ("edit",)]
    with pytest.raises(InvalidInput, match="item 2"):
        team.insert_many([GEESE, " "])
    assert team.insert_many([]) == [] and len(team) == 2


def test_searches_go_over_the_agents_own_and_the_shared(kit, home, team):
    a, b = kit.agent(name="a"), kit.agent(name="b")
    for agent in (a, b):
        agent.archival.attach(team)
    a.archival.insert(FERN)
    team.insert("The spare key hangs in the mill.")
    b.archival.insert("My key is my own.")
    assert {where for _, where, _ in found(a.archival.search("key"))} == {None, "team"}
    assert sorted(texts(a.archival)) == [FERN, "The spare key hangs in the mill."]
    assert FERN not in texts(b.archival) and len(a.archival) == 1, "its own"
    assert texts(a.archival, archive="") == [FERN]
    assert texts(a.archival, archive=team) == texts(a.archival, archive="team") == texts(team)
    other = home.create_archive("other")
    for wrong in ("other", other, "nowhere"):
        with pytest.raises(ArchiveNotFound, match='attached are: "team"'):
            a.archival.search("key", archive=wrong)
    a.archival.detach(team)
    assert texts(a.archival) == [FERN] and len(texts(b.archival)) == 2
    with pytest.raises(ArchiveNotFound, match="not attached"):
        a.archival.detach(team)


def test_one_ranking_over_all_of_them(kit, home):
    """The same scores as if all lay in one place, for what is rare is rare among all."""
    sentence = "the miller counted geese while the baker lost a key near seven rivers"
    words = sentence.split()
    lines = [" ".join(words[i % 7 :: 1 + i % 3]) + f" in village {i}" for i in range(60)]
    alone, shared = kit.agent(name="alone"), kit.agent(name="shared")
    archives = [home.create_archive(f"archive {i}") for i in range(2)]
    for archive in archives:
        shared.archival.attach(archive)
    for i, line in enumerate(lines):
        alone.archival.insert(line)
        (shared.archival, *archives)[i % 3].insert(line)
    for query in ("geese key", "the baker in village 7", "rivers", '"counted geese"', "goose"):
        one = alone.archival.search(query, limit=100)
        many = shared.archival.search(query, limit=100)
        assert one.total == many.total == 60
        assert {h.passage.text: h.score for h in one} == {h.passage.text: h.score for h in many}
        assert [h.score for h in many] == sorted((h.score for h in many), reverse=True)
    assert texts(shared.archival) == texts(alone.archival), "the newest first, whatever the archive"
    page = shared.archival.search("", limit=10, offset=20)
    assert [h.passage.text for h in page] == texts(alone.archival)[20:30]


def test_the_tool_tells_whose_a_passage_is(kit, team):
    agent = kit.agent()
    agent.archival.attach(team)
    agent.archival.insert("The key of the barn is lost.")
    team.insert(FERN)
    before = agent.config["tools"]
    script = iter([kit.call("archival_memory_search", query="key"), kit.say("There.")])
    kit.llm.script = lambda context: next(script)
    response = agent.send("Where is the key?")
    lines = next(m for m in response.messages if m.role == "tool").text.splitlines()
    outside = [s.text for s in kit.llm.last_context.spans if s.kind == "external_memory"]
    assert "0 passages in archival memory, more in 1 shared archive." in outside[0]
    assert "2 of 2 passages" in lines[0]
    assert any(line.endswith(f", team, by user] {FERN}") for line in lines)
    assert any("] The key of the barn" in line and "team" not in line for line in lines)
    assert agent.config["tools"] == before, "no tool has another schema for it"


def test_what_a_tool_files_is_there_with_its_step_by_its_agents_name(kit, team):
    agent = kit.agent(tools=[filing(FERN, OVEN)])
    agent.archival.attach(team)
    kit.llm.script = uses(kit, "file")
    agent.send("File it.")
    assert {(p.passage.text, p.passage.author) for p in team.search("")} == {
        (FERN, "sam"),
        (OVEN, "sam"),
    }
    assert len(agent.archival) == 0 and len(team) == 2
    with contextlib.closing(sqlite3.connect(kit.home.path)) as db:
        (step,) = db.execute(
            "SELECT s.kind FROM archive_commit c JOIN step s USING (branch, seq)"
        ).fetchall()
        assert step == ("step",)
    moved = agent.undo()
    assert moved.archives == ["team"] and "shared archives keep what was filed: team" in repr(moved)
    assert len(team) == 2 and agent.archival.search("key").total == 2
    assert agent.redo().archives == []
    # Done through its handle, outside of a tool, it is the user's, and no step of the agent.
    head = agent.head
    agent.archival.insert(GEESE, archive=team)
    assert agent.head == head and found(team.search("geese"))[0] == (GEESE, "team", "user")


def test_a_tool_that_fails_has_filed_nothing(kit, team):
    @memgpt.tool(effects="none")
    def file(agent: memgpt.Agent) -> str:
        """File."""
        agent.archival.insert(FERN, archive="team")
        raise ValueError("no")

    agent = kit.agent(tools=[file])
    agent.archival.attach(team)
    kit.llm.script = uses(kit, "file")
    agent.send("File it.")
    assert len(team) == 0 and texts(agent.archival) == []


def test_a_tool_reads_what_its_step_has_written(kit, team):
    old, gone = team.insert(OVEN), team.insert("Gone soon.")
    seen: list[Any] = []

    @memgpt.tool(effects="none")
    def work(agent: memgpt.Agent) -> str:
        """Work."""
        mine = agent.archival
        new = mine.insert(FERN, archive="team")
        mine.insert("My own.")
        mine.update(old, text="The oven is mended.")
        mine.delete(gone.id)
        seen.append(found(mine.search("")))
        seen.append(found(mine.search("fern", archive="team"))[0])
        seen.append([mine.get(old.id).text, mine.get(new.id).text])
        seen.append(texts(mine, archive=""))
        with pytest.raises(PassageNotFound):
            mine.get(gone.id)
        mine.update(new.id, tags=["key"])
        mine.delete(mine.insert("Not for long.", archive=team))
        assert len(team) == 2, "not committed yet"
        with pytest.raises(Reentrant):
            mine.detach(team)
        return "ok"

    agent = kit.agent(tools=[work])
    agent.archival.attach(team)
    kit.llm.script = uses(kit, "work")
    agent.send("Work.")
    assert seen == [
        [("The oven is mended.", "team", "sam"), (FERN, "team", "sam"), ("My own.", None, "agent")],
        (FERN, "team", "sam"),
        ["The oven is mended.", FERN],
        ["My own."],
    ]
    assert sorted(texts(team)) == [FERN, "The oven is mended."]
    assert texts(team, tags=["key"]) == [FERN]
    assert len(agent.archival) == 1


def test_a_coroutine_files_within_its_step(kit, team):
    @memgpt.tool(effects="none")
    async def file(agent: memgpt.Agent) -> str:
        """File."""
        agent.archival.insert(FERN, archive="team")
        return str(len(team))

    agent = kit.agent(tools=[file])
    agent.archival.attach(team)
    kit.llm.script = uses(kit, "file")
    response = agent.send("File it.")
    assert next(m for m in response.messages if m.role == "tool").text == "0"
    assert found(team.search("")) == [(FERN, "team", "sam")]


def test_a_read_only_one_is_searched_and_not_written(kit, team):
    agent = kit.agent(tools=[filing(FERN)])
    agent.archival.attach(team, read_only=True)
    (one,) = agent.archival.attached
    assert (one.archive, one.agent, one.read_only) == (team, "sam", True)
    assert [(one.agent, one.read_only) for one in team.agents] == [("sam", True)]
    oven = team.insert(OVEN)
    for call in (
        lambda: agent.archival.insert(FERN, archive="team"),
        lambda: agent.archival.update(oven, text=FERN),
        lambda: agent.archival.delete(oven),
    ):
        with pytest.raises(ReadOnlyArchive, match='"team" is attached to agent "sam"'):
            call()
    kit.llm.script = uses(kit, "file")
    response = agent.send("File it.")
    result = next(m for m in response.messages if m.role == "tool")
    assert result.failed and "read only" in result.text and texts(team) == [OVEN]
    assert agent.archival.get(oven.id).text == OVEN
    agent.archival.attach(team)
    assert not agent.archival.attached[0].read_only and len(agent.archival.attached) == 1
    agent.archival.delete(oven)
    assert len(team) == 0


@pytest.mark.parametrize("effects", ["none", "outside"])
def test_a_change_that_was_overtaken_is_refused_and_a_filing_never_is(kit, team, effects):
    """The step is written without what its tool wrote, and the model is told why."""
    oven = team.insert(OVEN)

    def meanwhile(change: Any) -> None:
        thread = threading.Thread(target=change)
        thread.start()
        thread.join()

    @memgpt.tool(effects=effects)
    def change(agent: memgpt.Agent) -> str:
        """Change."""
        agent.archival.update(oven, text="The oven is mended.")
        agent.archival.insert("My own.")
        meanwhile(lambda: team.update(oven, text="The oven is sold."))
        return "changed"

    @memgpt.tool(effects=effects)
    def file(agent: memgpt.Agent) -> str:
        """File."""
        agent.archival.insert(FERN, archive="team")
        meanwhile(lambda: team.insert(GEESE))
        return "filed"

    agent = kit.agent(tools=[change, file])
    agent.archival.attach(team)
    kit.llm.script = uses(kit, "change", "file")
    response = agent.send("Work.")
    first, second = [m for m in response.messages if m.role == "tool"][:2]
    assert first.failed and "changed or deleted by somebody else meanwhile" in first.text
    assert ("changed\n" in first.text) == (effects == "outside"), "what it did outside is told"
    assert not second.failed and texts(team)[:2] == [FERN, GEESE]
    assert team.get(oven.id).text == "The oven is sold." and len(agent.archival) == 0
    assert response.steps == 3


def test_agents_with_other_embedders_find_by_words(kit, home):
    letters = home.create_archive("letters", embedding=Letters)
    letters.insert(FERN)
    same = kit.agent(name="same", embedding=Letters)
    other = kit.agent(name="other", embedding=OtherLetters)
    none = kit.agent(name="none", embedding=None)
    offline = kit.agent(name="offline")
    for agent in (same, other, none, offline):
        agent.archival.attach(letters)
        agent.archival.insert(OVEN)
        hits = {hit.passage.text: hit for hit in agent.archival.search("the key under the fern")}
        assert hits[FERN].archive == "letters" and hits[FERN].score > 0
        assert (hits[FERN].similarity > 0) == (agent is same)
    # Whoever files, its own embedder makes the vector.
    none.archival.insert(GEESE, archive=letters)
    assert same.archival.search("geese", archive="letters")[0].similarity > 0
    with contextlib.closing(sqlite3.connect(home.path)) as db:
        names = db.execute(
            "SELECT DISTINCT embedder FROM embedding e JOIN passage p ON p.id = e.passage "
            "WHERE p.archive = ?",
            (letters.id,),
        ).fetchall()
    assert names == [("letters",)]


def test_an_embedder_that_is_not_bound_is_asked_for(kit, home):
    home.create_archive("letters", embedding=Letters).insert(FERN)
    kit.agent().archival.attach(home.archive("letters"))
    kit.reopen()
    letters = kit.home.archive("letters")
    for call in (letters.insert, letters.search):
        with pytest.raises(Unbound, match='needs its embedder "letters": open it with'):
            call("key")
    agent = kit.home.agent("sam", model=CheckedLLM([]))
    assert found(agent.archival.search("key")) == [(FERN, "letters", "user")]
    with pytest.raises(Unbound):
        agent.archival.insert(OVEN, archive="letters")
    assert letters.update(letters.search("")[0].passage, tags=["key"]).text == FERN
    with pytest.raises(ConfigError, match='are made by "letters"'):
        kit.home.archive("letters", embedding=OtherLetters)
    kit.home.archive("letters", embedding=Letters)
    agent.archival.insert(OVEN, archive="letters")
    assert letters.search("oven")[0].similarity > 0
    # An agent that has the embedder brings it along.
    kit.reopen()
    other = kit.home.create_agent("other", model=CheckedLLM([]), embedding=Letters)
    other.archival.attach(kit.home.archive("letters"))
    other.archival.insert(GEESE, archive="letters")
    assert kit.home.archive("letters").search("geese")[0].similarity > 0


def test_attaching_is_a_step_of_the_configuration(kit, home, team):
    agent = kit.agent(lambda context: kit.say("so"))
    assert "archives" not in agent.config
    agent.send("One.")
    agent.archival.attach(team)
    assert agent.steps()[-1].kind == "config"
    assert agent.config["archives"] == [{"id": team.id, "read_only": False}]
    steps = len(agent.steps())
    agent.archival.attach(team)
    assert len(agent.steps()) == steps, "nothing is new"
    team.insert(FERN)
    agent.undo()
    assert texts(agent.archival) == [FERN], "the configuration is not undone"
    fork = agent.fork("fork")
    assert texts(fork.archival) == [FERN]
    assert [one.agent for one in team.agents] == ["fork", "sam"]
    kit.reopen()
    agent = kit.home.agent("sam", model=CheckedLLM(lambda context: kit.say("so")))
    assert texts(agent.archival) == [FERN]
    agent.archival.detach(kit.home.archive("team"))
    assert "archives" not in agent.config
    other = memgpt.open(":memory:", durability="process")
    with pytest.raises(ArchiveNotFound, match="another home"):
        agent.archival.attach(other.create_archive("team"))
    other.close()
    with pytest.raises(ConfigError, match="is no archive"):
        agent.archival.attach("team")


def test_deleting(kit, home, team):
    agents = [kit.agent(name=name) for name in ("b", "a")]
    for agent in agents:
        agent.archival.attach(team)
    team.insert(FERN)
    with pytest.raises(InvalidInput, match='attached to "a", "b"; take it away from them'):
        home.delete_archive("team")
    agents[0].archival.insert(OVEN, archive="team")
    home.delete_agent("b")
    assert texts(team) == [OVEN, FERN], "it belongs to nobody"
    agents[1].archival.detach(team)
    home.delete_archive("team")
    assert agents[1].archival.attached == [] and home.check(replay=True) == []


def test_an_agent_as_it_was_sees_the_archive_as_it_was(kit, team):
    agent = kit.agent(lambda context: kit.say("so"))
    agent.archival.attach(team)
    oven = team.insert(OVEN)
    agent.send("One.")
    then = agent.steps()[-1].seq
    team.insert(FERN)
    team.update(oven, text="The oven is mended.")
    agent.send("Two.")
    past = agent.at(then)
    assert texts(past.archival) == [OVEN]
    assert found(past.archival.search("key oven")) == [(OVEN, "team", "user")]
    assert past.archival.get(oven.id).text == OVEN
    assert sorted(texts(agent.archival)) == [FERN, "The oven is mended."]
    for call in (
        lambda: past.archival.insert("x", archive="team"),
        lambda: past.archival.update(oven, text="x"),
        lambda: past.archival.delete(oven),
        lambda: past.archival.detach(team),
    ):
        with pytest.raises(InvalidInput, match="it can be read, not changed"):
            call()
    assert texts(agent.at(1).archival) == [], "it was not attached then"


def test_eight_threads_file_a_thousand(kit, home, team):
    agent = kit.agent()
    agent.archival.attach(team)
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(125):
                team.insert(f"passage {number} {i}", tags=[str(number)])
                if i % 25 == 0:
                    assert agent.archival.search(f"passage {number}", limit=1)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and len(team) == 1000
    for number in range(8):
        mine = texts(team, tags=[str(number)])
        assert mine == [f"passage {number} {i}" for i in reversed(range(125))]
    home.rebuild()
    assert agent.archival.search("passage").total == 1000


def test_threads_that_change_one_passage_lose_nothing(home, team):
    """Each deletes what is there and files it anew; there is one of it, always."""
    passage = team.insert("0")
    lock, done = threading.Lock(), []

    def work(number: int) -> None:
        for i in range(20):
            tagged = team.update(passage, text=f"{number} {i}")
            with lock:
                done.append(tagged.text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 80 and len(team) == 1 and texts(team)[0] in done
    with contextlib.closing(sqlite3.connect(home.path)) as db:
        (rows,) = db.execute("SELECT count(*) FROM passage WHERE uid = ?", (passage.id,)).fetchone()
    assert rows == 81


# An agent whose every step files in its own memory and in the archive.
CHILD = """
    import sys, memgpt
    from memgpt.testing import ScriptedLLM

    path, name = sys.argv[1:]

    @memgpt.tool(effects="none")
    def file(agent: memgpt.Agent, n: int) -> str:
        "File."
        agent.archival.insert(f"{agent.name} {n}")
        agent.archival.insert(f"{agent.name} {n}", archive="team")
        return "filed"

    calls = 0

    def script(context):
        global calls
        calls += 1
        return {"tool": "file", "args": {"n": calls}, "heartbeat": False}

    home = memgpt.open(path, durability="process")
    agent = home.create_agent(name, model=ScriptedLLM(script), tools=[file], embedding=None)
    agent.archival.attach(home.archive("team"))
    while True:
        agent.send("Go on.")
        print(calls, flush=True)
"""


def test_processes_that_are_killed_have_filed_all_of_a_step_or_nothing(kit, home, team):
    children = [kit.start(textwrap.dedent(CHILD), home.path, name) for name in ("a", "b", "c")]
    acknowledged = {}
    for child in children:
        assert child.stdout is not None and child.stderr is not None
        for _ in range(5):
            assert child.stdout.readline(), child.stderr.read()
    for i in range(20):
        team.insert(f"user {i}")
        time.sleep(0.01)
    for name, child in zip("abc", children, strict=True):
        child.send_signal(signal.SIGKILL)
        assert child.wait(timeout=60) == -signal.SIGKILL and child.stdout is not None
        acknowledged[name] = 5 + sum(line.endswith("\n") for line in child.stdout)
        child.communicate()
    for name, least in acknowledged.items():
        own = texts(home.agent(name).archival, archive="")
        shared = [text for text in texts(team) if text.startswith(name)]
        assert own == shared == [f"{name} {i}" for i in range(len(own), 0, -1)]
        assert least <= len(own) <= least + 1
        assert {hit.passage.author for hit in team.search(f'"{name} 1"', limit=1)} == {name}
    assert sum(text.startswith("user") for text in texts(team)) == 20
    assert home.check(replay=True) == []


def test_another_process_attaches_files_and_is_followed(kit, home, team):
    agent = kit.agent()
    agent.archival.insert(OVEN)
    kit.run(
        textwrap.dedent(
            f"""
            import sys, memgpt
            from memgpt.testing import ScriptedLLM
            with memgpt.open(sys.argv[1], durability="process") as home:
                archive = home.archive("team")
                home.agent("sam", model=ScriptedLLM([])).archival.attach(archive)
                archive.insert({FERN!r})
            """
        ),
        home.path,
    )
    assert found(agent.archival.search("key under the fern"))[0] == (FERN, "team", "user")
    assert [one.archive for one in agent.archival.attached] == [team]


def test_purging_a_text_and_what_was_deleted(kit, home, team):
    agent = kit.agent(tools=[filing("The code is 4711, says the miller.")])
    agent.archival.attach(team)
    team.insert("The code was 4711 before.")
    kit.llm.script = uses(kit, "file")
    agent.send("File it.")
    home.create_archive("gone").insert(GEESE)
    home.delete_archive("gone")
    purged = home.purge(text="4711")
    assert purged.passages == 2 and purged.vectors_lost == 0
    assert sorted(texts(team)) == [
        "The code is ****, says the miller.",
        "The code was **** before.",
    ]
    assert agent.archival.search("miller")[0].similarity > 0
    team.insert("After.")
    assert home.check(replay=True) == []
    gone = home.purge(deleted=True)
    assert (gone.archives, gone.agents, gone.passages) == (1, 0, 1)
    assert "1 archive" in home.purges()[-1].what
    agent.undo()
    home.purge(undone=True)
    # It stays, though the agent's commit is gone.
    assert len(team) == 3 and home.check(replay=True) == []
    with contextlib.closing(sqlite3.connect(home.path)) as db:
        assert db.execute("SELECT count(*) FROM archive_commit").fetchone() == (1,)


def test_a_change_under_way_does_not_bring_back_what_was_purged(home, team):
    """It is made anew from what there is by then."""
    stop, failed = threading.Event(), []
    passage = team.insert("nothing")

    def tag() -> None:
        try:
            while not stop.is_set():
                team.update(passage, tags=[str(time.monotonic_ns())])
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=tag)
    thread.start()
    for i in range(10):
        team.update(passage, text=f"The secret is s3cret{i}.")
        home.purge(text=f"s3cret{i}")
        assert f"s3cret{i}" not in team.get(passage.id).text
    stop.set()
    thread.join()
    assert failed == [] and len(team) == 1
    with contextlib.closing(sqlite3.connect(home.path)) as db:
        held = db.execute("SELECT count(*) FROM passage WHERE text LIKE '%s3cret%'").fetchone()
    assert held == (0,)


def test_what_was_changed_by_hand_is_found(kit, home, team):
    agent = kit.agent(tools=[filing(FERN)])
    agent.archival.attach(team)
    kit.llm.script = uses(kit, "file")
    agent.send("File it.")
    assert home.check(replay=True) == []
    changed = kit.problems_after(f"UPDATE passage SET text = 'x' WHERE text = '{FERN}'")
    assert 'of archive "team": commit 2 is not as it was written: passages' in changed
    lost = kit.problems_after("DELETE FROM step WHERE kind = 'edit'")
    assert "an archive's commit for an agent is of commit 2" in lost and 'archive "team"' in lost
    author = kit.problems_after("UPDATE passage SET author = 'user' WHERE author = 'sam'")
    assert "is not as it was written" in author


def test_they_are_shown_with_all_text_escaped(kit, home):
    name = "<script>alert(1)</script>"
    archive = home.create_archive(name, name)
    agent = kit.agent(name="<b>")
    agent.archival.attach(archive, read_only=True)
    archive.insert(FERN)
    hits = agent.archival.search("key")
    pages = [shown._repr_html_() for shown in (archive, hits, hits[0], agent)]
    for page in pages:
        assert "<script>" not in page and "&lt;script&gt;" in page
    assert "reads only" in pages[0] and f"shared archives: {name} (read-only)" in str(agent)
    assert f"{name}, by user" in str(hits)
    assert repr(archive) == f"<Archive {name!r}: 1 passage, 1 agent>"


@pytest.mark.parametrize("seed", range(3))
def test_each_sees_what_a_plain_list_says(kit, home, seed):
    """Filing, changing, deleting, attaching, undoing, forking, at random."""
    rng = random.Random(seed)
    archives = [home.create_archive(name) for name in "xy"]
    shared: dict[str, dict[str, str]] = {"x": {}, "y": {}}
    agents = [kit.agent(name="a0", tools=[])]
    own: list[list[dict[str, str]]] = [[{}]]  # of each agent: what it saw after each of its edits
    has: list[list[str]] = [[]]
    for number in range(120):
        who = rng.randrange(len(agents))
        agent, archive = agents[who], rng.choice(archives)
        known = shared[archive.name]
        action = rng.choice(
            ["file", "own", "change", "delete", "attach", "undo", "fork", "rebuild"]
        )
        text = f"passage {number}"
        if action == "file":
            known[archive.insert(text).id] = text
        elif action == "own":
            own[who].append({**own[who][-1], agent.archival.insert(text).id: text})
        elif action in ("change", "delete") and known:
            id = rng.choice(list(known))
            holder = agent.archival if archive.name in has[who] and rng.random() < 0.5 else archive
            if action == "change":
                known[id] = holder.update(id, text=text).text
            else:
                holder.delete(id)
                del known[id]
        elif action == "attach":
            if archive.name in has[who]:
                agent.archival.detach(archive)
                has[who].remove(archive.name)
            else:
                agent.archival.attach(archive)
                has[who].append(archive.name)
        elif action == "undo" and len(own[who]) > 1:
            agent.undo()
            own[who].pop()
        elif action == "fork" and len(agents) < 4:
            agents.append(agent.fork(f"a{len(agents)}"))
            own.append([own[who][-1]])
            has.append(list(has[who]))
        elif action == "rebuild" and number % 4 == 0:
            home.rebuild()
        for i, other in enumerate(agents):
            wanted = sorted(
                [*own[i][-1].values(), *(t for n in has[i] for t in shared[n].values())]
            )
            assert sorted(texts(other.archival)) == wanted, (number, action)
            assert other.archival.search("passage").total == len(wanted)
            assert len(other.archival) == len(own[i][-1])
            assert [one.archive.name for one in other.archival.attached] == has[i]
        for one in archives:
            assert len(one) == len(shared[one.name]) == one.search("passage").total
            assert sorted(texts(one)) == sorted(shared[one.name].values())
