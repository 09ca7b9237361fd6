"""Binding: what is given to an agent that exists, what stays; readers never see half of it."""

from __future__ import annotations

import threading
import time

import memgpt
import pytest
from memgpt import errors
from memgpt.testing import ScriptedLLM


class Four(memgpt.Embedder):
    name, dimension = "e", 4

    def embed(self, texts):
        return [[1.0 + len(text)] * self.dimension for text in texts]


class Eight(Four):
    dimension = 8


def test_readers_and_a_rebinding_writer(kit):
    agent = kit.agent(lambda context: kit.say("so"))
    agent.send("hello")
    stop, problems = threading.Event(), []

    def read():
        while not stop.is_set():
            try:
                assert agent.context().tokens > 0
                assert agent.memory["human"].limit == 2000
                assert agent.unbound == []
            except Exception as error:
                problems.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    end = time.monotonic() + 1
    windows = 8000
    while time.monotonic() < end:
        windows += 1
        model = ScriptedLLM(lambda context: kit.say("so"))
        kit.home.agent("sam", model=model, context_window=windows)
    stop.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert agent.config["context_window"] == windows


def test_a_failed_binding_changes_nothing(kit):
    agent = kit.agent(lambda context: kit.say("the old model"))
    before = agent.config
    other = ScriptedLLM(lambda context: kit.say("the new model"))
    with pytest.raises(errors.WindowTooSmall):
        kit.home.agent("sam", model=other, context_window=500)
    assert agent.send("who are you?").text == "the old model"
    assert agent.config == before


def test_exist_ok_leaves_what_is_not_given(kit):
    agent = kit.agent(lambda context: kit.say("mine"))
    before = agent.config
    again = kit.home.create_agent("sam", exist_ok=True)
    assert again.config == before
    assert again.send("hello").text == "mine"


def test_exist_ok_binds_a_memory_object(kit):
    kit.agent(lambda context: kit.say("mine"), memory=memgpt.ChatMemory(persona="P1"))
    memory = memgpt.ChatMemory(persona="P2")
    agent = kit.home.create_agent("sam", memory=memory, exist_ok=True)
    assert memory["persona"].value == agent.memory["persona"].value == "P1"
    memory["persona"].value = "P3"
    assert agent.memory["persona"].value == "P3"


def test_what_is_bound_stays_bound_while_the_home_is_open(kit):
    kit.agent(lambda context: kit.say("still here"))
    assert kit.home.agent("sam").send("hello").text == "still here"


def test_another_embedder_is_refused_once_there_are_passages(kit):
    agent = kit.agent(lambda context: kit.say("so"), embedding=Four())
    kit.home.agent("sam", embedding=Eight())
    kit.home.agent("sam", embedding=Four())
    agent.archival.insert("one")
    for other in (Eight(), "offline"):
        with pytest.raises(errors.ConfigError, match=r"1 passages .*4 dimensions"):
            kit.home.agent("sam", embedding=other)
    assert [hit.passage.text for hit in agent.archival.search("one")] == ["one"]


def test_a_deleted_agents_handle_says_so(kit):
    agent = kit.agent(lambda context: kit.say("so"))
    kit.home.delete_agent("sam")
    with pytest.raises(errors.AgentNotFound, match="deleted"):
        agent.send("hello")


def test_the_interpreter_ends_while_a_daemon_thread_sends(kit, tmp_path):
    code = (
        "import memgpt, sys, threading, time\n"
        "agent = memgpt.open(sys.argv[1]).create_agent('s')\n"
        "send = lambda: [agent.send('x') for _ in range(100000)]\n"
        "threading.Thread(target=send, daemon=True).start()\n"
        "time.sleep(0.3)\n"
    )
    child = kit.start(code, tmp_path / "exit.db")
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    "reply",
    [
        {"tool_calls": [None]},
        {"tool_calls": "abc"},
        {"content": 5},
        {"content": [{"type": "text"}]},
    ],
)
def test_replies_of_no_known_form_name_the_provider(kit, reply):
    class Odd(memgpt.LLMProvider):
        def complete(self, context):
            return reply

    agent = kit.home.create_agent("odd", model=Odd())
    with pytest.raises(TypeError, match=r"Odd\.complete\(\)"):
        agent.send("hello")


class Counting(memgpt.ChatMemory):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def count(self) -> str:
        """Count the calls."""
        self.calls += 1
        return str(self.calls)


