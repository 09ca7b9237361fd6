"""Many passages at once, and vectors made anew by another embedder."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import errors

from tests.test_vectors import (
    Topics,
    Wide,
    filled,
    nearest,
    opened,
    questions,
    sam,
    snapshots,
    start,
    texts,
    truth,
    vector_of,
    with_lists,
)

np = pytest.importorskip("numpy")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agents.db"


# --- many at once ---------------------------------------------------------------------------------


def test_many_are_filed_in_one_step(path: Path) -> None:
    told: list[tuple[int, int]] = []
    with memgpt.open(path) as home:
        agent = sam(home)
        steps = len(agent.steps())
        items: list[Any] = [
            *texts(700),
            {
                "text": "dated",
                "tags": ["a"],
                "time": "2023-05-08",
                "source": "book",
                "metadata": {"page": 2},
            },
        ]
        made = agent.archival.insert_many(items, progress=lambda d, t: told.append((d, t)))
        assert [p.text for p in made] == [*texts(700), "dated"]
        assert len(agent.steps()) == steps + 1 and len(agent.archival) == 701
        assert told[-1] == (701, 701) and told == sorted(told)
        last = agent.archival.get(made[-1].id)
        assert (last.tags, last.metadata) == (["a"], {"page": 2, "source": "book"})
        assert str(last.time).startswith("2023-05-08")
        assert agent.archival.insert_many([]) == []
        agent.undo()
        assert len(agent.archival) == 0


@pytest.mark.parametrize(
    "items",
    [
        "text",
        [""],
        ["a", 3],
        ["a", {"txt": "b"}],
        [{"tags": ["x"]}],
        ["a", {"text": "b", "tags": "x"}],
        [{"text": "a", "time": "x"}],
        ["a", "\ud800"],
        {"text": "a"},
    ],
)
def test_a_bad_item_is_named_and_nothing_is_stored(path: Path, items: Any) -> None:
    with memgpt.open(path) as home:
        agent = sam(home)
        with pytest.raises(errors.InvalidInput) as refused:
            agent.archival.insert_many(items)
        if isinstance(items, list):
            assert f"item {len(items)}" in str(refused.value)
        assert len(agent.archival) == 0


def test_it_goes_on_where_it_was_broken_off(path: Path) -> None:
    class Slow(Topics):
        def embed(self, texts: Sequence[str]) -> Any:
            if self.seen >= 512:
                raise RuntimeError("the network is gone")
            threading.Event().wait(0.3)
            return super().embed(texts)

    with memgpt.open(path) as home:
        slow = Slow()
        agent = sam(home, slow)
        with pytest.raises(RuntimeError, match="network"):
            agent.archival.insert_many(texts(1000))
        assert len(agent.archival) == 0
    with memgpt.open(path) as home:
        quick = Topics()
        agent = sam(home, quick)
        agent.archival.insert_many(texts(1000))
        assert quick.seen == 1000 - 512
        query = questions(1)[0]
        assert nearest(agent, query) == truth(texts(1000), query)


def test_many_quick_batches_are_kept_too(path: Path) -> None:
    class Half(Topics):
        """Half a millisecond a text."""

        def embed(self, texts: Sequence[str]) -> Any:
            if self.seen >= 3000:
                raise RuntimeError("the network is gone")
            time.sleep(0.0005 * len(texts))
            return super().embed(texts)

    with memgpt.open(path) as home, pytest.raises(RuntimeError, match="network"):
        sam(home, Half()).archival.insert_many(texts(4000))
    with memgpt.open(path) as home:
        quick = Topics()
        sam(home, quick).archival.insert_many(texts(4000))
        assert quick.seen <= 4000 - 2048


def test_ctrl_c_ends_it_and_nothing_is_filed(path: Path) -> None:
    class Slow(Topics):
        def embed(self, texts: Sequence[str]) -> Any:
            os.kill(os.getpid(), signal.SIGINT)
            return super().embed(texts)

    with memgpt.open(path) as home:
        agent = sam(home, Slow())
        with pytest.raises(KeyboardInterrupt):
            agent.archival.insert_many(texts(1000))
        assert len(agent.archival) == 0


# --- another embedder -----------------------------------------------------------------------------


def test_reembedding(path: Path) -> None:
    with memgpt.open(path) as home:
        agent = filled(home, 600)
        fork = agent.fork("fork", at=agent.steps()[-1].seq)
        fork.archival.insert("3:only the fork's")
        with pytest.raises(errors.ConfigError, match=r"agent\.reembed\(\)"):
            home.agent("sam", embedding=Wide())
        work = agent.reembed(Wide())
        assert work.wait(60) and work.finished
        assert (work.done, work.total) == (601, 601)
        assert "done" in repr(work)
        assert agent.config["embedding"] == "wide"
        query = vector_of("3:passage 43", 48)
        assert nearest(agent, query, 1) == ["3:passage 43"]
        agent.archival.insert("4:filed since")
        assert nearest(agent, vector_of("4:filed since", 48), 1) == ["4:filed since"]
        # The fork works with the embedder that it has.
        assert nearest(fork, vector_of("3:only the fork's"), 1) == ["3:only the fork's"]
    with memgpt.open(path) as home:
        agent = home.agent("sam", embedding=Wide())
        assert not agent.unbound
        assert nearest(agent, query, 1) == ["3:passage 43"]


def test_the_old_embedder_serves_meanwhile(path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Waits(Wide):
        def embed(self, texts: Sequence[str]) -> Any:
            begun.set()
            go_on.wait(30)
            return super().embed(texts)

    with memgpt.open(path) as home:
        agent = filled(home, 300)
        work = agent.reembed(Waits())
        assert begun.wait(30) and not work.finished
        query = questions(1)[0]
        assert nearest(agent, query) == truth(texts(300), query)
        agent.archival.insert("5:filed meanwhile")
        assert nearest(agent, vector_of("5:filed meanwhile"), 1) == ["5:filed meanwhile"]
        assert not work.wait(0.05)
        go_on.set()
        assert work.wait(60)
        assert nearest(agent, vector_of("5:filed meanwhile", 48), 1) == ["5:filed meanwhile"]


def test_ctrl_c_ends_the_waiting_and_not_the_work(path: Path) -> None:
    go_on = threading.Event()

    class Waits(Wide):
        def embed(self, texts: Sequence[str]) -> Any:
            go_on.wait(30)
            return super().embed(texts)

    with memgpt.open(path) as home:
        work = filled(home, 300).reembed(Waits())
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
                work.wait(30)
            assert "under way" in repr(work)
            assert not work.wait(0.01) and "under way" in repr(work)
        go_on.set()
        assert work.wait(60) and work.finished and "done" in repr(work)


def test_cancelling_waits_for_the_batch_after_ctrl_c_too(path: Path) -> None:
    ends = []

    class Slow(Wide):
        def embed(self, texts: Sequence[str]) -> Any:
            time.sleep(0.3)
            ends.append(len(texts))
            return super().embed(texts)

    with memgpt.open(path) as home:
        work = filled(home, 300).reembed(Slow())
        with pytest.raises(KeyboardInterrupt):
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
            work.wait(30)
        work.cancel()
        assert len(ends) == 1 and not work.wait(0) and "stopped" in repr(work)


def test_reembedding_goes_on_after_a_kill(path: Path) -> None:
    with memgpt.open(path, durability="process") as home:
        filled(home, 1500)
    child = start(
        path,
        """
