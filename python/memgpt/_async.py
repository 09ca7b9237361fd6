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

from memgpt._calls import Call, current_call, in_call
from memgpt.errors import Reentrant

# asyncio takes longer to import than all of memgpt: it is, where it is needed.
if TYPE_CHECKING:
    from concurrent import futures

__all__ = ["send_async"]

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
        self.running: dict[str, Call] = {}  # by agent: whose turn send_async is running


_state = _State()


def _after_fork() -> None:
    global _state
    _state = _State()


os.register_at_fork(after_in_child=_after_fork)


def _check_no_circle(agent_id: str, name: str) -> None:
    """Refuse to wait for an agent that waits, perhaps through others, for this call chain.

    Raises:
        Reentrant: where it does: all of them would wait for ever.
    """
    chain: set[str] = set()
    call = current_call()
    while call is not None:
        if not call.ended:
            chain.add(call.agent_id)
        call = call.outer
    seen: set[str] = set()
    to_see = [agent_id]
    while to_see:
        agent = to_see.pop()
        if agent in chain:
            raise Reentrant(
                f'agent "{name}" waits for a send() of this same call chain: waiting for it here '
                "would never end"
            )
        if agent not in seen:
            seen.add(agent)
            running = _state.running.get(agent)
            to_see.extend(running.waits_for if running is not None else ())


@contextlib.contextmanager
def _waiting_for(agent_id: str, name: str) -> Iterator[None]:
    """Around waiting for an agent; known to all, so that no circle of them closes."""
    outer = current_call()
    with _state.lock:
        _check_no_circle(agent_id, name)
        if outer is not None:
            outer.waits_for.append(agent_id)
    try:
        yield
    finally:
        with _state.lock:
            if outer is not None:
                outer.waits_for.remove(agent_id)


async def send_async(agent_id: str, name: str, send: Callable[[Call], T]) -> T:
    """Run ``send`` on a thread, after those that were asked for before it.

    Cancelling the awaiting task ends the turn at its next poll; what was committed stays.

    Raises:
        Reentrant: where the wait would never end.
    """
    import asyncio
    from concurrent import futures

    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()
    outer = current_call()
    done: futures.Future[T] = futures.Future()
    calls: list[Call] = []
    cancelled = threading.Event()

    def job() -> None:
        if not done.set_running_or_notify_cancel():
            return
        call = context.run(Call, agent_id, loop)
        calls.append(call)
        if cancelled.is_set():
            call.cancel()
        with _state.lock:
            _state.running[agent_id] = call
        try:
            done.set_result(context.run(in_call, call, lambda: send(call)))
        except BaseException as error:
            done.set_exception(error)
        finally:
            with _state.lock:
                del _state.running[agent_id]

    with _waiting_for(agent_id, name):
        with _state.lock:
            lane = _state.lanes.setdefault(agent_id, _Lane())
        lane.submit(job, nested=outer is not None and not outer.ended)
        try:
            return await asyncio.wrap_future(done)
        except asyncio.CancelledError:
            cancelled.set()
            for call in calls:
                call.cancel()
            raise
