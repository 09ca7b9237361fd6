"""A child that files, deletes, indexes, compacts and gives its agent another embedder, and may die.

    python -m tests.crash.filer FILE WHEN NTH

It dies at the NTH call that changes a file, WHEN: before, half, after; NTH 0: it lives, and prints
how many such calls there were. A line "+text", "-text" or "wide" is an acknowledged change.
"""

from __future__ import annotations

import sys

import memgpt

from tests.crash.shim import Faults
from tests.test_vectors import EXACT, Topics, Wide, nearest, texts, vector_of

FIRST, SECOND = texts(1600), texts(400, 1600)


def main(file: str, when: str, nth: int) -> None:
    faults = Faults()
    with memgpt.open(file, durability="process", exact_search=EXACT) as home:
        agent = home.create_agent("sam", embedding=Topics())
        before = faults.calls
        if nth > 0:
            faults.kill(nth, when)  # type: ignore[arg-type]

        def search(width: int = Topics.dimension) -> None:
            nearest(agent, vector_of("1:question", width))
            home._core.wait_for_background()

        def tell(*lines: str) -> None:
            print(*lines, sep="\n", flush=True)

        filed = agent.archival.insert_many(FIRST)
        tell(*(f"+{text}" for text in FIRST))
        search()  # lists, and a snapshot of them
        for passage in filed[::3]:
            agent.archival.delete(passage)
            tell(f"-{passage.text}")
        search()  # made anew without those
        agent.archival.insert_many(SECOND)
        tell(*(f"+{text}" for text in SECOND))
        search()
        agent.reembed(Wide()).wait()
        tell("wide")
        search(Wide.dimension)
        tell(str(faults.calls - before))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
