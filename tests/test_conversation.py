"""The main job on a conversation far larger than the window, through the command line.

Runs on the first conversation of LoCoMo where its data is at hand, and always on one of our own.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import memgpt
import pytest
from memgpt.testing import ScriptedLLM

SHARED = Path(os.environ.get("MEMGPT_SHARED", Path(__file__).parent.parent.parent / "shared"))
LOCOMO = SHARED / "data" / "locomo" / "locomo-dev.json"
WINDOW = 4096

Turn = str
Question = tuple[str, str]  # and the turn that answers it


def own_conversation() -> tuple[list[Turn], list[Question]]:
    """420 turns of two friends, with facts planted in the first fifty."""
    facts = [
        ("My grandmother Oda left me her violin from Cremona.", "What did grandmother Oda leave?"),
        ("The ferry to Gavdos sank in 1931 with all its olive oil.", "When did the ferry sink?"),
        ("Our neighbour Basil keeps eleven tortoises in the cellar.", "Who keeps tortoises?"),
    ]
    places = ["harbour", "library", "market", "old bridge", "observatory", "bakery", "tram depot"]
    things = [
        "a red kite",
        "two letters",
        "fresh bread",
        "a broken clock",
        "some maps",
        "a lantern",
    ]
    turns = []
    for i in range(420):
        if i in (10, 25, 40):
            turns.append(facts[(i - 10) // 15][0])
        else:
            place, thing = places[i % 7], things[i * 5 % 6]
            turns.append(
                f"On walk {i} I passed the {place} and carried {thing} for {i * 37 % 90} minutes."
            )
    return turns, [(question, fact) for fact, question in facts]


def locomo_conversation() -> tuple[list[Turn], list[Question]]:
    """The first conversation, one turn a line with its speaker, and category-4 questions."""
    data = json.loads(LOCOMO.read_text())[0]
    sessions = [k for k in data["conversation"] if re.fullmatch(r"session_\d+", k)]
    by_id: dict[str, Turn] = {}
    for key in sorted(sessions, key=lambda k: int(k.split("_")[1])):
        for turn in data["conversation"][key]:
            by_id[turn["dia_id"]] = " ".join(f"{turn['speaker']}: {turn['text']}".split())
    questions = [
        (qa["question"], by_id[qa["evidence"][0]])
        for qa in data["qa"]
        if qa["category"] == 4 and qa["evidence"] and qa["evidence"][0] in by_id
    ]
    return list(by_id.values()), questions


def run(lines: list[str], db: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "memgpt", "--context-window", str(WINDOW), "--db", str(db)],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "no reply" not in done.stderr, done.stderr
    return done.stdout


def check_everything_is_found(db: Path, turns: list[Turn], evictions: int) -> None:
    """In this process, which did not write the file."""
    with memgpt.open(db) as home:
        agent = home.agent(home.agents()[0])
        steps = [step for step in agent.steps() if step.context_tokens]
        assert max(step.context_tokens + step.overhead_tokens for step in steps) <= WINDOW
        kept = [json.loads(step.decision)["keep"] for step in steps if step.decision]
        starts = [keep[0][0] for keep in kept if keep]
        assert sum(b > a for a, b in itertools.pairwise(starts)) >= evictions
        assert agent.memory.summary
        window = {message.text for message in agent.window}
        assert turns[0] not in window
        for turn in turns:
            hits = agent.recall.search('"' + turn.replace('"', " ") + '"', limit=50)
            assert any(hit.message.text == turn for hit in hits), turn


def check_questions(db: Path, questions: list[Question]) -> int:
    answered = 0
    for question, evidence in questions:
        answered += evidence in run([question], db)
    return answered


def test_own_conversation_is_remembered(tmp_path: Path) -> None:
    turns, questions = own_conversation()
    db = tmp_path / "own.db"
    run(turns, db)
    check_everything_is_found(db, turns, evictions=5)
    assert check_questions(db, questions) == 3


@pytest.mark.skipif(
    not LOCOMO.exists(), reason="no LoCoMo data here: our own conversation stands in"
)
def test_locomo_conversation_is_remembered(tmp_path: Path) -> None:
    turns, questions = locomo_conversation()
    assert len(turns) == 419
    db = tmp_path / "locomo.db"
    run(turns, db)
    check_everything_is_found(db, turns, evictions=5)
    chosen = [q for q in questions if "charity race raise" in q[0] or "grandma" in q[0]][:3]
    assert len(chosen) == 3
    assert check_questions(db, chosen) == 3


def test_a_thousand_scripted_messages(tmp_path: Path) -> None:
    limit = 0

    def answer(context: memgpt.Context) -> dict[str, object]:
        nonlocal limit
        limit = max(limit, context.tokens)
        assert context.tokens <= context.budget.limit
        return {"tool": "send_message", "args": {"message": "I see."}}

    db = tmp_path / "thousand.db"
    turns = [f"Number {i}: the {i * 7919 % 10007} rivers of planet {i}." for i in range(1000)]
    with memgpt.open(db, durability="process") as home:
        agent = home.create_agent("s", model=ScriptedLLM(answer), context_window=WINDOW)
        evictions = sum(agent.send(turn).evicted > 0 for turn in turns)
    assert evictions >= 5 and limit > WINDOW // 2
    check_everything_is_found(db, turns, evictions=5)


def test_the_smallest_window_is_large_enough_to_work_in(home: memgpt.Home) -> None:
    """What a turn finds stays in view, so that it is not searched for again and again."""
    with pytest.raises(memgpt.WindowTooSmall) as raised:
        home.create_agent("sam", context_window=1000)
    window = int(re.findall(r"context_window of (\d+)", str(raised.value))[0])
    agent = home.create_agent("sam", context_window=window)
    towns = ("Turin", "Oslo", "Lima", "Perth", "Quito", "Sofia", "Cairo", "Delhi")
    day = dt.datetime(2023, 1, 1, tzinfo=dt.timezone.utc)
    for i in range(160):
        town = towns[i % len(towns)]
        text = f"On trip {i} I went to {town} and met {i * 37 % 101} people at the old harbour."
        agent.send(text, name="Ann", time=day + dt.timedelta(days=i))
    for question in ("What did I do in Lima?", "Who was at the harbour in Oslo?"):
        reply = agent.send(question, name="Ann", time=day + dt.timedelta(days=200))
        assert reply.steps <= 6 and reply.text, (reply.steps, reply.stop_reason)
