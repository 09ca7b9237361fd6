"""An HTTP proxy on loopback that knows names which nobody else knows."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import suppress

from tests.wire_server import Wire, WireServer


class Proxy(WireServer):
    """``with Proxy({"model.test": 8080}) as proxy``: CONNECT and absolute-form requests.

    Attributes:
        requests: each that it was sent itself; what goes through a tunnel it does not see.
        tunnelled: the bytes that clients sent through tunnels.

    Args:
        hosts: which port of this machine a name stands for.
        login: ``"user:password"`` that it asks for.
    """

    def __init__(self, hosts: dict[str, int], login: str = "") -> None:
        super().__init__(self._serve)
        self.hosts = hosts
        self.wanted = "Basic " + base64.b64encode(login.encode()).decode() if login else ""
        self.tunnelled = b""
        self.url = f"http://127.0.0.1:{self.port}"

    def _serve(self, wire: Wire) -> None:
        while (request := wire.read()) is not None:
            self.requests.append(request)
            method, target, _ = request.line.split(" ")
            if self.wanted and request.headers.get("proxy-authorization") != self.wanted:
                wire.send(b"HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n")
                continue
            authority = target.removeprefix("http://").split("/")[0]
            port = self.hosts.get(authority.rsplit(":", 1)[0])
            if port is None:
                wire.send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                continue
            upstream = socket.create_connection(("127.0.0.1", port))
            if method == "CONNECT":
                wire.send(b"HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")
                self._tunnel(wire.sock, upstream)
                return
            path = target[len("http://" + authority) :] or "/"
            lines = [f"{method} {path} HTTP/1.1"]
            lines += [f"{k}: {v}" for k, v in request.headers.items() if not k.startswith("proxy-")]
            lines.append("connection: close")
            with upstream:
                upstream.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + request.body)
                while data := upstream.recv(65536):
                    wire.send(data)

    def _tunnel(self, client: socket.socket, upstream: socket.socket) -> None:
        def down() -> None:
            with suppress(OSError):
                while data := upstream.recv(65536):
                    client.sendall(data)
                client.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=down, daemon=True)
        thread.start()
        with upstream:
            while data := client.recv(65536):
                self.tunnelled += data
                upstream.sendall(data)
            with suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)
            thread.join(5)
