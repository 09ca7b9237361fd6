"""Messages over all agents: searched, listed, found by their ids."""

from __future__ import annotations

from typing import Any

import memgpt
import pytest

from tests.server_client import Client

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def agents(client: Client) -> list[str]:
    """Two agents that were talked to in turn."""
    ids = [client.agent(name=name)["id"] for name in ("Sam", "Ann")]
    for n in range(3):
        for id in ids:
            client.say(id, f"I have {n} cats, says {id}.")
    return ids


def search(client: Client, **body: Any) -> list[Any]:
    return client.ok("POST", "/v1/messages/search", body)


def of_users(messages: list[Any]) -> list[str]:
    return [m["content"] for m in messages if m["message_type"] == "user_message"]


def test_a_search_over_all_agents_or_one(client: Client, agents: list[str]) -> None:
    found = search(client, query="cats", limit=100)
    assert {hit["agent_id"] for hit in found} == set(agents)
    assert [hit["score"] for hit in found] == sorted((h["score"] for h in found), reverse=True)
    assert {hit["search_mode"] for hit in found} == {"fts"}
    assert {hit["message_type"] for hit in found} <= {"user_message", "assistant_message"}
    one = search(client, query="cats", agent_id=agents[0], limit=100)
    assert {hit["agent_id"] for hit in one} == {agents[0]}
    assert len(search(client, query="cats", limit=2)) == 2
    assert search(client, query="zyzzyva") == []
    assert search(client, query="cats", end_date="2020-01-01") == []
    assert search(client, query="cats", start_date="2020-01-01", limit=100) == found


def test_a_message_that_was_found_can_be_read(client: Client, agents: list[str]) -> None:
    (hit,) = search(client, query='"I have 2 cats"', agent_id=agents[1], limit=1)
    parts = client.ok("GET", f"/v1/messages/{hit['message_id']}")
    assert {part["id"] for part in parts} == {hit["message_id"]}
    listed = client.ok("GET", f"/v1/agents/{agents[1]}/messages?limit=1000")
    assert [part for part in listed if part["id"] == hit["message_id"]][::-1] == parts


def test_the_older_clients_search(client: Client, agents: list[str]) -> None:
    path = "/v1/agents/messages/search"
    found = client.ok("POST", path, {"query": "cats", "roles": ["user"], "limit": 4})
    assert [hit["fts_rank"] for hit in found] == [1, 2, 3, 4]
    assert all(hit["message"]["role"] == "user" and hit["rrf_score"] > 0 for hit in found)
    assert all("cats" in hit["embedded_text"] for hit in found)
    newest = client.ok("POST", path, {"limit": 1, "roles": ["user"]})
    assert newest[0]["embedded_text"] == f"I have 2 cats, says {agents[1]}."
    assert client.ok("POST", path, {"query": "cats", "project_id": "p"}) == []


def test_a_list_over_all_agents_ends(client: Client, agents: list[str]) -> None:
    def pages(**query: Any) -> list[Any]:
        asked = "".join(f"&{name}={value}" for name, value in query.items())
        seen: list[Any] = []
        while True:
            after = f"&after={seen[-1]['id']}" if seen else ""
            page = client.ok("GET", f"/v1/messages/?limit=4{asked}{after}")
            if not page:
                return seen
            seen += page

    oldest = pages(order="asc")
    said = [f"I have {n} cats, says {id}." for n in range(3) for id in agents]
    assert of_users(oldest) == said
    assert pages() == oldest[::-1] == client.ok("GET", "/v1/messages/?limit=1000")
    users = pages(order="asc", include_return_message_types="user_message")
    assert of_users(users) == said and len(users) == len(said)
    for agent in agents:
        own = client.ok("GET", f"/v1/agents/{agent}/messages?limit=1000&order=asc")
        assert [part for part in oldest if part in own] == own
    before = client.ok("GET", f"/v1/messages/?limit=1&before={users[2]['id']}&order=asc")
    assert before[-1] == oldest[oldest.index(users[2]) - 1]


def test_what_was_reset_is_neither_found_nor_listed(client: Client, agents: list[str]) -> None:
    client.ok("PATCH", f"/v1/agents/{agents[0]}/reset-messages", {})
    client.say(agents[0], "I have a dog.")
    found = search(client, query="cats dog", limit=100)
    assert {hit["content"] for hit in found if hit["agent_id"] == agents[0]} >= {"I have a dog."}
    assert not any("cats" in h["content"] for h in found if h["agent_id"] == agents[0])
    users = of_users(client.ok("GET", "/v1/messages/?limit=1000&order=asc"))
    assert users == [f"I have {n} cats, says {agents[1]}." for n in range(3)] + ["I have a dog."]


def test_what_a_fork_shares_is_there_once(
    client: Client, agents: list[str], home: memgpt.Home
) -> None:
    before = client.ok("GET", "/v1/messages/?limit=1000")
    home.agent("Sam").fork("Eve")
    assert client.ok("GET", "/v1/messages/?limit=1000") == before
    ids = [hit["message_id"] for hit in search(client, query="cats", limit=100)]
    assert len(ids) == len(set(ids))


def test_deleted_agents_are_not_searched(client: Client, agents: list[str]) -> None:
    (hit,) = search(client, query="cats", agent_id=agents[0], limit=1)
    client.ok("DELETE", f"/v1/agents/{agents[0]}")
    assert {h["agent_id"] for h in search(client, query="cats", limit=100)} == {agents[1]}
    assert client.get(f"/v1/messages/{hit['message_id']}").status == 404


REFUSED = [
    ("POST", "/v1/messages/search", {}, 422, "query"),
    ("POST", "/v1/messages/search", {"query": " "}, 422, "query"),
    ("POST", "/v1/messages/search", {"query": "a", "search_mode": "no"}, 422, "search_mode"),
    ("POST", "/v1/messages/search", {"query": "a", "limit": 0}, 422, "limit"),
    ("POST", "/v1/messages/search", {"query": "a", "start_date": "x"}, 422, "start_date"),
    ("POST", "/v1/messages/search", {"query": "a", "agent_id": "x"}, 422, "agent"),
    ("POST", "/v1/messages/search", {"query": "a", "agent_id": f"agent-{UNKNOWN}"}, 404, "Agent"),
    ("POST", "/v1/messages/search", {"query": "a", "conversation_id": "conv-1"}, 404, "Conv"),
    ("POST", "/v1/agents/messages/search", {"roles": ["king"]}, 422, "roles"),
    ("POST", "/v1/agents/messages/search", {"roles": "user"}, 422, "roles"),
    ("GET", "/v1/messages/?limit=x", None, 422, "limit"),
    ("GET", f"/v1/messages/message-{UNKNOWN}", None, 404, "Message"),
    ("GET", "/v1/messages/none", None, 422, "message"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), REFUSED)
def test_what_is_refused(
    method: str, path: str, body: Any, status: int, words: str, client: Client
) -> None:
    answered = client.ask(method, path, body)
    assert (answered.status, words in answered.detail) == (status, True), answered.body
