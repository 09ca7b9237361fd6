"""Stores of vectors that programs bring, and what they do wrong: nothing is lost, nothing is shown
that should not be, no score is another one, and the agent goes on."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import testing
from memgpt.store import Row, Visible
from memgpt.testing import STORE_FAULTS, chaotic

from tests.conftest import Kit
from tests.store_checks import Memory, Twins, all_in, hits, rows_of, text

TEXTS = ("copper lantern", "walnut bread", "violin in winter", "river market", "marble ladder")


def filled(home: memgpt.Home, store: Any, name: str = "sam") -> memgpt.Agent:
    agent = home.create_agent(name, archival_store=store)
    for what in TEXTS:
        agent.archival.insert(what, time="2024-05-06")
    return agent


def answering(answer: Callable[..., Any]) -> Memory:
    """A store that keeps what it is told, and answers a search in its own way."""
    store = Memory()
    search = store.search
    vars(store)["search"] = lambda *arguments: answer(search(*arguments), *arguments)
    return store


@pytest.mark.parametrize(
    "answer",
    [
        lambda found, *_: [],
        lambda found, *_: found[::-1],
        lambda found, *_: found * 3,
        lambda found, *_: [found[0]] * 100,
        lambda found, *_: [*range(1, 500)],
        lambda found, *_: [0, -1, -(2**70), 2**62, 2**63, 2**64, *found],
        lambda found, *_: iter(found),
        lambda found, *_: tuple(found),
        lambda found, archive, vector, limit, visible: found + [10**9] * limit * 20,
        lambda found, *_: __import__("itertools").count(),
        lambda found, *_: __import__("numpy").array(found),
    ],
    ids=[
        *("nothing", "backwards", "thrice", "one", "all", "huge"),
        *("generator", "tuple", "more", "endless", "numpy"),
    ],
)
def test_whatever_it_proposes_the_hits_are_the_same(
    home: memgpt.Home, answer: Callable[..., Any]
) -> None:
    agent, own = filled(home, answering(answer)), filled(home, None, "own")
    for agents in ((agent, own), (agent.fork("a"), own.fork("b"))):
        agents[0].archival.delete(agents[0].archival.search("bread")[0].passage)
        agents[1].archival.delete(agents[1].archival.search("bread")[0].passage)
        agents[0].archival.insert("a pepper", tags=["food"])
        agents[1].archival.insert("a pepper", tags=["food"])
        for query in ("lanterns", "bread", "the ladder by the river", '"river market"'):
            for options in ({}, {"limit": 2}, {"offset": 3}, {"tags": ["food"]}):
                assert hits(agents[0], query, **options) == hits(agents[1], query, **options)
    assert hits(agent.at(3), "bread") == hits(own.at(3), "bread")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "NoneType"),
        (7, "a int that is none"),
        ("12", "a text"),
        (b"12", "a text"),
        ([1.5], "'float' object"),
        ([math.nan], "'float' object"),
        (["1"], "'str' object"),
        ([[1, 2]], "'list' object"),
        ([(1, 0.5)], "'tuple' object"),
    ],
)
def test_what_is_no_answer(home: memgpt.Home, answer: Any, says: str) -> None:
    agent = filled(home, answering(lambda *_: answer))
    with pytest.warns(UserWarning, match='archival store "memory" failed in search.*ids') as told:
        for query in TEXTS:
            found = agent.archival.search(query)
            assert found[0].passage.text == query and found[0].similarity == 0
    assert len(told) == 1 and says in str(told[0].message)
    assert "words alone are searched until" in str(told[0].message)
    assert told[0].filename == __file__


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "error", [OSError("down"), Broken(), TimeoutError("its own"), ValueError()]
)
@pytest.mark.parametrize("method", ["insert", "search"])
def test_what_it_raises(home: memgpt.Home, error: Exception, method: str) -> None:
    store = Memory()

    def fail(*_: Any) -> Any:
        raise error

    vars(store)[method] = fail
    with pytest.warns(UserWarning, match=f"failed in {method}..: {type(error).__name__}"):
        agent = filled(home, store)
        assert len(agent.archival) == len(TEXTS)
        assert agent.archival.search("lantern")[0].similarity == 0
    del vars(store)[method]
    assert agent.archival.search("lantern")[0].similarity > 0.5
    assert len(store.rows) == len(TEXTS)


def test_the_error_is_typed_and_has_its_cause(home: memgpt.Home) -> None:
    store = Memory()
    agent = filled(home, store)
    assert agent.archival.catch_up()
    cause = OSError("down")

    def fail(*_: Any) -> Any:
        raise cause

    vars(store)["insert"] = fail
    with pytest.warns(UserWarning, match="OSError: down; what was filed is in the journal"):
        agent.archival.insert("pepper")
    with pytest.raises(memgpt.ArchivalStoreError, match="OSError: down") as caught:
        agent.archival.catch_up()
    assert caught.value.__cause__ is cause
    assert isinstance(caught.value, memgpt.StoreError)
    assert not home.create_agent("own").archival.catch_up()


def test_each_outage_is_told_of_once(home: memgpt.Home) -> None:
    store = Memory()
    agent = filled(home, store)

    def fail(*_: Any) -> Any:
        raise OSError("down")

    for _ in range(2):
        vars(store)["search"] = fail
        with pytest.warns(UserWarning) as told:
            for _ in range(4):
                agent.archival.search("lantern")
        assert len(told) == 1
        del vars(store)["search"]
        agent.archival.search("lantern")


def test_a_text_that_is_new_each_time_is_told_of_twenty_times(home: memgpt.Home) -> None:
    store = answering(lambda *_: 1 / 0)
    agent = filled(home, store)
    count = iter(range(100))

    def fail(*_: Any) -> Any:
        raise OSError(f"down at {next(count)}")

    vars(store)["search"] = fail
    with pytest.warns(UserWarning) as told:
        for _ in range(40):
            agent.archival.search("lantern")
    assert len(told) == 20


def test_a_slow_store_is_not_waited_for(home: memgpt.Home) -> None:
    store = Memory()
    agent = filled(home, store)
    go = threading.Event()
    store.timeout_s = 0.2
    search = store.search

    def slow(*arguments: Any) -> Any:
        go.wait(30)
        return search(*arguments)

    vars(store)["search"] = slow
    begin = time.monotonic()
    with pytest.warns(UserWarning) as told:
        for _ in range(5):
            assert agent.archival.search("lantern")[0].similarity == 0
        for _ in range(20):  # of a store that has failed nobody is told
            agent.archival.insert("pepper")
    assert time.monotonic() - begin < 10
    assert ["no answer in 0.2" in str(w.message) for w in told] == [True, False]
    assert "an earlier call has not come back" in str(told[1].message)
    with pytest.raises(memgpt.ArchivalStoreTimeout):
        agent.archival.catch_up()
    go.set()
    store.timeout_s = 30
    while True:
        try:
            agent.archival.catch_up()
            break
        except memgpt.ArchivalStoreTimeout:
            time.sleep(0.01)
    assert agent.archival.search("lantern")[0].similarity > 0.5
    assert len(store.rows) == len(TEXTS) + 20
    assert threading.active_count() < 30


def test_calls_come_one_at_a_time_on_one_thread(home: memgpt.Home) -> None:
    seen: set[int] = set()
    inside = threading.Lock()

    class Careful(Memory):
        def insert(self, archive: str, rows: Sequence[Row]) -> None:
            assert inside.acquire(blocking=False)
            seen.add(threading.get_ident())
            time.sleep(0.001)
            super().insert(archive, rows)
            inside.release()

    store = Careful()
    agents = [home.create_agent(f"a{i}", archival_store=store) for i in range(4)]

    def work(agent: memgpt.Agent) -> None:
        for what in TEXTS:
            agent.archival.insert(what)
            assert agent.archival.search(what)[0].similarity > 0.5

    threads = [threading.Thread(target=work, args=(agent,)) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 1 and threading.get_ident() not in seen
    assert len(store.rows) == 4 * len(TEXTS)


def test_a_store_with_coroutines(home: memgpt.Home) -> None:
    class Async(memgpt.ArchivalStore):
        def __init__(self) -> None:
            self.own = Memory()

        async def insert(self, archive: str, rows: Sequence[Row]) -> None:
            await asyncio.sleep(0)
            self.own.insert(archive, rows)

        async def search(self, *arguments: Any) -> list[int]:
            await asyncio.sleep(0)
            return self.own.search(*arguments)

    agent = filled(home, Async())
    assert agent.config["archival_store"] == "Async"
    assert agent.archival.search("lantern")[0].similarity > 0.5


def test_what_a_store_is_told(home: memgpt.Home) -> None:
    """Unit length, float32, the row's commit; what was undone or deleted is not visible."""
    told: list[Row] = []
    asked: list[Visible] = []

    class Noting(Memory):
        def insert(self, archive: str, rows: Sequence[Row]) -> None:
            told.extend(rows)
            super().insert(archive, rows)

        def search(self, archive: str, vector: memoryview, limit: int, visible: Visible) -> Any:
            assert vector.format == "f" and vector.ndim == 1 and vector.readonly
            asked.append(visible)
            return super().search(archive, vector, limit, visible)

    agent = filled(home, Noting())
    gone = agent.archival.search("lantern")[0].passage
    agent.archival.delete(gone)
    agent.archival.insert("undone")
    agent.undo()
    agent.archival.insert("kept")
    agent.archival.search("anything")
    archive, ids, dimension = rows_of(home, agent)
    assert archive == f"{agent.id}/{agent.config['embedding']}/{dimension}"
    assert {row.id for row in told} == ids and len(told) == len(TEXTS) + 2
    for row in told:
        assert row.vector.format == "f" and len(row.vector) == dimension and row.vector.readonly
        assert math.isclose(math.sqrt(sum(x * x for x in row.vector)), 1, abs_tol=1e-5)
    visible = asked[-1]
    seen = [row.id for row in told if visible(row.branch, row.seq, row.id)]
    assert seen == [row.id for row in told[1 : len(TEXTS)]] + [told[-1].id]
    assert visible.hidden == [told[0].id] and "less 1 rows" in repr(visible)


