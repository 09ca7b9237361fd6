"""A real HTTP server on loopback that speaks OpenAI's chat completions, and misbehaves on request.

What it answers is checked by the `openai` package in test_openai.py.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def completion(message: dict[str, Any], model: str = "test-model") -> dict[str, Any]:
    """A chat completion around a message."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, **message},
                "finish_reason": "tool_calls" if message.get("tool_calls") else "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 321, "completion_tokens": 12, "total_tokens": 333},
    }


def says(text: str, number: int = 1) -> dict[str, Any]:
    """A message that calls send_message."""
    arguments = json.dumps({"message": text, "request_heartbeat": False})
    function = {"name": "send_message", "arguments": arguments}
    return {"tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}]}


@dataclass
class Answer:
    """What the server sends instead of a completion."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    length: int | None = None  # said in Content-Length; more than the body: half an answer
    stall_s: float = 0.0  # before the answer
    close: bool = False  # without an answer
    raw: bytes | None = None  # in place of an HTTP answer
    keep: bool = False  # the connection, after something raw
    late: bytes = b""  # a moment after something raw


def error(status: int, message: str, **headers: str) -> Answer:
    """An error in OpenAI's form."""
    body = {"error": {"message": message, "type": "error", "param": None, "code": None}}
    return Answer(status, json.dumps(body).encode(), headers)


Script = Callable[[dict[str, Any]], Any]


class ChatServer:
    """``with ChatServer(script) as server``: ``server.url`` is the base URL.

    Args:
        script: a function of the request's JSON that gives a message, a completion or an Answer.
        tls: a context to serve TLS with.
    """

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.connections = 0
        self.ended = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                server.connections += 1

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                request = json.loads(self.rfile.read(length))
                server.requests.append(request)
                server.headers.append(dict(self.headers))
                server.paths.append(self.path)
                answer = server.script(request)
                if isinstance(answer, dict):
                    whole = answer if "choices" in answer else completion(answer)
                    answer = Answer(body=json.dumps(whole, ensure_ascii=False).encode())
                server._send(self, answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        scheme = "https" if tls is not None else "http"
        self.port = self._http.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}/v1"

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if answer.stall_s:
            self.ended.wait(answer.stall_s)
        if answer.close or answer.raw is not None:
            handler.close_connection = not answer.keep
            handler.wfile.write(answer.raw or b"")
            if answer.late:
                time.sleep(0.02)
                handler.wfile.write(answer.late)
            return
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.content_type)
        length = len(answer.body) if answer.length is None else answer.length
        handler.send_header("Content-Length", str(length))
        for name, value in answer.headers.items():
            handler.send_header(name.replace("_", "-"), value)
            handler.close_connection |= (name, value) == ("Connection", "close")
        handler.end_headers()
        handler.wfile.write(answer.body)
        if length > len(answer.body):
            handler.close_connection = True

    def __enter__(self) -> ChatServer:
        threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
