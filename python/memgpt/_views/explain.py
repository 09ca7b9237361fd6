"""A context explained, and the difference of two, as text and as HTML."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from memgpt._views.html import Html, counted, div, element, middle_left_out, span, view, visible
from memgpt._views.spans import (
    in_sight,
    kind_class,
    origin_line,
    percent,
    table,
    window_bar,
    window_head,
)
from memgpt._views.text import bar_line, columns
from memgpt._window import FREE, kind_of, shortened

if TYPE_CHECKING:
    from memgpt._explain import Change, ContextDiff, Explanation, Row

_HEADS = ("", "kind", "origin", "author", "version", "tokens", "share", "age", "previous", "text")
_CLASSES = ("tiny", "kind", "origin", "mid", "slim number", "slim number", "slim number",
            "slim number", "mid", None)  # fmt: skip
_NUMBERS = (4, 5, 6, 7)
_DIFF_LINES = (60, 20)
_ONE_LINE = 400
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def _age(age: dt.timedelta | None) -> str:
    if age is None:
        return ""
    seconds = age.total_seconds()
    unit, length = next((u for u in _UNITS if seconds >= u[1]), _UNITS[-1])
    return f"{seconds / length:,.0f} {unit}"


def _in_previous(row: Row) -> str:
    return {True: "yes", False: "new", None: ""}[row.in_previous]


def _origin(origin: str, width: int) -> str:
    line = origin_line(origin)
    # Ids begin with the time, so that the ends are what differs.
    return f"…{line[-12:]}" if line.startswith("message-") and len(line) > 12 else line[:width]


def _glyph(kind: str) -> str:
    return FREE if kind == "free" else kind_of(kind).glyph


def _name(kind: str) -> str:
    return "free" if kind == "free" else kind_of(kind).name


def _share(row: Row) -> str:
    return percent(row.tokens, round(row.tokens / row.share)) if row.share else "0 %"


def _cells(row: Row, width: int) -> list[str]:
    """The row's cells from its origin on; the text is the last."""
    return [
        _origin(row.origin, width),
        shortened(row.author, 28),
        "" if row.version is None else str(row.version),
        f"{row.tokens:,}",
        _share(row),
        _age(row.age),
        _in_previous(row),
        row.text,
    ]


def _text_rows(rows: Sequence[Row], first: Sequence[str] = ()) -> list[list[str]]:
    """Rows as cells of text; ``first`` stands in the first column, else the kind's glyph."""
    signs = first or [_glyph(row.kind) for row in rows]
    cells = []
    for sign, row in zip(signs, rows, strict=True):
        *middle, text = _cells(row, 26)
        cut = f"[cut: {row.cut}] " if row.cut else ""
        line = [sign, _name(row.kind), *middle, shortened(cut + text, 60)]
        # Seen as characters here, for what they do would move the columns.
        cells.append([visible(cell).replace("\n", " ").replace("\t", " ") for cell in line])
    return cells


def explanation_text(explanation: Explanation) -> str:
    """The window's bar, and a line a span."""
    first, left, last = in_sight(explanation.rows)
    lines = columns([_HEADS, *_text_rows(first), *_text_rows(last)], right=_NUMBERS)
    if left:
        lines.insert(1 + len(first), f"… {left:,} more rows; .rows has all of them")
    head = f"context: {window_head(explanation.context)}"
    return "\n".join([head, bar_line(explanation.context), *lines])


def _html_row(row: Row, sign: object) -> Html:
    origin, author, version, tokens, share, age, previous, text = _cells(row, 60)
    swatch = span(f"swatch {kind_class(row.kind)}", aria_hidden="true")
    cut_note = div("bad", f"cut: {row.cut}", dir="auto") if row.cut else ""
    return element(
        "tr",
        element("td", sign, cls="number mute"),
        element("td", swatch, " ", _name(row.kind), cls="nowrap"),
        element("td", origin, cls="line", dir="auto", title=row.origin),
        element("td", author, cls="line", dir="auto", title=row.author),
        element("td", version, cls="number mute"),
        element("td", tokens, cls="number"),
        element("td", share, cls="number mute"),
        element("td", age, cls="number mute"),
        element("td", previous, cls="mute"),
        element("td", div("line", text, dir="auto"), cut_note),
    )


