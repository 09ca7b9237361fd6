"""home.purge(deleted=True), home.purge(undone=True), and everybody who is in its way."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time

import memgpt
import pytest
from memgpt.errors import Busy, NotFound, Reentrant, StoreError

from tests.test_purge import CARD, WORDS, assert_gone, raw


def test_what_only_deleted_agents_saw_is_gone(home, kit):
    gone = kit.agent(lambda context: kit.say("I know of Atlantis"), name="gone")
    stays = kit.agent(lambda context: kit.say("I know of Byblos"), name="stays")
    gone.send("Of Atlantis")
    gone.archival.insert("Atlantis sank")
    gone.memory["human"].value = "of Atlantis"
    gone.save("Atlantis")
    stays.send("Of Byblos")
    stays.undo()
    stays.send("Of Byblos again")
    assert home.purge(deleted=True).id == 0
    handle = gone.at(3)
    home.delete_agent("gone")
    purged = home.purge(deleted=True)
    assert_gone(home.path, "Atlantis")
    assert (purged.agents, purged.messages, purged.passages) == (1, 3, 1)
    assert purged.commits == 5 and purged.text.startswith("what only deleted agents could see: ")
    assert "1 agent" in purged.text and "Atlantis" not in str(home.purges())
    assert home.check() == [] and len(stays.branches()) == 2
    replay = stays.replay()
    assert replay.first_divergence is None and replay.unchecked == []
    for use in (handle.context, gone.context, lambda: gone.send("Hello?")):
        with pytest.raises(NotFound):
            use()
    # Numbers of branches that are free again are not taken for those that were there.
    new = kit.agent(lambda context: kit.say("new"), name="gone")
    assert new.send("Hello").text == "new" and len(new.recall) == 3
    assert stays.send("Go on.").text == "I know of Byblos"
    assert home.purge(deleted=True).id == 0


def test_a_fork_of_a_deleted_agent_keeps_what_it_sees(home, kit):
    agent = kit.agent(lambda context: kit.say("yes"), name="first")
    agent.send("Before the fork: Byblos")
    agent.archival.insert("Byblos stands")
    seq = agent.steps()[-1].seq
    agent.send("Behind the fork: Atlantis")
    agent.archival.insert("Atlantis sank")
    fork = agent.fork("second", at=seq)
    third = fork.fork("third")
    fork.send("On the fork: Corinth")
    contexts = {s.seq: str(fork.context(step=s.seq)) for s in fork.steps() if s.digest}
    home.delete_agent("first")
    assert home.purge(deleted=True).messages == 3
    assert_gone(home.path, "Atlantis")
    for each in (fork, third):
        assert home.check() == [] and each.replay().unchecked == []
        assert each.replay().first_divergence is None
        assert [hit.passage.text for hit in each.archival.search("Byblos")] == ["Byblos stands"]
        assert each.at(2).recall.messages(0, 9)[0].text == "Before the fork: Byblos"
        assert len(each.branches()) >= 2
    assert {seq: str(fork.context(step=seq)) for seq in contexts} == contexts
    # A text in what is shared, whose agent is gone.
    assert home.purge(text="Byblos").passages == 1
    assert_gone(home.path, "Atlantis", "Byblos")
    assert fork.replay().first_divergence is None and home.check() == []
    home.delete_agent("second")
    assert home.purge(deleted=True).messages == 3
    assert b"Corinth" not in raw(home.path)
    assert third.send("And you?").text == "yes" and third.replay().first_divergence is None
    home.delete_agent("third")
    home.purge(deleted=True)
    with contextlib.closing(sqlite3.connect(home.path)) as db:
        for table in ("agent", "branch", "step", "message", "passage", "embedding", "config"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    assert kit.agent([kit.say("new")], name="first").send("Hello").text == "new"


def test_a_shared_block_outlives_the_agents_that_wrote_it(home, kit):
    agent = kit.agent([kit.call("core_memory_append", name="team", content="Byblos"), kit.say("k")])
    block = home.create_block("team", "We.")
    agent.memory.attach(block)
    other = kit.agent(lambda context: kit.say("so"), name="other")
    other.memory.attach(block)
    agent.send("Note it.")
    other.send("Hello.")
    home.delete_agent("sam")
    home.purge(deleted=True)
    assert [version.value for version in block.history()] == ["We.", "We.\nByblos"]
    assert {version.agent for version in block.history()} == {""}
    assert other.memory["team"].value.endswith("Byblos") and home.check() == []
    assert other.send("Well?").text == "so" and other.replay().first_divergence is None


def test_what_was_undone_is_gone_but_what_can_be_redone_or_has_a_tag(home, kit):
    agent = kit.agent(lambda context: kit.say("yes"))
    for word in ("Byblos", "Atlantis", "Lemuria"):
        agent.send(f"Of {word}")
    agent.undo()
    agent.save("kept")
    agent.undo()
    agent.send("Of Corinth")
    agent.send("Of Delphi")
    agent.undo()
    left = agent.at(5)
    purged = home.purge(undone=True)
    assert_gone(home.path, "Lemuria")
    assert purged.messages == 3 and purged.text.startswith("what was undone: 2 commits")
    data = raw(home.path)
    for word in (b"Byblos", b"Atlantis", b"Corinth", b"Delphi"):
        assert word in data, word
    assert home.check() == [] and agent.replay().first_divergence is None
    assert len(left.recall) == 6
    agent.redo()
    assert "Delphi" in str(agent.context())
    agent.load("kept")
    assert "Atlantis" in str(agent.context())
    # It goes on where the line was cut, and the other line is not touched.
    agent.send("Of Ephesus")
    assert agent.replay().first_divergence is None and home.check() == []
    home.purge(undone=True)
    assert_gone(home.path, "Lemuria", "Corinth", "Delphi")
    assert "Ephesus" in str(agent.context()) and agent.replay().first_divergence is None
    assert home.purge(undone=True).id == 0


def test_an_agent_as_it_was_on_a_line_that_is_gone_says_so(home, kit):
    agent = kit.agent(lambda context: kit.say("yes"))
    agent.send("One")
    agent.send("Two")
    then = agent.at(4)
    agent.undo(2)
    agent.send("Three")
    home.purge(undone=True)
    agent.send("Four")
    for _ in range(2):
        with pytest.raises(NotFound, match="destroyed by a purge"):
            then.context()


def test_undone_lines_of_deleted_agents_and_forks_from_undone_lines(home, kit):
    agent = kit.agent(lambda context: kit.say("yes"))
    agent.send("Of Byblos")
    agent.send("Of Atlantis")
    fork = agent.fork("fork")
    agent.undo()
    agent.send("Of Corinth")
    dead = kit.agent(lambda context: kit.say("yes"), name="dead")
    dead.send("Of Lemuria")
    home.delete_agent("dead")
    assert home.purge(undone=True).id == 0  # the fork sees it; the deleted agent was not meant
    assert "Atlantis" in str(fork.context())
    home.delete_agent("fork")
    purged = home.purge(undone=True, deleted=True, text="Corinth")
    assert_gone(home.path, "Atlantis", "Lemuria", "Corinth")
    assert (
        "deleted or undone" in purged.text and "a text of 7 characters in 1 message" in purged.text
    )
    assert home.check() == [] and agent.replay().first_divergence is None
    assert agent.send("Well?").text == "yes"


# Others who have the file open

WATCH = """
import sys, time, memgpt
from pathlib import Path
from memgpt.testing import ScriptedLLM
path, folder = sys.argv[1], Path(sys.argv[2])
llm = ScriptedLLM(lambda context: {"tool": "send_message", "args": {"message": "ok"}})
with memgpt.open(path, durability="process") as home:
    agent = home.agent("sam", model=llm)
    past = agent.at(2)
    search = lambda: [hit.passage.text for hit in agent.archival.search("geese", limit=9)]
    was = [str(agent.context()), str(past.context()), str(agent.config), str(search())]
    (folder / "ready").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    now = [str(past.context()), str(agent.config), str(search()), str(agent.context())]
    agent.send("Hello.")
    now.append(str(llm.last_context.to_request()))
    print([sys.argv[3] in text for text in was], [sys.argv[3] in text for text in now])
    print(agent.replay().first_divergence)
