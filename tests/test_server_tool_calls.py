"""What a tool from source is given and gives back over REST: objects, values, secrets.

The sandbox has to be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import memgpt
import pytest
from memgpt.testing import ScriptedLLM

from tests.server_client import Client

SECRET = 'pass "wörd"\n0123'
STOCK = '''
def stock(data: InventoryEntry, change: int) -> bool:
    """Change the stock."""
    print(f"{data.item.name}: {change:+}")
    return [data["item"].price, isinstance(data, InventoryEntry)]
'''
MODEL = {
    "title": "InventoryEntryData",
    "$defs": {
        "Item": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
            "required": ["name", "price"],
        },
        "InventoryEntry": {
            "type": "object",
            "properties": {"item": {"$ref": "#/$defs/Item"}},
            "required": ["item"],
        },
    },
    "type": "object",
    "properties": {"data": {"$ref": "#/$defs/InventoryEntry"}, "change": {"type": "integer"}},
    "required": ["data", "change"],
}
ENTRY = {"item": {"name": "nut", "price": 2.5}}


@pytest.fixture
def client(home: memgpt.Home) -> Iterator[Client]:
    calls = [("stock", {"data": ENTRY, "change": -1}), ("leak", {"how": "return"})]
    models: dict[str, Any] = {
        name: ScriptedLLM(
            [
                {"tool": name, "args": arguments, "heartbeat": True},
                {"tool": "send_message", "args": {"message": "Done."}},
            ]
        )
        for name, arguments in calls
    }
    with home.serve(port=0, token="secret", models=models) as server:
        yield Client(server.url, {"Authorization": "Bearer secret"})


def source_of(body: str, parameters: str = "", name: str = "f") -> str:
    told = "".join(f"        {one.split(':')[0]}: x\n" for one in parameters.split(", ") if one)
    told = f"\n\n    Args:\n{told}    " if told else ""
    return f'def {name}({parameters}):\n    """Do.{told}"""\n    {body}\n'


def agent_with(client: Client, source: str, model: str = "offline", **more: Any) -> Any:
    secrets = more.pop("secrets", {})
    made = client.ok("POST", "/v1/tools/", {"source_code": source, **more})
    return client.agent(model=model, tool_ids=[made["id"]], secrets=secrets)


def run(client: Client, agent: Any, tool: str, **arguments: Any) -> Any:
    path = f"/v1/agents/{agent['id']}/tools/{tool}/run"
    return client.ok("POST", path, {"args": arguments})


def returned(client: Client, agent: Any) -> Any:
    said = client.say(agent["id"], "Hello")["messages"]
    return next(one for one in said if one["message_type"] == "tool_return_message")


def test_arguments_of_a_model_class_have_attributes(client: Client) -> None:
    agent = agent_with(client, STOCK, model="stock", args_json_schema=MODEL)
    done = run(client, agent, "stock", data=ENTRY, change=3)
    assert (done["func_return"], done["stdout"]) == ([2.5, True], ["nut: +3\n"])
    told = returned(client, agent)
    assert (told["tool_return"], told["stdout"]) == ("[2.5, True]", ["nut: -1\n"])
    body = {"source_code": STOCK, "args": {"data": ENTRY, "change": 1}, "args_json_schema": MODEL}
    assert client.ok("POST", "/v1/tools/run", body)["tool_return"] == "[2.5, True]"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("7", 7),
        ("None", None),
        ("{'a': [True, None]}", {"a": [True, None]}),
        ("'7'", "7"),
        ("{1}", "{1}"),
    ],
)
def test_a_run_gives_the_value_itself(client: Client, value: str, wanted: Any) -> None:
    agent = agent_with(client, source_of(f"return {value}"))
    done = run(client, agent, "f")
    assert (done["status"], done["func_return"], done["stderr"]) == ("success", wanted, None)


def test_a_run_that_fails_gives_no_value_and_says_why(client: Client) -> None:
    body = "import sys; print('so far', file=sys.stderr); raise ValueError('no good')"
    agent = agent_with(client, source_of(body))
    done = run(client, agent, "f")
    assert (done["status"], done["func_return"]) == ("error", None)
    (told,) = done["stderr"]
    assert told.startswith("so far\n")
    assert told.endswith("\nError executing function f: ValueError: no good")
    wrong = run(client, agent, "archival_memory_search", query=7)
    assert (wrong["status"], wrong["func_return"], len(wrong["stderr"])) == ("error", None, 1)


def test_a_plain_list_takes_items_of_any_kind(client: Client) -> None:
    agent = agent_with(client, source_of("return [items, more]", "items: list, more: dict"))
    done = run(client, agent, "f", items=[1.5, "x", {"a": None}], more={"a": 1})
    assert done["func_return"] == [[1.5, "x", {"a": None}], {"a": 1}]


@pytest.mark.parametrize("how", ["return", "repr", "json", "print", "raise"])
def test_secrets_are_not_told(client: Client, home: memgpt.Home, how: str) -> None:
    body = """import json, os, sys
    text = os.environ["KEY"]
    if how == "print":
        print(text)
        print(text, file=sys.stderr)
    if how == "raise":
        raise ValueError(text)
    return {"repr": [text], "json": {"a": text}}.get(how, text) if how != "print" else ""
