"""Name, description and schema of a tool from its source, which is never run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from memgpt._tool_source import ToolSpec, derive
from memgpt.errors import InvalidInput, ToolError

ROLL = '''
def helper(x):
    return x

def roll_d(n: int, times: int = 1) -> str:
    """Roll a die.

    Args:
        n (int): how many sides
            it has
        times: how often

    Returns:
        str: what was rolled
    """
    return str(helper(n))
'''


def one(annotation: str, default: str = "") -> dict[str, Any]:
    """The parameters of a function whose only parameter has this annotation."""
    default = f" = {default}" if default else ""
    docstring = '"""Do.\n\n    Args:\n        a: what\n    """'
    return derive(f"def f(a: {annotation}{default}):\n    {docstring}\n").parameters


def refusal(source: str, **options: Any) -> str:
    with pytest.raises(ToolError) as caught:
        derive(source, **options)
    return str(caught.value)


def test_the_last_function_is_the_tool() -> None:
    assert derive(ROLL) == ToolSpec(
        "roll_d",
        "Roll a die.",
        {
            "type": "object",
            "properties": {
                "n": {"type": "integer", "description": "how many sides it has"},
                "times": {"type": "integer", "description": "how often", "default": 1},
            },
            "required": ["n"],
        },
    )


def test_an_async_function_without_parameters_is_a_tool() -> None:
    spec = derive('async def ping() -> str:\n    "Say pong."\n    return "pong"\n')
    assert spec.name == "ping" and spec.description == "Say pong."
    assert spec.parameters == {"type": "object", "properties": {}, "required": []}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        ("str", {"type": "string"}),
        ("int", {"type": "integer"}),
        ("float", {"type": "number"}),
        ("bool", {"type": "boolean"}),
        ("list", {"type": "array", "items": {}}),
        ("List", {"type": "array", "items": {}}),
        ("list[int]", {"type": "array", "items": {"type": "integer"}}),
        ("typing.List[str]", {"type": "array", "items": {"type": "string"}}),
        ("dict", {"type": "object"}),
        ("Dict[str, float]", {"type": "object", "additionalProperties": {"type": "number"}}),
        ("Dict[str, Any]", {"type": "object", "additionalProperties": {}}),
        ("Optional[int]", {"type": ["integer", "null"]}),
        ("Union[str, None]", {"type": ["string", "null"]}),
        ("int | None", {"type": ["integer", "null"]}),
        ("'str | None'", {"type": ["string", "null"]}),
        ("int | str", {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ("Literal['a', 'b']", {"type": "string", "enum": ["a", "b"]}),
        ("Literal[1, -2]", {"type": "integer", "enum": [1, -2]}),
        ("Literal['a', None]", {"enum": ["a", None]}),
        (
            "Optional[Literal['a']]",
            {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]},
        ),
        ("Annotated[int, 'sides']", {"type": "integer"}),
        (
            "tuple[int, str]",
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
    ],
)
def test_annotations_become_types(annotation: str, schema: dict[str, Any]) -> None:
    parameters = one(annotation)
    assert parameters["properties"]["a"] == {**schema, "description": "what"}
    assert parameters["required"] == ["a"]


@pytest.mark.parametrize(
    "annotation", ["Color", "dict[int, str]", "datetime.date", "set[int]", "'('", "Literal[b'x']"]
)
def test_an_annotation_that_is_no_json_type_is_named(annotation: str) -> None:
    with pytest.raises(ToolError) as caught:
        one(annotation)
    words = str(caught.value)
    assert f'"{annotation}"' in words and '"a"' in words and '"f"' in words


@pytest.mark.parametrize(
    ("default", "shown"), [("None", None), ("'x'", "x"), ("len('x')", None), ("1e999", None)]
)
def test_what_has_a_default_is_not_required(default: str, shown: Any) -> None:
    parameters = one("str", default)
    assert parameters["required"] == []
    assert parameters["properties"]["a"].get("default") == shown


def test_keyword_only_parameters_count() -> None:
    source = 'def f(a: int = 1, *, b: int, c: int = 2):\n    """F.\n\n    Args:\n'
    source += '        a: x\n        b: y\n        c: z\n    """\n'
    parameters = derive(source).parameters
    assert list(parameters["properties"]) == ["a", "b", "c"] and parameters["required"] == ["b"]


