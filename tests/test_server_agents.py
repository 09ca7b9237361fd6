"""Agents over REST: made, listed, changed, deleted."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import memgpt
import memgpt.testing
import pytest

from tests.server_client import Client

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
    assert changed["updated_at"] > agent["updated_at"]
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
    ({"model": "offline", "identity_ids": ["identity-1"]}, 501, "identities"),
    ({"model": "offline", "message_ids": ["message-1"]}, 501, "message_ids"),
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


def test_forks_have_blocks_of_their_own(client: Client, home: memgpt.Home) -> None:
    """In the journal they have the ids of those that they began as."""
    first = home.create_agent("py", memory=memgpt.ChatMemory(persona="I.", human="orig"))
    first.fork("fork").memory["human"].value = "forked"
    blocks = client.ok("GET", "/v1/blocks/?label=human")
    assert len({block["id"] for block in blocks}) == 2
    (of_fork,) = (block for block in blocks if block["value"] == "forked")
    seen: list[str] = []
    while page := client.ok("GET", f"/v1/blocks/?limit=1&after={seen[-1] if seen else ''}"):
        seen.append(page[0]["id"])
    assert len(seen) == len(set(seen)) == 4
    path = f"/v1/blocks/{of_fork['id']}"
    assert [agent["name"] for agent in client.ok("GET", path + "/agents")] == ["fork"]
    assert client.ok("PATCH", path, {"value": "changed"})["value"] == "changed"
    assert client.ok("DELETE", path) is None
    assert first.memory["human"].value == "orig" and "human" not in home.agent("fork").memory


def test_a_model_of_the_program_has_the_handle_that_it_is_served_by(tmp_path: Path) -> None:
    scripted = memgpt.testing.ScriptedLLM(
        lambda context: {"tool": "send_message", "args": {"message": "ok"}}
    )
    with (
        memgpt.open(tmp_path / "home.db") as home,
        home.serve(port=0, models={"test/m": scripted}) as server,
    ):
        client = Client(server.url)
        agent = client.agent(model="test/m", embedding="offline")
        assert (agent["model"], agent["embedding"]) == ("test/m", "offline")
        client.say(agent["id"], "hello")
    with memgpt.open(tmp_path / "home.db") as home:
        with home.serve(port=0, models={"test/m": scripted}) as server:
            assert Client(server.url).say(agent["id"], "again")["usage"]["step_count"] == 1
        assert home.check(replay=True) == []


def test_undo_and_forks_have_the_blocks_of_an_agent_made_over_rest(
    client: Client, home: memgpt.Home
) -> None:
    agent = client.agent(name="r", memory_blocks=[{"label": "human", "value": ""}])
    client.say(agent["id"], "My name is Chad.")
    own = home.agent("r")
    assert "Chad" in own.memory["human"].value
    own.fork("other").send("I moved to Turin.")
    assert "Turin" not in own.memory["human"].value
    own.undo()
    assert own.memory["human"].value == ""
    path = f"/v1/agents/{agent['id']}/core-memory/blocks/human"
    assert client.ok("GET", path)["value"] == ""
    assert home.check(replay=True) == []


def test_a_block_of_one_agent_is_given_to_another(client: Client, home: memgpt.Home) -> None:
    first = client.agent(
        name="first", memory_blocks=[{"label": "plan", "value": "Go.", "tags": ["t"]}]
    )
    (block,) = first["blocks"]
    second = client.agent(name="second", block_ids=[block["id"]])
    third = client.agent(name="third")
    path = f"/v1/agents/{third['id']}/core-memory/blocks/attach/{block['id']}"
    assert client.ok("PATCH", path)["blocks"] == second["blocks"] == [block]
    client.ok("PATCH", f"/v1/agents/{second['id']}/core-memory/blocks/plan", {"value": "Stay."})
    for agent in (first, second, third):
        shown = client.ok("GET", f"/v1/agents/{agent['id']}/core-memory/blocks/plan")
        assert shown == {**block, "value": "Stay."}
    assert len(client.ok("GET", f"/v1/blocks/{block['id']}/agents")) == 3
    for agent in (first, second, third):
        client.say(agent["id"], "What is the plan?")
    assert home.check(replay=True) == []
