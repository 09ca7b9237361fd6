"""Passages that are updated and deleted: in searches, on lines of history, inside tools."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import textwrap
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt.errors import (
    AgentNotFound,
    InvalidInput,
    NotFound,
    PassageNotFound,
    Unbound,
)

from tests.conftest import CheckedLLM
from tests.test_branches import seen
from tests.test_own_counter import Model, Words

FERN = "The key lies under the fern."
OVEN = "The oven of the bakery is broken."


class Letters(memgpt.Embedder):
    """By the letters of a text; remembers what it was asked for."""

    name, dimension = "letters", 26

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: list[str]) -> list[list[float]]:
        self.asked += texts
        return [[0.1 + text.lower().count(chr(97 + i)) for i in range(26)] for text in texts]


def texts(agent: memgpt.Agent, **options: Any) -> list[str]:
    """Of all passages that the agent sees."""
    found = agent.archival.search("", limit=10_000, **options)
    return sorted(hit.passage.text for hit in found)


def vectors(path: str) -> dict[int, bytes]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT passage, vector FROM embedding"))


def test_a_deleted_passage_is_found_no_more(kit):
    agent = kit.agent()
    fern, oven = agent.archival.insert(FERN, tags=["key"]), agent.archival.insert(OVEN)
    assert agent.archival.get(fern.id).tags == ["key"]
    assert agent.archival.delete(fern) is None
    assert texts(agent) == [OVEN] and len(agent.archival) == 1
    assert [h.passage.id for h in agent.archival.search("key under a fern")] == [oven.id]
    assert not agent.archival.search("key", tags=["key"])
    assert [(s.kind, s.author) for s in agent.steps()][-1] == ("edit", "user")
    agent.archival.delete(oven.id)
    assert texts(agent) == [] and len(agent.archival) == 0
    kit.reopen()
    assert texts(kit.home.agent("sam")) == [] and kit.home.check(replay=True) == []


def test_an_updated_passage_is_found_by_what_it_is_now(kit):
    agent = kit.agent()
    old = agent.archival.insert(FERN, tags=["key"], metadata={"floor": 1})
    agent.archival.insert("Geese fly over the mill.")
    new = agent.archival.update(old, text=OVEN)
    assert (new.id, new.time_us, new.tags, new.metadata) == (
        (old.id, old.time_us, ["key"], {"floor": 1})  # as they were
    )
    assert new.text == OVEN and len(agent.archival) == 2
    assert [s.kind for s in agent.steps()][-3:] == ["edit"] * 3
    hit, other = agent.archival.search(OVEN)
    assert hit.passage.id == old.id and hit.score > 0.99 > other.score
    assert FERN not in texts(agent) and agent.archival.get(old.id).text == OVEN
    again = agent.archival.update(old.id, text=FERN, tags=[], metadata={})
    assert (again.tags, again.metadata, again.time_us) == ([], {}, old.time_us)
    assert agent.archival.search(FERN)[0].score > 0.99
    kit.reopen()
    agent = kit.home.agent("sam")
    assert agent.archival.get(old.id).text == FERN
    with contextlib.closing(sqlite3.connect(kit.home.path)) as db:
        times = db.execute("SELECT time_us FROM passage WHERE uid = ?", (old.id,)).fetchall()
    assert times == [(old.time_us,)] * 3


def test_what_stays_is_not_embedded_again(kit):
    embedder = Letters()
    agent = kit.agent(embedding=embedder)
    passage = agent.archival.insert(FERN)
    (before,) = vectors(kit.home.path).values()
    agent.archival.update(passage, tags=["key"], metadata={"a": [1]})
    assert embedder.asked == [FERN]
    assert list(vectors(kit.home.path).values()) == [before, before]
    agent.archival.update(passage, text=OVEN)
    assert embedder.asked == [FERN, OVEN]
    assert len({*vectors(kit.home.path).values()}) == 2
    (hit,) = agent.archival.search(OVEN)
    assert hit.passage.tags == ["key"] and hit.score == pytest.approx(1, abs=1e-4)


def test_an_embedder_is_needed_for_another_text_only(kit):
    passage = kit.agent(embedding=Letters()).archival.insert(FERN)
    kit.reopen()
    agent = kit.home.agent("sam")
    with pytest.raises(Unbound, match="letters"):
        agent.archival.update(passage, text=OVEN)
    assert agent.archival.update(passage, tags=["key"]).text == FERN
    agent = kit.home.agent("sam", embedding=Letters())
    assert agent.archival.search(FERN, tags=["key"])[0].score == pytest.approx(1, abs=1e-4)
    kit.home.agent("sam").archival.delete(passage)
    assert len(agent.archival) == 0


def test_what_is_not_there_is_refused(kit):
    agent, other = kit.agent(), kit.agent(name="eva")
    passage = agent.archival.insert(FERN)
    gone = agent.archival.insert(OVEN)
    agent.archival.delete(gone)
    undone = agent.archival.insert("Undone.")
    agent.undo()
    steps = len(agent.steps())
    for who, what in (
        (agent, gone),
        (agent, undone),
        (agent, "passage-unknown"),
        (agent, ""),
        (agent, "x" * 10_000),
        (other, passage),
    ):
        id = what if isinstance(what, str) else what.id
        for do in (
            lambda who=who, what=what: who.archival.delete(what),
            lambda who=who, what=what: who.archival.update(what, text="Another text."),
            lambda who=who, what=what: who.archival.update(what, tags=[]),
            lambda who=who, id=id: who.archival.get(id),
        ):
            with pytest.raises(PassageNotFound, match=f'agent "{who.name}" has no passage') as info:
                do()
            assert isinstance(info.value, NotFound) and isinstance(info.value, KeyError)
            assert len(str(info.value)) < 500
    with pytest.raises(InvalidInput, match="give text, tags or metadata"):
        agent.archival.update(passage)
    for text in ("", "  ", "\ud800"):
        with pytest.raises(InvalidInput):
            agent.archival.update(passage, text=text)
    for wrong in ({"tags": ["\ud800"]}, {"metadata": {"x": object()}}, {"text": 7}):
        with pytest.raises(InvalidInput):
            agent.archival.update(passage, **wrong)
    for id in (None, 7, b"passage"):
        with pytest.raises(InvalidInput):
            agent.archival.delete(id)  # type: ignore[arg-type]
    assert len(agent.steps()) == steps and texts(agent) == [FERN]
    past = agent.at(2)
    assert past.archival.get(passage.id).text == FERN
    for do in (
        lambda: past.archival.delete(passage),
        lambda: past.archival.update(passage, text="x"),
    ):
        with pytest.raises(InvalidInput, match="read, not changed"):
            do()


def test_undo_and_redo(kit):
    agent = kit.agent()
    fern, oven = agent.archival.insert(FERN), agent.archival.insert(OVEN)
    states = [seen(agent)]
    agent.archival.update(fern, text="The key lies in the drawer.")
    states.append(seen(agent))
    agent.archival.delete(oven)
    states.append(seen(agent))
    agent.archival.delete(fern)
    states.append(seen(agent))
    assert [state["passages"] for state in states] == [2, 2, 1, 0]
    assert [step.passages for step in agent.steps()] == [0, 1, 2, 2, 1, 0]
    for state in states[-2::-1]:
        agent.undo()
        assert seen(agent) == state
    assert texts(agent) == [FERN, OVEN]
    for state in states[1:]:
        agent.redo()
        assert seen(agent) == state
    agent.undo(3)
    agent.archival.update(fern, text="Otherwise.")  # on a branch of its own
    assert texts(agent) == ["Otherwise.", OVEN] and agent.archival.get(fern.id).text == "Otherwise."
    assert kit.home.check(replay=True) == []


def test_forks_see_what_was_and_go_their_own_way(kit):
    agent = kit.agent()
    fern, oven = agent.archival.insert(FERN), agent.archival.insert(OVEN)
    here = len(agent.steps())
    fork = agent.fork("fork")
    agent.archival.update(fern, text="agent's")
    agent.archival.delete(oven)
    late = agent.fork("late")
    assert texts(fork) == texts(agent.at(here)) == texts(agent.fork("early", at=here))
    assert texts(fork) == [FERN, OVEN] and texts(agent) == texts(late) == ["agent's"]
    assert fork.archival.get(fern.id).text == FERN
    fork.archival.update(fern, text="fork's")
    fork.archival.update(fern, tags=["twice"])
    late.archival.delete(fern)
    assert texts(agent) == ["agent's"] and texts(fork) == ["The oven of the bakery is broken.",
                                                           "fork's"]  # fmt: skip
    assert texts(late) == [] and [len(a.archival) for a in (agent, fork, late)] == [1, 2, 0]
    assert fork.archival.search("fork's", limit=1)[0].passage.tags == ["twice"]
    kit.reopen()
    assert texts(kit.home.agent("fork"), tags=["twice"]) == ["fork's"]
    assert kit.home.check(replay=True) == []


def test_a_tool_sees_what_its_step_has_changed(kit):
    notes: dict[str, Any] = {}

    def tidy(agent: memgpt.Agent) -> str:
        """Tidy up."""
        archival = agent.archival
        mine = archival.insert("filed and deleted", tags=["mine"])
        assert mine.text in texts(agent) and archival.get(mine.id).text == mine.text
        archival.delete(mine)
        with pytest.raises(PassageNotFound):
            archival.delete(mine.id)
        other = archival.insert("filed", tags=["mine"])
        for word in ("filed and", "filed and updated"):
            other = archival.update(other, text=word)
        archival.delete(notes["oven"])
        for word in ("first", "second", "moved to the drawer"):
            changed = archival.update(notes["fern"], text=word, tags=["key"])
            assert (changed.id, changed.time_us) == (notes["fern"].id, notes["fern"].time_us)
        mill = archival.update(notes["mill"], text="soon gone")
        archival.delete(mill)
        for gone in (notes["oven"], mill):
            with pytest.raises(PassageNotFound):
                archival.get(gone.id)
        notes["found"] = texts(agent), texts(agent, tags=["key"]), len(archival)
        notes["near"] = [h.passage.text for h in archival.search("moved to the drawer", limit=2)]
        notes["pages"] = [
            h.passage.text for n in range(4) for h in archival.search("", limit=1, offset=n)
        ]
        return "tidy"

    agent = kit.agent([kit.call("tidy"), kit.say("done")], tools=[tidy])
    for name, text in (("fern", FERN), ("oven", OVEN), ("mill", "The mill."), ("hut", "The hut.")):
        notes[name] = agent.archival.insert(text, tags=[name])
    result = next(m for m in agent.send("Tidy.").messages if m.role == "tool")
    assert result.text == "tidy" and not result.failed
    left = ["The hut.", "filed and updated", "moved to the drawer"]
    assert notes["found"] == (left, ["moved to the drawer"], 3)
    assert notes["near"][0] == "moved to the drawer" and sorted(notes["pages"]) == left
    assert texts(agent) == left and len(agent.archival) == 3
    assert {p.author for p in (h.passage for h in agent.archival.search(""))} == {"agent", "user"}
    with contextlib.closing(sqlite3.connect(kit.home.path)) as db:
        rows = db.execute("SELECT count(*), count(DISTINCT uid) FROM passage").fetchone()
        assert rows == (6, 5), "what a step filed and deleted is in no row"
        assert db.execute("SELECT DISTINCT author FROM retirement").fetchall() == [("agent",)]
        assert db.execute("SELECT count(*) FROM retirement").fetchone() == (3,)
    assert kit.home.check(replay=True) == []
    agent.undo()
    assert texts(agent) == sorted([FERN, "The hut.", "The mill.", OVEN])
    kit.still_answers(agent)


def test_how_many_there_are_is_told_and_found(kit):
    """In the line about what lies outside, too: it never tells of more than there are."""

    def forget(agent: memgpt.Agent, id: str) -> str:
        """Forget."""
        agent.archival.delete(id)
        return "forgotten"

    agent = kit.agent(tools=[forget])
    passages = [
        agent.archival.insert(f"goose {n}", tags=["even", "odd"][n % 2 :]) for n in range(9)
    ]
    kit.llm.script = lambda context: script.pop(0)
    script = [
        kit.call("forget", id=passages[0].id),
        kit.call("archival_memory_search", query="goose"),
        kit.call("core_memory_append", name="human", content="x"),
        kit.say("done"),
    ]
    agent.send("Forget one.")
    results = [m.text for m in agent.recall.messages(0, 99) if m.role == "tool"]
    assert "of 8 passages (page 0)" in results[1] and "goose 0" not in results[1]
    assert "8 passages in archival memory" in kit.llm.seen()
    assert "9 passages" not in kit.llm.seen()
    kit.still_answers(agent)


def test_a_tool_that_fails_has_changed_nothing(kit):
    def fail(agent: memgpt.Agent) -> str:
        """Fail."""
        agent.archival.delete(ids[0])
        agent.archival.update(ids[1], text="lost")
        agent.archival.delete(agent.archival.insert("lost, too"))
        raise ValueError("no")

    agent = kit.agent([kit.call("fail"), kit.say("it failed")], tools=[fail])
    ids = [agent.archival.insert(text).id for text in (FERN, OVEN)]
    agent.send("Fail.")
    assert texts(agent) == [FERN, OVEN] and len(agent.archival) == 2
    kit.still_answers(agent)


def test_a_coroutine_of_a_tool(kit):
    async def swap(agent: memgpt.Agent) -> str:
        """Swap."""
        agent.archival.update(ids[0], text="swapped")
        agent.archival.delete(ids[1])
        return agent.archival.get(ids[0]).text

    agent = kit.agent([kit.call("swap"), kit.say("done")], tools=[swap])
    ids = [agent.archival.insert(text).id for text in (FERN, OVEN)]
    messages = agent.send("Swap.").messages
    assert "swapped" in [message.text for message in messages] and texts(agent) == ["swapped"]


INTRUDER = """
    import sys, memgpt
    with memgpt.open(sys.argv[1], durability="process") as home:
        archival = home.agent("sam").archival
        if sys.argv[3] == "update":
            archival.update(sys.argv[2], text="by another process")
        else:
            archival.delete(sys.argv[2])
