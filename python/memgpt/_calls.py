"""Calls under way, and where their ``async def`` tools are awaited.

A turn runs on one thread, from its first commit to its last. An ``async def`` tool is awaited on
another: the loop of whoever called ``send_async``, else a loop of our own. Meanwhile the turn's
thread serves what the tool asks of its agent, so that the tool writes into its step like any other.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import inspect
import os
import queue
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from memgpt import _core
from memgpt.errors import Busy, Reentrant, ToolError

# asyncio takes longer to import than all of memgpt: it is, where it is needed.
if TYPE_CHECKING:
    import asyncio
    from concurrent import futures

__all__ = [
    "Call",
    "CoreHandle",
    "call_chain",
    "check_loop_is_free",
    "check_not_cancelled",
    "check_not_inside",
    "in_call",
    "inside",
    "running",
    "settled",
    "turn_side",
    "turn_side_to_write",
]

T = TypeVar("T")
Jobs = queue.SimpleQueue[Callable[[], None] | None]


class _Waiting:
    """One coroutine that a call waits for: what runs in its context is part of the call until it is
    done. A task that outlives it is not."""

    done = False


class Call:
    """One ``send()`` under way, on the thread that made it.

    Attributes:
        agent: whose turn it holds: the agent's ``key``.
        outer: the call whose tool made this one.
        outer_waiting: the tool, where it is a coroutine.
        loop: where its tools are awaited; None for the kernel's own.
        ended: the turn is over.
    """

    def __init__(self, agent: str, loop: asyncio.AbstractEventLoop | None) -> None:
        self.agent = agent
        self.outer = _current.get()
        self.outer_waiting = _waiting.get()
        self.loop = loop
        self.thread = threading.get_ident()
        self.ended = False
        self.cancellation = _core.Cancellation()
        self._lock = threading.Lock()
        self._jobs: Jobs | None = None  # while a coroutine is waited for
        self._awaited: futures.Future[Any] | None = None
        self.waits_for: list[str] = []  # agents that its tools have sent to; under _State.lock

    @property
    def waits(self) -> bool:
        """Whether its thread waits for a coroutine."""
        return self._jobs is not None

    @property
    def cancelled(self) -> bool:
        return self.cancellation.cancelled

    def cancel(self) -> None:
        """End the turn at its next poll, and the coroutine that it waits for at once."""
        self.cancellation.cancel()
        if self._awaited is not None:
            self._awaited.cancel()

    def ask(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call on the turn's thread what a coroutine asks for; once that is done, simply call."""
        from concurrent import futures

        answer: futures.Future[T] = futures.Future()

        def job() -> None:
            try:
                answer.set_result(function(*args, **kwargs))
            except BaseException as error:
                answer.set_exception(error)

        with self._lock:
            jobs = self._jobs if threading.get_ident() != self.thread else None
            if jobs is not None:
                jobs.put(job)
        if jobs is None:
            job()
        return answer.result()

    def wait_for(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
        """What the coroutine comes to on the loop; meanwhile this thread does what it asks for.

        A job may itself have to wait, for an embedder's coroutine say: then this runs inside of it.
        """
        import asyncio

        jobs: Jobs = queue.SimpleQueue()
        with self._lock:
            outer = self._jobs, self._awaited
            self._jobs = jobs  # before the coroutine can ask for anything
        waiting = _Waiting()
        token = _waiting.set(waiting)  # the coroutine's context is a copy of this one
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, loop)
            self._awaited = future
            future.add_done_callback(lambda _: jobs.put(None))
            if self.cancellation.cancelled:
                future.cancel()
            try:
                while (job := jobs.get()) is not None:
                    job()
                return future.result()
            except BaseException:
                future.cancel()
                raise
        finally:
            waiting.done = True
            _waiting.reset(token)
            with self._lock:
                self._jobs, self._awaited = outer
            while not jobs.empty():  # asked for at the last moment, by another task
                if (job := jobs.get()) is not None:
                    job()


_current: contextvars.ContextVar[Call | None] = contextvars.ContextVar("memgpt_call", default=None)


_waiting: contextvars.ContextVar[_Waiting | None] = contextvars.ContextVar(
    "memgpt_waiting", default=None
)

# By agent: whose turn a send_async is running.
running: dict[str, Call] = {}


def call_chain() -> Iterator[Call]:
    """The calls that this code is part of, innermost first: those that wait for it."""
    call, waiting = _current.get(), _waiting.get()
    while call is not None:
        if not call.ended and (waiting is None or not waiting.done):
            yield call
        call, waiting = call.outer, call.outer_waiting


def check_not_cancelled() -> None:
    """For who waits in the turn of a ``send_async``.

    Raises:
        asyncio.CancelledError: where it was cancelled.
    """
    for call in call_chain():
        if call.cancellation.cancelled:
            import asyncio

            raise asyncio.CancelledError


def check_not_inside(core: _core.CoreAgent, what: str) -> None:
    """Refuse what would wait for a turn that this call chain itself holds.

    Raises:
        Reentrant: where it holds it. On the turn's own thread the core decides.
    """
    for call in call_chain():
        if call.agent == core.key and call.thread != threading.get_ident():
            raise Reentrant(
                f'agent "{core.name}" is in the middle of a send() of this same call chain; {what}'
            )


