"""Embedders: what they may return, what is refused, and that nothing is stored or lost then."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from typing import Any

import memgpt
import numpy as np
import pytest
from memgpt import errors
from memgpt._vectors import flat_rows
from memgpt.llm import to_core_embedder

ROWS = [[0.5, -1.25, 3.0], [0.0, 2.0, 1e-3]]
F32 = np.array(ROWS, np.float32)


class Returns(memgpt.Embedder):
    """Whatever it is told to; otherwise a row that says how long the text is."""

    name, dimension = "e", 3

    def __init__(self, answer: Callable[[list[str]], Any] | None = None) -> None:
        self.answer = answer

    def embed(self, texts: list[str]) -> Any:
        if self.answer is not None:
            return self.answer(texts)
        return [[1.0, len(text), text.count("e")] for text in texts]


class Tensor:
    """Like one on a device or with gradients: numpy cannot have it, tolist() can."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError("it is elsewhere")

    def tolist(self) -> Any:
        return self.rows


ACCEPTED = {
    "float32": F32,
    "float64": np.array(ROWS),
    "float16": F32.astype(np.float16),
    "big endian": F32.astype(">f4"),
    "not contiguous": np.array([[0, *row, 0] for row in ROWS], np.float32)[:, 1:-1],
    "by columns": np.asfortranarray(F32),
    "read-only": np.frombuffer(F32.tobytes(), np.float32).reshape(2, 3),
    "objects": np.array(ROWS, object),
    "lists": ROWS,
    "tuples": tuple(tuple(row) for row in ROWS),
    "a list of arrays": list(F32),
    "a list of float64 arrays": list(np.array(ROWS)),
    "a list of numpy numbers": [[np.float32(value) for value in row] for row in ROWS],
    "array.array": [array("f", row) for row in ROWS],
    "array.array of doubles": [array("d", row) for row in ROWS],
    "memoryview": memoryview(F32),
    "generators": (iter(row) for row in ROWS),
    "tensor": Tensor(ROWS),
    "a list of tensors": [Tensor(row) for row in ROWS],
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_all_kinds_of_rows(kind: str) -> None:
    core = to_core_embedder(Returns(lambda texts: ACCEPTED[kind]))
    assert core is not None
    got = np.array(core.embed(["a", "b"]), np.float32).reshape(2, 3)
    np.testing.assert_allclose(got, F32, rtol=1e-3 if kind == "float16" else 0)


def test_whole_numbers_and_no_texts() -> None:
    core = to_core_embedder(Returns(lambda texts: np.arange(3 * len(texts)).reshape(-1, 3)))
    assert core is not None
    assert core.embed(["a", "b"]) == [0, 1, 2, 3, 4, 5] and core.embed([]) == []


def test_float32_is_taken_as_it_lies() -> None:
    big = np.ones((1000, 3), np.float32)
    assert np.shares_memory(np.asarray(flat_rows(big, 1000, 3, "E")), big)


def test_lists_need_no_numpy(kit, tmp_path) -> None:
    code = (
        "import memgpt, sys\n"
        "from array import array\n"
        "class E(memgpt.Embedder):\n"
        "    dimension = 2\n"
        "    def embed(self, texts):\n"
        "        return [array('f', [1, 2]) if 'a' in text else [2, 1] for text in texts]\n"
        "with memgpt.open(sys.argv[1]) as home:\n"
        "    agent = home.create_agent('sam', embedding=E)\n"
        "    for text in 'ab': agent.archival.insert(text)\n"
        "    print(agent.archival.search('a')[0].passage.text, 'numpy' in sys.modules)\n"
    )
    assert kit.run(code, tmp_path / "lists.db") == "a False\n"


NAN = float("nan")
REFUSED = {
    "no rows": ([], r"one row of 3 numbers for each of 1 texts.*0 rows"),
    "too many rows": ([[1, 2, 3]] * 2, "2 rows"),
    "too wide": ([[1, 2, 3, 4]], "rows of 4.*another `name` and `dimension`.*reembed"),
    "too narrow": (np.ones((1, 2)), "rows of 2"),
    "empty row": ([[]], "rows of 0"),
    "1-D": (np.ones(3), r"shape \(3,\): one text, too, is a row"),
    "1-D list": ([1.0, 2.0, 3.0], "not iterable"),
    "3-D": (np.ones((1, 1, 3)), r"shape \(1, 1, 3\)"),
    "3-D list": ([[[1, 2, 3]]], "must be real number, not list"),
    "3-D in a list": ([np.ones((1, 3))], r"a row of shape \(1, 3\)"),
    "0-D": (np.float32(1), "shape"),
    "ragged": (lambda texts: [[1, 2, 3]] * (len(texts) - 1) + [[1, 2]], "rows of 2"),
    "words": ([["x", "y", "z"]], "not str"),
    "numbers as words": ([["1", "2", "3"]], "not str"),
    "an array of words": (np.array([["1", "2", "3"]]), "not str"),
    "bytes": ([b"abc"], "a bytes"),
    "a text": ("abc", "a str"),
    "a dict": ({0: [1, 2, 3]}, "a dict"),
    "a dict for a row": ([{1: 1, 2: 2, 3: 3}], "a dict"),
    "a set for a row": ([{1, 2, 3}], "a set"),
    "complex": (np.ones((1, 3), complex), "not complex"),
    "dates": (np.zeros((1, 3), "M8[D]"), "not"),
    "None": (None, "NoneType"),
    "None for a row": ([None], "NoneType"),
    "None for a number": ([[1, None, 3]], "not NoneType"),
    "a huge int": ([[10**400, 1, 1]], "OverflowError"),
    "NaN": ([[1, NAN, 3]], r'"e" returned NaN or infinity for text 1 of 1; return finite'),
    "infinity": (np.array([[1, np.inf, 3]]), "NaN or infinity"),
    "more than float32 holds": (np.array([[1, 1e39, 3]]), "NaN or infinity"),
    "more than float32 holds, a list": ([[1, 1e39, 3]], "NaN or infinity"),
    "zeros": ([[0, 0, 0]], "only zeros for text 1 of 1"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_vector_is_refused_and_nothing_is_stored(kit, kind: str) -> None:
    rows, words = REFUSED[kind]
    embedder = Returns()
    agent = kit.agent([], embedding=embedder)
    agent.archival.insert("geese")
    embedder.answer = rows if callable(rows) else lambda texts: rows
    for act in agent.archival.insert, agent.archival.search:
        with pytest.raises(errors.ConfigError, match=words):
            act("swans")
    assert len(agent.archival) == 1
    embedder.answer = None
    assert [hit.passage.text for hit in agent.archival.search("geese")] == ["geese"]
    kit.still_answers(agent)


def test_ragged_rows_of_several_texts() -> None:
    core = to_core_embedder(Returns(lambda texts: [[1, 2, 3], [1, 2]]))
    assert core is not None
    with pytest.raises(errors.ConfigError, match="rows of 2 and 3"):
        core.embed(["a", "b"])


def test_the_model_is_told(kit) -> None:
    insert = kit.call("archival_memory_insert", content="swans")
    agent = kit.agent([insert, kit.say("so")], embedding=Returns(lambda texts: np.ones(3)))
    assert agent.send("go").text == "so"
    assert "one text, too, is a row" in kit.llm.returned() and len(agent.archival) == 0


@pytest.mark.parametrize("size", [1e-45, 1e-30, 1.0, 3e38])
def test_rows_of_any_length_are_scaled(kit, size: float) -> None:
    agent = kit.agent([], embedding=Returns(lambda texts: [[size, -size, size]]))
    agent.archival.insert("geese")
    assert agent.archival.search("x")[0].score == pytest.approx(1, abs=1e-5)
    assert kit.home.check() == []


def test_async_with_an_array(kit) -> None:
    class Later(Returns):
        async def embed(self, texts: list[str]) -> Any:
            await asyncio.sleep(0)
            return np.array(super().embed(texts), np.float32)

    embedder = Later()
    agent = kit.agent([], embedding=embedder)
    agent.archival.insert("geese")
    assert agent.archival.search("geese")[0].score == pytest.approx(1)
    embedder.answer = lambda texts: [[NAN] * 3]
    with pytest.raises(errors.ConfigError, match="NaN"):
        agent.archival.insert("swans")
    assert len(agent.archival) == 1


def test_another_dimension_than_yesterday(kit) -> None:
    """It says so itself, or its rows do: either is refused, and the passages are still found."""
    agent = kit.agent([], embedding=Returns())
    agent.archival.insert("geese")
    kit.reopen()
    grown = Returns(lambda texts: np.ones((len(texts), 8)))
    agent = kit.home.agent("sam", model=kit.llm, embedding=grown)
    for act in agent.archival.insert, agent.archival.search:
        with pytest.raises(errors.ConfigError, match=r"3 numbers .* rows of 8"):
            act("swans")
    grown.dimension = 8
    with pytest.raises(errors.ConfigError, match=r"1 passages .*3 dimensions.*8 dimensions"):
        kit.home.agent("sam", embedding=grown)
    agent = kit.home.agent("sam", embedding=Returns())
    assert [hit.passage.text for hit in agent.archival.search("geese")] == ["geese"]
    kit.still_answers(agent)


def test_the_embedder_of_now_is_not_asked_for_the_vectors_of_then(kit) -> None:
    agent = kit.agent(lambda context: kit.say("so"), embedding=Returns())
    agent.send("one")
    agent.save("empty")
    agent.archival.insert("geese")
    agent.save("full")
    agent.load("empty")
    wide = Returns(lambda texts: np.ones((len(texts), 8)))
    wide.dimension = 8
    agent = kit.home.agent("sam", embedding=wide)
    agent.archival.insert("swans")
    assert [hit.passage.text for hit in agent.archival.search("x")] == ["swans"]
    then = agent.at("full")
    assert then.unbound == ['embedding=... (was "e")']
    with pytest.raises(errors.Unbound, match='"e"'):
        then.archival.search("geese")


def test_an_embedder_in_python_searches_with_what_it_stores() -> None:
    core = to_core_embedder(Returns())
    assert core is not None
    assert core.embed_query("geese", lambda word: 7.0) == core.embed(["geese"])
