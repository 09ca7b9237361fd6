"""The process is killed while it files, indexes, compacts, writes snapshots and embeds anew: what
was acknowledged is there and found, and what is left on the disk is not trusted."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import memgpt
import pytest

from tests.crash import shim
from tests.crash.filer import FIRST, SECOND
from tests.test_vectors import EXACT, Topics, Wide, nearest, recall, snapshots, vector_of

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.no_replay  # the checks replay


def file_some(file: Path, when: str, nth: int) -> list[str]:
    """What the child acknowledged."""
    child = shim.start("filer", file, when, nth, folder=file.parent)
    out, err = child.communicate(timeout=120)
    assert child.returncode in (0, -signal.SIGKILL), err
    return out.splitlines()


def sound(file: Path, told: list[str]) -> str:
    """Everything that was acknowledged is there, and found. Gives the embedder's name."""
    with memgpt.open(file, durability="process", exact_search=EXACT) as home:
        assert home.check(replay=True) == []
        if home.agents() == []:
            assert told == []
            return ""
        name = home.agent("sam").config["embedding"]
        assert name == "wide" or "wide" not in told
        embedder = Wide() if name == "wide" else Topics()
        agent = home.agent("sam", embedding=embedder)
        there = [hit.passage.text for hit in agent.archival.search("", limit=5000)]
        assert len(there) == len(set(there)) and set(there) <= {*FIRST, *SECOND}
        gone = {line[1:] for line in told if line.startswith("-")}
        lost = {line[1:] for line in told if line.startswith("+")} - gone - set(there)
        assert not gone & set(there)
        assert len(lost) <= 1 and lost <= {*FIRST[::3]}  # one was deleted, and not told of
        for _ in ("as it was left", "with lists made anew"):
            finds(agent, there, embedder.dimension)
            home._core.wait_for_background()
        left = {path.suffix for path in Path(f"{file}-vectors").glob("*")}
        assert left <= {"", ".lock"} and len(snapshots(file)) <= 2, left
        made = agent.archival.insert("1:filed after")
        assert nearest(agent, vector_of(made.text, embedder.dimension), 1) == [made.text]
    return name


def finds(agent: memgpt.Agent, corpus: list[str], width: int) -> None:
    if not corpus:
        return
    rows = np.stack([vector_of(text, width) for text in corpus])
    lengths = np.linalg.norm(rows, axis=1)
    for number in range(5):
        query = vector_of(f"{number}:question", width)
        wanted = [corpus[i] for i in np.argsort(-(rows @ query) / lengths)[:10]]
        assert recall(nearest(agent, query), wanted) >= 0.8


def kill(folder: Path, kills: int, seed: int) -> None:
    whole = folder / "whole"
    whole.mkdir()
    told = file_some(whole / "agents.db", "before", 0)
    calls = int(told.pop())
    assert calls > 300 and sound(whole / "agents.db", told) == "wide"
    chance, died, embedders = random.Random(seed), 0, set()
    for number in range(kills):
        run = folder / str(number)
        run.mkdir()
        nth = calls * (number + 1) // (kills + 1) + chance.randint(-4, 4)
        told = file_some(run / "agents.db", chance.choice(["before", "half", "after"]), nth)
        died += not (told and told[-1].isdigit())
        embedders.add(sound(run / "agents.db", [line for line in told if not line.isdigit()]))
    assert died > kills * 3 // 4 and "topics" in embedders


def test_killed_while_it_files_and_indexes(tmp_path: Path) -> None:
    kill(tmp_path, 8, 1)


@pytest.mark.slow
def test_killed_many_times_while_it_files_and_indexes(tmp_path: Path) -> None:
    kill(tmp_path, 100, 2)
