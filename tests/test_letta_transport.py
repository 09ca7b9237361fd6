"""``memgpt.letta_transport``: Letta's clients on a home in this process, without a port."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx
import memgpt
import pytest

ENVIRONMENTS = Path(sys.prefix) / "compat"

PROGRAM = """
import json, sys
import httpx
import memgpt
from letta_client import Letta

home = memgpt.open(":memory:")
http = httpx.Client(transport=memgpt.letta_transport(home), timeout=60)
if sys.argv[1] == "py1":
    client = Letta(api_key="any", base_url="http://memgpt", http_client=http)
else:
    client = Letta(token="any", base_url="http://memgpt", httpx_client=http)
agent = client.agents.create(
    name="Sam", model="offline", embedding="offline",
    memory_blocks=[{"label": "human", "value": "The human's name is Chad."}],
)
said = client.agents.messages.create(agent.id, messages=[{"role": "user", "content": "I am Ada."}])
kinds = [message.message_type for message in said.messages]
stream = client.agents.messages.stream if sys.argv[1] == "py1" else (
    client.agents.messages.create_stream)
streamed = [chunk.message_type for chunk in stream(
    agent.id, messages=[{"role": "user", "content": "Hello again."}])]
assert home.agents() == ["Sam"] and home.check(replay=True) == []
print(json.dumps([kinds, streamed[-2:]]))
"""


@pytest.mark.parametrize("client", ["py1", "py0"])
def test_a_real_client_talks_to_the_kernel(client: str) -> None:
    packages = next((ENVIRONMENTS / client / "lib").glob("python3*/site-packages"))
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(packages)!r})\n" + PROGRAM,
         client],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "assistant_message" in done.stdout
    assert '["stop_reason", "usage_statistics"]' in done.stdout


def test_it_gives_the_answers_of_the_server(tmp_path: Path) -> None:
    with memgpt.open(tmp_path / "home.db") as home, home.serve(port=0) as server:
        own = httpx.Client(transport=memgpt.letta_transport(home), base_url="http://memgpt")
        other = httpx.Client(base_url=server.url)
        made = own.post("/v1/agents/", json={"model": "offline", "name": "Sam"}).json()
        for path in (
            "/v1/agents/",
            f"/v1/agents/{made['id']}",
            "/v1/agents/nobody",
            "/v1/agents/agent-x",
            "/v1/nothing?x=%zz",
        ):
            mine, theirs = own.get(path), other.get(path)
            assert (mine.status_code, mine.content) == (theirs.status_code, theirs.content)
        own.close()
        assert home.agents() == ["Sam"], "the home stays open"
        other.close()


def test_an_async_client_streams(tmp_path: Path) -> None:
    async def talk(home: memgpt.Home) -> list[str]:
        transport = memgpt.letta_transport(home)
        async with httpx.AsyncClient(transport=transport, base_url="http://memgpt") as client:
            agent = (await client.post("/v1/agents/", json={"model": "offline"})).json()
            path = f"/v1/agents/{agent['id']}/messages"
            body = {"input": "hello", "streaming": True}
            async with client.stream("POST", path, json=body) as response:
                assert response.headers["content-type"] == "text/event-stream"
                return [line async for line in response.aiter_lines() if line]

    with memgpt.open(tmp_path / "home.db") as home:
        lines = asyncio.run(talk(home))
    assert lines[-1] == "data: [DONE]" and len(lines) > 4


def test_sixteen_clients_at_once(tmp_path: Path) -> None:
    async def talk(home: memgpt.Home) -> list[int]:
        transport = memgpt.letta_transport(home)
        async with httpx.AsyncClient(transport=transport, base_url="http://memgpt") as client:

            async def one(number: int) -> int:
                made = await client.post("/v1/agents/", json={"model": "offline"})
                path = f"/v1/agents/{made.json()['id']}/messages"
                said = await client.post(path, json={"input": f"I am number {number}."})
                return said.status_code

            return await asyncio.gather(*(one(number) for number in range(16)))

    with memgpt.open(tmp_path / "home.db") as home:
        assert asyncio.run(talk(home)) == [200] * 16
        assert len(home.agents()) == 16 and home.check(replay=True) == []
