"""Estimates and reports: what a provider says of its tokens corrects what ours count for."""

from __future__ import annotations

from typing import Any

import memgpt
import pytest

from tests.conftest import say


class Reporting(memgpt.LLMProvider):
    """Answers at once and reports ``factor`` times the tokens that were counted."""

    model = "reporting"
    context_window = 8192

    def __init__(self, factor: float | None = 1.0, tokenizer: str = "") -> None:
        self.factor = factor
        self.tokenizer = tokenizer
        self.seen: list[memgpt.Context] = []

    def complete(self, context: memgpt.Context) -> memgpt.Reply:
        self.seen.append(context)
        reported = None if self.factor is None else round(context.tokens * self.factor)
        call = memgpt.ToolCall("send_message", '{"message": "Go on."}')
        return memgpt.Reply(tool_calls=[call], prompt_tokens=reported)


def steps(agent: memgpt.Agent) -> list[memgpt.Step]:
    return [step for step in agent.steps() if step.digest]


def test_estimate_and_report_are_on_record(home: memgpt.Home) -> None:
    agent = home.create_agent("sam", model=Reporting(1.25))
    agent.send("Hello.")
    agent.send("Again.")
    first, second = steps(agent)
    assert first.tokenizer == "estimate:o200k_base"
    counted = first.context_tokens + first.overhead_tokens
    assert first.prompt_tokens == round(counted * 1.25)
    assert first.correction == 1000 and second.correction in (1250, 1251)
    context = agent.context()
    assert not context.exact and "estimated" in str(context)
    assert context.budget.limit == (8192 - 1024) * 1000 // context.budget.correction
    assert "more as the provider counts" in str(context)
    assert "1.25" in repr(context.budget)


def test_the_budget_is_kept_as_the_provider_counts(home: memgpt.Home) -> None:
    llm = Reporting(1.6)
    agent = home.create_agent("sam", model=llm)
    for number in range(120):
        agent.send(f"Number {number}: " + "a walk by the river, and what was said there. " * 4)
    later = llm.seen[1:]
    assert all(context.tokens * 1.6 <= 8192 - 1024 + 8 for context in later)
    assert max(context.tokens for context in later) * 1.6 > (8192 - 1024) * 0.8, "room is used"
    assert agent.replay().first_divergence is None


@pytest.mark.parametrize("factor", [0.1, 0.6, 1.0, None])
def test_a_lower_report_changes_nothing(home: memgpt.Home, factor: float | None) -> None:
    """Some servers report only what was not in their cache."""
    agent = home.create_agent("sam", model=Reporting(factor))
    for _ in range(3):
        agent.send("Hello.")
    assert {step.correction for step in steps(agent)} == {1000}
    assert agent.context().budget.limit == 8192 - 1024


def test_a_correction_decays_and_outlives_the_process(home: memgpt.Home, tmp_path: Any) -> None:
    llm = Reporting(2.0, "o200k_base")
    agent = home.create_agent("sam", model=llm)
    agent.send("Hello.")
    llm.factor = 1.0
    agent.send("Hello.")
    assert agent.context().budget.correction == 2000 - 1000 // 16
    path = home.path
    home.close()
    with memgpt.open(path, durability="process") as again:
        agent = again.agent("sam", model=llm)
        assert agent.context().budget.correction == 2000 - 1000 // 16
        for _ in range(150):
            agent.send("Hello.")
        assert agent.context().budget.correction == 1000
        other = Reporting(None, "cl100k_base")
        other.model = "other"
        llm.factor = 3.0
        agent.send("Hello.")
        assert agent.context().budget.correction == 3000
        agent = again.agent("sam", model=other)
        assert agent.context().budget.correction == 1000, "of another model, another tokenizer"
        agent.send("Hello.")
        assert agent.replay().first_divergence is None


@pytest.mark.parametrize("reported", [0, -5, 10**6, 2**31 - 1, 2**40, 10**30])
def test_an_absurd_report_does_not_stop_an_agent(home: memgpt.Home, reported: int) -> None:
    class Absurd(Reporting):
        def complete(self, context: memgpt.Context) -> memgpt.Reply:
            reply = super().complete(context)
            reply.prompt_tokens = reported
            return reply

    llm = Absurd()
    agent = home.create_agent("sam", model=llm, context_window=3200)
    for number in range(30):
        assert agent.send(f"Hello, number {number}.").text == "Go on."
    assert all(context.tokens <= 3200 - 400 for context in llm.seen)
    agent.memory["human"].value = "x " * 100
    assert agent.send("x" * 500).text == "Go on."
    assert agent.replay().first_divergence is None


def test_both_figures_are_there_where_the_tokenizer_is_known(kit: Any) -> None:
    agent = kit.agent([say("Hi.")])
    agent.send("Hello.")
    (step,) = steps(agent)
    assert (step.tokenizer, step.prompt_tokens, step.correction) == ("o200k_base", -1, 1000)
