"""A child whose disk fails while it works: what it raises, and whether it goes on afterwards.

python -m tests.crash.bad_disk SCENARIO FOLDER [ARGUMENTS]
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import memgpt

from tests.crash.chat import Chat, Places
from tests.crash.checks import Expected, check_file, check_log
from tests.crash.shim import MAP, OPEN, READ, SYNC, TRUNCATE, UNLINK, WRITE, Faults

KINDS = (OPEN, WRITE, SYNC, TRUNCATE, UNLINK, MAP, READ)
ERRORS = (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EMFILE)
FULL, READ_ONLY = (errno.ENOSPC,), (errno.EROFS, errno.EACCES)
NOBODY = 65534
PAGE = 4096


def advised(error: memgpt.Error) -> memgpt.Error:
    """Every error says what to do."""
    assert ";" in str(error) and len(str(error).rsplit(";", 1)[1]) > 15, error
    assert isinstance(error, memgpt.StoreError), repr(error)
    return error


def attempt(do: Callable[[], object]) -> memgpt.Error | None:
    """What came out of it; anything but an error of memgpt goes through."""
    try:
        do()
    except memgpt.Error as error:
        return advised(error)
    return None


class Work:
    """A chat on a home that stays open, whose acknowledgements are kept."""

    def __init__(self, folder: Path, seed: int, durability: str = "full") -> None:
        self.path = folder / "agents.db"
        self.world = folder.with_suffix(".world")
        self.rng = random.Random(seed)
        self.home = memgpt.open(self.path, durability=durability)
        self.chat = Chat(self.home, Places(), self.world)
        self.expected = Expected()
        self.number = 0
        self.acknowledge(self.chat.send("first"))

    def act(self) -> None:
        self.number += 1
        self.acknowledge(self.chat.act(self.rng, f"w{self.number}"))

    def acknowledge(self, ack: dict[str, object]) -> None:
        # Reading may fail, too: then nothing more was learned.
        known = len(self.expected.ids)
        with contextlib.suppress(memgpt.StoreError):
            new = self.chat.agent.recall.messages(known, 1_000_000)
            ids = [message.id for message in new]
            self.expected.add({**ack, "from": known, "ids": ids, **self.chat.state()})

    def import_many(self) -> None:
        """So many that they go through a connection of their own."""
        items = [{"speaker": "Ann", "text": f"Line {i}", "time": "2024-05-01"} for i in range(1001)]
        self.acknowledge({"imported": len(self.chat.agent.recall.import_transcript(items))})

    def goes_on(self) -> None:
        """The same home answers, and the log is in order."""
        self.number += 1
        self.acknowledge(self.chat.send(f"w{self.number}"))
        check_log(self.chat.agent.recall.messages(0, 1_000_000))

    def end(self) -> None:
        self.home.close()
        check_file(self.path, self.expected, self.world)


def what_is_there(path: Path) -> Expected:
    found = Expected()
    with memgpt.open(path) as home:
        agent = home.agent("sam")
        found.ids = [message.id for message in agent.recall.messages(0, 1_000_000)]
        found.steps, found.passages = len(agent.steps()), len(agent.archival)
        found.blocks = {label: agent.memory[label].value for label in agent.memory}
    return found


def is_kind(error: memgpt.Error | None, code: int, kind: int) -> None:
    """What the disk said is what the error's class says."""
    if error is None or kind not in (WRITE, SYNC):
        return
    if code in FULL:
        assert isinstance(error, memgpt.errors.DiskFull), repr(error)
    if code in READ_ONLY:
        assert isinstance(error, memgpt.errors.ReadOnlyStore), repr(error)


def while_open(folder: Path, faults: Faults) -> int:
    """Every kind of call fails, once or for a while; the same home goes on when it is over."""
    work = Work(folder, 1)
    errors = 0
    for code in ERRORS:
        for kind in KINDS:
            for after, times in ((0, -1), (0, 1), (3, -1), (10, 1), (40, -1)):
                faults.fail(kind, code, after=after, times=times)
                error = attempt(work.import_many if after == 40 and kind == SYNC else work.act)
                faults.mend()
                is_kind(error, code, kind)
                errors += error is not None
                work.goes_on()
    work.end()
    return errors


