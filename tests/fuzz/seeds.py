"""Writes the texts of tests/bad_outputs as seeds of a fuzz target: python seeds.py FOLDER"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])
for path in sorted((Path(__file__).parents[1] / "bad_outputs").glob("*.json")):
    for entry in json.loads(path.read_text(encoding="utf-8")).get("entries", []):
        texts = [entry.get("content", "")]
        texts += [f"{call['name']}\n{call['arguments']}" for call in entry.get("tool_calls", [])]
        for text in filter(None, texts):
            data = text.encode("utf-8", "surrogatepass")
            (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
