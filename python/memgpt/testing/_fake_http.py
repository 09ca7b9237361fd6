"""The sockets of FakeOpenAI: real HTTP/1.1 on loopback, and what is no HTTP."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import responses
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import Any

from memgpt.testing._wire_answers import Answer, Stream

__all__ = ["HttpServer", "Streamed"]

_MOST_BODY = 1 << 28


@dataclass
class Streamed:
    """An answer that is streamed.

    Attributes:
        events: the bytes of each.
        style: how they are sent.
        content_type: of the stream.
        error: the event of an error in the middle.
    """

    events: list[bytes]
    style: Stream
    content_type: str
    error: bytes


Answerer = Callable[[str, str, dict[str, str], bytes], Any]


class HttpServer(TCPServer):
    """Serves each connection on a thread of its own; :meth:`close` ends them all.

    Args:
        answer: gives an Answer or a Streamed for method, target, headers and body.
        tls: a context to serve TLS with.
    """

    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, answer: Answerer, tls: ssl.SSLContext | None) -> None:
        self.answer = answer
        self.tls = tls
        self.connections = 0
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        super().__init__(("127.0.0.1", 0), _Handler)
        self._accepting = threading.Thread(
            target=self.serve_forever, args=(0.02,), name="FakeOpenAI", daemon=True
        )
        self._accepting.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self._serve, args=(request, client_address), name="FakeOpenAI", daemon=True
        )
        with self._lock:
            self.connections += 1
            self._open[thread] = request
        thread.start()

    def _serve(self, connection: socket.socket, address: Any) -> None:
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
                with self._lock:
                    self._open[threading.current_thread()] = connection
                connection.do_handshake()
            self.finish_request(connection, address)
        except OSError:  # the client went away, or speaks no TLS
            pass
        except Exception:
            self.handle_error(connection, address)
        finally:
            self.shutdown_request(connection)
            with self._lock:
                self._open.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """End every connection and its thread."""
        self.ended.set()
        self.shutdown()
        self._accepting.join()
        with self._lock:
            still_open = dict(self._open)
        for connection in still_open.values():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in still_open:
            thread.join(10)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HttpServer  # type: ignore[assignment]
    connection: socket.socket

    def _do(self) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= _MOST_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(Answer(411, b'{"error": {"message": "give a Content-Length"}}'))
            return
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        headers = {name.title(): value for name, value in self.headers.items()}
        answer = self.server.answer(self.command, self.path, headers, body)
        if isinstance(answer, Streamed):
            self._stream(answer)
        else:
            self._send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _do

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _wait(self, seconds: float) -> bool:
        """Whether the client is still there after so many seconds, or so far."""
        end = time.monotonic() + seconds
        plain = not isinstance(self.connection, ssl.SSLSocket)
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        while (left := end - time.monotonic()) > 0 and not self.server.ended.is_set():
            if not plain:
                self.server.ended.wait(left)
            elif poll.poll(left * 1000):
                with contextlib.suppress(OSError):
                    if self.connection.recv(1, socket.MSG_PEEK):  # the next request, too early
                        self.server.ended.wait(left)
                        continue
                return False
        return not self.server.ended.is_set()

    def _reset(self) -> None:
        """End the connection by a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        os.close(
            self.connection.detach()
        )  # close() would wait for the last reader, and say goodbye

    def _send(self, answer: Answer) -> None:
        if answer.stall_s and not self._wait(answer.stall_s):
            self.close_connection = True
            return
        if answer.close or answer.raw is not None:
            self.close_connection = not answer.keep
            self.wfile.write(answer.raw or b"")
            if answer.late:
                time.sleep(0.02)
                self.wfile.write(answer.late)
            return
        length = len(answer.body) if answer.length is None else answer.length
        if not (answer.reset and not answer.body):
            head = self._head(answer.status, answer.content_type, answer.headers)
            head += b"Content-Length: %d\r\n\r\n" % length
            self.wfile.write(head + (b"" if self.command == "HEAD" else answer.body))
        if answer.fill:
            self._fill(answer.body or b" ", length - len(answer.body))
        elif length > len(answer.body):
            self.close_connection = True
        if answer.reset:
            self._reset()

    def _fill(self, body: bytes, left: int) -> None:
        block = body * max(1, 65536 // len(body))
        while left > 0 and not self.server.ended.is_set():
            self.wfile.write(block[:left])
            left -= len(block)

    def _head(self, status: int, content_type: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {status} {responses.get(status, 'Unknown')}"]
        lines.append(f"Content-Type: {content_type}")
        for name, value in headers.items():
            lines.append(f"{name.replace('_', '-')}: {value}")
            self.close_connection |= (name.lower(), value.lower()) == ("connection", "close")
        return "\r\n".join([*lines, ""]).encode("latin-1")

    def _stream(self, streamed: Streamed) -> None:
        style = streamed.style
        chunked = style.chunked and self.request_version != "HTTP/1.0"
        way = {"Transfer-Encoding": "chunked"} if chunked else {"Connection": "close"}
        way["Cache-Control"] = "no-cache"
        head = self._head(200, streamed.content_type, way) + b"\r\n"
        events = streamed.events
        after = len(events) // 2 if style.after is None else style.after
        end = b"0\r\n\r\n" if chunked else b""
        if not style.then:
            self._write(head, events, style, chunked, end)
            return
        self._write(head, events[:after], style, chunked)
        if style.then == "reset":
            self._reset()
        elif style.then == "close" or (style.then == "stall" and not self._wait(style.stall_s)):
            self.close_connection = True
        elif style.then == "endless":
            self._endless(events[:after][-1:] or events[:1], style, chunked)
        else:
            rest = {"stall": events[after:], "error": [streamed.error]}.get(style.then, [])
            self._write(b"", rest, style, chunked, end)

    def _endless(self, events: list[bytes], style: Stream, chunked: bool) -> None:
        block = b"".join(events)
        if not style.pause_s:
            block *= max(1, 65536 // max(1, len(block)))
        while not self.server.ended.is_set() and self._wait(style.pause_s):
            self.wfile.write(_framed(block, chunked))

    def _write(
        self, head: bytes, events: list[bytes], style: Stream, chunked: bool, end: bytes = b""
    ) -> None:
        """Events as the style has it: the head goes with the first write, the end with the last."""
        blocks = [_framed(block, chunked) for block in _blocks(events, style)] or [b""]
        blocks[0] = head + blocks[0]
        blocks[-1] += end
        for number, block in enumerate(blocks):
            if number and style.pause_s and not self._wait(style.pause_s):
                raise ConnectionAbortedError("the client left")
            self.wfile.write(block)


def _blocks(events: list[bytes], style: Stream) -> Iterator[bytes]:
    if style.write:
        whole = b"".join(events)
        for at in range(0, len(whole), style.write):
            yield whole[at : at + style.write]
    elif style.pause_s:
        yield from events
    elif events:
        yield b"".join(events)


def _framed(block: bytes, chunked: bool) -> bytes:
    return b"%x\r\n%b\r\n" % (len(block), block) if chunked else block
