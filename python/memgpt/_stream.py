"""``agent.stream()``: what happens in a turn, while it happens."""

from __future__ import annotations

import contextlib
import contextvars
import os
import queue
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from memgpt import _core
from memgpt._async import Send, run_on_thread, send_async
from memgpt._calls import Call, check_not_cancelled, in_call
from memgpt._core import Message
from memgpt._response import Response
from memgpt.errors import StoreError

__all__ = ["Event", "stream", "stream_async"]

# The turn's thread hands this over when it has ended.
_END = object()
_LOOK_EVERY = 0.05  # seconds: whether the call that this one is part of was cancelled

OnEvent = Callable[[str, int, str, str, str, "Message | None"], None]


@dataclass(frozen=True)
class Event:
    """Something that happened in a turn.

    Attributes:
        type: ``"step"`` (a model call begins), ``"reasoning"`` (a piece of the model's thoughts),
            ``"text"`` (a piece of what it says to the user), ``"content"`` (a piece of text outside
            of a call, which the user is not meant to see), ``"tool_call"`` (a piece of the JSON of
            a call's arguments), ``"discard"`` (what was shown of this step is void: it is made
            again, or its reply was not said so; what was said in its place follows as ``"text"``),
            ``"message"`` (a message is in the journal) or ``"done"``, the last.
        step: which model call of the turn; 1 is the first.
        text: the piece.
        tool: of a call, the tool's name.
        call_id: of a call, its id, where the model gave one.
        message: of ``"message"``.
        response: of ``"done"``: what ``send()`` would have returned.
    """

    type: str
    step: int = 0
    text: str = ""
    tool: str = ""
    call_id: str = ""
    message: Message | None = None
    response: Response | None = None

    @property
    def durable(self) -> bool:
        """Whether it is in the journal; pieces are provisional until their message comes."""
        return self.type in ("message", "done")

    def __str__(self) -> str:
        """What is said to the user: empty for every other kind."""
        return self.text if self.type == "text" else ""


def stream(core: _core.CoreAgent, send: Callable[[Call, OnEvent], Response]) -> Iterator[Event]:
    """Run the turn on a thread and give its events as they come.

    Leaving the iteration before its end ends the turn, as Ctrl-C does.

    Raises:
        Exception: what ``send()`` raises.
        StoreError: in a forked child; the turn is the parent's.
    """
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    call = Call(core.key, None)
    failed: list[BaseException] = []

    def turn() -> None:
        try:
            response = in_call(call, lambda: send(call, _teller(events.put)))
            events.put(Event("done", response.steps, response=response))
        except BaseException as error:
            failed.append(error)
        finally:
            ended.set()
            events.put(_END)

    ended = threading.Event()
    process = os.getpid()
    context = contextvars.copy_context()
    run_on_thread(lambda: context.run(turn))
    try:
        while (event := _next(events, process)) is not _END:
            yield event
        if failed:
            raise failed[0]
    finally:
        call.cancel()
        # At the end of the program, and in a forked child, no thread is there to end it.
        while not (ended.wait(_LOOK_EVERY) or sys.is_finalizing() or os.getpid() != process):
            pass


def _teller(put: Callable[[Event], None]) -> OnEvent:
    def tell(
        kind: str, step: int, text: str, tool: str, call_id: str, message: Message | None
    ) -> None:
        put(Event(kind, step, text, tool, call_id, message))

    return tell


def _next(events: queue.SimpleQueue[Any], process: int) -> Any:
    while True:
        if os.getpid() != process:  # the turn's thread is the parent's
            raise StoreError("this home was opened before fork(): a child process opens its own")
        with contextlib.suppress(queue.Empty):
            return events.get(timeout=_LOOK_EVERY)
        check_not_cancelled()


async def stream_async(core: _core.CoreAgent, send: Send) -> AsyncIterator[Event]:
    """The same without blocking the event loop.

    Raises:
        Exception: what ``send_async()`` raises.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    events: asyncio.Queue[Any] = asyncio.Queue()

    def put(event: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(events.put_nowait, event)

    async def turn() -> None:
        try:
            response = Response(await send_async(core, send, _teller(put)))
            put(Event("done", response.steps, response=response))
        finally:
            put(_END)

    task = asyncio.create_task(turn())
    try:
        while (event := await events.get()) is not _END:
            yield event
        await task
    finally:
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
