"""What replay found, as text and as HTML."""

from __future__ import annotations

from memgpt._core import Divergence, Replay
from memgpt._views.html import counted, details, div, prose, span, view

_DIFF = 20_000


def _summary(replay: Replay) -> str:
    compared = f"{counted(replay.steps, 'context')} of {counted(replay.commits, 'commit')}"
    return f"{compared} made again from the journal"


def divergence_text(divergence: Divergence) -> str:
    """Where it is, and what was recorded and what there is."""
    where = f"commit {divergence.seq} ({divergence.kind}): {divergence.what} diverges"
    return f"{where}\n{divergence.diff}"


def replay_text(replay: Replay) -> str:
    """A replay's repr: one line, and the divergence if there is one."""
    first = replay.first_divergence
    lines = [f"<Replay: {_summary(replay)}, {'first divergence:' if first else 'no divergence'}>"]
    if first is not None:
        lines.append(divergence_text(first))
    lines += [f"not compared: {line}" for line in replay.unchecked]
    return "\n".join(lines)


def replay_html(replay: Replay) -> str:
    """A replay as a card."""
    first = replay.first_divergence
    verdict = span("bad", "diverges") if first else span("good", "no divergence")
    parts = [div("head", span("title", "Replay"), verdict), div("mute", _summary(replay))]
    if first is not None:
        where = f"commit {first.seq} ({first.kind}): {first.what}"
        parts.append(div("part", div("name", where), prose(first.diff, _DIFF, "box")))
    if replay.unchecked:
        parts.append(details("not compared", *[div("mute", line) for line in replay.unchecked]))
    return view("replay", *parts)
