"""Blocks: of an agent, of several, of none."""

from __future__ import annotations

import pytest
from cases import HUMAN, OFFLINE, unique
from letta_client import AgentState, CreateBlock, Letta, UnprocessableEntityError
from letta_client.core.api_error import ApiError
from talk import pages, send


def test_the_blocks_of_an_agent_are_listed_and_read_by_label(
    client: Letta, agent: AgentState
) -> None:
    listed = client.agents.blocks.list(agent.id)
    assert sorted(str(block.label) for block in listed) == ["human", "persona"]
    human = client.agents.blocks.retrieve(agent.id, "human")
    assert human.value == HUMAN
    assert human in listed
    memory = client.agents.core_memory.retrieve(agent.id)
    assert {block.id for block in memory.blocks} == {block.id for block in listed}


def test_a_block_is_changed_by_label(client: Letta, agent: AgentState) -> None:
    changed = client.agents.blocks.modify(
        agent.id, "human", value="Chad moved.", description="who it is", limit=500
    )
    assert (changed.value, changed.description, changed.limit) == ("Chad moved.", "who it is", 500)
    assert client.agents.blocks.retrieve(agent.id, "human") == changed
    memory = {block.label: block.value for block in client.agents.retrieve(agent.id).memory.blocks}
    assert memory["human"] == "Chad moved."


def test_the_agent_edits_its_own_block(client: Letta, offline: AgentState) -> None:
    client.agents.blocks.modify(offline.id, "human", value="")
    send(client, offline.id, "My name is Ada.")
    assert "Ada" in client.agents.blocks.retrieve(offline.id, "human").value


def test_a_block_of_its_own_has_room(client: Letta) -> None:
    label = unique("plan")
    before = client.blocks.count()
    block = client.blocks.create(label=label, value="v", description="d", metadata={"a": 1})
    assert client.blocks.count() == before + 1
    assert (block.label, block.value, block.limit) == (label, "v", 100_000)
    assert client.blocks.retrieve(str(block.id)) == block
    assert [found.id for found in client.blocks.list(label=label)] == [block.id]
    changed = client.blocks.modify(str(block.id), value="w")
    assert (changed.value, changed.metadata) == ("w", {"a": 1})
    client.blocks.delete(str(block.id))
    with pytest.raises(ApiError) as raised:
        client.blocks.retrieve(str(block.id))
    assert raised.value.status_code == 404


def test_a_list_of_blocks_ends(client: Letta) -> None:
    label = unique("many")
    made = [str(client.blocks.create(label=label, value=str(n)).id) for n in range(5)]
    listed = [block.id for block in pages(client.blocks.list, label=label, limit=2)]
    assert sorted(listed) == sorted(made)


def test_a_block_is_attached_and_detached(client: Letta, agent: AgentState) -> None:
    block = client.blocks.create(label=unique("plan"), value="ship it")
    state = client.agents.blocks.attach(agent.id, str(block.id))
    assert block.id in [attached.id for attached in state.memory.blocks]
    assert [user.id for user in client.blocks.agents.list(str(block.id))] == [agent.id]
    state = client.agents.blocks.detach(agent.id, str(block.id))
    assert block.id not in [attached.id for attached in state.memory.blocks]
    assert client.blocks.retrieve(str(block.id)).value == "ship it"


def test_two_agents_share_a_block(client: Letta) -> None:
    label = unique("team")
    id = str(client.blocks.create(label=label, value="").id)
    one = client.agents.create(block_ids=[id], **OFFLINE)
    two = client.agents.create(block_ids=[id], **OFFLINE)
    client.agents.blocks.modify(one.id, label, value="written by one")
    assert client.agents.blocks.retrieve(two.id, label).value == "written by one"
    client.agents.delete(one.id)
    assert client.agents.blocks.retrieve(two.id, label).value == "written by one"


def test_a_limit_holds_on_every_way_in(client: Letta, agent: AgentState) -> None:
    human = client.agents.blocks.modify(agent.id, "human", value="short", limit=10)
    with pytest.raises(UnprocessableEntityError) as raised:
        client.agents.blocks.modify(agent.id, "human", value="x" * 11)
    assert "10" in str(raised.value.body)
    with pytest.raises(UnprocessableEntityError):
        client.blocks.modify(str(human.id), value="x" * 11)
    with pytest.raises(UnprocessableEntityError):
        client.blocks.create(label=unique("small"), value="x" * 11, limit=10)
    with pytest.raises(UnprocessableEntityError):
        small = CreateBlock(label="human", value="xx", limit=1)
        client.agents.create(memory_blocks=[small], **OFFLINE)
    assert client.blocks.retrieve(str(human.id)) == human


def test_a_label_may_have_a_slash(client: Letta) -> None:
    block = CreateBlock(label="system/human", value="Ada")
    agent = client.agents.create(memory_blocks=[block], **OFFLINE)
    # This generation does not encode what stands in a path.
    assert client.agents.blocks.retrieve(agent.id, "system%2Fhuman").value == "Ada"
    client.agents.blocks.modify(agent.id, "system%2Fhuman", value="Ada L.")
    assert client.agents.retrieve(agent.id).memory.blocks[0].value == "Ada L."
