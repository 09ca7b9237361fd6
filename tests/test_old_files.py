"""Files that older versions wrote: schema-2.db.gz comes from the last commit with that schema.

Its agent ``old`` (ScriptedLLM, o200k_base, window 3,584) has an imported message, a tool with
outside effects, an edit by the user, evictions and a passage.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import memgpt
import pytest

FILES = Path(__file__).parent / "files"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    path.write_bytes(gzip.decompress((FILES / "schema-2.db.gz").read_bytes()))
    return path


def pay(amount: int) -> str:
    """Pay.

    Args:
        amount: of coins.
    """
    return f"paid {amount}"


def test_its_history_is_made_again(old: Path) -> None:
    """But for the contexts, which another version of the compiler made."""
    with memgpt.open(old) as home:
        agent = home.agent("old")
        replay = agent.replay()
        assert replay.first_divergence is None
        assert (replay.commits, replay.steps) == (38, 19)
        told = "\n".join(replay.unchecked)
        assert len(replay.unchecked) == 2 and "before schema 3" in told
        assert "contexts of compiler version 1" in told
        assert all(step.correction == 0 and step.unbound_tools == [] for step in agent.steps())


def test_it_goes_on(old: Path, kit: Any) -> None:
    with memgpt.open(old) as home:
        agent = home.agent("old", model=(llm := kit.LLM([kit.say("Here.")])), tools=[pay])
        assert agent.send("Are you there?").text == "Here."
        assert "Lives in Turin, walks." in str(llm.last_context)
        assert agent.config["tokenizer"] == "o200k_base"
        assert len(agent.recall) == 59
        kit.still_answers(agent, llm)
        replay = agent.replay()
        assert replay.first_divergence is None and replay.steps == 21


def test_under_another_tokenizer(old: Path, kit: Any) -> None:
    """The window is counted anew, each step by its own."""
    llm = kit.LLM([kit.say("Here.")])
    llm.tokenizer = "cl100k_base"
    counter = memgpt.TokenCounter("cl100k_base")
    with memgpt.open(old) as home:
        agent = home.agent("old", model=llm, tools=[pay])
        agent.send("Are you there?")
        for span in llm.last_context.spans:
            if span.kind in ("message", "tool_return", "tool_schema"):
                assert span.tokens == counter.count(span.text)
        assert agent.replay().first_divergence is None
        names = [step.tokenizer for step in agent.steps() if step.digest]
        assert names == ["o200k_base"] * 19 + ["cl100k_base"]
