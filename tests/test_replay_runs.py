"""Replay of runs that were broken off, changed their tokenizer, or go on meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import memgpt
import pytest
from memgpt.errors import StoreError

WORDS = "the river ran past the old mill and the miller counted seven white geese on its bank "


def tokenizer_of(name: str, kit: Any) -> Any:
    llm = kit.LLM(lambda context: kit.say("so 🦢漢字"))
    llm.tokenizer, llm.model = name, name or "unknown"
    return llm


def test_counts_of_several_tokenizers_are_all_compared(kit, tmp_path):
    path = tmp_path / "two.db"
    for number, name in enumerate(["cl100k_base", "o200k_base", "", "cl100k_base"]):
        llm = tokenizer_of(name, kit)
        with memgpt.open(path, durability="process") as home:
            agent = home.create_agent("sam", model=llm, context_window=4096, exist_ok=True)
            for turn in range(12):
                agent.send(f"{turn} Grüße 🦢漢字 {WORDS * 4}")
            replay = agent.replay()
            assert replay.first_divergence is None and replay.unchecked == []
            assert replay.steps == 12 * (number + 1)
            assert agent.memory.summary


def test_a_provider_that_fails_in_mid_turn_leaves_nothing_that_diverges(kit):
    agent = kit.agent([kit.call("core_memory_append", name="human", content="x"), OSError("down")])
    with pytest.raises(OSError, match="down"):
        agent.send("hello")
    assert agent.replay().steps == 1 and agent.replay().first_divergence is None
    kit.still_answers(agent)
    assert agent.replay().steps == 2 and agent.replay().first_divergence is None


KILLED = """
import sys, time
import memgpt
from memgpt.testing import ScriptedLLM

def launch(where: str) -> str:
    print("launched", flush=True)
    time.sleep(60)

llm = ScriptedLLM([{"tool": "launch", "args": {"where": "the moon"}}])
memgpt.open(sys.argv[1]).create_agent("sam", model=llm, tools=[launch]).send("fly me to the moon")
"""


def test_a_step_that_was_killed_is_replayed_before_and_after_it_is_recovered(kit, tmp_path):
    path = tmp_path / "killed.db"
    child = kit.start(KILLED, path)
    assert child.stdout.readline() == "launched\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=20)
    with memgpt.open(path) as home:
        agent = home.agent("sam", model=kit.LLM(lambda context: kit.say("back")))
        assert agent.replay().first_divergence is None and agent.replay().steps == 1
        agent.recall.import_transcript([{"speaker": "Bob", "text": "hi", "time": "2023-05-08"}])
        agent.send("Are you there?")
        replay = agent.replay()
        assert [step.kind for step in agent.steps()][3:] == ["recovery", "import", "input", "step"]
        assert replay.first_divergence is None and (replay.steps, replay.commits) == (2, 7)


def test_replay_while_another_thread_sends(kit):
    agent = kit.agent(lambda context: kit.say("so"), context_window=4096)
    sender = threading.Thread(target=lambda: [agent.send(WORDS * 2) for _ in range(60)])
    sender.start()
    replays = [agent.replay()]
    while sender.is_alive():
        replays.append(agent.replay())
    sender.join()
    assert all(replay.first_divergence is None for replay in replays)
    assert [r.commits for r in replays] == sorted(r.commits for r in replays)
    assert agent.replay().steps == 60


def test_a_tool_may_replay_its_own_agent(kit):
    seen = []

    @memgpt.tool
    def look(agent: memgpt.Agent) -> str:
        seen.append(agent.replay())
        return "looked"

    agent = kit.agent([kit.call("look"), kit.say("so")], tools=[look])
    agent.send("look")
    assert seen[0].first_divergence is None and (seen[0].steps, seen[0].commits) == (1, 3)


def test_replay_of_a_closed_home_or_a_deleted_agent_says_so(kit, tmp_path):
    with memgpt.open(tmp_path / "a.db") as home:
        agent = home.create_agent("sam", model=kit.LLM([]))
        assert agent.replay().commits == 1 and agent.replay().steps == 0
        other = home.create_agent("other", model=kit.LLM([]))
        home.delete_agent("other")
        with pytest.raises(memgpt.errors.AgentNotFound):
            other.replay()
    with pytest.raises(StoreError, match="closed"):
        agent.replay()


def test_signals_are_asked_for_within_a_replay(kit):
    """More than one reaches Python in one replay, and what its handler raises ends it."""
    agent = kit.agent()
    for number in range(2500):
        agent.memory["human"].value = f"number {number}"
    calls = []

    def note(signum: int, frame: Any) -> None:
        calls.append(frame.f_code.co_name)

    def stop(signum: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, note)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        assert agent.replay().commits == 2501
        signal.setitimer(signal.ITIMER_REAL, 0)
        during = [name for name in calls if name == "replay"]
        signal.signal(signal.SIGALRM, stop)
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.001)  # once
            for _ in range(100):
                agent.replay()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(during) >= 3
    assert agent.replay().first_divergence is None
