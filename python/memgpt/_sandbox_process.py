"""A running sandbox: its pipes are read, its limits watched, and it is waited for to the end."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time

from memgpt import _sandbox_limits
from memgpt._sandbox_command import WORK
from memgpt._sandbox_limits import Limits
from memgpt.errors import ToolError

_TICK_S = 0.05  # how often a run is looked at that is not finished
_END_S = 10.0  # how long the kernel may take to clear a sandbox that was ended
_PIECE = 2**16


class _Kept:
    """The beginning of what comes out of a pipe; the rest is counted and dropped."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.data = bytearray()
        self.total = 0

    def add(self, piece: bytes) -> None:
        self.total += len(piece)
        self.data += piece[: self.limit - len(self.data)]

    def text(self) -> list[str]:
        text = self.data.decode("utf-8", "replace")
        if self.total > len(self.data):
            text += f"... [NOTE: the output was cut: {len(self.data)} of {self.total} bytes]"
        return [text] if text else []


class SandboxProcess:
    """One sandbox from its start until nothing of it is left."""

    def __init__(self, limits: Limits, started: subprocess.Popen[bytes], pipes: list[int]) -> None:
        self.limits = limits
        self.started = started
        self.stopped = ""  # why it was ended from outside
        self.first: int | None = None  # the id of the namespace's first process
        self.held: list[int] = []  # descriptors to close
        assert started.stdout is not None and started.stderr is not None
        outputs = [started.stdout.fileno(), started.stderr.fileno()]
        sizes = [8 * limits.value + 2**14, 2**10, limits.output, limits.output]
        self.kept = {fd: _Kept(size) for fd, size in zip([*pipes, *outputs], sizes, strict=True)}
        self.result, self.info, self.stdout, self.stderr = self.kept.values()
        self.selector = selectors.DefaultSelector()
        for fd in self.kept:
            self.selector.register(fd, selectors.EVENT_READ, self._read)
        self.outer = self._watch_process(started.pid)
        self.selector.register(self.outer, selectors.EVENT_READ, self._ended)
        self.inner: int | None = None

    def _watch_process(self, pid: int) -> int:
        descriptor = os.pidfd_open(pid)
        self.held.append(descriptor)
        return descriptor

    def _read(self, fd: int) -> None:
        piece = os.read(fd, _PIECE)
        if not piece:
            self.selector.unregister(fd)
            return
        self.kept[fd].add(piece)
        if self.kept[fd] is self.info and self.inner is None and b"}" in self.info.data:
            self.first = first = int(json.loads(self.info.data)["child-pid"])
            with contextlib.suppress(ProcessLookupError):
                self.inner = self._watch_process(first)
                self.selector.register(self.inner, selectors.EVENT_READ, self._ended)

    def _ended(self, fd: int) -> None:
        self.selector.unregister(fd)

    def _excess(self) -> str:
        """Which limit all processes together have passed."""
        if max(kept.total for kept in self.kept.values()) > self.limits.printed:
            return f"OSError: more than {self.limits.printed // 2**20} MB of output"
        if self.first is None:
            return ""
        if _sandbox_limits.files(self.first, WORK) > self.limits.files:
            return f"OSError: more than {self.limits.files} files"
        held = sum(map(_sandbox_limits.memory, _sandbox_limits.processes(self.first)))
        if held > self.limits.memory:
            return f"MemoryError: more than {self.limits.memory // 2**20} MB in all processes"
        return ""

    def _stop(self, why: str) -> None:
        self.stopped = self.stopped or why
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.started.pid, signal.SIGKILL)
        if self.inner is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.inner, signal.SIGKILL)

    def wait(self) -> None:
        """Read until every process of the sandbox is gone and its pipes are empty."""
        end = time.monotonic() + self.limits.seconds
        look = time.monotonic() + _TICK_S
        while self.selector.get_map():
            for key, _ in self.selector.select(_TICK_S):
                key.data(key.fd)
            now = time.monotonic()
            if self.stopped:
                if now > end:
                    raise ToolError("the sandbox of a tool was ended and is still there")
            elif now > end:
                self._stop(f"TimeoutError: stopped after {self.limits.seconds:g} seconds")
                end = now + _END_S
            elif now > look and (why := self._excess()):
                self._stop(why)
                end = now + _END_S
            if now > look:
                look = now + _TICK_S

    def close(self) -> None:
        if self.started.poll() is None:
            self._stop("interrupted")
        self.started.wait()
        self.selector.close()
        for fd in self.held:
            os.close(fd)
        assert self.started.stdout is not None and self.started.stderr is not None
        self.started.stdout.close()
        self.started.stderr.close()