"""


def test_another_process_neither_shows_nor_sends_it(home, kit, tmp_path):
    agent = kit.agent([kit.say("ok")], system=f"Say nothing of {CARD}.")
    agent.send(f"It is {CARD}.")
    agent.archival.insert(f"seven geese and {CARD}")
    child = kit.start(WATCH, home.path, tmp_path, CARD)
    while not (tmp_path / "ready").exists():
        assert child.poll() is None, child.communicate()
        time.sleep(0.01)
    home.purge(text=CARD)
    (tmp_path / "go").touch()
    out, err = child.communicate(timeout=60)
    assert not err and out.splitlines() == [f"{[True] * 4} {[False] * 5}", "None"], out + err
    assert_gone(home.path, CARD)


def test_a_reader_keeps_the_file_from_being_compacted_and_the_next_call_makes_up(tmp_path, kit):
    path = tmp_path / "busy.db"
    with memgpt.open(path, durability="process", turn_timeout_s=0.3) as home:
        llm = kit.LLM(lambda context: kit.say("ok"))
        agent = home.create_agent("sam", model=llm)
        agent.send(f"It is {CARD}.")
        with contextlib.closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM message").fetchone()
            with pytest.raises(StoreError, match=r"it is destroyed .*call home.purge\(\) again"):
                home.purge(text=CARD)
            (purge,) = home.purges()
            assert not purge.compacted and purge.what.startswith("a text of 19")
            assert CARD not in str(agent.context()) and home.check() == []
            assert "not compacted" not in str(agent.replay().unchecked)
            with pytest.raises(StoreError, match="nothing left to destroy"):
                home.purge(text=CARD)
        assert home.purge(text=CARD).id == 0
        assert home.purges()[0].compacted and home.purges()[0].what == purge.what
        assert_gone(path, CARD)
        assert agent.send("And?").text == "ok"


def test_busy_and_reentrant(tmp_path, kit):
    with memgpt.open(tmp_path / "turns.db", durability="process", turn_timeout_s=0.3) as home:
        begun, go = threading.Event(), threading.Event()
        caught: list[Exception] = []

        @memgpt.tool
        def wait() -> str:
            """Wait."""
            begun.set()
            assert go.wait(30)
            return "waited"

        @memgpt.tool
        def burn() -> str:
            """Burn."""
            try:
                home.purge(text=CARD)
            except Reentrant as error:
                caught.append(error)
            return "burnt"

        @memgpt.tool
        async def smoulder() -> str:
            """Burn slowly."""
            return burn()

        tools = [wait, burn, smoulder]
        calls = [kit.call("burn"), kit.call("smoulder"), kit.call("wait"), kit.say("done")]
        agent = home.create_agent("sam", model=kit.LLM(calls), tools=tools)
        home.create_agent("eva", model=kit.LLM([]))
        thread = threading.Thread(target=agent.send, args=(f"It is {CARD}.",))
        thread.start()
        try:
            assert begun.wait(30)
            with pytest.raises(Busy, match="sam"):
                home.purge(text=CARD)
            assert home.purges() == [] and CARD in str(agent.recall.messages(0, 1)[0].text)
        finally:
            go.set()
            thread.join()
        assert len(caught) == 2
        assert home.purge(text=CARD).messages > 0
        assert_gone(home.path, CARD)
        assert agent.replay().first_divergence is None


BURN = """
import sys, memgpt
with memgpt.open(sys.argv[1], durability="process") as home:
    print("go", flush=True)
    home.purge(text=sys.argv[2])
