"""Tools of the program, over REST: functions of its agents, by the ids that clients see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt.testing import ScriptedLLM

from tests.server_client import Client

SCRIPT = [
    {"tool": "add", "args": {"a": 2, "b": 3}, "heartbeat": True},
    {"tool": "send_message", "args": {"message": "Five."}},
]


def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


def count_words(text: str, agent: memgpt.Agent) -> str:
    """Count the words that it was told."""
    return f"{agent.name}: {len(text.split())}"


class Diary(memgpt.ChatMemory):
    def diary_write(self, text: str) -> str:
        """Write into the diary."""
        return text


@pytest.fixture
def home(tmp_path: Path) -> Iterator[memgpt.Home]:
    with memgpt.open(tmp_path / "home.db") as home:
        yield home
        assert home.check(replay=True) == []


@pytest.fixture
def client(home: memgpt.Home) -> Iterator[Client]:
    with home.serve(port=0, models={"scripted": ScriptedLLM(SCRIPT)}) as server:
        yield Client(server.url)


@pytest.fixture
def sam(home: memgpt.Home) -> memgpt.Agent:
    return home.create_agent(
        "Sam", model="offline", tools=[add, count_words], memory=Diary(human="", persona="")
    )


def shown(client: Client, agent: str) -> dict[str, Any]:
    """An agent's tools, by their names."""
    return {tool["name"]: tool for tool in client.ok("GET", f"/v1/agents/{agent}/tools")}


def test_each_tool_of_an_agent_is_found_by_its_id(client: Client, sam: memgpt.Agent) -> None:
    tools = shown(client, sam.id)
    assert {"add", "count_words", "diary_write", "send_message"} <= tools.keys()
    for tool in tools.values():
        assert client.ok("GET", f"/v1/tools/{tool['id']}") == tool
    own = tools["add"]
    assert (own["tool_type"], own["source_code"]) == ("custom", None)
    assert own["json_schema"]["parameters"]["required"] == ["a", "b"]
    assert own["json_schema"]["description"] == "Add two numbers."
    assert client.ok("GET", "/v1/tools/?name=add") == []


def test_it_is_not_changed_or_deleted(client: Client, sam: memgpt.Agent) -> None:
    own = shown(client, sam.id)["add"]["id"]
    for method, body in (("PATCH", {"description": "x"}), ("DELETE", None)):
        refused = client.ask(method, f"/v1/tools/{own}", body)
        assert refused.status == 400 and "a function of a program" in refused.detail
    assert "add" in shown(client, sam.id)


def test_it_is_detached_and_stays_known(client: Client, sam: memgpt.Agent) -> None:
    tool = shown(client, sam.id)["add"]
    own = tool["id"]
    state = client.ok("PATCH", f"/v1/agents/{sam.id}/tools/detach/{own}")
    assert "add" not in {tool["name"] for tool in state["tools"]} and "add" not in sam.tools
    client.ok("PATCH", f"/v1/agents/{sam.id}/tools/detach/{own}")
    assert client.ok("GET", f"/v1/tools/{own}") == tool
    other = client.agent(model="scripted", tools=["add"])["id"]
    for agent in (sam.id, other):
        client.ok("PATCH", f"/v1/agents/{agent}/tools/attach/{own}")
        assert shown(client, agent)["add"] == tool
    said = client.say(other, "2 + 3?")["messages"]
    assert "5" in [message.get("tool_return") for message in said]


def test_what_works_on_its_agent_is_unknown_once_it_was_detached(
    client: Client, sam: memgpt.Agent
) -> None:
    own = shown(client, sam.id)["count_words"]["id"]
    client.ok("PATCH", f"/v1/agents/{sam.id}/tools/detach/{own}")
    assert client.get(f"/v1/tools/{own}").status == 404


@pytest.mark.parametrize("how", ["attach", "tool_ids", "tools", "change"])
def test_another_agent_is_given_it(how: str, client: Client, sam: memgpt.Agent) -> None:
    own = shown(client, sam.id)["add"]["id"]
    given: dict[str, Any] = {"tool_ids": {"tool_ids": [own]}, "tools": {"tools": ["add"]}}
    agent = client.agent(model="scripted", **given.get(how, {}))["id"]
    if how == "attach":
        client.ok("PATCH", f"/v1/agents/{agent}/tools/attach/{own}")
    if how == "change":
        kept = shown(client, agent)["send_message"]["id"]
        client.ok("PATCH", f"/v1/agents/{agent}", {"tool_ids": [own, kept]})
    assert shown(client, agent)["add"]["id"] == own
    said = client.say(agent, "2 + 3?")["messages"]
    assert "5" in [message.get("tool_return") for message in said]


@pytest.mark.parametrize("name", ["count_words", "diary_write"])
def test_what_works_on_its_agent_is_not_given_to_another(
    name: str, client: Client, sam: memgpt.Agent
) -> None:
    own = shown(client, sam.id)[name]["id"]
    agent = client.agent()["id"]
    refused = client.patch(f"/v1/agents/{agent}/tools/attach/{own}")
    assert refused.status == 400 and "works on the agent it was given to" in refused.detail
    client.ok("PATCH", f"/v1/agents/{sam.id}/tools/attach/{own}")


def test_without_its_program_it_is_known_and_kept_but_not_given(tmp_path: Path) -> None:
    with memgpt.open(tmp_path / "home.db") as home:
        agent = home.create_agent("Sam", model="offline", tools=[add]).id
    with memgpt.open(tmp_path / "home.db") as home, home.serve(port=0) as server:
        client = Client(server.url)
        tools = shown(client, agent)
        own = tools["add"]["id"]
        assert client.ok("GET", f"/v1/tools/{own}") == tools["add"]
        ids = [own, tools["send_message"]["id"]]
        state = client.ok("PATCH", f"/v1/agents/{agent}", {"tool_ids": ids})
        assert {tool["id"] for tool in state["tools"]} == set(ids)
        refused = client.patch(f"/v1/agents/{client.agent()['id']}/tools/attach/{own}")
        assert refused.status == 400 and "only the program can give it" in refused.detail
