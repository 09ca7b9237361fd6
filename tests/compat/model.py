"""The model behind the server: it does what the user's message says."""

from __future__ import annotations

import json
import re
from typing import Any

_CALL = re.compile(r"call (\w+) (\{.*\})")
MODELS = ("gpt-4.1", "text-embedding-3-small")


def answer(request: dict[str, Any]) -> Any:
    """``call NAME {arguments}`` calls a tool, and what it returned is said; else it repeats."""
    for message in reversed(request["messages"]):
        content = message.get("content") or ""
        if message["role"] == "tool":
            return _say(f"The tool says: {_unpacked(content)}")
        if message["role"] == "user" and '"heartbeat"' not in content:
            return _to_user(_unpacked(content))
    return _say("Nobody said anything.")


def _to_user(text: str) -> dict[str, Any]:
    found = _CALL.search(text)
    if found is None:
        return _say(f"You said: {text}")
    return {
        "tool": found[1],
        "args": json.loads(found[2]),
        "heartbeat": True,
        "thinking": "I need a tool.",
    }


def _say(text: str) -> dict[str, Any]:
    return {"tool": "send_message", "args": {"message": text}, "thinking": "Time to speak."}


def _unpacked(content: str) -> str:
    """The text in packed JSON, or the text itself."""
    try:
        packed = json.loads(content)
    except ValueError:
        return content
    return str(packed.get("message", content)) if isinstance(packed, dict) else content
