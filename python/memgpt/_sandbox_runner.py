"""Runs one function of a tool's source. The only part of memgpt that is inside of the sandbox.

``_sandbox.py`` starts it as a program of its own: the request comes marshalled on standard input,
the result goes to a pipe of its own, as ``<nonce> <status> <bytes>`` and the text. It has no
dependencies, and imports the slower parts of the standard library only where they are needed.
"""

from __future__ import annotations
import __future__

import contextlib
import marshal
import os
import resource
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

FILE = "<tool>"
RESERVED = ("agent_state", "self")
ERROR_LIMIT = 1000
DEPTH_LIMIT = 20  # of references that lead to references


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


class Record(types.SimpleNamespace):
    """An argument that is an object in the client's schema: ``data.item.name``."""

    def __getitem__(self, name: str) -> Any:
        return vars(self)[name]

    def model_dump(self) -> dict[str, Any]:
        return {name: plain(value) for name, value in vars(self).items()}


def plain(value: Any) -> Any:
    """Lists and dictionaries again."""
    if isinstance(value, Record):
        return Record.model_dump(value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


class Records:
    """Makes objects of arguments, by the schema that a client made from its Pydantic model."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.kinds: dict[str, type[Record]] = {}
        defined = schema.get("$defs")
        defined = defined if isinstance(defined, dict) else {}
        self.defined = {name: one for name, one in defined.items() if isinstance(one, dict)}
        own = schema.get("properties")
        self.properties: dict[str, Any] = own if isinstance(own, dict) else {}

    def kind(self, name: str) -> type[Record]:
        """The class of a definition; the source may name it, too."""
        return self.kinds.setdefault(name, type(name, (Record,), {"__module__": "tool"}))

    def classes(self) -> dict[str, type[Record]]:
        kinds = {name for name, one in self.defined.items() if "properties" in one}
        return {name: self.kind(name) for name in kinds if name.isidentifier()}

    def variants(
        self, schema: Any, name: str = "", depth: int = 0
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """What a value may be: the schemas that it leads to, each with its definition's name."""
        if not isinstance(schema, dict) or depth > DEPTH_LIMIT:
            return
        yield name, schema
        link = schema.get("$ref")
        if isinstance(link, str):
            name = link.rpartition("/")[2]
            yield from self.variants(self.defined.get(name), name, depth + 1)
        for key in ("anyOf", "oneOf", "allOf"):
            for one in schema.get(key) or ():
                yield from self.variants(one, name, depth + 1)

    def value(self, value: Any, schema: Any) -> Any:
        """The value as the function gets it."""
        for name, one in self.variants(schema):
            if isinstance(value, list) and isinstance(one.get("items"), dict):
                return [self.value(item, one["items"]) for item in value]
            if isinstance(value, dict) and fits(value, one):
                return self.record(value, one, name)
            more = one.get("additionalProperties")
            if isinstance(value, dict) and isinstance(more, dict):
                return {key: self.value(item, more) for key, item in value.items()}
        return value

    def record(self, value: dict[str, Any], schema: dict[str, Any], name: str) -> Record:
        known = schema["properties"]
        fields = {
            key: one.get("default") if isinstance(one, dict) else None for key, one in known.items()
        }
        made = {key: self.value(one, known.get(key)) for key, one in {**fields, **value}.items()}
        return (self.kind(name) if name else Record)(**made)


def fits(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Whether an object can be one of a schema that says what it holds."""
    known = schema.get("properties")
    if not isinstance(known, dict) or any(key not in value for key in schema.get("required") or ()):
        return False
    fixed = [key for key, one in known.items() if isinstance(one, dict) and "const" in one]
    return all(value.get(key, known[key]["const"]) == known[key]["const"] for key in fixed)


def define(source: str, records: Records | None) -> dict[str, Any]:
    """What the source defines. As in Letta, no annotation is looked at, for clients send functions
    without what stood around them, and the names of ``typing`` are there."""
    module = types.ModuleType("tool")
    sys.modules["tool"] = module  # dataclasses and pickle look their classes' module up
    names = vars(module)
    names.update({name: getattr(typing, name) for name in typing.__all__})
    if records:
        names.update(records.classes())
    flags = __future__.annotations.compiler_flag
    exec(compile(source, FILE, "exec", flags=flags, dont_inherit=True), names)
    return names


def json_of(value: Any, most: int) -> str:
    """What a tool returned, as JSON; empty where it is text, too long, or JSON does not have it."""
    if isinstance(value, str):
        return ""
    import json

    try:
        text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return ""
    return text if len(text) <= most else ""


def call(
    source: str, name: str, arguments: dict[str, Any], schema: dict[str, Any] | None = None
) -> Any:
    """Define what the source defines, and call one function of it."""
    records = Records(schema) if schema else None
    function = define(source, records).get(name)
    if not callable(function):
        raise NameError(f'the source defines no function "{name}"')
    code = getattr(function, "__code__", None)
    if code is not None:
        known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        absent = [one for one in RESERVED if one in known and one not in arguments]
        arguments = {**dict.fromkeys(absent), **arguments}
    if records:
        known = records.properties
        arguments = {key: records.value(one, known.get(key)) for key, one in arguments.items()}
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


def run(request: dict[str, Any]) -> tuple[str, str, str]:
    """Status, text and JSON of one call; whatever the tool raises is a result, too."""
    source, name, most = request["source"], request["name"], request["value_limit"]
    try:
        value = call(source, name, request["arguments"], request["schema"])
        text, data = text_of(value), json_of(value, most)
    except BaseException as error:
        return "error", failure(error, name, source), ""
    if len(text) > most:
        text = f"{text[:most]}... [NOTE: the value was cut: {most} of {len(text)} characters]"
    return "success", text, data


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
    status, text, json = run(request)
    if os.getpid() != process:  # the tool forked, and this is not the process that was called
        os._exit(0)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the tool closed it
            continue
    for kind, written in (("json", json), (status, text)):
        data = written.encode("utf-8", "replace")
        write_all(result, f"{nonce} {kind} {len(data)}\n".encode() + data)
    os._exit(0)  # threads that the tool left behind are not waited for


if __name__ == "__main__":
    main()