"""
    secrets = {"KEY": SECRET, "SHORT": "ret"}
    source = source_of(body, "how: str", "leak")
    agent = agent_with(client, source, model="leak", secrets=secrets)
    done = run(client, agent, "leak", how=how)
    told = {name: done[name] for name in ("func_return", "stdout", "stderr")}
    assert "***" in str(told) and "0123" not in str(told) and "wörd" not in str(told)
    asked = {"source_code": source, "args": {"how": how}, "env_vars": secrets}
    told = client.ok("POST", "/v1/tools/run", asked)
    assert "***" in str(told) and "0123" not in str(told)
    if how == "return":
        assert done["func_return"] == returned(client, agent)["tool_return"] == "***"
        shown = str(client.ok("GET", f"/v1/agents/{agent['id']}/messages"))
        assert "***" in shown and "0123" not in shown


@pytest.mark.parametrize("name", ["", "A=B", "A\0B"])
@pytest.mark.parametrize("field", ["secrets", "tool_exec_environment_variables", "env_vars"])
def test_a_name_that_no_environment_can_hold_is_refused(
    client: Client, name: str, field: str
) -> None:
    asked = {field: {name: "value"}}
    if field == "env_vars":
        answers = [client.post("/v1/tools/run", {"source_code": source_of("pass"), **asked})]
    else:
        agent = client.agent(name="Sam")
        answers = [
            client.patch(f"/v1/agents/{agent['id']}", {**asked, "name": "Kim"}),
            client.post("/v1/agents/", {"model": "offline", **asked}),
        ]
        names = [one["name"] for one in client.ok("GET", "/v1/agents/")]
        assert names == ["Sam"]
    for refused in answers:
        assert refused.status == 422 and field in refused.detail and "name" in refused.detail


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"json_schema": {"name": "g"}}, 400, '"g"'),
        ({"json_schema": {"name": "f", "parameters": {"required": ["a"]}}}, 422, '"a"'),
        ({"args_json_schema": {"properties": {}, "required": ["a"]}}, 422, '"a"'),
        ({"args_json_schema": {"properties": {}, "required": [7]}}, 422, "names"),
        ({"source_code": source_of("pass", "agent_state: AgentState")}, 400, "agent_state"),
    ],
)
def test_a_schema_that_could_not_be_called_is_refused(
    client: Client, body: Any, status: int, word: str
) -> None:
    given = {"source_code": source_of("pass"), **body}
    made = client.ok("POST", "/v1/tools/", {"source_code": source_of("pass")})
    path = f"/v1/tools/{made['id']}"
    for method, where in (("POST", "/v1/tools/"), ("PUT", "/v1/tools/"), ("PATCH", path)):
        refused = client.ask(method, where, body if method == "PATCH" else given)
        assert refused.status == status and word in refused.detail
    assert client.ok("GET", path) == made
