"""Providers by handle, called from Python, and wrapped in one's own."""

from __future__ import annotations

from typing import Any

import memgpt
import memgpt.llm
import pytest


class Listener(memgpt.LLMProvider):
    """Passes requests on and keeps what it saw."""

    tokenizer = "o200k_base"

    def __init__(self) -> None:
        self.inner = memgpt.llm.provider("offline")
        self.contexts: list[memgpt.Context] = []

    def complete(self, context: memgpt.Context) -> memgpt.Reply:
        self.contexts.append(context)
        return self.inner.complete(context)


def test_a_provider_of_a_handle_answers_a_context(home: memgpt.Home) -> None:
    provider = memgpt.llm.provider("offline")
    assert (provider.model, provider.context_window) == ("offline", 8192)
    assert provider.tokenizer == "o200k_base"
    agent = home.create_agent("sam")
    agent.send("My name is Chad.")
    reply = provider.complete(agent.context())
    assert isinstance(reply, memgpt.Reply)
    assert [call.name for call in reply.tool_calls] == ["send_message"]
    assert reply.prompt_tokens is None and reply.completion_tokens is None
    assert provider.summarize("text", 100) is None


def test_a_provider_of_a_handle_can_be_wrapped(home: memgpt.Home) -> None:
    listener = Listener()
    wrapped = home.create_agent("wrapped", model=listener, context_window=4096)
    plain = home.create_agent("plain", context_window=4096)
    for text in ("My name is Chad and I moved to Turin.", "Where did I move to?"):
        time = "2024-01-01T12:00:00"
        assert wrapped.send(text, time=time).text == plain.send(text, time=time).text
    assert len(listener.contexts) == sum(bool(step.model) for step in wrapped.steps())


def test_a_provider_of_a_handle_is_what_the_handle_is(home: memgpt.Home) -> None:
    agent = home.create_agent("sam", model=memgpt.llm.provider("offline"))
    assert agent.config["model"] == "offline"
    assert agent.send("My name is Chad.").text.startswith("[offline]")


def test_a_handle_that_nobody_answers_for() -> None:
    with pytest.raises(memgpt.ModelNotFound, match="'nobody/none'"):
        memgpt.llm.provider("nobody/none")


def test_the_same_conversation_costs_the_same_tokens(home: memgpt.Home) -> None:
    def tokens(name: str) -> list[tuple[Any, ...]]:
        agent = home.create_agent(name, context_window=4096)
        for day in range(1, 29):
            text = f"On walk {day} I met {day * 37 % 11} dogs. Who did I meet on walk {day // 2}?"
            agent.send(text, time=f"2024-02-{day:02}T12:00:00")
        return [
            (step.context_tokens, step.overhead_tokens, step.decision) for step in agent.steps()
        ]

    assert tokens("one") == tokens("two")
