"""What every agent promises, seen from outside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from memgpt._core import Context, Message
from memgpt._response import Response
from memgpt._text import error_text
from memgpt.agent import Agent
from memgpt.testing._checks import check_context, escaped, outside_counts, shown_blocks

__all__ = ["check_agent"]

_ROLES = ("user", "assistant", "tool", "system")
Ranges = list[tuple[int, int]]


def check_agent(
    agent: Agent,
    *,
    acknowledged: Iterable[Response | Message] = (),
    replay: bool = False,
    since: int = 0,
) -> list[str]:
    """What an agent's memory breaks of what is promised for it: to be empty after every step,
    whatever tools, models and policies of yours do.

    - The log has no gaps; every call has exactly one return, directly after it. The return of a
      turn that was broken off is there with the next ``send()``.
    - Each message of a turn is in the window, or covered by the summaries, and never both.
    - Blocks are within their limits, and stand in the context as they are.
    - The context is as ``check_context`` wants it, and shows messages as the log has them, or says
      that it cuts them.
    - What ``recall``, ``window``, ``memory``, ``summaries()`` and ``context()`` say agrees.

    Not while a turn is under way: it reads more than once.

    Args:
        agent: whose memory to check.
        acknowledged: responses, or messages, that have to be in the log as they were given.
        replay: replay the whole history too, and compare each context with its digest.
        since: check the log from this position on only, so that it can be checked after each of
            many steps. What costs the history is then left out.

    Returns:
        One line a problem; empty where there is none.
    """
    return list(_problems(agent, acknowledged, replay, since))


def _problems(
    agent: Agent, acknowledged: Iterable[Response | Message], replay: bool, since: int
) -> Iterator[str]:
    try:
        log = _log(agent, since)
        window = agent.window
    except Exception as error:
        yield _first_line(error)
        return
    checks = [
        _log_problems(agent, log),
        _window_problems(agent, window),
        _summary_problems(agent, log, window),
        _block_problems(agent),
        _context_problems(agent, window),
        _acknowledged_problems(agent, acknowledged),
    ]
    if since == 0:
        checks += [_cover_problems(agent), _step_problems(agent), _search_problems(agent, log)]
    if replay:
        checks.append(_replay_problems(agent))
    for problems in checks:
        try:
            yield from problems
        except Exception as error:  # a read that raises is a problem, too
            yield _first_line(error)


def _first_line(error: Exception) -> str:
    return error_text(error).partition("\n")[0]


def _log(agent: Agent, since: int) -> list[Message]:
    """The log from the position on, or from the call whose return stands there."""
    log = agent.recall.messages(since, max(0, len(agent.recall) - since))
    while log and log[0].role == "tool" and log[0].position > 0:
        log = agent.recall.messages(log[0].position - 1, 1) + log
    return log


def _parts(message: Message) -> tuple[Any, ...]:
    calls = [(call.id, call.name, call.arguments) for call in message.tool_calls]
    said = (message.text, message.content, message.thinking, message.tool_call_id, calls)
    return message.id, message.position, message.role, message.name, message.failed, *said


def _log_problems(agent: Agent, log: list[Message]) -> Iterator[str]:
    size = len(agent.recall)
    if agent.recall.messages(size, 1):
        yield f"recall has {size} messages by its count, and more by its log"
    first = log[0].position if log else size
    if [message.position for message in log] != list(range(first, size)):
        yield "the positions of the log have gaps"
    if len({message.id for message in log}) != len(log):
        yield "two messages of the log have the same id"
    waiting: list[str] = []
    for message in log:
        if message.role == "tool":
            if message.tool_call_id in waiting:
                waiting.remove(message.tool_call_id)
            else:
                yield f"message {message.position} is a return without its call before it"
            continue
        if waiting:
            yield f"message {message.position} follows a call that has no return: {waiting[0]}"
        waiting = [call.id for call in message.tool_calls]
    # What may come between a turn that was broken off and the next one.
    aside = ("fork", "edit", "config", "shared", "summary")
    if waiting and [s.kind for s in agent.steps() if s.kind not in aside][-1] != "intent":
        yield f"the last call of the log has no return: {waiting[0]}"


def _window_problems(agent: Agent, window: list[Message]) -> Iterator[str]:
    positions = [message.position for message in window]
    if positions != sorted(set(positions)):
        yield "the messages of the window are not in the order of the log"
        return
    logged: list[Message] = []
    for begin, end in _ranges(positions):
        logged += agent.recall.messages(begin, end - begin)
    if [_parts(message) for message in logged] != [_parts(message) for message in window]:
        yield "the window has messages that are not those of the log"


def _ranges(positions: Sequence[int]) -> Ranges:
    ranges: Ranges = []
    for position in positions:
        if ranges and ranges[-1][1] == position:
            ranges[-1] = (ranges[-1][0], position + 1)
        else:
            ranges.append((position, position + 1))
    return ranges


def _at(ranges: Ranges) -> Iterator[int]:
    return (position for begin, end in ranges for position in range(begin, end))


def _cover_problems(agent: Agent) -> Iterator[str]:
    covered: set[int] = set()
    for number, summary in enumerate(agent.summaries()):
        covers = set(_at(summary.covers))
        made_anew = covers == covered  # by agent.resummarize()
        if not made_anew and not covered.isdisjoint(covers):
            yield f"summary {number} covers messages that one before it covers"
        covered |= covers
        if summary.covered != len(covered):
            yield f"summary {number} stands for {len(covered)} messages, not {summary.covered}"


def _summary_problems(agent: Agent, log: list[Message], window: list[Message]) -> Iterator[str]:
    summaries = agent.summaries()
    if agent.memory.summary != (summaries[-1].text if summaries else ""):
        yield "the summary is not the newest one"
    shown = {message.position for message in window}
    first = min([message.position for message in log[:1]] + list(shown), default=0)
    covers = [span for summary in summaries for span in summary.covers if span[1] > first]
    covered = set(_at(covers))
    for position in shown & covered:
        yield f"message {position} is in the window, and covered by a summary"
    for message in log:
        at = message.position
        if message.author == "import":
            if at in shown or at in covered:
                yield f"message {at} was imported, and is in the window or covered by a summary"
        elif at not in shown and at not in covered:
            yield f"message {at} is neither in the window nor covered by a summary"


def _block_problems(agent: Agent) -> Iterator[str]:
    for label in agent.memory:
        block = agent.memory[label]
        if len(block.value) > block.limit:
            yield f'block "{label}" has {len(block.value)} characters, its limit is {block.limit}'


def _context_problems(agent: Agent, window: list[Message]) -> Iterator[str]:
    try:
        context = agent.context()
    except Exception as error:  # of a policy, for example
        yield f"context() raises {_first_line(error)}"
        return
    yield from check_context(context)
    yield from _shown_problems(agent, context, window)


def _shown_problems(agent: Agent, context: Context, window: list[Message]) -> Iterator[str]:
    memory = agent.memory
    blocks = [(b, escaped(memory[b].value), memory[b].read_only) for b in memory]
    if shown_blocks(context) != blocks:
        yield "the context shows other memory blocks than there are"
    logged = {message.id: message for message in window}
    spans = [span for span in context.spans if span.kind in ("message", "tool_return")]
    # Calls of a turn that was broken off have returns here, as at the next call.
    size = len(agent.recall) + sum(len(message.tool_calls) for message in window[-1:])
    told = outside_counts(context)
    if told[0] > size or told[1] > len(agent.archival):
        yield f"the context tells of {told[0]} messages and {told[1]} passages: more than there are"
    for span, shown in zip(spans, context.to_request()["messages"][1:], strict=False):
        message = logged.get(span.origin)
        if message is None:  # what the next call would add, such as a warning
            continue
        if message.role == "assistant":
            calls = [
                (call["id"], call["function"]["name"], call["function"]["arguments"])
                for call in shown.get("tool_calls") or ()
            ]
            given = [(call.id, call.name, call.arguments) for call in message.tool_calls]
            whole = (shown["content"] or "", calls) == (message.content, given)
        else:
            text = json.loads(shown["content"])["message"]
            whole = text == message.text
            if span.cut:
                whole = message.text.startswith(text) and text != message.text
        if not whole:
            yield f"message {message.position} is shown otherwise than it is, and no span says so"


def _acknowledged_problems(
    agent: Agent, acknowledged: Iterable[Response | Message]
) -> Iterator[str]:
    for item in acknowledged:
        for message in item.messages if isinstance(item, Response) else [item]:
            found = agent.recall.messages(message.position, 1)
            if not found or _parts(found[0]) != _parts(message):
                yield f"message {message.position} was acknowledged, and is not in the log so"


def _step_problems(agent: Agent) -> Iterator[str]:
    steps = agent.steps()
    if [step.seq for step in steps] != list(range(1, len(steps) + 1)):
        yield "the numbers of the steps have gaps"
    calls = [step for step in steps if step.digest]
    if agent._home.purges():
        return  # a context may not be what it was; replay knows which
    if calls and agent.context(calls[-1].seq).digest() != calls[-1].digest:
        yield f"the context of step {calls[-1].seq} is not the one that was recorded"


def _search_problems(agent: Agent, log: list[Message]) -> Iterator[str]:
    newest = [message.id for message in reversed(log) if message.text][:10]
    found = agent.recall.search("", roles=_ROLES, limit=10)
    if [hit.message.id for hit in found] != newest:
        yield "a search for the newest messages does not find those of the log"


def _replay_problems(agent: Agent) -> Iterator[str]:
    replay = agent.replay()
    if replay.first_divergence is not None:
        yield f"replay: {replay.first_divergence}"
        return
    calls = sum(bool(step.digest) for step in agent.steps())
    if replay.steps != calls and not replay.unchecked:
        yield f"replay compared {replay.steps} contexts of {calls}"
