"""The power is cut: what was acknowledged is on the disk, and the file is sound.

A child chats on a disk that records what it is told (crash/faults.cpp); the files are made as they
would be after a cut at any of its calls (crash/disk.py), and opened here.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.crash import shim
from tests.crash.checks import Expected, check_file
from tests.crash.disk import FATES, Disk, Event, Fate, events, write_image

pytestmark = pytest.mark.no_replay  # the checks replay; here lie hundreds of files


@dataclass
class Recording:
    """What a child wrote, and its acknowledgements."""

    folder: Path
    events: list[Event]

    def cuts(self, count: int, rng: random.Random) -> list[tuple[int, Fate]]:
        """Instants, some of them while the file is made and while the WAL goes into the file."""
        every = range(len(self.events))
        rare = [i for i in every if self.events[i].what in "tsuof" or self._in_file(i)]
        places = rng.choices(every, k=count - count // 3) + rng.choices(rare, k=count // 3)
        return sorted((place, rng.choice(FATES)) for place in places)

    def _in_file(self, index: int) -> bool:
        return self.events[index].path.endswith((".db", "-journal"))


def record(tmp_path: Path, durability: str, seed: int, actions: int, *more: object) -> Recording:
    folder = tmp_path / "disk"
    folder.mkdir()
    child = shim.start(
        "chat",
        folder / "agents.db",
        durability,
        seed,
        actions,
        *more,
        folder=folder,
        record=tmp_path / "record",
    )
    out, err = child.communicate(timeout=600)
    assert child.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["closed"]
    return Recording(folder, events(tmp_path / "record"))


def cut_and_check(tmp_path: Path, recording: Recording, cuts: list[tuple[int, Fate]], acked: bool):
    """Goes through the record once; `acked`: what was acknowledged before a cut is there."""
    rng = random.Random(len(cuts))
    disk = Disk(recording.folder)
    expected = Expected()
    done = 0
    for place, fate in cuts:
        for event in recording.events[done:place]:
            disk.apply(event)
            if event.what == "m" and acked:
                expected.add(json.loads(event.data))
        done = max(done, place)
        image = tmp_path / "image"
        write_image(disk.image(fate, rng), image, rng)
        try:
            check_file(image / "agents.db", expected)
        except Exception as error:
            raise AssertionError(f"cut at {place}, {fate}: {recording.events[place]}") from error
        for path in image.iterdir():
            path.unlink()
        image.rmdir()


def run(
    tmp_path: Path, durability: str, seed: int, actions: int, count: int, *more: object
) -> None:
    recording = record(tmp_path, durability, seed, actions, *more)
    cuts = recording.cuts(count, random.Random(seed))
    cut_and_check(tmp_path, recording, cuts, durability == "full")


@pytest.mark.parametrize("durability", ["full", "process"])
def test_power_cuts(tmp_path: Path, durability: str) -> None:
    run(tmp_path, durability, 1, 40, 40)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("durability", ["full", "process"])
def test_many_power_cuts(tmp_path: Path, durability: str, seed: int) -> None:
    """With checkpoints in the middle of the chat."""
    run(tmp_path, durability, 100 + seed, 250, 150)


def test_power_cuts_after_syncs_that_failed(tmp_path: Path) -> None:
    """A failed sync forgets what it was for: a commit that it belonged to was not acknowledged, and
    none is that comes to rest on it."""
    run(tmp_path, "full", 2, 40, 40, "flaky", 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_many_power_cuts_after_syncs_that_failed(tmp_path: Path, seed: int) -> None:
    run(tmp_path, "full", 200 + seed, 250, 150, "flaky", 0)


def test_the_disk_loses_what_was_not_synced(tmp_path: Path) -> None:
    """The simulator itself: without syncs there is something to lose, with them there is not."""
    disk = Disk(Path("/d"))
    steps: list[Any] = [
        ("o", 1, 1, "/d/a", b""), ("w", 1, 0, "/d/a", b"old" * 400), ("s", 1, 0, "/d/a", b""),
    ]  # fmt: skip
    rng = random.Random(0)
    for step in steps:
        disk.apply(Event(*step))
    assert disk.image("lost", rng) == {}, "a name lies in its folder, which was not synced"
    disk.apply(Event("s", 2, 0, "/d", b""))
    assert disk.image("lost", rng) == {"a": b"old" * 400}
    disk.apply(Event("w", 1, 0, "/d/a", b"new" * 400))
    assert disk.image("lost", rng) == {"a": b"old" * 400}
    assert disk.image("kept", rng) == {"a": b"new" * 400}
    mixed = [disk.image("mixed", rng)["a"] for _ in range(50)]
    assert any(b"old" in one and b"new" in one for one in mixed)
    disk.apply(Event("f", 1, 0, "/d/a", b""))
    assert disk.image("kept", rng) == {"a": b"old" * 400}, "a failed sync forgets"
    disk.apply(Event("u", 0, 0, "/d/a", b""))
    assert disk.image("lost", rng) and not disk.image("kept", rng)
