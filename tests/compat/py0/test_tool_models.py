"""Arguments that are Pydantic models, and annotations of what the source does not import.

In the words of the client's own examples.
"""

# ruff: noqa: UP006, UP035, RUF012

from __future__ import annotations

import json
from typing import Any, Dict, List, Type

from cases import MODEL, calling, of_kind
from letta_client import Letta
from letta_client.client import BaseTool
from pydantic import BaseModel
from talk import send


class InventoryItem(BaseModel):
    name: str
    price: float


class InventoryEntry(BaseModel):
    item: InventoryItem
    others: list[InventoryItem] = []


class InventoryEntryData(BaseModel):
    data: InventoryEntry
    quantity_change: int


def change_inventory(data: InventoryEntry, quantity_change: int) -> Dict[str, Any]:
    """Change the stock."""
    return {"name": data.item.name, "others": [one.price for one in data.others]}


def total_of(prices: List[float]) -> float:
    """Add prices.

    Args:
        prices (List[float]): what to add.
    """
    return sum(prices)


class ManageInventoryTool(BaseTool):
    name: str = "manage_inventory"
    args_schema: Type[BaseModel] = InventoryEntryData
    description: str = "Update inventory catalogue with a new data entry"
    tags: List[str] = ["inventory", "shop"]

    def run(self, data: InventoryEntry, quantity_change: int) -> bool:
        """
        Implementation of the manage_inventory tool
        """
        print(f"Updated inventory for {data.item.name} with a change of {quantity_change}")
        return True


ENTRY = {"item": {"name": "nut", "price": 2.5}, "others": [{"name": "bolt", "price": 1}]}


def test_a_function_with_a_pydantic_model_gets_objects(client: Letta) -> None:
    made = client.tools.upsert_from_function(func=change_inventory, args_schema=InventoryEntryData)
    agent = client.agents.create(model=MODEL, embedding="offline", tool_ids=[str(made.id)])
    arguments = json.dumps({"data": ENTRY, "quantity_change": 1})
    response = send(client, agent.id, calling("change_inventory", arguments))
    returned = of_kind(response.messages, "tool_return_message")[0]
    assert returned.tool_return == '{"name": "nut", "others": [1]}'


def test_annotations_need_no_imports(client: Letta) -> None:
    made = client.tools.upsert_from_function(func=total_of)
    done = client.tools.run_tool_from_source(
        source_code=str(made.source_code), args={"prices": [1.5, 2]}
    )
    assert (done.status, done.tool_return) == ("success", "3.5")


def test_a_tool_class_is_called_by_the_agent(client: Letta) -> None:
    made = client.tools.add(tool=ManageInventoryTool())
    assert (made.name, made.tags) == ("manage_inventory", ["inventory", "shop"])
    assert made.description == "Update inventory catalogue with a new data entry"
    agent = client.agents.create(model=MODEL, embedding="offline", tool_ids=[str(made.id)])
    arguments = json.dumps({"data": ENTRY, "quantity_change": -2})
    response = send(client, agent.id, calling("manage_inventory", arguments))
    returned = of_kind(response.messages, "tool_return_message")[0]
    assert (returned.status, returned.tool_return) == ("success", "True")
    assert returned.stdout == ["Updated inventory for nut with a change of -2\n"]
