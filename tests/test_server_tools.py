"""Tools over REST: from source, on agents, run. The sandbox has to be there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import memgpt
import pytest
from memgpt.testing import ScriptedLLM

from tests.server_client import Client

ROLL = '''
import os

def roll(sides: int, label: str = "die") -> str:
    """Roll a die.

    Args:
        sides (int): how many sides it has.
        label (str): what to call it.
    """
    print("rolling")
    if sides < 1:
        raise ValueError("a die has sides")
    return f"{label} of {sides}, {os.environ.get('COLOUR', 'plain')}"
'''


SCRIPT = [
    {"tool": "roll", "args": {"sides": 6}, "heartbeat": True},
    {"tool": "send_message", "args": {"message": "It was rolled."}},
]


@pytest.fixture
def client(home: memgpt.Home) -> Iterator[Client]:
    with home.serve(port=0, token="secret") as server:
        yield Client(server.url, {"Authorization": "Bearer secret"})


@pytest.fixture
def stranger(home: memgpt.Home) -> Iterator[Client]:
    with home.serve(port=0) as server:
        yield Client(server.url)


def make(client: Client, source: str = ROLL, **more: Any) -> Any:
    return client.ok("POST", "/v1/tools/", {"source_code": source, **more})


def run(client: Client, agent: Any, tool: str, **arguments: Any) -> Any:
    path = f"/v1/agents/{agent['id']}/tools/{tool}/run"
    return client.ok("POST", path, {"args": arguments})


def test_a_tool_is_made_read_changed_and_deleted(client: Client) -> None:
    made = make(client, tags=["dice"])
    assert (made["name"], made["tool_type"], made["tags"]) == ("roll", "custom", ["dice"])
    assert made["json_schema"]["parameters"]["required"] == ["sides"]
    assert client.ok("GET", f"/v1/tools/{made['id']}") == made
    body = {"description": "another", "return_char_limit": 99}
    changed = client.ok("PATCH", f"/v1/tools/{made['id']}", body)
    assert changed["json_schema"]["description"] == changed["description"] == "another"
    assert {**changed, **{k: made[k] for k in ("description", "json_schema")}} == {
        **made,
        "return_char_limit": 99,
    }
    assert client.ok("DELETE", f"/v1/tools/{made['id']}") is None
    gone = client.get(f"/v1/tools/{made['id']}")
    assert (gone.status, gone.detail) == (404, f"Tool with id {made['id']} not found.")


def test_a_taken_name_is_refused_and_upserted(client: Client) -> None:
    made = make(client, tags=["dice"])
    assert client.post("/v1/tools/", {"source_code": ROLL}).status == 409
    source = ROLL.replace("Roll a", "Throw a")
    changed = client.ok("PUT", "/v1/tools/", {"source_code": source})
    assert (changed["id"], changed["tags"]) == (made["id"], ["dice"])
    assert changed["description"].startswith("Throw a die.")
    own = ROLL.replace("def roll", "def send_message")
    for method in ("POST", "PUT"):
        assert client.ask(method, "/v1/tools/", {"source_code": own}).status == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"source_code": 7}, 422),
        ({"source_code": "def broken(:\n"}, 400),
        ({"source_code": "x = 1"}, 400),
        ({"source_code": ROLL, "return_char_limit": 0}, 422),
        ({"source_code": ROLL, "pip_requirements": [1]}, 422),
        ({"source_code": ROLL, "source_type": "cobol"}, 422),
        ({"source_code": "function f() {}", "source_type": "typescript"}, 400),
        ({"source_code": "", "source_type": "json"}, 400),
        ({"source_code": ROLL, "default_requires_approval": True}, 501),
    ],
)
def test_what_is_no_tool_is_refused(client: Client, body: Any, status: int) -> None:
    assert client.post("/v1/tools/", body).status == status
    assert client.ok("GET", "/v1/tools/?tool_types=custom") == []


def test_lists_are_filtered_paged_counted_and_searched(client: Client) -> None:
    names = [f"roll_{i}" for i in range(3)]
    made = [make(client, ROLL.replace("def roll", f"def {name}"))["id"] for name in names]
    custom = client.ok("GET", "/v1/tools/?tool_types=custom&limit=2")
    assert [tool["id"] for tool in custom] == made[:0:-1]
    rest = client.ok("GET", f"/v1/tools/?tool_types=custom&limit=2&after={made[1]}")
    assert [tool["id"] for tool in rest] == made[:1]
    assert client.ok("GET", f"/v1/tools/?tool_types=custom&after={made[0]}") == []
    assert client.ok("GET", "/v1/tools/count?names=roll_0&names=roll_2") == 2
    assert client.ok("GET", "/v1/tools/count?search=ROLL_") == 3
    assert client.ok("GET", f"/v1/tools/count?tool_ids={made[0]}") == 1
    own = client.ok("GET", "/v1/tools/?return_only_letta_tools=true")
    base = client.ok("POST", "/v1/tools/add-base-tools")
    assert {tool["name"] for tool in own} == {tool["name"] for tool in base}
    assert {"send_message", "core_memory_append", "memory_insert", "run_code"} <= {
        tool["name"] for tool in base
    }
    found = client.ok("POST", "/v1/tools/search", {"query": "roll_1", "limit": 2})
    assert found[0]["tool"]["id"] == made[1] and len(found) <= 2


def test_a_tool_of_the_server_is_not_changed_and_there_again_once_deleted(client: Client) -> None:
    send = client.ok("GET", "/v1/tools/?name=send_message")[0]
    agent = client.agent()
    assert client.patch(f"/v1/tools/{send['id']}", {"description": "x"}).status == 400
    assert client.ok("DELETE", f"/v1/tools/{send['id']}") is None
    assert client.ok("GET", "/v1/tools/?name=send_message") == [send]
    assert send in client.ok("GET", f"/v1/agents/{agent['id']}/tools")


WIDE = 2**200 + 1
KEEP = """
def keep(more: dict) -> str:
    '''Keep.

    Args:
        more (dict): numbers.
    '''
    return str(more['numbers'])