def test_an_attribute_that_was_not_kept_is_named(kit, tmp_path):
    path = tmp_path / "counting.db"
    model = ScriptedLLM(lambda context: kit.call("count", heartbeat=False))
    with memgpt.open(path) as home:
        agent = home.create_agent("c", memory=Counting(), model=model)
        assert agent.send("count").messages[-1].text == "1"
    with memgpt.open(path) as home:
        replies = iter([kit.call("count"), kit.say("I cannot")])
        again = ScriptedLLM(lambda context: next(replies))
        agent = home.agent("c", memory=Counting, model=again)
        failed = agent.send("count").messages[1]
    assert failed.failed and "uses self.calls, which is not there" in failed.text


def test_whoever_loses_the_race_to_create_binds_all_the_same(kit, monkeypatch):
    kit.agent([kit.say("ok")])
    home = kit.home
    monkeypatch.setattr(home, "agents", list)  # as if another process were faster
    model = kit.LLM([kit.say("mine")])
    agent = home.create_agent("sam", model=model, context_window=9000, exist_ok=True)
    assert agent.context().budget.context_window == 9000
    assert agent.send("Hello").text == "mine"


def test_an_agent_that_was_deleted_here_says_so(home):
    agent = home.create_agent("sam")
    agent.send("Hello")
    home.delete_agent("sam")
    assert "deleted" in repr(agent) and "deleted" in str(agent)
    with pytest.raises(memgpt.AgentNotFound, match="deleted"):
        len(agent.recall)


def test_a_call_that_was_broken_off_has_its_return_in_the_context_at_once(kit):
    def stop():
        """Stop."""
        raise KeyboardInterrupt

    agent = kit.agent([kit.call("stop"), kit.say("ok")], tools=[stop])
    with pytest.raises(KeyboardInterrupt):
        agent.send("Hello")
    kit.check_request(agent.context().to_request())
    assert "nterrupt" in str(agent.context().to_request()["messages"][-1]["content"])
    length = len(agent.recall)
    kit.check_request(agent.context().to_request())
    assert len(agent.recall) == length
    assert agent.send("And now?").text == "ok"


def test_a_tool_finds_what_it_has_just_filed(kit):
    seen = {}

    def file(agent):
        """File."""
        before = [h.passage.text for h in agent.archival.search("the green canoe", limit=2)]
        agent.archival.insert("a green canoe lies at the lake", tags=["boat"])
        agent.archival.insert("the oven is broken", tags=["house"])
        seen["before"] = before
        seen["ranked"] = [h.passage.text for h in agent.archival.search("the green canoe", limit=2)]
        seen["newest"] = [h.passage.text for h in agent.archival.search("", limit=3)]
        seen["paged"] = [h.passage.text for h in agent.archival.search("", limit=1, offset=1)]
        seen["tagged"] = [h.passage.text for h in agent.archival.search("canoe", tags=["house"])]
        seen["late"] = agent.archival.search("canoe", start="2999-01-01")
        seen["all"] = len(agent.archival.search("canoe", limit=100))

    agent = kit.agent([kit.call("file"), kit.say("ok")], tools=[file])
    agent.archival.insert("the boat is green", tags=["boat"])
    agent.archival.insert("bread")
    agent.send("go")
    canoe, oven, boat = "a green canoe lies at the lake", "the oven is broken", "the boat is green"
    assert seen["before"][0] == boat
    assert seen["ranked"] == [canoe, boat]
    assert seen["newest"] == [oven, canoe, "bread"]
    assert seen["paged"] == [canoe]
    assert seen["tagged"] == [oven] and seen["late"] == [] and seen["all"] == 4
    # The same once it is committed.
    assert [h.passage.text for h in agent.archival.search("the green canoe", limit=2)] == [
        canoe,
        boat,
    ]


def test_a_policy_that_leaves_no_room_is_refused_and_a_good_one_accepted(kit):
    """The window is checked against the policy that comes, not the one that goes."""
    agent = kit.agent(lambda context: kit.say("Yes."), context_window=3200)
    tight = memgpt.RecursiveSummary(warn_at=0.1, evict_at=0.2, evict_to=0.1)
    with pytest.raises(memgpt.WindowTooSmall, match="its policy evicts above 560"):
        kit.home.agent("sam", policy=tight)
    kit.still_answers(agent)
    kit.home.agent("sam", policy=tight, context_window=32_768)
    with pytest.raises(memgpt.WindowTooSmall):
        kit.home.agent("sam", context_window=3200)
    kit.home.agent("sam", policy=memgpt.RecursiveSummary(), context_window=3200)
    kit.still_answers(agent)
