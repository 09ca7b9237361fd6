"""Recorded conversations in LoCoMo's layout: read, repaired where possible, the rest reported."""

from __future__ import annotations

import datetime as dt
import json
import re
import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memgpt.lab.conversations import Conversation, Question, Turn

__all__ = ["CATEGORIES", "BadData", "counted", "parse_date", "read_conversations", "shown"]

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}

_TURN_SPACING = dt.timedelta(seconds=30)
_SESSION_SPACING = dt.timedelta(days=1)  # where a session names no date
_FIRST_DAY = dt.datetime(2000, 1, 1, 12, tzinfo=dt.timezone.utc)  # where none does
# "D8:6", and the same with a stray colon, blank or zero: "D:11:26", "D30:05".
_TURN_ID = re.compile(r"D[\s:]*(\d{1,9})\s*:\s*(\d{1,9})(?!\d)", re.ASCII)


class BadData(Exception):
    """The file is not there, no JSON, or has nothing to play; says so in one line."""


def shown(value: Any) -> str:
    """A value from the file, safe and short enough for a line of a report."""
    if isinstance(value, str):
        text = ascii(value[:60])
    else:
        text = reprlib.repr(value).encode("ascii", "backslashreplace").decode()
    return text if len(text) <= 80 else text[:77] + "..."


def counted(number: int, what: str) -> str:
    """counted(2, "turn# played") is "2 turns played"."""
    return f"{number} {what.replace('#', '' if number == 1 else 's')}"


