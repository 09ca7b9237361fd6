"""Archival memory's vectors: exact search, inverted lists, snapshots, and other embedders."""

from __future__ import annotations

import functools
import os
import random
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import errors

np = pytest.importorskip("numpy")

WIDTH = 32
EXACT = 1000  # passages above which lists are made


def vector_of(text: str, width: int = WIDTH) -> Any:
    """The same for the same text; texts of one topic ("7:...") lie near each other."""
    topic, _, rest = text.partition(":")
    own = np.random.default_rng(zlib.crc32(rest.encode())).normal(size=width)
    centre = np.random.default_rng(zlib.crc32(topic.encode())).normal(size=width)
    return (centre + 0.6 * own).astype(np.float32)


class Topics(memgpt.Embedder):
    """Vectors from the text alone; counts the texts that it was given."""

    name = "topics"
    dimension = WIDTH

    def __init__(self) -> None:
        self.seen = 0

    def embed(self, texts: Sequence[str]) -> Any:
        self.seen += len(texts)
        return np.stack([vector_of(text, self.dimension) for text in texts])


class Wide(Topics):
    name = "wide"
    dimension = 48


def texts(count: int, begin: int = 0) -> list[str]:
    return [f"{i % 40}:passage {i}" for i in range(begin, begin + count)]


def nearest(agent: memgpt.Agent, query: Any, limit: int = 10, **filters: Any) -> list[str]:
    return [h.passage.text for h in agent.archival.search("", vector=query, limit=limit, **filters)]


@functools.cache
def stored(corpus: tuple[str, ...]) -> Any:
    return np.stack([vector_of(text) for text in corpus]).astype(np.float64)


def truth(corpus: Sequence[str], query: Any, limit: int = 10) -> list[str]:
    rows = stored(tuple(corpus))
    cosines = rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)
    # As the search compares them; ties: the newer first.
    order = sorted(range(len(corpus)), key=lambda i: (-round(float(cosines[i]), 5), -i))
    return [corpus[i] for i in order[:limit]]


def recall(found: Sequence[str], wanted: Sequence[str]) -> float:
    return len(set(found) & set(wanted)) / len(wanted)


