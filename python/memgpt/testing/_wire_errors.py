"""How servers say that they refuse: each in its own form, and in its own words.

The texts are those that users of these servers reported.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from memgpt.testing._wire_answers import Answer, json_answer

__all__ = ["SERVERS", "no_route", "overflow", "overflows", "refusal", "too_many"]

# The first is all of them at once, in OpenAI's words.
SERVERS = (
    "",
    "openai",
    "azure",
    "llama.cpp",
    "vllm",
    "ollama",
    "lmstudio",
    "openrouter",
    "groq",
    "together",
)

_LLAMA_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    429: "unavailable_error",
    500: "server_error",
    503: "unavailable_error",
}
_VLLM_TYPES = {401: "AuthenticationError", 404: "NotFoundError", 500: "InternalServerError"}


def refusal(
    like: str,
    status: int,
    message: str,
    *,
    type: str = "",
    param: str | None = None,
    code: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """An error of a server.

    Args:
        like: one of ``SERVERS``.
        type: of the error, by default what goes with the status.
        param: which parameter is meant.
        code: OpenAI's name of the error.
    """
    kind = type or ("server_error" if status >= 500 else "invalid_request_error")
    error: Any = {"message": message, "type": kind, "param": param, "code": code}
    if like == "llama.cpp":
        kind = type or _LLAMA_TYPES.get(status, "invalid_request_error")
        error = {"code": status, "message": message, "type": kind}
    elif like == "vllm":
        kind = _VLLM_TYPES.get(status, "BadRequestError")
        error = {"message": message, "type": kind, "param": param, "code": status}
    elif like == "openrouter":
        error = {"message": message, "code": status, "metadata": {"provider_name": None}}
    elif like == "lmstudio":
        error = message
    elif like == "groq" and param is None:
        del error["param"]
    body: dict[str, Any] = {"error": error}
    if like == "together":
        body = {"id": "oBxTe-2kFHot-9a1", **body}
    return json_answer(body, status, headers)


def no_route(like: str, method: str, path: str, native: bool = False) -> Answer:
    """There is no such address."""
    if like == "ollama" or native:
        return Answer(404, b"404 page not found", content_type="text/plain")
    if like == "vllm":
        return json_answer({"detail": "Not Found"}, 404)
    if like == "llama.cpp":
        return refusal(like, 404, "File Not Found")
    if like == "lmstudio":  # it does say 200
        return json_answer({"error": f"Unexpected endpoint or method. ({method} {path})"})
    if like == "azure":
        return json_answer({"error": {"code": "404", "message": "Resource not found"}}, 404)
    if like == "groq":
        text = f"Unknown request URL: {method} {path}. Please check the URL for typos"
        return refusal(like, 404, text, code="unknown_url")
    return refusal(like, 404, f"Invalid URL ({method} {path})")


def too_many(like: str, retry_after: str | None, message: str = "") -> Answer:
    """429, with a Retry-After where there is one."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    text = message or "Rate limit reached for requests"
    return refusal(like, 429, text, type="requests", code="rate_limit_exceeded", headers=headers)


def overflows(like: str, tokens: int, window: int, reply: int = 0) -> list[Answer]:
    """How a server says that the prompt is longer than the model takes; the newest way first.

    Args:
        tokens: of the prompt.
        window: tokens that the model takes.
        reply: tokens that were asked for in reply.
    """
    whole = tokens + reply
    code = "context_length_exceeded"
    if like == "llama.cpp":
        kind = "exceed_context_size_error"
        sizes = {"n_prompt_tokens": tokens, "n_ctx": window}
        new = (
            f"request ({tokens} tokens) exceeds the available context size ({window} tokens), try "
            "increasing it"
        )
        old = (
            "the request exceeds the available context size. try increasing the context size or "
            "enable context shift"
        )
        return [
            json_answer({"error": {"code": 400, "message": new, "type": kind, **sizes}}, 400),
            json_answer({"error": {"code": 400, "message": old, "type": kind, **sizes}}, 400),
            refusal(like, 400, old),
        ]
    if like == "vllm":
        new = (
            f"You passed {tokens} input tokens and requested {reply} output tokens. However, the "
            f"model's context length is only {window} tokens, resulting in a maximum input length "
            f"of {max(0, window - reply)} tokens. Please reduce the length of the input prompt. "
            f"(parameter=input_tokens, value={tokens})"
        )
        old = (
            f"This model's maximum context length is {window} tokens. However, you requested "
            f"{whole} tokens ({tokens} in the messages, {reply} in the completion). Please reduce "
            "the length of the messages or completion."
        )
        oldest = {"object": "error", "message": old, "type": "BadRequestError", "param": None}
        return [
            refusal(like, 400, new, param="input_tokens"),
            refusal(like, 400, old),
            json_answer({**oldest, "code": 400}, 400),
        ]
    if like == "ollama":
        return [
            refusal(
                like,
                400,
                f"prompt too long; exceeded max context length by {max(1, tokens - window)} tokens",
            ),
            refusal(like, 400, "the input length exceeds the context length"),
        ]
    if like == "lmstudio":
        text = (
            f"Trying to keep the first {tokens} tokens when context the overflows. However, the "
            f"model is loaded with context length of only {window} tokens, which is not enough. "
            "Try to load the model with a larger context length, or provide a shorter input"
        )
        return [refusal(like, 400, text)]
    if like == "openrouter":
        text = (
            f"This endpoint's maximum context length is {window} tokens. However, you requested "
            f"about {whole} tokens ({tokens} of text input, {reply} in the output). Please reduce "
            'the length of either one, or use the "middle-out" transform to compress your prompt '
            "automatically."
        )
        return [refusal(like, 400, text)]
    if like == "groq":
        text = "Please reduce the length of the messages or completion."
        return [refusal(like, 400, text, param="messages", code=code)]
    if like == "together":
        text = (
            f"Input validation error: `inputs` tokens + `max_new_tokens` must be <= {window}. "
            f"Given: {tokens} `inputs` tokens and {reply} `max_new_tokens`"
        )
        return [refusal(like, 422, text, param="max_tokens")]
    new = (
        f"Input tokens exceed the configured limit of {window} tokens. Your messages resulted in "
        f"{tokens} tokens. Please reduce the length of the messages."
    )
    old = (
        f"This model's maximum context length is {window} tokens. However, your messages resulted "
        f"in {tokens} tokens. Please reduce the length of the messages."
    )
    texts = [old, new] if like != "azure" else [new, old]
    return [refusal(like, 400, text, param="messages", code=code) for text in texts]


def overflow(
    like: str, tokens: int, window: int, reply: int = 0, rng: random.Random | None = None
) -> Answer:
    """One of them: the newest, or any."""
    ways = overflows(like, tokens, window, reply)
    return ways[0] if rng is None else rng.choice(ways)
