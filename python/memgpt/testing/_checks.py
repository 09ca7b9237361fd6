"""What holds for every request and every context, whatever came before it."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from memgpt._core import BpeCounter, Context, Span
from memgpt.errors import ConfigError

__all__ = ["check_context", "check_request", "escaped", "shown_blocks"]

_BLOCK = re.compile(
    r'<block label="([\w-]{1,50})" chars="(\d+)" limit="\d+"( read_only="true")?'
    r'(?: description=("(?:[^"\\\n]|\\.)*"))?>\n(.*)\n</block>\n',
    re.DOTALL,
)
_OUTSIDE = re.compile(
    r"<outside_context>\n(\d+) messages are in recall memory, (\d+) passages in archival memory"
    r"(?:, more in \d+ shared archives?)?\.\n"
    r"</outside_context>\n"
)
_TAGS = re.compile(r"<(?=/?(core_memory|block|outside_context|summary))")
_PACKED = {"status", "type", "name", "message", "cut", "time"}


def check_request(request: dict[str, Any]) -> list[str]:
    """What is wrong with a request: every call has one return directly after it, no return is
    without its call, no id occurs twice, and arguments are JSON objects.

    Args:
        request: as ``context.to_request()`` gives it.

    Returns:
        One line a problem; empty where there is none.
    """
    return list(_request_problems(request["messages"]))


def _request_problems(messages: list[dict[str, Any]]) -> Iterator[str]:
    if not messages or messages[0]["role"] != "system":
        yield "the request does not begin with the system message"
    ids: list[str] = []
    asked: list[str] = []
    for number, message in enumerate(messages[1:], start=1):
        where = f"message {number} of the request"
        if message["role"] not in ("user", "assistant", "tool"):
            yield f"{where} has the role {message['role']!r}"
        if message["role"] == "tool":
            if message["tool_call_id"] in asked:
                asked.remove(message["tool_call_id"])
            else:
                yield f"{where} is a return without its call directly before it"
            continue
        if asked:
            yield f"{where} follows a call that has no return: {asked[0]}"
        asked = [call["id"] for call in message.get("tool_calls") or ()]
        ids += asked
        for call in message.get("tool_calls") or ():
            if not isinstance(_parsed(call["function"]["arguments"]), dict):
                yield f"{where}: the arguments of a call are no JSON object"
    if asked:
        yield f"the last call of the request has no return: {asked[0]}"
    for id, count in Counter(ids).items():
        if count > 1:
            yield f"{count} calls of the request have the id {id!r}"


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


def check_context(context: Context) -> list[str]:
    """What is wrong with a context: it keeps to its budget, its spans add up and are what the
    request shows, what was cut says so, and no text poses as another part.

    Counts of the kernel's own tokenizers are made anew, which costs what counting costs.

    Returns:
        One line a problem; empty where there is none.
    """
    request = context.to_request()
    return [
        *_budget_problems(context),
        *_request_problems(request["messages"]),
        *_span_problems(context, request),
    ]


def _budget_problems(context: Context) -> Iterator[str]:
    budget = context.budget
    # Where only messages are left that never go, the limit as it was configured holds.
    limit = budget.context_window - budget.reply_reserve
    limit = budget.limit if budget.correction == 1000 else limit
    if context.tokens > limit:
        yield f"the context takes {context.tokens} tokens, {context.tokens - limit} over its limit"
    if context.tokens != context.text_tokens + context.overhead_tokens:
        yield "the context's tokens are not those of text and wire format"
    spans = sum(span.tokens for span in context.spans)
    if context.text_tokens != spans:
        yield f"the spans' tokens add up to {spans}, the context says {context.text_tokens}"


def _span_problems(context: Context, request: dict[str, Any]) -> Iterator[str]:
    kinds = {"tool_schema": 0, "message": 2, "tool_return": 2}
    order = [kinds.get(span.kind, 1) for span in context.spans]
    if order != sorted(order):
        yield "spans do not stand in the order tools, system message, messages"
        return
    tools, system, messages = (
        [span for span, part in zip(context.spans, order, strict=True) if part == which]
        for which in range(3)
    )
    if [_parsed(span.text) for span in tools] != request.get("tools", []):
        yield "the spans of tools are not those of the request"
    if "".join(span.text for span in system) != request["messages"][0]["content"]:
        yield "the spans before the messages are not the system message of the request"
    if any(span.tokens < 0 for span in context.spans):
        yield "a span has less than no tokens"
    count = _count_of(context.tokenizer)
    if count is not None:
        if sum(span.tokens for span in system) != count("".join(span.text for span in system)):
            yield "the tokens of the system message's spans are not those of its text"
        for span in tools + messages:
            if span.tokens != count(span.text):
                yield f"{span.origin} has {count(span.text)} tokens, its span says {span.tokens}"
    yield from _system_problems(system)
    if len(messages) != len(request["messages"]) - 1:
        yield "spans of messages and messages of the request are not as many"
        return
    for span, message in zip(messages, request["messages"][1:], strict=True):
        yield from _message_problems(span, message)


@functools.cache
def _count_of(tokenizer: str) -> Callable[[str], int] | None:
    """The count of a tokenizer of the kernel's; None for one of yours."""
    try:
        return BpeCounter(tokenizer.removeprefix("estimate:")).count
    except ConfigError:
        return None