def _html_table(rows: Sequence[tuple[object, Row]], label: str) -> Html:
    first, left, last = in_sight(rows)
    body = [_html_row(row, sign) for sign, row in first]
    if left:
        note = f"… {left:,} more rows; .rows has all of them"
        body.append(element("tr", element("td", note, colspan=len(_HEADS), cls="cut")))
    body += [_html_row(row, sign) for sign, row in last]
    return table(list(zip(_HEADS, _CLASSES, strict=True)), body, label)


def explanation_html(explanation: Explanation) -> str:
    """The window's bar with its legend, and a row a span."""
    context = explanation.context
    head = div("head", span("title", "Context explained"), span("mute", window_head(context)))
    rows = list(enumerate(explanation.rows))
    shown = _html_table(rows, "the rows")
    return view("context explained", head, window_bar(context), shown, cls="broad")


def _diff_head(diff: ContextDiff) -> str:
    change = diff.tokens_after - diff.tokens_before
    counts = [f"{len(diff.removed):,} removed", f"{len(diff.changed):,} changed"]
    counts.append(f"{len(diff.added):,} added")
    tokens = f"{diff.tokens_before:,} → {diff.tokens_after:,} tokens ({change:+,})"
    return f"{tokens}: {', '.join(counts) if diff else 'nothing is otherwise'}"


def _signed(diff: ContextDiff) -> list[tuple[str, Row]]:
    rows = [("-", row) for row in diff.removed]
    rows += [("~", change.after) for change in diff.changed]
    return rows + [("+", row) for row in diff.added]


def _change_head(change: Change) -> str:
    before, after = change.before, change.after
    tokens = f"{before.tokens:,} → {after.tokens:,} tokens"
    if (before.author, before.version) == (after.author, after.version):
        return f"{after.origin}: {tokens}"
    versions = [
        " ".join(filter(None, (row.author, str(row.version or "")))) for row in (before, after)
    ]
    return f"{after.origin}: {tokens}, {' → '.join(versions)}"


def _change_lines(change: Change) -> Iterator[str]:
    first, left, last = middle_left_out(change.lines, *_DIFF_LINES)
    yield from (shortened(line, _ONE_LINE) for line in first)
    if left:
        yield f"… {counted(left, 'more line')}"
    yield from (shortened(line, _ONE_LINE) for line in last)


def difference_text(diff: ContextDiff) -> str:
    """A line for each difference, and the lines that changed."""
    lines = [f"difference: {_diff_head(diff)}"]
    first, left, last = in_sight(_signed(diff))
    shown = [*first, *last]
    if shown:
        cells = _text_rows([row for _, row in shown], [sign for sign, _ in shown])
        lines += columns([_HEADS, *cells], right=_NUMBERS)
    if left:
        lines.insert(2 + len(first), f"… {left:,} more rows")
    for change in diff.changed:
        lines += ["", _change_head(change), *(f"  {line}" for line in _change_lines(change))]
    return "\n".join(lines)


def _change_html(change: Change) -> Html:
    colour = {"-": "bad", "+": "good"}
    lines = [
        div(f"code {colour.get(line[:1], 'mute')}", line, dir="auto")
        for line in _change_lines(change)
    ]
    name = div("name", shortened(_change_head(change), _ONE_LINE))
    return div("part", name, div("box", *lines) if lines else "")


def difference_html(diff: ContextDiff) -> str:
    """A row for each difference, and the lines that changed."""
    head = div("head", span("title", "Difference"), span("mute", _diff_head(diff)))
    rows = _html_table(_signed(diff), "what is otherwise") if diff else ""
    return view("difference", head, rows, *map(_change_html, diff.changed), cls="broad")
