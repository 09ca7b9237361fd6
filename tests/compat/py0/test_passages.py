"""Archival memory: passages of an agent, and archives."""

from __future__ import annotations

import pytest
from cases import unique
from letta_client import AgentState, Letta
from letta_client.core.api_error import ApiError


def test_a_passage_is_filed_found_and_deleted(client: Letta, agent: AgentState) -> None:
    (passage,) = client.agents.passages.create(
        agent.id, text="The boiler code is 4417.", tags=["house"]
    )
    assert passage.id and passage.id.startswith("passage-")
    assert (passage.text, passage.tags) == ("The boiler code is 4417.", ["house"])
    assert [found.id for found in client.agents.passages.list(agent.id)] == [passage.id]
    client.agents.passages.delete(agent.id, passage.id)
    assert client.agents.passages.list(agent.id) == []
    with pytest.raises(ApiError) as raised:
        client.agents.passages.delete(agent.id, passage.id)
    assert raised.value.status_code == 404


@pytest.fixture
def filed(client: Letta, agent: AgentState) -> list[str]:
    """Ids, in the order of their texts."""
    texts = {"Geese fly south.": ["birds"], "Swans stay.": ["birds", "lake"], "Trains run.": []}
    made = [client.agents.passages.create(agent.id, text=t, tags=g)[0] for t, g in texts.items()]
    return [str(passage.id) for passage in made]


def test_a_list_of_passages_has_pages_and_a_search(
    client: Letta, agent: AgentState, filed: list[str]
) -> None:
    assert [p.id for p in client.agents.passages.list(agent.id, limit=2)] == filed[:2]
    assert [p.id for p in client.agents.passages.list(agent.id, after=filed[1])] == filed[2:]
    assert client.agents.passages.list(agent.id, after=filed[2]) == []
    assert [p.id for p in client.agents.passages.list(agent.id, ascending=False)] == filed[::-1]
    found = client.agents.passages.list(agent.id, search="Swans")
    assert [p.text for p in found] == ["Swans stay."]


def test_a_search_gives_the_best_and_heeds_tags(
    client: Letta, agent: AgentState, filed: list[str]
) -> None:
    found = client.agents.passages.search(agent.id, query="geese that fly", top_k=1)
    assert found.count == 1
    assert found.results[0].content == "Geese fly south."
    assert found.results[0].timestamp
    both = client.agents.passages.search(
        agent.id, query="birds that fly or stay", tags=["birds", "lake"], tag_match_mode="all"
    )
    assert [hit.content for hit in both.results] == ["Swans stay."]


def test_archives_are_made_listed_and_changed(client: Letta) -> None:
    name = unique("team")
    archive = client.archives.create_archive(name=name, description="ours")
    assert archive.id and archive.id.startswith("archive-")
    assert [found.id for found in client.archives.list_archives(name=name)] == [archive.id]
    changed = client.archives.modify_archive(archive.id, description="all of ours")
    assert (changed.name, changed.description) == (name, "all of ours")
