"""What a chat looks like: colours where there is a terminal, the same text where there is none."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from memgpt import Agent, Context, Message, Moved, Step, ToolCall
from memgpt._report import Report
from memgpt._window import FREE, by_kind, cells, kind_of, shortened

__all__ = [
    "Screen",
    "dump_line",
    "edit_lines",
    "eviction_line",
    "gauge",
    "history_lines",
    "memory_view",
    "moved_lines",
    "report_view",
    "shortened",
    "turn_lines",
    "window_view",
]

BAR = 60
# Where a memory tool keeps the block's label, the old text and the new one.
_LABELS = ("name", "label")
_OLD = ("old_content", "old_string")
_NEW = ("content", "new_content", "new_string", "new_memory")


class Screen(Console):
    """A console that shows text as it is: nothing in it is markup."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, soft_wrap=True, **options)

    def on_broken_pipe(self) -> None:
        """Let the caller end quietly; rich would exit with code 1."""
        raise BrokenPipeError


def _arguments(call: ToolCall) -> dict[str, Any]:
    """A call's arguments; a model may have written anything."""
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def _one_of(arguments: dict[str, Any], names: Sequence[str]) -> str:
    return next((str(arguments[name]) for name in names if arguments.get(name)), "")


def edit_lines(call: ToolCall) -> Iterator[Text]:
    """What a memory edit takes away and what it puts there."""
    arguments = _arguments(call)
    for sign, style, text in (
        ("-", "red", _one_of(arguments, _OLD)),
        ("+", "green", _one_of(arguments, _NEW)),
    ):
        for line in text.splitlines():
            yield Text(f"      {sign} {line}", style)


def _call_lines(call: ToolCall, result: Message | None) -> Iterator[Text]:
    arguments = _arguments(call)
    failed = result is None or result.failed
    if call.name == "send_message" and not failed:
        for line in str(arguments.get("message", "")).splitlines() or [""]:
            yield Text(f"🤖 {line}", "yellow")
        return
    answer = shortened(result.text if result is not None else "no result", 100)
    label = _one_of(arguments, _LABELS)
    if not failed and label and (_one_of(arguments, _NEW) or _one_of(arguments, _OLD)):
        yield Text(f"⚡🧠 updating memory with {call.name}: {label}", "magenta")
        yield from edit_lines(call)
        return
    hidden = {"thinking", "request_heartbeat", "page"}
    shown = ", ".join(
        shortened(str(value), 60) for name, value in arguments.items() if name not in hidden
    )
    light = "🔴" if failed else "🟢"
    yield Text(f"⚡{light} {call.name}({shown})", "red" if failed else "cyan").append(
        f" → {answer}", "red" if failed else "dim"
    )


def turn_lines(messages: Sequence[Message]) -> Iterator[Text]:
    """A turn as it is shown in a chat: thoughts, tool calls, memory edits, what was said."""
    results = {m.tool_call_id: m for m in messages if m.role == "tool"}
    for message in messages:
        if message.role == "system":
            yield Text(f"🖥️ [{message.type}] {shortened(message.text, 110)}", "dim")
        if message.thinking:
            yield Text(f"💭 {shortened(message.thinking, 400)}", "dim italic")
        if message.content and message.role == "assistant":
            yield Text(f"   (outside of a call) {shortened(message.content, 400)}", "dim")
        for call in message.tool_calls:
            if thought := _arguments(call).get("thinking"):
                yield Text(f"💭 {shortened(str(thought), 400)}", "dim italic")
            yield from _call_lines(call, results.get(call.id))


def eviction_line(evicted: int) -> Text:
    """What is said when messages have left the window."""
    return Text(
        f"── the window was full: {evicted} messages went into the summary; nothing is lost ──",
        "bold yellow",
    )


def dump_line(message: Message) -> Text:
    """One message of the window on one line."""
    icon = {"user": "🧑", "assistant": "🤖", "tool": "⚡", "system": "🖥️"}.get(message.role, "?")
    line = Text(f"{message.position:>5}  {message.time:%Y-%m-%d %H:%M}  ", "dim")
    line.append(f"{icon} {message.name + ': ' if message.name else ''}", "bold")
    calls = "; ".join(
        f"{call.name}({shortened(call.arguments, 160)})"
        for call in message.tool_calls
        if call.name != "send_message"
    )
    return line.append(" ".join((message.text or message.content or calls).splitlines()))


def _bar(context: Context, width: int) -> Text:
    bar = Text("[")
    for kind, count in cells(context, width):
        bar.append(kind_of(kind).glyph * count, kind_of(kind).style)
    return bar.append(FREE * (width + 1 - len(bar)), "dim").append("]")


def gauge(agent: Agent) -> Text:
    """The window in one line."""
    context = agent.context()
    line = _bar(context, 40)
    share = 100 * context.tokens // max(1, context.budget.limit)
    return line.append(
        f" {share} % of the window · {len(agent.window)} messages in view, "
        f"{len(agent.recall):,} in recall",
        "dim",
    )


