"""What the decoder must not take for something else: names, values of a list, pieces of secrets."""

from __future__ import annotations

import json
from typing import Any

import memgpt
import pytest
from memgpt import ToolCall, _core
from memgpt.llm import Reply

# (what a model wrote, what the tool or argument is called)
OTHER_WORDS = [
    ("change_card", "charge_card"), ("clone_door", "close_door"), ("report_it", "repost_it"),
    ("upload_file", "unload_file"), ("unlock_user", "unblock_user"), ("invert_row", "insert_row"),
    ("remote_host", "remove_host"), ("conform_order", "confirm_order"), ("clear_up", "clean_up"),
    ("pause_text", "parse_text"), ("payee", "payer"), ("received", "receiver"),
    ("employer", "employee"), ("trail_run", "trial_run"), ("quite_mode", "quiet_mode"),
    ("form_field", "from_field"), ("dessert_menu", "desert_menu"), ("delete_files", "delete_file"),
    ("update_users", "update_user"), ("hoping_time", "hopping_time"), ("cancel", "cancels"),
    ("insert", "inserts"), ("send_a", "send_b"), ("get_item2", "get_item3"), ("do_undo", "do_redo"),
    ("delete_scraped_items", "delete_scrapped_items"), ("filled_form", "filed_form"),
    ("scarred", "scared"), ("retried_jobs", "retired_jobs"), ("tried", "tired"), ("tire", "tier"),
    ("stripped", "striped"), ("signed", "singed"), ("unclear", "nuclear"), ("best", "bets"),
    ("complied", "compiled"), ("resign", "re_sign"), ("un_lock", "unlock"), ("no_table", "notable"),
]  # fmt: skip
SAME_WORDS = [
    "sendMessage", "SEND-MESSAGE", "send message", "send.message", "sendmessage", "SENDMessage",
    "functions.send_message", "default_api.send_message", "tools.send_message", "send_message:0",
    "send_message.0", "functions.send_message:0",
]  # fmt: skip


def schema(**properties: Any) -> str:
    """Of an object that wants all of them."""
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return json.dumps(parameters)


def decoded(tools: list[tuple[str, str]], name: str, arguments: Any) -> _core.DecodedReply:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return _core.ReplyDecoder(tools).decode("", "", [("", name, text)], "")


@pytest.mark.parametrize(("written", "known"), OTHER_WORDS)
def test_another_word_is_no_near_miss(written, known):
    for one, other in ((written, known), (known, written)):
        assert decoded([(other, schema())], one, {}).tool is None
        text = schema(**{other: {"type": "string"}})
        assert decoded([("pay", text)], "pay", {one: "x"}).tool is None


def test_what_may_name_two_tools_names_none():
    tools = [("api_search", schema()), ("search", schema()), ("check_2", schema())]
    for written in ("api.search", "API_SEARCH", "tools.search", "Search"):
        expected = None if written == "api.search" else written.lower().split(".")[-1]
        assert decoded(tools, written, {}).tool == expected, written
    assert decoded([*tools, ("check", schema())], "check.2", {}).tool is None


@pytest.mark.parametrize("written", ["sned_message", "sendd_message", "send_mesage"])
def test_a_typo_is_asked_about_and_not_run(written):
    tools = [("send_message", schema(message={"type": "string"}))]
    reply = decoded(tools, written, {"message": "hi"})
    assert reply.tool is None and '(did you mean "send_message"?)' in reply.problem


@pytest.mark.parametrize("written", SAME_WORDS)
def test_the_same_word_is(written):
    tools = [("send_message", schema(message={"type": "string"}))]
    assert decoded(tools, written, {"message": "hi"}).tool == "send_message"


ROWS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"count": {"type": "integer"}, "to": {"enum": ["a", "b"]}},
        "required": ["count"],
    },
}


