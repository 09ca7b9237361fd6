"""Reads the source of a tool without running it.

Run as a program of its own by ``_tool_source.py``: source on standard input, JSON on standard
output. Text that makes the parser run out of stack or memory ends this process and no other, so
it imports nothing but the standard library and the reader of docstrings beside it.
"""

from __future__ import annotations

import ast
import json
import math
import os
import resource
import sys
from typing import Any

STATE = "agent_state"
RESERVED = (STATE, "self")  # filled in where the tool is run, never by a model
_SIMPLE = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_CPU_SECONDS = 5
_MEMORY = 512 * 2**20


class Refused(Exception):
    """The source is no tool; the text says why."""


def _members(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _union(members: list[ast.expr]) -> dict[str, Any]:
    schemas = [annotation_schema(member) for member in members]
    kinds = [schema for schema in schemas if schema != {"type": "null"}]
    if len(kinds) == len(schemas) or not kinds:
        return kinds[0] if len(kinds) == 1 else {"anyOf": schemas}
    if len(kinds) > 1:
        return {"anyOf": schemas}
    kind = kinds[0]
    if isinstance(kind.get("type"), str) and "enum" not in kind:
        return {**kind, "type": [kind["type"], "null"]}
    return {"anyOf": schemas} if kind else {}


def _literal(members: list[ast.expr]) -> dict[str, Any]:
    values = [ast.literal_eval(member) for member in members]
    kinds = {_SIMPLE.get(type(value).__name__) for value in values}
    if kinds <= set(_SIMPLE.values()) and len(kinds) == 1:
        return {"type": kinds.pop(), "enum": values}
    if not all(value is None or type(value).__name__ in _SIMPLE for value in values):
        raise ValueError("a value that JSON does not have")
    return {"enum": values}


def _generic(name: str, members: list[ast.expr]) -> dict[str, Any]:
    match name:
        case "list" | "List" | "Sequence" if len(members) == 1:
            return {"type": "array", "items": annotation_schema(members[0])}
        case "dict" | "Dict" | "Mapping" if len(members) == 2:
            if annotation_schema(members[0]) != {"type": "string"}:
                raise ValueError("keys of JSON objects are str")
            return {"type": "object", "additionalProperties": annotation_schema(members[1])}
        case "tuple" | "Tuple":
            items = [annotation_schema(member) for member in members]
            return {
                "type": "array",
                "prefixItems": items,
                "minItems": len(items),
                "maxItems": len(items),
            }
        case "Optional" if len(members) == 1:
            return _union([*members, ast.Constant(None)])
        case "Union":
            return _union(members)
        case "Literal":
            return _literal(members)
        case "Annotated":
            return annotation_schema(members[0])
    raise ValueError("unknown")


def annotation_schema(node: ast.expr) -> dict[str, Any]:
    """The JSON schema of an annotation.

    Raises:
        ValueError: for one that names no kind of JSON value.
    """
    match node:
        case ast.Constant(value=None):
            return {"type": "null"}
        case ast.Constant(value=str() as text):
            return annotation_schema(ast.parse(text.strip(), mode="eval").body)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([*_alternatives(left), *_alternatives(right)])
        case ast.Attribute(value=ast.Name(), attr=name):
            return annotation_schema(ast.Name(name))
        case ast.Name(id=name) if name in _SIMPLE:
            return {"type": _SIMPLE[name]}
        case ast.Name(id="list" | "List" | "Sequence"):
            return {"type": "array", "items": {}}
        case ast.Name(id="dict" | "Dict" | "Mapping"):
            return {"type": "object"}
        case ast.Name(id="Any"):
            return {}
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=arguments):
            return _generic(name, _members(arguments))
    raise ValueError("unknown")


def _alternatives(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_alternatives(node.left), *_alternatives(node.right)]
    return [node]


