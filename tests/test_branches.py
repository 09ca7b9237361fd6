"""Lines of history: fork, at, undo, redo, tags and branches, in every tier at once."""

from __future__ import annotations

import json
import random
import threading
from typing import Any

import memgpt
import pytest
from memgpt import Context
from memgpt.errors import (
    AlreadyExists,
    ConfigError,
    InvalidInput,
    LimitExceeded,
    NotFound,
    Reentrant,
)

from tests.conftest import CheckedLLM, call, say

WORDS = "the river ran past the old mill and the miller counted seven white geese on its bank "


def remember(text: str) -> list[dict[str, Any]]:
    """A turn that writes into every tier, and answers."""
    return [
        call("core_memory_append", name="human", content=text),
        call("archival_memory_insert", content=f"passage of {text}"),
        say(f"I heard {text}"),
    ]


class Recorder(CheckedLLM):
    """Does for each message what ``remember`` says, by the newest user message."""

    def __init__(self) -> None:
        super().__init__(self._next)
        self.queue: list[dict[str, Any]] = []

    def _next(self, context: Context) -> dict[str, Any]:
        if not self.queue:
            users = [m["content"] for m in context.to_request()["messages"] if m["role"] == "user"]
            said = [json.loads(text) for text in users]
            newest = [item["message"] for item in said if item["type"] == "user_message"][-1]
            self.queue = remember(newest.split()[0])
        return self.queue.pop(0)


@memgpt.tool
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def seen(agent: memgpt.Agent) -> dict[str, Any]:
    """Everything that can be read of an agent."""
    return {
        "blocks": [(b.label, b.value) for b in agent._core.blocks()],
        "messages": [m.id for m in agent.recall.messages(0, 10_000)],
        "window": [m.id for m in agent.window],
        "recall": sorted(h.message.id for h in agent.recall.search("heard", limit=1000)),
        "newest": [h.message.id for h in agent.recall.search("", limit=1000)],
        "archival": sorted(h.passage.id for h in agent.archival.search("passage of", limit=1000)),
        "passages": len(agent.archival),
        "listed": [h.passage.id for h in agent.archival.search("", limit=1000)],
        "summary": agent.memory.summary,
        "summaries": [s.covers for s in agent.summaries()],
        "steps": [(s.seq, s.kind, s.digest) for s in agent.steps()],
        "context": [span.text for span in agent.context().spans],
        "pinned": agent.pinned,
    }


def agent_of(kit: Any, *texts: str, **options: Any) -> memgpt.Agent:
    agent = kit.home.create_agent("sam", model=Recorder(), **options)
    for text in texts:
        agent.send(text)
    return agent


def test_undo_goes_back_in_every_tier_and_redo_comes_back(kit):
    agent = agent_of(kit)
    states = [seen(agent)]
    for text in ("one", "two", "three"):
        agent.send(text)
        states.append(seen(agent))
    assert states[3]["archival"] and states[3]["recall"] and "three" in str(states[3]["blocks"])
    for n in (2, 1, 0):
        moved = agent.undo()
        assert seen(agent) == states[n] and moved.messages == 7
        assert agent.replay().first_divergence is None
    with pytest.raises(InvalidInput, match="0 turns to undo"):
        agent.undo()
    for n in (1, 2, 3):
        assert agent.redo().messages == -7
        assert seen(agent) == states[n]
    with pytest.raises(InvalidInput, match="nothing to redo"):
        agent.redo()
    agent.undo(3)
    assert seen(agent) == states[0]
    with pytest.raises(InvalidInput, match="3 turns to redo, not 4"):
        agent.redo(4)
    agent.redo(3)
    assert seen(agent) == states[3]
    with pytest.raises(InvalidInput, match="3 turns to undo"):
        agent.undo(4)
    kit.reopen()
    assert seen(kit.home.agent("sam", model=Recorder())) == states[3]


def test_what_is_written_after_an_undo_begins_a_branch(kit):
    agent = agent_of(kit, "one", "two")
    old = seen(agent)
    agent.undo()
    agent.send("three")
    assert [m.text for m in agent.recall.messages() if m.role == "user"] == ["one", "three"]
    assert "two" not in agent.memory["human"].value and "three" in agent.memory["human"].value
    assert [h.passage.text for h in agent.archival.search("", limit=9)] == [
        "passage of three", "passage of one"]  # fmt: skip
    with pytest.raises(InvalidInput, match="nothing to redo"):
        agent.redo()
    lines = agent.branches()
    assert [line.current for line in lines] == [False, True]
    assert lines[1].parent.branch == lines[0].id and lines[0].parent is None
    assert lines[0].head.seq == lines[1].head.seq == old["steps"][-1][0]
    positions = [message.position for message in agent.recall.messages(0, 100)]
    assert positions == list(range(len(positions)))
    assert agent.replay().first_divergence is None
    agent.undo()
    agent.send("four")
    assert len(agent.branches()) == 3
    kit.reopen()
    agent = kit.home.agent("sam", model=Recorder())
    assert agent.send("five").text == "I heard five"
    assert len(agent.branches()) == 3