def test_reserved_arguments_are_no_business_of_the_model() -> None:
    source = 'def f(self, a: int):\n    """F.\n\n    Args:\n'
    source += '        a: x\n    """\n'
    assert derive(source).parameters["required"] == ["a"]
    schema = {
        "title": "F",
        "properties": {"a": {"type": "integer"}, "agent_state": {}},
        "required": ["agent_state", "a"],
    }
    parameters = derive(source, args_json_schema=schema).parameters
    assert parameters == {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
    }


def test_a_schema_of_the_arguments_needs_no_docstring() -> None:
    schema = {"description": "Of the model.", "properties": {"a": {"type": "string"}}}
    spec = derive("def f(a): ...", args_json_schema=schema)
    assert spec.description == "Of the model."
    assert spec.parameters["properties"] == {"a": {"type": "string"}}


def test_the_clients_schema_wins() -> None:
    schema = {
        "name": "g",
        "description": "Own.",
        "parameters": {"type": "object", "properties": {"x": {"type": "string"}}},
    }
    spec = derive("def g(y): ...\ndef h(): ...", json_schema=schema)
    assert (spec.name, spec.description) == ("g", "Own.")
    assert spec.parameters == {**schema["parameters"], "required": []}
    assert derive("", source_type="json", json_schema=schema) == spec


def test_a_schema_whose_name_no_function_has_is_refused() -> None:
    words = refusal("def f(): ...", json_schema={"name": "g"})
    assert '"g"' in words and '"f"' in words
    assert "line 1" in refusal("not Python (", json_schema={"name": "g"})


def test_the_agents_state_is_not_served() -> None:
    for parameters in ("agent_state: AgentState", "agent_state=None", "*, agent_state", ""):
        source = f"def f({parameters}): ..."
        for given in ({"args_json_schema": {}}, {"json_schema": {"name": "f"}}, {}):
            if parameters:
                assert '"agent_state"' in refusal(source, **given)
            else:
                assert derive(source, **given).name == "f"


@pytest.mark.parametrize(
    "schema", [{}, {"name": "no good"}, {"name": "f", "parameters": []}, {"name": "x" * 49}, []]
)
def test_a_schema_that_is_none_is_refused(schema: Any) -> None:
    refusal("", json_schema=schema)
    refusal("def f(): ...", args_json_schema={"type": "array"})


def test_what_a_model_would_miss_is_named() -> None:
    bare = refusal("def find(where: str): ...")
    assert '"where"' in bare and '"find"' in bare and "description" in bare
    untyped = refusal('def find(where):\n    """F.\n\n    Args:\n        where: x\n    """')
    assert '"where"' in untyped and "annotation" in untyped


@pytest.mark.parametrize("parameters", ["*words", "**options", "word, /"])
def test_parameters_without_a_name_are_refused(parameters: str) -> None:
    assert "cannot be filled in by a model" in refusal(f"def f({parameters}): ...")


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("", "defines no function"),
        ("x = 1\nclass A:\n    def f(self): ...", "defines no function"),
        ("def f(:", "line 1"),
        ("def f():\n\0", "null bytes"),
        (f"def {'f' * 49}(): ...", "48"),
        ("def é(): ...", "letters, digits and underscores"),
    ],
)
def test_a_source_that_is_no_tool_is_refused(source: str, word: str) -> None:
    assert word in refusal(source)


def test_other_languages_are_refused() -> None:
    assert "typescript" in refusal("export function f() {}", source_type="typescript")
    assert "json_schema" in refusal("", source_type="json")


def test_text_that_is_none_is_refused() -> None:
    for source in (b"def f(): ...", "def f(): '\ud800'"):
        with pytest.raises(InvalidInput):
            derive(source)  # type: ignore[arg-type]


def test_deriving_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    run = f"open({str(mark)!r}, 'w')"
    docstring = '"""F.\n\n    Args:\n        a: x\n    """'
    source = f"{run}\n@{run}\ndef f(a: int = {run}) -> {run}:\n    {docstring}\n"
    assert derive(source).name == "f"
    assert not mark.exists()


@pytest.mark.parametrize(
    "source",
    [
        "-" * 900_000 + "1",
        "(" * 500_000,
        "def f(): return " + ".a" * 450_000,
        "def f(): return " + "[" * 199 + "]" * 199 + "+1" * 400_000,
        "x" * 1_000_001,
        "def f(a: int):\n '''x\n Args:\n  a" + " " * 900_000 + "b'''",
        "def f(a: " + " | ".join(["int"] * 200_000) + "): ...",
    ],
    ids=["minus", "brackets", "attributes", "sum", "long", "blanks", "union"],
)
def test_text_that_is_made_to_break_a_parser_is_an_error(source: str) -> None:
    assert refusal(source)
