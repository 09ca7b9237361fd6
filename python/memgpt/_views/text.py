"""The same views as plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from memgpt._core import ArchivalHit, Context, Message, RecallHit, ToolCall
from memgpt._views.binding import binding_line
from memgpt._views.html import counted
from memgpt._views.turns import as_text, call_arguments, call_line, last_messages, tokens_line
from memgpt._window import FREE, by_kind, cells, kind_of, shortened

if TYPE_CHECKING:
    from memgpt.agent import Agent, Response
    from memgpt.home import Home

_WIDTH = 48
_LINE = 160
_AGENTS = 20


def columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Rows of cells as lines, the cells of a column below each other; those of the columns in
    ``right`` end there."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = (
        [
            cell.rjust(w) if i in right else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    )
    return ["  ".join(row).rstrip() for row in cells]


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines() or ["(empty)"])


def _block_lines(agent: Agent) -> Iterator[str]:
    for block in agent._core.blocks():
        used = min(_WIDTH, round(_WIDTH * len(block.value) / max(1, block.limit)))
        mark = ", read-only" if block.read_only else ""
        yield f"\n{block.label}: {len(block.value):,} of {block.limit:,} characters{mark}"
        yield f"[{'█' * used}{FREE * (_WIDTH - used)}]"
        yield _indented(block.value)


def bar_line(context: Context) -> str:
    """The window's bar by kind."""
    bar = "".join(kind_of(kind).glyph * count for kind, count in cells(context, _WIDTH))
    return f"[{bar}{FREE * (_WIDTH - len(bar))}]"


def _window_lines(agent: Agent) -> Iterator[str]:
    context = agent.context()
    about = "" if context.exact else "about "
    yield f"\nwindow: {about}{context.tokens:,} of {context.budget.limit:,} tokens"
    yield bar_line(context)
    for kind, tokens in by_kind(context).items():
        yield f"  {kind_of(kind).glyph} {kind_of(kind).name:<24}{tokens:>7,}"
    yield f"  {FREE} {'free':<24}{max(0, context.budget.limit - context.tokens):>7,}"


def _message_line(message: Message) -> str:
    calls = "; ".join(call_line(call, 80) for call in message.tool_calls)
    who = f"{message.role} {message.name}" if message.name else message.role
    failed = "failed: " if message.failed else ""
    text = shortened(message.text or message.content or calls, _LINE)
    return f"  {message.position} {message.time:%Y-%m-%d %H:%M} {who}: {failed}{text}"


def message_text(message: Message) -> str:
    """A message's repr: what it says, or the calls that it makes."""
    calls = "; ".join(call_line(call, 60) for call in message.tool_calls)
    text = shortened(message.text or calls or message.content, 60)
    return f"<Message {message.position} {message.role}: {text}>"


def home_text(home: Home) -> str:
    """A home's repr: where it is, and whom it holds."""
    names = home.agents()
    more = f", and {len(names) - _AGENTS:,} more" if len(names) > _AGENTS else ""
    agents = ", ".join(map(repr, names[:_AGENTS])) or "no agents"
    return f"<Home {home.path!r}: {agents}{more}>"


def agent_text(agent: Agent) -> str:
    """An agent's card."""
    lines = [
        f"agent {agent.name!r}, model {agent.config['model']}, "
        f"{counted(len(agent.recall), 'message')} in recall, "
        f"{counted(len(agent.archival), 'passage')} in archival memory"
    ]
    if agent.unbound:
        lines.append(f"unbound: {', '.join(agent.unbound)}")
        lines.append(f"to bind them, type: {binding_line(agent.name, agent.unbound)}")
    if attached := agent.archival.attached:
        lines.append(f"shared archives: {', '.join(map(str, attached))}")
    lines += _block_lines(agent)
    lines += _window_lines(agent)
    if summary := agent.memory.summary:
        wrapped = textwrap.fill(shortened(summary, 600), 96)
        lines.append(f"\nsummary of what has left the window\n{_indented(wrapped)}")
    last = last_messages(agent.window)
    lines.append(f"\nlast messages ({len(last)} of {len(agent.window):,} in the window)")
    return "\n".join([*lines, *map(_message_line, last)])


def _call_lines(call: ToolCall, result: Message | None) -> Iterator[str]:
    arguments = call_arguments(call)
    failed = result is None or result.failed
    if arguments and (thought := arguments.get("thinking")):
        yield f"  thought: {shortened(as_text(thought), _LINE)}"
    if call.name == "send_message" and arguments and "message" in arguments and not failed:
        said = as_text(arguments["message"])
        yield "  said: " + said.replace("\n", "\n        ")
        return
    yield f"  call: {call_line(call, _LINE)}"
    text = "no result" if result is None else shortened(result.text, _LINE)
    yield f"  {'failed' if failed else 'result'}: {text}"


def response_text(response: Response) -> str:
    """A turn: thoughts, calls, results, the reply."""
    lines = [
        f"<Response {response.stop_reason}, {counted(response.steps, 'step')}, "
        f"{tokens_line(response.usage)}, "
        f"{counted(response.evicted, 'message')} evicted>"
    ]
    results = {m.tool_call_id: m for m in response.messages if m.role == "tool"}
    for message in response.messages:
        if message.role in ("system", "user"):
            lines.append(f"  {message.type}: {shortened(message.text, _LINE)}")
        if message.thinking:
            lines.append(f"  thought: {shortened(message.thinking, _LINE)}")
        if message.content and message.role == "assistant":
            lines.append(f"  outside of a call: {shortened(message.content, _LINE)}")
        for call in message.tool_calls:
            lines += _call_lines(call, results.get(call.id))
    return "\n".join(lines)


def _marked(hit: RecallHit | ArchivalHit) -> str:
    text = hit.snippet
    for begin, end in reversed(hit.marks):
        text = f"{text[:begin]}**{text[begin:end]}**{text[end:]}"
    return text


def hits_text(hits: Sequence[RecallHit | ArchivalHit], query: str = "") -> str:
    """What a search found, two lines a hit. The newest, without a query, have no score."""
    lines = []
    for hit in hits:
        score = f"{hit.score:.3f}  " if query else ""
        if isinstance(hit, ArchivalHit):
            tags = "".join(f" #{tag}" for tag in hit.passage.tags)
            filed = f"  {hit.archive}, by {hit.passage.author}" if hit.archive else ""
            lines.append(f"{score}{hit.passage.id}{tags}{filed}")
        else:
            message = hit.message
            who = f"{message.role} {message.name}" if message.name else message.role
            when = f"{message.time:%Y-%m-%d %H:%M}"
            lines.append(f"{score}{message.position}  {when}  {who}")
        lines.append(f"  {shortened(_marked(hit), 240)}")
    return "\n".join(lines) if lines else "(no hits)"
