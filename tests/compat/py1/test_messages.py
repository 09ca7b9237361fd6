"""A conversation: said, listed page by page, searched, compacted, begun anew."""

from __future__ import annotations

import pytest
from cases import calling, keys, kinds, of_kind, spoken, text, unique
from letta_client import Letta
from letta_client.types import AgentState, ToolReturnMessage
from letta_client.types.agents import AssistantMessage, Message, ReasoningMessage

MEMORY_CALL = calling("memory_insert", '{"label": "human", "new_string": "Has a dog."}')


def test_an_answer_is_typed_messages_a_reason_and_usage(client: Letta, agent: AgentState) -> None:
    response = client.agents.messages.create(agent.id, input="Hello")
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
    response = client.agents.messages.create(agent.id, input=MEMORY_CALL)
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
    assert returned.tool_returns and returned.tool_returns[0].tool_call_id == call.tool_call_id
    assert response.usage.step_count == 2
    assert "Has a dog." in client.agents.blocks.retrieve("human", agent_id=agent.id).value


def test_content_may_be_parts(client: Letta, agent: AgentState) -> None:
    parts = [{"type": "text", "text": "Hello "}, {"type": "text", "text": "again"}]
    response = client.agents.messages.create(
        agent.id, messages=[{"role": "user", "content": parts}]
    )
    assert "again" in spoken(response.messages)


def test_only_the_kinds_asked_for_come_back(client: Letta, agent: AgentState) -> None:
    response = client.agents.messages.create(
        agent.id, input="Hello", include_return_message_types=["assistant_message"]
    )
    assert kinds(response.messages) == ["assistant_message"]


def test_send_message_may_be_shown_as_the_call_it_is(client: Letta, agent: AgentState) -> None:
    response = client.agents.messages.create(agent.id, input="Hello", use_assistant_message=False)
    (call,) = of_kind(response.messages, "tool_call_message")
    assert call.tool_call.name == "send_message"
    assert "assistant_message" not in kinds(response.messages)


def test_a_turn_stops_at_its_last_step(client: Letta, agent: AgentState) -> None:
    response = client.agents.messages.create(agent.id, input=MEMORY_CALL, max_steps=1)
    assert response.stop_reason.stop_reason == "max_steps"
    assert response.usage.step_count == 1


@pytest.fixture(scope="module")
def talker(client: Letta) -> AgentState:
    """With a conversation of more than ten messages."""
    agent = client.agents.create(name=unique("talker"), model="openai/gpt-4.1")
    for n in range(6):
        client.agents.messages.create(agent.id, input=f"Say number {n}.")
    return agent


@pytest.fixture(scope="module")
def said(client: Letta, talker: AgentState) -> list[Message]:
    """All messages, the oldest first, from one page."""
    return client.agents.messages.list(talker.id, limit=200, order="asc").items


def test_the_list_has_what_was_said_on_both_sides(said: list[Message]) -> None:
    asked = [text(message) for message in of_kind(said, "user_message")]
    assert [line for line in asked if "number" in line] == [f"Say number {n}." for n in range(6)]
    told = [text(message) for message in of_kind(said, "assistant_message")]
    assert told[-6:] == [f"You said: Say number {n}." for n in range(6)]
    assert len(set(keys(said))) == len(said) > 10


def test_the_newest_come_first_by_default(
    client: Letta, talker: AgentState, said: list[Message]
) -> None:
    newest = client.agents.messages.list(talker.id).items
    assert {message.id for message in newest[:2]} <= {message.id for message in said[-4:]}


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_of_two_are_the_whole_list(
    client: Letta, talker: AgentState, said: list[Message], order: str
) -> None:
    paged = list(client.agents.messages.list(talker.id, limit=2, order=order))
    assert sorted(keys(paged)) == sorted(keys(said))
    stored = list(dict.fromkeys(message.id for message in said))
    expected = stored if order == "asc" else stored[::-1]
    assert list(dict.fromkeys(message.id for message in paged)) == expected


def test_pages_before_a_message_end_at_the_first(
    client: Letta, talker: AgentState, said: list[Message]
) -> None:
    last = said[-1].id
    paged = client.agents.messages.list(talker.id, limit=2, order="asc", before=last)
    assert {message.id for message in paged} == {message.id for message in said} - {last}


def test_after_the_last_message_there_is_nothing(
    client: Letta, talker: AgentState, said: list[Message]
) -> None:
    assert client.agents.messages.list(talker.id, order="asc", after=said[-1].id).items == []
    assert client.agents.messages.list(talker.id, order="desc", after=said[0].id).items == []


def test_a_message_is_read_by_its_id(client: Letta, said: list[Message]) -> None:
    asked = of_kind(said, "user_message")[-1]
    assert "Say number 5." in [text(part) for part in client.messages.retrieve(asked.id)]


def test_the_newest_messages_of_all_agents_are_listed(client: Letta, agent: AgentState) -> None:
    line = unique("line")
    client.agents.messages.create(agent.id, input=line)
    newest = client.messages.list(limit=20)
    assert line in [text(message) for message in of_kind(newest, "user_message")]


def test_where_nothing_runs_nothing_is_cancelled(client: Letta, agent: AgentState) -> None:
    client.agents.messages.create(agent.id, input="Hello")
    assert client.agents.messages.cancel(agent.id) == {}


def test_messages_are_searched(client: Letta, talker: AgentState) -> None:
    found = client.messages.search(query="number 3", agent_id=talker.id, limit=5)
    assert any("number 3" in str(hit.content) for hit in found)
    nowhere = client.messages.search(query="zyzzyva", agent_id=talker.id)
    assert nowhere == []


def test_compaction_says_what_it_did(client: Letta, agent: AgentState) -> None:
    for n in range(4):
        client.agents.messages.create(agent.id, input=f"Say number {n}.")
    done = client.agents.messages.compact(agent.id)
    assert done.num_messages_after < done.num_messages_before
    assert done.summary
    recalled = client.agents.messages.list(agent.id, limit=200).items
    assert "Say number 0." in [text(message) for message in of_kind(recalled, "user_message")]


def test_a_reset_conversation_is_empty(client: Letta, agent: AgentState) -> None:
    client.agents.messages.create(agent.id, input="Forget this.")
    state = client.agents.messages.reset(agent.id, add_default_initial_messages=False)
    assert state is not None
    assert state.id == agent.id
    left = client.agents.messages.list(agent.id).items
    assert "Forget this." not in [text(message) for message in of_kind(left, "user_message")]
    response = client.agents.messages.create(agent.id, input="Hello")
    assert spoken(response.messages) == "You said: Hello"
