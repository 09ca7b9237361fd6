"""What a FakeOpenAI is asked and is to answer, in OpenAI's form."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import openai
from memgpt.testing import Answer, FakeOpenAI

KEY = "sk-test-0123456789abcdef"
SAY = {"tool": "send_message", "args": {"message": "Ciao 🦆 漢字"}}
SAID = {"thinking": "", "message": "Ciao 🦆 漢字", "request_heartbeat": False}
MESSAGES: Any = [{"role": "user", "content": "hi"}]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "send_message",
            "parameters": {"type": "object", "properties": {"message": {"type": "string"}}},
        },
    }
]
ASK: Any = {"model": "m", "messages": MESSAGES, "tools": TOOLS}


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


def error(status: int, message: str, **headers: str) -> Answer:
    """An error in OpenAI's form."""
    body = {"error": {"message": message, "type": "error", "param": None, "code": None}}
    return Answer(status, json.dumps(body).encode(), headers)


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def connect(server: FakeOpenAI) -> socket.socket:
    """A connection to the server."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def post(request: dict[str, Any], path: str = "/v1/chat/completions") -> bytes:
    """An HTTP request."""
    body = json.dumps(request).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def raw_answer(server: FakeOpenAI, request: bytes) -> bytes:
    """All that comes until the server closes the connection."""
    with connect(server) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def client_of(server: FakeOpenAI, **options: Any) -> openai.OpenAI:
    """OpenAI's own client."""
    return openai.OpenAI(
        base_url=server.url, **{"api_key": KEY, "max_retries": 0, "timeout": 20, **options}
    )