"""


@pytest.mark.parametrize("theirs", ["update", "delete"])
@pytest.mark.parametrize("ours", ["tags", "delete"])
def test_another_process_was_faster(kit, ours, theirs):
    agent = kit.agent()
    passage = agent.archival.insert(FERN)
    kit.run(textwrap.dedent(INTRUDER), kit.home.path, passage.id, theirs)
    change = {
        "tags": lambda: agent.archival.update(passage, tags=["ours"]).text,
        "delete": lambda: agent.archival.delete(passage),
    }[ours]
    if theirs == "delete":
        with pytest.raises(PassageNotFound):
            change()
        assert texts(agent) == []
    else:
        assert change() == {"tags": "by another process", "delete": None}[ours]
        assert texts(agent, tags=["ours"]) == (["by another process"] if ours == "tags" else [])
    assert kit.home.check(replay=True) == []


@pytest.mark.parametrize("theirs", ["update", "delete"])
def test_the_head_moves_under_an_edit(kit, theirs):
    """Behind the look-up and before the commit, by a process that does not see who has the turn:
    what is deleted is looked up again."""

    class Counter(Words):
        moves = False

        def count(self, text: str) -> int:
            if self.moves:
                self.moves = False
                Path(f"{kit.home.path}-turns").unlink()
                kit.run(textwrap.dedent(INTRUDER), kit.home.path, passage.id, theirs)
            return super().count(text)

    agent = kit.home.create_agent("sam", model=Model(counter := Counter()))
    passage = agent.archival.insert(FERN)
    agent.archival.insert(OVEN)
    counter.moves = True
    if theirs == "update":
        agent.archival.delete(passage)
    else:
        with pytest.raises(PassageNotFound):
            agent.archival.delete(passage)
    assert not counter.moves and texts(agent) == [OVEN]
    kinds = ["create", *["edit"] * (4 if theirs == "update" else 3)]
    assert [step.kind for step in agent.steps()] == kinds
    assert kit.home.check(replay=True) == []


def test_the_head_moves_while_a_text_is_embedded(kit):
    """Nobody has the turn then; nothing is lost."""

    class Slow(Letters):
        def embed(self, texts: list[str]) -> list[list[float]]:
            if "slow" in texts:
                agent.archival.update(oven, text="meanwhile")
                agent.archival.update(fern, tags=["meanwhile"])
            return super().embed(texts)

    agent = kit.agent(embedding=Slow())
    fern, oven = agent.archival.insert(FERN), agent.archival.insert(OVEN)
    assert agent.archival.update(fern, text="slow").tags == ["meanwhile"]
    assert texts(agent) == ["meanwhile", "slow"]


def test_damage_is_named(kit):
    agent = kit.agent()
    fern, oven = agent.archival.insert(FERN), agent.archival.insert(OVEN)
    agent.archival.update(fern, text="changed")
    agent.archival.delete(oven)
    agent.fork("fork").archival.insert("The fork's.")
    for sql, named in {
        "DELETE FROM retirement WHERE target = 1": "sees 2 passages of the id " + fern.id,
        "UPDATE retirement SET target = 99 WHERE target = 2": "passage 99 was deleted, and never",
        "UPDATE retirement SET target = 4 WHERE target = 2": "passage 4 was deleted by commit 5 of "
        "branch 1, which does not see it",
        "UPDATE retirement SET seq = 77": "a deletion is of commit 77 of branch 1, which",
        "UPDATE retirement SET author = 'agent'": "is not as it was written: retired",
        "UPDATE retirement SET kind = 'message' WHERE target = 2": "as it was written: retired",
    }.items():
        assert named in kit.problems_after(sql), sql


def test_a_purge_reaches_every_version(kit):
    agent, other = kit.agent(), kit.agent(name="eva")
    secret = "heliotrope-4711"
    first = agent.archival.insert(f"first {secret}", tags=[secret])
    agent.archival.update(first, text="harmless", tags=[])
    second = agent.archival.insert("harmless, too")
    agent.archival.update(second, text=f"now {secret}", metadata={"a": secret})
    third = agent.archival.insert(f"third {secret}")
    agent.archival.delete(third)
    mine = other.archival.insert("eva's")
    other.archival.update(mine, text="eva's own")
    purged = kit.home.purge(text=secret)
    assert purged.passages == 3 and purged.vectors_lost == 0
    assert secret.encode() not in Path(kit.home.path).read_bytes()
    assert texts(agent) == ["harmless", "now [purged]"] and len(agent.archival) == 2
    assert agent.archival.search("now [purged]")[0].score > 0.99
    assert kit.home.check(replay=True) == []
    agent.undo()
    assert "third [purged]" in texts(agent)
    agent.redo()
    kit.home.delete_agent("eva")
    purged = kit.home.purge(deleted=True, undone=True)
    assert purged.agents == 1 and purged.passages == 2
    with contextlib.closing(sqlite3.connect(kit.home.path)) as db:
        assert db.execute("SELECT count(*) FROM retirement").fetchone() == (3,)
        assert db.execute("SELECT count(*) FROM passage").fetchone() == (5,)
    assert kit.home.check(replay=True) == [] and texts(agent) == ["harmless", "now [purged]"]


def test_what_was_undone_is_purged_with_its_deletions(kit):
    agent = kit.agent()
    fern, oven = agent.archival.insert(FERN), agent.archival.insert(OVEN)
    agent.archival.update(fern, text="Atlantis sank")
    agent.archival.delete(oven)
    agent.undo(2)
    agent.archival.insert("Byblos stands")
    assert kit.home.purge(undone=True).passages == 1
    assert texts(agent) == ["Byblos stands", FERN, OVEN]
    with contextlib.closing(sqlite3.connect(kit.home.path)) as db:
        assert db.execute("SELECT count(*) FROM retirement").fetchone() == (0,)
    agent.archival.delete(fern)
    assert texts(agent) == ["Byblos stands", OVEN] and kit.home.check(replay=True) == []


def test_a_fork_keeps_what_a_deleted_agent_retired(kit):
    agent = kit.agent()
    fern, oven = agent.archival.insert(FERN), agent.archival.insert(OVEN)
    agent.archival.update(fern, text="In the drawer.")
    agent.archival.delete(oven)
    fork = agent.fork("fork")
    agent.archival.delete(fern)
    kit.home.delete_agent("sam")
    kit.home.purge(deleted=True)
    assert texts(fork) == ["In the drawer."] and kit.home.check(replay=True) == []
    with pytest.raises(AgentNotFound):
        kit.home.agent("sam")
    assert fork.archival.update(fern, text="Here.").id == fern.id and texts(fork) == ["Here."]


@pytest.mark.parametrize("seed", range(6))
def test_against_a_plain_dictionary(kit, seed):
    """Random changes, forks, undos and tools; each agent has a dictionary for every commit."""
    rng = random.Random(seed)
    embedder = Letters()
    plan: list[Any] = []

    def play(agent: memgpt.Agent) -> str:
        """Play."""
        for change in plan:
            change(agent)
        return "played"

    def model(context: memgpt.Context) -> Any:
        return script.pop(0)

    script: list[Any] = []
    agents = [kit.agent(model, tools=[play], embedding=embedder)]
    past: dict[str, list[dict[str, str]]] = {"sam": [{}]}  # undo goes back in it
    ahead: dict[str, list[dict[str, str]]] = {"sam": []}

    def changes(now: dict[str, str]) -> Any:
        """One random change, of the dictionary at once and of the agent when called."""
        what = rng.choice(["insert", "insert", "update", "delete"])
        if what == "insert" or not now:
            key, text = f"new {rng.random()}", f"text {rng.random()}"
            now[key] = text
            return lambda agent: names.__setitem__(key, agent.archival.insert(text).id)
        key = rng.choice(sorted(now))
        if what == "delete":
            del now[key]
            return lambda agent: agent.archival.delete(names[key])
        now[key] = text = f"text {rng.random()}"
        return lambda agent: agent.archival.update(names[key], text=text)

    names: dict[str, str] = {}
    for _ in range(60):
        agent = rng.choice(agents)
        lines, redo = past[agent.name], ahead[agent.name]
        do = rng.choice(["change"] * 5 + ["tool"] * 2 + ["undo", "redo", "fork"])
        if do == "undo" and len(lines) > 1:
            agent.undo()
            redo.append(lines.pop())
        elif do == "redo" and redo:
            agent.redo()
            lines.append(redo.pop())
        elif do == "fork" and len(agents) < 4:
            agents.append(agent.fork(f"fork {len(agents)}"))
            past[agents[-1].name], ahead[agents[-1].name] = [lines[-1]], []
        elif do in ("change", "tool"):
            now = dict(lines[-1])
            if do == "change":
                changes(now)(agent)
            else:
                plan[:] = [changes(now) for _ in range(rng.randrange(1, 6))]
                script[:] = [kit.call("play"), kit.say("done")]
                returns = [m for m in agent.send("Play.").messages if m.role == "tool"]
                assert returns[0].text == "played"
            lines.append(now)
            redo.clear()
        for each in agents:
            there = past[each.name][-1]
            assert texts(each) == sorted(there.values()) and len(each.archival) == len(there)
        for key, text in past[agent.name][-1].items():
            assert agent.archival.get(names[key]).text == text
            assert agent.archival.search(text)[0].score == pytest.approx(1, abs=1e-4)
    assert kit.home.check(replay=True) == []
    assert all(memgpt.testing.check_agent(agent) == [] for agent in agents)


def test_recompiled_as_on_record(kit):
    """The line about what lies outside is made anew where passages are deleted, there as here."""

    def forget(agent: memgpt.Agent) -> str:
        """Forget."""
        agent.archival.delete(agent.archival.search("", limit=1)[0].passage)
        agent.archival.update(agent.archival.search("", limit=1)[0].passage, text="still here")
        return "forgotten"

    llm = CheckedLLM(lambda context: script.pop(0) if script else kit.say("so " * 60))
    script: list[Any] = []
    agent = kit.home.create_agent("sam", model=llm, tools=[forget], context_window=4096)
    for n in range(12):
        agent.archival.insert(f"goose {n}")
        script[:] = [kit.call("forget"), kit.say("done")] if n % 3 == 0 else []
        agent.send(f"Question {n} " * 40)
        agent.archival.insert(f"swan {n}")
        agent.archival.delete(agent.archival.search("", limit=1)[0].passage)
    made = agent.recompile()
    assert made.steps and all(step.lost == step.added == 0 for step in made.steps)
