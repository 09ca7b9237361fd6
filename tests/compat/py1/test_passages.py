"""Archival memory: passages of an agent, archives of several."""

from __future__ import annotations

import pytest
from cases import EMBEDDING, unique
from letta_client import Letta, NotFoundError
from letta_client.types import AgentState


def test_a_passage_is_filed_found_and_deleted(client: Letta, agent: AgentState) -> None:
    (passage,) = client.agents.passages.create(
        agent.id, text="The boiler code is 4417.", tags=["house"]
    )
    assert passage.id and passage.id.startswith("passage-")
    assert (passage.text, passage.tags) == ("The boiler code is 4417.", ["house"])
    assert [found.id for found in client.agents.passages.list(agent.id)] == [passage.id]
    client.agents.passages.delete(passage.id, agent_id=agent.id)
    assert client.agents.passages.list(agent.id) == []


@pytest.fixture
def filed(client: Letta, agent: AgentState) -> dict[str, str | None]:
    """Ids by text."""
    texts = {"Geese fly south.": ["birds"], "Swans stay.": ["birds", "lake"], "Trains run.": []}
    made = [client.agents.passages.create(agent.id, text=t, tags=g)[0] for t, g in texts.items()]
    return {passage.text: passage.id for passage in made}


def test_a_list_of_passages_has_pages_and_a_search(
    client: Letta, agent: AgentState, filed: dict[str, str | None]
) -> None:
    ids = list(filed.values())
    assert [p.id for p in client.agents.passages.list(agent.id, limit=2)] == ids[:2]
    assert [p.id for p in client.agents.passages.list(agent.id, after=ids[1])] == ids[2:]
    assert [p.id for p in client.agents.passages.list(agent.id, after=ids[2])] == []
    assert [p.id for p in client.agents.passages.list(agent.id, ascending=False)] == ids[::-1]
    found = client.agents.passages.list(agent.id, search="Swans")
    assert [p.text for p in found] == ["Swans stay."]


def test_a_search_gives_the_best_and_heeds_tags(
    client: Letta, agent: AgentState, filed: dict[str, str | None]
) -> None:
    found = client.agents.passages.search(agent.id, query="geese that fly", top_k=1)
    assert found.count == 1
    assert found.results[0].content == "Geese fly south."
    assert found.results[0].id == filed["Geese fly south."]
    assert found.results[0].timestamp

    def tagged(*tags: str, mode: str = "any") -> set[str]:
        answer = client.agents.passages.search(
            agent.id,
            query="birds that fly or stay",
            tags=tags,
            tag_match_mode=mode,
        )
        return {hit.content for hit in answer.results}

    assert tagged("birds", "lake") == {"Geese fly south.", "Swans stay."}
    assert tagged("birds", "lake", mode="all") == {"Swans stay."}
    assert tagged("none") == set()


def test_passages_are_searched_over_agents(
    client: Letta, agent: AgentState, filed: dict[str, str | None]
) -> None:
    found = client.passages.search(query="Trains", agent_id=agent.id, limit=1)
    assert [hit.passage.id for hit in found] == [filed["Trains run."]]
    assert isinstance(found[0].score, float)


def test_a_passage_deleted_twice_is_not_found(
    client: Letta, agent: AgentState, filed: dict[str, str | None]
) -> None:
    id = str(filed["Trains run."])
    client.agents.passages.delete(id, agent_id=agent.id)
    with pytest.raises(NotFoundError):
        client.agents.passages.delete(id, agent_id=agent.id)


def test_an_archive_is_made_changed_and_deleted(client: Letta) -> None:
    name = unique("team")
    archive = client.archives.create(name=name, embedding=EMBEDDING, description="ours")
    assert archive.id.startswith("archive-")
    assert client.archives.retrieve(archive.id) == archive
    assert [found.id for found in client.archives.list(name=name)] == [archive.id]
    changed = client.archives.update(archive.id, description="all of ours")
    assert (changed.name, changed.description) == (name, "all of ours")
    client.archives.delete(archive.id)
    with pytest.raises(NotFoundError):
        client.archives.retrieve(archive.id)


def test_an_archive_takes_passages_in_ones_and_many(client: Letta) -> None:
    archive = client.archives.create(name=unique("team"), embedding=EMBEDDING)
    one = client.archives.passages.create(archive.id, text="Geese.", tags=["a"], metadata={"n": 1})
    assert (one.text, one.archive_id, one.metadata) == ("Geese.", archive.id, {"n": 1})
    many = client.archives.passages.create_many(
        archive.id, passages=[{"text": "Swans."}, {"text": "Ducks."}]
    )
    assert [passage.text for passage in many] == ["Swans.", "Ducks."]
    client.archives.passages.delete(str(one.id), archive_id=archive.id)
    found = client.passages.search(archive_id=archive.id, query="Geese Swans Ducks")
    assert {hit.passage.text for hit in found} == {"Swans.", "Ducks."}


def test_an_attached_archive_is_searched_by_the_agent(client: Letta, agent: AgentState) -> None:
    archive = client.archives.create(name=unique("team"), embedding=EMBEDDING)
    client.archives.passages.create(archive.id, text="The code of the gate is 7.")
    client.agents.archives.attach(archive.id, agent_id=agent.id)
    assert archive.id in [attached.id for attached in client.archives.list(agent_id=agent.id)]
    found = client.agents.passages.search(agent.id, query="code of the gate")
    assert [hit.content for hit in found.results] == ["The code of the gate is 7."]
    client.agents.archives.detach(archive.id, agent_id=agent.id)
    assert client.agents.passages.search(agent.id, query="code of the gate").results == []
