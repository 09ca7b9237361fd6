"""The asynchronous client."""

from __future__ import annotations

import asyncio

from cases import EMBEDDING, MODEL, TOKEN, URL, blocks, kinds, spoken
from letta_client import AsyncLetta


def test_create_send_list_and_stream() -> None:
    async def talk() -> None:
        async with AsyncLetta(api_key=TOKEN, base_url=URL, timeout=30) as client:
            agent = await client.agents.create(
                model=MODEL, embedding=EMBEDDING, memory_blocks=blocks()
            )
            response = await client.agents.messages.create(agent.id, input="Hello")
            assert spoken(response.messages) == "You said: Hello"
            stream = await client.agents.messages.create(
                agent.id, input="Again", streaming=True, stream_tokens=True
            )
            chunks = [chunk async for chunk in stream]
            assert spoken(chunks) == "You said: Again"
            assert kinds(chunks)[-2:] == ["stop_reason", "usage_statistics"]
            told = [m async for m in client.agents.messages.list(agent.id, limit=2, order="asc")]
            assert spoken(told).endswith("You said: HelloYou said: Again")

    asyncio.run(talk())


def test_many_agents_talk_at_once() -> None:
    async def talk() -> list[str]:
        async with AsyncLetta(api_key=TOKEN, base_url=URL, timeout=30) as client:

            async def one(number: int) -> str:
                agent = await client.agents.create(model=MODEL)
                said = await client.agents.messages.create(agent.id, input=f"number {number}")
                return spoken(said.messages)

            return list(await asyncio.gather(*(one(number) for number in range(8))))

    assert asyncio.run(talk()) == [f"You said: number {number}" for number in range(8)]