def _parameter(function: str, argument: ast.arg, text: str) -> dict[str, Any]:
    what = f'parameter "{argument.arg}" of function "{function}"'
    if argument.annotation is None:
        raise Refused(f"{what} has no type annotation; write for example {argument.arg}: str")
    if not text:
        raise Refused(
            f"{what} has no description; give it one in the section Args: of the docstring"
        )
    try:
        schema = annotation_schema(argument.annotation)
    except (ValueError, SyntaxError) as error:
        raise Refused(
            f'{what}: the annotation "{ast.unparse(argument.annotation)}" names no kind of JSON '
            "value; use str, int, float, bool, list, dict, Optional, Union, Literal, or send "
            "args_json_schema"
        ) from error
    return {**schema, "description": text}


def _default(node: ast.expr) -> dict[str, Any]:
    """What the schema says of a default: only values that are simple and JSON has."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return {}
    if isinstance(value, float) and not math.isfinite(value):
        return {}
    return {"default": value} if isinstance(value, (str, int, float, bool)) else {}


def parameters_schema(
    function: ast.FunctionDef | ast.AsyncFunctionDef, texts: dict[str, str]
) -> dict[str, Any]:
    """The JSON schema of a function's parameters.

    Raises:
        Refused: for a parameter that no model could fill in.
    """
    given = function.args
    for what in (given.vararg, given.kwarg, *given.posonlyargs):
        if what is not None and what.arg not in RESERVED:
            raise Refused(
                f'parameter "{what.arg}" of function "{function.name}" cannot be filled in by a '
                "model; give every parameter a name and a type"
            )
    missing: list[ast.expr | None] = [None] * (len(given.args) - len(given.defaults))
    defaults = [*missing, *given.defaults[-len(given.args) :]] if given.args else []
    properties: dict[str, Any] = {}
    required: list[str] = []
    pairs = [*zip(given.args, defaults, strict=True)]
    pairs += zip(given.kwonlyargs, given.kw_defaults, strict=True)
    for argument, default in pairs:
        if argument.arg in RESERVED:
            continue
        schema = _parameter(function.name, argument, texts.get(argument.arg, ""))
        properties[argument.arg] = {**schema, **(_default(default) if default else {})}
        if default is None:
            required.append(argument.arg)
    return {"type": "object", "properties": properties, "required": required}


def check_reserved(function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Refuse what Letta would fill in, and is not served here: it would be None in the tool.

    Raises:
        Refused: for a parameter ``agent_state``.
    """
    given = function.args
    if any(one.arg == STATE for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)):
        raise Refused(
            f'parameter "{STATE}" of function "{function.name}" is not served: tools run in a '
            "sandbox and do not get the agent; leave it out, and let the model give what is needed"
        )


def the_function(tree: ast.Module, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """The function of a name, or the last one.

    Raises:
        Refused: where there is none.
    """
    functions = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    if not functions:
        raise Refused("the source defines no function; write one with def at the outermost level")
    named = [function for function in functions if function.name == name] if name else functions
    if not named:
        raise Refused(
            f'json_schema names it "{name}", and the function is "{functions[-1].name}": give both '
            "the same name"
        )
    return named[-1]


def read(source: str, with_parameters: bool, name: str = "") -> dict[str, Any]:
    """Name, description and, where asked for, parameters of a source's function: the last one, or
    the one of a name.

    Raises:
        Refused: where there is none, or it cannot be a tool.
    """
    from _docstring import describe  # pyright: ignore[reportMissingImports]

    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise Refused(f"the source is not Python: {error.msg} (line {error.lineno})") from error
    except ValueError as error:
        raise Refused(f"the source is not Python: {error}") from error
    function = the_function(tree, name)
    check_reserved(function)
    description, texts = describe(ast.get_docstring(function))
    found: dict[str, Any] = {"name": function.name, "description": description}
    if with_parameters:
        found["parameters"] = parameters_schema(function, texts)
    return found


def main() -> None:
    for limit, most in (
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    # Last, so that no file of the package takes the place of one of the standard library.
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    what, name = sys.argv[1:]
    source = sys.stdin.buffer.read().decode("utf-8")
    try:
        answer = read(source, what == "parameters", name)
    except Refused as error:
        answer = {"refused": str(error)}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
