"""A context as HTML: the window's bar by kind, and the table of its spans."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

from memgpt._core import Context, Span, ToolCall
from memgpt._views.html import (
    Html,
    counted,
    cut,
    details,
    div,
    element,
    join,
    middle_left_out,
    span,
    view,
)
from memgpt._views.turns import call_line
from memgpt._window import by_kind, kind_of, shortened

T = TypeVar("T")

_ROWS_IN_SIGHT = 40
_HEAD_SPANS = 60
_TAIL_SPANS = 240
_ALL_TEXTS = 400_000  # characters of all spans together
_ONE_TEXT = 8_000
_COLUMNS = (
    ("", "tiny"),
    ("kind", "kind"),
    ("origin", "origin"),
    ("tokens", "slim number"),
    ("share", "slim number"),
    ("text", None),
)
_PACKED = {"tool_schema", "message", "tool_return"}
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
_TAGGED = {"memory_block", "external_memory", "summary"}
_TAGS = re.compile(r"^</?\w[^<>\n]*>$", re.M)
_STRIPED = {"tool_schema", "external_memory", "tool_return", "overhead"}


def percent(part: int, whole: int) -> str:
    """A share for people."""
    share = 100 * part / max(1, whole)
    if 0 < share < 0.1:
        return "<0.1 %"
    return f"{share:.1f} %" if 0 < share < 10 else f"{share:.0f} %"


def kind_class(kind: str) -> str:
    """The class of a kind's pieces of a bar."""
    # Bars must be readable without colours, too: every other kind is striped.
    return f"kind-{kind}{' striped' if kind in _STRIPED else ''}"


def _pieces(context: Context) -> list[tuple[str, str, int]]:
    """What the whole window is made of: class, name, tokens."""
    kinds = [(kind_class(k), kind_of(k).name, count) for k, count in by_kind(context).items()]
    free = max(0, context.budget.limit - context.tokens)
    reserve = context.budget.reply_reserve
    return [*kinds, ("kind-free", "free", free), ("kind-reserve", "kept for the reply", reserve)]


def in_sight(items: Sequence[T]) -> tuple[list[T], int, list[T]]:
    """Of a context's spans, or what is one each: the first, how many follow, the last."""
    return middle_left_out(items, _HEAD_SPANS, _TAIL_SPANS)


def table(columns: Sequence[tuple[str, str | None]], rows: Sequence[Html], label: str) -> Html:
    """A table that scrolls in itself: names and classes of its columns, and its rows."""
    head = join(element("th", name, scope="col", cls=cls) for name, cls in columns)
    body = element(
        "table",
        element("thead", element("tr", head)),
        element("tbody", join(rows)),
        cls="table",
    )
    cls = "scroll tall" if len(rows) > _ROWS_IN_SIGHT else "scroll"
    return div(cls, body, tabindex=0, role="region", aria_label=label)


def _usage(context: Context) -> str:
    about = "" if context.exact else "about "
    return f"{about}{context.tokens:,} of {context.budget.limit:,} tokens"


def window_bar(context: Context) -> Html:
    """The window's bar by kind, with its legend."""
    pieces = _pieces(context)
    whole = max(1, sum(tokens for _, _, tokens in pieces))
    limit = context.budget.limit
    bar = join(
        span(
            kind,
            style=f"width:{100 * tokens / whole:.3f}%",
            title=f"{name}: {tokens:,} tokens",
        )
        for kind, name, tokens in pieces
        if tokens > 0  # the style gives each piece some width
    )
    legend = join(
        div(
            "row",
            span(f"swatch {kind}", aria_hidden="true"),
            span("grow", name),
            span("number", f"{tokens:,}"),
            # The reserve lies beyond the limit, of which the others are shares.
            span("number mute share", "" if kind == "kind-reserve" else percent(tokens, limit)),
        )
        for kind, name, tokens in pieces
    )
    spoken = f"The window: {_usage(context)} used, {percent(context.tokens, limit)}"
    return join([div("bar", bar, role="img", aria_label=spoken), div("legend", legend)])


def window_head(context: Context) -> str:
    """How full the window is, in a line."""
    return (
        f"{_usage(context)} ({percent(context.tokens, context.budget.limit)}); the window holds "
        f"{context.budget.context_window:,}, {context.budget.reply_reserve:,} of them are kept "
        f"for the reply ({context.tokenizer})"
    )


def beginning(piece: Span) -> str:
    """A span's text in a line: of a tool, whose name is the origin, what it is for; of a message
    what was said, without its envelope; of calls what they call; of the rest what is tagged."""
    text = piece.text[:2000]
    if piece.kind in _TAGGED:
        text = _TAGS.sub("", text).strip() or "(empty)"
    if piece.kind in _PACKED:
        with suppress(*_UNREADABLE):  # such a text stays as it is
            text = _unpacked(json.loads(piece.text)) or text
    return shortened(text, 90)


def _unpacked(packed: Any) -> str:
    if isinstance(packed, list):
        calls = (call["function"] for call in packed)
        return "; ".join(call_line(ToolCall(c["name"], c["arguments"]), 90) for c in calls)
    if "function" in packed:
        return str(packed["function"]["description"] or packed["function"]["name"])
    failed = "failed: " if packed.get("status", "OK") != "OK" else ""
    return f"{failed}{packed['message']}"


def origin_line(origin: str) -> str:
    """An origin in a table that names the kind: what is before the colon says it again."""
    return shortened(origin.removeprefix("tool:").removeprefix("block:"), 60)


def _row(number: int, piece: Span, whole: int, text_limit: int) -> Html:
    text = div("box code", cut(piece.text, text_limit), dir="auto")
    cut_note = div("bad", f"cut: {piece.cut}", dir="auto") if piece.cut else ""
    swatch = span(f"swatch {kind_class(piece.kind)}", aria_hidden="true")
    return element(
        "tr",
        element("td", number, cls="number mute"),
        element("td", swatch, " ", kind_of(piece.kind).name, cls="nowrap"),
        element("td", origin_line(piece.origin), cls="line", dir="auto", title=piece.origin),
        element("td", f"{piece.tokens:,}", cls="number"),
        element("td", percent(piece.tokens, whole), cls="number mute"),
        element("td", details(element("bdi", beginning(piece)), div("out", text)), cut_note),
    )


def _table(context: Context) -> Html:
    spans = context.spans
    first, left, last = in_sight(spans)
    text_limit = min(_ONE_TEXT, _ALL_TEXTS // max(1, len(first) + len(last)))
    whole = context.budget.limit
    rows = [_row(number, piece, whole, text_limit) for number, piece in enumerate(first)]
    if left:
        note = f"… {left:,} more spans; context.spans has all {len(spans):,}"
        rows.append(element("tr", element("td", note, colspan=6, cls="cut")))
    offset = len(spans) - len(last)
    rows += [_row(offset + i, piece, whole, text_limit) for i, piece in enumerate(last)]
    return table(_COLUMNS, rows, "spans of the context")


def context_html(context: Context) -> str:
    """A context: bar by kind, legend, table of spans."""
    cuts = sum(1 for piece in context.spans if piece.cut)
    count = len(context.spans)
    facts = [counted(count, "span")]
    if cuts:
        facts.append(f"{cuts:,} of them cut")
    if count > _ROWS_IN_SIGHT:
        facts.append("scroll to see them all")
    return view(
        "context",
        div("head", span("title", "Context"), span("mute", window_head(context))),
        window_bar(context),
        div("part", div("name", ", ".join(facts))),
        _table(context),
    )
