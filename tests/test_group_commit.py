"""Commits of many threads reach the disk together: all of it is there, and the trouble of one is
nobody else's. (In the children of crash/team.py the disk is slow, fails or fills up.)"""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import memgpt
import pytest
from memgpt.testing import ScriptedLLM

from tests.crash import shim
from tests.crash.disk import FATES, Disk, events, write_image
from tests.crash.team import check_words, echo

THREADS = 8


def at_once(work: Callable[[int], object], count: int = THREADS) -> list[Exception | None]:
    """Runs it on so many threads; what each of them raised."""
    raised: list[Exception | None] = [None] * count

    def run(number: int) -> None:
        try:
            work(number)
        except Exception as error:
            raised[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def team(home: memgpt.Home, count: int = THREADS) -> list[memgpt.Agent]:
    return [home.create_agent(f"a{number}", model=ScriptedLLM(echo)) for number in range(count)]


def transactions(home: memgpt.Home) -> int:
    """Those in the WAL, which no checkpoint has moved into the file yet."""
    wal = Path(f"{home.path}-wal").read_bytes()
    size = 24 + struct.unpack_from(">I", wal, 8)[0]
    frames = [wal[at : at + 24] for at in range(32, len(wal) - size + 1, size)]
    # Of each the size of the file after the commit, 0 within a transaction; then the WAL's salt.
    return sum(frame[8:16] == wal[16:24] and frame[4:8] != bytes(4) for frame in frames)


class Other:
    """Another process that works on the file with SQLite."""

    CODE = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    db.execute(line)
    print("done", flush=True)
"""

    def __init__(self, path: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.CODE, path], stdin=pipe, stdout=pipe, text=True
        )

    def execute(self, *lines: str) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        for line in lines:
            print(" ".join(line.split()), file=self.process.stdin, flush=True)
            assert self.process.stdout.readline() == "done\n"

    def end(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0


@pytest.fixture
def other(home: memgpt.Home) -> Iterator[Other]:
    process = Other(home.path)
    yield process
    process.end()


def while_locked(other: Other, *work: Callable[[], object]) -> list[Exception | None]:
    """All of it while another process writes, so that the commits come together."""
    other.execute("BEGIN IMMEDIATE")
    unlock = threading.Timer(0.5, lambda: other.execute("COMMIT"))
    unlock.start()
    raised = at_once(lambda number: work[number](), len(work))
    unlock.join()
    return raised


def test_many_agents_write_in_parallel(home):
    """Whatever they do: messages, edits, forks, undo."""
    agents = team(home)

    def work(number: int) -> None:
        agent = agents[number]
        for turn in range(5):
            agent.send(f"Question w{turn}")
            agent.memory["human"].value = f"Asked {turn} times."
            agent.save(f"turn {turn}")
            fork = agent.fork(f"{agent.name} {turn}")
            fork.send(f"Question w{turn}f")
            agent.undo()
            agent.redo()
            agent.archival.insert(f"Passage {turn}")

    assert at_once(work) == [None] * THREADS
    assert len(home.agents()) == THREADS * 6
    for agent in agents:
        assert len(agent.archival) == 5 and len(agent.tags()) == 5
        assert agent.memory["human"].value == "Asked 4 times."
        texts = [m.text for m in agent.recall.messages(0, 1000) if m.role == "user"]
        assert texts == [f"Question w{turn}" for turn in range(5)]
    check_words(home, {agent.name: [f"w{turn}" for turn in range(5)] for agent in agents})


def test_commits_that_wait_go_together(home, other):
    agents = team(home)
    before = transactions(home)
    work = [lambda agent=agent: agent.archival.insert("A passage") for agent in agents]
    assert while_locked(other, *work) == [None] * THREADS
    # The first one may have begun before the others came.
    assert 1 <= transactions(home) - before <= THREADS // 2
    assert [len(agent.archival) for agent in agents] == [1] * THREADS


@pytest.mark.parametrize("how", ["ABORT", "FAIL", "ROLLBACK"])
def test_a_commit_that_fails_takes_nobody_with_it(home, other, how):
    """ROLLBACK: SQLite itself takes back the whole transaction, as it may when a disk fails."""
    agents = team(home)
    other.execute(
        f"""CREATE TRIGGER refuse AFTER INSERT ON message WHEN NEW.text LIKE '%poison%'
        BEGIN SELECT RAISE({how}, 'no poison here'); END"""
    )
    before = transactions(home)

    def work(agent: memgpt.Agent, last: str) -> Callable[[], object]:
        items = [{"text": text, "time": "2024-05-08"} for text in ("A goose came by.", last)]
        return lambda: agent.recall.import_transcript(items)

    lasts = ["poison" if number in (2, 5) else "It left." for number in range(THREADS)]
    raised = while_locked(other, *map(work, agents, lasts))
    other.execute("DROP TRIGGER refuse")
    assert transactions(home) - before <= 2 + THREADS  # one each, where all was taken back
    for agent, last, error in zip(agents, lasts, raised, strict=True):
        if last == "poison":
            assert isinstance(error, memgpt.StoreError) and "no poison here" in str(error)
        else:
            assert error is None
        assert bool(agent.recall.search("goose")) == (error is None)
        assert len(agent.recall) == 2 * (error is None)
        agent.send("Question w1")
    check_words(home, {agent.name: ["w1"] for agent in agents})


def test_a_conflict_takes_nobody_with_it(home, other):
    """Another process moves the head of one agent while the models answer."""
    arrived = threading.Barrier(THREADS + 1)
    go_on = threading.Event()

    def answer(context: memgpt.Context) -> dict[str, object]:
        if not go_on.is_set():
            arrived.wait(60)
            assert go_on.wait(60)
        return echo(context)

    agents = [home.create_agent(f"a{n}", model=ScriptedLLM(answer)) for n in range(THREADS)]

    def move() -> None:
        arrived.wait(60)
        other.execute(
            "BEGIN IMMEDIATE", "UPDATE agent SET head_seq = head_seq - 1 WHERE name = 'a3'"
        )
        go_on.set()
        time.sleep(0.5)
        other.execute("COMMIT")

    def work(number: int) -> object:
        if number == THREADS:
            return move()
        return agents[number].send("Question w1")

    raised = at_once(work, THREADS + 1)
    assert [number for number, error in enumerate(raised) if error] == [3]
    assert isinstance(raised[3], memgpt.errors.Conflict)
    assert [m.text for m in agents[3].recall.messages(0, 100)] == []
    agents[3].send("Question w2")
    words = {agent.name: ["w1"] for agent in agents}
    check_words(home, {**words, "a3": ["w2"]})


def test_names_that_are_wanted_at_once_are_given_once(home, other):
    work = [lambda: home.create_agent("sam", model=ScriptedLLM(echo)) for _ in range(THREADS)]
    raised = while_locked(other, *work)
    assert raised.count(None) == 1
    assert all(isinstance(e, memgpt.errors.AlreadyExists) for e in raised if e is not None)
    assert home.agents() == ["sam"]


SENDER = """
import sys, time
import memgpt
from memgpt.testing import ScriptedLLM
from tests.crash.team import echo
with memgpt.open(sys.argv[1], durability="process") as home:
    agent = home.create_agent("sam", model=ScriptedLLM(echo), exist_ok=True)
    for turn in range(20):
        agent.send(f"Question wother{turn}")
        time.sleep(0.03)  # the other one asks for its turn each 20 ms
"""


def test_what_another_process_wrote_is_seen_while_this_one_writes(kit, home, monkeypatch):
    """Neither of them writes behind a head that the other has moved: that would be a conflict."""
    monkeypatch.setenv("PYTHONPATH", str(shim.ROOT))
    others = team(home, 3)
    sam = home.create_agent("sam", model=ScriptedLLM(echo))
    child = kit.start(SENDER, home.path)

    own: list[str] = []

    def work(number: int) -> None:
        while child.poll() is None:
            if number < len(others):
                others[number].archival.insert("A passage")
                continue
            sam.send(f"Question wown{len(own)}")
            own.append(f"wown{len(own)}")
            time.sleep(0.01)

    assert at_once(work, 4) == [None] * 4
    assert child.communicate()[1] == "" and child.returncode == 0
    check_words(home, {"sam": [*own, *(f"wother{turn}" for turn in range(20))]})


def run_child(scenario: str, folder: Path, record: Path | None = None) -> dict[str, int]:
    child = shim.start("team", scenario, folder, folder=folder, record=record)
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    return json.loads(out.splitlines()[-1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


def test_many_threads_wait_for_the_disk_together(folder):
    found = run_child("many", folder)
    assert found["commits"] == 16 * 10 * 2 and found["errors"] == 0
    assert found["syncs"] < found["commits"] / 4


def test_one_thread_waits_for_each_of_its_commits(folder):
    found = run_child("one", folder)
    assert found["syncs"] >= found["commits"] == 10 * 2


@pytest.mark.no_replay
def test_a_sync_that_fails_is_made_good(folder):
    """Who was in the group that failed is written again: at most a lone one is told."""
    found = run_child("failing_syncs", folder)
    assert found["failed"] == 6 > found["errors"]


@pytest.mark.no_replay
@pytest.mark.parametrize("scenario", ["a_long_failure", "full"])
def test_a_disk_that_fails_for_all_is_told_to_each(folder, scenario):
    found = run_child(scenario, folder)
    assert found["errors"] > 16 and found["failed"] > 0


@pytest.mark.no_replay
@pytest.mark.parametrize("scenario", ["chat", "failing_syncs"])
def test_what_was_acknowledged_survives_a_power_cut(folder, tmp_path, scenario):
    run_child(scenario, folder, tmp_path / "record")
    recorded = events(tmp_path / "record")
    rng = random.Random(1)
    cuts = sorted(rng.sample(range(len(recorded)), 12))
    disk, acknowledged = Disk(folder), dict[str, list[str]]()
    for at, event in enumerate(recorded):
        if at in cuts:
            image = tmp_path / f"cut {at}"
            write_image(disk.image(rng.choice(FATES), rng), image, rng)
            with memgpt.open(image / "agents.db") as home:
                check_words(home, acknowledged)
                assert set(acknowledged) <= set(home.agents())
        disk.apply(event)
        if event.what == "m":
            name, word = json.loads(event.data)
            acknowledged.setdefault(name, []).append(word)
    assert acknowledged