"""


def test_numbers_have_all_their_digits_in_a_source(home: memgpt.Home) -> None:
    numbers = {"more": {"numbers": [WIDE, -WIDE, 2**63, 0.1, 1e22]}}
    wanted = str(numbers["more"]["numbers"])
    script = [
        {"tool": "keep", "args": numbers, "heartbeat": True},
        {"tool": "send_message", "args": {"message": "Kept."}},
    ]
    with home.serve(port=0, token="t", models={"scripted": ScriptedLLM(script)}) as server:
        client = Client(server.url, {"Authorization": "Bearer t"})
        agent = client.agent(model="scripted", tool_ids=[make(client, KEEP)["id"]])
        said = client.say(agent["id"], "keep")["messages"]
        assert wanted in [message.get("tool_return") for message in said]
        assert run(client, agent, "keep", **numbers)["func_return"] == wanted
        body = {"source_code": KEEP, "args": numbers}
        assert client.ok("POST", "/v1/tools/run", body)["tool_return"] == wanted


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000, "NaN", "Infinity"])
def test_what_is_no_number_is_refused(number: str, client: Client) -> None:
    agent = client.agent(tool_ids=[make(client, KEEP)["id"]])
    arguments = f'{{"more": {{"numbers": [{number}]}}}}'
    source = KEEP.replace('"', "'").replace("\n", "\\n")
    headers = {"Content-Type": "application/json"}
    for path, body in (
        (f"/v1/agents/{agent['id']}/tools/keep/run", f'{{"args": {arguments}}}'),
        ("/v1/tools/run", f'{{"source_code": "{source}", "args": {arguments}}}'),
    ):
        assert client.post(path, raw=body.encode(), headers=headers).status == 422


def test_memory_tools_take_a_label_where_they_have_a_name(home: memgpt.Home) -> None:
    script = [
        {"tool": "core_memory_append", "args": {"label": "human", "content": "Likes tea."}},
        {
            "tool": "core_memory_replace",
            "args": {"label": "human", "old_content": "tea", "new_content": "mate"},
        },
    ]
    script = [{**call, "heartbeat": True} for call in script]
    end = {"tool": "send_message", "args": {"message": "Noted."}}
    with home.serve(port=0, models={"scripted": ScriptedLLM([*script, end])}) as server:
        client = Client(server.url)
        block = {"label": "human", "value": ""}
        agent = client.agent(model="scripted", agent_type="memgpt_agent", memory_blocks=[block])
        shown = [tool for tool in agent["tools"] if tool["name"] == "core_memory_append"]
        assert "label" not in shown[0]["json_schema"]["parameters"]["properties"]
        client.say(agent["id"], "I like mate.")
        (kept,) = client.ok("GET", f"/v1/agents/{agent['id']}/core-memory/blocks")
        assert kept["value"].strip() == "Likes mate."
    own = home.create_agent(
        "Ann", model=ScriptedLLM([script[0], end]), memory=memgpt.ChatMemory(human="", persona="")
    )
    own.send("I like tea.")
    assert own.memory["human"].value.strip() == "Likes tea."
    assert home.check(replay=True) == []


def test_an_agent_calls_it_and_what_it_prints_is_kept(home: memgpt.Home) -> None:
    with home.serve(port=0, token="t", models={"scripted": ScriptedLLM(SCRIPT)}) as server:
        client = Client(server.url, {"Authorization": "Bearer t"})
        made = make(client)
        agent = client.agent(model="scripted", tool_ids=[made["id"]], secrets={"COLOUR": "red"})
        said = client.say(agent["id"], "roll")["messages"]
        listed = client.ok("GET", f"/v1/agents/{agent['id']}/messages?order=asc")
    for messages in (said, listed):
        (returned,) = [m for m in messages if m.get("stdout")]
        assert (returned["status"], returned["tool_return"]) == ("success", "die of 6, red")
        assert returned["stdout"] == returned["tool_returns"][0]["stdout"] == ["rolling\n"]
    assert home.check(replay=True) == []


def test_a_tool_is_attached_listed_run_and_detached(client: Client) -> None:
    made, agent = make(client), client.agent(secrets={"COLOUR": "red"})
    path = f"/v1/agents/{agent['id']}/tools"
    state: Any = None
    for _ in range(2):
        state = client.ok("PATCH", f"{path}/attach/{made['id']}")
        assert [tool["name"] for tool in state["tools"]].count("roll") == 1
    listed = client.ok("GET", f"{path}?limit=1")
    assert [tool["id"] for tool in listed] == [made["id"]]
    assert len(client.ok("GET", f"{path}?after={made['id']}")) == len(state["tools"]) - 1
    done = run(client, agent, "roll", sides=6)
    assert (done["status"], done["func_return"]) == ("success", "die of 6, red")
    assert done["stdout"] == ["rolling\n"] and done["agent_state"]["id"] == agent["id"]
    failed = run(client, agent, "roll", sides=0)
    assert failed["status"] == "error" and "a die has sides" in failed["stderr"][0]
    assert run(client, agent, "roll", sides="many")["status"] == "error"
    for _ in range(2):
        state = client.ok("PATCH", f"{path}/detach/{made['id']}")
        assert "roll" not in [tool["name"] for tool in state["tools"]]
    assert client.post(f"{path}/roll/run", {"args": {}}).status == 404
    assert client.patch(f"{path}/approval/roll", {"requires_approval": True}).status == 501


def test_a_base_tool_is_run_as_a_step_of_its_own(client: Client, home: memgpt.Home) -> None:
    block = {"label": "human", "value": "Chad"}
    agent = client.agent(name="Sam", agent_type="memgpt_agent", memory_blocks=[block])
    arguments = {"name": "human", "content": "Lives in Turin."}
    done = run(client, agent, "core_memory_append", **arguments)
    assert done["status"] == "success"
    assert done["agent_state"]["blocks"][0]["value"] == "Chad\nLives in Turin."
    failed = run(client, agent, "core_memory_append", name="none", content="x")
    assert failed["status"] == "error"
    assert run(client, agent, "archival_memory_insert", content="A note.")["status"] == "success"
    assert home.agent("Sam").archival.search("note")[0].passage.text == "A note."
    assert home.check(replay=True) == []


def test_agents_get_a_changed_tool_and_lose_a_deleted_one(
    client: Client, home: memgpt.Home
) -> None:
    made = make(client)
    agent = client.agent(name="Sam", tool_ids=[made["id"]])
    source = ROLL.replace("sides: int", "faces: int").replace("sides (int)", "faces (int)")
    client.ok("PATCH", f"/v1/tools/{made['id']}", {"source_code": source.replace("sides", "faces")})
    assert run(client, agent, "roll", faces=4)["func_return"] == "die of 4, plain"
    assert "faces" in str(home.agent("Sam").context().to_request())
    renamed = source.replace("sides", "faces").replace("def roll", "def throw")
    client.ok("PATCH", f"/v1/tools/{made['id']}", {"source_code": renamed})
    assert run(client, agent, "throw", faces=4)["status"] == "success"
    client.ok("DELETE", f"/v1/tools/{made['id']}")
    state = client.ok("GET", f"/v1/agents/{agent['id']}")
    assert not {"roll", "throw"} & {tool["name"] for tool in state["tools"]}
    assert home.check(replay=True) == []


def test_limits_and_packages_are_heeded(client: Client) -> None:
    source = (
        'def long(n: int) -> str:\n    """Long.\n\n    Args:\n        n (int): of it.\n    """\n'
    )
    made = make(client, source + "    return 'ä' * n", return_char_limit=10)
    agent = client.agent(tool_ids=[made["id"]])
    assert run(client, agent, "long", n=10)["func_return"] == "ä" * 10
    text = run(client, agent, "long", n=11)["func_return"]
    assert text.startswith("ä" * 10 + "... [NOTE: ") and "(11 > 10)" in text
    client.ok("PATCH", f"/v1/tools/{made['id']}", {"pip_requirements": [{"name": "numpy"}]})
    wanting = run(client, agent, "long", n=1)
    assert wanting["status"] == "error" and "numpy" in wanting["stderr"][0]


def test_source_is_run_without_an_agent(client: Client) -> None:
    body = {"source_code": ROLL, "args": {"sides": 6}, "env_vars": {"COLOUR": "red"}}
    done = client.ok("POST", "/v1/tools/run", body)
    assert (done["message_type"], done["status"]) == ("tool_return_message", "success")
    assert (done["tool_return"], done["stdout"]) == ("die of 6, red", ["rolling\n"])
    assert client.ok("POST", "/v1/tools/run", {**body, "args": {}})["status"] == "error"
    assert client.ok("GET", "/v1/tools/count?tool_types=custom") == 0


def test_without_a_token_source_is_kept_and_not_run(stranger: Client) -> None:
    made = make(stranger)
    agent = stranger.agent(tool_ids=[made["id"]])
    runs: dict[str, Any] = {f"/v1/agents/{agent['id']}/tools/roll/run": {"args": {"sides": 6}}}
    runs["/v1/tools/run"] = {"source_code": ROLL, "args": {"sides": 6}}
    for path, body in runs.items():
        refused = stranger.post(path, body)
        assert refused.status == 403 and "--allow-local-tools" in refused.detail


def test_slow_tools_hold_up_nobody_else(client: Client) -> None:
    source = (
        'def slow() -> str:\n    """Slow."""\n    import time\n    time.sleep(4)\n    return "x"'
    )
    body = {"source_code": source, "args": {}}
    threads = [threading.Thread(target=client.post, args=("/v1/tools/run", body)) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    before = time.monotonic()
    for _ in range(5):
        assert client.ok("GET", "/v1/health/")["status"] == "ok"
    client.say(client.agent()["id"], "Hello")
    assert time.monotonic() - before < 3
    for thread in threads:
        thread.join()