"""


def test_killed_at_any_instant_the_file_is_sound_and_the_next_call_finishes(tmp_path, kit):
    rng = random.Random(5)
    seen = set()
    for number in range(8):
        path = tmp_path / f"{number}.db"
        with memgpt.open(path, durability="process") as home:
            agent = home.create_agent("sam", model=kit.LLM(lambda context: kit.say("ok")))
            agent.send(f"It is {CARD}.")
            line = {"speaker": "B", "time": "2023-05-08"}
            lines = [line | {"text": f"{i} {CARD} {WORDS}"} for i in range(2000)]
            agent.recall.import_transcript(lines)
        child = kit.start(BURN, path, CARD)
        assert child.stdout is not None and child.stdout.readline() == "go\n"
        if number < 2:  # between the transaction and the end
            with contextlib.closing(sqlite3.connect(path)) as db:
                while not db.execute("SELECT count(*) FROM purge").fetchone()[0]:
                    time.sleep(0.001)
        else:
            time.sleep(rng.uniform(0, 0.3))
        child.kill()
        child.communicate()
        with memgpt.open(path, durability="process") as home:
            agent = home.agent("sam")
            assert home.check() == [] and agent.replay().first_divergence is None
            held = sum(CARD in m.text for m in agent.recall.messages(0, 3000))
            assert held in (0, 2001)
            purges = home.purges()
            seen.add((held, bool(purges) and purges[0].compacted))
            assert len(purges) == (held == 0)
            assert home.purge(text=CARD).messages == held
            assert home.check() == [] and [p.compacted for p in home.purges()] == [True]
            assert_gone(path, CARD)
            assert agent.replay().first_divergence is None
    assert (0, False) in seen, seen
