"""What an evaluation of policies found, as text and as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memgpt._views.html import Html, div, element, join, span, view

if TYPE_CHECKING:
    from memgpt.lab.results import Results


def results_text(results: Results) -> str:
    """The same tables."""
    return results.table()


def results_html(results: Results) -> str:
    """A table for each metric: policies in lines, budgets in columns."""
    head = div(
        "head", span("title", "Evaluation"), span("mute", f"{results.dataset}, no model asked")
    )
    return view("evaluation", head, *[_table(results, metric) for metric in results.metrics])


def _table(results: Results, metric: str) -> Html:
    count = len(results.values(results.policies[0], results.budgets[0], metric))
    heads = [element("th", f"{budget:,}", cls="number") for budget in results.budgets]
    lines = [element("tr", element("th", f"{metric} ({count} questions)"), *heads)]
    for policy in results.policies:
        means = [results.mean(policy, budget, metric) for budget in results.budgets]
        cells = [element("td", f"{mean:.3f}", cls="number") for mean in means]
        lines.append(element("tr", element("td", policy), *cells))
    return element("table", join(lines))
