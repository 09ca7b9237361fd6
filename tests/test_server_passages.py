"""Archival memory over REST: passages of agents, archives, and the search over both."""

from __future__ import annotations

from typing import Any

import memgpt
import pytest

from tests.server_client import Client

UNKNOWN = "00000000-0000-4000-8000-000000000000"
BIRDS = [("Geese fly south.", ["birds"]), ("Swans stay.", ["birds", "lake"]), ("Trains run.", [])]


@pytest.fixture
def agent(client: Client) -> str:
    """The path of an agent."""
    made = client.agent(name="Sam", embedding="offline")
    return f"/v1/agents/{made['id']}"


def own_archive(agent: str) -> str:
    return agent.replace("/v1/agents/agent-", "archive-")


def file(client: Client, agent: str, text: str, **more: Any) -> Any:
    (passage,) = client.ok("POST", f"{agent}/archival-memory", {"text": text, **more})
    return passage


def texts(passages: list[Any]) -> list[str]:
    return [passage["text"] for passage in passages]


@pytest.fixture
def filed(client: Client, agent: str) -> list[str]:
    return [file(client, agent, text, tags=tags)["id"] for text, tags in BIRDS]


def pages(client: Client, path: str, limit: int, **query: Any) -> list[str]:
    """All ids, page after page; every page but the last is full."""
    seen: list[str] = []
    asked = "".join(f"&{key}={value}" for key, value in query.items())
    while True:
        after = f"&after={seen[-1]}" if seen else ""
        page = client.ok("GET", f"{path}?limit={limit}{asked}{after}")
        if not page:
            return seen
        seen += [item["id"] for item in page]
        assert len(seen) == len(set(seen))


def test_a_passage_is_filed_changed_and_deleted(
    client: Client, agent: str, home: memgpt.Home
) -> None:
    made = file(client, agent, "The code is 4417.", tags=["a"], created_at="2024-05-01T12:00:00Z")
    assert made["id"].startswith("passage-") and made["archive_id"] == own_archive(agent)
    assert made["created_at"] == "2024-05-01T12:00:00.000000+00:00"
    assert client.ok("GET", f"{agent}/archival-memory") == [made]
    one = f"{agent}/archival-memory/{made['id']}"
    assert client.ok("PATCH", one, {"tags": ["b"]}) == [{**made, "tags": ["b"]}]
    assert client.ok("PATCH", one) == [{**made, "tags": ["b"]}]
    assert texts(client.ok("PATCH", one, {"text": "It is 1."})) == ["It is 1."]
    assert "successfully deleted" in client.ok("DELETE", one)["message"]
    assert client.delete(one).status == 404 == client.patch(one, {"text": "x"}).status
    assert client.ok("GET", f"{agent}/archival-memory") == []
    assert home.check(replay=True) == []


def test_pages_of_passages_are_exact_and_end(client: Client, agent: str, filed: list[str]) -> None:
    path = f"{agent}/archival-memory"
    for limit in (1, 2, 3, 5):
        assert pages(client, path, limit) == filed
        assert pages(client, path, limit, ascending="false") == filed[::-1]
    before = client.ok("GET", f"{path}?before={filed[2]}&limit=1")
    assert [passage["id"] for passage in before] == [filed[1]]
    between = client.ok("GET", f"{path}?after={filed[0]}&before={filed[2]}")
    assert [passage["id"] for passage in between] == [filed[1]]
    assert client.ok("GET", f"{path}?after=passage-{UNKNOWN}") == []
    assert texts(client.ok("GET", f"{path}?search=SWANS")) == ["Swans stay."]


def test_a_list_goes_on_where_passages_are_changed_and_deleted(client: Client, agent: str) -> None:
    archive = f"/v1/archives/{own_archive(agent)}/passages"
    sent = [{"text": f"Number {n}."} for n in range(6)]
    ids = [passage["id"] for passage in client.ok("POST", f"{archive}/batch", {"passages": sent})]
    path = f"{agent}/archival-memory"
    assert pages(client, path, 4) == ids
    client.ok("PATCH", f"{path}/{ids[1]}", {"text": "Changed."})
    client.ok("DELETE", f"{path}/{ids[2]}")
    for after, rest in ((1, ids[3:]), (2, ids[3:]), (0, [ids[1], *ids[3:]])):
        page = client.ok("GET", f"{path}?after={ids[after]}")
        assert [passage["id"] for passage in page] == rest


