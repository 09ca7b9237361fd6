"""Calls of tools from source, and what is left of them.

Where the tests run as root, ``everyone`` runs a test once as root and once as an ordinary user,
for the sandbox is made in another way then.
"""

from __future__ import annotations

import os
import pickle
import sys
import textwrap
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from memgpt import _sandbox_command
from memgpt._sandbox import Limits, SandboxResult, run_source

NOBODY = 65534
Run = Callable[..., SandboxResult]
# A name of this process's own, so that what is left of its sandboxes can be told from others'.
RUNNER = f"/run/memgpt-tool-{os.getpid()}.py"
_sandbox_command.RUNNER = RUNNER


def call(source: str, arguments: dict[str, Any] | None = None, **options: Any) -> SandboxResult:
    """Run the function ``f`` of a source; options that are limits become limits."""
    names = Limits.__dataclass_fields__.keys() & options.keys()
    limits = Limits(**{"seconds": 20.0, **{name: options.pop(name) for name in names}})
    return run_source(textwrap.dedent(source), "f", arguments or {}, limits=limits, **options)


def become_nobody() -> None:
    """Only what every user can read is there then; so is Debian's own Python."""
    base = Path(sys.base_prefix)
    os.setgroups([])
    os.setresgid(*[NOBODY] * 3)
    os.setresuid(*[NOBODY] * 3)
    if not os.access(base / "bin", os.X_OK):
        sys.base_prefix = "/usr"
        _sandbox_command.python_executable = lambda: os.path.realpath("/usr/bin/python3")


def call_as_nobody(*args: Any, **options: Any) -> SandboxResult:
    _sandbox_command.runner_code()  # read while it can be
    inside, outside = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        child = os.fork()
    if child == 0:
        try:
            become_nobody()
            answer: Any = call(*args, **options)
        except BaseException as error:
            answer = error
        with open(outside, "wb") as file:
            pickle.dump(answer, file)
        os._exit(0)
    os.close(outside)
    with open(inside, "rb") as file:
        answer = pickle.load(file)
    os.waitpid(child, 0)
    if isinstance(answer, BaseException):
        raise answer
    return answer


USERS = {"ordinary": call_as_nobody, "root": call} if os.geteuid() == 0 else {"ordinary": call}
everyone = pytest.mark.parametrize("run", USERS.values(), ids=USERS)


def sandboxed() -> dict[int, str]:
    """The processes of this test run's sandboxes, with their command lines."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if RUNNER in words:
            found[int(file.parent.name)] = words
    return found


def left() -> list[str]:
    """Command lines of what runs in a sandbox."""
    return list(sandboxed().values())


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
