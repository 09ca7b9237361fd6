"""Agents over REST: made, listed, changed, deleted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import memgpt
import pytest

from tests.server_client import Client


@pytest.fixture
def home(tmp_path: Path) -> Iterator[memgpt.Home]:
    with memgpt.open(tmp_path / "home.db") as home:
        yield home


@pytest.fixture
def client(home: memgpt.Home) -> Iterator[Client]:
    with home.serve(port=0) as server:
        yield Client(server.url)


BLOCKS = [
    {"label": "human", "value": "The human's name is Chad."},
    {"label": "persona", "value": "I am Sam."},
]


def test_an_agent_is_made_and_talks(client: Client, home: memgpt.Home) -> None:
    agent = client.agent(name="Sam", memory_blocks=BLOCKS, tools=["web_search", "run_code"])
    assert agent["name"] == "Sam" and agent["agent_type"] == "memgpt_v2_agent"
    assert [block["value"] for block in agent["blocks"]] == [b["value"] for b in BLOCKS]
    assert {block["limit"] for block in agent["memory"]["blocks"]} == {100_000}
    assert {"send_message", "memory_insert", "web_search"} <= {t["name"] for t in agent["tools"]}
    said = client.say(agent["id"], "I live in Turin.")
    assert said["stop_reason"]["stop_reason"] == "end_turn"
    assert [m["message_type"] for m in said["messages"]][-1] == "tool_return_message"
    assert home.agents() == ["Sam"] and home.check(replay=True) == []


def test_every_path_is_served_with_and_without_the_slash(client: Client) -> None:
    agent = client.agent()
    for path in ("/v1/agents", f"/v1/agents/{agent['id']}", "/v1/health", "/v1/models"):
        plain, slash = client.get(path), client.get(path + "/")
        assert plain.status == slash.status == 200 and plain.json == slash.json


def test_pages_end(client: Client) -> None:
    made = [client.agent(name=f"agent {i}")["id"] for i in range(5)]

    def pages(**query: Any) -> list[str]:
        seen: list[str] = []
        after = ""
        while True:
            asked = "&".join(f"{key}={value}" for key, value in query.items())
            page = client.ok("GET", f"/v1/agents/?limit=2&{asked}{after}")
            if not page:
                return seen
            seen += [agent["id"] for agent in page]
            after = f"&after={seen[-1]}"

    assert pages() == made[::-1]
    assert pages(order="asc") == made
    before = client.ok("GET", f"/v1/agents/?limit=2&before={made[0]}")
    assert [agent["id"] for agent in before] == made[2:0:-1]


def test_what_is_sent_is_changed_and_nothing_else(client: Client, home: memgpt.Home) -> None:
    agent = client.agent(name="Sam", tags=["a", "b"], metadata={"team": 1}, description="It.")
    changed = client.ok("PATCH", f"/v1/agents/{agent['id']}", {"name": "Ann", "tags": ["c"]})
    assert changed == {**agent, "name": "Ann", "tags": ["c"], "updated_at": changed["updated_at"]}
    assert home.agents() == ["Ann"] and home.agent("Ann").name == "Ann"
    assert client.ok("GET", "/v1/tags/") == ["c"]


def test_names_need_not_be_unique_over_rest(client: Client, home: memgpt.Home) -> None:
    first, second = client.agent(name="Sam"), client.agent(name="Sam")
    assert first["name"] == second["name"] == "Sam" and first["id"] != second["id"]
    assert home.agents() == ["Sam", "Sam (2)"]
    assert len(client.ok("GET", "/v1/agents/?name=Sam")) == 2


def test_one_name_given_to_many_at_once(client: Client, home: memgpt.Home) -> None:
    made: list[str] = []
    makers = [
        threading.Thread(target=lambda: made.append(client.agent(name="Sam")["name"]))
        for _ in range(8)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert made == ["Sam"] * 8 and len(set(home.agents())) == 8


def test_a_deleted_agent_is_gone(client: Client, home: memgpt.Home) -> None:
    agent = client.agent(name="Sam")
    assert "successfully deleted" in client.ok("DELETE", f"/v1/agents/{agent['id']}")["message"]
    assert client.get(f"/v1/agents/{agent['id']}").status == 404
    assert client.ok("GET", "/v1/agents/count") == 0 == len(home.agents())


REFUSED = [
    ({}, 400, "Must specify either model or llm_config"),
    ({"model": "nobody/nothing"}, 404, "no model answers"),
    ({"model": "offline", "tools": ["no_such_tool"]}, 404, "no_such_tool"),
    ({"model": "offline", "agent_type": "no type"}, 422, "agent_type"),
    ({"model": "offline", "memory_blocks": [{"label": "human"}]}, 422, "value"),
    (
        {"model": "offline", "memory_blocks": [{"label": "h", "value": "abc", "limit": 2}]},
        422,
        "Block limit (2) must be greater than or equal to value length (3 characters)",
    ),
    ({"model": "offline", "enable_sleeptime": True}, 501, "sleep-time"),
    ({"model": 3}, 422, '"model"'),
    (
        {"llm_config": {"model": "m", "model_endpoint": "http://10.0.0.1/"}},
        400,
        "address of its own",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "words"), REFUSED)
def test_what_cannot_be_made(
    body: Any, status: int, words: str, client: Client, home: memgpt.Home
) -> None:
    answered = client.post("/v1/agents/", body)
    assert (answered.status, words in answered.detail) == (status, True), answered.body
    assert home.agents() == [] and client.ok("GET", "/v1/blocks/") == []