import time
class Slow(Wide):
    def embed(self, texts):
        print(len(texts), flush=True)
        time.sleep(0.1)
        return super().embed(texts)
agent.reembed(Slow()).wait()
""",
    )
    assert child.stdout is not None
    for _ in range(3):
        child.stdout.readline()
    child.kill()
    child.wait()
    child.stdout.close()
    with memgpt.open(path) as home:
        agent = home.agent("sam", embedding=Topics())
        wide = Wide()
        assert agent.config["embedding"] == "topics"
        assert agent.reembed(wide).wait(60)
        assert 0 < wide.seen <= 1500 - 256
        assert nearest(agent, vector_of("3:passage 43", 48), 1) == ["3:passage 43"]


def test_what_goes_wrong_leaves_the_agent_as_it_was(path: Path) -> None:
    class Fails(Wide):
        def embed(self, texts: Sequence[str]) -> Any:
            if self.seen:
                raise RuntimeError("out of credit")
            return super().embed(texts)

    class SameName(Wide):
        name = "topics"

    with memgpt.open(path) as home:
        agent = filled(home, 600)
        work = agent.reembed(Fails())
        with pytest.raises(RuntimeError, match="out of credit"):
            work.wait(60)
        assert "out of credit" in repr(work) and not work.finished
        with pytest.raises(errors.ConfigError, match="another name"):
            agent.reembed(SameName()).wait(60)
        for wrong in (None, "no such", 3):
            with pytest.raises(errors.Error):
                agent.reembed(wrong)  # type: ignore[arg-type]
        query = questions(1)[0]
        assert nearest(agent, query) == truth(texts(600), query)
        cancelled = agent.reembed(Wide())
        cancelled.cancel()
        assert agent.reembed(Wide()).wait(60)


def test_the_old_snapshot_goes(path: Path) -> None:
    with opened(path) as home:
        agent = with_lists(home, 2048)
        old = snapshots(path)
        assert len(old) == 1
        fork = agent.fork("fork")
        assert agent.reembed(Wide()).wait(60)
        assert snapshots(path) == []
        query = vector_of("3:passage 43", 48)
        assert nearest(agent, query, 1) == ["3:passage 43"]
        home._core.wait_for_background()
        assert len(snapshots(path)) == 1 and snapshots(path) != old
        # A fork goes on with the embedder that it has.
        assert nearest(fork, vector_of("3:passage 43"), 1) == ["3:passage 43"]


@pytest.mark.parametrize("after", [0.0, 0.03, 0.06, 0.1, 0.2])
@pytest.mark.parametrize("closes", [False, True])
def test_the_program_ends_while_vectors_are_made(path: Path, after: float, closes: bool) -> None:
    child = start(
        path,
        f"""
import threading, time
class Slow(Wide):
    def embed(self, texts):
        time.sleep(0.0003 * len(texts))
        return super().embed(texts)
class Other(Slow):
    name = "other"
agent.archival.insert_many(texts(2000))
for embedder in (Slow(), Other()):
    agent.reembed(embedder)
time.sleep({after})
if {closes}: home.close()
print("end", flush=True)
""",
    )
    out = child.communicate(timeout=60)[0]
    assert child.returncode == 0 and out.strip() == "end"
    with memgpt.open(path) as home:
        assert home.check() == []
        agent = home.agent("sam", embedding=Topics())
        assert len(agent.archival) == 2000 and agent.config["embedding"] == "topics"
