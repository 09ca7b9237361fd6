"""A text that grows: its count is always the one of the whole text."""

from __future__ import annotations

import itertools
import random
import threading
import time
from typing import Any

import pytest
from memgpt import InvalidInput, TokenCounter

# One character, or more, of each kind that some rule treats by itself.
KINDS = [
    *"aAsSlLrReEvVtTdDmM'ſ",
    *" \n\r\t\u00a0\u2028\u3000",
    *"0123٣Ⅷ½",
    *"\u0301\u093f\u200dǅʰª",
    *"中文日本ひらカ한국",
    *"абвАБВλΔहनทصح",
    *"😀👍🏽–“!?/\\._-=#<>|",
    *("'s", "'LL", "'re", " the", "\r\n", "    ", "\n\n", "//", "ABC", "https://", "<|endoftext|>"),
]
PROSE = "The keeper's log; it'll rain, they've said.\n\n    return left + RIGHT[0x1F]  # ok\n"
WORDS = PROSE.split(" ")


@pytest.fixture(params=["cl100k_base", "o200k_base"])
def counter(request: pytest.FixtureRequest) -> TokenCounter:
    return TokenCounter(request.param)


def check(counter: TokenCounter, pieces: list[Any]) -> None:
    growing = counter.incremental()
    whole = pieces[0][:0]
    for piece in pieces:
        whole += piece
        assert growing.append(piece) == growing.tokens == counter.count(whole), (whole, pieces)


def pieces_of(rng: random.Random, text: Any) -> list[Any]:
    cuts = sorted(rng.choices(range(len(text) + 1), k=rng.randint(0, len(text) // 2 + 1)))
    return [text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])]


def test_random_text(counter: TokenCounter) -> None:
    rng = random.Random(1)
    for _ in range(4000):
        kinds = rng.choices(KINDS, k=rng.randint(1, 12))
        text = "".join(rng.choices(kinds, k=rng.randint(1, 40)))
        check(counter, pieces_of(rng, text))
        check(counter, pieces_of(rng, text.encode()))


def test_every_short_text_of_the_kinds_that_look_ahead(counter: TokenCounter) -> None:
    """One character at a time, so that each beginning has been the end once."""
    for text in itertools.product("aA中\u0301's \n1!/", repeat=5):
        check(counter, list(text))


def test_runs(counter: TokenCounter) -> None:
    rng = random.Random(2)
    for _ in range(300):
        text = "".join(rng.choice(KINDS) * rng.randint(1, 200) for _ in range(rng.randint(1, 5)))
        check(counter, pieces_of(rng, text)[:60])
    for kind in ("a", "A", " ", "\n", "1", "=", "中", "\u0301", "😀", "'s", " \n"):
        check(counter, [kind * 300] * 8)
        check(counter, ["x", kind * 700, "y", kind, "z"])


def test_bytes_that_are_no_utf8(counter: TokenCounter) -> None:
    rng = random.Random(3)
    for _ in range(4000):
        raw = bytes(rng.choices(b"\xe0\xed\xf0\xf4\xa0\x80\x9f\x90\x8f\xbf\xc2\xc1\xf5a \n", k=12))
        check(counter, pieces_of(rng, raw))


def test_long_text_in_few_and_in_many_pieces(counter: TokenCounter) -> None:
    rng = random.Random(4)
    text = " ".join(rng.choices(WORDS, k=20_000))
    growing = counter.incremental(text)
    assert growing.tokens == counter.count(text)
    assert growing.append(text) == counter.count(text + text)
    growing = counter.incremental("")
    assert growing.tokens == 0
    for at in range(0, len(text), 3):
        growing.append(text[at : at + 3])
    assert growing.tokens == counter.count(text)


def test_several_threads_append(counter: TokenCounter) -> None:
    growing = counter.incremental()
    threads = [
        threading.Thread(target=lambda: [growing.append("word\n") for _ in range(2000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert growing.tokens == counter.count("word\n" * 8000)


def test_what_is_no_text(counter: TokenCounter) -> None:
    growing = counter.incremental("abc")
    for wrong in (None, 3, "\ud800"):
        with pytest.raises(InvalidInput):
            growing.append(wrong)  # type: ignore[arg-type]
    assert growing.append("d") == counter.count("abcd")


def test_a_counter_of_ones_own() -> None:
    class Words(TokenCounter):
        def count(self, text: str) -> int:
            return len(text.split())

    growing = Words().incremental("a b")
    assert growing.tokens == 2
    assert growing.append("c d") == growing.tokens == 3


RUNS = [
    *(
        "a",
        "A",
        "=",
        " ",
        "\n",
        "7",
        "中",
        "\u0301",
        "/",
        "แมวน้ำ",
        "ねこ",
        "고양이",
        "👨\u200d👩\u200d👧",
    ),
    *("abcdefghijklmnopqrstuvwxyz", "aBcDeFgHXYZ", "=\u0301", " \n", "дом", "\u3000 "),
]
BREAKS = ["", "'s", "'", "A", "b", "\u0301", "/", "\n", "=", " ", "中", "7", "x y", "'ll a"]


def test_long_runs_grow_by_characters(counter: TokenCounter) -> None:
    rng = random.Random(5)
    for run in RUNS:
        check(counter, [rng.choice(BREAKS), *rng.choices(run, k=1000)])


def test_long_runs_with_breaks(counter: TokenCounter) -> None:
    rng = random.Random(6)
    for _ in range(60):
        pieces = []
        for run in rng.choices(RUNS, k=3):
            pieces += ["".join(rng.choices(run, k=500)), *rng.choices(run, k=6)]
            pieces += rng.choices(BREAKS, k=rng.randint(0, 3))
            pieces += rng.choices(rng.choice(RUNS), k=8)
        check(counter, pieces)
        check(counter, pieces_of(rng, "".join(pieces).encode())[:80])


@pytest.mark.parametrize("run", ["abcdefghijklmnopqrstuvwxyz", "a", "中", "\u0301", "="])
def test_a_long_run_takes_linear_time(counter: TokenCounter, run: str) -> None:
    text = "".join(random.Random(7).choices(run, k=80_000))
    growing = counter.incremental()
    begin = time.perf_counter()
    for character in text:
        growing.append(character)
    assert time.perf_counter() - begin < 20  # quadratic: minutes
    assert growing.tokens == counter.count(text)