def test_a_tool_finds_what_its_step_has_filed(kit: Kit) -> None:
    store = Memory()

    @memgpt.tool(effects="none")
    def look(agent: memgpt.Agent) -> str:
        agent.archival.insert("a pepper in the garden")
        agent.archival.delete(agent.archival.search("lantern")[0].passage)
        store.calls.append("-- commit")
        return ", ".join(hit.passage.text for hit in agent.archival.search("pepper and lantern"))

    agent = kit.agent([kit.call("look"), kit.say("done")], tools=[look], archival_store=store)
    for what in TEXTS:
        agent.archival.insert(what)
    agent.send("Look.")
    assert '"a pepper in the garden, ' in kit.llm.returned()
    assert "copper lantern" not in kit.llm.returned()
    assert store.calls[-3:] == ["-- commit", "search 100", "insert 1"]
    kit.still_answers(agent)


def test_the_model_searches_while_the_store_is_down(kit: Kit) -> None:
    store = answering(lambda *_: 1 / 0)
    agent = kit.agent(
        [kit.call("archival_memory_search", query="lantern"), kit.say("found")],
        archival_store=store,
    )
    agent.archival.insert("copper lantern")
    with pytest.warns(UserWarning, match="ZeroDivisionError"):
        assert agent.send("Where is it?").text == "found"
    assert "copper lantern" in kit.llm.returned()
    kit.still_answers(agent)


