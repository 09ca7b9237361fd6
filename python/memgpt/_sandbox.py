"""Runs tools that clients sent as source text, each call in a sandbox of its own.

Bubblewrap gives namespaces and a file system in which there is Python and nothing of the user's;
limits and a filter of system calls hold what namespaces do not. Without a sandbox nothing runs.
"""

from __future__ import annotations

import contextlib
import json
import marshal
import math
import os
import secrets
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from memgpt import _sandbox_command as command
from memgpt import _sandbox_filter, _sandbox_watch
from memgpt._text import checked_text
from memgpt.errors import ToolError

__all__ = ["Limits", "SandboxResult", "require_sandbox", "run_source"]
require_sandbox = command.require_sandbox
_TICK_S = 0.05  # how often a run is looked at that is not finished
_END_S = 10.0  # how long the kernel may take to clear a sandbox that was ended
_PIECE = 2**16


@dataclass(frozen=True)
class Limits:
    """What one call may use.

    Attributes:
        seconds: from start to end; also of processor time, for each process.
        memory: bytes that all of its processes together may hold, and address space of each.
        disk: bytes of files in its folder.
        files: how many files it may hold there.
        processes: processes and threads.
        descriptors: open files of each process.
        output: bytes that are kept of each of standard output and standard error.
        value: characters of what the function returned.
    """

    seconds: float = 60.0
    memory: int = 512 * 2**20
    disk: int = 64 * 2**20
    files: int = 10_000
    processes: int = 32
    descriptors: int = 256
    output: int = 64 * 2**10
    value: int = 50_000

    def of_process(self) -> dict[str, int]:
        """What the kernel enforces in each process, by the names of rlimits."""
        return {
            "CPU": math.ceil(self.seconds) + 1,
            "AS": self.memory,
            "FSIZE": self.disk,
            "NPROC": self.processes + 2,  # bubblewrap's own, and the first
            "NOFILE": self.descriptors,
            "MSGQUEUE": 0,
            "MEMLOCK": 0,
            "CORE": 0,
        }


@dataclass(frozen=True)
class SandboxResult:
    """How a call ended.

    Attributes:
        status: ``"success"`` or ``"error"``.
        value: what the function returned, as text: dictionaries as JSON, anything else as ``str``
            writes it; of an error, its kind and words.
        stdout: what it printed, as one text, or nothing.
        stderr: likewise; of an error, the traceback.
    """

    status: Literal["success", "error"]
    value: str
    stdout: list[str]
    stderr: list[str]


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


class _Run:
    """One sandbox from its start until nothing of it is left."""

    def __init__(self, limits: Limits, started: subprocess.Popen[bytes], pipes: list[int]) -> None:
        self.limits = limits
        self.started = started
        self.stopped = ""  # why it was ended from outside
        self.first: int | None = None  # the id of the namespace's first process
        self.held: list[int] = []  # descriptors to close
        assert started.stdout is not None and started.stderr is not None
        outputs = [started.stdout.fileno(), started.stderr.fileno()]
        sizes = [4 * limits.value + 2**14, 2**10, limits.output, limits.output]
        self.kept = {
            fd: _Kept(size) for fd, size in zip([*pipes, *outputs], sizes, strict=True)
        }
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
            self.first = json.loads(self.info.data)["child-pid"]
            with contextlib.suppress(ProcessLookupError):
                self.inner = self._watch_process(self.first)
                self.selector.register(self.inner, selectors.EVENT_READ, self._ended)

    def _ended(self, fd: int) -> None:
        self.selector.unregister(fd)

    def _excess(self) -> str:
        """Which limit all processes together have passed."""
        if self.first is None:
            return ""
        if _sandbox_watch.files(self.first, command.WORK) > self.limits.files:
            return f"OSError: more than {self.limits.files} files"
        held = sum(map(_sandbox_watch.memory, _sandbox_watch.processes(self.first)))
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


