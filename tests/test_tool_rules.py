"""Rules that clients set for the order of an agent's tool calls, obeyed by the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt.testing import ScriptedLLM

from tests.server_client import Client

Rules = list[dict[str, Any]]
Talk = Callable[..., tuple[Any, list[tuple[str, str]]]]


def call(tool: str, heartbeat: bool = True, **arguments: Any) -> dict[str, Any]:
    return {"tool": tool, "args": arguments, "heartbeat": heartbeat}


SEARCH = call("conversation_search", query="tea")
ARCHIVE = call("archival_memory_search", query="tea")
FILE = call("archival_memory_insert", content="Tea.")
SAY = call("send_message", heartbeat=False, message="Hello.")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[memgpt.Home]:
    with memgpt.open(tmp_path / "home.db") as home:
        yield home


@pytest.fixture
def talk(home: memgpt.Home) -> Iterator[Talk]:
    """The answer to a message, and (tool, status) of each call, from rules and a script."""
    servers: list[memgpt.Server] = []

    def talk(rules: Rules, *script: dict[str, Any], **more: Any) -> Any:
        server = home.serve(port=0, models={"scripted": ScriptedLLM(list(script))})
        servers.append(server)
        client = Client(server.url)
        agent = client.agent(name="Sam", model="scripted", tool_rules=rules)
        assert agent["tool_rules"] == rules
        said = client.say(agent["id"], "Hello", use_assistant_message=False, **more)
        returns = [m for m in said["messages"] if m["message_type"] == "tool_return_message"]
        return said, [(m["name"], m["status"]) for m in returns]

    yield talk
    for server in servers:
        server.stop()
    assert home.check(replay=True) == []


def rule(kind: str, tool: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "tool_name": tool, **more}


def stop_reason(said: Any) -> str:
    return said["stop_reason"]["stop_reason"]


def violation(said: Any) -> str:
    failed = [m for m in said["messages"] if m.get("status") == "error"]
    return str(failed[0]["tool_return"])


def test_an_exit_rule_ends_the_turn_although_a_heartbeat_was_asked_for(talk: Talk) -> None:
    said, called = talk([rule("exit_loop", "conversation_search")], SEARCH, SAY)
    assert called == [("conversation_search", "success")]
    assert stop_reason(said) == "tool_rule"


def test_an_exit_rule_ends_the_turn_as_it_would_have_ended(talk: Talk) -> None:
    said, _ = talk([rule("exit_loop", "send_message")], SAY)
    assert stop_reason(said) == "end_turn"


def test_a_continue_rule_goes_on_without_a_heartbeat(talk: Talk) -> None:
    quiet = {**SEARCH, "heartbeat": False}
    said, called = talk([rule("continue_loop", "conversation_search")], quiet, SAY)
    assert [name for name, _ in called] == ["conversation_search", "send_message"]
    assert stop_reason(said) == "end_turn"


def test_the_first_call_is_the_one_that_must_be_first(talk: Talk) -> None:
    rules = [rule("run_first", "conversation_search")]
    said, called = talk(rules, SAY, SEARCH, SAY)
    assert called == [
        ("send_message", "error"),
        ("conversation_search", "success"),
        ("send_message", "success"),
    ]
    text = "[ToolConstraintError] Cannot call send_message, valid tools include: "
    assert violation(said).startswith(text + "['conversation_search'].")


def test_after_a_tool_only_its_children_are_called(talk: Talk) -> None:
    rules = [
        rule("constrain_child_tools", "conversation_search", children=["archival_memory_search"])
    ]
    said, called = talk(rules, {**SEARCH, "heartbeat": False}, FILE, ARCHIVE, FILE, SAY)
    assert [status for _, status in called] == ["success", "error", "success", "success", "success"]
    assert violation(said).endswith("valid tools include: ['archival_memory_search'].")


def test_a_child_is_called_only_after_its_parent(talk: Talk) -> None:
    rules = [rule("parent_last_tool", "conversation_search", children=["archival_memory_search"])]
    _, called = talk(rules, ARCHIVE, SEARCH, ARCHIVE, SAY)
    assert [status for _, status in called] == ["error", "success", "success", "success"]


def test_a_tool_is_called_no_more_often_than_it_may(talk: Talk) -> None:
    rules = [rule("max_count_per_step", "conversation_search", max_count_limit=2)]
    said, called = talk(rules, SEARCH, SEARCH, SEARCH, SAY)
    assert [status for _, status in called] == ["success", "success", "error", "success"]
    assert "'conversation_search'" not in violation(said)


def test_the_turn_goes_on_until_what_is_required_was_called(talk: Talk) -> None:
    rules = [
        rule("required_before_exit", "archival_memory_insert"),
        rule("exit_loop", "send_message"),
    ]
    said, called = talk(rules, SAY, FILE, SAY)
    assert [name for name, _ in called] == [
        "send_message",
        "archival_memory_insert",
        "send_message",
    ]
    (alert,) = [m for m in said["messages"] if m["message_type"] == "user_message"]
    assert "archival_memory_insert" in alert["content"]
    assert stop_reason(said) == "end_turn"


def test_what_a_tool_returned_decides_which_one_is_next(talk: Talk) -> None:
    rules = [
        rule(
            "conditional",
            "archival_memory_insert",
            child_output_mapping={"stored in archival memory": "archival_memory_search"},
            default_child="send_message",
        )
    ]
    _, called = talk(rules, FILE, SAY, ARCHIVE, SAY)
    assert [status for _, status in called] == ["success", "error", "success", "success"]


@pytest.mark.parametrize("more", [{}, {"default_child": None, "require_output_mapping": False}])
def test_a_result_that_decides_nothing_lets_all_be_called(talk: Talk, more: Any) -> None:
    mapping = {"something else": "archival_memory_search"}
    rules = [rule("conditional", "archival_memory_insert", child_output_mapping=mapping, **more)]
    _, called = talk(rules, FILE, SAY)
    assert [status for _, status in called] == ["success", "success"]


def test_a_result_that_decides_nothing_falls_to_the_default_child(talk: Talk) -> None:
    mapping = {"something else": "archival_memory_search"}
    own = rule("conditional", "archival_memory_insert", child_output_mapping=mapping)
    _, called = talk([{**own, "default_child": "send_message"}], FILE, ARCHIVE, SAY)
    assert [status for _, status in called] == ["success", "error", "success"]


def test_a_result_that_has_to_decide_and_does_not_lets_nothing_be_called(talk: Talk) -> None:
    mapping = {"something else": "archival_memory_search"}
    own = rule("conditional", "archival_memory_insert", child_output_mapping=mapping)
    said, called = talk([{**own, "require_output_mapping": True}], FILE, *[SAY] * 3)
    assert [status for _, status in called] == ["success"] + ["error"] * 3
    assert violation(said).endswith("valid tools include: [].")


def descriptions(agent: memgpt.Agent) -> dict[str, str]:
    tools: Any = agent.context().to_request(model="m")["tools"]
    return {tool["function"]["name"]: tool["function"]["description"] for tool in tools}


def test_the_model_is_told_of_each_rule(talk: Talk, home: memgpt.Home) -> None:
    rules = [
        rule("run_first", "conversation_search"),
        rule("max_count_per_step", "conversation_search", max_count_limit=2),
        rule("constrain_child_tools", "conversation_search", children=["archival_memory_insert"]),
        rule("parent_last_tool", "memory_insert", children=["memory_replace"]),
        rule("required_before_exit", "archival_memory_insert"),
        rule("continue_loop", "archival_memory_search"),
        rule(
            "conditional",
            "memory_rethink",
            child_output_mapping={"Memory updated.": "send_message"},
        ),
        rule("exit_loop", "send_message"),
    ]
    talk(rules, SEARCH, FILE, SAY)
    agent = home.agent("Sam")
    told = descriptions(agent)
    assert told["conversation_search"].splitlines()[-3:] == [
        "Call this tool first.",
        "Call this tool at most 2 times in a turn.",
        "After this tool, call one of: archival_memory_insert.",
    ]
    last = {name: text.splitlines()[-1] for name, text in told.items()}
    assert last["memory_insert"] == "After this tool, call one of: memory_replace."
    assert last["memory_replace"] == "Call this tool only right after memory_insert."
    assert last["archival_memory_insert"] == "Call this tool before the turn ends."
    assert last["archival_memory_search"] == "The turn goes on after this tool."
    assert last["memory_rethink"] == (
        "What to call after this tool depends on its result: "
        '"Memory updated.": send_message; else any.'
    )
    assert last["send_message"] == "This tool ends the turn."
    seen = agent.context(step=agent.replay().steps)
    assert "This tool ends the turn." in str(seen.to_request(model="m"))


def test_rules_of_the_kernel_are_not_told_and_shown_descriptions_stay(home: memgpt.Home) -> None:
    with home.serve(port=0) as server:
        client = Client(server.url)
        plain = client.agent(name="Ann")
        before = descriptions(home.agent("Ann"))
        assert "ends the turn" not in str(before)
        path = f"/v1/agents/{plain['id']}"
        rules = [rule("exit_loop", "send_message")]
        ruled = client.ok("PATCH", path, {"tool_rules": rules})
        assert ruled["tools"] == plain["tools"]
        after = descriptions(home.agent("Ann"))
        assert after == {**before, "send_message": after["send_message"]} != before
        client.say(plain["id"], "Hello")
        client.ok("PATCH", path, {"tool_rules": []})
        client.say(plain["id"], "Hello again")
        assert descriptions(home.agent("Ann")) == before
    assert home.check(replay=True) == []


def test_one_that_never_obeys_ends_its_turn(talk: Talk) -> None:
    said, called = talk([rule("run_first", "conversation_search")], *[SAY] * 10)
    assert len(called) == 3 and stop_reason(said) == "invalid_tool_call"


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ([rule("requires_approval", "send_message")], 501),
        ([rule("unheard_of", "send_message")], 422),
        ([{"type": "exit_loop"}], 422),
        ([7], 422),
        ([rule("max_count_per_step", "send_message")], 422),
        ([rule("constrain_child_tools", "send_message")], 422),
        ([rule("parent_last_tool", "send_message", children="memory_insert")], 422),
        ([rule("conditional", "send_message")], 422),
        ([rule("conditional", "send_message", child_output_mapping=None)], 422),
        ([rule("conditional", "send_message", default_child="x", child_output_mapping=[])], 422),
        ([rule("run_first", "send_message", args={"message": "Hi"})], 501),
        ([rule("constrain_child_tools", "x", children=["y"], child_arg_nodes=[{}])], 501),
    ],
)
def test_rules_that_are_none_are_refused(home: memgpt.Home, rules: Any, status: int) -> None:
    with home.serve(port=0) as server:
        client = Client(server.url)
        made = client.post("/v1/agents/", {"model": "offline", "tool_rules": rules})
        assert made.status == status
        agent = client.agent()
        path = f"/v1/agents/{agent['id']}"
        assert client.patch(path, {"tool_rules": rules}).status == status


def test_rules_are_shown_changed_and_taken_away(home: memgpt.Home) -> None:
    with home.serve(port=0) as server:
        client = Client(server.url)
        agent = client.agent()
        path = f"/v1/agents/{agent['id']}"
        assert {"exit_loop", "continue_loop"} == {r["type"] for r in agent["tool_rules"]}
        rules = [rule("exit_loop", "memory_insert")]
        assert client.ok("PATCH", path, {"tool_rules": rules})["tool_rules"] == rules
        assert client.ok("PATCH", path, {"name": "Ann"})["tool_rules"] == rules
        assert client.ok("PATCH", path, {"tool_rules": []})["tool_rules"] == []
        assert client.ok("PATCH", path, {"name": "Kim"})["tool_rules"] == []
        assert client.ok("GET", path)["tool_rules"] == []
        assert client.ok("PATCH", path, {"tool_rules": None})["tool_rules"] == agent["tool_rules"]


def test_the_base_rules_are_shown_as_a_client_asked_for(home: memgpt.Home) -> None:
    own = [rule("continue_loop", "conversation_search"), rule("run_first", "memory_insert")]
    with home.serve(port=0) as server:
        client = Client(server.url)

        def shown(base: bool | None, rules: Rules | None) -> Rules:
            given = {"include_base_tool_rules": base, "tool_rules": rules}
            kept = client.agent(**given)["tool_rules"]
            return [{k: v for k, v in one.items() if v is not None} for one in kept]

        base = shown(None, None)
        assert rule("exit_loop", "send_message") in base
        assert base == shown(True, None) == shown(True, []) == shown(None, [])
        assert shown(False, None) == shown(False, []) == []
        assert shown(False, own) == shown(None, own) == own
        assert shown(True, own) == own + [one for one in base if one not in own]
        assert len(shown(True, own)) == len(base) + 1


def test_equal_rules_are_kept_once(home: memgpt.Home) -> None:
    first = rule("exit_loop", "memory_insert", prompt_template=None)
    other = rule("exit_loop", "memory_replace")
    with home.serve(port=0) as server:
        client = Client(server.url)
        given = [first, other, rule("exit_loop", "memory_insert"), other]
        agent = client.agent(tool_rules=given)
        assert agent["tool_rules"] == [first, other]
        changed = client.ok("PATCH", f"/v1/agents/{agent['id']}", {"tool_rules": given[1:]})
        assert changed["tool_rules"] == [other, rule("exit_loop", "memory_insert")]


def test_base_rules_beside_own_ones_are_obeyed(home: memgpt.Home) -> None:
    quiet = {**SEARCH, "heartbeat": False}
    models = {"scripted": ScriptedLLM([quiet, {**SAY, "heartbeat": True}, SEARCH])}
    with home.serve(port=0, models=models) as server:
        client = Client(server.url)
        own = [rule("continue_loop", "memory_insert")]
        agent = client.agent(model="scripted", tool_rules=own, include_base_tool_rules=True)
        said = client.say(agent["id"], "Hello", use_assistant_message=False)
        returns = [m for m in said["messages"] if m["message_type"] == "tool_return_message"]
        assert [m["name"] for m in returns] == ["conversation_search", "send_message"]
        assert stop_reason(said) == "tool_rule"
    assert home.check(replay=True) == []