def at_opening(folder: Path, faults: Faults) -> int:
    """A file that could not be made, or opened, can be when the disk works again."""
    errors = 0
    for code in ERRORS:
        for kind in KINDS:
            for after in (0, 1, 2, 4, 8, 16, 32):
                path = folder / f"{code}-{kind}-{after}.db"

                def open_and_send(path: Path = path) -> None:
                    with memgpt.open(path) as home:
                        home.create_agent("sam", exist_ok=True).send("Hello, it is me.")

                faults.fail(kind, code, after=after)
                errors += attempt(open_and_send) is not None
                faults.mend()
                open_and_send()
                with memgpt.open(path) as home:
                    sent = home.agent("sam").recall.search("Hello", roles=["user"])
                    assert sent and home.agent("sam").replay().first_divergence is None
    return errors


def full(folder: Path, faults: Faults) -> int:
    """The disk fills up, at any byte of a write; space is made; the same home goes on."""
    work = Work(folder, 2)
    errors = 0
    for size in [0, 1, 23, 24, 4096, 4120, 5000, *(work.rng.randrange(400_000) for _ in range(40))]:
        faults.free(size)
        error = None
        while error is None:
            error = attempt(work.act)
        assert isinstance(error, memgpt.errors.DiskFull), repr(error)
        # Still full: what was acknowledged can be read, and the next one is refused as well.
        assert work.chat.agent.recall.search("first", roles=["user"])
        assert attempt(work.import_many) is not None
        faults.mend()
        errors += 1
        work.goes_on()
    # Full while the WAL goes into the file, which is nobody's call.
    faults.free(0)
    work.home.close()
    faults.mend()
    check_file(work.path, work.expected, work.world)
    return errors


def limited(folder: Path, faults: Faults) -> int:
    """The process may not write files of any size; the limit is raised; it goes on."""
    work = Work(folder, 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wal = folder / "agents.db-wal"
    for more in (0, 100, 5000, 50_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size + more, hard))
        error = None
        while error is None:
            error = attempt(work.act)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert isinstance(error, memgpt.errors.DiskFull), repr(error)
        work.goes_on()
    work.end()
    return 4


@contextlib.contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(bits)
    yield
    path.chmod(before)


def read_only(folder: Path, faults: Faults) -> int:
    """A file, then its folder, cannot be written by this user."""
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    work = Work(folder, 4)
    work.home.close()
    assert what_is_there(work.path).ids == work.expected.ids
    for path, bits in ((work.path, 0o444), (folder, 0o555), (work.path, 0o000)):
        with mode(path, bits):
            error = attempt(lambda: memgpt.open(work.path))
            assert error is not None
            if bits:
                assert isinstance(error, memgpt.errors.ReadOnlyStore), (path, repr(error))
        check_file(work.path, what_is_there(work.path))
    with mode(folder, 0o555):
        error = attempt(lambda: memgpt.open(folder / "new.db"))
        assert isinstance(error, memgpt.errors.ReadOnlyStore), repr(error)
    memgpt.open(folder / "new.db").close()
    return 4


def clock(folder: Path, faults: Faults) -> int:
    """The clock of the wall jumps; the order of the log and its replay do not depend on it."""
    work = Work(folder, 5)
    day = 24 * 3600
    for jump in (-day, 0, -3600, 400 * day, -30 * 365 * day, -1, 0):
        faults.clock(jump)
        began = time.time()
        for _ in range(4):
            work.act()
        work.goes_on()
        sent = work.chat.agent.recall.search(f"w{work.number}", roles=["user"])[0].message
        assert abs(sent.time.timestamp() - began) < 60
        assert work.chat.agent.replay().first_divergence is None
    times = [message.time for message in work.chat.agent.recall.messages(0, 100_000)]
    assert times != sorted(times)
    work.end()
    return 1


def taken_away(folder: Path, faults: Faults) -> int:
    """A file is deleted or moved under a home: nothing is acknowledged that nobody could find."""
    for name in ("agents.db-wal", "agents.db-shm"):
        work = Work(folder, 6)
        work.act()
        (folder / name).unlink()
        for do in (work.act, work.import_many):
            assert attempt(do) is not None
        work.end()
        (folder / "agents.db").unlink()
    work = Work(folder, 7)
    aside = folder / "aside"
    (folder / "agents.db").rename(aside)
    assert attempt(work.act) is not None
    aside.rename(folder / "agents.db")
    work.goes_on()
    work.end()
    return 3


