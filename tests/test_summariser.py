"""Summaries by a model: its own window, its failures, and making one anew."""

from __future__ import annotations

from typing import Any

import memgpt
import pytest
from memgpt.errors import ContextOverflow, ProviderError, Unbound
from memgpt.testing import check_agent

WORDS = "seven white geese fly over the old mill "


class Summariser(memgpt.LLMProvider):
    """Answers a request for a summary as it is told; a model like any other."""

    model = "short"
    tokenizer = "o200k_base"

    def __init__(self, answer: Any, context_window: int = 8_192) -> None:
        self._answer = answer
        self.context_window = context_window
        self.contexts: list[memgpt.Context] = []

    def complete(self, context: memgpt.Context) -> Any:
        self.contexts.append(context)
        return self._answer(context)


def filled(kit: Any, turns: int = 25, window: int = 4096, **options: Any) -> Any:
    llm = kit.LLM(lambda context: kit.say("so"))
    agent = kit.home.create_agent("sam", model=llm, context_window=window, **options)
    for i in range(turns):
        agent.send(f"{i} " + WORDS * 10)
    return agent


def test_a_summariser_is_asked_by_complete_without_tools(kit):
    short = Summariser(lambda context: "Of geese.")
    agent = filled(kit, summarizer=short)
    assert agent.memory.summary == "Of geese." and short.contexts
    request = short.contexts[0].to_request()
    assert "tools" not in request and "seven white geese" in request["messages"][1]["content"]
    last = agent.summaries()[-1]
    assert (last.author, last.failure) == ("short", "") and last.covered > 0


@pytest.mark.parametrize("window", [1_600, 2_400])
def test_what_exceeds_its_window_is_summarised_in_parts(kit, window):
    short = Summariser(lambda context: f"Geese, part {len(short.contexts)}.", window)
    agent = filled(kit, turns=30, window=8_192, summarizer=short)
    assert len(short.contexts) > len(agent.summaries()) >= 1
    for context in short.contexts:
        assert context.tokens + context.budget.reply_reserve <= window
    said = "".join(str(c.to_request()["messages"]) for c in short.contexts)
    for begin, end in (r for summary in agent.summaries() for r in summary.covers):
        for message in agent.recall.messages(begin, end - begin):
            if message.role == "user":
                assert message.text.split()[0] + " seven" in said


def raising(error: BaseException) -> Any:
    def answer(context):
        raise error

    return answer


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


CALL = memgpt.Reply(tool_calls=[memgpt.ToolCall("send_message", '{"message": "hi"}', "c1")])
FAILURES = {
    "a call": (lambda c: CALL, "send_message"),
    "empty": (lambda c: "", "empty"),
    "blank": (lambda c: " \n", "empty"),
    "100 KB": (lambda c: "geese " * 17_000, "limit"),
    "raises": (raising(RuntimeError("no summary today")), "no summary today"),
    "no text": (raising(Unprintable()), "Unprintable"),
    "a surrogate": (raising(RuntimeError("no \ud800 today")), "no ? today"),
    "overflow": (raising(ContextOverflow("too long")), "too long"),
    "nonsense": (lambda c: 7, "int"),
}