def test_what_was_undone_is_not_listed(
    client: Client, agent: str, filed: list[str], home: memgpt.Home
) -> None:
    home.agent("Sam").undo(1, unit="step")
    assert pages(client, f"{agent}/archival-memory", 2) == filed[:2]
    home.agent("Sam").redo(1, unit="step")
    assert pages(client, f"{agent}/archival-memory", 2) == filed


def test_passages_stand_by_the_time_that_they_are_of(client: Client, agent: str) -> None:
    days = ["2024-03-01", "2022-01-01", "2023-02-01"]
    for day in days:
        file(client, agent, f"On {day}.", created_at=f"{day}T00:00:00Z")
    path = f"{agent}/archival-memory"
    assert texts(client.ok("GET", path)) == [f"On {day}." for day in sorted(days)]
    span = f"{path}/search?query=On&start_datetime=2023-01-01&end_datetime=2023-02-01"
    assert [hit["content"] for hit in client.ok("GET", span)["results"]] == ["On 2023-02-01."]


def test_a_search_shows_times_on_the_clocks_of_the_agent(client: Client, agent: str) -> None:
    client.ok("PATCH", agent, {"timezone": "America/New_York"})
    file(client, agent, "Snow.", created_at="2024-01-01T03:00:00Z")
    found = client.ok("GET", f"{agent}/archival-memory/search?query=snow")
    assert found["results"][0]["timestamp"] == "2023-12-31T22:00:00.000000-05:00"


def test_a_search_heeds_tags_and_top_k(client: Client, agent: str, filed: list[str]) -> None:
    def found(more: str) -> set[str]:
        path = f"{agent}/archival-memory/search?query=geese%20stay%20or%20run{more}"
        answer = client.ok("GET", path)
        assert answer["count"] == len(answer["results"])
        return {hit["content"] for hit in answer["results"]}

    assert found("") == {text for text, _ in BIRDS}
    assert len(found("&top_k=1")) == 1
    assert found("&tags=birds&tags=lake") == {"Geese fly south.", "Swans stay."}
    assert found("&tags=birds&tags=lake&tag_match_mode=all") == {"Swans stay."}
    assert found("&tags=none") == set()


def archive(client: Client, **given: Any) -> Any:
    return client.ok("POST", "/v1/archives/", {"name": "team", **given})


def test_an_archive_is_made_changed_listed_and_deleted(client: Client, home: memgpt.Home) -> None:
    made = archive(client, embedding="offline", metadata={"n": 1})
    assert made["embedding_config"]["embedding_dim"] > 0 and made["metadata"] == {"n": 1}
    one = f"/v1/archives/{made['id']}"
    changed = client.ok("PATCH", one, {"description": "ours", "name": "all"})
    assert changed == {
        **made,
        "name": "all",
        "description": "ours",
        "updated_at": changed["updated_at"],
    }
    assert client.ok("GET", one) == changed == client.ok("GET", "/v1/archives/?name=all")[0]
    assert [archive.name for archive in home.archives()] == ["all"]
    deleted = client.delete(one)
    assert (deleted.status, deleted.body) == (204, b"")
    assert client.get(one).status == 404 and client.ok("GET", "/v1/archives") == []


def test_archives_of_one_name(client: Client, home: memgpt.Home) -> None:
    first, second, third = (archive(client) for _ in range(3))
    assert {made["name"] for made in (first, second, third)} == {"team"}
    assert [archive.name for archive in home.archives()] == ["team", "team (2)", "team (3)"]
    ids = [made["id"] for made in (third, second, first)]
    assert pages(client, "/v1/archives/", 2, name="team") == ids
    assert pages(client, "/v1/archives/", 1, order="asc") == ids[::-1]
    long = [archive(client, name="x" * 200)["name"] for _ in range(2)]
    assert long == ["x" * 200] * 2
    renamed = client.ok("PATCH", f"/v1/archives/{ids[0]}", {"name": "mine"})
    assert renamed["name"] == "mine" and len(client.ok("GET", "/v1/archives?name=team")) == 2


