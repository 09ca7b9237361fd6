"""A turn on the screen while it is under way."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

import memgpt
from memgpt._core import Message
from memgpt.cli import look

__all__ = ["show_stream"]

_SPOKEN, _THOUGHT = "🤖", "💭"


class _Line:
    """Pieces of one kind after each other, begun with their sign."""

    def __init__(self, screen: look.Screen) -> None:
        self._screen = screen
        self._sign = ""
        self.seen: set[str] = set()  # signs of what was shown in this step

    def add(self, sign: str, text: str, style: str) -> None:
        if sign != self._sign:
            self.end()
            self._sign = sign
            self._screen.print(Text(f"{sign} ", style), end="")
        self.seen.add(sign)
        self._screen.print(Text(text, style), end="")

    def end(self) -> None:
        if self._sign:
            self._screen.print()
        self._sign = ""


def show_stream(screen: look.Screen, events: Iterable[memgpt.Event]) -> memgpt.Response:
    """Show thoughts and words as they are written, calls and results when they are done.

    Raises:
        Exception: what the turn raises.
    """
    line = _Line(screen)
    step: list[Message] = []
    response: memgpt.Response | None = None
    try:
        for event in events:
            if event.type == "text":
                line.add(_SPOKEN, event.text, "yellow")
            elif event.type == "reasoning":
                line.add(_THOUGHT, event.text, "dim italic")
            elif event.type == "discard":
                line.end()
                screen.print(Text("(void: that was not said)", "dim"))
            elif event.message is not None:
                step.append(event.message)
            if event.type in ("step", "done"):
                line.end()
                for whole in look.turn_lines(step):
                    if whole.plain[:1] not in line.seen:
                        screen.print(whole)
                step, line.seen = [], set()
            if event.type == "done":
                response = event.response
    finally:
        line.end()
    assert response is not None  # the last event of a turn that raised nothing
    return response
