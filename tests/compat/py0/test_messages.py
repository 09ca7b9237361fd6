"""A conversation: said, listed page by page, searched, compacted, begun anew."""

from __future__ import annotations

from typing import Any

import pytest
from cases import calling, keys, kinds, of_kind, spoken, text, unique
from letta_client import (
    AgentState,
    AssistantMessage,
    Letta,
    MessageCreate,
    ReasoningMessage,
    TextContent,
    ToolReturnMessage,
)
from talk import pages, send

MEMORY_CALL = calling("memory_insert", '{"label": "human", "new_string": "Has a dog."}')


def test_an_answer_is_typed_messages_a_reason_and_usage(client: Letta, agent: AgentState) -> None:
    response = send(client, agent.id, "Hello")
    assert {type(message) for message in response.messages} >= {ReasoningMessage, AssistantMessage}
    (thought,) = of_kind(response.messages, "reasoning_message")
    assert thought.reasoning == "Time to speak."
    assert spoken(response.messages) == "You said: Hello"
    assert response.stop_reason.stop_reason == "end_turn"
    usage = response.usage
    assert usage.step_count == 1
    assert usage.prompt_tokens and usage.completion_tokens
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert all(m.id.startswith("message-") and m.date and m.otid for m in response.messages)


def test_a_tool_call_and_its_return_are_there_in_order(client: Letta, agent: AgentState) -> None:
    response = send(client, agent.id, MEMORY_CALL)
    assert kinds(response.messages)[:5] == [
        "reasoning_message",
        "tool_call_message",
        "tool_return_message",
        "reasoning_message",
        "assistant_message",
    ]
    call = response.messages[1].tool_call
    assert call.name == "memory_insert"
    assert "Has a dog." in str(call.arguments)
    returned = response.messages[2]
    assert isinstance(returned, ToolReturnMessage)
    assert (returned.status, returned.tool_call_id) == ("success", call.tool_call_id)
    assert response.usage.step_count == 2
    assert "Has a dog." in client.agents.blocks.retrieve(agent.id, "human").value


def test_content_may_be_parts(client: Letta, agent: AgentState) -> None:
    said = MessageCreate(role="user", content=[TextContent(text="Hello in parts")])
    response = client.agents.messages.create(agent.id, messages=[said])
    assert spoken(response.messages) == "You said: Hello in parts"


def test_only_the_kinds_asked_for_come_back(client: Letta, agent: AgentState) -> None:
    response = send(client, agent.id, "Hello", include_return_message_types=["assistant_message"])
    assert kinds(response.messages) == ["assistant_message"]


def test_send_message_may_be_shown_as_the_call_it_is(client: Letta, agent: AgentState) -> None:
    response = send(client, agent.id, "Hello", use_assistant_message=False)
    (call,) = of_kind(response.messages, "tool_call_message")
    assert call.tool_call.name == "send_message"
    assert "assistant_message" not in kinds(response.messages)


def test_a_turn_stops_at_its_last_step(client: Letta, agent: AgentState) -> None:
    response = send(client, agent.id, MEMORY_CALL, max_steps=1)
    assert response.stop_reason.stop_reason == "max_steps"


@pytest.fixture(scope="module")
def talker(client: Letta) -> AgentState:
    """With a conversation of more than ten messages."""
    agent = client.agents.create(name=unique("talker"), model="openai/gpt-4.1", embedding="offline")
    for n in range(6):
        send(client, agent.id, f"Say number {n}.")
    return agent


def test_pages_of_two_are_the_whole_list(client: Letta, talker: AgentState) -> None:
    whole = client.agents.messages.list(talker.id, limit=200)
    told = [text(message) for message in of_kind(whole, "assistant_message")]
    assert told[:6] == [f"You said: Say number {n}." for n in reversed(range(6))]
    paged = list(pages(lambda **more: client.agents.messages.list(talker.id, **more), limit=2))
    assert len(set(keys(paged))) == len(paged) > 10
    assert set(keys(paged)) == set(keys(whole))
    assert list(dict.fromkeys(m.id for m in paged)) == list(dict.fromkeys(m.id for m in whole))


def test_pages_of_the_oldest_first(client: Letta, talker: AgentState) -> None:
    oldest: Any = {"additional_query_parameters": {"order": "asc"}}  # it has no name for it

    def fetch(**more: Any) -> list[Any]:
        return client.agents.messages.list(talker.id, request_options=oldest, **more)

    paged = list(pages(fetch, limit=2))
    newest = client.agents.messages.list(talker.id, limit=200)
    assert list(dict.fromkeys(m.id for m in paged)) == list(
        dict.fromkeys(m.id for m in reversed(newest))
    )


def test_before_and_after_a_message(client: Letta, talker: AgentState) -> None:
    ids = list(dict.fromkeys(m.id for m in client.agents.messages.list(talker.id, limit=200)))
    older = client.agents.messages.list(talker.id, after=ids[2], limit=200)
    assert list(dict.fromkeys(m.id for m in older)) == ids[3:]
    newer = client.agents.messages.list(talker.id, before=ids[2], limit=200)
    assert list(dict.fromkeys(m.id for m in newer)) == ids[:2]
    assert client.agents.messages.list(talker.id, after=ids[-1]) == []


def test_messages_are_searched(client: Letta, talker: AgentState) -> None:
    found = client.agents.messages.search(query="number 3", limit=5)
    assert any("number 3" in hit.embedded_text for hit in found)
    assert all(hit.message.id and hit.rrf_score is not None for hit in found)
    assert client.agents.messages.search(query="zyzzyva") == []


def test_a_summary_leaves_the_messages_there(client: Letta, agent: AgentState) -> None:
    for n in range(4):
        send(client, agent.id, f"Say number {n}.")
    client.agents.messages.summarize(agent.id, max_message_length=10)
    recalled = client.agents.messages.list(agent.id, limit=200)
    assert "Say number 0." in [text(message) for message in of_kind(recalled, "user_message")]
    assert spoken(send(client, agent.id, "Hello").messages) == "You said: Hello"


def test_a_reset_conversation_is_empty(client: Letta, agent: AgentState) -> None:
    send(client, agent.id, "Forget this.")
    state = client.agents.messages.reset(agent.id, add_default_initial_messages=False)
    assert state.id == agent.id
    left = client.agents.messages.list(agent.id)
    assert "Forget this." not in [text(message) for message in of_kind(left, "user_message")]
    assert spoken(send(client, agent.id, "Hello").messages) == "You said: Hello"
