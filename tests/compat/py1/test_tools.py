"""Tools: from source, on agents, run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cases import MODEL, OFFLINE, calling, of_kind, spoken, tool_source, unique
from letta_client import BadRequestError, Letta, NotFoundError, PermissionDeniedError
from letta_client.types import AgentState, Tool

Make = Callable[[str], Tool]


def test_name_and_schema_come_from_the_source(tool: Make) -> None:
    name = unique("roll")
    made = tool(name)
    assert (made.name, made.tool_type, made.source_type) == (name, "custom", "python")
    assert made.id and made.id.startswith("tool-")
    assert made.description and made.description.startswith("Roll a die.")
    assert made.json_schema is not None
    assert made.json_schema["name"] == name
    parameters = made.json_schema["parameters"]
    assert isinstance(parameters, dict)
    assert parameters["properties"]["sides"]["type"] == "integer"
    assert parameters["properties"]["sides"]["description"] == "how many sides it has."
    assert parameters["properties"]["label"]["type"] == "string"
    assert parameters["required"] == ["sides"]
    assert made.source_code == tool_source(name)


def test_source_that_is_no_python_is_refused(client: Letta) -> None:
    with pytest.raises(BadRequestError):
        client.tools.create(source_code="def broken(:\n    pass\n")


def test_an_upsert_changes_the_tool_of_that_name(client: Letta, tool: Make) -> None:
    made = tool(unique("roll"))
    source = tool_source(str(made.name)).replace("Roll a die.", "Throw a die.")
    changed = client.tools.upsert(source_code=source)
    assert changed.id == made.id
    assert changed.description and changed.description.startswith("Throw a die.")


def test_tools_are_found_by_name_and_kind(client: Letta, tool: Make) -> None:
    made = [tool(unique("roll")) for _ in range(3)]
    names = [str(one.name) for one in made]
    assert [found.id for found in client.tools.list(name=names[0])] == [made[0].id]
    found = {one.id for one in client.tools.list(names=names, limit=2)}
    assert found == {one.id for one in made}
    core = {one.name for one in client.tools.list(tool_types=["letta_core"])}
    assert "send_message" in core
    assert not core & set(names)
    assert client.tools.list(name=unique("none")).items == []


def test_tools_are_searched(client: Letta, tool: Make) -> None:
    made = tool(unique("roll"))
    found = client.tools.search(query=str(made.name), limit=3)
    assert made.id in [hit.tool.id for hit in found]


def test_a_tool_is_changed_and_deleted(client: Letta, tool: Make) -> None:
    made = tool(unique("roll"))
    changed = client.tools.update(str(made.id), description="another", return_char_limit=99)
    assert (changed.description, changed.return_char_limit) == ("another", 99)
    assert client.tools.retrieve(str(made.id)) == changed
    client.tools.delete(str(made.id))
    with pytest.raises(NotFoundError):
        client.tools.retrieve(str(made.id))


def test_a_tool_is_attached_and_detached(client: Letta, agent: AgentState, tool: Make) -> None:
    made = tool(unique("roll"))
    state = client.agents.tools.attach(str(made.id), agent_id=agent.id)
    assert state is not None
    assert made.name in [one.name for one in state.tools]
    listed = [one.id for one in client.agents.tools.list(agent.id, limit=2)]
    assert made.id in listed
    assert len(listed) == len(set(listed)) == len(state.tools)
    state = client.agents.tools.detach(str(made.id), agent_id=agent.id)
    assert state is not None
    assert made.name not in [one.name for one in state.tools]


def test_the_agent_calls_a_tool_from_source(client: Letta, tool: Make) -> None:
    made = tool(unique("roll"))
    agent = client.agents.create(model=MODEL, tool_ids=[str(made.id)])
    response = client.agents.messages.create(
        agent.id, input=calling(str(made.name), '{"sides": 6}')
    )
    (returned,) = [m for m in of_kind(response.messages, "tool_return_message") if m.stdout]
    assert returned.status == "success"
    assert returned.tool_return == "die of 6, plain"
    assert [line.strip() for line in returned.stdout] == ["rolling"]
    assert spoken(response.messages) == "The tool says: die of 6, plain"


def test_a_tool_that_fails_tells_the_agent(client: Letta, tool: Make) -> None:
    made = tool(unique("roll"))
    agent = client.agents.create(model=MODEL, tool_ids=[str(made.id)])
    response = client.agents.messages.create(
        agent.id, input=calling(str(made.name), '{"sides": 0}')
    )
    returned = of_kind(response.messages, "tool_return_message")[0]
    assert returned.status == "error"
    assert "a die has sides" in returned.tool_return


def test_a_tool_is_run_without_a_conversation(client: Letta, tool: Make) -> None:
    made = tool(unique("roll"))
    agent = client.agents.create(tool_ids=[str(made.id)], secrets={"COLOUR": "red"}, **OFFLINE)
    result = client.agents.tools.run(
        str(made.name), agent_id=agent.id, args={"sides": 6, "label": "cube"}
    )
    assert (result.status, result.func_return) == ("success", "cube of 6, red")
    assert result.stdout is not None
    assert "rolling" in "".join(result.stdout)
    failed = client.agents.tools.run(str(made.name), agent_id=agent.id, args={"sides": 0})
    assert failed.status == "error"


def test_without_a_token_source_is_not_run(stranger: Letta) -> None:
    made = stranger.tools.create(source_code=tool_source("roll_strange"))
    agent = stranger.agents.create(tool_ids=[str(made.id)], **OFFLINE)
    with pytest.raises(PermissionDeniedError, match="--allow-local-tools"):
        stranger.agents.tools.run("roll_strange", agent_id=agent.id, args={"sides": 6})


def test_without_a_token_source_is_run_where_that_is_allowed(local: Letta) -> None:
    made = local.tools.create(source_code=tool_source("roll_local"))
    agent = local.agents.create(tool_ids=[str(made.id)], **OFFLINE)
    result = local.agents.tools.run("roll_local", agent_id=agent.id, args={"sides": 6})
    assert result.func_return == "die of 6, plain"