def questions(count: int, seed: int = 0) -> list[Any]:
    generator = np.random.default_rng(seed)
    return [
        vector_of(f"{int(generator.integers(40))}:question {i}").astype(np.float64)
        for i in range(count)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agents.db"


def opened(path: Path, **options: Any) -> memgpt.Home:
    return memgpt.open(path, durability="process", exact_search=EXACT, **options)


def sam(home: memgpt.Home, embedder: Any = None) -> memgpt.Agent:
    return home.create_agent("sam", embedding=embedder or Topics(), exist_ok=True)


def filled(home: memgpt.Home, count: int) -> memgpt.Agent:
    agent = sam(home)
    agent.archival.insert_many(texts(count))
    return agent


def with_lists(home: memgpt.Home, count: int = 4096) -> memgpt.Agent:
    agent = filled(home, count)
    nearest(agent, questions(1)[0])
    home._core.wait_for_background()
    return agent


def snapshots(path: Path) -> list[Path]:
    return sorted(p for p in Path(f"{path}-vectors").glob("*") if "." not in p.name)


# --- exact ----------------------------------------------------------------------------------------


def test_the_nearest_are_found_for_certain(path: Path) -> None:
    with memgpt.open(path, durability="process") as home:
        agent = filled(home, 3000)
        for query in questions(30):
            assert nearest(agent, query) == truth(texts(3000), query)
        assert not Path(f"{path}-vectors").exists()


@pytest.mark.parametrize("kind", ["heavy", "tiny", "huge", "sparse", "alike", "one dimension"])
def test_vectors_of_any_kind_keep_their_order(path: Path, kind: str) -> None:
    """One number that outweighs the others leaves few bits for them."""
    generator = np.random.default_rng(1)
    width = 1 if kind == "one dimension" else 100
    rows = generator.normal(size=(600, width))
    if kind == "heavy":
        rows[:, 0] += 500
    elif kind in ("tiny", "huge"):
        rows *= 1e-30 if kind == "tiny" else 1e30
    elif kind == "sparse":
        rows *= generator.random(size=rows.shape) < 0.03
        rows[:, 5] += 1e-9
    elif kind == "alike":
        rows = rows[0] + 1e-3 * rows

    class Rows(memgpt.Embedder):
        name, dimension = "rows", width

        def embed(self, texts: Sequence[str]) -> Any:
            return rows[[int(text) for text in texts]].astype(np.float32)

    with memgpt.open(path, durability="process") as home:
        agent = home.create_agent("sam", embedding=Rows())
        agent.archival.insert_many([str(i) for i in range(600)])
        floats = rows.astype(np.float32).astype(np.float64)
        floats /= np.linalg.norm(floats, axis=1)[:, None]
        for i in range(0, 600, 60):
            hits = agent.archival.search("", vector=rows[i], limit=50)
            cosines = floats @ floats[i]
            best = np.sort(cosines)[::-1][:50]
            # Each hit is as near as the one that should stand there, but for the last digits.
            assert np.allclose([cosines[int(h.passage.text)] for h in hits], best, atol=1.2e-4)
            assert all(h.score == h.similarity for h in hits)


def test_equally_near_passages_come_newest_first(path: Path) -> None:
    with memgpt.open(path, durability="process") as home:
        agent = sam(home)
        agent.archival.insert_many(["1:same"] * 2000)
        hits = agent.archival.search("", vector=vector_of("1:same"), limit=5)
        newest = agent.archival.search("", limit=5)
        assert [h.passage.id for h in hits] == [h.passage.id for h in newest]


def test_a_query_vector_that_is_none_is_refused(path: Path) -> None:
    with memgpt.open(path) as home:
        agent = filled(home, 3)
        for wrong in ([1.0] * (WIDTH - 1), [float("nan")] * WIDTH, [0.0] * WIDTH):
            with pytest.raises(errors.InvalidInput):
                agent.archival.search("", vector=wrong)
        for wrong in ("text", [["a"]], np.ones((2, WIDTH)), object()):
            with pytest.raises(errors.InvalidInput, match="one row of numbers"):
                agent.archival.search("", vector=wrong)
        plain = home.create_agent("plain", embedding=None)
        plain.archival.insert("words")
        with pytest.raises(errors.ConfigError, match="no embedder"):
            plain.archival.search("", vector=[1.0])


@pytest.mark.parametrize("width", [1, 7, 32, 33, 64, 100, 384, 1000])
def test_all_instruction_sets_give_the_same(width: int) -> None:
    generator = np.random.default_rng(width)
    rows = generator.integers(-127, 128, size=(9, width))
    rows[0], rows[1] = 127, -127
    query = generator.integers(-8000, 8000, size=width)
    found = dict(memgpt._core._kernel_sums(rows.ravel().tolist(), query.tolist()))
    assert "plain" in found
    wanted = (rows @ query).tolist()
    assert all(sums == [*wanted, *wanted] for sums in found.values())


# --- inverted lists -------------------------------------------------------------------------------


def test_a_lists_is_made_and_finds_nearly_all(path: Path) -> None:
    with opened(path) as home:
        agent = with_lists(home)
        assert len(snapshots(path)) == 1
        found = [recall(nearest(agent, q), truth(texts(4096), q)) for q in questions(60)]
        assert sum(found) / len(found) >= 0.95
        # What comes after it is found, too, and for certain.
        agent.archival.insert_many(texts(300, 4096))
        for i in (4096, 4200, 4395):
            assert nearest(agent, vector_of(texts(1, i)[0]), 1) == texts(1, i)


def test_equal_vectors_by_the_thousand_in_lists(path: Path) -> None:
    class Copies(Topics):
        """Passages of topic "same" differ in their words alone."""

        name = "copies"

        def embed(self, texts: Sequence[str]) -> Any:
            return np.stack([vector_of("same:" if t.startswith("same:") else t) for t in texts])

    others = texts(1500)
    copies = [f"same:copy {i}" for i in range(3000)]
    mixed = [*others, *copies]
    random.Random(4).shuffle(mixed)
    with opened(path) as home:
        agent = sam(home, Copies())
        agent.archival.insert_many(mixed)
        nearest(agent, questions(1)[0])
        home._core.wait_for_background()
        assert len(snapshots(path)) == 1
        newest = [text for text in reversed(mixed) if text in set(copies)]
        assert nearest(agent, vector_of("same:"), 50) == newest[:50]
        found = [recall(nearest(agent, q), truth(others, q)) for q in questions(40)]
        assert sum(found) / len(found) >= 0.95
        for hit in list(agent.archival.search("", vector=vector_of("same:"), limit=1000)):
            agent.archival.delete(hit.passage)
        assert nearest(agent, vector_of("same:"), 50) == newest[1000:1050]


@pytest.mark.parametrize("kind", ["noise", "wide", "narrow"])
def test_nearly_all_are_found_whatever_the_vectors_are_like(path: Path, kind: str) -> None:
    """Where centres say little about who is near, more is looked at."""
    generator = np.random.default_rng(6)
    latent = {"noise": WIDTH, "wide": 12, "narrow": 4}[kind]
    projection = generator.normal(size=(latent, WIDTH))

    def some(count: int) -> Any:
        return (generator.normal(size=(count, latent)) @ projection).astype(np.float32)

    rows = some(5000)

    class Rows(memgpt.Embedder):
        name = "rows"
        dimension = WIDTH

        def embed(self, texts: Sequence[str]) -> Any:
            return rows[[int(text) for text in texts]]

    with opened(path) as home:
        agent = sam(home, Rows())
        agent.archival.insert_many([str(i) for i in range(len(rows))])
        queries = some(60).astype(np.float64)
        nearest(agent, queries[0])
        home._core.wait_for_background()
        assert len(snapshots(path)) == 1
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        best = np.argsort(-(queries @ unit.T), axis=1)[:, :10]
        found = [
            recall(nearest(agent, query), [str(i) for i in near])
            for query, near in zip(queries, best, strict=True)
        ]
        assert sum(found) / len(found) >= 0.94


def test_filters_deletions_branches_and_the_past(path: Path) -> None:
    """A random life, compared with a scan of what should be seen."""
    generator = random.Random(3)
    with opened(path) as home:
        agent = sam(home)
        agent.archival.insert_many(
            [{"text": t, "tags": [f"t{i % 50}"]} for i, t in enumerate(texts(4096))]
        )
        nearest(agent, questions(1)[0])
        home._core.wait_for_background()
        shown = dict.fromkeys(texts(4096))
        ids = {h.passage.text: h.passage.id for h in agent.archival.search("", limit=5000)}
        before = agent.steps()[-1].seq
        fork = agent.fork("fork")
        for text in generator.sample(sorted(shown), 120):
            agent.archival.delete(ids[text])
            del shown[text]
        for query in questions(20, seed=5):
            assert set(nearest(agent, query, 40)) <= set(shown)
            assert recall(nearest(agent, query, 40), truth(list(shown), query, 40)) >= 0.8
            # Few pass: they are scanned.
            some = [t for i, t in enumerate(texts(4096)) if i % 50 == 7 and t in shown]
            assert nearest(agent, query, tags=["t7"]) == truth(some, query)
            # Where nothing was deleted.
            for other in (fork, agent.at(before)):
                assert recall(nearest(other, query, 40), truth(texts(4096), query, 40)) >= 0.8
        agent.undo(120)
        gone = sorted(set(texts(4096)) - set(shown))
        for text in gone[:10]:
            assert text in nearest(agent, vector_of(text), 3)
        fork.archival.insert("1:of the fork")
        assert nearest(fork, vector_of("1:of the fork"), 1) == ["1:of the fork"]
        assert "1:of the fork" not in nearest(agent, vector_of("1:of the fork"), 50)


def test_the_lists_is_made_anew_without_what_was_deleted(path: Path) -> None:
    with opened(path) as home:
        agent = with_lists(home, 3072)
        rows = agent.archival.search("", limit=3072)
        for hit in list(rows)[:1200]:
            agent.archival.delete(hit.passage)
        kept = [h.passage.text for h in list(rows)[1200:]][::-1]
        first = snapshots(path)[0].stat().st_size
        nearest(agent, questions(1)[0])
        home._core.wait_for_background()
        assert snapshots(path)[0].stat().st_size < first
        found = [recall(nearest(agent, q), truth(kept, q)) for q in questions(30)]
        assert sum(found) / len(found) >= 0.95
        # What was deleted is in no list, and is seen again.
        agent.undo(1200)
        found = [recall(nearest(agent, q), truth(texts(3072), q)) for q in questions(30)]
        assert sum(found) / len(found) >= 0.95


def test_searches_and_inserts_go_on_while_it_is_made(path: Path) -> None:
    with opened(path) as home:
        agent = filled(home, 6000)
        problems: list[str] = []

        def search(seed: int) -> None:
            for query in questions(40, seed):
                if recall(nearest(agent, query), truth(texts(6000), query)) < 0.5:
                    problems.append("too few were found")

        threads = [threading.Thread(target=search, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for i in range(200):
            agent.archival.insert(f"new:{i}")
            assert nearest(agent, vector_of(f"new:{i}"), 1) == [f"new:{i}"]
        for thread in threads:
            thread.join()
        assert problems == []


def test_words_and_vectors_together_above_the_lists(path: Path) -> None:
    with opened(path) as home:
        agent = with_lists(home)
        agent.archival.insert("9:the red canoe lies at the pier")
        hits = agent.archival.search("canoe", limit=3)
        assert hits[0].passage.text == "9:the red canoe lies at the pier"
        assert hits[0].terms


# --- snapshots ------------------------------------------------------------------------------------


def test_a_snapshot_is_used_and_gives_the_same(path: Path) -> None:
    with opened(path) as home:
        agent = with_lists(home)
        agent.archival.insert_many(texts(70, 4096))
        before = [nearest(agent, q) for q in questions(30)]
    size, changed = snapshots(path)[0].stat().st_size, snapshots(path)[0].stat().st_mtime_ns
    with opened(path) as home:
        agent = home.agent("sam", embedding=Topics())
        assert [nearest(agent, q) for q in questions(30)] == before
        home._core.wait_for_background()
        assert snapshots(path)[0].stat().st_mtime_ns == changed
        assert snapshots(path)[0].stat().st_size == size
        home.rebuild()
        assert not Path(f"{path}-vectors").exists()
        assert recall(nearest(agent, questions(1)[0]), before[0]) >= 0.8


def flip(data: bytearray, generator: random.Random) -> None:
    data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)


DAMAGE: dict[str, Callable[[bytearray, random.Random], Any]] = {
    "a bit": flip,
    "a bit of the header": lambda data, g: data.__setitem__(
        at := g.randrange(208), data[at] ^ (1 << g.randrange(8))
    ),
    "truncated": lambda data, g: data.__delitem__(slice(g.randrange(len(data)), None)),
    "longer": lambda data, g: data.extend(b"\0" * 64),
    "empty": lambda data, g: data.clear(),
    "another machine's": lambda data, g: data.__setitem__(slice(8, 12), data[8:12][::-1]),
    "another version's": lambda data, g: data.__setitem__(7, ord("2")),
    "noise": lambda data, g: data.__setitem__(slice(None), g.randbytes(len(data))),
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
def test_a_damaged_snapshot_is_not_trusted(path: Path, damage: str) -> None:
    with opened(path) as home:
        agent = with_lists(home, 2048)
        before = [nearest(agent, q) for q in questions(10)]
    whole = snapshots(path)[0].read_bytes()
    for seed in range(6):
        data = bytearray(whole)
        DAMAGE[damage](data, random.Random(f"{damage} {seed}"))
        snapshots(path)[0].write_bytes(data)
        with opened(path) as home:
            agent = home.agent("sam", embedding=Topics())
            # Exact until it is made again.
            assert nearest(agent, questions(1)[0]) == truth(texts(2048), questions(1)[0])
            home._core.wait_for_background()
            assert [nearest(agent, q) for q in questions(10)] == before
        assert snapshots(path)[0].read_bytes()[240:] == whole[240:]


@pytest.mark.parametrize("change", ["cut", "zeros", "noise", "gone", "pipe"])
def test_a_snapshot_that_is_changed_under_an_open_home_changes_nothing(
    path: Path, change: str
) -> None:
    with opened(path) as home:
        with_lists(home)
    with opened(path) as home:
        agent = sam(home)
        before = [nearest(agent, query) for query in questions(20)]
        (snapshot,) = snapshots(path)
        size = snapshot.stat().st_size
        if change == "cut":
            os.truncate(snapshot, 1000)
        elif change in ("gone", "pipe"):
            snapshot.unlink()
            if change == "pipe":
                os.mkfifo(snapshot)
        else:
            with snapshot.open("r+b") as file:
                file.write(bytes(size) if change == "zeros" else os.urandom(size))
        assert [nearest(agent, query) for query in questions(20)] == before
    with opened(path) as home:
        agent = sam(home)
        found = [recall(nearest(agent, q), truth(texts(4096), q)) for q in questions(20)]
        assert sum(found) / len(found) >= 0.95


def test_the_snapshot_of_another_file_is_not_trusted(path: Path, tmp_path: Path) -> None:
    """A backup that was put back has other passages than those that were filed since."""
    with opened(path) as home:
        filled(home, 1500)
    backup = path.read_bytes()
    with opened(path) as home:
        agent = sam(home)
        agent.archival.insert_many([f"{i % 7}:lost {i}" for i in range(1500)])
        nearest(agent, questions(1)[0])
        home._core.wait_for_background()
    assert snapshots(path)
    path.write_bytes(backup)
    with opened(path) as home:
        agent = sam(home)
        agent.archival.insert_many([f"{i % 7}:found {i}" for i in range(1500)])
        hits = nearest(agent, vector_of("3:lost 10"), 100)
        assert not any("lost" in hit for hit in hits)


def test_a_purge_takes_the_snapshots_with_it(path: Path) -> None:
    with opened(path) as home:
        agent = with_lists(home, 2048)
        agent.archival.insert("5:a secret thing")
        assert snapshots(path)
        home.purge(text="secret")
        assert not snapshots(path)
        assert nearest(agent, vector_of("5:a ****** thing"), 1) == ["5:a ****** thing"]


def test_a_folder_that_cannot_be_written_costs_only_the_snapshot(path: Path) -> None:
    Path(f"{path}-vectors").write_text("in the way")
    with opened(path) as home:
        agent = with_lists(home, 2048)
        found = [recall(nearest(agent, q), truth(texts(2048), q)) for q in questions(20)]
        assert sum(found) / len(found) >= 0.95
    assert Path(f"{path}-vectors").read_text() == "in the way"


def test_memory_is_bounded(path: Path) -> None:
    """With room for next to nothing the indexes are made anew at each turn, and give the same."""
    with opened(path, index_memory=1) as home:
        agent = filled(home, 500)
        other = home.create_agent("other", embedding=Topics())
        other.archival.insert_many(texts(500, 10_000))
        for query in questions(5):
            assert nearest(agent, query) == truth(texts(500), query)
            assert nearest(other, query) == truth(texts(500, 10_000), query)


LIFE = """
import sys, memgpt
sys.path.insert(0, {tests!r})
from test_vectors import Topics, Wide, nearest, questions, texts
home = memgpt.open({path!r}, durability="process", exact_search=1000)
agent = home.create_agent("sam", embedding={embedder}(), exist_ok=True)
{work}
"""


def start(path: Path, work: str, embedder: str = "Topics") -> subprocess.Popen[str]:
    code = LIFE.format(
        tests=str(Path(__file__).parent), path=str(path), work=work, embedder=embedder
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1, 0.4])
def test_killed_while_the_lists_is_made(path: Path, delay: float) -> None:
    with opened(path) as home:
        filled(home, 6000)
    child = start(
        path,
        "nearest(agent, questions(1)[0]); print('on', flush=True); "
        "home._core.wait_for_background()",
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.read(0)
    threading.Event().wait(delay)
    child.kill()
    child.wait()
    child.stdout.close()
    with opened(path) as home:
        agent = sam(home)
        query = questions(1)[0]
        assert recall(nearest(agent, query), truth(texts(6000), query)) >= 0.9
        home._core.wait_for_background()
        assert len(snapshots(path)) == 1
        assert not list(Path(f"{path}-vectors").glob("*.tmp"))


def test_two_processes_make_them_once(path: Path) -> None:
    with opened(path) as home:
        filled(home, 3000)
    work = (
        "nearest(agent, questions(1)[0]); home._core.wait_for_background(); "
        "print(sum(len(nearest(agent, q)) for q in questions(20)))"
    )
    children = [start(path, work) for _ in range(2)]
    answers = [child.communicate(timeout=120)[0].strip() for child in children]
    assert answers == ["200", "200"]
    assert len(snapshots(path)) == 1


def test_the_process_ends_while_a_lists_is_made(path: Path) -> None:
    with opened(path) as home:
        filled(home, 6000)
    child = start(path, "nearest(agent, questions(1)[0])")
    child.communicate(timeout=60)
    assert child.returncode == 0


def test_a_forked_child_ends_while_its_parent_makes_lists(path: Path) -> None:
    with opened(path) as home:
        filled(home, 6000)
    child = start(
        path,
        "import os, warnings\nwarnings.simplefilter('ignore')\n"
        "nearest(agent, questions(1)[0])\nchild = os.fork()\n"
        "if child: print(os.waitpid(child, 0)[1])",
    )
    assert child.communicate(timeout=60)[0].strip() == "0"
    assert child.returncode == 0
