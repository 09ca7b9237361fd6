"""A recorded or made-up conversation, and what is asked about it at its end."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Conversation", "Question", "Turn"]


@dataclass(frozen=True)
class Turn:
    """Something that was said.

    Attributes:
        id: unique in its conversation.
        role: "user" or "assistant", as an agent would have it in its window.
    """

    id: str
    speaker: str
    text: str
    time: dt.datetime
    role: str = "user"


@dataclass(frozen=True)
class Question:
    """Something that is asked when everything has been said.

    Attributes:
        number: its place in the conversation's list of questions, from 0.
        category: LoCoMo's number; 0 in conversations of our own.
        evidence: ids of the turns that answer it, which are there and say something.
        kind: the category in words.
        superseded: ids of turns that answered it until the evidence was said.
    """

    number: int
    text: str
    category: int
    evidence: tuple[str, ...]
    kind: str = ""
    superseded: tuple[str, ...] = ()


@dataclass
class Conversation:
    """One conversation.

    Attributes:
        turns: those with a text, oldest first.
        questions: with at least one evidence turn each.
        repaired: evidence that was written in another form: question, as written, as used.
        unusable: evidence that names no turn with a text: question, as written, why.
        problems: what else was not as it should be, one line each.
    """

    name: str
    turns: list[Turn] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    repaired: list[dict[str, Any]] = field(default_factory=list)
    unusable: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
