"""Streams of the server: frames as they were measured with the real clients."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import memgpt
import pytest
from memgpt.testing import Answer, FakeOpenAI

from tests.server_client import Client


def served(home: memgpt.Home, fake: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
    return home.serve(port=0)


def call(tool: str, heartbeat: bool = False, **args: Any) -> dict[str, Any]:
    return {"tool": tool, "args": args, "thinking": "Hm, \\ é.", "heartbeat": heartbeat}


TURN = [
    call("core_memory_append", True, name="human", content='Has a "dog".\n'),
    call("send_message", message="Noted, with \U0001f415!"),
]
PARTS = ("reasoning", "content")


def joined(events: list[Any]) -> dict[str, dict[str, Any]]:
    """Pieces as a client puts them together: by otid."""
    whole: dict[str, dict[str, Any]] = {}
    for event in events:
        if "otid" not in event:
            continue
        known = whole.setdefault(event["otid"], {**event})
        if known is event or known == event:
            continue
        for part in PARTS:
            if part in event:
                known[part] += event[part]
        if "tool_call" in event:
            known["tool_call"]["arguments"] += event["tool_call"]["arguments"] or ""
    return whole


def stored(client: Client, agent: str) -> dict[str, Any]:
    listed = client.ok("GET", f"/v1/agents/{agent}/messages?order=asc&limit=100")
    return {message["otid"]: message for message in listed}


def test_the_pieces_of_tokens_make_what_is_stored(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeOpenAI([*TURN]) as fake, served(home, fake, monkeypatch) as server:
        client = Client(server.url)
        agent = client.agent(
            model="openai/gpt-4.1",
            agent_type="memgpt_agent",
            memory_blocks=[{"label": "human", "value": "Chad."}],
        )["id"]
        answered = client.post(
            f"/v1/agents/{agent}/messages",
            {"input": "I have a dog.", "streaming": True, "stream_tokens": True},
        )
        assert answered.headers["content-type"] == "text/event-stream"
        *events, stop, usage, done = answered.events()
        assert (stop["stop_reason"], done) == ("end_turn", "[DONE]")
        assert usage["message_type"] == "usage_statistics" and usage["step_count"] == 2
        assert len(events) > 8, "it came in pieces"
        kinds = [event["message_type"] for event in events]
        assert kinds[0] == "reasoning_message" and kinds[-1] == "assistant_message"
        assert "tool_call_message" in kinds and kinds.count("tool_return_message") == 1
        kept = stored(client, agent)
        for otid, whole in joined(events).items():
            for part in (*PARTS, "tool_return"):
                assert whole.get(part) == kept[otid].get(part)
            if "tool_call" in whole:
                assert whole["tool_call"]["arguments"] == kept[otid]["tool_call"]["arguments"]
                assert "thinking" not in whole["tool_call"]["arguments"]
        names = [event["tool_call"]["name"] for event in events if "tool_call" in event]
        assert names[0] == "core_memory_append" and set(names[1:]) <= {None}
    assert home.check(replay=True) == []


def test_a_stream_of_steps_has_whole_messages(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeOpenAI([*TURN]) as fake, served(home, fake, monkeypatch) as server:
        client = Client(server.url)
        agent = client.agent(model="openai/gpt-4.1", agent_type="memgpt_agent")["id"]
        answered = client.post(f"/v1/agents/{agent}/messages/stream", {"input": "A dog."})
        *events, _, _, done = answered.events()
        assert done == "[DONE]"
        kept = stored(client, agent)
        for event in events:
            assert event == {**kept[event["otid"]], "date": event["date"]}
        assert [e["message_type"] for e in events][-2:] == [
            "assistant_message",
            "tool_return_message",
        ]


def test_an_error_before_the_first_step_is_an_answer(client_of: Any) -> None:
    """Nothing was begun: it has a status."""
    client = client_of()
    agent = client.agent()["id"]
    for body in ({"messages": []}, {"input": "  "}, {"input": [{"type": "image"}]}):
        assert client.post(f"/v1/agents/{agent}/messages/stream", body).status == 422


@pytest.fixture
def client_of(home: memgpt.Home) -> Iterator[Any]:
    servers: list[memgpt.Server] = []

    def make(**options: Any) -> Client:
        servers.append(home.serve(port=0, **options))
        return Client(servers[-1].url)

    yield make
    for server in servers:
        server.stop()


def test_an_error_in_the_middle_is_a_frame(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        FakeOpenAI([TURN[0], Answer(400, b'{"error": {"message": "no"}}')]) as fake,
        served(home, fake, monkeypatch) as server,
    ):
        client = Client(server.url)
        agent = client.agent(model="openai/gpt-4.1", agent_type="memgpt_agent")["id"]
        answered = client.post(f"/v1/agents/{agent}/messages/stream", {"input": "A dog."})
        text = answered.body.decode()
        assert "event: error\ndata: " in text and text.endswith("data: [DONE]\n\n")
        events = list(answered.events())
        assert events[-3]["stop_reason"] in ("llm_api_error", "error", "invalid_llm_response")
        assert events[-2]["message_type"] == "error_message" and events[-2]["message"]
    assert home.check(replay=True) == []


class Slow(memgpt.LLMProvider):
    """Answers when it is told to."""

    model = "slow"
    context_window = 8192

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked = 0

    def complete(self, context: memgpt.Context) -> memgpt.Reply:
        self.asked += 1
        assert self.go.wait(30)
        arguments = json.dumps({"message": f"answer {self.asked}"})
        return memgpt.Reply(tool_calls=[memgpt.ToolCall("send_message", arguments)])


def test_two_senders_to_one_agent_queue_up(client_of: Any) -> None:
    slow = Slow()
    client = client_of(models={"slow": slow})
    agent = client.agent(model="slow")["id"]
    answers: list[Any] = []
    senders = [
        threading.Thread(target=lambda i=i: answers.append(client.say(agent, f"message {i}")))
        for i in range(3)
    ]
    for sender in senders:
        sender.start()
    while slow.asked == 0:
        time.sleep(0.01)
    assert client.ok("GET", f"/v1/agents/{agent}")["id"] == agent, "readers do not wait"
    slow.go.set()
    for sender in senders:
        sender.join()
    assert slow.asked == len(answers) == 3


def test_a_turn_is_cancelled(client_of: Any, home: memgpt.Home) -> None:
    slow = Slow()
    client = client_of(models={"slow": slow})
    agent = client.agent(model="slow")["id"]
    answers: list[Any] = []
    sender = threading.Thread(target=lambda: answers.append(client.say(agent, "hello")))
    sender.start()
    while slow.asked == 0:
        time.sleep(0.01)
    runs = client.ok("POST", f"/v1/agents/{agent}/messages/cancel", {})
    assert list(runs.values()) == ["cancelled"]
    slow.go.set()
    sender.join()
    assert answers[0]["stop_reason"]["stop_reason"] == "cancelled"
    assert client.say(agent, "again")["stop_reason"]["stop_reason"] == "end_turn"
    assert home.check(replay=True) == []


def test_a_deletion_in_mid_step_ends_the_turn(client_of: Any, home: memgpt.Home) -> None:
    slow = Slow()
    client = client_of(models={"slow": slow})
    agent = client.agent(model="slow")["id"]
    sender = threading.Thread(target=client.post, args=(f"/v1/agents/{agent}/messages",),
                              kwargs={"body": {"input": "hello"}})  # fmt: skip
    sender.start()
    while slow.asked == 0:
        time.sleep(0.01)
    deleter = threading.Thread(target=client.delete, args=(f"/v1/agents/{agent}",))
    deleter.start()
    slow.go.set()
    deleter.join()
    sender.join()
    assert home.agents() == [] and client.get(f"/v1/agents/{agent}").status == 404


def test_a_turn_that_was_answered_is_over(client: Client) -> None:
    agent = client.agent()["id"]
    for _ in range(30):
        client.say(agent, "Hello?")
        assert client.ok("POST", f"/v1/agents/{agent}/messages/cancel", {}) == {}
        assert client.ok("GET", f"/v1/runs/active?agent_ids={agent}") == []
