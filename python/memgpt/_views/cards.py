"""Agents and their memory as HTML cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memgpt._core import Block
from memgpt._views.binding import binding_line
from memgpt._views.html import Html, counted, cut, details, div, element, join, prose, span, view
from memgpt._views.spans import percent, window_bar, window_head
from memgpt._views.turns import last_messages, message_item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memgpt._archives import Archive
    from memgpt.agent import Agent

_BLOCKS = 20
_BLOCK_TEXT = 3_000
_SUMMARY_TEXT = 6_000
_ENTRIES = 30


def _block(block: Block) -> Html:
    used = len(block.value)
    size = f"{used:,} of {block.limit:,} characters"
    facts = f"{size} ({percent(used, block.limit)}){', read-only' if block.read_only else ''}"
    width = min(100.0, 100 * used / max(1, block.limit))
    fill = span("kind-memory_block", style=f"width:{width:.2f}%")
    bar = div(
        "bar thin",
        fill if used else "",
        role="img",
        aria_label=f"{block.label}: {size}",
        title=size,
    )
    text = prose(block.value, _BLOCK_TEXT, "box") if block.value else div("mute", "(empty)")
    description = prose(block.description, 300, "mute") if block.description else ""
    label = span("name", element("bdi", block.label))
    return div("part", div("row", label, span("mute", facts)), bar, description, text)


def _blocks(blocks: Sequence[Block]) -> Html:
    left = len(blocks) - _BLOCKS
    more = div("cut", f"… {left:,} more blocks; see agent.memory") if left > 0 else ""
    return join([*map(_block, blocks[:_BLOCKS]), more])


def block_html(block: Block) -> str:
    """One memory block."""
    return view("memory block", _block(block))


def memory_html(blocks: Sequence[Block]) -> str:
    """An agent's core memory."""
    count = span("mute", counted(len(blocks), "block"))
    head = div("head", span("title", "Core memory"), count)
    return view("core memory", head, _blocks(blocks))


def _unbound(agent: Agent) -> Html:
    entries = agent.unbound
    if not entries:
        return Html()
    shown = [div("code", cut(entry, 300), dir="auto") for entry in entries[:_ENTRIES]]
    left = len(entries) - _ENTRIES
    line = binding_line(agent.name, entries)
    own = ", with your own in place of ..." if "..." in line else ""
    return div(
        "note",
        div("name", f"Unbound: the file knows these by name only. To bind them, type{own}"),
        div("box code", line),
        details("what is missing", *shown, div("cut", f"… {left} more" if left > 0 else "")),
    )


def _archives(agent: Agent) -> Html:
    attached = agent.archival.attached
    if not attached:
        return Html()
    names = ", ".join(map(str, attached[:_ENTRIES]))
    return div("mute", cut(f"Shared archives: {names}", _SUMMARY_TEXT), dir="auto")


def _window(agent: Agent) -> Html:
    context = agent.context()
    return div(
        "part",
        div("name", "The window"),
        div("mute", window_head(context)),
        window_bar(context),
    )


def _last_messages(agent: Agent) -> Html:
    window = agent.window
    last = last_messages(window)
    if not last:
        return div("part", div("name", "Messages"), div("mute", "none yet"))
    count = f"{len(last)} of {len(window):,} in the window"
    head = div("row", span("name", "The last messages"), span("mute", count))
    return div("part", head, *map(message_item, last))


def _summary(agent: Agent) -> Html:
    text = agent.memory.summary
    if not text:
        return Html()
    head = f"Summary of what has left the window ({len(text):,} characters)"
    return div("part", details(head, prose(text, _SUMMARY_TEXT, "box")))


def agent_html(agent: Agent) -> str:
    """An agent's card."""
    counts = (
        f"{counted(len(agent.recall), 'message')} in recall · "
        f"{counted(len(agent.archival), 'passage')} in archival memory · "
        f"{counted(len(agent.tools), 'tool')}"
    )
    return view(
        f"agent {agent.name}",
        div(
            "head",
            span("title", element("bdi", cut(agent.name, 80)), title=agent.id),
            span(
                "mute", "model ", element("bdi", cut(str(agent.config["model"]), 80)), " · ", counts
            ),
        ),
        _unbound(agent),
        _archives(agent),
        _blocks(agent._core.blocks()),
        _window(agent),
        _summary(agent),
        _last_messages(agent),
    )


def archive_html(archive: Archive) -> str:
    """The card of an archive that agents share."""
    name = archive.name
    agents = [f"{one.agent} (reads only)" if one.read_only else one.agent for one in archive.agents]
    left = len(agents) - _ENTRIES
    more = f" and {left:,} more" if left > 0 else ""
    facts = f"{counted(len(archive), 'passage')} · {counted(len(agents), 'agent')}"
    return view(
        f"archive {name}",
        div(
            "head",
            span("title", element("bdi", cut(name, 80)), title=archive.id),
            span("mute", facts),
        ),
        prose(archive.description, _SUMMARY_TEXT) if archive.description else "",
        div("mute", cut(", ".join(agents[:_ENTRIES]), _SUMMARY_TEXT) + more, dir="auto")
        if agents
        else "",
    )
