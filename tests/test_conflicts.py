"""The head is moved under a step: by a process that does not see the file of turns."""

from __future__ import annotations

import contextlib
import sqlite3
import textwrap
from pathlib import Path

import memgpt
import pytest
from memgpt.errors import Conflict

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
