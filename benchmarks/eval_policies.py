"""Which evidence each memory policy leaves in the context of recorded conversations.

    python benchmarks/eval_policies.py DATA [--budgets 2000 4000 8000 16000] [--seed 0]
                                            [--conversations N] [--plot FILE] [--json FILE]

DATA is a JSON file in LoCoMo's layout; asked are its questions of categories 1 to 4 that have
usable evidence. No model answers: what is measured is told in benchmarks/README.md. Exits with 2
if DATA or the options cannot be used, or a file not written.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import memgpt
from memgpt import lab
from memgpt.errors import ConfigError


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA", help="a JSON file in LoCoMo's layout")
    parser.add_argument("--budgets", type=int, nargs="+", default=[2000, 4000, 8000, 16000])
    parser.add_argument("--seed", type=int, default=0, help="of the random policy (0)")
    parser.add_argument("--conversations", type=int, help="only the first so many")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it (.svg, .png, .pdf)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    options = parser.parse_args()
    try:
        run(options)
    except (lab.BadData, ConfigError, OSError, ValueError) as error:
        print(f"eval_policies: {error}", file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace) -> None:
    """Evaluate, print, draw."""
    conversations = lab.read_conversations(options.data, options.conversations)
    # The thresholds decide how full a window is on average, so that policies are compared at the
    # same ones; the last two show what the thresholds alone do.
    policies = {
        "RecursiveSummary": memgpt.RecursiveSummary(),
        "Importance": memgpt.Importance(),
        "SlidingWindow .95 .85": memgpt.SlidingWindow(evict_at=0.95, evict_to=0.85),
        "Importance .95 .85": memgpt.Importance(evict_at=0.95, evict_to=0.85),
    }
    results = lab.evaluate(
        policies, conversations, options.budgets, seed=options.seed, dataset=options.data.stem
    )
    turns = sum(len(conversation.turns) for conversation in conversations)
    print(
        f"{len(conversations)} conversations, {turns:,} turns; no model: evidence, not accuracy\n"
    )
    print(results.table())
    print(f"\nabove {lab.FIFO}, evidence in window (95 % paired bootstrap over questions)")
    for name in policies:
        for budget in results.budgets:
            gain, low, high = results.difference(name, lab.FIFO, budget)
            print(f"{name:22}{budget:>8,}  {gain:+.3f}  [{low:+.3f}, {high:+.3f}]")
    if options.json:
        options.json.write_text(json.dumps(results.rows, indent=1) + "\n")
    if options.plot:
        draw(results, options.plot)


def draw(results: lab.Results, path: Path) -> None:
    """The two kinds of evidence, side by side."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("--plot needs matplotlib: pip install 'memgpt-cpp[plots]'") from error
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for metric, axes in zip(results.metrics[:2], figure.subplots(1, 2), strict=True):
        results.plot(metric, axes)
    figure.savefig(path)


if __name__ == "__main__":
    sys.exit(main())
