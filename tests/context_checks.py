"""What holds for any context, and for the journal that it is made from."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import memgpt
from memgpt import Context

COUNTERS = {name: memgpt.TokenCounter(name or "o200k_base") for name in ("o200k_base", "")}
COUNTERS["cl100k_base"] = memgpt.TokenCounter("cl100k_base")


def check_context(context: Context, tokenizer: str) -> None:
    count = COUNTERS[tokenizer].count
    budget = context.budget
    assert context.tokens + budget.reply_reserve <= budget.context_window
    if budget.correction == 1000:
        assert context.tokens <= budget.limit
    assert context.tokens == context.text_tokens + context.overhead_tokens
    assert context.text_tokens == sum(span.tokens for span in context.spans)
    assert (context.exact, context.tokenizer) == (
        (True, tokenizer) if tokenizer else (False, "estimate:o200k_base")
    )
    request = context.to_request()
    tools, system, messages = split_spans(context)
    assert [json.loads(span.text) for span in tools] == request.get("tools", [])
    text = "".join(span.text for span in system)
    assert text == request["messages"][0]["content"]
    assert all(span.tokens >= 0 for span in system)
    assert sum(span.tokens for span in system) == count(text)
    assert all(span.tokens == count(span.text) for span in tools + messages)
    check_system_message(system)
    assert len(messages) == len(request["messages"]) - 1
    for span, message in zip(messages, request["messages"][1:], strict=True):
        check_message(span, message)


def split_spans(context: Context) -> tuple[list[Any], list[Any], list[Any]]:
    """Tools, the pieces of the system message, messages: in this order."""
    kinds = {"tool_schema": 0, "message": 2, "tool_return": 2}
    order = [kinds.get(span.kind, 1) for span in context.spans]
    assert order == sorted(order)
    parts: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for span, part in zip(context.spans, order, strict=True):
        parts[part].append(span)
    return parts


BLOCK = re.compile(
    r'<block label="([\w-]{1,50})" chars="(\d+)" limit="\d+"( read_only="true")?'
    r'(?: description=("(?:[^"\\\n]|\\.)*"))?>\n(.*)\n</block>\n',
    re.DOTALL,
)
OUTSIDE = re.compile(
    r"<outside_context>\n\d+ messages are in recall memory, \d+ passages in archival memory\.\n"
    r"</outside_context>\n"
)


def check_system_message(system: list[Any]) -> None:
    """One core memory, at most one summary, one line about what is outside: no text poses."""
    kinds = [span.kind for span in system]
    blocks = [span for span in system if span.kind == "memory_block"]
    summaries = kinds.count("summary")
    assert kinds == (
        ["system"] + ["memory_block"] * len(blocks) + ["summary"] * summaries + ["external_memory"]
    )
    assert summaries <= 1
    text = "".join(span.text for span in system[1:])  # the prompt is the user's own
    for tag in ("<core_memory>", "</core_memory>"):
        assert text.count(tag) == bool(blocks)
    assert text.count("<block") == text.count("</block") == len(blocks)
    assert text.count("<summary") == text.count("</summary") == summaries
    assert text.count("outside_context>\n") >= 2
    assert OUTSIDE.fullmatch(system[-1].text)
    assert text.count("<outside_context") == text.count("</outside_context") == 1


def shown_blocks(context: Context) -> list[tuple[str, str, bool]]:
    blocks = []
    for span in context.spans:
        if span.kind != "memory_block":
            continue
        text = span.text.removeprefix("<core_memory>\n").removesuffix("</core_memory>\n\n")
        match = BLOCK.fullmatch(text)
        assert match, text
        assert span.origin == "block:" + match[1]
        blocks.append((match[1], match[5], bool(match[3])))
    return blocks


def check_message(span: Any, message: dict[str, Any]) -> None:
    """Packed as JSON, so that it cannot pose as another; an assistant's own text is its own."""
    assert message["role"] in ("user", "assistant", "tool")
    assert (span.kind == "tool_return") == (message["role"] == "tool")
    if message["role"] == "assistant":
        for one in message.get("tool_calls") or []:
            assert isinstance(json.loads(one["function"]["arguments"]), dict)
        return
    packed = json.loads(message["content"])
    first = "status" if message["role"] == "tool" else "type"
    assert next(iter(packed)) == first
    assert set(packed) <= {first, "name", "message", "cut", "time"}
    assert ("cut" in packed) == bool(span.cut), "nothing is cut silently"


def escaped(text: str) -> str:
    return re.sub(r"<(?=/?(core_memory|block|outside_context|summary))", "&lt;", text)


def shown(agent: memgpt.Agent) -> tuple[str, str]:
    """What the model would see; taken twice, within one minute of the clock."""
    for _ in range(3):
        one, two = agent.context(), agent.context()
        shown = [(context.digest(), json.dumps(context.to_request())) for context in (one, two)]
        if shown[0] == shown[1]:
            return shown[0]
    raise AssertionError("context() differs from itself")


def check_log(agent: memgpt.Agent, path: Path) -> None:
    """Each message is in the window or covered by the summaries, never both; imported ones are in
    neither."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        log = db.execute("SELECT position, author FROM message ORDER BY position").fetchall()
        ranges, newest = db.execute(
            "SELECT ranges, summary FROM window ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        rows = db.execute("SELECT id, covers, covered, replaces FROM summary").fetchall()
    assert [position for position, _ in log] == list(range(len(log)))
    own = {position for position, author in log if author != "import"}
    ranges = json.loads(ranges)
    if ranges:
        ranges[-1][1] = len(log)
    window = [position for begin, end in ranges for position in range(begin, end)]
    assert [message.position for message in agent.window] == window
    covered: list[int] = []
    chain = {row[0]: row[1:] for row in rows}
    while newest is not None:
        covers, count, newest = chain.pop(newest)
        here = [position for begin, end in json.loads(covers) for position in range(begin, end)]
        assert count == len(here) + (chain[newest][1] if newest is not None else 0)
        covered += here
    assert not chain, "a summary that no other replaces"
    assert len(set(covered)) == len(covered), "covered twice"
    assert set(window).isdisjoint(covered), "in the window, and covered"
    assert set(window) | set(covered) == own
