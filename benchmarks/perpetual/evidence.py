"""Whether evidence is in a context, and in what two simpler memories would show."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import memgpt
from memgpt.lab.conversations import Turn


def share_in(evidence: Sequence[str], texts: Sequence[str]) -> float:
    """The share of the evidence whose full text is a substring of one of the texts."""
    return sum(any(turn in text for text in texts) for turn in evidence) / len(evidence)


def request_texts(messages: Iterable[dict[str, Any]]) -> list[str]:
    """What the messages of a request say, JSON escapes undone.

    Inputs and tool results travel as packed JSON, and the arguments of calls are JSON: of those
    these are the strings inside. Any other content is taken as it is.
    """
    texts: list[str] = []
    for message in messages:
        packed = [message.get("content")]
        packed += [call["function"]["arguments"] for call in message.get("tool_calls") or []]
        for content in packed:
            if isinstance(content, str):
                texts.extend(_unpacked(content))
    return texts


def _unpacked(content: str) -> Iterator[str]:
    try:
        value = json.loads(content)
    except ValueError:
        yield content
        return
    yield from _strings(value) if isinstance(value, (dict, list)) else (content,)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


class PlainSearch:
    """The obvious memory without an agent: one FTS5 table, default tokenizer, words OR-ed."""

    def __init__(self, turns: Sequence[Turn], room_tokens: int) -> None:
        counter = memgpt.TokenCounter("o200k_base")
        lines = [f"{turn.speaker}: {turn.text}" for turn in turns]
        self._turns = turns
        self._tokens = counter.count_many(lines)
        self._room = room_tokens
        self._db = sqlite3.connect(":memory:")
        self._db.execute("CREATE VIRTUAL TABLE line USING fts5(text, tokenize = 'unicode61')")
        self._db.executemany(
            "INSERT INTO line(rowid, text) VALUES (?, ?)", list(enumerate(lines, start=1))
        )

    def texts(self, question: str) -> list[str]:
        """The best hits, best first, up to the first that the room does not hold."""
        words = dict.fromkeys(re.findall(r"\w+", question.lower()))
        found: list[str] = []
        if not words:
            return found
        rows = self._db.execute(
            "SELECT rowid FROM line WHERE line MATCH ? ORDER BY rank, rowid",
            (" OR ".join(f'"{word}"' for word in words),),
        )
        left = self._room
        for (row,) in rows:
            left -= self._tokens[row - 1]
            if left < 0:
                break
            found.append(self._turns[row - 1].text)
        return found