def test_the_past_reads_like_an_agent(kit):
    agent = agent_of(kit)
    states = {}
    for text in ("one", "two", "three"):
        agent.send(text)
        states[agent.steps()[-1].seq] = seen(agent)
    agent.policy = memgpt.SlidingWindow(evict_at=0.8)
    agent.send("four")
    for seq, state in states.items():
        past = agent.at(seq)
        assert seen(past) == state
        assert past.config["policy"] == "RecursiveSummary"
        assert past.context().explain().rows and past.budget().used > 0
        assert past.replay().first_divergence is None
        assert f"commit {seq}" in repr(past) and past._repr_html_()
    past = agent.at(next(iter(states)))
    changes = [
        lambda: past.send("no"),
        lambda: past.undo(),
        lambda: past.add_tool(pay),
        lambda: past.archival.insert("no"),
        lambda: past.recall.import_transcript([{"text": "no", "time": "2023-01-01"}]),
        lambda: setattr(past, "policy", memgpt.NoEviction()),
        lambda: setattr(past.memory["human"], "value", "no"),
        lambda: past.memory.add("new"),
        lambda: past.pin(past.window[0]),
        lambda: past.save("no"),
    ]
    for change in changes:
        with pytest.raises(InvalidInput, match="can be read, not changed"):
            change()
    assert "four" not in past.memory["human"].value
    agent.send("five")
    assert seen(past) == next(iter(states.values()))
    for seq in (0, -1, 10_000):
        with pytest.raises(NotFound, match="has commits 1 to"):
            agent.at(seq)


def test_a_fork_goes_its_own_way(kit):
    agent = agent_of(kit, "one", "two", tools=[pay])
    before = seen(agent)
    fork = agent.fork("sam-b")
    assert {**seen(fork), "steps": 0} == {**before, "steps": 0}
    assert fork.steps()[-1].kind == "fork" and fork.unbound == [] and fork.tools == agent.tools
    fork.send("three")
    agent.send("four")
    for one, own, other in ((agent, "four", "three"), (fork, "three", "four")):
        assert own in one.memory["human"].value and other not in one.memory["human"].value
        texts = [h.passage.text for h in one.archival.search("passage", limit=9)]
        assert f"passage of {own}" in texts and f"passage of {other}" not in texts
        assert "passage of one" in texts
        assert one.recall.search(own) and not one.recall.search(other)
        assert one.replay().first_divergence is None
    early = agent.fork("early", at=agent.steps()[0].seq)
    assert len(early.recall) == 0 == len(early.archival)
    with pytest.raises(InvalidInput, match="0 turns to undo"):
        early.undo()
    fork.undo()
    with pytest.raises(InvalidInput, match="to undo"):
        fork.undo()
    with pytest.raises(AlreadyExists):
        agent.fork("early")
    with pytest.raises(NotFound):
        agent.fork("x", at=1000)
    with pytest.raises(NotFound, match="tags are: none"):
        agent.fork("x", at="no such tag")
    with pytest.raises(ConfigError):
        agent.fork(" ")
    assert kit.home.agents() == ["sam", "sam-b", "early"]


def test_forks_of_forks_and_of_lines_that_were_undone(kit):
    agent = agent_of(kit, "one", "two")
    agent.undo()
    first = agent.fork("first")
    agent.redo()
    first.send("three")
    second = first.fork("second")
    second.send("four")
    first.undo()
    first.send("five")

    def heard(agent: memgpt.Agent) -> list[str]:
        said = [m.text for m in agent.recall.messages(0, 99)]
        return [text.split()[-1] for text in said if text.startswith("I ")]

    assert heard(agent) == ["one", "two"]
    assert heard(first) == ["one", "five"]
    assert heard(second) == ["one", "three", "four"]
    kit.home.delete_agent("first")
    kit.home.delete_agent("sam")
    assert heard(second) == ["one", "three", "four"] and second.send("six").text == "I heard six"
    kit.reopen()
    second = kit.home.agent("second", model=Recorder())
    assert heard(second) == ["one", "three", "four", "six"]
    assert second.replay().first_divergence is None