def _start(
    request: bytes, limits: Limits, packages: Sequence[str], allow_network: bool, result: int,
    info: int,
) -> subprocess.Popen[bytes]:  # fmt: skip
    """Start the sandbox; it gets copies of the descriptors."""
    data = [request, _sandbox_filter.program(), command.runner_code()]
    request_fd, filter_fd, runner_fd = given = [command.data_fd(one) for one in data]
    try:
        own = command.arguments(
            disk=limits.disk,
            packages=packages,
            allow_network=allow_network,
            filter_fd=filter_fd,
            runner_fd=runner_fd,
        )
        python = [command.python_executable(), "-I", "-S", "-B", "-X", "utf8", command.RUNNER]
        return subprocess.Popen(
            [*command.launcher(), *own, "--info-fd", str(info), *python, str(result)],
            stdin=request_fd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(filter_fd, runner_fd, result, info),
            start_new_session=True,
            env={},
        )
    finally:
        for descriptor in given:
            os.close(descriptor)


def _outcome(run: _Run, nonce: str, name: str) -> SandboxResult:
    """What the runner wrote, or why it could not."""
    output = run.stdout.text(), run.stderr.text()
    data = bytes(run.result.data)
    if not run.stopped and f"{nonce} started\n".encode() not in data:
        raise command.refused(" ".join(output[1]))
    for status in ("success", "error"):
        _, found, rest = data.rpartition(f"{nonce} {status} ".encode())
        size, _, text = rest.partition(b"\n")
        if found and size.isdigit() and len(text) >= int(size):
            value = text[: int(size)].decode("utf-8", "replace")
            return SandboxResult(status, value, *output)
    code = run.started.returncode
    why = run.stopped or f"RuntimeError: the tool's process ended without a result (status {code})"
    return SandboxResult("error", f"Error executing function {name}: {why}", *output)


def _request(
    source: str, name: str, arguments: Mapping[str, Any], environment: Mapping[str, str],
    limits: Limits, packages: Sequence[str], nonce: str,
) -> bytes:  # fmt: skip
    for key, value in environment.items():
        checked_text(key, "the name of an environment variable")
        checked_text(value, f"the environment variable {key}")
        if not key or "=" in key or "\0" in key + value:
            raise ToolError(f"{key!r} cannot be an environment variable with that value")
    request = {
        "source": source,
        "name": name,
        "arguments": dict(arguments),
        "environment": dict(environment),
        "packages": list(packages),
        "limits": limits.of_process(),
        "value_limit": limits.value,
        "uid": command.user_inside(),
        "nonce": nonce,
    }
    try:
        return marshal.dumps(request)
    except ValueError as error:
        raise ToolError(f"the arguments of {name} must be what JSON can hold") from error


def run_source(
    source: str,
    name: str,
    arguments: Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    allow_network: bool = False,
    packages: Sequence[str] = (),
) -> SandboxResult:
    """Call one function of a source text, in a sandbox; returns when nothing of it is left.

    Args:
        source: Python.
        name: the function to call; an ``async def`` is awaited.
        arguments: by name, as JSON has them. ``agent_state`` and ``self`` are None if not given.
        environment: all the environment variables that the tool sees.
        limits: what it may use.
        allow_network: it gets this machine's network, with all that listens on loopback.
        packages: folders of modules that it may import besides the standard library.

    An exception, a passed limit or the end of its process is a result with status ``"error"``.

    Raises:
        ConfigError: where there is no sandbox; the text says what to install or to allow.
        ToolError: for arguments or variables that cannot be handed over.
    """
    command.require_sandbox()
    limits = limits or Limits()
    nonce = secrets.token_hex(16)
    request = _request(source, name, arguments, environment or {}, limits, packages, nonce)
    result, result_inside = os.pipe()
    info, info_inside = os.pipe()
    run = None
    try:
        try:
            started = _start(request, limits, packages, allow_network, result_inside, info_inside)
        finally:
            os.close(result_inside)
            os.close(info_inside)
        run = _Run(limits, started, [result, info])
        run.wait()
    finally:
        if run is not None:
            run.close()
        os.close(result)
        os.close(info)
    return _outcome(run, nonce, name)
