"""Runs tools that clients sent as source text, each call in a sandbox of its own.

Bubblewrap gives namespaces and a file system in which there is Python and nothing of the user's;
limits and a filter of system calls hold what namespaces do not. Without a sandbox nothing runs.
"""

from __future__ import annotations

import marshal
import os
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from memgpt import _sandbox_command as command
from memgpt import _sandbox_filter
from memgpt._sandbox_limits import Limits
from memgpt._sandbox_process import SandboxProcess
from memgpt._text import checked_text
from memgpt.errors import ToolError

__all__ = ["Limits", "SandboxResult", "require_sandbox", "run_source"]
require_sandbox = command.require_sandbox


@dataclass(frozen=True)
class SandboxResult:
    """How a call ended.

    Attributes:
        status: ``"success"`` or ``"error"``.
        value: what the function returned, as text: dictionaries as JSON, anything else as ``str``
            writes it; of an error, its kind and words.
        stdout: what it printed, as one text, or nothing.
        stderr: likewise; of an error, the traceback.
        json: what the function returned, where it is no text, JSON has it and it is not long.
    """

    status: Literal["success", "error"]
    value: str
    stdout: list[str]
    stderr: list[str]
    json: str = field(default="", compare=False)


def _start(
    request: bytes,
    limits: Limits,
    packages: Sequence[str],
    allow_network: bool,
    pipes: tuple[int, int],
) -> subprocess.Popen[bytes]:
    """Start the sandbox; it gets copies of the pipes, for its result and for its first process."""
    result, info = pipes
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


def _frame(data: bytes, mark: str) -> str | None:
    """What the runner wrote under a mark; None where it is not there, or not all of it."""
    _, found, rest = data.rpartition(mark.encode())
    size, _, text = rest.partition(b"\n")
    if not found or not size.isdigit() or len(text) < int(size):
        return None
    return text[: int(size)].decode("utf-8", "replace")


def _outcome(run: SandboxProcess, nonce: str, name: str) -> SandboxResult:
    """What the runner wrote, or why it could not."""
    output = run.stdout.text(), run.stderr.text()
    data = bytes(run.result.data)
    if not run.stopped and f"{nonce} started\n".encode() not in data:
        raise command.refused(" ".join(output[1]))
    for status in ("success", "error"):
        value = _frame(data, f"{nonce} {status} ")
        if value is not None:
            return SandboxResult(status, value, *output, _frame(data, f"{nonce} json ") or "")
    code = run.started.returncode
    why = run.stopped or f"RuntimeError: the tool's process ended without a result (status {code})"
    return SandboxResult("error", f"Error executing function {name}: {why}", *output)


def _request(
    source: str,
    name: str,
    arguments: Mapping[str, Any],
    schema: Mapping[str, Any] | None,
    environment: Mapping[str, str],
    limits: Limits,
    packages: Sequence[str],
    nonce: str,
) -> bytes:
    for key, value in environment.items():
        checked_text(key, "the name of an environment variable")
        checked_text(value, f"the environment variable {key}")
        if not key or "=" in key or "\0" in key + value:
            raise ToolError(f"{key!r} cannot be an environment variable with that value")
    request = {
        "source": source,
        "name": name,
        "arguments": dict(arguments),
        "schema": dict(schema) if schema else None,
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
    schema: Mapping[str, Any] | None = None,
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
        schema: of the arguments, where a client made it from a Pydantic model. What is an object
            there reaches the function with attributes, and the source may name its class.
        environment: all the environment variables that the tool sees.
        limits: what it may use.
        allow_network: it gets this machine's network, with all that listens on loopback.
        packages: folders of modules that it may import besides the standard library.

    The tool sees /usr and Python's own folders, to be read, and can write to /tmp, where it begins
    and which is empty. There is no /proc, and no shared memory, so no locks of multiprocessing.
    An exception, a passed limit or the end of its process is a result with status ``"error"``.

    Raises:
        ConfigError: where there is no sandbox; the text says what to install or to allow.
        ToolError: for arguments or variables that cannot be handed over.
    """
    command.require_sandbox()
    limits = limits or Limits()
    nonce = secrets.token_hex(16)
    request = _request(source, name, arguments, schema, environment or {}, limits, packages, nonce)
    result, result_inside = os.pipe()
    info, info_inside = os.pipe()
    try:
        try:
            inside = (result_inside, info_inside)
            started = _start(request, limits, packages, allow_network, inside)
        finally:
            os.close(result_inside)
            os.close(info_inside)
        run = SandboxProcess(limits, started, [result, info])
        try:
            run.wait()
        finally:
            run.close()
    finally:
        os.close(result)
        os.close(info)
    return _outcome(run, nonce, name)
