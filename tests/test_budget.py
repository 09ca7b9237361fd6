"""``agent.budget()``: what fills the window, and what would still fit."""

from __future__ import annotations

import json
from typing import Any

import memgpt
import pytest
from memgpt.errors import InvalidInput, MessageTooLarge

from tests.test_explain import NoBlocks
from tests.test_views import evil_agent, page


def test_figures_add_up(kit: Any) -> None:
    script = [kit.call("core_memory_append", name="human", content="x"), kit.say("ho")]
    agent = kit.agent(script, context_window=8192)
    agent.send("hi")
    report, context = agent.budget(), agent.context()
    kinds = [row for row in report.rows if not row.name]
    assert report.used == context.tokens == sum(row.tokens for row in kinds)
    assert report.head_room == report.limit - report.used
    assert report.limit == context.budget.limit and report.window == 8192
    assert report.window - report.reply_reserve == report.limit and report.correction == 1
    assert report.eviction_line == int(report.limit * 0.9)
    assert report.until_eviction == report.eviction_line - report.used
    for kind, names in (("tool_schema", agent.tools), ("memory_block", ["persona", "human"])):
        parts = [row for row in report.rows if row.kind == kind and row.name]
        assert [row.name for row in parts] == names
        whole = next(row for row in kinds if row.kind == kind)
        assert sum(row.tokens for row in parts) == whole.tokens
        assert sum(row.share for row in parts) == pytest.approx(whole.share)


def test_blocks_tell_their_characters(kit: Any) -> None:
    agent = kit.agent()
    agent.memory.add("notes", "äöü", limit=50)
    rows = {row.name: row for row in agent.budget().rows}
    assert (rows["notes"].characters, rows["notes"].character_limit) == (3, 50)
    assert rows["send_message"].characters is None
    assert "3 of 50 characters (6.0 %)" in str(agent.budget())
    assert "3 of 50 characters (6.0 %)" in page(agent.budget()).text


def test_an_agent_without_blocks_and_tools(kit: Any) -> None:
    report = kit.agent(include_base_tools=False, memory=NoBlocks).budget()
    assert [row.kind for row in report.rows] == ["system", "external_memory", "overhead"]
    assert report.used == sum(row.tokens for row in report.rows)
    assert "free" in str(report) and "free" in page(report).text


def test_cost_is_what_the_message_takes(kit: Any) -> None:
    agent = kit.agent([kit.say("ho")])
    for text in ("hi", 'a "quoted" text\n' * 30, "spruce 🌲" * 20):
        report, before = agent.budget(), agent.context()
        cost = report.cost(text)
        assert cost > memgpt.TokenCounter("o200k_base").count(text)
        kit.llm.script = lambda context: kit.say("ho")
        agent.send(text)
        seen = kit.llm.last_context
        assert seen is not None and seen.tokens == before.tokens + cost


def nearly_full(kit: Any) -> tuple[memgpt.Agent, int]:
    """An agent, and how many words fit: one more does not."""
    agent = kit.agent(lambda context: kit.say("I see."), context_window=4096)
    for number in range(6):
        agent.send(f"Story {number} about spruce trees. " * 8)
    low, high = 0, 5000
    while high - low > 1:
        middle = (low + high) // 2
        if agent.budget().fits("tree " * middle):
            low = middle
        else:
            high = middle
    assert 50 < low < 2000
    return agent, low


def shown_first(kit: Any, agent: memgpt.Agent, text: str) -> set[str]:
    """What the model saw first when the text was sent."""
    seen: list[Any] = []
    kit.llm.script = lambda context: seen.append(context) or kit.say("I see.")
    agent.send(text)
    return {span.origin for span in seen[0].spans}


def test_what_fits_is_taken_without_an_eviction(kit: Any) -> None:
    agent, words = nearly_full(kit)
    window = {message.id for message in agent.window}
    assert window < shown_first(kit, agent, "tree " * words)