def read_conversations(path: str | Path, first: int | None = None) -> list[Conversation]:
    """The conversations of a file, or only the first so many.

    Raises:
        BadData: where it cannot be read, has another layout, or none of them has a turn.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadData(f"cannot read {path}: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadData(f"{path} is not usable JSON: {error}") from error
    except RecursionError as error:
        raise BadData(f"{path} is not usable JSON: it is nested too deeply") from error
    except ValueError as error:
        raise BadData(f"{path} is not usable JSON: a number in it is too long") from error
    if not isinstance(data, list) or not data:
        raise BadData(f"{path} has another layout: a list of conversations is expected")
    conversations: list[Conversation] = []
    names: set[str] = set()
    for index, item in enumerate(data[:first]):
        conversation = _read_conversation(item if isinstance(item, dict) else {}, index)
        again = 1
        name = conversation.name
        while conversation.name in names:
            again += 1
            conversation.name = f"{name} #{again}"
        names.add(conversation.name)
        conversations.append(conversation)
    if not any(conversation.turns for conversation in conversations):
        raise BadData(
            f"{path} has nothing to play: {conversations[0].name}: {conversations[0].problems[0]}"
        )
    return conversations


def _read_conversation(item: dict[str, Any], index: int) -> Conversation:
    name = item.get("sample_id")
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name.strip()) <= 60:
        name = f"conversation-{index}"
    conversation = Conversation(name)
    raw = item.get("conversation")
    if not isinstance(raw, dict):
        conversation.problems.append("no object `conversation` with session_1, session_2, ...")
        raw = {}
    _read_turns(raw, conversation)
    if not conversation.turns:
        conversation.problems.append("no turn with a text in any session_N: nothing is played")
    _read_questions(item.get("qa"), conversation)
    if not conversation.questions:
        conversation.problems.append("there are no questions that can be asked")
    return conversation


def _read_turns(raw: dict[str, Any], conversation: Conversation) -> None:
    everyone = [raw.get(key) for key in ("speaker_a", "speaker_b")]
    seen: set[str] = set()
    for number, start, raw_turns in _sessions(raw, conversation):
        for place, raw_turn in enumerate(raw_turns):
            where = f"session_{number}[{place}]"
            turn = _read_turn(raw_turn, where, start + place * _TURN_SPACING, conversation)
            if turn is None:
                continue
            if turn.id in seen:
                conversation.problems.append(
                    f"{where}: a second turn {shown(turn.id)}; evidence means the first"
                )
                turn = Turn(f"{turn.id} ({where})", turn.speaker, turn.text, turn.time)
            elif turn.speaker and turn.speaker not in everyone:
                conversation.problems.append(
                    f"{where}: {shown(turn.speaker)} is neither speaker_a nor speaker_b; sent "
                    "under that name"
                )
            seen.add(turn.id)
            conversation.turns.append(turn)


def _sessions(
    raw: dict[str, Any], conversation: Conversation
) -> Iterator[tuple[int, dt.datetime, list[Any]]]:
    """Number, beginning and turns of each session, in order of the numbers."""
    keys = [key for key in raw if re.fullmatch(r"session_\d{1,9}", key, re.ASCII)]
    for key in raw:
        if re.match(r"session(?!_\d{1,9}(_|$))", key, re.ASCII | re.IGNORECASE):
            conversation.problems.append(f"{shown(key)}: no session_N; left out")
    dated = {key: parse_date(raw.get(key + "_date_time")) for key in keys}
    keys.sort(key=lambda key: int(key.split("_")[1]))
    first = next((date for key in keys if (date := dated[key])), _FIRST_DAY)
    latest: dt.datetime | None = None
    for key in keys:
        turns = raw[key]
        if not isinstance(turns, list):
            conversation.problems.append(f"{key}: no list of turns; left out")
            continue
        start = dated[key]
        if start is None:
            start = latest + _SESSION_SPACING if latest else first - _SESSION_SPACING
            conversation.problems.append(
                f"{key}: no date that can be read ({shown(raw.get(key + '_date_time'))}); "
                f"taken as {start:%Y-%m-%d %H:%M}"
            )
        yield int(key.split("_")[1]), start, turns
        latest = start + max(0, len(turns) - 1) * _TURN_SPACING


def parse_date(text: Any) -> dt.datetime | None:
    """ "1:56 pm on 8 May, 2023" or ISO; UTC where it names no zone. None for anything else."""
    if not isinstance(text, str):
        return None
    time: dt.datetime | None = None
    for read in (
        lambda: dt.datetime.strptime(text.strip(), "%I:%M %p on %d %B, %Y"),
        lambda: dt.datetime.fromisoformat(text.strip().replace("Z", "+00:00")),
    ):
        try:
            time = read()
            break
        except ValueError:
            continue
    if time is None or not 1 < time.year < 9000:
        return None
    return time if time.tzinfo else time.replace(tzinfo=dt.timezone.utc)


def _read_turn(raw: Any, where: str, time: dt.datetime, conversation: Conversation) -> Turn | None:
    problems = conversation.problems
    if not isinstance(raw, dict):
        problems.append(f"{where}: no turn but {shown(raw)}; left out")
        return None
    text, speaker, turn_id = raw.get("text"), raw.get("speaker"), raw.get("dia_id")
    if not isinstance(turn_id, str) or not turn_id.strip():
        session, place = re.findall(r"\d+", where)
        turn_id = f"D{session}:{int(place) + 1}"
        problems.append(f"{where}: no dia_id; taken as {turn_id}")
    if not isinstance(text, str) or not text.strip():
        problems.append(f"{where}: turn {shown(turn_id)} has no text; left out")
        return None
    if not isinstance(speaker, str) or not speaker.strip():
        problems.append(f"{where}: turn {shown(turn_id)} has no speaker; sent without a name")
        speaker = ""
    return Turn(turn_id, speaker, text, time)


def _read_questions(raw: Any, conversation: Conversation) -> None:
    if not isinstance(raw, list):
        conversation.problems.append("no list `qa`")
        return
    turns = {turn.id: turn for turn in reversed(conversation.turns)}
    by_place = {place: turn_id for turn_id in turns if (place := _place(turn_id))}
    for number, qa in enumerate(raw):
        if not isinstance(qa, dict):
            conversation.problems.append(f"qa[{number}]: no question but {shown(qa)}; left out")
            continue
        category, text = qa.get("category"), qa.get("question")
        if category == 5:
            continue
        if not isinstance(category, int) or category not in CATEGORIES or category is True:
            conversation.problems.append(f"qa[{number}]: category {shown(category)}; not asked")
            continue
        if not isinstance(text, str) or not text.strip():
            conversation.problems.append(f"qa[{number}]: no question in it; not asked")
            continue
        evidence = _read_evidence(qa.get("evidence"), number, turns, by_place, conversation)
        if evidence:
            kind = CATEGORIES[category]
            conversation.questions.append(Question(number, text, category, evidence, kind))


def _read_evidence(
    raw: Any,
    number: int,
    turns: dict[str, Turn],
    by_place: dict[tuple[int, int], str],
    conversation: Conversation,
) -> tuple[str, ...]:
    """Ids of the turns that a question's evidence names; what is repaired or not is noted."""
    entries = [raw] if isinstance(raw, str) else raw
    if not isinstance(entries, list) or not entries:
        conversation.unusable.append({"qa": number, "evidence": None, "why": "there is none"})
        return ()
    usable: dict[str, None] = {}
    for entry in entries:
        if isinstance(entry, str) and entry in turns:
            usable[entry] = None
            continue
        places = _TURN_ID.findall(entry) if isinstance(entry, str) else []
        named = [by_place.get((int(a), int(b))) for a, b in places]
        found = [turn_id for turn_id in named if turn_id is not None]
        missing = [
            f"D{int(a)}:{int(b)}" for (a, b), at in zip(places, named, strict=True) if not at
        ]
        written = entry[:200] if isinstance(entry, str) else shown(entry)
        if found:
            usable.update(dict.fromkeys(found))
            conversation.repaired.append({"qa": number, "evidence": written, "used": found})
        if missing or not places:
            why = f"no turn {', '.join(missing)} with a text" if missing else "it names no turn"
            conversation.unusable.append({"qa": number, "evidence": written, "why": why})
    return tuple(usable)


def _place(turn_id: str) -> tuple[int, int] | None:
    match = _TURN_ID.fullmatch(turn_id.strip())
    return (int(match[1]), int(match[2])) if match else None
