"""benchmarks/perpetual_chat.py on a conversation of our own, on bad data, and on LoCoMo's first."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt.testing import ScriptedLLM

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "benchmarks" / "perpetual_chat.py"
SHARED = Path(os.environ.get("MEMGPT_SHARED", ROOT.parent / "shared"))
LOCOMO = SHARED / "data" / "locomo" / "locomo-dev.json"
WINDOW = 4096
LIMIT = WINDOW - WINDOW // 8

sys.path.insert(0, str(PROGRAM.parent))
from memgpt.lab import locomo  # noqa: E402
from memgpt.lab.conversations import Turn  # noqa: E402
from perpetual import report, sessions  # noqa: E402

BEES = "My cousin Tobias keeps bees on the roof of the old lighthouse."
JELLY = 'She said "bring the\nquince jelly \\ today",\nand I did \U0001f36f!'
TEACHER = "Once I wanted to become a glassblower, in those days on Murano."
FLOOD = "I dread spiders since the cellar stood under water."
FERRY = "Yesterday I took the ferry to Gavdos."
STRANGER = "A glassblower's furnace never sleeps, I learned that on Murano too."
HUGE = "heliotrope " * 95_000

FACTS = {"D1:3": BEES, "D1:6": TEACHER, "D1:9": FLOOD, "D2:5": JELLY, "D2:8": FERRY,
         "D3:2": STRANGER, "D4:2": HUGE, "D2:3": " \n"}  # fmt: skip

# Question, category, evidence, share of it that the agent is expected to have in context; None
# where the question cannot be asked.
QUESTIONS: list[tuple[Any, Any, Any, float | None]] = [
    ("Where does cousin Tobias keep his bees?", 4, ["D1:3"], 1),
    ("Who asked for quince jelly?", 4, ["D2:05"], 1),
    ("Who spoke of a glassblower on Murano?", 1, ["D1:6; D3:2"], 1),
    ("When was the ferry to Gavdos taken?", 2, ["D:2:8"], 1),
    ("Which zoological curiosity frightens her?", 3, ["D1:9"], 0),
    ("What does Tobias do on the lighthouse?", 4, ["D", "D1:3"], 1),
    ("Where are the bees of Tobias?", 1, ["D1:3", "D1:9"], 0.5),
    ("Who likes heliotrope?", 4, ["D4:2"], 0),
    ("Who was in Atlantis?", 4, ["D9:9"], None),
    ("Who said nothing at all?", 4, ["D2:3"], None),
    ("Who has no evidence?", 4, [], None),
    ("Who has evidence of another kind?", 4, [17], None),
    ("Who is asked in vain?", 5, ["D1:3"], None),
    ("Who is of no category?", [1], ["D1:3"], None),
    ("  ", 4, ["D1:3"], None),
]


def own_conversation() -> dict[str, Any]:
    """Five sessions of twelve turns; the third has no date, the fifth one in ISO form."""
    places = ["harbour", "library", "market", "old bridge", "observatory", "bakery", "tram depot"]
    things = ["a red kite", "two letters", "fresh bread", "a broken clock", "maps", "a lantern"]
    conversation: dict[str, Any] = {"speaker_a": "Marta", "speaker_b": "Joris"}
    for session in range(1, 6):
        turns = []
        for place in range(12):
            number = session * 12 + place
            text = (
                f"At the {places[number % 7]} I carried {things[number * 5 % 6]} for "
                f"{number * 37 % 90} minutes, and then we talked until it was time to go home."
            )
            turn_id = f"D{session}:{place + 1}"
            turns.append({
                "speaker": ["Marta", "Joris"][place % 2],
                "dia_id": turn_id,
                "text": FACTS.get(turn_id, text),
            })  # fmt: skip
        conversation[f"session_{session}"] = turns
    for session, date in {1: "1:56 pm on 8 May, 2023", 2: "12:05 am on 9 June, 2023",
                          3: "some day in June", 4: "10:00 am on 1 August, 2023",
                          5: "2023-09-01T08:00:00"}.items():  # fmt: skip
        conversation[f"session_{session}_date_time"] = date
    conversation["session_3"][1]["speaker"] = "Ines"
    conversation["session_3"][3]["speaker"] = None
    conversation["session_7_date_time"] = "1:00 pm on 3 October, 2023"
    qa = [{"question": q, "category": c, "evidence": e} for q, c, e, _ in QUESTIONS]
    return {"sample_id": "own", "conversation": conversation, "qa": qa}


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "own.json", [own_conversation()])


def run(*arguments: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return json.loads(done.stdout.splitlines()[-1])


def test_own_conversation(data: Path) -> None:
    done = run(data, "--min-evidence", "0.7")
    assert done.returncode == 0, done.stderr
    out = result(done)
    total, (own,) = out["total"], out["conversations"]
    shares = [share for *_, share in QUESTIONS if share is not None]
    assert total["questions"] == len(shares) == 8
    assert total["evidence_hit"] == round(sum(share > 0 for share in shares) / 8, 4)
    assert total["evidence_share"] == round(sum(shares) / 8, 4)
    assert total["window_only_hit"] < total["evidence_hit"]
    assert (total["turns"], total["refused"]) == (58, 1)
    assert (total["lost"], total["blocks_over_limit"], total["contexts_over_limit"]) == (0, 0, 0)
    assert LIMIT // 2 < total["max_context_tokens"] <= LIMIT
    assert (total["context_window"], own["name"]) == (WINDOW, "own")
    assert total["searches_per_question"] >= 1
    assert own["by_category"]["single-hop"] == {**own["by_category"]["single-hop"], "questions": 4}
    for key in ("turns", "steps", "evictions", "evidence_hit", "lost", "max_context_tokens"):
        assert own[key] == total[key]
    assert "evidence in context" in done.stdout and "total" in done.stdout


def test_playing_is_what_sending_the_turns_is(data: Path, home: memgpt.Home) -> None:
    start = [dt.datetime(2023, 5, 8, 13, 56), dt.datetime(2023, 6, 9, 0, 5),
             dt.datetime(2023, 6, 10, 0, 5) + 11 * dt.timedelta(seconds=30),
             dt.datetime(2023, 8, 1, 10), dt.datetime(2023, 9, 1, 8)]  # fmt: skip
    agent = home.create_agent("sam", context_window=WINDOW)
    responses = []
    conversation = own_conversation()["conversation"]
    for session in range(5):
        for place, turn in enumerate(conversation[f"session_{session + 1}"]):
            if turn["text"].strip() and turn["text"] != HUGE:
                time = start[session] + place * dt.timedelta(seconds=30)
                responses.append(agent.send(turn["text"], name=turn["speaker"] or "", time=time))
    total = result(run(data))["total"]
    assert total["turns"] == len(responses)
    assert total["steps"] == sum(response.steps for response in responses)
    assert total["evictions"] == sum(response.evicted > 0 for response in responses) >= 5
    assert total["recall_messages"] == len(agent.recall)
    calls = [step for step in agent.steps() if step.digest]
    sent = sum(step.context_tokens for step in calls)
    kept = sum(max(0, step.prefix_tokens) for step in calls)
    assert total["prefix_share"] == round(kept / sent, 4)
    # Counts that change at every step leave no more than what stands before them.
    before_counts = sum(
        span.tokens for span in agent.context().spans if span.kind in ("system", "tool_schema")
    )
    assert before_counts * len(calls) / sent * 0.9 < total["prefix_share_volatile"]
    assert total["prefix_share_volatile"] < total["prefix_share"] - 0.1
    lost = total["prefix_lost"]
    assert {"appended", "external_memory", "first call"} <= lost.keys()
    assert abs(sum(lost.values()) - (1 - total["prefix_share"])) < 0.001


def test_what_is_wrong_with_the_data_is_told(data: Path) -> None:
    done = run(data)
    assert done.returncode == 0, done.stderr
    (own,) = result(done)["conversations"]
    assert [(r["qa"], r["evidence"], r["used"]) for r in own["repaired_evidence"]] == [
        (1, "D2:05", ["D2:5"]), (2, "D1:6; D3:2", ["D1:6", "D3:2"]), (3, "D:2:8", ["D2:8"]),
    ]  # fmt: skip
    unusable = {(u["qa"], u["evidence"]): u["why"] for u in own["unusable_evidence"]}
    assert set(unusable) == {(5, "D"), (8, "D9:9"), (9, "D2:3"), (10, None), (11, "17")}
    assert "D9:9" in unusable[8, "D9:9"]
    problems = "\n".join(own["problems"])
    for told in (
        "session_3: no date that can be read ('some day in June'); taken as 2023-06-10",
        "session_2[2]: turn 'D2:3' has no text",
        "session_3[1]: 'Ines' is neither speaker_a nor speaker_b",
        "session_3[3]: turn 'D3:4' has no speaker",
        "turn 'D4:2': MessageTooLarge",
        "qa[13]: category [1]",
        "qa[14]: no question",
    ):
        assert told in problems
        assert told in done.stdout
    for told in ("'D2:05' read as D2:5", "'D9:9' not used"):
        assert told in done.stdout


def test_too_little_evidence_fails(data: Path) -> None:
    done = run(data, "--min-evidence", "1.1", "--context-window", "8192")
    assert done.returncode == 1
    assert "evidence_hit" in done.stderr
    assert result(done)["total"]["context_window"] == 8192


def test_too_small_a_prefix_fails(data: Path) -> None:
    done = run(data, "--min-prefix", "0.99")
    assert done.returncode == 1
    assert "prefix_share is 0." in done.stderr and "0.99" in done.stderr
    assert run(data, "--min-prefix", "0.5").returncode == 0


@pytest.mark.no_replay
def test_a_lost_message_fails(data: Path, tmp_path: Path) -> None:
    """As if the file had lost one of its rows between two processes."""
    (conversation,) = locomo.read_conversations(data)
    conversation.questions = conversation.questions[:1]
    setting = sessions.Setting("offline", WINDOW)
    db = tmp_path / "own.db"
    played = sessions.play(conversation, db, setting, lambda done, of: None)
    whole = sessions.ask(conversation, played.accepted, db, setting, lambda done, of: None)
    assert whole.lost == []
    calls = whole.replayed
    assert calls == played.steps and whole.diverged == whole.asked[0].diverged == ""
    assert whole.asked[0].replayed > calls
    with sqlite3.connect(db) as file:
        changed = file.execute("UPDATE message SET text = 'gone' WHERE text = ?", (JELLY,))
        assert changed.rowcount == 1
    file.close()
    answers = sessions.ask(conversation, played.accepted, db, setting, lambda done, of: None)
    assert answers.lost == ["'D2:5'"]
    total = report.figures([(conversation, played, answers)], setting)
    assert total["lost"] == 1
    assert answers.diverged.startswith("commit ")
    assert total["divergences"] == 2, "the conversation's, and that of the question's fork"
    assert report.failures(total, None) == [
        "1 message lost",
        "2 replays with a divergence",
    ]


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"# not JSON\n",
        b"\xff\xfe\x00",
        b"{}",
        b"[]",
        b"[1]",
        b'[{"qa": []}]',
        b'[{"conversation": {"session_1": [{"speaker": "a", "text": ""}]}}]',
        b"[" * 100_000,
        b"[" + b"9" * 10_000 + b"]",
    ],
)
def test_a_file_that_is_no_transcript(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "data.json"
    if content is not None:
        path.write_bytes(content)
    done = run(path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and str(path) in done.stderr
    assert "sys." not in done.stderr and "recursion" not in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--model", "nobody/none"), "nobody/none"),
        (("--context-window", "300"), "WindowTooSmall"),
        (("--context-window", "-1"), "--context-window: not a whole number from 1: '-1'"),
        (("--min-evidence", "nan"), "--min-evidence: not a number: 'nan'"),
        (("--min-evidence", "inf"), "--min-evidence: not a number: 'inf'"),
        (("--conversations", "0"), "--conversations: not a whole number from 1: '0'"),
        (("--model", "openai/none"), "OPENAI_API_KEY"),
    ],
)
def test_options_that_cannot_be_used(
    data: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, str], told: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = run(data, *options)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert "Warning" not in done.stderr


def test_odd_shapes_are_told_and_the_rest_is_played(tmp_path: Path) -> None:
    item = own_conversation()
    odd = item["conversation"]
    del odd["session_1_date_time"]
    odd["session_2"] = "nothing"
    odd["session_x"] = odd["session_1234567890"] = []
    odd["session_5"][:4] = [None, {"text": 5}, {"speaker": "Joris", "text": "No id.", "dia_id": 7},
                            {"speaker": "Joris", "text": "\ud800", "dia_id": "D5:12"}]  # fmt: skip
    item["qa"] = [
        "a string",
        {"category": 4},
        {"question": "Where is \ud800?", "category": 4, "evidence": "D1:3"},
        {"question": "Where does Tobias keep bees?", "category": 4, "evidence": "D1:3"},
    ]
    del item["sample_id"]
    nothing_asked = {"conversation": {"session_1": [{"speaker": "a", "text": "b", "dia_id": "c"}]}}
    done = run(write(tmp_path / "odd.json", [item, nothing_asked]))
    assert done.returncode == 0, done.stderr
    out = result(done)
    odd_one, empty_one = out["conversations"]
    assert (odd_one["name"], empty_one["name"]) == ("conversation-0", "conversation-1")
    assert (odd_one["questions"], odd_one["evidence_hit"]) == (2, 0.5)
    assert (empty_one["questions"], empty_one["evidence_hit"]) == (0, None)
    assert out["total"]["lost"] == 0
    problems = "\n".join(odd_one["problems"] + empty_one["problems"])
    for told in ("session_1: no date", "session_2: no list of turns", "session_5[0]: no turn",
                 "'session_x': no session_N", "'session_1234567890': no session_N",
                 "session_5[1]: turn", "session_5[2]: no dia_id", "session_5[11]: a second turn",
                 "turn 'D5:12': InvalidInput", "qa[0]: no question", "qa[1]: no question",
                 "qa[2] could not be asked", "no list `qa`",
                 "no questions that can be asked"):  # fmt: skip
        assert told in problems, problems


def test_a_conversation_without_turns_is_told_and_the_rest_is_played(tmp_path: Path) -> None:
    item = own_conversation()
    silent = {"sample_id": "own", "conversation": {"session_1": [{"text": ""}]}, "qa": []}
    path = tmp_path / "data.json"
    path.write_text("\ufeff" + json.dumps([silent, item, 1, {}, item]))
    done = run(path)
    assert done.returncode == 0, done.stderr
    out = result(done)
    names = ["own", "own #2", "conversation-2", "conversation-3", "own #3"]
    assert [c["name"] for c in out["conversations"]] == names
    assert [c["turns"] for c in out["conversations"]] == [0, 58, 0, 0, 58]
    assert "nothing is played" in "".join(out["conversations"][0]["problems"])
    assert "no object `conversation`" in "".join(out["conversations"][2]["problems"])


def test_what_has_no_answer_is_told(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that searches on and on while it is played to, and when it is asked."""
    (conversation,) = locomo.read_conversations(data)
    del conversation.turns[3:], conversation.questions[1:]
    search = {"tool": "conversation_search", "args": {"query": "bees"}, "heartbeat": True}
    model = ScriptedLLM(lambda context: search)
    create, agent = memgpt.Home.create_agent, memgpt.Home.agent
    monkeypatch.setattr("memgpt.llm.provider", lambda handle: model)
    monkeypatch.setattr(
        memgpt.Home, "create_agent", lambda *a, **k: create(*a, **{**k, "model": model})
    )
    setting = sessions.Setting("scripted", WINDOW)
    db = tmp_path / "own.db"
    played = sessions.play(conversation, db, setting, lambda done, of: None)
    monkeypatch.setattr(memgpt.Home, "agent", lambda *a, **k: agent(*a, **{"model": model, **k}))
    answers = sessions.ask(conversation, played.accepted, db, setting, lambda done, of: None)
    total = report.figures([(conversation, played, answers)], setting)
    assert (total["unfinished_turns"], total["turns"]) == (3, 3)
    assert (total["unanswered"], total["questions"], total["evidence_hit"]) == (1, 1, 0)
    told = "\n".join(report.lines([(conversation, played, answers)], setting))
    assert "3 turns ended otherwise than with end_turn (max_steps 3)" in told
    assert "1 question ended without send_message (max_steps 1)" in told


