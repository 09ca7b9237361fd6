"""The corpus of bad outputs, for tests/test_decoder.py and benchmarks/bench_decoder.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from memgpt import _core

FOLDER = Path(__file__).parent / "bad_outputs"


def tools() -> list[dict[str, Any]]:
    """Name and JSON Schema of each tool that the entries are offered."""
    return json.loads((FOLDER / "tools.json").read_text(encoding="utf-8"))["tools"]


def entries() -> list[tuple[str, dict[str, Any]]]:
    """(file: name, entry), in order. What an entry may have: what the model answered (content,
    tool_calls, finish_reason), and what must come of it (expect): a failure, a regular expression
    of what the model is told; or tool, arguments, heartbeat, the kinds of the repairs, and where
    it matters content and thinking."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8")).get("entries", []):
            found.append((f"{path.stem}: {entry['name']}", entry))
    return found


def decoder() -> _core.ReplyDecoder:
    return _core.ReplyDecoder([(tool["name"], json.dumps(tool["parameters"])) for tool in tools()])


def decode(decoder: _core.ReplyDecoder, entry: dict[str, Any]) -> _core.DecodedReply:
    calls = [("", call["name"], call["arguments"]) for call in entry.get("tool_calls", [])]
    return decoder.decode(entry.get("content", ""), "", calls, entry.get("finish_reason", ""))
