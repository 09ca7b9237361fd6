"""Arguments that are Pydantic models, and annotations of what the source does not import."""

from __future__ import annotations

import inspect
import json
from typing import Any

from cases import MODEL, calling, of_kind
from letta_client import Letta
from pydantic import BaseModel


class InventoryItem(BaseModel):
    name: str
    price: float


class InventoryEntry(BaseModel):
    item: InventoryItem
    others: list[InventoryItem] = []


class InventoryEntryData(BaseModel):
    data: InventoryEntry
    quantity_change: int


def change_inventory(data: InventoryEntry, quantity_change: int) -> dict[str, Any]:
    """Change the stock."""
    return {"name": data.item.name, "others": [one.price for one in data.others]}


def test_a_function_with_a_pydantic_model_gets_objects(client: Letta) -> None:
    made = client.tools.upsert(
        source_code=inspect.getsource(change_inventory),
        args_json_schema=InventoryEntryData.model_json_schema(),
    )
    agent = client.agents.create(model=MODEL, tool_ids=[str(made.id)])
    entry = {"item": {"name": "nut", "price": 2.5}, "others": [{"name": "bolt", "price": 1}]}
    arguments: dict[str, Any] = {"data": entry, "quantity_change": 1}
    response = client.agents.messages.create(
        agent.id, input=calling("change_inventory", json.dumps(arguments))
    )
    returned = of_kind(response.messages, "tool_return_message")[0]
    assert returned.tool_return == '{"name": "nut", "others": [1]}'
    done = client.agents.tools.run("change_inventory", agent_id=agent.id, args=arguments)
    assert done.func_return == {"name": "nut", "others": [1]}
    assert client.agents.tools.run("change_inventory", agent_id=agent.id).func_return is None