@pytest.mark.parametrize(
    ("of", "value", "problem"),
    [
        ({"enum": ["low", "high"]}, "low", ""),
        ({"enum": ["low", "high"]}, "medium", 'must be one of "low", "high"'),
        ({"type": "string", "enum": ["low"]}, "LOW", 'must be one of "low"'),
        ({"enum": [1, 2]}, 2, ""),
        ({"enum": [1, 2]}, 3, "must be one of 1, 2"),
        ({"const": "x"}, "y", 'must be one of "x"'),
        ({"type": "array", "items": {"type": "integer"}}, [1, 2], ""),
        ({"type": "array", "items": {"type": "integer"}}, [1, "2"], r'"v\[1\]" must be of type'),
        ({"type": "array", "items": {"enum": ["a"]}}, ["a", "b"], r'"v\[1\]" must be one of "a"'),
        (ROWS, [{"count": 1, "to": "a", "more": None}], ""),
        (ROWS, [{"count": 1, "to": "c"}], r'"v\[0\].to" must be one of'),
        (ROWS, [{"to": "a"}], r'"v\[0\].count" is missing'),
        ({"type": "integer"}, "1e999", "too large|must be of type"),
        ({"type": "number"}, "1e999", "too large|must be of type"),
        ({"anyOf": [{"enum": ["a"]}, {"type": "integer"}]}, None, ""),
    ],
)
def test_values_inside_are_checked_and_the_allowed_ones_told(of, value, problem):
    import re

    done = decoded([("set", schema(v=of))], "set", {"v": value})
    if problem:
        assert done.tool is None and re.search(problem, done.problem), done.problem
    else:
        assert done.tool == "set" and done.arguments == {"v": value}


def test_whole_numbers_are_integers():
    items = {"type": "array", "items": {"type": "integer"}}
    tools = [("set", schema(v={"type": "integer"}, w=items, x={"type": "number"}))]
    done = decoded(tools, "set", '{"v": 5.0, "w": [1.0, 2e1], "x": 5.0}')
    assert json.dumps(done.arguments) == '{"v": 5, "w": [1, 20], "x": 5.0}'
    assert decoded(tools, "set", '{"v": 1e30, "w": [], "x": 1}').tool is None


SECRET = 'my diary entry: 4111 1111 1111 is it, "x" and nobody shall read it, for it is long'


class Babbling(memgpt.LLMProvider):
    """Writes a secret where it does not belong."""

    model = "given"
    tokenizer = "o200k_base"
    next: Reply | None = None

    def complete(self, context):
        given, self.next = self.next, None
        ok = json.dumps({"message": "ok", "request_heartbeat": False})
        return given or Reply(tool_calls=[ToolCall("send_message", ok)])


def test_messages_hold_no_pieces_of_what_was_said(home):
    """A purge finds a text where it stands whole."""
    llm = Babbling()

    def set_timer(minutes: int, loud: bool = False) -> str:
        return "set"

    agent = home.create_agent("sam", model=llm, tools=[set_timer])
    quoted = json.dumps(SECRET)
    calls = [
        (SECRET, "{}"),
        ("send_message", '{"message": "' + SECRET + '"}'),
        ("send_message", "{" + quoted + ': "x", "message": "hi"}'),
        ("set_timer", '{"minutes": ' + quoted + "}"),
        ("set_timer", '{"minutes": 5, "loud": ' + quoted + "}"),
        ("set_timer", '{"minutes": 5, "loud": ' + quoted),
        ("set_timer", '{"minutes": 5, "loud": {' + quoted + ": [1"),
    ]
    texts = [
        '{"name": ' + quoted + ', "arguments": {}}',
        '{"name": "set_timer", "arguments": {"minutes": ' + quoted + "}}",
        '<tool_call>{"name": "set_timer", "arguments": {"minutes": ' + SECRET + "}}</tool_call>",
    ]
    for name, arguments in calls:
        llm.next = Reply(tool_calls=[ToolCall(name, arguments)])
        assert agent.send("one").text == "ok"
    for text in texts:
        llm.next = Reply(text)
        assert agent.send("one").text == "ok"
    told = [
        message.text
        for message in agent.recall.messages(0, 1000)
        if message.role in ("tool", "user")
    ]
    assert all("4111" not in text and "diary" not in text for text in told), told
    home.purge(text=SECRET)
    kept = " ".join(str(step.reply) + str(step.repairs) for step in agent.steps())
    log = " ".join(m.text + str(m.tool_calls) for m in agent.recall.messages(0, 1000))
    for piece in ("4111", "diary", "nobody"):
        assert piece not in log, log
        assert piece not in kept, kept
    assert agent.replay().first_divergence is None
