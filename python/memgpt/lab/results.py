"""What an evaluation found, as rows, as a table, as a picture."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from memgpt._report import Report
from memgpt.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["METRICS", "Results"]

METRICS = ("evidence in window", "evidence with search", "stale in window", "stale with search")


class Results(Report):
    """The values of each question, by policy, budget and metric; see :func:`evaluate`.

    All policies are asked the same questions in the same order.
    """

    _view = "results"

    def __init__(
        self, dataset: str, seed: int, policies: tuple[str, ...], budgets: tuple[int, ...]
    ) -> None:
        self.dataset = dataset
        self.seed = seed
        self.policies = policies
        self.budgets = budgets
        self._values: dict[tuple[str, int, str], list[float]] = {}

    def add(self, policy: str, budget: int, metric: str, value: float) -> None:
        """Note what a question came to."""
        self._values.setdefault((policy, budget, metric), []).append(value)

    def values(self, policy: str, budget: int, metric: str = METRICS[0]) -> list[float]:
        """One value for each question.

        Raises:
            ConfigError: for what was not measured; says what was.
        """
        try:
            return list(self._values[policy, budget, metric])
        except KeyError:
            raise ConfigError(
                f"{metric!r} of {policy!r} at {budget} was not measured; there are the policies "
                f"{list(self.policies)}, the budgets {list(self.budgets)} and {self.metrics}"
            ) from None

    def mean(self, policy: str, budget: int, metric: str = METRICS[0]) -> float:
        """The mean over the questions. Raises ConfigError as :meth:`values` does."""
        values = self.values(policy, budget, metric)
        return sum(values) / len(values)

    def difference(
        self,
        policy: str,
        other: str,
        budget: int,
        metric: str = METRICS[0],
        *,
        rounds: int = 1000,
    ) -> tuple[float, float, float]:
        """By how much a policy's mean is above another's, and a 95 % confidence interval of that.

        The interval is a paired bootstrap over the questions; those of one conversation are not
        quite independent, so that it is rather too narrow than too wide.

        Raises:
            ConfigError: for what was not measured.
        """
        pairs = zip(
            self.values(policy, budget, metric), self.values(other, budget, metric), strict=True
        )
        gains = [one - two for one, two in pairs]
        rng = random.Random(0)
        means = sorted(sum(rng.choices(gains, k=len(gains))) / len(gains) for _ in range(rounds))
        low, high = means[int(0.025 * rounds)], means[min(rounds - 1, int(0.975 * rounds))]
        return sum(gains) / len(gains), low, high

    @property
    def metrics(self) -> list[str]:
        """What was measured."""
        there = {metric for _, _, metric in self._values}
        return [metric for metric in METRICS if metric in there]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict for each policy, budget and metric: dataset, policy, budget, seed, metric,
        value (the mean over the questions) and n (the questions)."""
        return [
            {
                "dataset": self.dataset,
                "policy": policy,
                "budget": budget,
                "seed": self.seed,
                "metric": metric,
                "value": self.mean(policy, budget, metric),
                "n": len(self._values[policy, budget, metric]),
            }
            for metric in self.metrics
            for policy in self.policies
            for budget in self.budgets
        ]

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows."""
        return self.rows

    def table(self) -> str:
        """A table for each metric: policies in lines, budgets in columns."""
        return "\n\n".join("\n".join(self._lines(metric)) for metric in self.metrics)

    def _lines(self, metric: str) -> list[str]:
        width = max(map(len, self.policies))
        heads = "".join(f"{budget:>9,}" for budget in self.budgets)
        lines = [self._title(metric), " " * width + heads]
        for policy in self.policies:
            cells = "".join(f"{self.mean(policy, b, metric):9.3f}" for b in self.budgets)
            lines.append(f"{policy:<{width}}{cells}")
        return lines

    def _title(self, metric: str) -> str:
        count = len(self._values[self.policies[0], self.budgets[0], metric])
        return f"{metric}, by tokens for messages ({self.dataset}, {count} questions)"

    def __repr__(self) -> str:
        return (
            f"<Results of {self.dataset}: {len(self.policies)} policies, {len(self.budgets)} "
            f"budgets, {', '.join(self.metrics)}>"
        )

    def plot(self, metric: str = METRICS[0], axes: Axes | None = None) -> Figure:
        """Draw a metric against the budget; needs matplotlib (``memgpt-cpp[plots]``).

        Args:
            metric: one of ``metrics``.
            axes: where to draw; a new figure if None.

        Raises:
            ConfigError: where matplotlib is missing, or for a metric that was not measured.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ConfigError("plots need matplotlib: pip install 'memgpt-cpp[plots]'") from error
        if axes is None:
            axes = Figure(figsize=(6, 4), layout="constrained").subplots()
        assert axes is not None
        for policy in self.policies:
            means = [self.mean(policy, budget, metric) for budget in self.budgets]
            axes.plot(self.budgets, means, marker="o", label=policy)
        axes.set_xscale("log", base=2)
        axes.set_xticks(self.budgets, [f"{budget:,}" for budget in self.budgets])
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel("tokens for messages")
        axes.set_ylabel(f"{metric}, share")
        axes.set_title(self.dataset)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
        return axes.get_figure(root=True)  # type: ignore[return-value]
