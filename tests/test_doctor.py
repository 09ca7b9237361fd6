"""home.check() names every kind of damage, home.rebuild() drops what is derived."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import memgpt
import pytest

from tests.conftest import CheckedLLM, call, say
from tests.test_branches import Recorder

pytestmark = pytest.mark.no_replay  # what is damaged does not replay

WORDS = "the river ran past the old mill and the miller counted seven white geese on its bank "


@memgpt.tool
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


def make_life(path: Path) -> None:
    """Evictions, imports, forks, undo, tags, pins, calls with outside effects."""
    with memgpt.open(path, durability="process") as home:
        sam = home.create_agent("sam", model=Recorder(), context_window=4000, tools=[pay])
        sam.recall.import_transcript(
            [
                {"speaker": "Ann", "text": f"line {n}: {WORDS}", "time": "2023-05-08"}
                for n in range(40)
            ]
        )
        for n in range(25):
            sam.send(f"goose{n} {WORDS * 3}")
        assert sam.memory.summary
        sam.pin(sam.window[-1])
        sam.save("before")
        sam.fork("ann")
        ann = home.agent("ann", model=Recorder())
        for n in range(3):
            sam.send(f"heron{n} {WORDS}")
        sam.undo(2)
        sam.send(f"stork {WORDS}")
        sam.undo(1)
        ann.send(f"crane {WORDS}")
        home.create_agent("eve")
        payer = home.create_agent(
            "payer", model=CheckedLLM([call("pay", amount=5), say("done")]), tools=[pay]
        )
        payer.send("please pay")
        sam.archival.update(sam.archival.search("")[0].passage, text="a passage that was changed")
        ann.archival.delete(ann.archival.search("")[0].passage)
        gone = home.create_agent("gone", model=Recorder())
        gone.send("nothing lasts")
        home.delete_agent("gone")


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("life") / "agents.db"
    make_life(path)
    return path


@pytest.fixture
def file(life: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(life, tmp_path / "agents.db"))


def change(file: Path, *statements: str) -> None:
    db = sqlite3.connect(file)
    for statement in statements:
        assert db.execute(statement).rowcount != 0, f"nothing was damaged: {statement}"
    db.commit()
    db.close()


def problems_of(file: Path, **options: Any) -> list[str]:
    with memgpt.open(file) as home:
        return home.check(**options)


def test_a_life_is_sound_and_stays_as_it_is(file: Path) -> None:
    before = file.read_bytes()
    assert problems_of(file) == []
    assert problems_of(file, replay=True) == []
    assert file.read_bytes() == before
    assert not list(file.parent.glob("*.db-wal")), "nothing was left behind"


def test_a_sound_home_while_it_is_open() -> None:
    with memgpt.open(":memory:") as home:
        assert home.check() == []
        agent = home.create_agent("sam", model=Recorder())
        assert home.check() == []
        agent.send("heard 'quotes' \"and\" naïve cafe\u0301 東京 x\ue000 🙂")
        agent.send("...")
        assert home.check(replay=True) == []
        home.rebuild()
        assert home.check(replay=True) == []


SAM = "(SELECT head_branch FROM agent WHERE name = 'sam')"
ROOT = "(SELECT min(branch) FROM step)"
DAMAGES = {
    "schema": ("DROP INDEX message_time", 'the index "message_time" is missing'),
    "head": ("UPDATE agent SET head_seq = 9999 WHERE name = 'sam'", '"sam" stands at commit 9999'),
    "head branch": ("UPDATE agent SET head_branch = 77 WHERE name = 'sam'", "at branch 77, which"),
    "line": ("UPDATE agent SET line_seq = 9999 WHERE name = 'sam'", "line ends at commit 9999"),
    "parent after": ("UPDATE branch SET parent = 9 WHERE id = 2", "does not lie before it"),
    "parent gone": (f"DELETE FROM branch WHERE id = {ROOT}", "begins from branch 1, which"),
    "parent's commit": (
        "UPDATE branch SET parent_seq = 9999 WHERE id = 2",
        "begins from commit 9999 of branch 1, which there is not",
    ),
    "first position": (
        "UPDATE branch SET first_position = first_position + 1 WHERE id = 2",
        "the line that it goes on ends at",
    ),
    "commit": (f"DELETE FROM step WHERE branch = {ROOT} AND seq = 5", "commit 5 is missing"),
    "message": (
        f"DELETE FROM message WHERE branch = {ROOT} AND position BETWEEN 3 AND 5",
        'of agent "sam": message 3 to 5 is missing',
    ),
    "order": (
        f"UPDATE message SET seq = 2 WHERE branch = {ROOT} AND position = 60",
        "message 60 is of an older commit",
    ),
    "message's commit": (
        f"UPDATE message SET seq = 8888 WHERE branch = {ROOT} AND position = 60",
        "message 60 is of commit 8888, which there is not",
    ),
    "window": (
        f"UPDATE window SET ranges = '[[90000, 90001]]' WHERE branch = {ROOT}",
        "names messages that its line does not have",
    ),
    "window's text": (f"UPDATE window SET ranges = '[' WHERE branch = {ROOT}", "cannot be read"),
    "summary": ("DELETE FROM summary", "has summary 1, which there is not"),
    "block": ("UPDATE block SET seq = 7777 WHERE seq = 1", "a memory block is of commit 7777"),
    "passage's commit": ("UPDATE passage SET seq = 6666 WHERE id = 3", "a passage is of commit 6"),
    "size": (
        "UPDATE embedding SET vector = zeroblob(12) WHERE passage = 2",
        "the embedding of passage 2 has 12 bytes",
    ),
    "length": (
        "UPDATE embedding SET vector = zeroblob(length(vector)) WHERE passage = 2",
        "the embedding of passage 2 is not of unit length",
    ),
    "no passage": ("UPDATE embedding SET passage = 5555 WHERE passage = 2", "the passage is not"),
    "deletion": (
        "UPDATE retirement SET seq = 5555 WHERE author = 'user'",
        "a deletion is of commit 5555",
    ),
    "deleted passage": (
        "UPDATE retirement SET target = 4321 WHERE target = (SELECT max(target) FROM retirement)",
        "passage 4321 was deleted, and never was there",
    ),
    "two versions": ("DELETE FROM retirement", "sees 2 passages of the id passage-"),
    "tag": ("UPDATE tag SET seq = 4444", 'the tag "before" of agent "sam" names commit 4444'),
    "configuration": (
        "DELETE FROM config WHERE agent_id = (SELECT id FROM agent WHERE name = 'eve')",
        '"eve" has no configuration',
    ),
    "run": ("DELETE FROM tool_run WHERE phase = 'result'", 'a call of "pay" on branch'),
    "call": ("UPDATE message SET tool_calls = '' WHERE tool_calls <> ''", "without its call"),
    "return": ("UPDATE message SET role = 'user' WHERE role = 'tool'", "has no return"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(file: Path, damage: str) -> None:
    statement, named = DAMAGES[damage]
    change(file, statement)
    problems = problems_of(file)
    assert any(named in problem for problem in problems), problems
    assert len(problems) < 60


def test_what_a_commit_wrote_is_compared_and_replayed(file: Path) -> None:
    change(file, "UPDATE block SET value = value || '!' WHERE seq = 1")
    assert any("commit 1 is not as it was written: blocks" in p for p in problems_of(file))
    assert any("does not replay: commit 1 " in p for p in problems_of(file, replay=True))


def page_of(file: Path, table: str) -> tuple[int, int]:
    db = sqlite3.connect(file)
    size = db.execute("PRAGMA page_size").fetchone()[0]
    root = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    db.close()
    return (root - 1) * size, size


def scribble(file: Path, table: str) -> None:
    """Nonsense on the first page of a table."""
    at, size = page_of(file, table)
    content = bytearray(file.read_bytes())
    content[at : at + size] = b"\xa5" * size
    file.write_bytes(content)


def test_rebuild_in_an_open_home_answers_as_before(file: Path) -> None:
    with memgpt.open(file) as home:
        agent = home.agent("sam", model=Recorder())
        before = [h.message.id for h in agent.recall.search("white geese", limit=100)]
        near = [h.passage.id for h in agent.archival.search("passage", limit=100)]
        home.rebuild()
        assert [h.message.id for h in agent.recall.search("white geese", limit=100)] == before
        assert [h.passage.id for h in agent.archival.search("passage", limit=100)] == near
        agent.send("egret and more")
        assert agent.recall.search("egret")
        assert home.check(replay=True) == []


@pytest.mark.parametrize("damage", [None, "block"])
def test_rebuild_changes_nothing_in_the_file(file: Path, damage: str | None) -> None:
    if damage:
        scribble(file, damage)
        assert any("restore the file from a copy" in problem for problem in problems_of(file))
    before = file.read_bytes()
    with memgpt.open(file) as home:
        home.rebuild()
        assert bool(home.check()) == bool(damage)
    assert file.read_bytes() == before


def test_a_closed_home_is_not_rebuilt(file: Path) -> None:
    home = memgpt.open(file)
    home.close()
    with pytest.raises(memgpt.StoreError, match="closed"):
        home.rebuild()


def test_a_check_while_others_write(file: Path) -> None:
    with memgpt.open(file) as home:
        agents = [home.agent(name, model=Recorder()) for name in ("sam", "ann")]

        def write(agent: memgpt.Agent) -> None:
            for n in range(15):
                agent.send(f"egret{n} {WORDS}")

        threads = [threading.Thread(target=write, args=(agent,)) for agent in agents]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert home.check() == []
            home.rebuild()
        for agent in agents:
            assert agent.recall.search("egret14")
        assert home.check(replay=True) == []


def test_ctrl_c_ends_a_check(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with memgpt.open(file) as home:
        # Once: a second one might come where nobody looks for it.
        timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
        end = time.monotonic() + 60
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            while time.monotonic() < end:
                home.check()
        timer.join()
        assert home.check() == []


def test_a_file_that_was_moved_is_not_found_sound(file: Path) -> None:
    with memgpt.open(file) as home:
        file.rename(file.with_suffix(".away"))
        with pytest.raises(memgpt.StoreError, match="moved"):
            home.check()
        assert not file.exists()


@pytest.fixture
def doctor(tmp_path: Path) -> Iterator[Any]:
    def run(*arguments: object) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "memgpt", "doctor", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "MEMGPT_HOME": str(tmp_path)},
        )
        assert "Traceback" not in done.stderr + done.stdout
        return done.returncode, done.stdout, done.stderr

    yield run


def test_the_command(file: Path, doctor: Any, tmp_path: Path) -> None:
    assert doctor(file) == (0, f"{file} is sound.\n", "")
    assert doctor()[0] == 0, "the user's own database is the default"
    code, out, _ = doctor(file, "--replay")
    assert code == 0 and "every agent replays" in out
    code, out, _ = doctor(file, "--rebuild")
    assert code == 0 and "dropped" in out and f"{file} is sound." in out
    change(file, DAMAGES["commit"][0])
    code, out, _ = doctor(file, "--rebuild")
    assert code == 1 and "commit 5 is missing" in out and "restore one from a copy" in out
    scribble(file, "block")
    code, out, _ = doctor(file)
    assert code == 1 and "SQLite finds" in out and "restore the file from a copy" in out
    other = tmp_path / "other.db"
    other.write_text("not a database, but long enough to look like a file of something" * 40)
    none = tmp_path / "none.db"
    for bad in (other, none, tmp_path):
        code, out, err = doctor(bad)
        assert (code, out) == (2, "") and err.startswith("memgpt: "), bad
    assert not none.exists()
