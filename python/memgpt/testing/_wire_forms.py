"""Chat completions as OpenAI writes them, whole and streamed, from what a script says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from memgpt.errors import ConfigError
from memgpt.llm import Reply
from memgpt.testing._scripted import reply_of_item
from memgpt.testing._wire_answers import Stream, json_bytes

__all__ = ["Said", "as_json", "chunks", "completion", "counted", "events", "said"]

CREATED = 1_700_000_000  # every run gives the same bytes
_REASONING = {"openrouter": "reasoning", "groq": "reasoning", "ollama": "reasoning"}


@dataclass
class Said:
    """What the model says, before it takes a server's form.

    Attributes:
        message: in OpenAI's form.
        finish: why it ended.
        usage: tokens of prompt and reply; None for what is to be counted.
        whole: a completion of the script's own, which is sent as it is.
    """

    message: dict[str, Any]
    finish: str = ""
    usage: tuple[Any, Any] = (None, None)
    whole: dict[str, Any] | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)


def said(item: Any, number: int) -> Said:
    """What an item of a script says.

    Args:
        number: of the request: calls that have no id get one by it.

    Raises:
        ConfigError: for what no script may have.
    """
    if isinstance(item, Mapping) and "tool" not in item:
        given = dict(item)
        if "choices" in given:
            return _of_completion(given)
        if not {"content", "tool_calls", "role", "reasoning_content", "refusal"} & given.keys():
            raise ConfigError(
                f"a script's item is no message and no completion: it has {sorted(given)}"
            )
        return _of_message({"role": "assistant", "content": None, **given})
    reply = reply_of_item(item)
    made = _of_message(_message(reply, number), (reply.prompt_tokens, reply.completion_tokens))
    made.finish = reply.finish_reason or made.finish
    return made


def as_json(said: Said) -> Said:
    """The first call as JSON in the text: what a server gives that keeps a reply to a schema and
    was given no tools."""
    function = said.calls[0]["function"]
    text = f'{{"name": {json.dumps(function["name"])}, "arguments": {function["arguments"]}}}'
    message = {**said.message, "content": text}
    del message["tool_calls"]
    return Said(message, "stop" if said.finish == "tool_calls" else said.finish, said.usage)


def _message(reply: Reply, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.content or None}
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    if reply.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id or f"call_{number}_{place}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for place, call in enumerate(reply.tool_calls)
        ]
    elif message["content"] is None:
        message["content"] = ""
    return message


def _of_message(message: dict[str, Any], usage: tuple[Any, Any] = (None, None)) -> Said:
    calls = message.get("tool_calls")
    calls = calls if isinstance(calls, list) else []
    return Said(message, "tool_calls" if calls else "stop", usage, None, calls)


def _of_completion(whole: dict[str, Any]) -> Said:
    """A completion that is streamed has to be read; what cannot be is sent as it is."""
    try:
        choice = whole["choices"][0]
        result = _of_message(dict(choice["message"]))
        result.finish = choice.get("finish_reason") or result.finish
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return Said({}, whole=whole)
    usage = whole.get("usage")
    if isinstance(usage, dict):
        result.usage = usage.get("prompt_tokens"), usage.get("completion_tokens")
    result.whole = whole
    return result


def counted(said: Said, prompt: int, count: Any) -> tuple[Any, Any]:
    """Tokens of prompt and reply: the script's own, or counted.

    Args:
        count: gives the tokens of a text.
    """
    message = said.message
    texts = [message.get("content"), message.get("reasoning_content")]
    for call in said.calls:
        function = call.get("function") if isinstance(call, dict) else None
        texts += [function.get("name"), function.get("arguments")] if function else []
    reply = sum(count(text) for text in texts if isinstance(text, str) and text)
    given_prompt, given_reply = said.usage
    return (
        prompt if given_prompt is None else given_prompt,
        reply if given_reply is None else given_reply,
    )


def _usage(tokens: tuple[Any, Any]) -> dict[str, Any]:
    prompt, reply = tokens
    whole = all(isinstance(part, int) for part in tokens)
    usage = {"prompt_tokens": prompt, "completion_tokens": reply}
    return {**usage, "total_tokens": prompt + reply if whole else None}


def _renamed(message: dict[str, Any], like: str) -> dict[str, Any]:
    """Reasoning goes by another name at some servers."""
    if "reasoning_content" not in message or like not in _REASONING:
        return message
    message = dict(message)
    message[_REASONING[like]] = message.pop("reasoning_content")
    return message


def completion(
    said: Said, tokens: tuple[Any, Any], *, number: int, model: str, like: str = ""
) -> dict[str, Any]:
    """A whole chat completion."""
    if said.whole is not None:
        return said.whole
    choice = {
        "index": 0,
        "message": _renamed(said.message, like),
        "finish_reason": said.finish,
        "logprobs": None,
    }
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [choice],
        "usage": _usage(tokens),
    }


def chunks(
    said: Said,
    tokens: tuple[Any, Any] | None,
    style: Stream,
    *,
    number: int,
    model: str,
    like: str = "",
) -> Iterator[dict[str, Any]]:
    """The same as the chunks of a stream.

    Args:
        tokens: of prompt and reply where the request asks for them.
    """
    if said.whole is not None and not said.message:
        yield said.whole
        return
    head: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "system_fingerprint": None,
    }
    none = {} if tokens is None else {"usage": None}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**head, "choices": [choice], **none}

    if like == "azure":
        yield {**head, "choices": [], "prompt_filter_results": [{"prompt_index": 0}], **none}
    yield chunk({"role": "assistant", "content": None if said.calls else ""})
    for delta in _deltas(said, style.piece, like):
        yield chunk(delta)
    yield chunk({}, said.finish)
    if tokens is not None:
        yield {**head, "choices": [], "usage": _usage(tokens)}


def _deltas(said: Said, piece: int, like: str) -> Iterator[dict[str, Any]]:
    message = _renamed(said.message, like)
    for name, value in message.items():
        if name in ("role", "tool_calls") or value is None:
            continue
        if not isinstance(value, str):  # a message of the script's own
            yield {name: value}
            continue
        for text in pieces(value, piece):
            yield {name: text}
    for index, call in enumerate(said.calls):
        function = call.get("function") if isinstance(call, dict) else None
        arguments = function.get("arguments") if isinstance(function, dict) else None
        if not isinstance(arguments, str) or like == "ollama":  # Ollama parses a call first
            yield {"tool_calls": [{"index": index, **call} if isinstance(call, dict) else call]}
            continue
        first = {**call, "function": {**(function or {}), "arguments": ""}}
        yield {"tool_calls": [{"index": index, **first}]}
        for text in pieces(arguments, piece):
            yield {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


def pieces(text: str, size: int) -> Iterator[str]:
    """A text in pieces of so many characters."""
    for at in range(0, len(text), size):
        yield text[at : at + size]


def events(parts: Iterator[dict[str, Any]], style: Stream) -> Iterator[bytes]:
    """Chunks as server-sent events; the last one may be ``[DONE]``."""
    end = style.line_end.encode()
    for number, part in enumerate(parts):
        if style.pings:
            yield b": ping" + end + end
        lines = [json_bytes(part)]
        if style.multiline:
            lines = json.dumps(part, indent=0).encode().split(b"\n")
        names = [b"event: message"] if style.named else []
        names += [b"id: %d" % number] if style.ids else []
        yield end.join([*names, *(b"data: " + line for line in lines)]) + end + end
    if style.done:
        yield b"data: [DONE]" + end + end
