"""What a server sends in place of a good answer, and how it sends a stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memgpt.errors import ConfigError

__all__ = ["Answer", "Stream", "json_answer", "json_bytes"]

_THEN = ("", "end", "close", "reset", "stall", "error", "endless")


@dataclass
class Answer:
    """An HTTP answer as you write it, right or wrong.

    Attributes:
        status: of HTTP.
        body: bytes of the answer.
        headers: beside Content-Type and Content-Length; ``Connection: close`` is kept to.
        content_type: of the body.
        length: said in Content-Length; more than the body: half an answer, then the connection is
            closed. By default the body's.
        stall_s: seconds before the answer; they end when the client leaves.
        close: close the connection without an answer.
        reset: end the connection by a TCP reset: in place of an answer, or after half of one.
        raw: bytes in place of an HTTP answer.
        keep: keep the connection after ``raw``.
        late: bytes a moment after ``raw``.
        fill: repeat the body until ``length`` is reached, for an answer of gigabytes.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    length: int | None = None
    stall_s: float = 0.0
    close: bool = False
    reset: bool = False
    raw: bytes | None = None
    keep: bool = False
    late: bytes = b""
    fill: bool = False


@dataclass
class Stream:
    """An item of a script, and how it is sent where the request asks for a stream.

    Attributes:
        item: what is said: anything that a script may have, but for an :class:`Answer`. An
            exception is what it is without a stream around it.
        piece: characters of text, or of a call's arguments, in one event.
        write: bytes of one write to the socket, which may end inside a character; 0 for an event a
            write, or everything in one where nothing is waited for.
        pause_s: seconds before each write but the first.
        line_end: of an event stream: LF, CR LF or CR.
        pings: comment lines between the events, as servers send them to keep a connection.
        named: an ``event:`` line in each event.
        ids: an ``id:`` line in each; OpenAI's own client stumbles over them beside ``pings``.
        multiline: the JSON of an event on several ``data:`` lines.
        chunked: as chunks of HTTP/1.1; else the connection's end is the stream's.
        done: the last line is ``data: [DONE]``; a few servers leave it out.
        after: events that are sent before ``then``; by default half of them.
        then: what happens after them: ``"end"`` (the stream ends in order, and says nothing more),
            ``"close"`` or ``"reset"`` (the connection breaks off), ``"stall"`` (nothing for
            ``stall_s`` seconds, then the rest), ``"error"`` (an error object, as an event),
            ``"endless"`` (the last event again and again, until the client leaves); ``""`` for
            nothing.
        stall_s: seconds of a stall; they end when the client leaves.

    Raises:
        ConfigError: for a ``then`` or ``line_end`` that there is not, or a number below its least.
    """

    item: Any = None
    piece: int = 16
    write: int = 0
    pause_s: float = 0.0
    line_end: str = "\n"
    pings: bool = False
    named: bool = False
    ids: bool = False
    multiline: bool = False
    chunked: bool = True
    done: bool = True
    after: int | None = None
    then: str = ""
    stall_s: float = 30.0

    def __post_init__(self) -> None:
        if self.then not in _THEN:
            raise ConfigError(f"then is one of {', '.join(map(repr, _THEN))}, not {self.then!r}")
        if self.line_end not in ("\n", "\r\n", "\r"):
            raise ConfigError(f'line_end is "\\n", "\\r\\n" or "\\r", not {self.line_end!r}')
        if self.piece < 1 or self.write < 0 or (self.after is not None and self.after < 0):
            raise ConfigError("piece is at least 1, write and after are at least 0")


def json_bytes(value: Any) -> bytes:
    """JSON in UTF-8; lone surrogates as the escapes that they come as."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of JSON."""
    return Answer(status, json_bytes(value), headers or {})
