"""Stores of vectors for archival memory: subclass :class:`ArchivalStore` for one that you run.

``memgpt.stores`` has some ready-made: LanceDB, Chroma, PostgreSQL with pgvector, and a flat file,
``memgpt/stores/flat_file.py``: a whole store on one page, to begin one's own from.
"""

from __future__ import annotations

import itertools
import operator
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from memgpt import _core
from memgpt._calls import check_not_cancelled, settled
from memgpt._text import checked_seconds, checked_text, error_text, message_of, warn
from memgpt.errors import ArchivalStoreError, ArchivalStoreTimeout, ConfigError, Error

if TYPE_CHECKING:  # it takes long to import
    from concurrent import futures

__all__ = ["ArchivalStore", "Row", "Visible"]


THREAD_NAME = "memgpt-store"
_POLL_S = 0.02


class Row(NamedTuple):
    """One version of a passage, as a store is told of it.

    Attributes:
        id: unique in the archive.
        branch, seq: the commit that wrote it.
        vector: float32, of length 1. Copy what you keep.
    """

    id: int
    branch: int
    seq: int
    vector: memoryview[float]


class Visible:
    """What the agent that searches sees of an archive; call it with a row's branch, seq and id.

    Attributes:
        line: pairs (branch, last seq): of each branch it sees the commits up to that one.
        hidden: ids of rows that were deleted or replaced in what it sees, sorted; a store that
            cannot exclude so many may show them.
    """

    def __init__(self, line: Sequence[tuple[int, int]], hidden: Sequence[int]) -> None:
        self.line = list(line)
        self.hidden = sorted(hidden)
        self._last = dict(line)
        self._hidden = frozenset(hidden)

    def __call__(self, branch: int, seq: int, id: int) -> bool:
        """Whether a row is to be found."""
        return seq <= self._last.get(branch, -1) and id not in self._hidden

    def __repr__(self) -> str:
        return f"<Visible: {self.line}, less {len(self.hidden):,} rows>"


class ArchivalStore:
    """A store of vectors for archival memory, in place of the kernel's own index. Subclass it and
    define :meth:`insert`, :meth:`delete` and :meth:`search`; each may be an ``async def``.

    The journal stays the truth: it has every passage with its vector, and a store can be lost. What
    the store finds is a proposal: the kernel drops what the agent does not see or what the filters
    exclude, and scores what remains by the vectors of the journal. Where too few remain it asks for
    more, and in the end compares all vectors itself. Where the store fails, a ``UserWarning``
    says so once, searches go by words alone, and what was inserted meanwhile is told later.

    All methods are called on one thread of the store's own, one call at a time. Agents and homes
    may share a store; two copies of one file must not.

    Attributes:
        name: under which the journal remembers what the store has acknowledged; by default the
            class's name. A store at another place needs another name, or ``home.rebuild()``.
        timeout_s: seconds that a call may take. One that takes longer is not waited for, and until
            it comes back every other one fails.
    """

    name: str = ""
    timeout_s: float = 10.0

    def insert(self, archive: str, rows: Sequence[Row]) -> Any:
        """Keep rows; when this returns they must survive a crash. A row that is there is replaced:
        what was not acknowledged is told again.

        Args:
            archive: names vectors of one length that belong together: those of an archive by one
                embedder. It may hold any characters, and ends with ``/`` and that length.
            rows: at least one.
        """
        raise ArchivalStoreError(f"{type(self).__name__} defines no insert(self, archive, rows)")

    def delete(self, archive: str, ids: Sequence[int]) -> Any:
        """Destroy rows, as ``home.purge()`` did; an id that is not there is none to worry about."""
        raise ArchivalStoreError(f"{type(self).__name__} defines no delete(self, archive, ids)")

    def search(self, archive: str, vector: memoryview[float], limit: int, visible: Visible) -> Any:
        """Rows that are near, by the dot product or, which is the same here, by the angle.

        Args:
            archive: as in :meth:`insert`; it may be one that nothing was inserted into.
            vector: float32, of length 1.
            limit: ids at most.
            visible: which rows the agent sees; others may be returned, and are dropped.

        Returns:
            Their ids, best first.
        """
        raise ArchivalStoreError(
            f"{type(self).__name__} defines no search(self, archive, vector, limit, visible)"
        )

    def close(self) -> Any:
        """Let go of files and connections. Called when a home that uses the store is closed; the
        next call, for another home, has to open them again."""


_Job = tuple["futures.Future[Any]", Callable[[], Any]]


