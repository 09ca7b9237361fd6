"""Agents: made, found, changed, copied, deleted."""

from __future__ import annotations

import json

import pytest
from cases import MODEL, OFFLINE, spoken, unique
from letta_client import Letta, NotFoundError
from letta_client.types import AgentState


def test_an_agent_keeps_what_it_was_made_with(client: Letta) -> None:
    made = client.agents.create(
        name=unique("kept"),
        description="keeps things",
        metadata={"team": "geese"},
        system="You are terse.",
        tags=["kept"],
        timezone="Europe/Rome",
        memory_blocks=[{"label": "notes", "value": "n", "limit": 50, "description": "of the day"}],
        **OFFLINE,
    )
    agent = client.agents.retrieve(made.id)
    assert agent == made
    assert agent.description == "keeps things"
    assert agent.metadata == {"team": "geese"}
    assert agent.system == "You are terse."
    assert agent.tags == ["kept"]
    assert agent.timezone == "Europe/Rome"
    assert (agent.blocks[0].limit, agent.blocks[0].description) == (50, "of the day")


def test_without_base_tools_only_those_named_are_there(client: Letta) -> None:
    made = client.agents.create(include_base_tools=False, tools=["send_message"], **OFFLINE)
    assert [tool.name for tool in made.tools] == ["send_message"]


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
    with pytest.raises(NotFoundError, match="nowhere/none"):
        client.agents.create(model="nowhere/none", embedding="offline")


def test_a_list_of_agents_ends(client: Letta) -> None:
    tag = unique("paged")
    made = [client.agents.create(tags=[tag], **OFFLINE).id for _ in range(5)]
    listed = [agent.id for agent in client.agents.list(tags=[tag], limit=2)]
    assert sorted(listed) == sorted(made)
    first = client.agents.list(tags=[tag], limit=2, order="asc")
    assert [agent.id for agent in first.items] == made[:2]
    assert [agent.id for agent in first] == made


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
    assert found(name=unique("nobody")) == set()


def test_only_what_is_sent_changes(client: Letta, agent: AgentState) -> None:
    name = unique("renamed")
    changed = client.agents.update(agent.id, name=name, tags=["new"], description="anew")
    assert (changed.name, changed.tags, changed.description) == (name, ["new"], "anew")
    changed = client.agents.update(agent.id, metadata={"a": 1}, system="Be brief.")
    assert (changed.metadata, changed.system) == ({"a": 1}, "Be brief.")
    assert (changed.name, changed.model) == (name, MODEL)
    assert changed.blocks == agent.blocks
    assert client.agents.retrieve(agent.id) == changed


def test_a_deleted_agent_is_not_found(client: Letta, agent: AgentState) -> None:
    client.agents.delete(agent.id)
    with pytest.raises(NotFoundError):
        client.agents.retrieve(agent.id)
    with pytest.raises(NotFoundError):
        client.agents.delete(agent.id)
    assert agent.id not in [other.id for other in client.agents.list(name=agent.name)]


def test_an_exported_agent_comes_back(client: Letta, agent: AgentState) -> None:
    client.agents.messages.create(agent.id, input="The boiler code is 4417.")
    client.agents.blocks.update("human", agent_id=agent.id, value="Chad, of Turin.")
    exported = client.agents.export_file(agent.id)
    assert {"agents", "blocks", "tools"} <= set(json.loads(exported))

    imported = client.agents.import_file(file=("sam.af", exported.encode()), name=unique("again"))
    (id,) = imported.agent_ids
    again = client.agents.retrieve(id)
    assert again.id != agent.id
    assert {block.label: block.value for block in again.blocks}["human"] == "Chad, of Turin."
    assert {tool.name for tool in again.tools} == {tool.name for tool in agent.tools}
    messages = list(client.agents.messages.list(id))
    assert "You said: The boiler code is 4417." in spoken(messages)
    reply = client.agents.messages.create(id, input="Still there?")
    assert spoken(reply.messages) == "You said: Still there?"


def test_a_copy_is_called_so(client: Letta, agent: AgentState) -> None:
    exported = client.agents.export_file(agent.id)
    imported = client.agents.import_file(
        file=("sam.af", exported.encode()), strip_messages=True, append_copy_suffix=True
    )
    copy = client.agents.retrieve(imported.agent_ids[0])
    assert copy.name == f"{agent.name}_copy"


def test_a_recompiled_prompt_shows_the_memory(client: Letta, agent: AgentState) -> None:
    assert "They like vibe coding." in client.agents.recompile(agent.id, dry_run=True)
