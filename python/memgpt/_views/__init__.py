"""What people look at: agents, contexts, responses, memory and search hits, as HTML and as text.

Imported when something is shown. Nothing here raises: in a notebook a view that fails hides what
happened, so that a closed home, for example, is shown as such.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from memgpt._views import budget, cards, evaluation, explain, recompile, replay, spans, text, turns
from memgpt._views.html import div, prose, span, view, visible

if TYPE_CHECKING:
    from memgpt.memory import MemoryModule

P = ParamSpec("P")
S = TypeVar("S")


def _title(what: object) -> str:
    kind = type(what).__name__
    try:
        return f"{kind} {what.name}"  # type: ignore[attr-defined]
    except Exception:  # it has none, or cannot tell it
        return kind


def _safe_html(make: Callable[P, str]) -> Callable[P, str]:
    @wraps(make)
    def shown(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return str(make(*args, **kwargs))
        except Exception as error:
            title = _title(args[0])
            head = div("head", span("title", title), span("bad", "cannot be shown"))
            return str(view(title, head, prose(reason(error), 1000)))

    return shown


def _safe_text(make: Callable[Concatenate[S, P], str]) -> Callable[Concatenate[S, P], str]:
    @wraps(make)
    def shown(what: S, *args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return visible(make(what, *args, **kwargs))
        except Exception as error:
            return f"<{type(what).__name__}: {reason(error)}>"

    return shown


def reason(error: Exception) -> str:
    """Why something cannot be shown."""
    return f"{type(error).__name__}: {error}"


agent_html = _safe_html(cards.agent_html)
archive_html = _safe_html(cards.archive_html)
memory_html = _safe_html(lambda memory: cards.memory_html(memory._core.blocks()))
context_html = _safe_html(spans.context_html)
response_html = _safe_html(turns.response_html)
message_html = _safe_html(turns.message_html)
passage_html = _safe_html(turns.passage_html)
hits_html = _safe_html(turns.hits_html)
hit_html = _safe_html(turns.hit_html)
agent_text = _safe_text(text.agent_text)
response_text = _safe_text(text.response_text)
message_text = _safe_text(text.message_text)
home_text = _safe_text(text.home_text)
hits_text = _safe_text(text.hits_text)
results_html = _safe_html(evaluation.results_html)
results_text = _safe_text(evaluation.results_text)
explanation_html = _safe_html(explain.explanation_html)
explanation_text = _safe_text(explain.explanation_text)
difference_html = _safe_html(explain.difference_html)
difference_text = _safe_text(explain.difference_text)
budget_html = _safe_html(budget.budget_html)
budget_text = _safe_text(budget.budget_text)
recompilation_html = _safe_html(recompile.recompilation_html)
recompilation_text = _safe_text(recompile.recompilation_text)
replay_html = _safe_html(replay.replay_html)
replay_text = _safe_text(replay.replay_text)
divergence_text = _safe_text(replay.divergence_text)


@_safe_html
def module_html(module: MemoryModule) -> str:
    """A memory block's handle."""
    return cards.block_html(module._read())