class _Worker:
    """The thread on which a store is called: one that hangs holds up no other."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._late: futures.Future[Any] | None = None
        weakref.finalize(self, self._jobs.put, None)

    def call(self, function: Callable[[], Any], timeout_s: float) -> Any:
        """What the function comes to.

        Raises:
            ArchivalStoreTimeout: where that takes too long, or an earlier call still does.
        """
        from concurrent import futures

        answer: futures.Future[Any] = futures.Future()
        with self._lock:
            if self._late is not None and not self._late.done():
                raise ArchivalStoreTimeout("an earlier call has not come back yet")
            self._late = None
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(
                    target=_serve, args=(self._jobs,), name=THREAD_NAME, daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is ending
                    return function()
                self._thread = thread
            self._jobs.put((answer, function))
        try:
            self._wait(answer, timeout_s)
        finally:
            with self._lock:
                if not answer.done() and not answer.cancel():
                    self._late = answer
        return answer.result()

    @staticmethod
    def _wait(answer: futures.Future[Any], timeout_s: float) -> None:
        from concurrent import futures

        end = time.monotonic() + timeout_s
        while not futures.wait([answer], min(_POLL_S, timeout_s)).done:
            check_not_cancelled()
            if time.monotonic() >= end:
                raise ArchivalStoreTimeout(f"no answer in {timeout_s:g} seconds")

    def stop(self) -> None:
        """End the thread after what it does; the next call starts another."""
        with self._lock:
            if self._thread is not None:
                self._jobs.put(None)
                self._thread = None


def _serve(jobs: queue.SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        answer, function = job
        if not answer.set_running_or_notify_cancel():
            continue
        try:
            answer.set_result(function())
        except BaseException as error:
            answer.set_exception(error)
        del job, answer, function  # nothing is kept alive by waiting


def _checked_ids(found: Any, limit: int) -> list[int]:
    """The numbers among the first ``limit`` that can be ids.

    Raises:
        ArchivalStoreError: for what is no sequence of whole numbers.
    """
    try:
        if isinstance(found, (str, bytes)):
            raise TypeError("a text")
        ids = [operator.index(id) for id in itertools.islice(found, limit)]
    except (TypeError, ValueError) as error:
        raise ArchivalStoreError(
            f"it must return ids, which are whole numbers, best first; it returned a "
            f"{type(found).__name__} that is none ({error_text(error)})"
        ) from error
    return [id for id in ids if 0 <= id < 2**63]


class Guarded:
    """A store as the core calls it. Its methods raise ArchivalStoreError and nothing else, but
    Ctrl-C and exit."""

    def __init__(self, store: ArchivalStore, name: str) -> None:
        self.store = store
        self._name = name
        self._process = os.getpid()
        # One for all agents and homes that the store is given to.
        self._worker: _Worker = vars(store).setdefault("_memgpt_worker", _Worker())

    def insert(
        self,
        archive: str,
        ids: Sequence[int],
        branches: Sequence[int],
        seqs: Sequence[int],
        vectors: bytes,
    ) -> None:
        numbers = memoryview(vectors).cast("f")
        width = len(numbers) // len(ids)
        rows = [
            Row(id, branch, seq, numbers[i * width : (i + 1) * width])
            for i, (id, branch, seq) in enumerate(zip(ids, branches, seqs, strict=True))
        ]
        self._call("insert", lambda: settled(self.store.insert(archive, rows)))

    def delete(self, archive: str, ids: Sequence[int]) -> None:
        self._call("delete", lambda: settled(self.store.delete(archive, ids)))

    def search(
        self,
        archive: str,
        vector: bytes,
        limit: int,
        line: Sequence[tuple[int, int]],
        hidden: Sequence[int],
    ) -> list[int]:
        def search() -> list[int]:
            visible = Visible(line, hidden)
            query = memoryview(vector).cast("f")
            found = settled(self.store.search(archive, query, limit, visible))
            return _checked_ids(found, limit)

        return self._call("search", search)

    def close(self) -> None:
        """Close the store; what it raises becomes a warning."""
        if self._process != os.getpid():  # a forked child's connections are its parent's
            return
        try:
            self._call("close", lambda: settled(self.store.close()))
        except ArchivalStoreError as error:
            warn(message_of(error))
        self._worker.stop()

    def _call(self, method: str, function: Callable[[], Any]) -> Any:
        where = f'archival store "{self._name}" failed in {method}(): '
        try:
            return self._worker.call(
                function, checked_seconds(self.store.timeout_s, "its timeout_s")
            )
        except Exception as error:
            timeout = isinstance(error, ArchivalStoreTimeout)
            kind = ArchivalStoreTimeout if timeout else ArchivalStoreError
            text = message_of(error) if isinstance(error, Error) else error_text(error)
            raise kind(where + text) from error


def to_core_store(store: Any) -> tuple[_core.PythonArchivalStore, Guarded]:
    """The core's view of ``archival_store=``: an ArchivalStore or its class.

    Raises:
        ConfigError: for anything else, or a name or time-out that cannot be.
    """
    if isinstance(store, type) and issubclass(store, ArchivalStore):
        store = store()
    if not isinstance(store, ArchivalStore):
        raise ConfigError(
            f"archival_store is an instance of a memgpt.ArchivalStore subclass, for example of "
            f"memgpt.stores, not {store!r}"
        )
    name = checked_text(store.name or type(store).__name__, "the archival store's name")
    if name == "builtin":
        raise ConfigError(
            '"builtin" is the kernel\'s own index: give the archival store another name'
        )
    checked_seconds(store.timeout_s, f"{type(store).__name__}.timeout_s")
    guarded = Guarded(store, name)
    return _core.PythonArchivalStore(name, guarded), guarded