def damage(content: bytes, rng: random.Random) -> bytes:
    """Cut off, overwritten, zeroed, exchanged, or with bits flipped."""
    out = bytearray(content)
    pages = max(1, len(out) // PAGE)
    at = rng.randrange(pages) * PAGE
    how = rng.choice(["cut", "noise", "zeros", "exchange", "bits", "bits"])
    if how == "cut":
        del out[rng.randrange(len(out)) :]
    elif how == "noise":
        out[at : at + PAGE] = rng.randbytes(len(out[at : at + PAGE]))
    elif how == "zeros":
        out[at : at + PAGE] = bytes(len(out[at : at + PAGE]))
    elif how == "exchange":
        other = rng.randrange(pages) * PAGE
        first, second = out[at : at + PAGE], out[other : other + PAGE]
        if len(first) == len(second):
            out[at : at + PAGE], out[other : other + PAGE] = second, first
    else:
        for _ in range(rng.randint(1, 200)):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def use_damaged(path: Path) -> None:
    """All that can be done with a file; each may be refused, with an error of memgpt."""

    def ask(do: Callable[[], object]) -> None:
        with contextlib.suppress(memgpt.Error):
            do()

    def look(name: str) -> None:
        agent = home.agent(name)
        middle = max((step.seq for step in agent.steps() if step.digest), default=1)
        for do in (
            agent.replay,
            home.check,
            agent.summaries,
            agent.budget,
            lambda: agent.context().explain(),
            lambda: agent.context(step=middle),
            lambda: agent.recompile(policy=memgpt.SlidingWindow()),
            lambda: agent.recall.messages(0, 10_000),
            lambda: agent.recall.search("goose bridge"),
            lambda: agent.archival.search(""),
            lambda: (repr(agent), agent._repr_html_(), str(agent.memory), repr(home)),
        ):
            ask(do)

    def chat() -> None:
        one = Chat(home, Places(), path.with_suffix(".world"))
        for do in (
            lambda: one.send("damaged"),
            lambda: one.import_talk("damaged", "x"),
            lambda: one.insert("damaged"),
            lambda: one.edit("damaged"),
            lambda: one.agent.archival.search("Passage"),
            one.agent.resummarize,
            home.rebuild,
        ):
            ask(do)

    try:
        home = memgpt.open(path)
    except memgpt.Error as error:
        advised(error)
        return
    with home:
        ask(lambda: [look(name) for name in home.agents()])
        ask(chat)


def damaged(folder: Path, faults: Faults, seeds: str = "60") -> int:
    """Files in any state: never a crash, a hang, or an error that is not ours."""
    work = Work(folder, 8)
    for _ in range(40):
        work.act()
    states = [{name: (folder / name).read_bytes() for name in ("agents.db", "agents.db-wal")}]
    work.end()
    states.append({"agents.db": (folder / "agents.db").read_bytes()})
    for seed in range(int(seeds)):
        rng = random.Random(seed)
        files = dict(rng.choice(states))
        name = rng.choice(sorted(files))
        files[name] = damage(files[name], rng)
        place = folder / str(seed)
        place.mkdir()
        for other, content in files.items():
            (place / other).write_bytes(content)
        began = time.monotonic()
        try:
            use_damaged(place / "agents.db")
        except Exception as error:
            raise AssertionError(f"damage {seed} of {name}") from error
        assert time.monotonic() - began < 20, f"damage {seed} of {name} took long"
        shutil.rmtree(place)
    return int(seeds)


def left_behind(folder: Path, faults: Faults) -> int:
    """A writer died, and its WAL or the WAL's index is gone. With the WAL go the commits since the
    last checkpoint; what is left is sound."""
    work = Work(folder, 9)
    work.act()
    work.end()
    before = what_is_there(work.path)
    work = Work(folder, 9)
    for _ in range(20):
        work.act()
    files = {name: (folder / name).read_bytes() for name in ("agents.db", "agents.db-wal")}
    for lost, expected in (("index", work.expected), ("wal", before)):
        place = folder / f"without-{lost}"
        place.mkdir()
        for name, content in files.items():
            if not name.endswith(lost):
                (place / name).write_bytes(content)
        check_file(place / "agents.db", expected)
    work.end()
    return 2


SCENARIOS = (
    while_open,
    at_opening,
    full,
    limited,
    read_only,
    clock,
    taken_away,
    left_behind,
    damaged,
)


if __name__ == "__main__":
    scenario = {one.__name__: one for one in SCENARIOS}[sys.argv[1]]
    print(json.dumps(scenario(Path(sys.argv[2]), Faults(), *sys.argv[3:])))
