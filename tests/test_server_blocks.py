"""Blocks over REST: who has them, and how they are found."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import memgpt
import pytest

from tests.server_client import Client


def block(label: str, value: str = "It.", **more: Any) -> dict[str, Any]:
    return {"label": label, "value": value, **more}


def labels(client: Client, **query: Any) -> list[str]:
    found = client.ok("GET", f"/v1/blocks/?{urlencode(query, doseq=True)}")
    return sorted(item["label"] for item in found)


@pytest.fixture
def shared(client: Client) -> list[str]:
    """Ids of blocks that no agent has, one, and two; an agent has one of its own, too."""
    ids = [client.ok("POST", "/v1/blocks/", block(name))["id"] for name in ("none", "one", "two")]
    client.agent(name="a", block_ids=ids[1:], memory_blocks=[block("own")])
    client.agent(name="b", block_ids=ids[2:])
    return ids


COUNTED = [
    ({"gt": 0}, ["one", "own", "two"]),
    ({"gt": 1}, ["two"]),
    ({"lt": 1}, ["none"]),
    ({"gt": 0, "lt": 2}, ["one", "own"]),
    ({"eq": [0, 2]}, ["none", "two"]),
    ({"eq": 3}, []),
]


@pytest.mark.parametrize(("counts", "found"), COUNTED)
def test_blocks_are_found_by_how_many_agents_have_them(
    counts: Any, found: list[str], client: Client, shared: list[str]
) -> None:
    query = {f"connected_to_agents_count_{how}": count for how, count in counts.items()}
    assert labels(client, **query) == found


def test_a_count_that_is_none_is_refused(client: Client) -> None:
    answered = client.get(
        "/v1/blocks/?connected_to_agents_count_eq=1&connected_to_agents_count_eq=x"
    )
    assert answered.status == 422 and "connected_to_agents_count_eq" in answered.detail


def test_blocks_are_searched_in_either_case(client: Client) -> None:
    given = block("Plan/A", "Über die ÉCLAIRS.", description="What To Do.")
    client.ok("POST", "/v1/blocks/", given)
    client.ok("POST", "/v1/blocks/", block("other", description="Else."))
    for query in (
        {"label_search": "pLAN"},
        {"value_search": "über DIE éclairs"},
        {"description_search": "to do"},
    ):
        assert labels(client, **query) == ["Plan/A"]
    assert labels(client, value_search="nothing of it") == []


@pytest.mark.parametrize("name", ["identity_id", "identifier_keys", "project_id"])
def test_no_block_is_found_by_what_none_has(name: str, client: Client, shared: list[str]) -> None:
    assert labels(client, **{name: "identity-1"}) == []


def test_lists_are_ordered_by_what_they_can_be(client: Client) -> None:
    assert client.get("/v1/blocks/?order_by=created_at").status == 200
    answered = client.get("/v1/blocks/?order_by=value")
    assert answered.status == 422 and "order_by" in answered.detail


def test_a_shared_block_is_taken_from_all_that_have_it(
    client: Client, home: memgpt.Home, shared: list[str]
) -> None:
    path = f"/v1/blocks/{shared[2]}"
    assert [a["name"] for a in client.ok("GET", path + "/agents?order=asc")] == ["a", "b"]
    assert client.ok("GET", "/v1/blocks/count") == 4
    client.ok("DELETE", path)
    assert client.get(path).status == 404 == client.get(path + "/agents").status
    assert labels(client) == ["none", "one", "own"]
    assert sorted(home.agent("a").memory) == ["one", "own"] and list(home.agent("b").memory) == []
    assert home.check(replay=True) == []


def test_blocks_are_found_after_an_undo_and_in_forks(client: Client, home: memgpt.Home) -> None:
    """What is listed is what the agents see from where they stand."""
    agent = client.agent(name="a", memory_blocks=[block("human", "")])
    client.say(agent["id"], "My name is Chad.")
    home.agent("a").fork("fork")
    home.agent("a").undo()
    values = [item["value"] for item in client.ok("GET", "/v1/blocks/?label=human&order=asc")]
    assert sorted("Chad" in value for value in values) == [False, True]
    (own,) = client.ok("GET", f"/v1/agents/{agent['id']}/core-memory/blocks")
    assert client.ok("GET", f"/v1/blocks/{own['id']}") == own and own["value"] == ""


def id_of(kind: str, text: str) -> str:
    digest = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    digest[6], digest[8] = 0x40 | digest[6] & 15, 0x80 | digest[8] & 15
    return f"{kind}-{uuid.UUID(bytes=bytes(digest))}"


def test_ids_that_are_made_of_names_stay_as_clients_know_them(
    client: Client, tmp_path: Path
) -> None:
    agent = client.agent(name="a", memory_blocks=[block("human")])
    with contextlib.closing(sqlite3.connect(tmp_path / "agents.db")) as file:
        ((own,),) = file.execute("SELECT id FROM block")
    assert agent["blocks"][0]["id"] == id_of("block", f"{agent['id']} {own}")
    assert id_of("tool", "tool send_message") in {tool["id"] for tool in agent["tools"]}


def test_a_change_that_is_refused_changes_nothing(client: Client) -> None:
    agent = client.agent(tags=["t"], context_window_limit=8000, memory_blocks=[block("own")])
    path = f"/v1/agents/{agent['id']}"
    before = client.ok("GET", path)
    twice = [client.ok("POST", "/v1/blocks/", block("twin"))["id"] for _ in range(2)]
    large = client.ok("POST", "/v1/blocks/", block("large", "word " * 15_000))["id"]
    for ids, status in ((["block-x"], 404), (twice, 409), ([large], 400)):
        body = {"tags": ["new"], "description": "New.", "tool_ids": [], "block_ids": ids}
        assert client.patch(path, body).status == status, ids
        after = client.ok("GET", path)
        assert {**after, "updated_at": 0} == {**before, "updated_at": 0}
    assert client.ok("GET", f"/v1/blocks/{before['blocks'][0]['id']}")["value"] == "It."


@pytest.mark.parametrize("way", ["detach", "update"])
def test_a_block_outlives_its_agent_s_hold_on_it(client: Client, way: str) -> None:
    agent = client.agent(memory_blocks=[block("own", "Precious.")])
    path, own = f"/v1/agents/{agent['id']}", agent["blocks"][0]["id"]
    if way == "detach":
        left = client.ok("PATCH", f"{path}/core-memory/blocks/detach/{own}")
    else:
        left = client.ok("PATCH", path, {"block_ids": []})
    assert left["blocks"] == []
    assert client.ok("GET", f"/v1/blocks/{own}")["value"] == "Precious."
    assert client.ok("GET", f"/v1/blocks/{own}/agents") == []
    back = client.ok("PATCH", f"{path}/core-memory/blocks/attach/{own}")
    assert [(b["id"], b["value"]) for b in back["blocks"]] == [(own, "Precious.")]


def test_blocks_of_an_agent_are_replaced_as_a_whole(client: Client) -> None:
    agent = client.agent(memory_blocks=[block("a", "1"), block("b", "2")])
    first, second = (b["id"] for b in agent["blocks"])
    other = client.agent(memory_blocks=[block("a", "3")])["blocks"][0]["id"]
    changed = client.ok("PATCH", f"/v1/agents/{agent['id']}", {"block_ids": [second, other]})
    assert {b["id"]: b["value"] for b in changed["blocks"]} == {second: "2", other: "3"}
    assert client.ok("GET", f"/v1/blocks/{first}")["value"] == "1"