def _system_problems(system: list[Span]) -> Iterator[str]:
    """One core memory, at most one summary, one line about what is outside: no text poses."""
    kinds = [span.kind for span in system]
    blocks, summaries = kinds.count("memory_block"), kinds.count("summary")
    wanted = ["system"] + ["memory_block"] * blocks + ["summary"] * summaries + ["external_memory"]
    if kinds != wanted or summaries > 1:
        yield f"the system message is made of {', '.join(kinds)}"
        return
    text = "".join(span.text for span in system[1:])  # the prompt is the user's own
    for tag, count in [
        ("<core_memory>", bool(blocks)),
        ("</core_memory>", bool(blocks)),
        ("<block", blocks),
        ("</block", blocks),
        ("<summary", summaries),
        ("</summary", summaries),
        ("<outside_context", 1),
        ("</outside_context", 1),
    ]:
        if text.count(tag) != count:
            yield f"{tag} stands {text.count(tag)} times in the system message, not {int(count)}"
    if not _OUTSIDE.fullmatch(system[-1].text):
        yield "the line about what lies outside is not as it is made"


def _message_problems(span: Span, message: dict[str, Any]) -> Iterator[str]:
    """Packed as JSON, so that it cannot pose as another; an assistant's own text is its own."""
    if (span.kind == "tool_return") != (message["role"] == "tool"):
        yield f"{span.origin} is a {span.kind} and travels as {message['role']}"
    if message["role"] == "assistant":
        return
    packed = _parsed(message["content"])
    first = "status" if message["role"] == "tool" else "type"
    if not isinstance(packed, dict) or next(iter(packed), "") != first or set(packed) - _PACKED:
        yield f"{span.origin} is not packed as it should be"
    elif ("cut" in packed) != bool(span.cut):
        yield f"{span.origin} is cut, and only the {'text' if span.cut == '' else 'span'} says so"


def outside_counts(context: Context) -> tuple[int, int]:
    """Messages and passages that the line about what lies outside tells of."""
    match = _OUTSIDE.fullmatch(
        next((s.text for s in context.spans if s.kind == "external_memory"), "")
    )
    return (int(match[1]), int(match[2])) if match else (0, 0)


def escaped(text: str) -> str:
    """As a block's value stands in a context: it cannot pose as markup of the context's own."""
    return _TAGS.sub("&lt;", text)


def shown_blocks(context: Context) -> list[tuple[str, str, bool]]:
    """Label, text and read_only of the memory blocks as the context shows them."""
    blocks: list[tuple[str, str, bool]] = []
    spans = [span for span in context.spans if span.kind == "memory_block"]
    for span in spans:
        text = span.text.removeprefix("<core_memory>\n").removesuffix("</core_memory>\n\n")
        match = _BLOCK.fullmatch(text)
        blocks.append((match[1], match[5], bool(match[3])) if match else ("", span.text, False))
    return blocks
