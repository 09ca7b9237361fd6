"""The offline model keeps what it is told by whichever memory tools an agent has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import memgpt
import pytest

from tests.server_client import Client


@pytest.fixture
def client() -> Iterator[Client]:
    with memgpt.open(":memory:") as home, home.serve(port=0) as server:
        yield Client(server.url)


def calls(client: Client, agent: Any, text: str) -> list[str]:
    said = client.say(agent["id"], text)["messages"]
    assert all(message.get("status", "success") == "success" for message in said)
    return [m["tool_call"]["name"] for m in said if m["message_type"] == "tool_call_message"]


def human(client: Client, agent: Any) -> str:
    return client.ok("GET", f"/v1/agents/{agent['id']}/core-memory/blocks/human")["value"]


@pytest.mark.parametrize(
    ("agent_type", "insert", "replace"),
    [
        ("memgpt_agent", "core_memory_append", "core_memory_replace"),
        ("memgpt_v2_agent", "memory_insert", "memory_replace"),
    ],
)
def test_facts_are_kept_replaced_and_moved_where_the_block_is_full(
    client: Client, agent_type: str, insert: str, replace: str
) -> None:
    block = {"label": "human", "value": "Name: Chad.", "limit": 60}
    agent = client.agent(agent_type=agent_type, memory_blocks=[block])
    assert calls(client, agent, "I live in Turin.") == [insert]
    assert human(client, agent) == "Name: Chad.\nI live in Turin"
    assert calls(client, agent, "I moved to Milan.") == [replace]
    assert human(client, agent) == "Name: Chad.\nI moved to Milan"
    text = "My dog is called Rex and I love him very much."
    assert calls(client, agent, text) == ["archival_memory_insert", replace, insert]
    assert human(client, agent) == text[:-1]


def test_without_a_memory_tool_it_says_so(client: Client) -> None:
    block = {"label": "human", "value": ""}
    agent = client.agent(include_base_tools=False, tools=["send_message"], memory_blocks=[block])
    said = client.say(agent["id"], "I live in Turin.")["messages"]
    assert "I am offered no tool for it" in said[-2]["content"]
