"""A child that exports the agent of a file, or imports one into it, and may die on the way.

    python -m tests.crash.carrier export|import FILE EXPORT WHEN NTH

It dies at the NTH call that changes a file, WHEN: before, half, after; NTH 0: it lives, and prints
how many such calls there were.
"""

from __future__ import annotations

import sys

import memgpt

from tests.crash.shim import Faults


def main(what: str, file: str, export: str, when: str, nth: int) -> None:
    faults = Faults()
    with memgpt.open(file) as home:
        before = faults.calls
        if nth > 0:
            faults.kill(nth, when)  # type: ignore[arg-type]
        if what == "export":
            home.agent("sam").export(export, overwrite=True)
        else:
            home.import_agent(export)
        print(faults.calls - before, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]))
