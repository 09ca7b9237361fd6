"""The process is killed while it exports or imports: both files are whole, with or without it."""

from __future__ import annotations

import random
import shutil
import signal
from pathlib import Path
from typing import Any

import memgpt
import pytest

from tests.conftest import CheckedLLM, say
from tests.crash import shim

pytestmark = pytest.mark.no_replay  # the checks replay


def carry(what: str, file: Path, export: Path, when: str, nth: int) -> str:
    """What the child printed; empty where it died."""
    child = shim.start("carrier", what, file, export, when, nth, folder=file.parent)
    out, err = child.communicate(timeout=120)
    assert child.returncode in (0, -signal.SIGKILL), err
    return out.strip()


def sound(home: memgpt.Home) -> None:
    assert home.check(replay=True) == []


def log_of(agent: memgpt.Agent) -> list[Any]:
    return [(m.id, m.text) for m in agent.recall.messages(0, 9999)]


def made(folder: Path) -> tuple[Path, Path, list[Any]]:
    """A home whose agent was exported and went on since; the export, and the log then."""
    file, export = folder / "agents.db", folder / "sam.memgpt"
    with memgpt.open(file, durability="process") as home:
        agent = home.create_agent("sam", model=CheckedLLM(lambda context: say("Yes.")))
        for i in range(5):
            agent.send(f"Message {i}.")
            agent.archival.insert(f"Passage {i}.")
        agent.export(export)
        log = log_of(agent)
        agent.send("After the export.")
    return file, export, log


def kill_exports(folder: Path, kills: int, seed: int) -> None:
    file, export, old_log = made(folder)
    first = folder / "first.memgpt"
    shutil.copyfile(export, first)
    calls = int(carry("export", file, export, "before", 0))
    assert calls > 10
    with memgpt.open(file, durability="process") as home:
        new_log = log_of(home.agent("sam"))
    chance, died = random.Random(seed), 0
    for number in range(kills):
        shutil.copyfile(first, export)
        # Each of the last calls in turn: there the file gets its name.
        nth = calls - number if number < 12 else chance.randint(1, calls)
        died += carry("export", file, export, chance.choice(["before", "half", "after"]), nth) == ""
        with memgpt.open(file, durability="process") as home:
            sound(home)
            assert log_of(home.agent("sam")) == new_log
        with memgpt.open(":memory:") as home:
            log = log_of(home.import_agent(export))
            assert log in (old_log, new_log), nth
            sound(home)
    assert died > kills * 3 // 4
    # What those who were killed have left goes with the next export.
    assert carry("export", file, export, "before", 0)
    assert list(folder.glob("*.part*")) == []


def kill_imports(folder: Path, kills: int, seed: int) -> None:
    _, export, log = made(folder)
    other = folder / "other.db"
    with memgpt.open(other, durability="process") as home:
        resident = home.create_agent("resident", model=CheckedLLM([]))
        resident.archival.insert("Mine.")
    calls = int(carry("import", other, export, "before", 0))
    chance, died, there = random.Random(seed), 0, 0
    for number in range(kills):
        with memgpt.open(other, durability="process") as home:
            if "sam" in home.agents():
                there += 1
                assert log_of(home.agent("sam")) == log or number == 0
                home.delete_agent("sam")
                home.purge(deleted=True)
            sound(home)
            assert home.agents() == ["resident"] and len(home.agent("resident").archival) == 1
        when = chance.choice(["before", "half", "after"])
        died += carry("import", other, export, when, chance.randint(1, calls)) == ""
    assert died > kills // 2


def test_killed_exports(tmp_path: Path) -> None:
    kill_exports(tmp_path, 16, 1)


def test_killed_imports(tmp_path: Path) -> None:
    kill_imports(tmp_path, 8, 1)


@pytest.mark.slow
def test_many_killed_exports_and_imports(tmp_path: Path) -> None:
    for i, kill in enumerate((kill_exports, kill_imports)):
        folder = tmp_path / str(i)
        folder.mkdir()
        kill(folder, 120, 2)
