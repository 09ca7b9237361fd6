"""What needs the classes of this generation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from letta_client import Letta, LettaResponse, MessageCreate


def user(text: str) -> list[MessageCreate]:
    return [MessageCreate(role="user", content=text)]


def send(client: Letta, agent_id: str, text: str, **options: Any) -> LettaResponse:
    return client.agents.messages.create(agent_id=agent_id, messages=user(text), **options)


def pages(fetch: Callable[..., list[Any]], **options: Any) -> Iterator[Any]:
    """All items; this generation leaves the going on to its user."""
    page = fetch(**options)
    while page:
        yield from page
        page = fetch(**{**options, "after": page[-1].id})
