"""Name, description and JSON schema of a tool that a client sent as source text.

The source is never run or imported here. Even parsing is left to a process of its own, for text
that is nested deeply enough ends the process that parses it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memgpt._text import checked_text
from memgpt._tool_source_reader import RESERVED
from memgpt.errors import ToolError

NAME_LIMIT = 48
SOURCE_LIMIT = 1_000_000
_SECONDS = 20
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_READER = Path(__file__).with_name("_tool_source_reader.py")


@dataclass(frozen=True)
class ToolSpec:
    """What a model is told of a tool.

    Attributes:
        name: at most 48 letters, digits and underscores.
        description: what it does; may be empty.
        parameters: a JSON schema, always with ``type``, ``properties`` and ``required``.
    """

    name: str
    description: str
    parameters: dict[str, Any]


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ToolError(
            f"a tool's name is made of letters, digits and underscores and begins with no digit, "
            f"not {name!r}"
        )
    if len(name) > NAME_LIMIT:
        raise ToolError(
            f'the tool\'s name "{name}" has {len(name)} characters; at most {NAME_LIMIT} go'
        )
    return name


def _checked_parameters(schema: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The schema of the parameters without those that no model fills in."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if schema.get("type", "object") != "object" or not isinstance(properties, Mapping):
        raise ToolError(f'{what} must be a JSON schema of "type": "object" with "properties"')
    if not isinstance(required, (list, tuple)):
        raise ToolError(f'{what}: "required" must be a list of names')
    # "title" and "description" name the model class; those of the tool stand beside it.
    kept = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return {
        **kept,
        "type": "object",
        "properties": {key: value for key, value in properties.items() if key not in RESERVED},
        "required": [name for name in required if name not in RESERVED],
    }


def _from_schema(schema: Mapping[str, Any]) -> ToolSpec:
    if not isinstance(schema, Mapping):
        raise ToolError("json_schema must be an object with name, description and parameters")
    description = schema.get("description") or ""
    parameters = schema.get("parameters")
    parameters = {} if parameters is None else parameters
    if not isinstance(description, str) or not isinstance(parameters, Mapping):
        raise ToolError("json_schema: description is text, parameters an object")
    return ToolSpec(
        _checked_name(schema.get("name")),
        description,
        _checked_parameters(parameters, "json_schema: parameters"),
    )


def _read(source: str, with_parameters: bool, name: str = "") -> dict[str, Any]:
    """What the reader says of the function of that name; without one, of the last function."""
    if len(checked_text(source, "source_code")) > SOURCE_LIMIT:
        raise ToolError(f"source_code has more than {SOURCE_LIMIT} characters")
    wanted = ["parameters" if with_parameters else "name", name]
    command = [sys.executable, "-I", "-S", "-W", "ignore", str(_READER), *wanted]
    try:
        done = subprocess.run(
            command, input=source.encode(), capture_output=True, timeout=_SECONDS, env={}
        )
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise ToolError(
            "the tool's source cannot be parsed: it is too large or nested too deeply"
        ) from error
    if "refused" in answer:
        raise ToolError(f"this source is no tool: {answer['refused']}")
    return answer


def derive(
    source_code: str,
    *,
    source_type: str = "python",
    args_json_schema: Mapping[str, Any] | None = None,
    json_schema: Mapping[str, Any] | None = None,
) -> ToolSpec:
    """What a model is told of a tool, from its source.

    Args:
        source_code: Python; its last function at the outermost level is the tool.
        source_type: ``"python"``, or ``"json"`` for a schema alone, which cannot be run.
        args_json_schema: the schema of the parameters, where a client has it from a Pydantic
            model; then docstring and annotations need not tell them.
        json_schema: name, description and parameters as the client wants them; it wins, and of the
            source only the function of that name has to be there.

    Raises:
        ToolError: where the source is no tool; it names function and parameter.
        InvalidInput: where the source is no text.
    """
    if source_type not in ("python", "json"):
        raise ToolError(
            f"tools are written in Python here; source_type {source_type!r} does not run"
        )
    if json_schema is not None:
        spec = _from_schema(json_schema)
        if source_type == "python":
            _read(source_code, False, spec.name)
        return spec
    if source_type == "json":
        raise ToolError('source_type "json" needs a json_schema')
    found = _read(source_code, args_json_schema is None)
    name, description = _checked_name(found["name"]), found["description"]
    if args_json_schema is None:
        return ToolSpec(name, description, found["parameters"])
    if not isinstance(args_json_schema, Mapping):
        raise ToolError('args_json_schema must be a JSON schema of "type": "object"')
    own = args_json_schema.get("description")
    parameters = _checked_parameters(args_json_schema, "args_json_schema")
    return ToolSpec(name, description or (own if isinstance(own, str) else ""), parameters)
