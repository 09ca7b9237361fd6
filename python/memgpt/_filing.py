"""Many passages at once, and vectors made anew: work that takes long, and shows how far it is."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from memgpt import _core
from memgpt._text import checked_text, error_text
from memgpt.errors import ConfigError, Error, InvalidInput

__all__ = ["Item", "Reembedding", "Report", "new_passages", "shown_progress"]

Item = tuple[str, list[str], str, "int | None"]
Report = Callable[[int, int], Any]

# Less than this is done before anybody has read the bar.
_WORTH_A_BAR = 1000
_KEYS = {"text", "tags", "metadata", "source", "time"}


def new_passages(items: Iterable[Any], read: Callable[..., Item]) -> list[Item]:
    """What ``insert_many`` is given, each as ``read(text, tags=, metadata=, source=, time=)`` makes
    it.

    Raises:
        InvalidInput: for an item that cannot be read; says which.
    """
    if isinstance(items, (str, bytes, Mapping)):
        raise InvalidInput("insert_many() takes a list of texts or dicts; insert() takes one text")
    made = []
    for number, item in enumerate(items, 1):
        try:
            if isinstance(item, str):
                made.append(read(item))
            elif isinstance(item, Mapping):
                if unknown := set(item) - _KEYS:
                    names = ", ".join(map(repr, sorted(map(str, unknown))))
                    raise InvalidInput(f"unknown keys {names}; known are {sorted(_KEYS)}")
                made.append(
                    read(
                        checked_text(item.get("text"), "its text"),
                        **{key: value for key, value in item.items() if key != "text"},
                    )
                )
            else:
                raise InvalidInput(f"it must be a text or a dict, not {item!r:.200}")
        except (Error, TypeError, ValueError) as error:
            raise InvalidInput(f"item {number}: {error}; nothing was stored") from error
    return made


def _watched() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules


@contextlib.contextmanager
def shown_progress(what: str, count: int, progress: bool | Report | None) -> Iterator[Report]:
    """A function that is told how much is done, of how much.

    Args:
        what: beside the bar.
        count: of what there is to do.
        progress: one's own function; True for a bar; None for a bar where somebody may be watching
            and it takes a while.
    """
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise ConfigError(
            f"progress is True, False or a function of (done, total), not {progress!r}"
        )
    if callable(progress):
        yield progress
        return
    if progress is False or (progress is None and not (count >= _WORTH_A_BAR and _watched())):
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=count)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class Reembedding:
    """Vectors that are being made anew in the background, by :meth:`memgpt.Agent.reembed`. Where
    the program ends before they are, what was made until then stays, for the next time.

    Attributes:
        done: passages that have their new vector.
        total: passages.
        error: what ended it, if anything did; what was done until then stays done.
    """

    def __init__(self, core: _core.CoreAgent, embedder: _core.CoreEmbedder, name: str) -> None:
        self.done = 0
        self.total = 0
        self.error: BaseException | None = None
        self._name = name
        self._cancelled = False
        self._finished = False
        # Not the thread itself: a join() that Ctrl-C ends makes Python 3.11 take it for stopped.
        self._ended = threading.Event()
        self._core = core
        self._embedder = embedder
        # The program waits at its end for the batch that is under way, and not for all.
        self._thread = threading.Thread(target=self._run, name=f"memgpt reembed {name}")
        self._thread.start()

    @property
    def finished(self) -> bool:
        """True once the agent works with the new embedder."""
        return self._finished

    @property
    def _goes_on(self) -> bool:
        return not self._cancelled and threading.main_thread().is_alive()

    def _run(self) -> None:
        try:
            while self._goes_on:
                # Others may have filed some meanwhile.
                self.total = self.done + self._core.to_reembed(self._embedder)
                made, last = self._core.reembed_some(self._embedder, 0)
                while made > 0 and self._goes_on:
                    self.done += made
                    self.total = max(self.total, self.done)
                    made, last = self._core.reembed_some(self._embedder, last)
                if self._goes_on and self._core.finish_reembedding(self._embedder):
                    self._finished = True
                    return
        except BaseException as error:
            self.error = error
        finally:
            self._ended.set()

    def wait(self, timeout: float | None = None, progress: bool | Report | None = None) -> bool:
        """Wait until it is done. Ctrl-C ends the waiting, and not the work.

        Args:
            timeout: seconds at most.
            progress: as in :meth:`memgpt.agent.Archival.insert_many`.

        Returns:
            True where it is done, False where time was up or it was cancelled.

        Raises:
            Error: what ended it: what the embedder raised, or StoreError. The agent goes on with
                the embedder that it had, and ``reembed()`` goes on from there.
        """
        left = timeout
        with shown_progress("vectors", max(self.total, _WORTH_A_BAR), progress) as report:
            while not self._ended.is_set() and (left is None or left > 0):
                wait = 0.1 if left is None else min(0.1, left)
                self._ended.wait(wait)
                left = None if left is None else left - wait
                report(self.done, self.total)
        if self.error is not None and self._ended.is_set():
            raise self.error
        return self.finished

    def cancel(self) -> None:
        """End it after the batch that is under way. What is done stays done, for the next time."""
        self._cancelled = True
        self._ended.wait()

    def __repr__(self) -> str:
        state = "done" if self.finished else "stopped" if self._ended.is_set() else "under way"
        if self.error is not None:
            state = f"failed: {error_text(self.error)}"
        return f"<Reembedding of {self._name!r}: {self.done:,} of {self.total:,} passages, {state}>"
