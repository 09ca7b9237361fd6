"""The window by kind of span: what the command line, the notebook and plain text draw."""

from __future__ import annotations

from typing import NamedTuple

from memgpt._core import Context

__all__ = ["FREE", "KINDS", "Kind", "by_kind", "cells", "kind_of", "shortened"]


class Kind(NamedTuple):
    """How a kind of span is shown."""

    glyph: str  # bars must be readable without colours, too
    style: str  # of the terminal
    name: str  # what people call it


KINDS = {
    "tool_schema": Kind("▓", "blue", "tools"),
    "system": Kind("█", "bright_black", "system prompt"),
    "memory_block": Kind("◆", "magenta", "core memory"),
    "external_memory": Kind("◇", "cyan", "what lies outside"),
    "summary": Kind("≡", "yellow", "summary"),
    "message": Kind("▒", "green", "messages"),
    "tool_return": Kind("░", "bright_green", "tool results"),
    "overhead": Kind("╌", "bright_black", "wire format (estimate)"),
}
_OTHER = Kind("?", "red", "other")
FREE = "·"


def kind_of(name: str) -> Kind:
    """How a kind is shown, also one that is not known here."""
    return KINDS.get(name, _OTHER)


def by_kind(context: Context) -> dict[str, int]:
    """Tokens of each kind that the context has, in the order in which they are drawn."""
    tokens = dict.fromkeys(KINDS, 0)
    for span in context.spans:
        tokens[span.kind] = tokens.get(span.kind, 0) + span.tokens
    tokens["overhead"] += context.overhead_tokens
    return {kind: count for kind, count in tokens.items() if count}


def cells(context: Context, width: int) -> list[tuple[str, int]]:
    """The bar of a window in characters: kinds and cells; what is missing to width is free.

    Rounding the running sum keeps the whole bar's length right.
    """
    limit = max(1, context.budget.limit)
    bar: list[tuple[str, int]] = []
    seen = drawn = 0
    for kind, tokens in by_kind(context).items():
        seen += tokens
        count = min(width, round(seen * width / limit)) - drawn
        bar.append((kind, count))
        drawn += count
    return bar


def shortened(text: str, width: int) -> str:
    """The text on one line, with an ellipsis where it is longer than ``width``."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: max(0, width - 1)] + "…"
