"""What goes wrong, as it comes over the wire."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

from memgpt._text import error_text, message_of
from memgpt.errors import (
    AuthenticationFailed,
    ContextOverflow,
    InvalidReply,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    ScriptExhausted,
)
from memgpt.testing._wire_answers import Answer, Stream, json_answer, json_bytes
from memgpt.testing._wire_errors import SERVERS, overflow, refusal, too_many

__all__ = ["of_exception", "of_no_reply", "some_style"]

T = TypeVar("T")
_HALF = json_bytes({"id": "chatcmpl-0", "object": "chat.completion", "choices": [{"index": 0}]})
_NO_ANSWERS = (
    Answer(body=b"<html><body>Welcome to nginx</body></html>", content_type="text/html"),
    Answer(),
    Answer(body=_HALF[:-3]),
    Answer(body=b'{"choices": []}'),
    Answer(body=b'{"choices": [{"index": 0}]}'),
    Answer(body=b"[]"),
    Answer(body=b"null"),
    Answer(body=b"\xff\xfe\0" * 20),
    Answer(body=b"\x1f\x8b\x08\0\0\0", headers={"Content-Encoding": "gzip"}),
    Answer(body=b"data: {}\n\n", content_type="text/event-stream"),
)
_BROKEN = (
    Answer(close=True),
    Answer(reset=True),
    Answer(body=_HALF, length=len(_HALF) + 500),
    Answer(body=_HALF, length=len(_HALF) + 500, reset=True),
    Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Len"),
)


def _one(options: Sequence[T], rng: random.Random | None) -> T:
    return options[0] if rng is None else rng.choice(options)


def of_exception(
    error: BaseException,
    like: str,
    *,
    rng: random.Random | None = None,
    streamed: bool = False,
    sizes: tuple[int, int, int] = (9000, 8192, 0),
    hang_s: float = 30.0,
) -> Answer | Stream:
    """What a model's exception is on the wire.

    Args:
        like: whose words an error is in; ``""``, with an ``rng``, for anybody's.
        rng: chooses among what it may be; the first without one.
        streamed: the request asks for a stream.
        sizes: tokens of the prompt, of the window and of the reply.
        hang_s: seconds of silence for a timeout.
    """
    like = rng.choice(SERVERS) if rng is not None and not like else like
    if isinstance(error, RateLimited):
        after = _one([None, "0", "0.01", "Wed, 21 Oct 2015 07:28:00 GMT", "soon"], rng)
        return too_many(like, after, message_of(error))
    if isinstance(error, ContextOverflow):
        return overflow(like, *sizes, rng)
    if isinstance(error, AuthenticationFailed):
        return refusal(like, 401, message_of(error), code="invalid_api_key")
    if isinstance(error, ProviderTimeout):
        return (
            Stream("half of an ans", then="stall", stall_s=hang_s)
            if streamed and _one([False, True], rng)
            else Answer(stall_s=hang_s)
        )
    if isinstance(error, ProviderUnreachable):
        if streamed and _one([False, True], rng):
            return Stream("half of an answer", piece=2, then=_one(["close", "reset", "end"], rng))
        return _one(_BROKEN, rng)
    if isinstance(error, InvalidReply):
        return _one(_NO_ANSWERS, rng)
    if isinstance(error, ScriptExhausted):
        # As what a client does not ask for again.
        return refusal(like, 400, f"the script is at its end: {message_of(error)}")
    if rng is None:
        return refusal(like, 500, f"the script raised {error_text(error)}")
    if streamed and rng.random() < 0.5:
        return Stream("half of an answer", piece=2, then="error")
    gateway = Answer(502, b"<h1>502 Bad Gateway</h1>", content_type="text/html")
    return rng.choice([refusal(like, 500, error_text(error)), gateway, Answer(503), Answer(529)])


def of_no_reply(thing: Any) -> Answer:
    """What is no reply: as JSON, or whatever bytes it can be."""
    if isinstance(thing, bytes):
        return Answer(body=thing)
    try:
        return json_answer(thing)
    except (TypeError, ValueError):
        calls = {"choices": [{"index": 0, "message": {"role": "assistant", "tool_calls": [None]}}]}
        return json_answer(calls)


def some_style(rng: random.Random) -> Stream:
    """A stream cut up somehow: nothing that a client may stumble over."""
    return Stream(
        piece=rng.choice([1, 3, 16, 200]),
        write=rng.choice([0, 0, 7, 100]),
        line_end=rng.choice(["\n", "\r\n", "\r"]),
        pings=rng.random() < 0.3,
        named=rng.random() < 0.3,
        multiline=rng.random() < 0.3,
        chunked=rng.random() < 0.8,
        done=rng.random() < 0.9,
    )
