"""What fills an agent's window, and what would still fit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from memgpt._calls import CoreHandle
from memgpt._core import Context, CoreAgent, Message
from memgpt._report import Report
from memgpt._text import checked_number, checked_text
from memgpt._window import by_kind
from memgpt.errors import InvalidInput

__all__ = ["BudgetReport", "BudgetRow"]

_ENDLESS = 1 << 29  # tokens: more than any window has
# Kinds of which each piece has a row of its own, and what stands before its name.
_PIECES = {"tool_schema": "tool:", "memory_block": "block:"}


@dataclass(frozen=True)
class BudgetRow:
    """What a kind of span takes of the window, or one block or tool of it.

    Attributes:
        kind: the kind; ``overhead`` for the wire format's estimate.
        name: of a block or tool; empty in the row of the whole kind.
        tokens: what it takes.
        share: of the budget's limit.
        characters: of a block: what it holds.
        character_limit: of a block: what it may hold.
    """

    kind: str
    name: str
    tokens: int
    share: float
    characters: int | None = None
    character_limit: int | None = None


class BudgetReport(CoreHandle, Report):
    """An agent's window in tokens: what fills it, and what would still fit.

    The figures are those of the moment in which it was made; ``cost``, ``fits`` and ``room_for``
    ask the agent as it is when they are called.

    Attributes:
        context: the context that the figures are of: what the model would see now.
        rows: a :class:`BudgetRow` for each kind, those of its blocks or tools behind it. The rows
            of kinds add up to ``used``.
        limit: what the context may take: the window less the reply reserve, by the correction.
        used: what it takes.
        head_room: tokens until the limit.
        eviction_line: the tokens above which the agent's policy evicts.
        until_eviction: tokens until that line. A warning that the agent would be given first is in
            ``used`` already, so that ``fits`` may be true for a little more.
        reply_reserve: tokens that are kept for the reply.
        window: the model's window.
        correction: how many of the provider's tokens one of ours has been.
    """

    _view = "budget"

    def __init__(self, core: CoreAgent) -> None:
        super().__init__(core)
        self.context = self._core.context()
        budget = self.context.budget
        self.limit: int = budget.limit
        self.used: int = self.context.tokens
        self.head_room: int = max(0, self.limit - self.used)
        self.eviction_line: int = self._core.eviction_line()
        self.until_eviction: int = max(0, self.eviction_line - self.used)
        self.reply_reserve: int = budget.reply_reserve
        self.window: int = budget.context_window
        self.correction: float = budget.correction / 1000
        sizes = {block.label: (len(block.value), block.limit) for block in self._core.blocks()}
        self.rows = _rows(self.context, sizes)

    def cost(self, text: str) -> int:
        """What a user message with this text would take, its wire format included.

        Raises:
            InvalidInput: for text that UTF-8 cannot store.
        """
        return self._core.message_cost(checked_text(text, "the message"))

    def fits(self, text: str) -> bool:
        """Whether a user message with this text would be taken without that anything has to leave
        the window for it.

        Raises:
            InvalidInput: for text that UTF-8 cannot store.
        """
        return self._core.fits(checked_text(text, "the message"))

    def room_for(self, tokens: int) -> list[Message]:
        """The messages that would have to leave the window for so many tokens more, oldest first.

        Raises:
            InvalidInput: unless ``tokens`` is a whole number from 0.
            MessageTooLarge: where so many would not fit whatever goes.
            WindowFull: where the policy lets nothing go.
        """
        count = checked_number(tokens, "tokens", InvalidInput)
        return self._core.would_evict(min(count, _ENDLESS))

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as dicts, of values that JSON knows."""
        return [asdict(row) for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """The rows and the figures."""
        figures = {
            name: value for name, value in vars(self).items() if isinstance(value, int | float)
        }
        return figures | {"rows": self.to_dicts()}


def _rows(context: Context, sizes: dict[str, tuple[int, int]]) -> list[BudgetRow]:
    limit = max(1, context.budget.limit)
    rows = []
    for kind, tokens in by_kind(context).items():
        rows.append(BudgetRow(kind, "", tokens, tokens / limit))
        if kind not in _PIECES:
            continue
        for span in context.spans:
            if span.kind != kind:
                continue
            name = span.origin.removeprefix(_PIECES[kind])
            size = sizes.get(name, (None, None)) if kind == "memory_block" else (None, None)
            rows.append(BudgetRow(kind, name, span.tokens, span.tokens / limit, *size))
    return rows
