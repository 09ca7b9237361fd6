"""Conversations in processes of their own: one that plays each, then another that asks."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import memgpt
from memgpt.lab.conversations import Conversation
from memgpt.lab.locomo import counted
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID

from perpetual import sessions
from perpetual.sessions import Answers, Played, Setting

PARALLEL = 2
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SPAWN = multiprocessing.get_context("spawn")


class WorkFailed(Exception):
    """A conversation could not be played or asked about; says why in one line."""


class Watch:
    """Progress on stderr: bars on a terminal, else a line whenever a part is done."""

    def __init__(self) -> None:
        self._bars = Progress(console=Console(stderr=True), transient=True)
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> Watch:
        if self._shown:
            self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._shown:
            self._bars.stop()

    def begin(self, what: str) -> TaskID:
        return self._bars.add_task(escape(what))

    def update(self, task: TaskID, done: int, total: int) -> None:
        self._bars.update(task, completed=done, total=max(total, 1))

    def end(self, task: TaskID, what: str, seconds: float) -> None:
        self._bars.remove_task(task)
        if not self._shown:
            with contextlib.suppress(OSError):  # progress that nobody reads is no failure
                print(f"{what}: {seconds:.1f} s", file=sys.stderr, flush=True)


class Workers:
    """Runs conversations, two at a time, and leaves no process behind."""

    def __init__(self, setting: Setting, folder: Path, watch: Watch) -> None:
        self._setting = setting
        self._folder = folder
        self._watch = watch
        self._lock = threading.Lock()
        self._stopped = False
        self._alive: set[Any] = set()

    def run(self, conversations: Sequence[Conversation]) -> list[tuple[Played, Answers]]:
        """What came of each, in order.

        Raises:
            WorkFailed: for the first that failed.
        """
        resource_tracker.ensure_running()  # a thread that began it would lose its mask of signals
        with ThreadPoolExecutor(min(PARALLEL, os.cpu_count() or 1), initializer=_no_stops) as pool:
            try:
                return list(pool.map(self._one, range(len(conversations)), conversations))
            except BaseException:
                self._stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, number: int, conversation: Conversation) -> tuple[Played, Answers]:
        db = self._folder / f"{number}.db"
        name = conversation.name
        played = self._in_process(
            f"{name}: {counted(len(conversation.turns), 'turn#')} played",
            sessions.play,
            (conversation, db, self._setting),
        )
        answers = self._in_process(
            f"{name}: {counted(len(conversation.questions), 'question#')} asked",
            sessions.ask,
            (conversation, played.accepted, db, self._setting),
        )
        db.unlink()
        return played, answers

    def _in_process(self, what: str, job: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        ours, theirs = _SPAWN.Pipe(duplex=False)
        process = _SPAWN.Process(target=_child, args=(theirs, job, arguments), daemon=True)
        with self._lock:
            if self._stopped:
                raise WorkFailed("interrupted")
            process.start()
            self._alive.add(process)
        theirs.close()
        task = self._watch.begin(what)
        started = time.perf_counter()
        kind, value = "", None
        try:
            while kind not in ("result", "failed"):
                kind, value = ours.recv()
                if kind == "progress":
                    self._watch.update(task, *value)
        except EOFError:
            kind, value = "failed", f"{what}: the process ended without a result"
        finally:
            process.join()
            with self._lock:
                self._alive.discard(process)
            self._watch.end(task, what, time.perf_counter() - started)
        if kind == "failed":
            raise WorkFailed(str(value))
        return value

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._alive:
                process.kill()


def _no_stops() -> None:
    """Ctrl-C and its like reach the main thread alone, which ends the processes that this one
    starts: they inherit the mask, and are quiet about it even where it comes while they begin."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)


def _child(pipe: Connection, job: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    def progress(done: int, total: int) -> None:
        if done % 10 == 0:
            pipe.send(("progress", (done, total)))

    # A key that is missing fails the first turn, and that says the same.
    warnings.simplefilter("ignore", UserWarning)
    try:
        result = ("result", job(*arguments, progress))
    except (memgpt.Error, OSError) as error:
        result = ("failed", f"{type(error).__name__}: {' '.join(str(error).split())}")
    pipe.send(result)
