"""Messages, turns and search hits as HTML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from memgpt._core import ArchivalHit, Message, Passage, RecallHit, ToolCall
from memgpt._views.html import (
    Html,
    counted,
    cut,
    details,
    div,
    element,
    escaped,
    join,
    middle_left_out,
    prose,
    span,
    view,
)
from memgpt._window import shortened

if TYPE_CHECKING:
    from memgpt.agent import Response, Usage

_TEXT = 4_000
_SHORT = 600
_ARGUMENTS = 20
_EVERY_CALL = ("thinking", "request_heartbeat")
_DELIVERED = ("tool", "send_message")
_LAST_MESSAGES = 6
_HEAD_MESSAGES = 20
_TAIL_MESSAGES = 40
_HITS = 50
_TAGS = 20


def call_arguments(call: ToolCall) -> dict[str, Any] | None:
    """A call's arguments; None where the model wrote something else than a JSON object."""
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) else None


def as_text(value: Any) -> str:
    """An argument's value: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def call_line(call: ToolCall, width: int) -> str:
    """A call in a line, without what every call has."""
    arguments = call_arguments(call)
    if arguments is None:
        return f"{call.name}({shortened(call.arguments, width)})"
    shown = ", ".join(f"{k}={v!r}" for k, v in arguments.items() if k not in _EVERY_CALL)
    return f"{call.name}({shortened(shown, width)})"


def last_messages(window: Sequence[Message]) -> list[Message]:
    """The newest of a window, less the returns that only say that a message was delivered."""
    worth = (m for m in reversed(window) if m.failed or (m.role, m.name) != _DELIVERED)
    return list(islice(worth, _LAST_MESSAGES))[::-1]


def _item(who: object, *what: object, cls: str = "") -> Html:
    return div(f"item {cls}", div("mute", who), div("what", *what))


def _call(call: ToolCall, heartbeat: bool, arguments: dict[str, Any] | None) -> Html:
    parts: list[object] = [span("code", call.name)]
    if heartbeat:
        parts.append(span("mute", " and goes on"))
    if arguments is None:
        return join([*parts, div("box code", cut(call.arguments, _SHORT), dir="auto")])
    shown, left, _ = middle_left_out(list(arguments.items()), _ARGUMENTS, 0)
    rows = [
        div("row", span("mute code", name, ":"), span("grow text", cut(as_text(value), _SHORT)))
        for name, value in shown
    ]
    if left:
        rows.append(div("cut", f"… {left:,} more arguments"))
    return join([*parts, div("box", *rows)]) if rows else join(parts)


def _call_items(call: ToolCall, result: Message | None) -> list[Html]:
    """What a call was for, the call, and what came back."""
    arguments = call_arguments(call)
    items: list[Html] = []
    heartbeat = False
    if arguments is not None:
        arguments = dict(arguments)
        heartbeat = bool(arguments.pop("request_heartbeat", False))
        if thought := arguments.pop("thinking", ""):
            items.append(_item("thought", prose(as_text(thought), _TEXT, "mute")))
    failed = result is not None and result.failed
    if call.name == "send_message" and arguments and "message" in arguments and not failed:
        items.append(_item("said", prose(as_text(arguments["message"]), _TEXT, "box said")))
        return items
    items.append(_item("call", _call(call, heartbeat, arguments)))
    if result is None:
        items.append(_item("result", span("bad", "✗ no result")))
    elif failed:
        items.append(_item("result", span("bad", "✗ failed"), prose(result.text, _TEXT, "box")))
    else:
        items.append(_item("result", span("good", "✓ done"), prose(result.text, _TEXT, "box")))
    return items


def _message_items(message: Message, results: dict[str, Message]) -> list[Html]:
    items = []
    if message.role == "system":
        items.append(_item(message.type, prose(message.text, _SHORT, "mute")))
    elif message.role == "user":
        items.append(_item("user", prose(message.text, _TEXT, "box")))
    if message.thinking:
        items.append(_item("thought", prose(message.thinking, _TEXT, "mute")))
    if message.content and message.role == "assistant":
        items.append(_item("outside of a call", prose(message.content, _TEXT)))
    for call in message.tool_calls:
        items += _call_items(call, results.get(call.id))
    return items


def tokens_line(usage: Usage) -> str:
    """A turn's tokens."""
    return f"{counted(usage.prompt_tokens, 'token')} in, {usage.completion_tokens:,} out"


def response_html(response: Response) -> str:
    """What came of one ``send()``: thoughts, calls, results, the reply."""
    steps = counted(response.steps, "step")
    facts = f"{steps} · {tokens_line(response.usage)} · {response.stop_reason}"
    # A result is shown with its call.
    results = {m.tool_call_id: m for m in response.messages if m.role == "tool"}
    acts = [m for m in response.messages if m.role != "tool"]
    first, left, last = middle_left_out(acts, _HEAD_MESSAGES, _TAIL_MESSAGES)
    items = [item for message in first for item in _message_items(message, results)]
    if left:
        items.append(_item("", span("cut", f"… {left:,} more messages; see response.messages")))
    items += [item for message in last for item in _message_items(message, results)]
    if not response.text:
        items.append(_item("said", span("mute", "nothing")))
    evicted = div(
        "note",
        f"The window was full: {counted(response.evicted, 'message')} went into the summary; "
        "nothing is lost.",
    )
    return view(
        "response",
        div("head", span("title", "Response"), span("mute", facts)),
        evicted if response.evicted else "",
        *items,
    )