def test_turns_of_one_second(home: memgpt.Home) -> None:
    time = dt.datetime(2023, 5, 8, tzinfo=dt.timezone.utc)
    texts = [chr(0x1F600 + number) for number in range(15)] + [f"Hello, {n}!" for n in range(15)]
    texts += [f"{word} again" for word in ("and", "or", "but")] + ["again"] * 15
    turns = [Turn(f"D{n}:1", "Marta", text, time) for n, text in enumerate(texts)]
    agent = home.create_agent("sam", context_window=WINDOW)
    for turn in turns:
        agent.send(turn.text, name=turn.speaker, time=turn.time)
    assert sessions.find_lost(agent, turns) == []
    assert sessions.find_lost(agent, [*turns, turns[0]]) == ["'D0:1'"]


@pytest.mark.parametrize(("device", "told"), [("/dev/full", "No space"), ("pipe", "")])
def test_output_that_cannot_be_written(data: Path, device: str, told: str) -> None:
    command = [sys.executable, str(PROGRAM), str(data), "--conversations", "1"]
    if device == "pipe":
        ours, theirs = os.pipe()
        os.close(ours)
    else:
        theirs = os.open(device, os.O_WRONLY)
    with os.fdopen(theirs, "w") as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == (2 if told else -signal.SIGPIPE)
    amiss = [line for line in done.stderr.splitlines() if not line.startswith("own: ")]
    assert len(amiss) == bool(told) and told in "".join(amiss)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_a_signal_ends_it(
    tmp_path: Path, stop: signal.Signals, send: Callable[[int, int], None]
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    data = write(tmp_path / "long.json", [own_conversation()] * 30)
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
        start_new_session=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert "played" in first
    send(process.pid, stop)  # to all of its processes, as a terminal does, or to it alone
    # Ends when nobody holds the pipes any more: no child is left behind.
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + stop
    assert out == ""
    assert err.splitlines()[-1] == "perpetual_chat: interrupted"
    assert "Traceback" not in err
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not LOCOMO.exists(), reason="no LoCoMo data here: our own stands in")
def test_locomo_conversation() -> None:
    done = run(LOCOMO, "--conversations", "1", "--min-evidence", "0.5")
    assert done.returncode == 0, done.stderr
    total = result(done)["total"]
    assert (total["turns"], total["questions"], total["lost"]) == (419, 150, 0)
