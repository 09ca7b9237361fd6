"""A recompilation as text and as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memgpt._core import RecompiledStep
from memgpt._views.html import Html, counted, div, element, middle_left_out, span, view
from memgpt._views.spans import table
from memgpt._views.text import columns

if TYPE_CHECKING:
    from memgpt._recompile import Recompilation, Totals

_ROWS = (30, 10)
_HEADS = ("step", "tokens", "recorded", "kept", "lost", "added", "evicted", "recorded", "prefix",
          "recorded")  # fmt: skip


def _share(part: int, whole: int) -> str:
    return "" if part < 0 or not whole else f"{part / whole:.0%}"


def _cells(step: RecompiledStep) -> list[str]:
    old, new = step.recorded, step.recompiled
    return [
        f"{step.seq:,}",
        f"{new.tokens:,}",
        f"{old.tokens:,}",
        f"{step.kept:,}",
        f"{step.lost:,}",
        f"{step.added:,}",
        f"{new.evicted:,}",
        f"{old.evicted:,}",
        _share(new.prefix_tokens, new.text_tokens),
        _share(old.prefix_tokens, old.text_tokens),
    ]


def _total_rows(made: Recompilation) -> list[list[str]]:
    def column(totals: Totals) -> list[str]:
        share = totals.prefix_share
        return [
            f"{totals.tokens:,}",
            f"{totals.largest:,}",
            f"{totals.evictions:,}",
            f"{totals.evicted:,}",
            f"{totals.warnings:,}",
            "" if share is None else f"{share:.1%}",
        ]

    names = ["tokens sent", "largest context", "evictions", "messages evicted", "warnings",
             "in the request before"]  # fmt: skip
    rows = zip(names, column(made.recompiled), column(made.recorded), strict=True)
    return [list(row) for row in rows]


def _about(made: Recompilation) -> str:
    under = "the policies on record" if made.policy is None else repr(made.policy)
    window = made.context_window
    where = "the windows on record" if window is None else f"a window of {window:,} tokens"
    return f"{counted(len(made.steps), 'model call')} under {under}, in {where}"


_LABEL = "no model was asked: replies as recorded, digests in place of summaries"


def _spans(made: Recompilation) -> str:
    kept = sum(step.kept for step in made.steps)
    lost = sum(step.lost for step in made.steps)
    added = sum(step.added for step in made.steps)
    return f"of {kept + lost:,} recorded spans {kept:,} kept, {lost:,} lost; {added:,} others added"


def _notes(made: Recompilation) -> list[str]:
    lines = [f"not compared: {line}" for line in made.unchecked]
    if made.stopped_at is not None:
        lines.append(f"stopped at commit {made.stopped_at:,}: {made.stopped}")
    return lines


def _left_out(count: int) -> str:
    return f"… {count:,} more steps; .steps has all of them"


def recompilation_text(made: Recompilation) -> str:
    """The totals, and a line a step."""
    lines = [f"recompiled: {_about(made)}", _LABEL, _spans(made), ""]
    lines += columns([["", "recompiled", "recorded"], *_total_rows(made)], right=(1, 2))
    first, left, last = middle_left_out(made.steps, *_ROWS)
    if first:
        cells = [_cells(step) for step in [*first, *last]]
        rows = columns([_HEADS, *cells], right=range(len(_HEADS)))
        if left:
            rows.insert(1 + len(first), _left_out(left))
        lines += ["", *rows]
    return "\n".join([*lines, *_notes(made)])


def _line(cells: list[str]) -> Html:
    return element("tr", *[element("td", cell, cls="number") for cell in cells])


def recompilation_html(made: Recompilation) -> str:
    """The totals, and a row a step."""
    totals = [
        element("tr", element("td", name), *[element("td", cell, cls="number") for cell in cells])
        for name, *cells in _total_rows(made)
    ]
    first, left, last = middle_left_out(made.steps, *_ROWS)
    rows = [_line(_cells(step)) for step in first]
    if left:
        rows.append(element("tr", element("td", _left_out(left), colspan=len(_HEADS), cls="cut")))
    rows += [_line(_cells(step)) for step in last]
    total_heads = (("", "kind"), ("recompiled", "number"), ("recorded", "number"))
    heads = [(head, "slim number") for head in _HEADS]
    return view(
        "recompilation",
        div("head", span("title", "Recompiled"), span("mute", _about(made))),
        div("mute", _LABEL),
        div("mute", _spans(made)),
        table(total_heads, totals, "totals"),
        table(heads, rows, "the steps") if rows else "",
        *[div("bad", line, dir="auto") for line in _notes(made)],
    )