def test_it_asks_for_more_then_compares_all(home: memgpt.Home) -> None:
    """A filter of which the store knows nothing; each time it is asked for more."""
    store = answering(lambda found, archive, vector, limit, visible: list(range(1, limit + 1)))
    twins = Twins(home, lambda: store)
    twins.insert(150)
    for agent in twins:
        agent.archival.insert("the last one", tags=["rare"], time="2024-05-06")
    store.calls.clear()
    assert hits(twins.one, "last", tags=["rare"]) == hits(twins.other, "last", tags=["rare"])
    assert store.calls == ["search 100"]  # one passes: to compare it costs less than to ask again
    for agent in twins:
        agent.archival.delete(agent.archival.search("last", tags=["rare"])[0].passage)
    twins.insert(700)
    asked: list[int] = []

    def first(archive: str, vector: memoryview, limit: int, visible: Visible) -> list[int]:
        asked.append(limit)
        return [1] * limit

    vars(store)["search"] = first
    for limit in (10, 200, 20_000):
        one, other = (hits(agent, "copper winter", limit=limit) for agent in twins)
        assert one == other and len(one[0]) == min(limit, 850)
    assert asked == [100, 800, 200]
    # It fails when it is asked for more.
    vars(store)["search"] = lambda archive, vector, limit, visible: [1] * (100 // (limit == 100))
    with pytest.warns(UserWarning, match="ZeroDivisionError"):
        assert [hit.similarity for hit in twins.one.archival.search("copper")] == [0] * 10


def test_shared_archives_are_searched_in_it_too(home: memgpt.Home) -> None:
    store = Memory()
    agent, own = filled(home, store), filled(home, None, "own")
    team, notes = home.create_archive("team"), home.create_archive("notes", embedding=None)
    for one in (agent, own):
        one.archival.attach(team)
        one.archival.attach(notes, read_only=True)
    team.insert_many(["a violin in the river", "two lanterns of marble", "the market of Turin"])
    notes.insert("bread is by words alone")

    def compare() -> None:
        for query in ("lanterns", "bread", "river market", "ladder"):
            for options in ({}, {"archive": team}, {"limit": 2}, {"offset": 2}):
                assert hits(agent, query, **options) == hits(own, query, **options)

    compare()
    assert sum(archive.startswith(team.id) for archive, _ in store.rows) == 3
    gone = team.search("lanterns")[0].passage
    agent.archival.insert("pepper of the team", archive=team)
    team.update(team.search("Turin")[0].passage, text="the market of Oslo")
    team.delete(gone)
    compare()
    assert gone.text not in [hit.passage.text for hit in agent.archival.search("lanterns")]
    agent.archival.detach(team)
    own.archival.detach(team)
    assert all(hit.archive != "team" for hit in agent.archival.search("pepper"))


def test_a_search_by_a_vector(home: memgpt.Home) -> None:
    """Without a text there are no words to go by while the store is down."""
    store = Memory()
    agent, own = filled(home, store), filled(home, None, "own")
    dimension = rows_of(home, agent)[2]
    vector = store.rows[next(iter(store.rows))][2]
    store.calls.clear()
    for options in ({"limit": 2}, {"offset": 1}, {}):
        found = [hits(one, "", vector=vector, **options) for one in (agent, own)]
        assert found[0] == found[1]
    assert hits(agent, "", vector=vector)[0][0][0] == "copper lantern"
    assert store.calls == ["search 100"] * 4
    # Words decide, and the vectors tell how near their hits are.
    words = memgpt.Ranking(dense=0)
    found = [hits(one, "bread", vector=vector, ranking=words) for one in (agent, own)]
    assert found[0] == found[1] and len(store.calls) == 4

    def fail(*_: Any) -> Any:
        raise OSError("down")

    vars(store)["search"] = fail
    with pytest.warns(UserWarning, match="OSError: down; all vectors are compared until"):
        assert hits(agent, "", vector=vector) == hits(own, "", vector=vector)
    with pytest.raises(memgpt.InvalidInput, match=f"has 1 numbers, and .* have {dimension};"):
        agent.archival.search("", vector=[1.0])


def test_an_embedder_of_another_length_gets_rows_of_its_own(home: memgpt.Home) -> None:
    class Small(memgpt.Embedder):
        name = "small"
        dimension = 3

        def embed(self, texts: list[str]) -> Any:
            return [[len(t), t.count("a") + 1, 1] for t in texts]

    class Smaller(Small):
        dimension = 2

        def embed(self, texts: list[str]) -> Any:
            return [[len(t), t.count("a") + 1] for t in texts]

    store = Memory()
    agent = home.create_agent("sam", embedding=Small, archival_store=store)
    agent.archival.insert("banana")
    agent.undo()
    agent = home.agent("sam", embedding=Smaller)
    agent.archival.insert("banana")
    assert agent.archival.search("banana")[0].similarity > 0.9
    assert sorted(archive.partition("/")[2] for archive, _ in store.rows) == ["small/2", "small/3"]


def test_vectors_that_come_after_their_passages(home: memgpt.Home) -> None:
    """A fork files with the old embedder what gets its new vector when the store has gone on."""

    class Letters(memgpt.Embedder):
        dimension = 26

        def __init__(self, name: str) -> None:
            self.name = name

        def embed(self, texts: list[str]) -> Any:
            return [[one.count(chr(97 + i)) + 0.1 for i in range(26)] for one in texts]

    store = Memory()
    agent = home.create_agent("sam", embedding=Letters("old"), archival_store=store)
    agent.archival.insert_many(TEXTS)
    fork = agent.fork("fork")
    agent.reembed(Letters("new")).wait()
    agent.archival.search("lantern")
    fork.archival.insert("a pepper")
    agent.archival.insert("a zebra")
    fork.reembed(Letters("new")).wait()
    assert fork.archival.search("pepper")[0].similarity > 0.9
    told = {id for archive, id in store.rows if archive.endswith("/new/26")}
    assert told == {id for _, id in store.rows} and len(told) == len(TEXTS) + 2


def test_without_an_embedder_no_store_is_asked(home: memgpt.Home) -> None:
    store = Memory()
    agent = home.create_agent("sam", embedding=None, archival_store=store)
    agent.archival.insert("copper lantern")
    assert agent.archival.search("lantern")[0].similarity == 0
    assert store.calls == [] and not agent.archival.catch_up()


def test_a_lost_store_is_told_of_everything_by_rebuild(home: memgpt.Home) -> None:
    store = Memory()
    agent, own = filled(home, store), filled(home, None, "own")
    store.rows.clear()
    assert hits(agent, "lantern") == hits(own, "lantern")  # all are compared
    home.rebuild()
    assert hits(agent, "lantern") == hits(own, "lantern")
    assert len(store.rows) == len(TEXTS)


def test_a_purge_while_the_store_is_down(home: memgpt.Home) -> None:
    store = Memory()
    agent = filled(home, store)
    agent.archival.insert("the secret word is thistle")
    agent.undo()
    agent.archival.insert("and that line is left")

    def fail(*_: Any) -> Any:
        raise OSError("down")

    vars(store)["delete"] = fail
    with pytest.warns(UserWarning, match="OSError: down; vectors .* are still in it"):
        home.purge(undone=True)
    assert len(store.rows) == len(TEXTS) + 2
    del vars(store)["delete"]
    agent.archival.search("lantern")
    assert len(store.rows) == len(TEXTS) + 1


def test_a_purge_of_a_deleted_agent(home: memgpt.Home) -> None:
    store = Memory()
    filled(home, store)
    home.delete_agent("sam")
    other = home.create_agent("other", archival_store=store)
    assert len(store.rows) == len(TEXTS)
    home.purge(deleted=True)
    assert store.rows == {}
    other.archival.insert("copper lantern")
    assert other.archival.search("lantern")[0].similarity > 0.5


def test_a_purge_while_rows_are_on_their_way(home: memgpt.Home) -> None:
    """They come to the store after it was told to forget them: it is told again."""
    store = Memory()
    agent = home.create_agent("sam", archival_store=store)
    agent.archival.insert("copper lantern")
    agent.archival.insert("undone")
    agent.undo()
    agent.archival.insert("and that line is left")
    store.rows.clear()
    home.rebuild()
    late: list[Any] = []
    insert = store.insert

    def purged_meanwhile(*arguments: Any) -> None:
        if not late:
            late.append(arguments)
            with memgpt.Home(home.path, "process") as other:
                other.purge(undone=True)
        insert(*arguments)

    vars(store)["insert"] = purged_meanwhile
    agent.archival.search("lantern")
    agent.archival.search("lantern")
    assert {id for _, id in store.rows} == rows_of(home, agent)[1]
    assert len(store.rows) == 2


def test_what_is_bound(home: memgpt.Home, tmp_path: Path) -> None:
    home.create_agent("class", archival_store=Memory)
    assert "archival_store" not in home.create_agent("index", archival_store="builtin").config
    for wrong in (7, "lancedb", object()):
        with pytest.raises(memgpt.ConfigError, match="is an instance of"):
            home.create_agent("sam", archival_store=wrong)  # type: ignore[arg-type]
    store = Memory()
    store.name = "builtin"
    with pytest.raises(memgpt.ConfigError, match="another name"):
        home.create_agent("sam", archival_store=store)
    store.name = "mine"
    for seconds in (0, -1, math.inf, "1"):
        store.timeout_s = seconds  # type: ignore[assignment]
        with pytest.raises(memgpt.ConfigError, match="timeout_s"):
            home.create_agent("sam", archival_store=store)
    store.timeout_s = 5
    agent = filled(home, store)
    assert agent.config["archival_store"] == "mine" and agent.unbound == []
    again = home.create_agent("sam", archival_store=store, exist_ok=True)
    assert again.config == agent.config
    fork = agent.fork("other")
    store.calls.clear()
    assert fork.archival.search("lantern")[0].similarity > 0.5
    assert store.calls == ["search 100"]
    agent = home.agent("sam", archival_store="builtin")
    store.calls.clear()
    assert agent.archival.search("lantern")[0].similarity > 0.5
    assert store.calls == [] and "archival_store" not in agent.config
    assert fork.config["archival_store"] == "mine"


def test_one_that_defines_nothing(home: memgpt.Home) -> None:
    class Nothing(memgpt.ArchivalStore):
        pass

    with pytest.warns(UserWarning, match="Nothing defines no insert"):
        agent = filled(home, Nothing())
    with pytest.warns(UserWarning, match="words alone"):
        agent.archival.search("lantern")

    class NoSearch(Memory):
        search = memgpt.ArchivalStore.search
        delete = memgpt.ArchivalStore.delete

    agent = filled(home, NoSearch(), "other")
    with pytest.warns(UserWarning, match="NoSearch defines no search"):
        agent.archival.search("lantern")
    agent.undo()
    agent.archival.insert("pepper")
    with pytest.warns(UserWarning, match="NoSearch defines no delete"):
        home.purge(undone=True)


def test_dataclasses_are_stores_too(home: memgpt.Home) -> None:
    @dataclasses.dataclass
    class Data(Memory):
        rows: dict[Any, Any] = dataclasses.field(default_factory=dict)
        calls: list[str] = dataclasses.field(default_factory=list)

    assert filled(home, Data()).archival.search("lantern")[0].similarity > 0.5


def test_close(home: memgpt.Home, tmp_path: Path) -> None:
    class Closing(Memory):
        closed = 0

        def close(self) -> None:
            self.closed += 1
            if self.closed == 2:
                raise OSError("already")

    store = Closing()
    for name in ("one.db", "two.db"):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            with memgpt.open(tmp_path / name, durability="process") as other:
                filled(other, store)
                filled(other, store, "second")
        assert [str(w.message) for w in told] == (
            []
            if name == "one.db"
            else ['archival store "memory" failed in close(): OSError: already']
        )
    assert store.closed == 2
    assert filled(home, store).archival.search("lantern")[0].similarity > 0.5


def test_ctrl_c_in_a_store(home: memgpt.Home) -> None:
    store = Memory()
    agent = filled(home, store)

    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    vars(store)["search"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        agent.archival.search("lantern")
    del vars(store)["search"]
    assert agent.archival.search("lantern")[0].similarity > 0.5


def test_a_cancelled_send_does_not_wait_for_the_store(kit: Kit) -> None:
    store = Memory()
    agent = kit.agent([kit.call("archival_memory_search", query="lantern")], archival_store=store)
    agent.archival.insert("copper lantern")
    inside, go = threading.Event(), threading.Event()

    def hang(*_: Any) -> list[int]:
        inside.set()
        go.wait(30)
        return []

    vars(store)["search"] = hang

    async def cancelled() -> float:
        task = asyncio.create_task(agent.send_async("Where is it?"))
        await asyncio.to_thread(inside.wait, 30)
        task.cancel()
        begin = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - begin

    assert asyncio.run(cancelled()) < 5
    go.set()
    del vars(store)["search"]
    kit.still_answers(agent)


def test_a_store_that_uses_its_agent(home: memgpt.Home) -> None:
    """It reads it; what waits for the turn is not waited for longer than the store."""
    store = Memory()
    agent = filled(home, store)
    search = store.search

    def curious(*arguments: Any) -> Any:
        assert len(agent.archival) == len(TEXTS) and agent.recall.messages() == []
        return search(*arguments)

    vars(store)["search"] = curious
    assert agent.archival.search("lantern")[0].similarity > 0.5


def test_old_configurations_stay_as_they_are(home: memgpt.Home) -> None:
    assert "archival_store" not in home.create_agent("sam").config


def test_the_program_ends_while_a_store_hangs() -> None:
    """And while one is in use, and closed by an atexit function of the program's own."""
    out = Kit.run(
        """
import atexit, threading, warnings
warnings.simplefilter("ignore")
def at_end():  # after memgpt's own
    agent.archival.insert("pepper")
    home.close()
    print("closed", store.closed)
atexit.register(at_end)
import memgpt
class Store(memgpt.ArchivalStore):
    closed = 0
    timeout_s = 0.2
    def insert(self, archive, rows): pass
    def search(self, archive, vector, limit, visible): threading.Event().wait()
    def close(self): self.closed += 1
class Hanging(Store):
    name = "hanging"
store = Store()
home = memgpt.open(":memory:")
agent = home.create_agent("sam", archival_store=store)
agent.archival.insert("lantern")
other = home.create_agent("other", archival_store=Hanging)
other.archival.insert("copper lantern")
print(other.archival.search("lantern")[0].passage.text)
"""
    )
    assert "copper lantern" in out and out.endswith("closed 1\n")


@pytest.mark.parametrize("fault", STORE_FAULTS)
def test_a_chaotic_store(kit: Kit, fault: str) -> None:
    """Whatever it does, a search gives what the own index does, or what the words do."""
    store = chaotic(Memory(), rate=0.5, faults=[fault])
    twins = Twins(kit.home, lambda: store)
    words = memgpt.Ranking(dense=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(20):
            twins.change()
            query = text(twins.source)
            found = hits(twins.one, query)
            near, lexical = (hits(twins.other, query, ranking=r) for r in (None, words))
            alone = [(what, score) for what, score, _ in lexical[0]], lexical[1]
            assert found == near or ([(w, s) for w, s, _ in found[0]], found[1]) == alone
        assert testing.check_agent(twins.one) == []
    assert {event.fault for event in store.log} == {fault, ""}
    store.rate = 0
    twins.compare()
    archive, ids, dimension = rows_of(kit.home, twins.one)
    assert all_in(store, archive, dimension) == ids