def test_a_fork_has_its_own_tools_and_memory(kit):
    class Notes(memgpt.ChatMemory):
        def note(self, text: str) -> None:
            """Note."""
            self.memory["human"].value += text

    def who(agent: memgpt.Agent) -> str:
        """Who."""
        return agent.name

    script = [call("note", text="N"), call("who"), say("done")]
    llm = CheckedLLM(lambda context: script[(llm.calls - 1) % 3])
    agent = kit.home.create_agent("sam", model=llm, memory=Notes("p", "h"), tools=[who])
    fork = agent.fork("b")
    fork.send("go")
    assert fork.memory["human"].value == "hN" and agent.memory["human"].value == "h"
    assert [m.text for m in fork.recall.messages() if m.role == "tool"][1] == "b"
    del fork
    assert kit.home.agent("b").unbound == []


def test_what_was_done_outside_stays_done_and_is_listed(kit):
    script = [call("pay", amount=5), say("paid")]
    llm = CheckedLLM(lambda context: script[(llm.calls - 1) % 2])
    agent = kit.home.create_agent("sam", model=llm, tools=[pay])
    agent.send("pay")
    moved = agent.undo()
    assert [(run.tool, run.arguments != "") for run in moved.outside] == [("pay", True)]
    assert "stays done: pay" in repr(moved)
    assert agent.redo().outside == []


def test_units(kit):
    script = [
        call("core_memory_append", name="human", content="x"),
        call("pay", amount=1),
        say("so"),
    ]
    llm = CheckedLLM(lambda context: script[(llm.calls - 1) % 3])
    agent = kit.home.create_agent("sam", model=llm, tools=[pay])
    agent.send("hello")
    kinds = [step.kind for step in agent.steps()]
    assert kinds == ["create", "input", "step", "intent", "outcome", "step"]
    counts = [len(agent.recall)]
    for _ in range(4):
        agent.undo(unit="step")
        counts.append(len(agent.recall))
    assert counts == [7, 5, 3, 1, 0]
    with pytest.raises(InvalidInput, match="0 steps to undo"):
        agent.undo(unit="step")
    for expected in (1, 3, 5, 7):
        agent.redo(unit="step")
        assert len(agent.recall) == expected
    agent.memory["human"].value = "by hand"
    agent.archival.insert("by hand")
    agent.policy = memgpt.Importance()
    agent.undo()
    assert agent.memory["human"].value == "by hand" and len(agent.archival) == 0
    agent.undo()
    assert agent.memory["human"].value == "x" and len(agent.recall) == 7
    agent.undo()
    assert len(agent.recall) == 0
    assert isinstance(agent.policy, memgpt.Importance)
    for bad in ("day", ""):
        with pytest.raises(InvalidInput, match="unit"):
            agent.undo(unit=bad)
    for bad in (0, -1, 1.5, "x", True):
        with pytest.raises(InvalidInput):
            agent.undo(bad)
        with pytest.raises(InvalidInput):
            agent.redo(bad)


def test_the_configuration_is_not_undone(kit):
    agent = agent_of(kit, "one")
    agent.add_tool(pay)
    agent.policy = memgpt.SlidingWindow()
    agent.send("two")
    agent.undo(2)
    assert "pay" in agent.tools and isinstance(agent.policy, memgpt.SlidingWindow)
    agent.send("three")
    assert agent.replay().first_divergence is None
    assert agent.recompile().recompiled.tokens == agent.recompile().recorded.tokens
    past = agent.at(2)
    assert past.config["policy"] == "SlidingWindow"
    kit.reopen()
    agent = kit.home.agent("sam", model=Recorder(), tools=[pay])
    assert "pay" in agent.tools and agent.send("four").text == "I heard four"
    assert agent.replay().first_divergence is None


def test_pop_undoes_the_fewest_steps(kit):
    agent = agent_of(kit, "one", "two")
    assert len(agent.recall) == 14
    agent.pop()
    assert len(agent.recall) == 7 and agent.recall.messages()[-1].role == "tool"
    agent.redo()
    for messages, left in ((1, 12), (2, 10), (3, 7), (1, 5), (5, 0)):
        agent.pop(messages)
        assert len(agent.recall) == left
    for bad in (0, -1, "x"):
        with pytest.raises(InvalidInput):
            agent.pop(bad)
    with pytest.raises(InvalidInput, match="0 messages, not 5"):
        agent.pop(5)
    with pytest.raises(InvalidInput, match="no user message"):
        agent.pop()
    agent.redo(unit="step")
    assert len(agent.recall) == 1


