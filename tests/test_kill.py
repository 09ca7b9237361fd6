"""The writing process is killed, at random and at every named place: nothing is lost, no step is
half there. The same file is written on by the next process, killed again, and so on."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.crash import shim
from tests.crash.chat import CALLS, PLACES
from tests.crash.checks import Expected, check_file

pytestmark = pytest.mark.no_replay  # the checks replay

ACTIONS = 60
KILLS_PER_FILE = 25


def die(path: Path, durability: str, seed: int, place: str, nth: int, expected: Expected) -> bool:
    """Run a child that is to die; True where it did. What it acknowledged is expected now."""
    child = shim.start("chat", path, durability, seed, ACTIONS, place, nth, folder=path.parent)
    timer = None
    if place == "any time":
        timer = threading.Timer(nth / 1000, os.kill, (child.pid, signal.SIGKILL))
        timer.start()
    out, err = child.communicate(timeout=120)
    if timer is not None:
        timer.cancel()
    assert child.returncode in (0, -signal.SIGKILL), err
    # The last line may be half there: then nobody has read it.
    for line in out.splitlines(keepends=True):
        if line.endswith("\n"):
            expected.add(json.loads(line))
    return child.returncode != 0


def kill_often(tmp_path: Path, kills: int, seed: int) -> Counter[str]:
    """Dies at each place in turn, then anywhere."""
    rng = random.Random(seed)
    died = Counter[str]()
    number = 0
    while died.total() < kills:
        if died.total() % KILLS_PER_FILE == 0:
            folder = tmp_path / f"home{died.total()}"
            folder.mkdir(exist_ok=True)
            expected = Expected()
        places = [*PLACES, *CALLS, "any time"]
        place = places[number] if number < len(places) else rng.choice([*places, *CALLS] * 2)
        nth = rng.randint(1, 3)
        if place in CALLS:
            nth = rng.randint(1, rng.choice([40, 1500, 5000]))
        elif place == "any time":
            nth = rng.randint(200, 1000)
        number += 1
        path = folder / "agents.db"
        durability = rng.choice(["full", "process"])
        if die(path, durability, seed * 10_000 + number, place, nth, expected):
            died[place] += 1
        try:
            expected = check_file(path, expected, folder.with_suffix(".world"))
        except Exception as error:
            raise AssertionError(f"kill {died.total()}: {place}, {nth}, {durability}") from error
        assert number < 3 * kills + 20, f"too few deaths: {died}"
    return died


def test_kills(tmp_path: Path) -> None:
    died = kill_often(tmp_path, 25, 1)
    assert died.total() == 25


@pytest.mark.slow
def test_five_hundred_kills(tmp_path: Path) -> None:
    died = kill_often(tmp_path, 500, 2)
    assert set(died) == {*PLACES, *CALLS, "any time"}