def window_view(context: Context) -> Iterator[Text]:
    """The window drawn, with tokens by kind."""
    budget = context.budget
    exact = "" if context.exact else "about "
    yield Text(
        f"{exact}{context.tokens:,} of {budget.limit:,} tokens used ({context.tokenizer}); "
        f"the window holds {budget.context_window:,}, {budget.reply_reserve:,} of them are kept "
        "for the reply"
    )
    yield _bar(context, BAR)
    for kind, tokens in by_kind(context).items():
        glyph, style, name = kind_of(kind)
        spans = sum(span.kind == kind for span in context.spans)
        line = Text(f"  {glyph * 2} ", style).append(f"{name:<24}{tokens:>7,}", "default")
        yield line.append(f"   {spans} pieces" if spans > 1 else "", "dim")
    free = max(0, budget.limit - context.tokens)
    yield Text(f"  {FREE * 2} {'free':<24}{free:>7,}", "dim")
    for span in context.spans:
        if span.cut:
            yield Text(f"  cut: {span.origin}: {span.cut}", "red")


def report_view(report: Report) -> Iterator[Text]:
    """An explanation or a budget, as ``print`` shows it."""
    head, *lines = str(report).splitlines()
    yield Text(head, "bold")
    yield from map(Text, lines)


def memory_view(agent: Agent) -> Iterator[Text]:
    """Core memory, the newest of archival memory, the summary, and the counts."""
    for block in agent.memory.values():
        size = f"{len(block.value):,} of {block.limit:,} characters"
        mark = ", read-only" if block.read_only else ""
        yield Text(f"🧠 core memory: {block.name}", "bold magenta").append(
            f"  ({size}{mark})", "dim"
        )
        yield from (Text(f"   {line}") for line in block.value.splitlines() or ["(empty)"])
    filed = len(agent.archival)
    yield Text("🗄️ archival memory", "bold cyan").append(
        f"  ({filed:,} passages{', the newest' if filed > 5 else ''})", "dim"
    )
    hits = agent.archival.search("", limit=5) if filed else []
    yield from (Text(f"   {shortened(hit.passage.text, 200)}") for hit in hits)
    if not hits:
        yield Text("   (empty)")
    yield Text("≡ summary of what left the window", "bold yellow")
    summary = agent.memory.summary.splitlines()
    yield from (Text(f"   {line}") for line in summary or ["(nothing has left it)"])
    yield Text("💬 recall memory", "bold green").append(
        f"  {len(agent.recall):,} messages, {len(agent.window):,} of them in the window", "dim"
    )


def moved_lines(moved: Moved) -> Iterator[Text]:
    """Where the agent stands now, and what could not be undone."""
    count = abs(moved.messages)
    what = f"{count:,} message{'' if count == 1 else 's'}"
    done = "undone" if moved.messages >= 0 else "back again"
    yield Text(f"{what} {done}; the agent stands at commit {moved.to_head.seq:,}")
    if moved.outside:
        tools = ", ".join(dict.fromkeys(run.tool for run in moved.outside))
        yield Text(f"what was done outside stays done: {tools}", "yellow")
    if moved.shared:
        yield Text(f"shared blocks stay as they are: {', '.join(moved.shared)}", "yellow")
    if moved.archives:
        yield Text(f"shared archives keep what was filed: {', '.join(moved.archives)}", "yellow")


def _what(agent: Agent, step: Step) -> str:
    """What happened in a step, in a few words."""
    if step.kind == "input":
        return agent.at(step.seq).window[-1].text
    try:
        reply = json.loads(step.reply) if step.reply else {}
        call = reply.get("decoded", reply)["tool_calls"][0]
        arguments = json.loads(call["arguments"])
        if call["name"] == "send_message":
            return str(arguments.get("message", ""))
        return f"{call['name']}({', '.join(str(value) for value in arguments.values())})"
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):  # a model wrote it
        return ""


def history_lines(agent: Agent, count: int) -> Iterator[Text]:
    """The newest steps, oldest first, with the tags that point at them."""
    steps = agent.steps()
    if len(steps) > count:
        yield Text(f"… {len(steps) - count:,} more steps before", "dim")
    steps = steps[-count:]
    tags = [tag for tag in agent.tags() if steps and steps[0].seq <= tag.head.seq <= steps[-1].seq]
    names: dict[int, list[str]] = {}
    for tag in tags:
        if agent.at(tag.head.seq).head == tag.head:  # not of another line
            names.setdefault(tag.head.seq, []).append(tag.name)
    for step in steps:
        time = dt.datetime.fromtimestamp(step.time_us / 1e6, dt.timezone.utc)
        line = Text(f"{step.seq:>7,}  {time:%Y-%m-%d %H:%M}  {step.kind:<9}", "dim")
        line.append(" ".join(shortened(_what(agent, step), 90).split()), "default")
        if step.seq in names:
            line.append(f"  [{', '.join(names[step.seq])}]", "yellow")
        yield line