def test_tags(kit):
    agent = agent_of(kit, "one")
    tag = agent.save("first")
    agent.send("two")
    agent.save()
    two = seen(agent)
    agent.send("three")
    three = seen(agent)
    assert agent.tags()[0].name == "first" and len(agent.tags()) == 2
    agent.load()
    assert seen(agent) == two
    moved = agent.load("first")
    assert (moved.to_head, len(agent.recall)) == (tag.head, 7)
    agent.redo(2)
    assert seen(agent) == three
    with pytest.raises(AlreadyExists, match='a tag "first"'):
        agent.save("first")
    with pytest.raises(NotFound, match='tags are: "first"'):
        agent.load("second")
    for bad in ("", " ", "x" * 300, 5):
        with pytest.raises(memgpt.Error):
            agent.save(bad)
    assert agent.at("first").memory["human"].value == "one"
    assert agent.fork("b", at="first").memory["human"].value == "one"
    # To another line and back.
    agent.load("first")
    agent.send("four")
    four = seen(agent)
    agent.load(agent.tags()[-1].name)
    assert seen(agent) == two
    agent.redo()
    assert seen(agent) == four
    with pytest.raises(NotFound, match="no tag yet"):
        agent.fork("c").load()


def test_blocks_have_a_history(kit):
    agent = agent_of(kit, "one", "two")
    agent.memory["human"].value = "one\nby hand"
    history = agent.memory["human"].history()
    assert [v.author for v in history] == ["user", "agent", "agent", "user"]
    assert [v.value for v in history] == ["", "one", "one\ntwo", "one\nby hand"]
    assert history[-1].lines == [" one", "-two", "+by hand"]
    assert [v.version for v in history] == sorted(v.version for v in history)
    assert "by hand" in str(history[-1]) and history[0].to_dict()["author"] == "user"
    agent.undo(2)
    assert [v.value for v in agent.memory["human"].history()] == ["", "one"]
    agent.send("three")
    assert [v.value for v in agent.memory["human"].history()] == ["", "one", "one\nthree"]
    fork = agent.fork("b")
    fork.memory["human"].value = "forked"
    assert len(fork.memory["human"].history()) == 4
    assert len(agent.memory["human"].history()) == 3
    assert agent.at(3).memory["human"].history()[-1].value == "one"
    with pytest.raises(ConfigError, match="no agent yet"):
        memgpt.MemoryModule("x").history()
    with pytest.raises(LimitExceeded):
        fork.memory["human"].value = "x" * 3000


def test_evictions_are_undone(kit):
    agent = kit.agent(lambda context: say("so"), context_window=4096)
    states = []
    for _ in range(30):
        agent.send(WORDS * 4)
        states.append((seen(agent)["window"], agent.memory.summary, agent.steps()[-1].seq))
    assert len(agent.summaries()) > 2
    for window, summary, _ in reversed(states[:-1]):
        agent.undo()
        assert [m.id for m in agent.window] == window and agent.memory.summary == summary
    agent.redo(29)
    for window, summary, seq in states:
        past = agent.at(seq)
        assert [m.id for m in past.window] == window and past.memory.summary == summary
    agent.undo(15)
    for _ in range(10):
        agent.send(WORDS * 3)
    assert agent.replay().first_divergence is None


def test_random_walks_through_histories(kit):
    """Against a model of what should be there: a list of states by place."""
    rng = random.Random(3)
    agent = agent_of(kit, context_window=4096)
    line = [seen(agent)]
    at = 0
    for n in range(60):
        what = rng.choice(["send", "send", "edit", "undo", "redo", "reopen", "fork", "past"])
        if what in ("send", "edit"):
            if what == "send":
                agent.send(f"w{n} " + WORDS * rng.randrange(6))
            else:
                agent.memory["human"].value = f"edit {n}"
            at += 1
            line[at:] = [seen(agent)]
        elif what == "undo" and at > 0:
            count = rng.randint(1, at)
            agent.undo(count)
            at -= count
        elif what == "redo" and at < len(line) - 1:
            count = rng.randint(1, len(line) - 1 - at)
            agent.redo(count)
            at += count
        elif what == "reopen":
            kit.reopen()
            agent = kit.home.agent("sam", model=Recorder())
        elif what == "fork":
            fork = agent.fork(f"fork {n}")
            assert {**seen(fork), "steps": 0} == {**line[at], "steps": 0}
            fork.send("elsewhere")
        elif what == "past":
            place = rng.randint(0, at)
            assert seen(agent.at(line[place]["steps"][-1][0])) == line[place]
        assert seen(agent) == line[at], what
    assert agent.replay().first_divergence is None


