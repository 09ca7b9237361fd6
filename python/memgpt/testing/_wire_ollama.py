"""Ollama's own form: /api/chat and what it tells of its models."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from memgpt.testing._wire_answers import Answer, Stream, json_answer, json_bytes
from memgpt.testing._wire_forms import Said, pieces

__all__ = ["chat_lines", "chat_whole", "error", "lines", "shortened", "show", "tags"]

CREATED = "2026-01-01T00:00:00.000000Z"
_NANOSECONDS = {"total_duration": 5_000_000, "load_duration": 1_000_000}
_DURATIONS = {**_NANOSECONDS, "prompt_eval_duration": 2_000_000, "eval_duration": 2_000_000}


def error(status: int, text: str) -> Answer:
    """An error in Ollama's own form."""
    return json_answer({"error": text}, status)


def shortened(
    messages: Sequence[Mapping[str, Any]], window: int, count: Callable[[Mapping[str, Any]], int]
) -> list[Any]:
    """What Ollama shows its model of messages that do not fit, without a word: system messages
    and the newest others.

    Args:
        window: tokens that the model takes.
        count: gives the tokens of a message.
    """
    kept = {at for at, message in enumerate(messages) if message.get("role") == "system"}
    kept |= {len(messages) - 1} if messages else set()
    used = sum(count(messages[at]) for at in kept)
    for at in range(len(messages) - 2, -1, -1):
        if at in kept:
            continue
        used += count(messages[at])
        if used > window:
            break
        kept.add(at)
    return [copy.copy(messages[at]) for at in sorted(kept)]


def _calls(said: Said) -> tuple[list[dict[str, Any]], Answer | None]:
    """The calls with their arguments as objects; an error where a call is broken, for Ollama
    reads the model's text itself."""
    calls = []
    for index, call in enumerate(said.calls):
        text = call["function"]["arguments"]
        try:
            arguments = json.loads(text)
        except ValueError as problem:
            return [], error(500, f"error parsing tool call: raw='{text}', err={problem}")
        if not isinstance(arguments, dict):
            return [], error(500, f"error parsing tool call: raw='{text}', err=no object")
        function = {"index": index, "name": call["function"]["name"], "arguments": arguments}
        calls.append({"id": call["id"], "function": function})
    return calls, None


def _part(model: str, message: dict[str, Any], done: bool = False) -> dict[str, Any]:
    return {"model": model, "created_at": CREATED, "message": message, "done": done}


def _end(said: Said, tokens: tuple[Any, Any]) -> dict[str, Any]:
    prompt, reply = tokens
    why = "stop" if said.finish == "tool_calls" else said.finish
    counts = {"prompt_eval_count": prompt, "eval_count": reply}
    return {"done_reason": why, **_DURATIONS, **counts}


def chat_whole(said: Said, tokens: tuple[Any, Any], model: str) -> dict[str, Any] | Answer:
    """The answer of /api/chat with ``"stream": false``."""
    if said.whole is not None and not said.message:
        return said.whole
    calls, problem = _calls(said)
    if problem is not None:
        return problem
    message: dict[str, Any] = {"role": "assistant", "content": said.message.get("content") or ""}
    if said.message.get("reasoning_content"):
        message["thinking"] = said.message["reasoning_content"]
    if calls:
        message["tool_calls"] = calls
    return {**_part(model, message, done=True), **_end(said, tokens)}


def chat_lines(
    said: Said, tokens: tuple[Any, Any], model: str, style: Stream
) -> Iterator[dict[str, Any]] | Answer:
    """The answer of /api/chat as it is streamed."""
    calls, problem = _calls(said)
    return _lines(said, calls, tokens, model, style) if problem is None else problem


def _lines(
    said: Said, calls: list[Any], tokens: tuple[Any, Any], model: str, style: Stream
) -> Iterator[dict[str, Any]]:
    empty: dict[str, Any] = {"role": "assistant", "content": ""}
    for text in pieces(said.message.get("reasoning_content") or "", style.piece):
        yield _part(model, {**empty, "thinking": text})
    content = said.message.get("content") or ""
    for text in pieces(content if isinstance(content, str) else json.dumps(content), style.piece):
        yield _part(model, {**empty, "content": text})
    for call in calls:
        yield _part(model, {**empty, "tool_calls": [call]})
    yield {**_part(model, empty, done=True), **_end(said, tokens)}


def lines(parts: Iterator[dict[str, Any]], style: Stream) -> Iterator[bytes]:
    """One JSON object a line."""
    for part in parts:
        yield json_bytes(part) + (b"\r\n" if style.line_end == "\r\n" else b"\n")


def show(window: int, num_ctx: int) -> dict[str, Any]:
    """The answer of /api/show.

    Args:
        window: tokens that the model could take.
        num_ctx: what its Modelfile sets; 0 for nothing, as is usual.
    """
    parameters = ["temperature                    0.7", 'stop                           "<|end|>"']
    if num_ctx:
        parameters.append(f"num_ctx                        {num_ctx}")
    return {
        "modelfile": "FROM fake\n",
        "parameters": "\n".join(parameters),
        "template": "{{ .Prompt }}",
        "details": _DETAILS,
        "model_info": {
            "general.architecture": "fakellama",
            "general.parameter_count": 1_000_000,
            "fakellama.context_length": window,
            "fakellama.embedding_length": 64,
            "tokenizer.ggml.model": "gpt2",
        },
        "capabilities": ["completion", "tools", "thinking"],
        "modified_at": CREATED,
    }


_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "fakellama",
    "families": ["fakellama"],
    "parameter_size": "1M",
    "quantization_level": "F16",
}


def tags(models: Sequence[str]) -> dict[str, Any]:
    """The answer of /api/tags."""
    rest = {"modified_at": CREATED, "size": 1000, "digest": "f" * 64, "details": _DETAILS}
    return {"models": [{"name": name, "model": name, **rest} for name in models]}