@pytest.mark.parametrize("answer, why", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_is_on_record_and_a_digest_stands_in(kit, answer, why):
    agent = filled(kit, summarizer=Summariser(answer))
    last = agent.summaries()[-1]
    assert last.author == "digest" and why in last.failure
    assert "geese" in agent.memory.summary and agent.send("hi").text == "so"
    with pytest.raises(ProviderError, match="the old one stays"):
        agent.resummarize()
    assert agent.memory.summary and agent.replay().first_divergence is None


def test_a_window_too_small_for_any_summary_is_a_failure(kit):
    agent = filled(kit, summarizer=Summariser(lambda context: "x", 200))
    assert "window of 200" in agent.summaries()[-1].failure


def test_another_language_is_taken_as_it_is(kit):
    agent = filled(kit, summarizer=Summariser(lambda context: "七羽の白い雁が飛ぶ。"))
    assert agent.memory.summary == "七羽の白い雁が飛ぶ。" and agent.summaries()[-1].failure == ""


@pytest.mark.parametrize("error", [Unprintable(), RuntimeError("no \ud800 today")])
def test_a_models_own_summary_that_fails_without_a_text(kit, error):
    class Own(kit.LLM):
        def summarize(self, text, limit_tokens):
            raise error

    agent = kit.home.create_agent("sam", model=Own(lambda c: kit.say("so")), context_window=4096)
    while not agent.summaries():
        agent.send(WORDS * 10)
    assert type(error).__name__ in agent.summaries()[-1].failure


def test_ctrl_c_in_a_summariser_ends_the_turn(kit):
    short = Summariser(raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        filled(kit, summarizer=short)
    agent = kit.home.agent("sam", summarizer=Summariser(lambda context: "Of geese."))
    assert agent.send("hi").text == "so" and agent.replay().first_divergence is None


def test_a_summary_is_made_anew_from_all_its_messages(kit):
    agent = filled(kit, turns=40)
    before = agent.summaries()
    assert len(before) > 1 and before[-1].author == "digest"
    short = Summariser(lambda context: "All of the geese.")
    agent.resummarize(short)
    after = agent.summaries()
    assert len(after) == len(before) + 1 and agent.memory.summary == "All of the geese."
    assert after[-1].covered == before[-1].covered
    covered = sum(end - begin for begin, end in after[-1].covers)
    assert covered == sum(e - b for summary in before for b, e in summary.covers)
    said = "".join(str(c.to_request()["messages"]) for c in short.contexts)
    assert "0 seven white" in said
    assert agent.send("hi").text == "so" and agent.replay().first_divergence is None
    kit.reopen()
    agent = kit.home.agent("sam", model=kit.LLM(lambda context: kit.say("so")))
    assert agent.memory.summary == "All of the geese."
    with pytest.raises(Unbound, match="summarizer"):
        agent.send("hi")


def test_nothing_to_make_anew(kit):
    agent = filled(kit, turns=1)
    with pytest.raises(memgpt.InvalidInput, match="nothing has left"):
        agent.resummarize()


def test_a_policys_prompt_reaches_the_summariser(kit):
    class Asking(memgpt.RecursiveSummary):
        def fit(self, window):
            fit = super().fit(window)
            return memgpt.Fit(fit.keep, summary_prompt="Only birds, please.")

    short = Summariser(lambda context: "Geese.")
    filled(kit, summarizer=short, policy=Asking())
    assert short.contexts[0].to_request()["messages"][0]["content"].startswith("Only birds")


def overflowing(kit: Any, times: int) -> Any:
    class Overflowing(kit.LLM):
        left = times
        always = False

        def complete(self, context):
            if self.always:
                raise ContextOverflow("always")
            if len(context.spans) > 30 and self.left:
                self.left -= 1
                raise ContextOverflow("maximum context length is 3000 tokens")
            return super().complete(context)

    return Overflowing(lambda context: kit.say("so"))


def test_an_overflow_leads_to_one_forced_eviction_and_one_retry(kit):
    llm = overflowing(kit, 1)
    agent = kit.home.create_agent("sam", model=llm, context_window=32_768)
    replies = [agent.send(f"{i} " + WORDS) for i in range(30)]
    assert sum(reply.evicted > 0 for reply in replies) == 1 and llm.left == 0
    assert all(reply.text == "so" for reply in replies)
    assert sum("forced" in step.decision for step in agent.steps()) == 1
    assert agent.replay().first_divergence is None


def test_a_warning_in_a_context_that_was_refused_is_as_if_it_had_not_been(kit):
    """It was on record, and what was evicted after it could not be replayed."""

    class Refusing(kit.LLM):
        refused = 0

        def complete(self, context):
            if "Memory pressure" in context.spans[-1].text and not self.refused:
                self.refused += 1
                raise ContextOverflow("maximum context length is 3000 tokens")
            return super().complete(context)

    llm = Refusing(lambda context: kit.say("so"))
    agent = kit.home.create_agent("sam", model=llm, context_window=4096)
    while not llm.refused:
        reply = agent.send(WORDS * 5)
    assert reply.text == "so" and reply.evicted
    assert not any(m.type == "system_alert" for m in agent.recall.messages(0, 1000))
    assert agent.replay().first_divergence is None
    same = agent.recompile().steps[-1]
    assert same.recorded.tokens == same.recompiled.tokens and not same.lost_messages
    while "Memory pressure" not in llm.seen():
        agent.send(WORDS)
    assert check_agent(agent, replay=True) == []


def test_an_overflow_that_stays_comes_out_and_the_agent_goes_on(kit):
    llm = overflowing(kit, 0)
    agent = kit.home.create_agent("sam", model=llm, context_window=32_768)
    llm.always = True
    with pytest.raises(ContextOverflow, match="always"):
        agent.send("hi")
    llm.always = False
    assert agent.send("there?").text == "so"
