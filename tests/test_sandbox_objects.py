"""Annotations that nothing defines, and objects as arguments: what clients make of Pydantic models.

Bubblewrap has to be there.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox_calls import Run, call, everyone

ITEM = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "price": {"type": "number", "default": 2.5}},
    "required": ["name"],
}
ENTRY = {
    "type": "object",
    "properties": {
        "item": {"$ref": "#/$defs/Item"},
        "more": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        "other": {"anyOf": [{"$ref": "#/$defs/Item"}, {"type": "null"}], "default": None},
    },
    "required": ["item"],
}
MODEL = {
    "$defs": {"Item": ITEM, "Entry": ENTRY},
    "type": "object",
    "properties": {"data": {"$ref": "#/$defs/Entry"}, "free": {"type": "object"}},
    "required": ["data"],
}


def test_annotations_that_the_source_does_not_import_are_not_looked_at() -> None:
    source = """
        def f(items: List[int], entry: InventoryEntry = None) -> Dict[str, Entry]:
            found: Optional[Entry] = None
            return {"kind": str(cast(Any, Optional[int])), "items": items}
    """
    done = call(source, {"items": [1]})
    assert done.value == '{"kind": "typing.Optional[int]", "items": [1]}'


@everyone
def test_objects_of_a_clients_schema_have_attributes(run: Run) -> None:
    source = """
        def f(data: Entry, free: dict):
            assert data.item == Item(name="nut", price=2.5) and data["item"] is data.item
            assert data.item != Item(name="bolt", price=2.5) and data.other is None
            return [data.item.name, data.more[0].price, free["x"], str(data), data.model_dump()]
    """
    data = {"item": {"name": "nut"}, "more": [{"name": "bolt", "price": 1}]}
    done = run(source, {"data": data, "free": {"x": {}}}, schema=MODEL)
    item, bolt = "Item(name='nut', price=2.5)", "Item(name='bolt', price=1)"
    dumped = {
        "item": {"name": "nut", "price": 2.5},
        "more": [{"name": "bolt", "price": 1}],
        "other": None,
    }
    shown = f"Entry(item={item}, more=[{bolt}], other=None)"
    assert done.stderr == []
    assert done.value == str(["nut", 1, {}, shown, dumped])


@pytest.mark.parametrize(
    ("schema", "value", "kind"),
    [
        ({"$ref": "#/$defs/Item"}, {"name": "x"}, "Item"),
        ({"$ref": "#/$defs/Item"}, {"price": 1}, "dict"),
        ({"anyOf": [{"$ref": "#/$defs/Entry"}, {"$ref": "#/$defs/Item"}]}, {"name": "x"}, "Item"),
        ({"type": "object", "properties": {"a": {}}}, {"a": 1}, "Record"),
        ({"$ref": "#/$defs/Item"}, "text", "str"),
        ({"$ref": "#/$defs/Loop"}, {"name": "x"}, "dict"),
        ({"$ref": "#/$defs/None"}, {"name": "x"}, "dict"),
    ],
)
def test_an_object_is_of_the_class_that_its_schema_names(
    schema: Any, value: Any, kind: str
) -> None:
    loop = {"Loop": {"$ref": "#/$defs/Loop"}, "Odd": 7}
    model = {"$defs": {**MODEL["$defs"], **loop}, "properties": {"a": schema}}
    assert call("def f(a): return type(a).__name__", {"a": value}, schema=model).value == kind
