"""Ids of the parts of a message: counted from 0, the same however the message is shown."""

from __future__ import annotations

import json
from typing import Any

import memgpt
import pytest
from memgpt.testing import FakeOpenAI, Stream

from tests.server_client import Client
from tests.test_server_stream import served


def number(message: Any) -> int:
    """Of a part in its message: the last seven bits of its id."""
    assert message["otid"][:-2] == message["id"].removeprefix("message-")[:-2]
    return int(message["otid"][-2:], 16) & 127


def called(arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A reply that calls send_message, its arguments in this order."""
    text = json.dumps({**arguments, "request_heartbeat": False})
    function = {"name": "send_message", "arguments": text}
    call = {"id": "c", "type": "function", "function": function}
    message = {"role": "assistant", "tool_calls": [call], **more}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}


REPLIES = [
    (called({"thinking": "Hm.", "message": "Hi."}), "reasoning assistant"),
    (called({"thinking": "Hm.", "message": "Hi."}, content="\n"), "reasoning assistant"),
    (called({"message": "Hi."}, content="\n\n"), "assistant"),
    (called({"message": "Hi."}), "assistant"),
    (called({"thinking": "", "message": "Hi."}), "assistant"),
    (called({"message": "Hi.", "thinking": "Hm."}), "assistant reasoning"),
    (
        called({"thinking": "Hm.", "message": "Hi."}, content="Well."),
        "reasoning reasoning assistant",
    ),
]


@pytest.mark.parametrize(("reply", "parts"), REPLIES)
@pytest.mark.parametrize("piece", [3, 1000])
@pytest.mark.parametrize("as_assistant", [True, False])
def test_parts_are_counted_from_0_and_alike_in_streams_lists_and_answers(
    home: memgpt.Home,
    monkeypatch: pytest.MonkeyPatch,
    reply: Any,
    parts: str,
    piece: int,
    as_assistant: bool,
) -> None:
    with (
        FakeOpenAI([reply] * 3, stream=Stream(piece=piece)) as fake,
        served(home, fake, monkeypatch) as server,
    ):
        client = Client(server.url)
        agent = client.agent(model="openai/gpt-4.1", agent_type="memgpt_agent")["id"]
        form = {"use_assistant_message": as_assistant}
        answered = client.say(agent, "Hello.", **form)["messages"]
        path = f"/v1/agents/{agent}/messages/stream"
        steps = list(client.post(path, {"input": "Hello.", **form}).events())
        pieces = list(client.post(path, {"input": "Hi.", "stream_tokens": True, **form}).events())
        query = f"order=asc&limit=100&use_assistant_message={str(as_assistant).lower()}"
        listed = client.ok("GET", f"/v1/agents/{agent}/messages?{query}")
    wanted = parts if as_assistant else parts.replace("assistant", "tool_call")
    shown = [message for message in (*steps, *pieces) if "otid" in message]
    kinds = {m["otid"]: m["message_type"] for m in listed}
    for message in (*answered, *shown):
        assert kinds[message["otid"]] == message["message_type"]
    replies = [m for m in listed if m["message_type"].split("_message")[0] in wanted.split()]
    assert len({m["id"] for m in replies}) == 3
    for id in {message["id"] for message in replies}:
        of_one = [message for message in replies if message["id"] == id]
        assert [number(message) for message in of_one] == list(range(len(of_one)))
        assert [m["message_type"] for m in of_one] == [f"{kind}_message" for kind in wanted.split()]
    ids = {message["otid"] for message in replies if message["id"] == replies[-1]["id"]}
    assert ids <= {message["otid"] for message in pieces if "otid" in message}, "all were streamed"
    for message in listed:
        if message["message_type"] in ("user_message", "tool_return_message", "system_message"):
            assert number(message) == 0


def test_a_part_has_its_number_where_others_are_not_wanted(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeOpenAI([REPLIES[0][0]] * 2) as fake, served(home, fake, monkeypatch) as server:
        client = Client(server.url)
        agent = client.agent(model="openai/gpt-4.1", agent_type="memgpt_agent")["id"]
        only = {"include_return_message_types": ["assistant_message"]}
        answered = client.say(agent, "Hello.", **only)["messages"]
        body = {"input": "Hi.", "stream_tokens": True, **only}
        streamed = client.post(f"/v1/agents/{agent}/messages/stream", body).events()
        pieces = [message for message in streamed if "otid" in message]
    assert {number(message) for message in (*answered, *pieces)} == {1} and pieces