def _said(message: Message) -> Html:
    """A message's text in short, or the calls that it makes."""
    if message.text:
        mark = span("bad", "✗ failed ") if message.failed else ""
        return join([mark, prose(message.text, _SHORT)])
    if message.tool_calls:
        shown, left, _ = middle_left_out(message.tool_calls, 5, 0)
        more = f", and {left} more calls" if left else ""
        calls = [div("code", call_line(call, 160)) for call in shown]
        return join([*calls, span("cut", more)])
    return prose(message.content, _SHORT, "mute")


def message_item(message: Message) -> Html:
    """A message in a list of messages."""
    who = f"{message.role} {message.name}" if message.name else message.role
    time = span("mute", f"{message.position:,} · {message.time:%Y-%m-%d %H:%M}")
    return _item(join([div("", cut(who, 60), dir="auto"), time]), _said(message), cls="wide")


def message_html(message: Message) -> str:
    """One message, whole."""
    facts = f"{message.position:,} · {message.time:%Y-%m-%d %H:%M:%S} · {message.tokens:,} tokens"
    items = _message_items(message, {})
    if message.role == "tool":
        mark = span("bad", "✗ failed") if message.failed else span("good", "✓ done")
        items.append(_item("result", mark, prose(message.text, _TEXT, "box")))
    who = f"{message.role} {message.name}" if message.name else message.role
    title = span("title", cut(who, 80), dir="auto")
    return view("message", div("head", title, span("mute", facts)), *items)


def _passage(passage: Passage, limit: int) -> Html:
    tags, left, _ = middle_left_out(passage.tags, _TAGS, 0)
    facts = [f"#{tag}" for tag in tags] + ([f"… {left:,} more tags"] if left else [])
    metadata = json.dumps(passage.metadata, ensure_ascii=False) if passage.metadata else ""
    return join(
        [
            prose(passage.text, limit),
            div("mute", cut(" ".join(facts), _SHORT), dir="auto") if facts else "",
            div("mute code", cut(metadata, _SHORT), dir="auto") if metadata else "",
        ]
    )


def passage_html(passage: Passage) -> str:
    """One passage of archival memory."""
    return view("passage", div("head", span("title", "Passage")), _passage(passage, _TEXT))


def _hit(hit: RecallHit | ArchivalHit, scored: bool = True) -> Html:
    score = div("number", f"score {hit.score:.3f}") if scored else ""
    if isinstance(hit, ArchivalHit):
        filed = f"{hit.archive}, by {hit.passage.author}" if hit.archive else ""
        where = div("mute", cut(filed, _SHORT), dir="auto") if filed else ""
        return _item(score, where, _passage(hit.passage, _SHORT))
    message = hit.message
    who = f"{message.role} {message.name}" if message.name else message.role
    facts = div("mute", cut(who, 80), f" · {message.time:%Y-%m-%d %H:%M}", dir="auto")
    parts: list[object] = [facts, _marked(hit)]
    if hit.snippet != message.text:
        parts.append(details(span("mute", "the whole message"), prose(message.text, _TEXT, "box")))
    return _item(join([score, f"message {message.position:,}"]), *parts)


def _marked(hit: RecallHit | ArchivalHit) -> Html:
    """A hit's snippet, with the query's words marked."""
    parts, at = [], 0
    for begin, end in hit.marks:
        parts += [escaped(hit.snippet[at:begin]), element("mark", hit.snippet[begin:end])]
        at = end
    return div("text", *parts, escaped(hit.snippet[at:]), dir="auto")


def hits_html(hits: Sequence[RecallHit | ArchivalHit], query: str, where: str) -> str:
    """What a search found."""
    shown, left, _ = middle_left_out(hits, _HITS, 0)
    count = counted(len(hits), "hit")
    what = join([f'{count} in {where} memory for "', element("bdi", cut(query, 200)), '"'])
    newest = f"the newest of {where} memory: {count}"
    return view(
        "search hits",
        div("head", span("title", "Search"), span("mute", what if query else newest)),
        # The newest were not compared with anything.
        *(_hit(hit, scored=bool(query)) for hit in shown),
        div("cut", f"… {left:,} more hits in the list") if left else "",
    )


def hit_html(hit: RecallHit | ArchivalHit) -> str:
    """One search hit."""
    where = "archival memory" if isinstance(hit, ArchivalHit) else "recall memory"
    return view("search hit", div("head", span("title", f"A hit in {where}")), _hit(hit))
