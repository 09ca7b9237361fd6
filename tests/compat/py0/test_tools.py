"""Tools: from functions and from source, on agents, run."""

from __future__ import annotations

import pytest
from cases import MODEL, calling, of_kind, spoken, tool_source, unique
from letta_client import AgentState, Letta
from letta_client.core.api_error import ApiError
from talk import pages, send


def roll_once(sides: int) -> str:
    """Roll a die.

    Args:
        sides (int): how many sides it has.
    """
    return f"die of {sides}"


def roll_often(sides: int, times: int = 2) -> str:
    """Roll a die again and again.

    Args:
        sides (int): how many sides it has.
        times (int): how often.
    """
    return ", ".join([f"die of {sides}"] * times)


def test_a_function_becomes_a_tool(client: Letta) -> None:
    made = client.tools.create_from_function(func=roll_once)
    assert (made.name, made.tool_type, made.source_type) == ("roll_once", "custom", "python")
    assert made.description and made.description.startswith("Roll a die.")
    assert made.json_schema is not None
    parameters = made.json_schema["parameters"]
    assert parameters["properties"]["sides"]["type"] == "integer"
    assert parameters["properties"]["sides"]["description"] == "how many sides it has."
    assert parameters["required"] == ["sides"]
    assert made.source_code and made.source_code.startswith("def roll_once")


def test_an_upserted_function_is_called_by_the_agent(client: Letta) -> None:
    made = client.tools.upsert_from_function(func=roll_often)
    assert client.tools.upsert_from_function(func=roll_often).id == made.id
    agent = client.agents.create(model=MODEL, embedding="offline", tool_ids=[str(made.id)])
    response = send(client, agent.id, calling("roll_often", '{"sides": 6}'))
    returned = of_kind(response.messages, "tool_return_message")[0]
    assert (returned.status, returned.tool_return) == ("success", "die of 6, die of 6")
    assert spoken(response.messages) == "The tool says: die of 6, die of 6"


def test_a_tool_that_fails_tells_the_agent(client: Letta) -> None:
    made = client.tools.create(source_code=tool_source(unique("roll")))
    agent = client.agents.create(model=MODEL, embedding="offline", tool_ids=[str(made.id)])
    response = send(client, agent.id, calling(str(made.name), '{"sides": 0}'))
    returned = of_kind(response.messages, "tool_return_message")[0]
    assert returned.status == "error"
    assert "a die has sides" in returned.tool_return
    assert [line.strip() for line in returned.stdout or []] == ["rolling"]


def test_source_that_is_no_python_is_refused(client: Letta) -> None:
    with pytest.raises(ApiError) as raised:
        client.tools.create(source_code="def broken(:\n    pass\n")
    assert raised.value.status_code == 400


def test_tools_are_found_by_name_and_counted(client: Letta) -> None:
    names = [unique("roll") for _ in range(3)]
    made = {client.tools.create(source_code=tool_source(name)).id for name in names}
    assert [found.name for found in client.tools.list(name=names[0])] == names[:1]
    assert {found.id for found in pages(client.tools.list, names=names, limit=2)} == made
    assert client.tools.count(name=names[0]) == 1
    core = {one.name for one in client.tools.list(tool_types=["letta_core"])}
    assert "send_message" in core
    assert not core & set(names)


def test_the_base_tools_are_there(client: Letta) -> None:
    names = {tool.name for tool in client.tools.upsert_base_tools()}
    assert {"send_message", "core_memory_append", "memory_insert", "conversation_search"} <= names


def test_a_tool_is_changed_and_deleted(client: Letta) -> None:
    made = client.tools.create(source_code=tool_source(unique("roll")))
    changed = client.tools.modify(str(made.id), description="another", return_char_limit=99)
    assert (changed.description, changed.return_char_limit) == ("another", 99)
    assert client.tools.retrieve(str(made.id)) == changed
    client.tools.delete(str(made.id))
    with pytest.raises(ApiError) as raised:
        client.tools.retrieve(str(made.id))
    assert raised.value.status_code == 404


def test_a_tool_is_attached_and_detached(client: Letta, agent: AgentState) -> None:
    made = client.tools.create(source_code=tool_source(unique("roll")))
    state = client.agents.tools.attach(agent.id, str(made.id))
    assert made.name in [one.name for one in state.tools]
    assert made.id in [one.id for one in client.agents.tools.list(agent.id)]
    state = client.agents.tools.detach(agent.id, str(made.id))
    assert made.name not in [one.name for one in state.tools]


def test_source_is_run_without_an_agent(client: Letta) -> None:
    source = tool_source("roll_now")
    done = client.tools.run_tool_from_source(
        source_code=source, args={"sides": 6, "label": "cube"}, env_vars={"COLOUR": "red"}
    )
    assert (done.status, done.tool_return) == ("success", "cube of 6, red")
    assert "rolling" in "".join(done.stdout or [])
    failed = client.tools.run_tool_from_source(source_code=source, args={"sides": 0})
    assert failed.status == "error"


def test_without_a_token_source_is_not_run(stranger: Letta) -> None:
    with pytest.raises(ApiError) as raised:
        stranger.tools.run_tool_from_source(source_code=tool_source("r"), args={"sides": 6})
    assert raised.value.status_code == 403
    assert "--allow-local-tools" in raised.value.body["detail"]


def test_without_a_token_source_is_run_where_that_is_allowed(local: Letta) -> None:
    done = local.tools.run_tool_from_source(source_code=tool_source("r"), args={"sides": 6})
    assert done.tool_return == "die of 6, plain"
