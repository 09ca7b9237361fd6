"""Recorded conversations of weeks in a small window: is what was said still there when asked?

    python benchmarks/perpetual_chat.py DATA [--context-window 4096] [--model offline]
                                             [--min-evidence X] [--min-prefix X]
                                             [--conversations N]

Plays each conversation of DATA (a JSON file in LoCoMo's layout) through agent.send, with its own
dates and speakers, into an agent of its own; closes the process, opens the file in a new one, and
asks every question of categories 1 to 4 that has usable evidence, each on a fork of its own.
What is measured and how is told in benchmarks/README.md. The last line of the output is JSON.

Exits with 1 if a message is lost, a block or a context is over its limit, replay finds a
divergence, evidence_hit is under --min-evidence or prefix_share under --min-prefix; with 2 if DATA
or the options cannot be used or the results not written.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from memgpt.lab.locomo import BadData, read_conversations
from perpetual import report
from perpetual.sessions import Setting
from perpetual.workers import STOPS, Watch, Workers, WorkFailed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA", help="a JSON file in LoCoMo's layout")
    parser.add_argument("--context-window", type=_count, default=4096, help="tokens (4096)")
    parser.add_argument("--model", default="offline", help="a model's handle (offline)")
    parser.add_argument("--min-evidence", type=_number, help="fail if evidence_hit is less")
    parser.add_argument("--min-prefix", type=_number, help="fail if prefix_share is less")
    parser.add_argument("--conversations", type=_count, help="only the first so many")
    return parser.parse_args()


def _number(text: str) -> float:
    with contextlib.suppress(ValueError):
        if math.isfinite(number := float(text)):
            return number
    raise argparse.ArgumentTypeError(f"not a number: {text!a}")


def _count(text: str) -> int:
    with contextlib.suppress(ValueError):
        if (number := int(text)) >= 1:
            return number
    raise argparse.ArgumentTypeError(f"not a whole number from 1: {text!a}")


def _stop(number: int, _frame: object) -> NoReturn:
    for stop in STOPS:
        signal.signal(stop, signal.SIG_IGN)  # a second one would leave the cleaning half done
    raise KeyboardInterrupt(number)


def run(options: argparse.Namespace) -> int:
    """Play and ask, print what came of it."""
    setting = Setting(options.model, options.context_window)
    conversations = read_conversations(options.data, options.conversations)
    with tempfile.TemporaryDirectory() as folder, Watch() as watch:
        results = Workers(setting, Path(folder), watch).run(conversations)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # quiet where the reader has gone, as head does
    runs = [(c, *result) for c, result in zip(conversations, results, strict=True)]
    total = report.figures(runs, setting)
    print("\n".join(report.lines(runs, setting)), flush=True)
    failed = report.failures(total, options.min_evidence, options.min_prefix)
    for line in failed:
        _say(line)
    print(json.dumps({
        "conversations": [report.of_conversation(run, setting) for run in runs],
        "total": total,
    }), flush=True)  # fmt: skip
    return 1 if failed else 0


def main() -> int:
    options = parse_arguments()
    for stop in STOPS:
        if signal.getsignal(stop) != signal.SIG_IGN:  # as nohup has it
            signal.signal(stop, _stop)
    try:
        return run(options)
    except (BadData, WorkFailed) as error:
        _say(str(error))
    except OSError as error:
        _say(str(error))
        # What is left unwritten would be tried again at the exit, and fail with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt as stopped:
        _say("interrupted")
        return 128 + stopped.args[0]
    return 2


def _say(line: str) -> None:
    with contextlib.suppress(OSError):
        print(f"perpetual_chat: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