def test_agents_see_what_an_archive_holds_until_it_goes(
    client: Client, agent: str, filed: list[str], home: memgpt.Home
) -> None:
    made = archive(client, embedding="offline")
    sent = {"text": "The gate opens at 7.", "tags": ["gate"], "metadata": {"n": 1}}
    passage = client.ok("POST", f"/v1/archives/{made['id']}/passages", sent)
    assert passage["archive_id"] == made["id"] and passage["metadata"] == {"n": 1}
    attach = f"{agent}/archives/attach/{made['id']}"
    assert client.ok("PATCH", attach) is None and client.ok("PATCH", attach) is None
    listed = client.ok("GET", f"/v1/archives/?agent_id={agent.removeprefix('/v1/agents/')}")
    assert {item["id"] for item in listed} == {made["id"], own_archive(agent)}
    path = f"{agent}/archival-memory"
    assert pages(client, path, 2) == [*filed, passage["id"]]
    assert client.ok("GET", path)[-1] == passage
    assert client.ok("GET", f"{path}/search?query=gate&top_k=1")["results"][0]["tags"] == ["gate"]
    (changed,) = client.ok("PATCH", f"{path}/{passage['id']}", {"text": "The gate is open."})
    assert changed["archive_id"] == made["id"]
    assert client.delete(f"/v1/archives/{made['id']}").status == 204
    assert pages(client, path, 2) == filed
    assert home.agent("Sam").archival.attached == [] and home.check(replay=True) == []


def test_an_agents_own_archive_has_an_id(client: Client, agent: str) -> None:
    id = own_archive(agent)
    assert client.ok("GET", "/v1/archives/") == []
    passage = client.ok("POST", f"/v1/archives/{id}/passages", {"text": "Mine."})
    assert client.ok("GET", f"{agent}/archival-memory") == [passage]
    (listed,) = client.ok("GET", "/v1/archives/")
    assert (listed["id"], listed["name"]) == (id, "Sam's archive")
    named = client.ok("PATCH", f"/v1/archives/{id}", {"name": "notes"})
    assert named["name"] == "notes" and client.ok("GET", f"/v1/archives/{id}") == named
    assert client.delete(f"/v1/archives/{id}/passages/{passage['id']}").status == 204
    assert client.ok("PATCH", f"{agent}/archives/attach/{id}") is None
    assert client.patch(f"{agent}/archives/detach/{id}").status == 409
    assert client.delete(f"/v1/archives/{id}").status == 409


def test_many_passages_are_filed_all_or_none(client: Client) -> None:
    made = archive(client)
    path = f"/v1/archives/{made['id']}/passages/batch"
    assert client.ok("POST", path, {"passages": []}) == []
    sent = [{"text": "One."}, {"text": " "}]
    assert client.post(path, {"passages": sent}).status == 422
    found = {"archive_id": made["id"]}
    assert client.ok("POST", "/v1/passages/search", found) == []
    ids = client.ok("POST", path, {"passages": sent[:1] * 3})
    assert texts(ids) == ["One."] * 3 and len({passage["id"] for passage in ids}) == 3


def test_a_search_over_one_agent_one_archive_and_all(
    client: Client, agent: str, filed: list[str]
) -> None:
    other = client.agent(embedding="offline")["id"]
    file(client, f"/v1/agents/{other}", "Trains to Turin run at night.")
    made = archive(client, embedding="offline")
    client.ok("POST", f"/v1/archives/{made['id']}/passages", {"text": "Trains of the team."})

    def found(**body: Any) -> list[tuple[str, str]]:
        hits = client.ok("POST", "/v1/passages/search", body)
        assert [hit["score"] for hit in hits] == sorted((h["score"] for h in hits), reverse=True)
        return [(hit["passage"]["text"], hit["passage"]["archive_id"]) for hit in hits]

    mine = own_archive(agent)
    by_agent = found(query="Trains", agent_id=agent.removeprefix("/v1/agents/"), limit=1)
    assert by_agent == found(query="Trains", archive_id=mine, limit=1) == [("Trains run.", mine)]
    team = ("Trains of the team.", made["id"])
    assert found(query="Trains", archive_id=made["id"]) == [team]
    theirs = ("Trains to Turin run at night.", own_archive(f"/v1/agents/{other}"))
    assert set(found(query="Trains", limit=3)) == {("Trains run.", mine), team, theirs}
    assert len(found()) == 5 and found(tags=["lake"]) == [("Swans stay.", mine)]
    assert found(agent_id=other, archive_id=made["id"]) == []
    (hit,) = client.ok("POST", "/v1/passages/search", {"query": "Swans", "limit": 1})
    assert hit["metadata"]["search_mode"] == "hybrid"


