"""What an agent wanted to say, and was kept from: it is a call, and not said."""

from __future__ import annotations

import json
from typing import Any

import memgpt
import pytest
from memgpt.testing import FakeOpenAI

from tests.server_client import Client
from tests.test_server_stream import served


def speech(text: str, finish: str = "tool_calls", **more: Any) -> dict[str, Any]:
    """A reply that calls send_message."""
    return reply(json.dumps({"message": text, **more}), finish)


def reply(arguments: str, finish: str) -> dict[str, Any]:
    function = {"name": "send_message", "arguments": arguments}
    call = {"id": "c", "type": "function", "function": function}
    message = {"role": "assistant", "tool_calls": [call]}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def test_what_was_refused_is_not_shown_as_said(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = [speech("Never.", mood="glad"), speech("Yes.")]
    with FakeOpenAI(script * 3) as fake, served(home, fake, monkeypatch) as server:
        client = Client(server.url)
        agent = client.agent(model="openai/gpt-4.1", agent_type="memgpt_agent")["id"]
        path = f"/v1/agents/{agent}/messages"
        answered = client.say(agent, "Hello.")["messages"]
        steps = list(client.post(f"{path}/stream", {"input": "Hello."}).events())[:-1]
        body = {"input": "Hello.", "stream_tokens": True}
        pieces = list(client.post(f"{path}/stream", body).events())
        listed = client.ok("GET", f"{path}?limit=100")
    for messages, turns in ((answered, 1), (steps, 1), (listed, 3)):
        said = [m["content"] for m in messages if m.get("message_type") == "assistant_message"]
        assert said == ["Yes."] * turns
        calls = [m["tool_call"] for m in messages if m.get("message_type") == "tool_call_message"]
        assert [json.loads(call["arguments"])["message"] for call in calls] == ["Never."] * turns
    returns = [m for m in pieces if m != "[DONE]" and m["message_type"] == "tool_return_message"]
    assert [message["status"] for message in returns] == ["error"], "it tells that this was void"


def test_a_turn_whose_replies_were_cut_says_so(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = reply('{"message": "Your code is 4417 and I', "length")
    with FakeOpenAI([cut] * 30) as fake, served(home, fake, monkeypatch) as server:
        client = Client(server.url)
        agent = client.agent(model="openai/gpt-4.1", agent_type="memgpt_agent")["id"]
        answered = client.say(agent, "Hello.")
        assert answered["stop_reason"]["stop_reason"] == "max_tokens_exceeded"
        streamed = list(client.post(f"/v1/agents/{agent}/messages/stream", {"input": "?"}).events())
        assert streamed[-3]["stop_reason"] == "max_tokens_exceeded"
        run = client.ok("GET", f"/v1/runs/{answered['usage']['run_ids'][0]}")
        assert (run["stop_reason"], run["status"]) == ("max_tokens_exceeded", "failed")
        fake.script = [reply("{'message': [", "tool_calls")] * 10
        stopped = client.say(agent, "Hello.")["stop_reason"]["stop_reason"]
        assert stopped == "invalid_tool_call", "nothing was cut"
