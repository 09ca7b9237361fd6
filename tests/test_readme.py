"""The README's code runs, and prints what it says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import memgpt
from memgpt.testing import ScriptedLLM

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.S)
PYTHON = [code for language, code in BLOCKS if language == "python"]


def test_the_session_prints_what_the_readme_shows() -> None:
    (expected,) = [code for language, code in BLOCKS if language == "text"]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(PYTHON[0], "README.md", "exec"), {})
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TODAY", out.getvalue())
    assert shown == expected


def test_the_session_is_twelve_lines() -> None:
    assert len([line for line in PYTHON[0].splitlines() if line]) <= 12


def test_the_provider_and_the_memory_class_work() -> None:
    scope: dict = {}
    exec(compile(PYTHON[1], "README.md", "exec"), scope)
    assert issubclass(scope["LocalServer"], memgpt.LLMProvider)
    exec(compile(PYTHON[2], "README.md", "exec"), scope)
    model = ScriptedLLM(
        [
            {"tool": "task_add", "args": {"task": "water the plants"}, "heartbeat": True},
            {"tool": "roll_dice", "args": {"sides": 1}, "heartbeat": True},
            {"tool": "send_message", "args": {"message": "done"}},
        ]
    )
    home = memgpt.open(":memory:")
    agent = home.create_agent(
        "sam", memory=scope["TaskMemory"]("I am Sam.", ""), tools=[scope["roll_dice"]], model=model
    )
    reply = agent.send("Remind me of the plants and roll a die.")
    assert reply.text == "done"
    assert agent.memory["tasks"].value == "- water the plants\n"
    assert [m.text for m in reply.messages if m.name == "roll_dice"] == ["1"]
    home.close()
