"""Recorded conversations of weeks in a small window: is what was said still there when asked?

    python benchmarks/perpetual_chat.py DATA [--context-window 4096] [--model offline]
                                             [--min-evidence X] [--conversations N]

Plays each conversation of DATA (a JSON file in LoCoMo's layout) through agent.send, with its own
dates and speakers, into an agent of its own; closes the process, opens the file in a new one, and
asks every question of categories 1 to 4 that has usable evidence, each on a fresh copy of the file.
What is measured and how is told in benchmarks/README.md. The last line of the output is JSON.

Exits with 1 if a message is lost, a block or a context is over its limit, or evidence_hit is under
--min-evidence; with 2 if DATA or the options cannot be used.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import tempfile
from pathlib import Path

from perpetual import report
from perpetual.sessions import Setting
from perpetual.transcript import BadData, read_conversations
from perpetual.workers import Watch, Workers, WorkFailed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA", help="a JSON file in LoCoMo's layout")
    parser.add_argument("--context-window", type=int, default=4096, help="tokens (4096)")
    parser.add_argument("--model", default="offline", help="a model's handle (offline)")
    parser.add_argument("--min-evidence", type=_number, help="fail if evidence_hit is less")
    parser.add_argument("--conversations", type=_count, help="only the first so many")
    return parser.parse_args()


def _number(text: str) -> float:
    number = float(text)
    if math.isnan(number):
        raise ValueError(text)
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def main() -> int:
    options = parse_arguments()
    setting = Setting(options.model, options.context_window)
    try:
        conversations = read_conversations(options.data)[: options.conversations]
        with tempfile.TemporaryDirectory() as folder, Watch() as watch:
            results = Workers(setting, Path(folder), watch).run(conversations)
    except (BadData, WorkFailed) as error:
        print(f"perpetual_chat: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("perpetual_chat: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    runs = [(c, *result) for c, result in zip(conversations, results, strict=True)]
    total = report.figures(runs, setting)
    print("\n".join(report.lines(runs, setting)))
    failed = report.failures(total, options.min_evidence)
    for line in failed:
        print(f"perpetual_chat: {line}", file=sys.stderr)
    sys.stdout.flush()
    print(json.dumps({
        "conversations": [report.of_conversation(run, setting) for run in runs],
        "total": total,
    }))  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
