"""A child that sends to one agent, beside others that do, for so many seconds.

    python -m tests.crash.writer FILE AGENT NUMBER SECONDS

A line "agent word" on the standard output is an acknowledged send.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import memgpt

from tests.crash.chat import Chat, Places, call


def main(path: Path, name: str, number: int, seconds: float) -> None:
    with memgpt.open(path) as home:
        chat = Chat(home, Places(), path.with_suffix(f".{number}"), name)
        end = time.monotonic() + seconds
        turn = 0
        while time.monotonic() < end:
            turn += 1
            word = f"p{number}t{turn}"
            if turn % 7 == 0:
                chat.insert(word)
            chat.send(word, *[call("launch", where=word)][: turn % 3 == 0])
            print(name, word, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