def test_undo_waits_for_a_turn_and_is_refused_inside_of_one(kit):
    inside: list[Any] = []
    started, go_on = threading.Event(), threading.Event()

    def meddle(agent: memgpt.Agent) -> str:
        """Meddle."""
        for change in (agent.undo, agent.redo, agent.pop, lambda: agent.save("x"), agent.load):
            with pytest.raises(Reentrant) as raised:
                change()
            inside.append(raised.value)
        inside.append(agent.at(1).memory["human"].value)
        started.set()
        go_on.wait(10)
        return "ok"

    script = [call("meddle"), say("done")]
    llm = CheckedLLM(lambda context: script[(llm.calls - 1) % 2])
    agent = kit.home.create_agent("sam", model=llm, tools=[meddle])
    sender = threading.Thread(target=lambda: agent.send("go"))
    sender.start()
    assert started.wait(10)
    undoing = threading.Thread(target=agent.undo)
    undoing.start()
    undoing.join(0.2)
    assert undoing.is_alive()
    go_on.set()
    sender.join(10)
    undoing.join(10)
    assert len(inside) == 6 and len(agent.recall) == 0


def test_two_processes_on_one_line(kit):
    agent = agent_of(kit, "one", "two")
    kit.run(
        """
import sys, memgpt
from memgpt.testing import ScriptedLLM
home = memgpt.open(sys.argv[1], durability="process")
say = {"tool": "send_message", "args": {"message": "there"}}
agent = home.agent("sam", model=ScriptedLLM(lambda context: say))
agent.undo()
agent.send("three")
""",
        kit.home.path,
    )
    assert [m.text for m in agent.recall.messages() if m.role == "user"] == ["one", "three"]
    agent.undo()
    assert agent.send("four").text == "I heard four"
    assert agent.replay().first_divergence is None


def test_another_model_after_an_undo(kit):
    agent = agent_of(kit, "one", "two")
    agent.undo()
    other = Recorder()
    other.tokenizer = "cl100k_base"
    agent = kit.home.agent("sam", model=other)
    agent.send("three")
    agent.undo()
    agent.redo()
    assert agent.replay().first_divergence is None


def test_an_old_line_can_be_read_forked_and_gone_back_to(kit):
    agent = kit.agent([kit.say(str(i)) for i in range(9)])
    agent.send("one")
    agent.send("two")
    agent.save("two")
    old = agent.head
    agent.undo()
    agent.send("three")
    assert [b.head for b in agent.branches()] == [old, agent.head]
    for place in (old, "two", agent.branches()[0].head):
        assert [m.text for m in agent.at(place).window if m.role == "user"] == ["one", "two"]
    fork = agent.fork("fork", at=old)
    assert [m.text for m in fork.window if m.role == "user"] == ["one", "two"]
    assert [m.text for m in agent.fork("tag", at="two").window if m.role == "user"][-1] == "two"
    here = agent.head
    assert agent.load(old).to_head == old and agent.head == old
    assert agent.redo().to_head == here


def test_places_of_other_agents_are_refused(kit):
    agent = kit.agent([kit.say(str(i)) for i in range(9)])
    llm = kit.llm
    agent.send("one")
    fork = agent.fork("fork")
    shared = agent.head
    agent.send("two")
    other = kit.agent([kit.say("x")], "other")
    other.send("hello")
    # What both have is of both; what the one wrote after the fork is not the other's.
    assert fork.at(shared).head == shared
    for theirs in (agent.head, other.head):
        for use in (fork.at, fork.load, lambda head: fork.fork("no", at=head)):
            with pytest.raises(NotFound, match=r"agent\.branches\(\)"):
                use(theirs)
    assert kit.home.agents() == ["sam", "fork", "other"]
    kit.still_answers(fork, llm)


def test_load_back_to_before_commits_that_were_left(kit):
    """Replay took the commits that a newer line had left for ones that nobody knew of."""
    agent = kit.agent(lambda context: kit.say("so"))
    agent.send("one")
    agent.save("t")
    agent.send("two")
    agent.undo(2)
    agent.archival.insert("z")
    agent.load("t")
    agent.undo()
    assert agent.replay().first_divergence is None and kit.home.check(replay=True) == []
