"""Agents: made, found, changed, copied, deleted."""

from __future__ import annotations

import json

import pytest
from cases import MODEL, OFFLINE, spoken, unique
from letta_client import AgentState, Letta
from letta_client.core.api_error import ApiError
from talk import pages, send


def test_an_agent_keeps_what_it_was_made_with(client: Letta) -> None:
    made = client.agents.create(
        name=unique("kept"),
        description="keeps things",
        metadata={"team": "geese"},
        system="You are terse.",
        tags=["kept"],
        timezone="Europe/Rome",
        **OFFLINE,
    )
    agent = client.agents.retrieve(made.id)
    assert agent == made
    assert agent.description == "keeps things"
    assert agent.metadata == {"team": "geese"}
    assert agent.system == "You are terse."
    assert agent.tags == ["kept"]
    assert agent.timezone == "Europe/Rome"


def test_the_first_kind_of_agent_has_the_six_classic_tools(client: Letta) -> None:
    made = client.agents.create(agent_type="memgpt_agent", **OFFLINE)
    assert {tool.name for tool in made.tools} >= {
        "send_message",
        "core_memory_append",
        "core_memory_replace",
        "conversation_search",
        "archival_memory_insert",
        "archival_memory_search",
    }


def test_an_unknown_model_is_not_found(client: Letta) -> None:
    with pytest.raises(ApiError) as raised:
        client.agents.create(model="nowhere/none", embedding="offline")
    assert raised.value.status_code == 404
    assert "nowhere/none" in raised.value.body["detail"]


def test_a_list_of_agents_ends(client: Letta) -> None:
    tag = unique("paged")
    made = [client.agents.create(tags=[tag], **OFFLINE).id for _ in range(5)]
    listed = [agent.id for agent in pages(client.agents.list, tags=[tag], limit=2)]
    assert sorted(listed) == sorted(made)
    first = client.agents.list(tags=[tag], limit=2, order="asc")
    assert [agent.id for agent in first] == made[:2]


def test_agents_are_found_by_name_tags_and_text(client: Letta) -> None:
    name, red, blue = unique("finder"), unique("red"), unique("blue")
    both = client.agents.create(name=name, tags=[red, blue], **OFFLINE)
    one = client.agents.create(name=unique("other"), tags=[red], **OFFLINE)

    def found(**filters: object) -> set[str]:
        return {agent.id for agent in client.agents.list(**filters)}

    assert found(name=name) == {both.id}
    assert found(query_text=name[3:]) == {both.id}
    assert found(tags=[red, blue]) == {both.id, one.id}
    assert found(tags=[red, blue], match_all_tags=True) == {both.id}


def test_agents_are_counted(client: Letta) -> None:
    before = client.agents.count()
    client.agents.create(**OFFLINE)
    assert client.agents.count() == before + 1


def test_only_what_is_sent_changes(client: Letta, agent: AgentState) -> None:
    name = unique("renamed")
    changed = client.agents.modify(agent.id, name=name, tags=["new"], description="anew")
    assert (changed.name, changed.tags, changed.description) == (name, ["new"], "anew")
    changed = client.agents.modify(agent.id, metadata={"a": 1}, system="Be brief.")
    assert (changed.metadata, changed.system) == ({"a": 1}, "Be brief.")
    assert (changed.name, changed.llm_config.handle) == (name, MODEL)
    assert client.agents.retrieve(agent.id) == changed


def test_a_deleted_agent_is_not_found(client: Letta, agent: AgentState) -> None:
    client.agents.delete(agent.id)
    for again in (client.agents.retrieve, client.agents.delete):
        with pytest.raises(ApiError) as raised:
            again(agent.id)
        assert raised.value.status_code == 404


def test_an_exported_agent_comes_back(client: Letta, agent: AgentState) -> None:
    send(client, agent.id, "The boiler code is 4417.")
    client.agents.blocks.modify(agent.id, "human", value="Chad, of Turin.")
    exported = json.dumps(client.agents.export_file(agent.id))  # typed str, and JSON in fact

    imported = client.agents.import_file(
        file=("sam.af", exported.encode()), append_copy_suffix=True
    )
    (id,) = imported.agent_ids
    again = client.agents.retrieve(id)
    assert again.id != agent.id
    assert again.name == f"{agent.name}_copy"
    assert {block.label: block.value for block in again.memory.blocks}["human"] == "Chad, of Turin."
    assert {tool.name for tool in again.tools} == {tool.name for tool in agent.tools}
    assert "You said: The boiler code is 4417." in spoken(client.agents.messages.list(id))
    assert spoken(send(client, id, "Still there?").messages) == "You said: Still there?"


def test_the_overview_of_a_context_adds_up(client: Letta, agent: AgentState) -> None:
    send(client, agent.id, "Hello")
    overview = client.agents.context.retrieve(agent.id)
    assert 0 < overview.context_window_size_current <= overview.context_window_size_max
    assert "They like vibe coding." in overview.core_memory
    assert overview.num_messages > 0
    parts = (
        overview.num_tokens_system,
        overview.num_tokens_core_memory,
        overview.num_tokens_external_memory_summary,
        overview.num_tokens_summary_memory,
        overview.num_tokens_functions_definitions,
        overview.num_tokens_messages,
    )
    assert sum(parts) == overview.context_window_size_current
