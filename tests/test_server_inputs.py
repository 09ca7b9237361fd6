"""What clients send to agents: roles, first messages, and what is refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import memgpt
import pytest
from memgpt.testing import ScriptedLLM

from tests.server_client import Client


class Model:
    """Answers, and keeps what it saw: roles and contents, without the system message."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def __call__(self, context: Any) -> Any:
        self.seen = [(m["role"], m["content"]) for m in context.to_request()["messages"][1:]]
        return {"tool": "send_message", "args": {"message": "Noted."}}


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def client(home: memgpt.Home, model: Model) -> Iterator[Client]:
    with home.serve(port=0, models={"scripted": ScriptedLLM(model)}) as server:
        yield Client(server.url)


def send(client: Client, agent: str, *messages: tuple[str, Any]) -> Any:
    sent = [{"role": role, "content": content} for role, content in messages]
    return client.ok("POST", f"/v1/agents/{agent}/messages", {"messages": sent})


def listed(client: Client, agent: str) -> list[tuple[str, str]]:
    found = client.ok("GET", f"/v1/agents/{agent}/messages?order=asc")
    return [(m["message_type"], m["content"]) for m in found if "content" in m]


def test_what_an_assistant_is_to_have_said_is_its_own_word(
    client: Client, home: memgpt.Home, model: Model
) -> None:
    agent = client.agent(name="a", model="scripted")["id"]
    said = send(client, agent, ("assistant", "I am the oracle."), ("user", "Who are you?"))
    assert [m["message_type"] for m in said["messages"]] == [
        "assistant_message",
        "tool_return_message",
    ]
    assert model.seen[0] == ("assistant", "I am the oracle.")
    assert model.seen[1][0] == "user" and "Who are you?" in model.seen[1][1]
    assert listed(client, agent) == [
        ("assistant_message", "I am the oracle."),
        ("user_message", "Who are you?"),
        ("assistant_message", "Noted."),
    ]
    (run,) = client.ok("GET", f"/v1/runs/?agent_id={agent}")
    assert said["usage"]["run_ids"] == [run["id"]] and run["stop_reason"] == "end_turn"
    told = client.ok("GET", f"/v1/runs/{run['id']}/messages?order=asc")
    assert told[0]["content"] == "I am the oracle."
    send(client, agent, ("assistant", [{"type": "text", "text": "And a seer."}]))
    assert model.seen[-1] == ("assistant", "And a seer.")
    (hit, *_) = home.agent("a").recall.search("oracle")
    assert hit.message.role == "assistant"
    assert home.check(replay=True) == []


@pytest.mark.parametrize("role", ["tool", "function", "approval"])
def test_no_other_role_is_taken(role: str, client: Client, home: memgpt.Home) -> None:
    agent = client.agent(name="a")["id"]
    body = {"messages": [{"role": role, "content": "x"}]}
    answered = client.post(f"/v1/agents/{agent}/messages", body)
    assert answered.status == 422 and '"role"' in answered.detail
    assert len(home.agent("a").recall) == 0


NOT_SERVED = {
    "override_model": "openai/gpt-4.1",
    "override_system": "Be another.",
    "client_tools": [{"name": "look"}],
    "client_skills": [{"name": "cook", "description": "Cooks.", "location": "here"}],
    "return_logprobs": True,
    "top_logprobs": 3,
    "return_token_ids": True,
    "include_compaction_messages": True,
    "background": True,
}


@pytest.mark.parametrize("name", NOT_SERVED)
@pytest.mark.parametrize("path", ["messages", "messages/stream", "messages/preview-raw-payload"])
def test_what_would_change_a_turn_and_is_not_served_is_refused(
    name: str, path: str, client: Client, home: memgpt.Home
) -> None:
    agent = client.agent(name="a")["id"]
    body = {"input": "Hello.", name: NOT_SERVED[name]}
    answered = client.post(f"/v1/agents/{agent}/{path}", body)
    assert answered.status == 501 and name in answered.detail
    assert len(home.agent("a").recall) == 0


@pytest.mark.parametrize("nothing", [None, False, []])
def test_what_asks_for_nothing_passes(nothing: Any, client: Client) -> None:
    agent = client.agent(name="a")["id"]
    lists = ("client_tools", "client_skills")
    asked = {name: nothing for name in NOT_SERVED if (nothing == []) == (name in lists)}
    assert asked
    said = client.say(agent, "Hello.", **asked)
    assert said["stop_reason"]["stop_reason"] == "end_turn"


@pytest.mark.parametrize("kind", ["approval", "tool_return", "else"])
def test_messages_of_other_kinds_are_refused(kind: str, client: Client) -> None:
    agent = client.agent(name="a")["id"]
    item = {"type": kind, "role": "user", "content": "x", "tool_returns": []}
    answered = client.post(f"/v1/agents/{agent}/messages", {"messages": [item]})
    assert answered.status == (422 if kind == "else" else 501)


FIRST = [
    {"role": "user", "content": "I am Chad."},
    {"role": "assistant", "content": "Hello, Chad."},
    {"role": "system", "content": "It is late."},
]


def test_an_agent_begins_with_the_messages_that_it_is_given(
    client: Client, home: memgpt.Home, model: Model
) -> None:
    agent = client.agent(name="a", model="scripted", initial_message_sequence=FIRST)
    assert len(agent["message_ids"]) == 3
    assert listed(client, agent["id"]) == [
        ("user_message", "I am Chad."),
        ("assistant_message", "Hello, Chad."),
        ("system_message", "It is late."),
    ]
    assert client.ok("GET", "/v1/runs/") == [] and agent["last_run_completion"] is None
    client.say(agent["id"], "Who am I?")
    assert "I am Chad." in model.seen[0][1] and model.seen[1] == ("assistant", "Hello, Chad.")
    assert "It is late." in model.seen[2][1] and "Who am I?" in model.seen[3][1]
    assert home.check(replay=True) == []


MADE = [
    ({"initial_message_sequence": [{"role": "tool", "content": "x"}]}, 422, '"role"'),
    ({"initial_message_sequence": [{"role": "user", "content": " "}]}, 422, "empty"),
    ({"initial_message_sequence": "x"}, 422, "initial_message_sequence"),
    ({"message_buffer_autoclear": True}, 501, "message_buffer_autoclear"),
    ({"memory_variables": {"name": "Chad"}}, 501, "memory_variables"),
]


@pytest.mark.parametrize(("given", "status", "words"), MADE)
def test_an_agent_that_cannot_be_made_so_is_not_made(
    given: Any, status: int, words: str, client: Client, home: memgpt.Home
) -> None:
    answered = client.post("/v1/agents/", {"model": "offline", **given})
    assert (answered.status, words in answered.detail) == (status, True), answered.body
    assert home.agents() == []


@pytest.mark.parametrize("nothing", [None, [], {}, False])
def test_an_agent_that_asks_for_nothing_of_it_is_made(nothing: Any, client: Client) -> None:
    fields = {
        "initial_message_sequence": list,
        "memory_variables": dict,
        "message_buffer_autoclear": bool,
    }
    given = {
        name: nothing for name, kind in fields.items() if nothing is None or type(nothing) is kind
    }
    agent = client.agent(**given)
    assert agent["message_ids"] == [] and agent["message_buffer_autoclear"] is False


def test_an_agent_is_not_told_to_forget(client: Client) -> None:
    agent = client.agent()
    path = f"/v1/agents/{agent['id']}"
    assert client.patch(path, {"message_buffer_autoclear": True}).status == 501
    assert client.ok("GET", path)["message_buffer_autoclear"] is False
