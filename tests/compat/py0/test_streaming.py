"""A turn as it happens: by steps, by tokens."""

from __future__ import annotations

import json

from cases import calling, joined, kinds, of_kind, spoken, text
from letta_client import AgentState, Letta, LettaStopReason, LettaUsageStatistics
from talk import send, user

MEMORY_CALL = calling("memory_insert", '{"label": "human", "new_string": "Has a dog."}')
END = ["stop_reason", "usage_statistics"]


def test_steps_come_whole_and_in_order(client: Letta, agent: AgentState) -> None:
    chunks = list(client.agents.messages.create_stream(agent.id, messages=user(MEMORY_CALL)))
    shown = kinds(chunks)
    assert shown[:5] == [
        "reasoning_message",
        "tool_call_message",
        "tool_return_message",
        "reasoning_message",
        "assistant_message",
    ]
    assert shown[-2:] == END
    assert json.loads(of_kind(chunks, "tool_call_message")[0].tool_call.arguments)["new_string"]
    stop, usage = chunks[-2:]
    assert isinstance(stop, LettaStopReason) and stop.stop_reason == "end_turn"
    assert isinstance(usage, LettaUsageStatistics) and usage.step_count == 2


def test_tokens_make_up_the_message_that_is_stored(client: Letta, agent: AgentState) -> None:
    line = "A sentence that is long enough to come in several pieces."
    stream = client.agents.messages.create_stream(agent.id, messages=user(line), stream_tokens=True)
    chunks = list(stream)
    assert len(of_kind(chunks, "assistant_message")) > 3
    stored = client.agents.messages.list(agent.id, limit=200)
    told = {m.otid: text(m) for m in of_kind(stored, "assistant_message")}
    assert joined(chunks, "assistant_message", text).items() <= told.items()
    assert spoken(chunks) == f"You said: {line}"
    thought = joined(chunks, "reasoning_message", lambda chunk: chunk.reasoning)
    kept = {m.otid: m.reasoning for m in of_kind(stored, "reasoning_message")}
    assert thought.items() <= kept.items()
    assert kinds(chunks)[-2:] == END


def test_the_pieces_of_a_call_make_up_its_arguments(client: Letta, agent: AgentState) -> None:
    stream = client.agents.messages.create_stream(
        agent.id, messages=user(MEMORY_CALL), stream_tokens=True
    )
    chunks = list(stream)
    calls = joined(chunks, "tool_call_message", lambda chunk: chunk.tool_call.arguments or "")
    (arguments,) = calls.values()
    assert json.loads(arguments)["new_string"] == "Has a dog."
    (returned,) = of_kind(chunks, "tool_return_message")
    assert returned.status == "success"


def test_the_offline_model_streams_too(client: Letta, offline: AgentState) -> None:
    stream = client.agents.messages.create_stream(
        offline.id, messages=user("My name is Ada."), stream_tokens=True
    )
    chunks = list(stream)
    assert "Ada" in spoken(chunks)
    assert kinds(chunks)[-2:] == END


def test_a_stream_that_is_left_does_not_end_the_agent(client: Letta, agent: AgentState) -> None:
    stream = client.agents.messages.create_stream(
        agent.id, messages=user("Say much."), stream_tokens=True
    )
    next(iter(stream))
    stream.close()
    assert spoken(send(client, agent.id, "Still there?").messages) == "You said: Still there?"
