"""``send_async``: turns on threads, in order, and no circle of turns that wait for each other."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import os
import queue
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from memgpt import _core
from memgpt._calls import Call, call_chain, inside, running
from memgpt.errors import Reentrant

# asyncio takes longer to import than all of memgpt: it is, where it is needed.
if TYPE_CHECKING:
    from concurrent import futures

__all__ = ["run_on_thread", "send_async"]


class _Threads:
    """Daemon threads, made as they are needed and then kept, each with its Python thread state.

    Daemons, so that a program may end while a model's server thinks: what was not committed is as
    if it had not been asked for.

    Args:
        limit: turns at once that are not part of another turn.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._idle = 0
        self._busy = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def run(self, job: Callable[[], None], nested: bool) -> None:
        """Run the job on a thread. A turn that another one waits for gets its thread at once."""
        with self._lock:
            if nested:
                job = functools.partial(self._nested, job)
            else:
                if self._busy >= self._limit:
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

    def _nested(self, job: Callable[[], None]) -> None:
        job()
        with self._lock:
            self._idle += 1

    # A thread is idle at once where it is not busy any more: else one more would be begun.
    def _outermost(self, job: Callable[[], None]) -> None:
        while True:
            job()
            with self._lock:
                if not self._waiting:
                    self._busy -= 1
                    self._idle += 1
                    return
                job = self._waiting.popleft()


@dataclass(frozen=True)
class _Wait:
    """What a turn waits for: something to read, for some seconds, or its cancellation."""

    descriptor: int
    end: float  # of time.monotonic()
    call: Call


class _Waiting:
    """One thread that waits for the servers of all turns that have left theirs."""

    LOOK_EVERY = 0.02  # seconds: whether a turn was cancelled

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._added: list[tuple[_Wait, Callable[[], None]]] = []
        self._wake: tuple[int, int] | None = None

    def add(self, wait: _Wait, go_on: Callable[[], None]) -> None:
        """Call ``go_on``, which must not wait, when there is something to read."""
        with self._lock:
            self._added.append((wait, go_on))
            if self._wake is None:
                self._wake = os.pipe()
                os.set_blocking(self._wake[1], False)
                threading.Thread(target=self._serve, name="memgpt-wait", daemon=True).start()
            with contextlib.suppress(BlockingIOError):  # it will wake up anyhow
                os.write(self._wake[1], b"x")

    def _serve(self) -> None:
        assert self._wake is not None
        selector = selectors.DefaultSelector()
        selector.register(self._wake[0], selectors.EVENT_READ)
        waits: dict[int, tuple[_Wait, Callable[[], None]]] = {}
        while True:
            ready = [key.fd for key, _ in selector.select(self.LOOK_EVERY if waits else None)]
            now = time.monotonic()
            over = [fd for fd, (wait, _) in waits.items() if wait.end < now or wait.call.cancelled]
            for fd in {*ready, *over} & waits.keys():
                selector.unregister(fd)
                waits.pop(fd)[1]()
            if self._wake[0] in ready:
                os.read(self._wake[0], 4096)
                with self._lock:
                    added, self._added = self._added, []
                for wait, go_on in added:
                    selector.register(wait.descriptor, selectors.EVENT_READ)
                    waits[wait.descriptor] = (wait, go_on)


# A turn, up to its end (None), or to where its model's server has to be waited for.
_Job = Callable[[], "_Wait | None"]


class _Lane:
    """The sends of one agent, in the order in which they were asked for, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: deque[tuple[_Job, _Threads, bool]] = deque()
        self._running = False

    def submit(self, job: _Job, threads: _Threads, nested: bool) -> None:
        with self._lock:
            self._jobs.append((job, threads, nested))
            if self._running:
                return
        # Where a thread is on its way already, the one that comes first does all the work.
        threads.run(self._run, nested)

    def _run(self) -> None:
        with self._lock:
            if self._running:
                return
            self._running = True
        self._go_on()

    def _go_on(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._running = False
                    return
                job, threads, nested = self._jobs[0]
            wait = job()
            if wait is not None:
                _state.waiting.add(wait, functools.partial(threads.run, self._go_on, nested))
                return
            with self._lock:
                self._jobs.popleft()


class _State:
    """Threads, lanes and who waits for whom; made anew in a forked child, which has no threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        # Turns that leave their thread while a server is waited for need few, eight with the one
        # that waits; one whose model is written in Python keeps its own until it is done.
        self.few = _Threads(7)
        self.many = _Threads(256)
        self.waiting = _Waiting()
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
    _state.many.run(job, nested=True)


class Send(Protocol):
    """A send whose arguments were checked."""

    def begin(self, on_event: Any) -> _core.CoreTurn: ...


async def send_async(
    core: _core.CoreAgent, send: Send, on_event: Callable[..., None] | None = None
) -> _core.CoreResponse:
    """Send on a thread, after those that were asked for before it; while its model's server is
    waited for, the thread does something else.

    Cancelling the awaiting task ends the turn at its next poll; what was committed stays.

    Raises:
        Reentrant: where the wait would never end.
    """
    import asyncio
    from concurrent import futures

    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()
    outer = next(call_chain(), None)
    done: futures.Future[_core.CoreResponse] = futures.Future()
    calls: list[Call] = []
    turns: list[_core.CoreTurn] = []
    cancelled = threading.Event()

    def begin() -> Call | None:
        if not done.set_running_or_notify_cancel():
            return None
        call = context.run(Call, core.key, loop)
        calls.append(call)
        if cancelled.is_set():
            call.cancel()
        with _state.lock:
            running[core.key] = call
        return call

    def advance(call: Call) -> _Wait | None:
        if not turns:
            turns.append(send.begin(on_event))
        while (waits := turns[0].advance(call.cancellation)) is not None:
            if waits[0] >= 0:
                return _Wait(waits[0], time.monotonic() + waits[1], call)
        return None

    def job() -> _Wait | None:
        call = calls[0] if calls else begin()
        if call is None:
            return None
        try:
            wait = context.run(inside, call, lambda: advance(call))
            if wait is not None:
                return wait
            set_outcome = functools.partial(done.set_result, turns[0].response())
        except BaseException as error:
            set_outcome = functools.partial(done.set_exception, error)
        call.ended = True
        turns.clear()
        with _state.lock:
            del running[core.key]  # before anyone learns that the turn is over
        set_outcome()
        return None

    threads = _state.few if core.splits_calls() else _state.many
    with _waiting_for(core, outer):
        with _state.lock:
            lane = _state.lanes.setdefault(core.key, _Lane())
        lane.submit(job, threads, nested=outer is not None)
        try:
            return await asyncio.wrap_future(done)
        except asyncio.CancelledError:
            cancelled.set()
            for call in calls:
                call.cancel()
            raise
