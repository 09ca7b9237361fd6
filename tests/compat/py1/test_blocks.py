"""Blocks: of an agent, of several, of none."""

from __future__ import annotations

import pytest
from cases import HUMAN, OFFLINE, unique
from letta_client import Letta, NotFoundError, UnprocessableEntityError
from letta_client.types import AgentState


def test_the_blocks_of_an_agent_are_listed_and_read_by_label(
    client: Letta, agent: AgentState
) -> None:
    listed = list(client.agents.blocks.list(agent.id))
    assert sorted(str(block.label) for block in listed) == ["human", "persona"]
    human = client.agents.blocks.retrieve("human", agent_id=agent.id)
    assert human.value == HUMAN
    assert human in listed


def test_a_block_is_changed_by_label(client: Letta, agent: AgentState) -> None:
    changed = client.agents.blocks.update(
        "human", agent_id=agent.id, value="Chad moved.", description="who it is", limit=500
    )
    assert (changed.value, changed.description, changed.limit) == ("Chad moved.", "who it is", 500)
    assert client.agents.blocks.retrieve("human", agent_id=agent.id) == changed
    memory = {block.label: block.value for block in client.agents.retrieve(agent.id).memory.blocks}
    assert memory["human"] == "Chad moved."


def test_the_agent_edits_its_own_block(client: Letta, offline: AgentState) -> None:
    client.agents.blocks.update("human", agent_id=offline.id, value="")
    client.agents.messages.create(offline.id, input="My name is Ada.")
    assert "Ada" in client.agents.blocks.retrieve("human", agent_id=offline.id).value


def test_a_block_of_its_own_has_room(client: Letta) -> None:
    label = unique("plan")
    block = client.blocks.create(label=label, value="v", description="d", metadata={"a": 1})
    assert (block.label, block.value, block.limit) == (label, "v", 100_000)
    assert block.read_only is False
    assert client.blocks.retrieve(block.id) == block
    assert [found.id for found in client.blocks.list(label=label)] == [block.id]
    changed = client.blocks.update(block.id, value="w")
    assert (changed.value, changed.metadata) == ("w", {"a": 1})
    client.blocks.delete(block.id)
    with pytest.raises(NotFoundError):
        client.blocks.retrieve(block.id)


def test_a_list_of_blocks_ends(client: Letta) -> None:
    label = unique("many")
    made = [client.blocks.create(label=label, value=str(n)).id for n in range(5)]
    listed = [block.id for block in client.blocks.list(label=label, limit=2)]
    assert sorted(listed) == sorted(made)


def test_a_block_is_attached_and_detached(client: Letta, agent: AgentState) -> None:
    block = client.blocks.create(label=unique("plan"), value="ship it")
    state = client.agents.blocks.attach(block.id, agent_id=agent.id)
    assert block.id in [attached.id for attached in state.blocks]
    assert [user.id for user in client.blocks.agents.list(block.id)] == [agent.id]
    state = client.agents.blocks.detach(block.id, agent_id=agent.id)
    assert block.id not in [attached.id for attached in state.blocks]
    assert client.blocks.retrieve(block.id).value == "ship it"


def test_two_agents_share_a_block(client: Letta) -> None:
    label = unique("team")
    block = client.blocks.create(label=label, value="")
    one = client.agents.create(block_ids=[block.id], **OFFLINE)
    two = client.agents.create(block_ids=[block.id], **OFFLINE)
    client.agents.blocks.update(label, agent_id=one.id, value="written by one")
    assert client.agents.blocks.retrieve(label, agent_id=two.id).value == "written by one"
    assert client.blocks.retrieve(block.id).value == "written by one"
    client.agents.delete(one.id)
    assert client.agents.blocks.retrieve(label, agent_id=two.id).value == "written by one"


def test_a_limit_holds_on_every_way_in(client: Letta, agent: AgentState) -> None:
    client.agents.blocks.update("human", agent_id=agent.id, value="short", limit=10)
    human = client.agents.blocks.retrieve("human", agent_id=agent.id)
    with pytest.raises(UnprocessableEntityError, match="10"):
        client.agents.blocks.update("human", agent_id=agent.id, value="x" * 11)
    with pytest.raises(UnprocessableEntityError, match="10"):
        client.blocks.update(human.id, value="x" * 11)
    with pytest.raises(UnprocessableEntityError):
        client.blocks.update(human.id, limit=4)
    with pytest.raises(UnprocessableEntityError):
        client.blocks.create(label=unique("small"), value="x" * 11, limit=10)
    with pytest.raises(UnprocessableEntityError):
        client.agents.create(
            memory_blocks=[{"label": "human", "value": "xx", "limit": 1}], **OFFLINE
        )
    assert client.blocks.retrieve(human.id) == human


def test_ten_characters_are_ten_however_long_in_bytes(client: Letta) -> None:
    block = client.blocks.create(label=unique("wide"), value="漢字" * 5, limit=10)
    assert client.blocks.retrieve(block.id).value == "漢字" * 5


def test_a_label_may_have_a_slash(client: Letta) -> None:
    agent = client.agents.create(
        memory_blocks=[{"label": "system/human", "value": "Ada"}], **OFFLINE
    )
    assert client.agents.blocks.retrieve("system/human", agent_id=agent.id).value == "Ada"
    client.agents.blocks.update("system/human", agent_id=agent.id, value="Ada L.")
    assert client.agents.retrieve(agent.id).blocks[0].value == "Ada L."


def test_an_unknown_label_is_not_found(client: Letta, agent: AgentState) -> None:
    with pytest.raises(NotFoundError):
        client.agents.blocks.retrieve("nothing", agent_id=agent.id)
