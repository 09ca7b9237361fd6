"""The head is moved under a step: by a process that does not see the file of turns."""

from __future__ import annotations

import contextlib
import sqlite3
import textwrap
import threading
from pathlib import Path

import memgpt
import pytest
from memgpt.errors import Busy, Conflict

from tests.conftest import CheckedLLM

EDIT = """
    import sys, memgpt
    with memgpt.open(sys.argv[1], durability="process") as home:
        home.agent("sam").memory["human"].value = sys.argv[2]
"""


@pytest.fixture
def intrude(kit):
    """Another process that edits the agent in mid-turn, for somebody removed the file of turns."""

    def edit(value: str) -> None:
        Path(f"{kit.home.path}-turns").unlink()
        kit.run(textwrap.dedent(EDIT), kit.home.path, value)

    return edit


def test_a_step_is_made_again_from_the_head(kit, intrude):
    seen: list[str] = []

    def script(context: memgpt.Context):
        seen.append("".join(span.text for span in context.spans))
        if len(seen) == 1:
            intrude("Ann")
        return kit.say(f"answer {len(seen)}")

    agent = kit.agent(script)
    response = agent.send("Who am I?")
    assert "Ann" not in seen[0] and "Ann" in seen[1] and "Who am I?" in seen[1]
    assert response.text == "answer 2" and response.steps == 2
    assert agent.memory["human"].value == "Ann"
    assert [step.kind for step in agent.steps()] == ["create", "input", "edit", "step"]
    kit.still_answers(agent)


def test_a_tool_with_outside_effects_runs_once_and_its_result_is_told(kit, intrude):
    runs: list[int] = []

    @memgpt.tool
    def launch() -> str:
        """Launch."""
        runs.append(1)
        intrude("Ann")
        return "launched"

    script = iter([kit.call("launch"), kit.say("I do not know.")])
    agent = kit.agent(lambda context: next(script), tools=[launch])
    response = agent.send("Go!")
    assert runs == [1] and response.text == "I do not know."
    kinds = [step.kind for step in agent.steps()]
    assert kinds == ["create", "input", "intent", "edit", "recovery", "step"]
    result = next(m for m in agent.recall.messages(0, 99) if m.role == "tool")
    assert not result.failed and result.text == "launched"


def test_it_ends_where_the_head_is_moved_each_time(kit, intrude):
    calls: list[int] = []

    def script(context: memgpt.Context):
        calls.append(1)
        with contextlib.suppress(FileNotFoundError):
            intrude(f"value {len(calls)}")
        (Path(f"{kit.home.path}-turns")).touch()
        return kit.say("never")

    agent = kit.agent(script)
    with pytest.raises(Conflict, match="another process moved"):
        agent.send("Who am I?")
    assert len(calls) == 4
    assert not any(m.text == "never" for m in agent.recall.messages(0, 99))
    kit.still_answers(agent)


def test_it_ends_where_the_input_itself_is_gone(kit):
    def script(context: memgpt.Context):
        with contextlib.closing(sqlite3.connect(kit.home.path)) as db, db:
            db.execute("UPDATE agent SET head_seq = head_seq - 1")
        return kit.say("to whom?")

    agent = kit.agent(script)
    with pytest.raises(Conflict):
        agent.send("Who am I?")
    assert len(agent.recall) == 0
    kit.still_answers(agent)


def busy(kit):
    """A home with a short patience, and an agent whose model waits until it is told to go on."""
    started, go_on = threading.Event(), threading.Event()

    def wait(context: memgpt.Context):
        started.set()
        assert go_on.wait(30)
        return kit.say("at last")

    home = memgpt.open(Path(kit.home.path).with_name("busy.db"), turn_timeout_s=0.2)
    agent = home.create_agent("sam", model=CheckedLLM(wait))
    thread = threading.Thread(target=agent.send, args=("hello",))
    thread.start()
    assert started.wait(30)
    return home, agent, thread, go_on


def test_a_busy_agent_is_waited_for_as_long_as_the_home_says(kit):
    home, agent, thread, go_on = busy(kit)
    try:
        with pytest.raises(Busy, match=r"another send\(\) in this process.* 0\.2 s"):
            agent.send("me, too")
        with pytest.raises(Busy):
            agent.memory["human"].value = "Ann"
        with pytest.raises(Busy):
            agent.undo()
        assert len(agent.recall) == 1, "who reads does not wait"
    finally:
        go_on.set()
        thread.join()
    assert agent.send("and now?").text == "at last"
    home.close()


def test_another_process_is_waited_for_as_well(kit):
    home, agent, thread, go_on = busy(kit)
    code = """
        import sys, memgpt
        with memgpt.open(sys.argv[1], turn_timeout_s=0.2) as home:
            try:
                home.agent("sam").memory["human"].value = "Ann"
            except memgpt.Busy as error:
                print(error)
    """
    try:
        out = kit.run(textwrap.dedent(code), home.path)
    finally:
        go_on.set()
        thread.join()
    assert "in another process" in out and "0.2 s (turn_timeout_s)" in out
    assert agent.memory["human"].value == ""
    home.close()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "1", None, True])
def test_a_timeout_that_cannot_be(tmp_path, seconds):
    with pytest.raises(memgpt.errors.ConfigError, match="turn_timeout_s"):
        memgpt.open(tmp_path / "x.db", turn_timeout_s=seconds)
    assert list(tmp_path.iterdir()) == []


def test_one_file_is_open_with_one_set_of_options(tmp_path):
    with memgpt.open(tmp_path / "x.db", turn_timeout_s=5) as home:
        assert memgpt.open(tmp_path / "x.db", turn_timeout_s=5.0) is home
        with pytest.raises(memgpt.errors.ConfigError, match="turn_timeout_s=5"):
            memgpt.open(tmp_path / "x.db")
