"""What a run came to: figures by conversation and in total, the tables, what is amiss."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from memgpt.lab.conversations import Conversation
from memgpt.lab.locomo import CATEGORIES, counted

from perpetual.prefix import Sent
from perpetual.sessions import Answers, Asked, Played, Setting

Run = tuple[Conversation, Played, Answers]

_COLUMNS = (
    ("turns", "turns"),
    ("steps", "steps"),
    ("tokens_per_turn", "tokens/turn"),
    ("evictions", "evictions"),
    ("evicted_messages", "evicted"),
    ("max_context_tokens", "max context"),
    ("prefix_share", "prefix"),
    ("prefix_share_volatile", "volatile"),
    ("recall_messages", "in recall"),
    ("lost", "lost"),
    ("blocks_over_limit", "blocks over"),
    ("replayed", "replayed"),
    ("divergences", "diverged"),
    ("questions", "questions"),
    ("searches_per_question", "searches/q"),
    ("ms_per_step_p50", "ms/step p50"),
    ("ms_per_step_p95", "p95"),
)
_MEMORIES = (("evidence", "agent"), ("window_only", "window_only"), ("search_only", "search_only"))


def figures(runs: Sequence[Run], setting: Setting) -> dict[str, Any]:
    """The figures of one conversation, or of several together."""
    played = [run[1] for run in runs]
    asked = [one for run in runs for one in run[2].asked]
    turns = sum(len(p.accepted) for p in played)
    step_ms = sorted(ms for p in played for ms in p.step_ms)
    contexts = [p.max_context_tokens for p in played] + [a.max_context_tokens for a in asked]
    return {
        "turns": turns,
        "refused": sum(len(p.refused) for p in played),
        "unfinished_turns": sum(p.unfinished.total() for p in played),
        "steps": sum(p.steps for p in played),
        "tokens_per_turn": _mean([sum(p.prompt_tokens for p in played)], turns, 1),
        "evictions": sum(p.evictions for p in played),
        "evicted_messages": sum(p.evicted_messages for p in played),
        "max_context_tokens": max(contexts),
        **prefix_shares(sum((p.sent for p in played), Sent())),
        "context_window": setting.context_window,
        "contexts_over_limit": sum(p.contexts_over_limit for p in played)
        + sum(a.contexts_over_limit for a in asked),
        "recall_messages": sum(p.recall_messages for p in played),
        "lost": sum(len(run[2].lost) for run in runs),
        "blocks_over_limit": sum(run[2].blocks_over_limit for run in runs)
        + sum(a.blocks_over_limit for a in asked),
        "replayed": sum(run[2].replayed for run in runs) + sum(a.replayed for a in asked),
        "divergences": sum(run[2].diverged != "" for run in runs)
        + sum(a.diverged != "" for a in asked),
        "ms_per_step_p50": round(statistics.median(step_ms), 3) if step_ms else None,
        "ms_per_step_p95": round(step_ms[len(step_ms) * 95 // 100], 3) if step_ms else None,
        "questions": len(asked),
        "unanswered": sum(a.unanswered != "" for a in asked),
        "searches_per_question": _mean((a.searches for a in asked), len(asked), 2),
        **evidence(asked),
        "repaired_evidence": sum(len(run[0].repaired) for run in runs),
        "unusable_evidence": sum(len(run[0].unusable) for run in runs),
    }


def prefix_shares(sent: Sent) -> dict[str, Any]:
    """Which share of the tokens sent stood in the request before, and what kept the others out."""
    return {
        "prefix_share": _mean([sent.prefix], sent.tokens, 4),
        "prefix_share_volatile": _mean([sent.volatile], sent.tokens, 4),
        "prefix_lost": {why: _mean([n], sent.tokens, 4) for why, n in sent.lost.most_common()},
    }


def evidence(asked: Sequence[Asked]) -> dict[str, float | None]:
    """Hits and mean shares of the agent and of the two simpler memories."""
    found: dict[str, float | None] = {}
    shares = {
        "evidence": [a.agent for a in asked],
        "window_only": [a.window_only for a in asked],
        "search_only": [a.search_only for a in asked],
    }
    for memory, values in shares.items():
        found[f"{memory}_hit"] = _mean((value > 0 for value in values), len(asked), 4)
        found[f"{memory}_share"] = _mean(values, len(asked), 4)
    return found


def of_conversation(run: Run, setting: Setting) -> dict[str, Any]:
    """The figures of one conversation, with what was repaired, left out or amiss."""
    conversation, _, answers = run
    return {
        "name": conversation.name,
        **figures([run], setting),
        "by_category": {
            CATEGORIES[category]: {"questions": len(asked), **evidence(asked)}
            for category, asked in _by_category(answers.asked)
        },
        "lost_turns": answers.lost,
        "repaired_evidence": conversation.repaired,
        "unusable_evidence": conversation.unusable,
        "problems": problems(run),
    }


def problems(run: Run) -> list[str]:
    """What was not as it should be in the data, and what the agent did not take."""
    conversation, played, answers = run
    asked = [one.problem for one in answers.asked if one.problem]
    replays = [answers.diverged, *(one.diverged for one in answers.asked)]
    diverged = [f"replay: {found}" for found in replays if found]
    return conversation.problems + played.refused + asked + diverged + _without_end([run])


def _without_end(runs: Sequence[Run]) -> list[str]:
    """How many turns did not come to their end, how many questions to an answer, and why not."""
    turns, questions = Counter[str](), Counter[str]()
    for _, played, answers in runs:
        turns += played.unfinished
        questions.update(asked.unanswered for asked in answers.asked if asked.unanswered)
    return [
        f"{counted(why.total(), what)} ({', '.join(f'{key} {why[key]}' for key in sorted(why))})"
        for why, what in (
            (turns, "turn# ended otherwise than with end_turn"),
            (questions, "question# ended without send_message"),
        )
        if why
    ]


def failures(
    total: dict[str, Any], least: float | None, least_prefix: float | None = None
) -> list[str]:
    """Why the run has failed, one line each; empty where all is well."""
    failed = [
        counted(total[key], what)
        for key, what in (
            ("lost", "message# lost"),
            ("blocks_over_limit", "block# over the limit"),
            ("contexts_over_limit", "context# over the window less the reply reserve"),
            ("divergences", "replay# with a divergence"),
        )
        if total[key]
    ]
    for key, bound, missing in (
        ("evidence_hit", least, "question"),
        ("prefix_share", least_prefix, "step"),
    ):
        value = total[key]
        if bound is not None and (value is None or value < bound):
            shown = f"not known, for there is no {missing}" if value is None else f"{value:.4f}"
            failed.append(f"{key} is {shown}; at least {bound} was asked for")
    return failed


def lines(runs: Sequence[Run], setting: Setting) -> list[str]:
    """The tables, and what there is to say of the data."""
    out = [f"model {setting.model}, window {setting.context_window} tokens", ""]
    out += _evidence_table([one for run in runs for one in run[2].asked])
    out += _without_end(runs)
    out += ["", *_conversation_table(runs, setting)]
    lost = figures(runs, setting)["prefix_lost"]
    out += [
        "not in the prefix, by what ended it: " + ", ".join(f"{w} {x:.4f}" for w, x in lost.items())
    ]
    for run in runs:
        conversation, _, answers = run
        notes = problems(run) + [f"turn {turn} is lost" for turn in answers.lost]
        for note in conversation.repaired:
            used = ", ".join(note["used"])
            notes.append(f"qa[{note['qa']}]: evidence {note['evidence']!a} read as {used}")
        for note in conversation.unusable:
            notes.append(f"qa[{note['qa']}]: evidence {note['evidence']!a} not used: {note['why']}")
        out += ["", f"{conversation.name}: {counted(len(notes), 'note#')}"] if notes else []
        out += ["  " + note for note in notes]
    return out


def _evidence_table(asked: Sequence[Asked]) -> list[str]:
    head = ["evidence in context", "questions"]
    head += [f"{name} {what}" for _, name in _MEMORIES for what in ("hit", "share")]
    rows = [head]
    groups = [(CATEGORIES[category], group) for category, group in _by_category(asked)]
    for name, group in [*groups, ("total", asked)]:
        values = evidence(group)
        cells = [values[f"{key}_{what}"] for key, _ in _MEMORIES for what in ("hit", "share")]
        rows.append(
            [name, str(len(group)), *("-" if cell is None else f"{cell:.3f}" for cell in cells)]
        )
    return _aligned(rows)


def _conversation_table(runs: Sequence[Run], setting: Setting) -> list[str]:
    rows = [["conversation", *(title for _, title in _COLUMNS)]]
    named = [(run[0].name, figures([run], setting)) for run in runs]
    for name, values in [*named, ("total", figures(runs, setting))]:
        cells = ("-" if values[key] is None else str(values[key]) for key, _ in _COLUMNS)
        rows.append([name, *cells])
    return _aligned(rows)


def _by_category(asked: Sequence[Asked]) -> list[tuple[int, list[Asked]]]:
    return [(c, group) for c in CATEGORIES if (group := [a for a in asked if a.category == c])]


def _mean(values: Iterable[float], count: int, digits: int) -> float | None:
    return round(sum(values) / count, digits) if count else None


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