def test_what_a_fork_shares_is_found_once(
    client: Client, agent: str, filed: list[str], home: memgpt.Home
) -> None:
    home.agent("Sam").fork("Ann")
    hits = client.ok("POST", "/v1/passages/search", {"query": "Swans and geese", "limit": 10})
    assert sorted(texts([hit["passage"] for hit in hits])) == sorted(text for text, _ in BIRDS)


REFUSED = [
    ("POST", "{agent}/archival-memory", {}, 422, "text"),
    ("POST", "{agent}/archival-memory", {"text": " "}, 422, "empty"),
    ("POST", "{agent}/archival-memory", {"text": 3}, 422, "text"),
    ("POST", "{agent}/archival-memory", {"text": "a", "tags": [1]}, 422, "tags"),
    ("POST", "{agent}/archival-memory", {"text": "a", "tags": "b"}, 422, "tags"),
    ("POST", "{agent}/archival-memory", {"text": "a", "created_at": "soon"}, 422, "created_at"),
    ("GET", "{agent}/archival-memory?limit=x", None, 422, "limit"),
    ("GET", "{agent}/archival-memory/search", None, 422, "query"),
    ("GET", "{agent}/archival-memory/search?query=a&tag_match_mode=no", None, 422, "tag_match"),
    ("GET", "{agent}/archival-memory/search?query=a&top_k=0", None, 422, "top_k"),
    ("GET", "{agent}/archival-memory/search?query=a&start_datetime=x", None, 422, "start_dat"),
    ("DELETE", "{agent}/archival-memory/none", None, 422, "passage"),
    ("DELETE", "{agent}/archival-memory/passage-" + UNKNOWN, None, 404, "passage"),
    ("GET", f"/v1/agents/agent-{UNKNOWN}/archival-memory", None, 404, "Agent"),
    ("POST", "/v1/archives/", {}, 422, "name"),
    ("POST", "/v1/archives/", {"name": " "}, 422, "name"),
    ("POST", "/v1/archives/", {"name": "a", "embedding": "nobody/none"}, 404, "embedder"),
    ("POST", "/v1/archives/", {"name": "a", "metadata": []}, 422, "metadata"),
    ("GET", f"/v1/archives/archive-{UNKNOWN}", None, 404, "Archive"),
    ("GET", "/v1/archives/none", None, 422, "archive"),
    ("PATCH", f"/v1/archives/archive-{UNKNOWN}", {"name": "a"}, 404, "Archive"),
    ("POST", f"/v1/archives/archive-{UNKNOWN}/passages", {"text": "a"}, 404, "Archive"),
    ("PATCH", "{agent}/archives/attach/archive-" + UNKNOWN, None, 404, "Archive"),
    ("POST", "/v1/passages/search", {"limit": 0}, 422, "limit"),
    ("POST", "/v1/passages/search", {"end_date": "x"}, 422, "end_date"),
    ("POST", "/v1/passages/search", {"agent_id": f"agent-{UNKNOWN}"}, 404, "Agent"),
    ("POST", "/v1/passages/search", {"archive_id": f"archive-{UNKNOWN}"}, 404, "Archive"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), REFUSED)
def test_what_is_refused(
    method: str, path: str, body: Any, status: int, words: str, client: Client, agent: str
) -> None:
    answered = client.ask(method, path.replace("{agent}", agent), body)
    assert (answered.status, words in answered.detail) == (status, True), answered.body
    assert client.ok("GET", f"{agent}/archival-memory") == client.ok("GET", "/v1/archives/") == []
