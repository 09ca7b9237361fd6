"""What servers tell of their models, and embeddings."""

from __future__ import annotations

import array
import base64
import bisect
import hashlib
import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt.testing import _wire_ollama as ollama
from memgpt.testing._wire_answers import Answer, json_answer
from memgpt.testing._wire_errors import refusal
from memgpt.testing._wire_forms import CREATED

__all__ = [
    "Limits",
    "embeddings",
    "lm_studio_models",
    "models",
    "ollama_embeddings",
    "props",
    "vector",
]

_MOST_INPUTS = 2048
_MOST_TOKENS = 8192  # of a text, at OpenAI
# By what their names begin with.
_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
    "nomic-embed-text": 768,
    "mxbai-embed-large": 1024,
    "all-minilm": 384,
    "bge-m3": 1024,
}
_WINDOWS = {"vllm": "max_model_len", "openrouter": "context_length", "groq": "context_window"}


def models(like: str, names: Sequence[str], window: int) -> Any:
    """The answer of /v1/models; some servers tell there how many tokens a model takes."""
    made = []
    for name in names:
        model: dict[str, Any] = {"id": name, "object": "model", "created": CREATED}
        model["owned_by"] = {"vllm": "vllm", "llama.cpp": "llamacpp"}.get(like, "memgpt")
        if window and like in _WINDOWS:
            model[_WINDOWS[like]] = window
        elif window and like == "together":
            model |= {"type": "chat", "context_length": window}
        elif window and like == "llama.cpp":
            model["meta"] = {"n_vocab": 1000, "n_ctx_train": window, "n_embd": 64}
        made.append(model)
    return made if like == "together" else {"object": "list", "data": made}


def lm_studio_models(names: Sequence[str], window: int) -> Any:
    """The answer of LM Studio's /api/v0/models."""
    sizes = {"max_context_length": window * 4, "loaded_context_length": window}
    rest = {"object": "model", "type": "llm", "state": "loaded", **sizes}
    return {"object": "list", "data": [{"id": name, **rest} for name in names]}


def props(window: int) -> dict[str, Any]:
    """The answer of llama.cpp's /props."""
    settings = {"id": 0, "n_ctx": window, "speculative": False, "is_processing": False}
    return {
        "default_generation_settings": {**settings, "params": {"temperature": 0.8}},
        "total_slots": 1,
        "model_path": "/models/fake.gguf",
        "modalities": {"vision": False, "audio": False},
        "chat_template": "{{ messages }}",
        "bos_token": "",
        "eos_token": "<|end|>",
        "build_info": "b0-fake",
    }


def vector(text: str, dimensions: int) -> list[float]:
    """A unit vector of a text, always the same: texts that share words are near each other."""
    row = [0.0] * dimensions
    for word in [*re.findall(r"\w+", text.lower()), "\0" + text]:
        digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
        weight = 0.05 if word[0] == "\0" else 1.0  # of the text as a whole: no two are the same
        row[int.from_bytes(digest[:4], "little") % dimensions] += weight * (1 + digest[4] / 512)
    length = math.sqrt(math.fsum(value * value for value in row))
    single = array.array("f", (value / length for value in row))
    return list(single)


def _base64(row: list[float]) -> str:
    floats = array.array("f", row)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode()


def _texts(given: Any) -> list[str] | None:
    """Texts, or token numbers as texts; None for what is neither."""
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST_INPUTS:
        return None
    if all(isinstance(part, int) for part in given):
        given = [given]
    texts = [part if isinstance(part, str) else repr(part) for part in given]
    kinds = all(isinstance(part, (str, list)) for part in given)
    return texts if kinds and all(part not in ("", []) for part in given) else None


@dataclass
class Limits:
    """What a server takes and gives of embeddings.

    Attributes:
        like: which server it is.
        dimensions: of a vector where the request names none; 0 for the model's.
        window: tokens of a text; 0 for OpenAI's.
        cut: a longer text is cut silently; else it is refused.
        count: gives the tokens of a text.
        shortened: how many texts were cut.
    """

    like: str
    dimensions: int
    window: int
    cut: bool
    count: Callable[[str], int]
    shortened: int = 0

    def size(self, request: dict[str, Any]) -> Any:
        """Numbers in a vector."""
        if request.get("dimensions") is not None:
            return request["dimensions"]
        name = str(request.get("model", "")).rpartition("/")[2].lower()
        known = (n for model, n in _DIMENSIONS.items() if name.startswith(model))
        return self.dimensions or next(known, 64)

    def too_long(self, texts: list[str]) -> int:
        """Tokens of the longest text, where it is refused, else 0. Texts that are cut are so in
        the list."""
        window, longest = self.window or _MOST_TOKENS, 0
        for place, text in enumerate(texts):
            tokens = self.count(text)
            if tokens > window and self.cut:
                self.shortened += 1
                texts[place] = self._beginning(text, window)
            longest = max(longest, tokens)
        return 0 if self.cut or longest <= window else longest

    def _beginning(self, text: str, window: int) -> str:
        end = bisect.bisect(range(len(text)), window, key=lambda end: self.count(text[:end]))
        return text[: max(1, end - 1)]


def _too_long(like: str, tokens: int, window: int) -> Answer:
    """A text to embed is refused, in the server's own words."""
    if like == "llama.cpp":
        text = (
            f"input ({tokens} tokens) is too large to process. increase the physical batch size "
            f"(current batch size: {window})"
        )
        return refusal(like, 500, text)
    if like == "vllm":
        text = (
            f"This model's maximum context length is {window} tokens. However, you requested "
            f"{tokens} tokens in the input for embedding generation. Please reduce the length of "
            "the input."
        )
        return refusal(like, 400, text)
    text = (
        f"This model's maximum context length is {window} tokens, however you requested {tokens} "
        f"tokens ({tokens} in your prompt; 0 for the completion). Please reduce your prompt; or "
        "completion length."
    )
    return refusal(like, 400, text)


def embeddings(request: dict[str, Any], limits: Limits) -> Answer:
    """The answer of /v1/embeddings."""
    like = limits.like
    if not isinstance(request.get("model"), str) and like != "azure":
        return refusal(like, 400, "you must provide a model parameter")
    texts = _texts(request.get("input"))
    if texts is None:
        text = "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
        return refusal(like, 400, text)
    form = request.get("encoding_format") or "float"
    size = limits.size(request)
    if form not in ("float", "base64"):
        return refusal(like, 400, f"'{form}' is not one of ['float', 'base64'] - 'encoding_format'")
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        return refusal(
            like, 400, "'dimensions' must be an integer of at least 1", param="dimensions"
        )
    if tokens := limits.too_long(texts):
        return _too_long(like, tokens, limits.window or _MOST_TOKENS)
    rows = [vector(text, size) for text in texts]
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": row if form == "float" else _base64(row),
        }
        for index, row in enumerate(rows)
    ]
    tokens = sum(map(limits.count, texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    model = request.get("model", "")
    return json_answer({"object": "list", "data": data, "model": model, "usage": usage})


def ollama_embeddings(request: dict[str, Any], limits: Limits) -> Answer:
    """The answer of Ollama's /api/embed."""
    given = request.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return ollama.error(400, "invalid input type")
    texts = list(texts)
    if limits.too_long(texts):
        return ollama.error(400, "the input length exceeds the context length")
    size = request.get("dimensions") or limits.size({"model": request.get("model")})
    return json_answer(
        {
            "model": request.get("model", ""),
            "embeddings": [vector(text, size) for text in texts],
            "total_duration": 5_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": sum(map(limits.count, texts)),
        }
    )
