"""What came of a turn."""

from __future__ import annotations

from dataclasses import dataclass

from memgpt import _core
from memgpt._core import Message

__all__ = ["Response", "Usage"]


@dataclass(frozen=True)
class Usage:
    """Tokens of a turn: the provider's figures where it gave them, else ours."""

    prompt_tokens: int
    completion_tokens: int


class Response:
    """What came of one ``send()``; printing it prints what the agent said, and looking at it shows
    thoughts, calls and results, too.

    Attributes:
        text: what send_message said, joined by newlines.
        messages: all messages that the turn appended after the input.
        steps: model calls.
        usage: tokens.
        evicted: messages that left the window for the summary.
        stop_reason: ``end_turn``, ``max_steps``, ``no_tool_call`` or ``invalid_tool_call``.
    """

    def __init__(self, core: _core.CoreResponse) -> None:
        self.text: str = "\n".join(core.spoken)
        self.messages: list[Message] = list(core.messages)
        self.steps: int = core.steps
        self.usage = Usage(core.prompt_tokens, core.completion_tokens)
        self.evicted: int = core.evicted
        self.stop_reason: str = core.stop_reason

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        from memgpt import _views

        return _views.response_text(self)

    def _repr_html_(self) -> str:
        from memgpt import _views

        return _views.response_html(self)
