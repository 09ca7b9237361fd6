"""``send_async``: turns on threads, in order, and no circle of turns that wait for each other."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from memgpt import _core
from memgpt._calls import Call, call_chain, in_call, running
from memgpt.errors import Reentrant

# asyncio takes longer to import than all of memgpt: it is, where it is needed.
if TYPE_CHECKING:
    from concurrent import futures

__all__ = ["run_on_thread", "send_async"]

T = TypeVar("T")


class _Threads:
    """Daemon threads, made as they are needed and then kept, each with its Python thread state.

    Daemons, so that a program may end while a model's server thinks: what was not committed is as
    if it had not been asked for.
    """

    LIMIT = 256  # turns at once that are not part of another turn

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._idle = 0
        self._busy = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def run(self, job: Callable[[], None], nested: bool) -> None:
        """Run the job on a thread. A turn that another one waits for gets its thread at once."""
        with self._lock:
            if not nested:
                if self._busy >= self.LIMIT:
                    self._waiting.append(job)
                    return
                self._busy += 1
                job = functools.partial(self._outermost, job)
            if self._idle:
                self._idle -= 1
            else:
                threading.Thread(target=self._serve, name="memgpt", daemon=True).start()
            self._work.put(job)

    def _serve(self) -> None:
        while True:
            self._work.get()()
            with self._lock:
                self._idle += 1

    def _outermost(self, job: Callable[[], None]) -> None:
        while True:
            job()
            with self._lock:
                if not self._waiting:
                    self._busy -= 1
                    return
                job = self._waiting.popleft()


class _Lane:
    """The sends of one agent, in the order in which they were asked for, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: deque[Callable[[], None]] = deque()
        self._running = False

    def submit(self, job: Callable[[], None], nested: bool) -> None:
        with self._lock:
            self._jobs.append(job)
            if self._running:
                return
        # Where a thread is on its way already, the one that comes first does all the work.
        _state.threads.run(self._run, nested)

    def _run(self) -> None:
        with self._lock:
            if self._running:
                return
            self._running = True
        while True:
            with self._lock:
                if not self._jobs:
                    self._running = False
                    return
                job = self._jobs.popleft()
            job()


class _State:
    """Threads, lanes and who waits for whom; made anew in a forked child, which has no threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.threads = _Threads()
        self.lanes: dict[str, _Lane] = {}


_state = _State()


def _after_fork() -> None:
    global _state
    _state = _State()


os.register_at_fork(after_in_child=_after_fork)


def _check_no_circle(core: _core.CoreAgent) -> None:
    """Refuse to wait for an agent that waits, perhaps through others, for this call chain.

    Raises:
        Reentrant: where it does: all of them would wait for ever.
    """
    chain = {call.agent for call in call_chain()}
    seen: set[str] = set()
    to_see = [core.key]
    while to_see:
        agent = to_see.pop()
        if agent in chain:
            raise Reentrant(
                f'agent "{core.name}" waits for a send() of this same call chain: waiting for it '
                "here would never end"
            )
        if agent not in seen:
            seen.add(agent)
            call = running.get(agent)
            to_see.extend(call.waits_for if call is not None else ())


@contextlib.contextmanager
def _waiting_for(core: _core.CoreAgent, outer: Call | None) -> Iterator[None]:
    """Around waiting for an agent; known to all, so that no circle of them closes."""
    with _state.lock:
        _check_no_circle(core)
        if outer is not None:
            outer.waits_for.append(core.key)
    try:
        yield
    finally:
        with _state.lock:
            if outer is not None:
                outer.waits_for.remove(core.key)


def run_on_thread(job: Callable[[], None]) -> None:
    """Run a turn's job on a thread of its own; whoever waits for it has none to spare."""
    _state.threads.run(job, nested=True)


async def send_async(core: _core.CoreAgent, send: Callable[[Call], T]) -> T:
    """Run ``send`` on a thread, after those that were asked for before it.

    Cancelling the awaiting task ends the turn at its next poll; what was committed stays.

    Raises:
        Reentrant: where the wait would never end.
    """
    import asyncio
    from concurrent import futures

    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()
    outer = next(call_chain(), None)
    done: futures.Future[T] = futures.Future()
    calls: list[Call] = []
    cancelled = threading.Event()

    def job() -> None:
        if not done.set_running_or_notify_cancel():
            return
        call = context.run(Call, core.key, loop)
        calls.append(call)
        if cancelled.is_set():
            call.cancel()
        with _state.lock:
            running[core.key] = call
        try:
            set_outcome = functools.partial(
                done.set_result, context.run(in_call, call, lambda: send(call))
            )
        except BaseException as error:
            set_outcome = functools.partial(done.set_exception, error)
        with _state.lock:
            del running[core.key]  # before anyone learns that the turn is over
        set_outcome()

    with _waiting_for(core, outer):
        with _state.lock:
            lane = _state.lanes.setdefault(core.key, _Lane())
        lane.submit(job, nested=outer is not None)
        try:
            return await asyncio.wrap_future(done)
        except asyncio.CancelledError:
            cancelled.set()
            for call in calls:
                call.cancel()
            raise
