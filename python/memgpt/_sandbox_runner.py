"""Runs one function of a tool's source. The only part of memgpt that is inside of the sandbox.

``_sandbox.py`` starts it as a program of its own: the request comes marshalled on standard input,
the result goes to a pipe of its own, as ``<nonce> <status> <bytes>`` and the text. It has no
dependencies, and imports the slower parts of the standard library only where they are needed.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import resource
import sys
from typing import Any

FILE = "<tool>"
RESERVED = ("agent_state", "self")
ERROR_LIMIT = 1000


def confine(request: dict[str, Any]) -> None:
    """Give up root where there is any, and set the limits; both hold for what the tool starts."""
    if request["uid"] is not None:
        os.setgroups([])
        os.setresgid(*[request["uid"]] * 3)
        os.setresuid(*[request["uid"]] * 3)
    for name, most in request["limits"].items():
        kind = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def close_all_but(kept: int) -> None:
    """Standard input is empty; of the rest only output and the result's pipe stay."""
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.closerange(3, kept)
    os.closerange(kept + 1, 1024)


def text_of(value: Any) -> str:
    """What a tool returned, as the model reads it."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return str(value)
    import json

    def other(part: Any) -> str:
        return part.isoformat() if hasattr(part, "isoformat") else str(part)

    try:
        return json.dumps(value, ensure_ascii=False, default=other)
    except (TypeError, ValueError):  # keys that JSON does not have, or a circle
        return str(value)


def call(source: str, name: str, arguments: dict[str, Any]) -> Any:
    """Define what the source defines, and call one function of it."""
    import types

    module = types.ModuleType("tool")
    sys.modules["tool"] = module  # dataclasses and pickle look their classes' module up
    exec(compile(source, FILE, "exec", dont_inherit=True), vars(module))
    function = vars(module).get(name)
    if not callable(function):
        raise NameError(f'the source defines no function "{name}"')
    code = getattr(function, "__code__", None)
    if code is not None:
        known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        absent = [one for one in RESERVED if one in known and one not in arguments]
        arguments = {**dict.fromkeys(absent), **arguments}
    value = function(**arguments)
    if hasattr(value, "__await__"):
        import asyncio

        async def wait() -> Any:
            return await value  # pyright: ignore[reportGeneralTypeIssues]

        return asyncio.run(wait())
    return value


def show_traceback(error: BaseException, source: str) -> None:
    import linecache
    import traceback

    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != FILE:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def failure(error: BaseException, name: str, source: str) -> str:
    """The error as the model reads it; the traceback goes to standard error."""
    try:
        words = str(error)
    except Exception:
        words = "(its message cannot be read)"
    # Out of memory or depth, or the stream is closed: then the words must do.
    with contextlib.suppress(BaseException):
        show_traceback(error, source)
    return f"Error executing function {name}: {type(error).__name__}: {words}"[:ERROR_LIMIT]


def run(request: dict[str, Any]) -> tuple[str, str]:
    """Status and text of one call; whatever the tool raises is a result, too."""
    source, name = request["source"], request["name"]
    try:
        text = text_of(call(source, name, request["arguments"]))
    except BaseException as error:
        return "error", failure(error, name, source)
    most = request["value_limit"]
    if len(text) > most:
        text = f"{text[:most]}... [NOTE: the value was cut: {most} of {len(text)} characters]"
    return "success", text


def write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def main() -> None:
    result = int(sys.argv[1])
    request = marshal.load(sys.stdin.buffer)
    nonce = request["nonce"]
    write_all(result, f"{nonce} started\n".encode())
    confine(request)
    close_all_but(result)
    os.environ.clear()
    os.environ.update(request["environment"])
    if "TZ" in request["environment"]:
        import time

        time.tzset()
    sys.path.extend(request["packages"])
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
    process = os.getpid()
    status, text = run(request)
    if os.getpid() != process:  # the tool forked, and this is not the process that was called
        os._exit(0)
    data = text.encode("utf-8", "replace")
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the tool closed it
            continue
    write_all(result, f"{nonce} {status} {len(data)}\n".encode() + data)
    os._exit(0)  # threads that the tool left behind are not waited for


if __name__ == "__main__":
    main()
