"""What a context is made of, row by row, and what is otherwise in another one."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from memgpt._core import Context, Span
from memgpt._report import Report
from memgpt._views.spans import beginning
from memgpt.errors import InvalidInput

__all__ = ["Change", "ContextDiff", "Explanation", "Row", "diff", "explain"]


@dataclass(frozen=True)
class Row:
    """One span of a context, or what stands in none: the wire format, and free room.

    Attributes:
        kind: the span's kind; ``overhead`` for the wire format's estimate, ``free`` for free room.
        origin: where it came from, as ``block:human``, ``tool:send_message`` or a message's id.
        author: whose words these are: ``user``, ``agent``, ``kernel``, ``tool:...``; of a summary
            the model that wrote it, or ``digest``.
        version: of a memory block, the commit that wrote it.
        tokens: what it takes.
        share: of the budget's limit.
        age: how much older it is than the newest message; None where its time is not known.
        in_previous: whether it stands in the part that this request has in common with the
            request before it; None where there was none, or that is not known.
        cut: what was left out of it; empty = nothing.
        text: how it begins.
    """

    kind: str
    origin: str
    author: str
    version: int | None
    tokens: int
    share: float
    age: dt.timedelta | None
    in_previous: bool | None
    cut: str
    text: str

    def to_dict(self) -> dict[str, Any]:
        """As values that JSON knows; the age is in seconds."""
        return asdict(self) | {"age": None if self.age is None else self.age.total_seconds()}


def _newest(spans: Sequence[Span]) -> dt.datetime | None:
    times = [s.time for s in spans if s.kind in ("message", "tool_return") and s.time]
    return max(times, default=None)


def _rows(context: Context, spans: Sequence[Span]) -> list[Row]:
    limit = max(1, context.budget.limit)
    newest = _newest(spans)
    previous = getattr(context, "previous_spans", -1)
    rows = []
    for index, span in enumerate(spans):
        age = None
        if newest is not None and span.time is not None:
            age = max(newest - span.time, dt.timedelta(0))  # a block may be newer
        rows.append(
            Row(
                kind=span.kind,
                origin=span.origin,
                author=span.author,
                version=span.version,
                tokens=span.tokens,
                share=span.tokens / limit,
                age=age,
                in_previous=index < previous if previous >= 0 else None,
                cut=span.cut,
                text=beginning(span),
            )
        )
    free = max(0, context.budget.limit - context.tokens)
    for kind, tokens in (("overhead", context.overhead_tokens), ("free", free)):
        rows.append(Row(kind, "", "", None, tokens, tokens / limit, None, None, "", ""))
    return rows


class Explanation(Report):
    """A table of what a context is made of, one row a span; ``print`` it, or look at it.

    Attributes:
        context: the context.
        rows: a :class:`Row` for each span, in order; then one for the wire format's estimate, and
            one for free room. All but the last add up to ``context.tokens``.
    """

    _view = "explanation"

    def __init__(self, context: Context) -> None:
        self.context = context
        self._spans = context.spans
        self.rows = _rows(context, self._spans)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as dicts, of values that JSON knows; the age is in seconds."""
        return [row.to_dict() for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """The rows, and the figures of the whole context."""
        context, budget = self.context, self.context.budget
        return {
            "tokens": context.tokens,
            "limit": budget.limit,
            "context_window": budget.context_window,
            "reply_reserve": budget.reply_reserve,
            "tokenizer": context.tokenizer,
            "exact": context.exact,
            "rows": self.to_dicts(),
        }

    def to_pandas(self) -> Any:
        """The rows as a ``pandas.DataFrame``; the age as a timedelta.

        Raises:
            ImportError: where pandas is not installed.
        """
        frame = super().to_pandas()
        frame["age"] = [row.age for row in self.rows]
        return frame

    def diff(self, other: Explanation | Context) -> ContextDiff:
        """What is otherwise in ``other``, as a :class:`ContextDiff`.

        Raises:
            InvalidInput: for something else.
        """
        if isinstance(other, Context):
            other = Explanation(other)
        if not isinstance(other, Explanation):
            raise InvalidInput(f"diff() takes a Context or an Explanation, not {other!r}")
        return ContextDiff(self, other)


@dataclass(frozen=True)
class Change:
    """A piece that both contexts have, with another text or by another author.

    Attributes:
        before, after: its rows.
        lines: a line diff of its texts, each line with ``-``, ``+`` or a space before it.
    """

    before: Row
    after: Row
    lines: list[str]

    def to_dict(self) -> dict[str, Any]:
        """As values that JSON knows."""
        return {
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "lines": self.lines,
        }


def _line_diff(before: str, after: str) -> list[str]:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))
    return [line for line in lines[2:] if not line.startswith("@@")]


def _same(a: Span, b: Span) -> bool:
    return (a.text, a.author, a.version) == (b.text, b.author, b.version)


class ContextDiff(Report):
    """What is otherwise in a later context; true where anything is.

    Attributes:
        added: rows that only the later one has.
        removed: rows that only the earlier one has.
        changed: a :class:`Change` for each piece that both have, and that is not the same.
        tokens_before, tokens_after: of the whole contexts.
    """

    _view = "difference"

    def __init__(self, before: Explanation, after: Explanation) -> None:
        self.tokens_before = before.context.tokens
        self.tokens_after = after.context.tokens
        self.added: list[Row] = []
        self.removed: list[Row] = []
        self.changed: list[Change] = []
        then = {s.origin: (s, row) for s, row in zip(before._spans, before.rows, strict=False)}
        now = {s.origin for s in after._spans}
        # A warning that is not in the journal yet has a new id in each context.
        gone = [(s, row) for origin, (s, row) in then.items() if origin not in now]
        for span, row in zip(after._spans, after.rows, strict=False):
            if span.origin in then:
                old, old_row = then[span.origin]
                if not _same(old, span):
                    lines = _line_diff(old.text, span.text)
                    self.changed.append(Change(old_row, row, lines))
            elif pair := next((p for p in gone if _same(p[0], span)), None):
                gone.remove(pair)
            else:
                self.added.append(row)
        self.removed = [row for _, row in gone]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dict for each difference: a row's fields, and ``change``: what became of it."""
        rows = [("removed", row) for row in self.removed]
        rows += [("changed", change.after) for change in self.changed]
        rows += [("added", row) for row in self.added]
        return [{"change": change} | row.to_dict() for change, row in rows]

    def to_dict(self) -> dict[str, Any]:
        """The differences by kind, and the tokens of both contexts."""
        return {
            "tokens_before": self.tokens_before,
            "tokens_after": self.tokens_after,
            "added": [row.to_dict() for row in self.added],
            "removed": [row.to_dict() for row in self.removed],
            "changed": [change.to_dict() for change in self.changed],
        }


def explain(context: Context) -> Explanation:
    """What ``Context.explain()`` gives."""
    return Explanation(context)


def diff(context: Context, other: Explanation | Context) -> ContextDiff:
    """What ``Context.diff()`` gives."""
    return Explanation(context).diff(other)