def test_what_does_not_fit_evicts(kit: Any) -> None:
    agent, words = nearly_full(kit)
    window = {message.id for message in agent.window}
    assert not window <= shown_first(kit, agent, "tree " * (words + 1))


def test_what_can_never_be_taken_does_not_fit(kit: Any) -> None:
    agent = kit.agent(context_window=8192)
    huge = "word " * 20_000
    assert not agent.budget().fits(huge) and agent.budget().fits("a word")
    with pytest.raises(MessageTooLarge):
        agent.send(huge)


def test_asking_changes_nothing(kit: Any) -> None:
    agent = kit.agent([kit.say("ho")])
    agent.send("hi")
    before, steps = agent.context().digest(), len(agent.steps())
    agent.budget().fits("word " * 5000)
    agent.budget().cost("word")
    assert agent.context().digest() == before and len(agent.steps()) == steps
    assert len(agent.recall) == 3


@pytest.mark.parametrize("text", [b"bytes", 3, None, "\ud800"])
def test_what_is_no_text_is_refused(kit: Any, text: Any) -> None:
    report = kit.agent().budget()
    with pytest.raises(InvalidInput):
        report.fits(text)
    with pytest.raises(InvalidInput):
        report.cost(text)


@pytest.mark.parametrize("tokens", [-1, 1.5, True, "3"])
def test_room_for_something_that_is_no_number_of_tokens(kit: Any, tokens: Any) -> None:
    with pytest.raises(InvalidInput, match="tokens must be a whole number"):
        kit.agent().budget().room_for(tokens)


def test_room_for_more_tokens(kit: Any) -> None:
    agent = kit.agent(lambda context: kit.say("I see."), context_window=4096)
    for number in range(8):
        agent.send(f"Story {number} about spruce trees. " * 8)
    report = agent.budget()
    assert report.room_for(0) == [] == report.room_for(report.until_eviction)
    gone = report.room_for(report.until_eviction + 200)
    window = [message.id for message in agent.window]
    assert gone and [message.id for message in gone] == window[: len(gone)]
    for tokens in (10**6, 2**31 - 1):
        with pytest.raises(MessageTooLarge, match="tokens too many"):
            report.room_for(tokens)


def test_json_round_trip(kit: Any) -> None:
    report = kit.agent(context_window=8192).budget()
    read = json.loads(report.to_json())
    assert read == report.to_dict() and read["rows"] == report.to_dicts()
    assert {name: read[name] for name in ("used", "limit", "window", "reply_reserve")} == {
        "used": report.used,
        "limit": report.limit,
        "window": 8192,
        "reply_reserve": 1024,
    }


def test_no_text_gets_out_of_its_place(kit: Any) -> None:
    agent, _ = evil_agent(kit)
    report = agent.budget()
    assert "good" in page(report).text and repr(report) == str(report)
    assert "\x1b" not in str(report) and "\u202e" not in str(report)


def test_many_tools_make_no_huge_view(kit: Any) -> None:
    def numbered(number: int) -> Any:
        def tool() -> int:
            """Gives a number."""
            return number

        tool.__name__ = f"tool_{number}"
        return tool

    tools = [numbered(number) for number in range(300)]
    report = kit.agent(tools=tools, context_window=100_000).budget()
    assert len(report.rows) > 300 and len(report._repr_html_()) < 100_000
    assert "more rows" in str(report) and "more rows" in page(report).text


def test_a_report_of_a_closed_home_still_shows(kit: Any) -> None:
    report = kit.agent().budget()
    kit.home.close()
    assert "core memory" in repr(report) and "core memory" in page(report).text
    with pytest.raises(memgpt.StoreError, match="closed"):
        report.fits("x")


def test_inside_a_tool_the_step_s_own_writes_count(kit: Any) -> None:
    reports: list[Any] = []

    def look(agent: memgpt.Agent) -> str:
        """Look."""
        reports.append(agent.budget())
        return "ok"

    agent = kit.agent([kit.call("look"), kit.say("ho")], tools=[look])
    agent.send("hi")
    (report,) = reports
    assert report.used == report.context.tokens < agent.context().tokens
