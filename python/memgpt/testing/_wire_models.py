"""What servers tell of their models, and embeddings."""

from __future__ import annotations

import array
import base64
import hashlib
import math
import re
import sys
from collections.abc import Sequence
from typing import Any

from memgpt.testing._wire_answers import Answer, json_answer
from memgpt.testing._wire_errors import refusal
from memgpt.testing._wire_forms import CREATED

__all__ = ["embeddings", "lm_studio_models", "models", "ollama_embeddings", "props", "vector"]

_MOST_INPUTS = 2048
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


def embeddings(like: str, request: dict[str, Any], dimensions: int, count: Any) -> Answer:
    """The answer of /v1/embeddings.

    Args:
        dimensions: of a vector where the request names none.
        count: gives the tokens of a text.
    """
    if not isinstance(request.get("model"), str) and like != "azure":
        return refusal(like, 400, "you must provide a model parameter")
    texts = _texts(request.get("input"))
    if texts is None:
        text = "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
        return refusal(like, 400, text)
    form = request.get("encoding_format") or "float"
    size = request.get("dimensions", dimensions)
    if form not in ("float", "base64"):
        return refusal(like, 400, f"'{form}' is not one of ['float', 'base64'] - 'encoding_format'")
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        return refusal(
            like, 400, "'dimensions' must be an integer of at least 1", param="dimensions"
        )
    tokens = [count(text) for text in texts]
    if max(tokens) > 8192:
        text = (
            f"This model's maximum context length is 8192 tokens, however you requested "
            f"{max(tokens)} tokens ({max(tokens)} in your prompt; 0 for the completion). Please "
            "reduce your prompt; or completion length."
        )
        return refusal(like, 400, text)
    rows = [vector(text, size) for text in texts]
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": row if form == "float" else _base64(row),
        }
        for index, row in enumerate(rows)
    ]
    usage = {"prompt_tokens": sum(tokens), "total_tokens": sum(tokens)}
    model = request.get("model", "")
    return json_answer({"object": "list", "data": data, "model": model, "usage": usage})


def ollama_embeddings(request: dict[str, Any], dimensions: int, count: Any) -> Answer:
    """The answer of Ollama's /api/embed."""
    given = request.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return json_answer({"error": "invalid input type"}, 400)
    size = request.get("dimensions") or dimensions
    return json_answer(
        {
            "model": request.get("model", ""),
            "embeddings": [vector(text, size) for text in texts],
            "total_duration": 5_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": sum(count(text) for text in texts),
        }
    )
