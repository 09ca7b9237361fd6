"""The asynchronous client."""

from __future__ import annotations

import asyncio

from cases import EMBEDDING, MODEL, TOKEN, URL, kinds, spoken
from letta_client import AsyncLetta
from talk import user


def test_create_send_and_stream() -> None:
    async def talk() -> None:
        client = AsyncLetta(token=TOKEN, base_url=URL, timeout=30)
        agent = await client.agents.create(model=MODEL, embedding=EMBEDDING)
        response = await client.agents.messages.create(agent.id, messages=user("Hello"))
        assert spoken(response.messages) == "You said: Hello"
        stream = client.agents.messages.create_stream(
            agent.id, messages=user("Again"), stream_tokens=True
        )
        chunks = [chunk async for chunk in stream]
        assert spoken(chunks) == "You said: Again"
        assert kinds(chunks)[-2:] == ["stop_reason", "usage_statistics"]

    asyncio.run(talk())
