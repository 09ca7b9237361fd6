"""What a counter written in Python may be named, count and be given."""

from __future__ import annotations

import memgpt
import pytest
from memgpt import TokenCounter

from tests.test_own_counter import Model, Words, check_spans, words


def test_the_name_is_of_the_class_that_defines_count() -> None:
    class First(TokenCounter):
        def count(self, text: str) -> int:
            return 1

    class Second(First):
        def count(self, text: str) -> int:
            return 2

    class Third(Second):
        name = "third"

    class Fourth(Third):
        pass

    class Mixin:
        def count(self, text: str) -> int:
            return 3

    class Mixed(Mixin, First):
        pass

    named = (First, Second, Third, Fourth, Mixed)
    assert [kind().name for kind in named] == ["First", "Second", "third", "third", "Mixed"]


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base", "estimate:o200k_base", "estimate:"])
def test_ones_own_counter_has_no_name_of_the_kernels(home: memgpt.Home, name: str) -> None:
    counter = Words()
    counter.name = name
    with pytest.raises(memgpt.ConfigError, match="give it a `name` of its own"):
        home.create_agent("sam", model=Model(counter))
    patched = TokenCounter()
    patched.count = words  # type: ignore[method-assign]
    with pytest.raises(memgpt.ConfigError, match="give it a `name` of its own"):
        home.create_agent("sam", model=Model(patched))
    patched.name = "patched"
    context = home.create_agent("sam", model=Model(patched)).context()
    assert context.tokenizer == "patched"
    check_spans(context, words)


def test_ids_of_another_tokenizer_than_the_counts(home: memgpt.Home) -> None:
    class Encodes(TokenCounter):
        def encode(self, text: str, special: bool = False) -> list[int]:
            return [1]

    decodes = TokenCounter()
    decodes.decode = lambda tokens: ""  # type: ignore[method-assign]
    for counter, method in ((Encodes(), "encode"), (decodes, "decode")):
        with pytest.raises(memgpt.ConfigError, match=rf"{method}\(\) but no count\(\)"):
            home.create_agent("sam", model=Model(counter))


@pytest.mark.parametrize("wrong", [2**31 - 1, 2**30, 1 << 20000, 1_000_006], ids=range(4))
def test_counts_that_are_absurd(home: memgpt.Home, wrong: int) -> None:
    class Huge(TokenCounter):
        def count(self, text: str) -> int:
            return wrong

    with pytest.raises(memgpt.ConfigError, match=r"Huge\.count\(\) must .* 1,000,000 \+ .* 5 b"):
        Huge().count_many(["abcé"])
    if wrong > 1_100_000:
        with pytest.raises(memgpt.ConfigError, match=r"Huge\.count\(\) must"):
            home.create_agent("sam", model=Model(Huge))
    assert home.agents() == []


@pytest.mark.parametrize("counter", [Words(), TokenCounter()], ids=["own", "core"])
def test_lists_of_texts(counter: TokenCounter) -> None:
    for call in (counter.count_many, counter.count_parts):
        for one in ("abc", b"abc"):
            with pytest.raises(memgpt.InvalidInput, match="a list of texts, not one text"):
                call(one)  # type: ignore[arg-type]
        for none in (None, 3):
            with pytest.raises(memgpt.InvalidInput, match=r"a list of texts, not (NoneType|int)"):
                call(none)  # type: ignore[arg-type]
        for wrong in ([None], ["a", 3], ["\ud800"], [["a"]]):
            with pytest.raises(memgpt.InvalidInput):
                call(wrong)  # type: ignore[arg-type]
        texts = ["a b", " c", "", "d e é"]
        assert call(iter(texts)) == call(text.encode() for text in texts) == call(texts)
        assert call(iter([])) == []


def test_bytes_that_cut_a_character() -> None:
    class Characters(TokenCounter):
        def count(self, text: str) -> int:
            return len(text)

    raw = "é中".encode()
    assert sum(Characters().count_parts([raw[:1], raw[1:4], raw[4:]])) == 2
    assert Characters().count_many([raw, b"\xff"]) == [2, 1]
    growing = Characters().incremental(raw[:1])
    assert [growing.append(raw[1:3]), growing.append(raw[3:]), growing.append("z")] == [2, 2, 3]
    for wrong in (None, 3, "\ud800"):
        with pytest.raises(memgpt.InvalidInput):
            growing.append(wrong)  # type: ignore[arg-type]
    assert growing.tokens == 3
