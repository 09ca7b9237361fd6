"""Servers and proxies on loopback, written down to the bytes, for the tests of the transport."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from memgpt import _core


def probe(url: str, **options: Any) -> Any:
    """The transport alone: its calls give status, attempts, headers and body."""
    return _core._HttpProbe(url, **{"max_retries": 0, "timeout_s": 20, **options})


def answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """An HTTP answer with a Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunks(*pieces: bytes) -> bytes:
    """Of a chunked body; without its end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Request:
    """What a client sent."""

    line: str
    headers: dict[str, str]  # names in small letters
    body: bytes


class Wire:
    """One connection of a server."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number  # counts connections from 1

    def read(self) -> Request | None:
        """The next request; None where the client closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(65536)
            if not more:
                return None
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        line, *lines = head.decode().split("\r\n")
        headers = {k.lower(): v for k, v in (each.split(": ", 1) for each in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += self.sock.recv(65536)
        return Request(line, headers, body)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class WireServer:
    """``with WireServer(script) as server``: ``script(wire)`` runs for each connection.

    Attributes:
        url: of its root, with the path /v1.
        requests: what :meth:`serve` read.
        failures: exceptions of scripts that no closed connection explains.
    """

    def __init__(
        self, script: Callable[[Wire], None], tls: ssl.SSLContext | None = None, host: str = ""
    ) -> None:
        self.script = script
        self.tls = tls
        self.requests: list[Request] = []
        self.connections = 0
        self.failures: list[BaseException] = []
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host or '127.0.0.1'}:{self.port}/v1"
        self._open: set[socket.socket] = set()

    def __enter__(self) -> WireServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        assert not self.failures, self.failures

    def _accept(self) -> None:
        while not self.ended.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._run, args=(sock, self.connections), daemon=True).start()

    def _run(self, sock: socket.socket, number: int) -> None:
        try:
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            self._open.add(sock)
            self.script(Wire(sock, number))
        except OSError:
            pass  # the client went away, or refused the certificate
        except BaseException as error:
            self.failures.append(error)
        finally:
            self._open.discard(sock)
            sock.close()


def serving(
    reply: Callable[[Request], bytes], tls: ssl.SSLContext | None = None, host: str = ""
) -> WireServer:
    """A server that answers each request of each connection."""

    def script(wire: Wire) -> None:
        while (request := wire.read()) is not None:
            server.requests.append(request)
            wire.send(reply(request))
            if request.headers.get("connection") == "close":
                return

    server = WireServer(script, tls, host)
    return server
