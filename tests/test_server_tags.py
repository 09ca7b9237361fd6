"""Tags of agents."""

from __future__ import annotations

from tests.server_client import Client


def test_tags_are_no_blanks_and_each_is_there_once(client: Client) -> None:
    agent = client.agent(tags=["b", "a", "b"])
    assert agent["tags"] == ["b", "a"]
    path = f"/v1/agents/{agent['id']}"
    assert client.ok("PATCH", path, {"tags": ["c", "c", "b"]})["tags"] == ["c", "b"]
    for tags in ([""], ["a", " \n"]):
        assert client.post("/v1/agents/", {"model": "offline", "tags": tags}).status == 422
        assert client.patch(path, {"tags": tags}).status == 422
    assert client.ok("GET", path)["tags"] == ["c", "b"]
    assert len(client.ok("GET", "/v1/agents/")) == 1
