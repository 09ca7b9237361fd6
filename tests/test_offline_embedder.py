"""The offline embedder: what it stores never changes, and what a query asks for."""

from __future__ import annotations

import hashlib
import math
import random
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from memgpt import _core

NAN = float("nan")
OFFLINE = _core.OfflineEmbedder()
TEXTS = ["The geese flew to Turin.", "ünïcödé Ωμέγα", "漢字かな カタカナ", "go went " * 40, ""]


def unit(vector: list[float]) -> Any:
    return np.array(vector, np.float32)


def test_stored_vectors_of_the_offline_embedder_never_change() -> None:
    """Agents have them under its name: what makes other ones must have another name."""
    assert (OFFLINE.name, OFFLINE.dimension) == ("offline-1", 1024)
    bits = array("f", OFFLINE.embed(TEXTS)).tobytes()
    assert hashlib.blake2b(bits, digest_size=8).hexdigest() == "985cde073a6053a4"


def test_a_query_asks_for_the_words_that_tell_something() -> None:
    asked: list[str] = []

    def idf(word: str) -> float:
        asked.append(word)
        return 1.0

    for text in TEXTS:
        assert OFFLINE.embed_query(text, idf) == OFFLINE.embed([text])
    assert set(asked[:3]) == {"geese", "flew", "turin"}, "in lower case, without stop words"
    assert {"漢", "漢字", "字", "カタ"} <= set(asked) and "" not in asked


@pytest.mark.parametrize("weight", [0.0, -1.0, NAN])
def test_words_that_all_say_nothing_say_as_much_as_each_other(weight: float) -> None:
    for text in TEXTS:
        assert OFFLINE.embed_query(text, lambda word: weight) == OFFLINE.embed([text])


def test_rare_words_of_a_query_count_more() -> None:
    """Texts of words drawn at random, some far more often: the rare one is meant."""
    rng = random.Random(1)
    common, rare = [f"com{i}mon" for i in range(8)], [f"ra{i}re" for i in range(60)]
    texts = [" ".join([*rng.choices(common, k=6), word]) for word in rare]
    rows = unit(OFFLINE.embed(texts)).reshape(len(texts), -1)
    count = {word: sum(word in text for text in texts) for word in common + rare}

    def found(idf: Callable[[str], float]) -> int:
        right = 0
        for i, word in enumerate(rare):
            query = " ".join([*common[:5], word])
            right += int((rows @ unit(OFFLINE.embed_query(query, idf))).argmax() == i)
        return right

    assert found(lambda word: math.log(1 + len(texts) / count[word])) > found(lambda _: 1) + 5
    huge = unit(OFFLINE.embed_query("geese in Turin", lambda word: math.inf))
    assert np.isfinite(huge).all() and huge @ huge == pytest.approx(1, abs=1e-5)
