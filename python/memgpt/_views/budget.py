"""A budget as text and as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memgpt._views.html import Html, div, element, middle_left_out, span, view
from memgpt._views.spans import kind_class, percent, table, window_bar, window_head
from memgpt._views.text import bar_line, columns
from memgpt._window import FREE, kind_of, shortened

if TYPE_CHECKING:
    from memgpt._budget import BudgetReport, BudgetRow

_ROWS = (120, 20)
_COLUMNS = (("kind", "kind"), ("block or tool", "origin"), ("tokens", "slim number"),
            ("share", "slim number"), ("characters", None))  # fmt: skip


def _characters(row: BudgetRow) -> str:
    if row.characters is None or row.character_limit is None:
        return ""
    share = percent(row.characters, row.character_limit)
    return f"{row.characters:,} of {row.character_limit:,} characters ({share})"


def _room(report: BudgetReport) -> str:
    """What is free, in a line."""
    corrected = "" if report.correction == 1 else f"; corrected by {report.correction:.3f}"
    return (
        f"{report.head_room:,} tokens until the limit, {report.until_eviction:,} until messages "
        f"are evicted (above {report.eviction_line:,}){corrected}"
    )


def budget_text(report: BudgetReport) -> str:
    """The window's bar, and a line for each kind, block and tool."""
    first, left, last = middle_left_out(report.rows, *_ROWS)
    cells = [
        [
            " " if row.name else kind_of(row.kind).glyph,
            f"  {shortened(row.name, 40)}" if row.name else kind_of(row.kind).name,
            f"{row.tokens:,}",
            percent(row.tokens, report.limit),
            _characters(row),
        ]
        for row in [*first, *last]
    ]
    free = [FREE, "free", f"{report.head_room:,}", percent(report.head_room, report.limit), ""]
    lines = columns([*cells, free], right=(2, 3))
    if left:
        lines.insert(len(first), f"… {left:,} more rows; .rows has all of them")
    head = f"budget: {window_head(report.context)}"
    return "\n".join([head, _room(report), bar_line(report.context), *lines])


def _html_row(report: BudgetReport, row: BudgetRow) -> Html:
    swatch = span(f"swatch {kind_class(row.kind)}", aria_hidden="true")
    kind = "" if row.name else element("td", swatch, " ", kind_of(row.kind).name, cls="nowrap")
    return element(
        "tr",
        kind or element("td"),
        element("td", shortened(row.name, 60), cls="line", dir="auto", title=row.name),
        element("td", f"{row.tokens:,}", cls="number"),
        element("td", percent(row.tokens, report.limit), cls="number mute"),
        element("td", _characters(row), cls="mute"),
    )


def budget_html(report: BudgetReport) -> str:
    """The window's bar with its legend, and a row for each kind, block and tool."""
    first, left, last = middle_left_out(report.rows, *_ROWS)
    rows = [_html_row(report, row) for row in first]
    if left:
        note = f"… {left:,} more rows; .rows has all of them"
        rows.append(element("tr", element("td", note, colspan=len(_COLUMNS), cls="cut")))
    rows += [_html_row(report, row) for row in last]
    return view(
        "budget",
        div("head", span("title", "Budget"), span("mute", window_head(report.context))),
        div("mute", _room(report)),
        window_bar(report.context),
        table(_COLUMNS, rows, "what fills the window"),
    )