def check_loop_is_free(core: _core.CoreAgent) -> None:
    """Refuse to wait on an event loop for a turn that needs this loop.

    Raises:
        Busy: where a ``send_async`` of the agent runs on this thread's loop.
    """
    call = running.get(core.key)
    asyncio = sys.modules.get("asyncio")
    if call is None or call.loop is None or asyncio is None:
        return
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # no loop runs on this thread
        return
    if loop is call.loop:
        raise Busy(
            f'agent "{core.name}" is in a turn of this event loop, which a call that waits for it '
            "here would stop: await the send_async first, or use asyncio.to_thread"
        )


def inside(call: Call, function: Callable[[], T]) -> T:
    """Run ``function`` as part of the call, on this thread: tools find it in their context."""
    token, outer_waiting = _current.set(call), _waiting.set(None)
    call.thread = threading.get_ident()
    try:
        return function()
    finally:
        _waiting.reset(outer_waiting)
        _current.reset(token)


def in_call(call: Call, function: Callable[[], T]) -> T:
    """Run ``function`` as all of the call."""
    try:
        return inside(call, function)
    finally:
        call.ended = True


def _start_loop() -> asyncio.AbstractEventLoop:
    import asyncio

    loop = asyncio.new_event_loop()

    def serve() -> None:
        try:
            loop.run_forever()
        finally:
            loop.close()

    threading.Thread(target=serve, name="memgpt-loop", daemon=True).start()
    return loop


@functools.cache
def _kernel_loop() -> asyncio.AbstractEventLoop:
    """An event loop on a thread of its own, made when it is first needed."""
    return _start_loop()


@contextlib.contextmanager
def _loop_for(call: Call) -> Iterator[asyncio.AbstractEventLoop]:
    """Where a coroutine of the call is awaited: the caller's loop or the kernel's.

    A loop that itself waits for this thread cannot do it: then one that is made for this.
    """
    import asyncio

    try:
        blocked = asyncio.get_running_loop() is _kernel_loop()
    except RuntimeError:  # no loop runs on this thread
        blocked = False
    if not call.waits and (call.loop is not None or not blocked):
        yield call.loop if call.loop is not None else _kernel_loop()
        return
    loop = _start_loop()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)


async def _awaited(value: Any) -> Callable[[], Any]:
    """What the awaitable comes to, as a function that returns or raises it: a SystemExit that came
    out here would end the loop."""
    try:
        result = await value
    except (SystemExit, KeyboardInterrupt) as error:
        return functools.partial(_raise, error)
    return lambda: result


def _raise(error: BaseException) -> Any:
    raise error


def settled(value: Any) -> Any:
    """The value itself, or what an awaitable comes to.

    Raises:
        ToolError: where the coroutine was cancelled by its own doing, or has no loop any more.
        asyncio.CancelledError: where the whole call was cancelled.
    """
    if not inspect.isawaitable(value):
        return value
    import asyncio
    from concurrent import futures

    call = _current.get()
    if call is None or call.thread != threading.get_ident():
        call = Call("", None)  # outside of a turn, e.g. an embedder that archival.insert calls
    if call.loop is not None and call.loop.is_closed():
        if inspect.iscoroutine(value):
            value.close()
        raise ToolError("the event loop that called send_async is closed")
    try:
        with _loop_for(call) as loop:
            return call.wait_for(_awaited(value), loop)()
    except futures.CancelledError as error:
        if call.cancellation.cancelled:
            raise asyncio.CancelledError from error
        raise ToolError("the coroutine was cancelled") from error


class _Relayed:
    """An agent of the core for a coroutine: its methods run on the thread of the turn."""

    def __init__(self, core: _core.CoreAgent, call: Call) -> None:
        self._own = core
        self._call = call

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._own, name)
        return functools.partial(self._call.ask, member) if callable(member) else member


def turn_side(core: _core.CoreAgent) -> _core.CoreAgent:
    """The agent itself; in a coroutine of a tool of its own turn, a stand-in for it whose methods
    run on the thread of the turn."""
    for call in call_chain():
        elsewhere = call.thread != threading.get_ident()
        if call.agent == core.key and elsewhere and call.waits:
            return _Relayed(core, call)  # type: ignore[return-value]
    return core


def turn_side_to_write(core: _core.CoreAgent) -> _core.CoreAgent:
    """The same for what has to wait for the agent's turn.

    Raises:
        Busy: where waiting would stop the event loop that the turn needs.
    """
    side = turn_side(core)
    if side is core:
        check_loop_is_free(core)
    return side


class CoreHandle:
    """Holds an agent of the core; ``_core`` is what to call now, ``_writer`` what to change."""

    def __init__(self, core: _core.CoreAgent) -> None:
        self._own = core

    @property
    def _core(self) -> _core.CoreAgent:
        return turn_side(self._own)

    @property
    def _writer(self) -> _core.CoreAgent:
        return turn_side_to_write(self._own)


def _after_fork() -> None:
    _kernel_loop.cache_clear()  # its thread is the parent's
    running.clear()


os.register_at_fork(after_in_child=_after_fork)
