"""JSON schemas of Python functions: types from the signature, descriptions from the docstring."""

from __future__ import annotations

import enum
import hashlib
import inspect
import types
import typing
from collections.abc import Callable, Collection
from typing import Any

from memgpt._docstring import describe
from memgpt.errors import ToolError

_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _type_schema(annotation: Any) -> dict[str, Any]:
    if annotation in _SIMPLE:
        return {"type": _SIMPLE[annotation]}
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        kinds = [_type_schema(arg) for arg in args if arg is not type(None)]
        if len(kinds) == 1 and isinstance(kinds[0].get("type"), str):
            return {**kinds[0], "type": [kinds[0]["type"], "null"]} if len(args) > 1 else kinds[0]
        return {"anyOf": kinds} if kinds else {}
    if origin is typing.Literal:
        return {"enum": list(args)}
    if origin in (list, tuple, set) or annotation in (list, tuple, set):
        return {"type": "array", "items": _type_schema(args[0]) if args else {}}
    if origin is dict or annotation is dict:
        return {"type": "object"}
    if inspect.isclass(annotation) and issubclass(annotation, enum.Enum):
        return {"enum": [member.value for member in annotation]}
    return {}


def function_schema(
    function: Callable[..., Any], filled: Collection[str] = ()
) -> tuple[str, dict[str, Any]]:
    """The description and the JSON Schema of a function's arguments.

    Args:
        function: a function or bound method.
        filled: names of parameters that are left out, for the kernel fills them in.

    Raises:
        ToolError: for *args, **kwargs or positional-only parameters, which no model can fill in.
    """
    name = getattr(function, "__name__", "tool")
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # an annotation that cannot be resolved, e.g. in a class made by exec
        hints = dict(getattr(function, "__annotations__", {}))
    description, texts = describe(function.__doc__)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in filled:
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolError(
                f'tool "{name}": the parameter "{parameter}" cannot be filled in by a model; '
                "give every parameter a name and a type"
            )
        schema = _type_schema(hints.get(parameter.name))
        if parameter.name in texts:
            schema["description"] = texts[parameter.name]
        properties[parameter.name] = schema
        if parameter.default is parameter.empty:
            required.append(parameter.name)
        elif isinstance(parameter.default, (str, int, float, bool)):
            schema["default"] = parameter.default
    return description, {"type": "object", "properties": properties, "required": required}


def fingerprint(function: Callable[..., Any]) -> str:
    """Names a function's code in the journal: changes whenever the code does."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return f"{type(function).__module__}.{type(function).__qualname__}"
    digest = hashlib.sha256()

    def feed(part: types.CodeType) -> None:
        digest.update(part.co_code)
        digest.update(repr((part.co_names, part.co_varnames)).encode())
        for constant in part.co_consts:
            if isinstance(constant, types.CodeType):
                feed(constant)
            else:
                digest.update(repr(constant).encode("utf-8", "replace"))

    feed(code)
    return digest.hexdigest()[:16]
