"""A turn as it happens: by steps, by tokens, on both addresses."""

from __future__ import annotations

import json

from cases import calling, joined, kinds, of_kind, spoken, text
from letta_client import Letta
from letta_client.types import AgentState

MEMORY_CALL = calling("memory_insert", '{"label": "human", "new_string": "Has a dog."}')
STEPS = [
    "reasoning_message",
    "tool_call_message",
    "tool_return_message",
    "reasoning_message",
    "assistant_message",
]
END = ["stop_reason", "usage_statistics"]


def test_steps_come_whole_and_in_order(client: Letta, agent: AgentState) -> None:
    with client.agents.messages.stream(agent.id, input=MEMORY_CALL) as stream:
        chunks = list(stream)
    shown = kinds(chunks)
    assert shown[:5] == STEPS
    assert shown[-2:] == END
    assert json.loads(of_kind(chunks, "tool_call_message")[0].tool_call.arguments)["new_string"]
    assert spoken(chunks).startswith("The tool says:")
    assert chunks[-2].stop_reason == "end_turn"
    assert chunks[-1].step_count == 2


def test_a_create_that_streams_is_the_same(client: Letta, agent: AgentState) -> None:
    stream = client.agents.messages.create(agent.id, input=MEMORY_CALL, streaming=True)
    shown = kinds(stream)
    assert shown[:5] == STEPS
    assert shown[-2:] == END


def test_tokens_make_up_the_message_that_is_stored(client: Letta, agent: AgentState) -> None:
    line = "A sentence that is long enough to come in several pieces."
    stream = client.agents.messages.create(agent.id, input=line, streaming=True, stream_tokens=True)
    chunks = list(stream)
    pieces = of_kind(chunks, "assistant_message")
    assert len(pieces) > 3
    stored = client.agents.messages.list(agent.id, limit=200).items
    told = {m.otid: text(m) for m in of_kind(stored, "assistant_message")}
    assert joined(chunks, "assistant_message", text).items() <= told.items()
    assert spoken(chunks) == f"You said: {line}"
    thought = joined(chunks, "reasoning_message", lambda chunk: chunk.reasoning)
    kept = {m.otid: m.reasoning for m in of_kind(stored, "reasoning_message")}
    assert thought.items() <= kept.items()
    assert {m.id for m in pieces} <= {m.id for m in stored}
    assert kinds(chunks)[-2:] == END


def test_the_pieces_of_a_call_make_up_its_arguments(client: Letta, agent: AgentState) -> None:
    stream = client.agents.messages.stream(agent.id, input=MEMORY_CALL, stream_tokens=True)
    chunks = list(stream)
    calls = joined(chunks, "tool_call_message", lambda chunk: chunk.tool_call.arguments or "")
    names = {chunk.tool_call.name for chunk in of_kind(chunks, "tool_call_message")}
    (arguments,) = calls.values()
    assert names - {None} == {"memory_insert"}
    assert json.loads(arguments)["new_string"] == "Has a dog."
    (returned,) = of_kind(chunks, "tool_return_message")
    assert returned.status == "success"


def test_the_offline_model_streams_too(client: Letta, offline: AgentState) -> None:
    stream = client.agents.messages.create(
        offline.id, input="My name is Ada.", streaming=True, stream_tokens=True
    )
    chunks = list(stream)
    assert "Ada" in spoken(chunks)
    assert kinds(chunks)[-2:] == END


def test_a_stream_that_is_left_does_not_end_the_agent(client: Letta, agent: AgentState) -> None:
    stream = client.agents.messages.create(
        agent.id, input="Say much.", streaming=True, stream_tokens=True
    )
    next(iter(stream))
    stream.response.close()
    response = client.agents.messages.create(agent.id, input="Still there?")
    assert spoken(response.messages) == "You said: Still there?"
