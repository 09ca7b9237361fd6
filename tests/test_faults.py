"""Disks that fail, fill up or may not be written, damaged files, a clock that goes wrong, and
several processes: a typed error that says what to do, nothing lost, and on again afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import memgpt
import pytest

from tests.crash import shim
from tests.crash.bad_disk import SCENARIOS
from tests.crash.chat import Chat, Places
from tests.crash.checks import check_log

pytestmark = pytest.mark.no_replay  # the children's checks replay


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that another user can get to, unlike pytest's."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        disk = Path(path) / "disk"
        disk.mkdir()
        yield disk


def run(scenario: str, folder: Path, *args: object) -> None:
    child = shim.start("bad_disk", scenario, folder, *args, folder=folder)
    out, err = child.communicate(timeout=600)
    assert child.returncode == 0, err
    assert json.loads(out) > 0


@pytest.mark.parametrize("scenario", [scenario.__name__ for scenario in SCENARIOS])
def test_a_bad_disk(folder: Path, scenario: str) -> None:
    run(scenario, folder)


@pytest.mark.slow
def test_a_thousand_damaged_files(folder: Path) -> None:
    run("damaged", folder, 1000)


def test_a_private_home_without_a_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    with pytest.raises(memgpt.StoreError, match=r"TMPDIR.*;"):
        memgpt.open(":memory:")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    memgpt.open(":memory:").close()


class Writers:
    """Processes that send to agents of one file at the same time."""

    def __init__(self, folder: Path, agents: list[str], seconds: float) -> None:
        self.path = folder / "agents.db"
        memgpt.open(self.path).close()
        self.children = [
            shim.start("writer", self.path, agent, number, seconds, folder=folder)
            for number, agent in enumerate(agents)
        ]

    def end(self) -> dict[str, list[str]]:
        """What was acknowledged, by agent; a child that was killed acknowledged what it printed."""
        acknowledged: dict[str, list[str]] = {}
        for child in self.children:
            out, err = child.communicate(timeout=300)
            assert child.returncode in (0, -signal.SIGKILL), err
            for line in out.splitlines(keepends=True):
                if line.endswith("\n"):
                    agent, word = line.split()
                    acknowledged.setdefault(agent, []).append(word)
        return acknowledged

    def check(self, acknowledged: dict[str, list[str]]) -> None:
        with memgpt.open(self.path) as home:
            for name, words in acknowledged.items():
                # A call that a kill has broken off has its return with the next message.
                chat = Chat(home, Places(), self.path.parent, name)
                chat.send("afterwards")
                agent = chat.agent
                log = agent.recall.messages(0, 1_000_000)
                check_log(log)
                assert [message.position for message in log] == list(range(len(log)))
                said = Counter(m.text for m in log if m.role == "user" and m.author == "user")
                answered = Counter(m.text for m in log if m.role == "assistant" and m.text)
                for word in words:
                    assert said[f"Question {word}: "] == 1 == answered[f"Answer {word}: "]
                # Each answer follows its question: no turn came in between.
                turns = [m.text.split()[1] for m in log if m.text.startswith(("Quest", "Answ"))]
                assert set(Counter(turns).values()) <= {1, 2}
                assert turns == [
                    word for word in dict.fromkeys(turns) for _ in range(Counter(turns)[word])
                ]
                assert agent.replay().first_divergence is None
        db = sqlite3.connect(self.path)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        db.close()


@pytest.mark.parametrize("agents", [["sam", "sam"], ["sam", "ann"]])
def test_two_processes_write_to_one_file(folder: Path, agents: list[str]) -> None:
    writers = Writers(folder, agents, 1.5)
    acknowledged = writers.end()
    assert set(acknowledged) == set(agents)
    writers.check(acknowledged)


@pytest.mark.slow
@pytest.mark.parametrize("agents", [["sam"] * 4, ["sam", "ann", "sam", "tom"]])
def test_processes_that_write_for_long_and_are_killed(folder: Path, agents: list[str]) -> None:
    writers = Writers(folder, agents, 12)
    rng = random.Random(1)
    for child in writers.children[1:3]:
        time.sleep(rng.uniform(2, 4))
        os.kill(child.pid, signal.SIGKILL)
    writers.check(writers.end())
