"""What a FakeOpenAI is to answer, in OpenAI's form."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from memgpt.testing import Answer


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
