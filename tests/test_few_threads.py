"""Many agents on few threads: a turn leaves its thread while its model's server thinks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from typing import Any

import memgpt
import pytest
from memgpt.testing import Answer, FakeOpenAI, Stream, check_agent

SAYS = {"tool": "send_message", "args": {"message": "Here I am"}}
NOTES = {
    "tool": "core_memory_append",
    "args": {"name": "human", "content": "x"},
    "heartbeat": True,
}


def slowly(item: Any) -> Stream:
    """An answer that begins after a while."""
    return Stream(item, pause_s=0.01)


def turn_threads() -> int:
    return sum(thread.name == "memgpt" for thread in threading.enumerate())


def agents_at(home: memgpt.Home, server: FakeOpenAI, count: int, **more: Any) -> list[Any]:
    more = {"max_retries": 0, **more}
    return [
        home.create_agent(f"a{i}", model=memgpt.OpenAICompatible("m", base_url=server.url, **more))
        for i in range(count)
    ]


PROGRAM = """
import asyncio, sys, threading, time
import memgpt
from memgpt.testing import FakeOpenAI

def script(request):
    time.sleep(0.2)
    return {"tool": "send_message", "args": {"message": "Here I am"}}

async def main():
    agents = [home.create_agent(f"a{i}", model={"model": "m", "endpoint": server.url})
              for i in range(64)]
    most = 0
    tasks = [asyncio.create_task(agent.send_async("Hi")) for agent in agents]
    while not all(task.done() for task in tasks):
        names = [thread.name for thread in threading.enumerate()]
        most = max(most, sum(name.startswith("memgpt") for name in names))
        await asyncio.sleep(0.005)
    assert [task.result().text for task in tasks] == ["Here I am"] * 64
    return most

with FakeOpenAI(script) as server, memgpt.open(":memory:", durability="process") as home:
    print(asyncio.run(main()))
"""


def test_64_agents_on_8_threads() -> None:
    """All of them are answered at once: the server is in the middle of all their calls."""
    out = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60
    )
    assert out.returncode == 0, out.stderr
    assert 1 <= int(out.stdout) <= 8


def test_they_are_at_the_server_together(home: memgpt.Home) -> None:
    all_there = threading.Barrier(24)

    def script(request: dict[str, Any]) -> Any:
        all_there.wait(20)
        return SAYS

    async def main() -> None:
        replies = await asyncio.gather(*(agent.send_async("Hi") for agent in agents))
        assert [reply.text for reply in replies] == ["Here I am"] * 24

    with FakeOpenAI(script) as server:
        agents = agents_at(home, server, 24)
        asyncio.run(main())


def test_turns_of_several_steps_and_sends_in_order(home: memgpt.Home) -> None:
    def script(request: dict[str, Any]) -> Any:
        return slowly(SAYS if request["messages"][-1]["role"] == "tool" else NOTES)

    async def main() -> None:
        sends = [agent.send_async(f"message {i}") for i in range(3) for agent in agents]
        for reply in await asyncio.gather(*sends):
            assert reply.text == "Here I am" and reply.steps == 2

    with FakeOpenAI(script) as server:
        agents = agents_at(home, server, 12)
        asyncio.run(main())
    for agent in agents:
        said = [m.text for m in agent.window if m.role == "user"]
        assert said == ["message 0", "message 1", "message 2"]
        assert agent.memory["human"].value.count("x") == 3
        assert check_agent(agent) == []
    assert home.check() == []


def test_what_goes_wrong_is_of_the_one_it_is_of(home: memgpt.Home) -> None:
    answers = [
        SAYS,
        Answer(500, b'{"error": {"message": "boom"}}'),
        Answer(close=True),
        Answer(reset=True),
        Answer(stall_s=5),
        SAYS,
    ]

    def script(request: dict[str, Any]) -> Any:
        return answers[int(request["messages"][-1]["content"].split("number ")[1][0])]

    async def main() -> list[Any]:
        sends = [agent.send_async(f"number {i}") for i, agent in enumerate(agents)]
        return await asyncio.gather(*sends, return_exceptions=True)

    with FakeOpenAI(script) as server:
        agents = agents_at(home, server, len(answers), timeout_s=0.5)
        results = asyncio.run(main())
        kinds = [type(result) for result in results]
        assert kinds == [
            memgpt.Response,
            memgpt.ProviderError,
            memgpt.ProviderUnreachable,
            memgpt.ProviderUnreachable,
            memgpt.ProviderTimeout,
            memgpt.Response,
        ]
        server.script = lambda request: SAYS
        for agent in agents:
            assert agent.send("Are you there?").text == "Here I am"


def test_a_cancelled_turn_gives_its_place_up(home: memgpt.Home) -> None:
    async def main() -> None:
        task = asyncio.create_task(agent.send_async("Hi"))
        while not server.requests:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.script = lambda request: SAYS
        assert (await agent.send_async("Are you there?")).text == "Here I am"
        assert time.monotonic() - began < 3

    with FakeOpenAI(lambda request: Answer(stall_s=20)) as server:
        (agent,) = agents_at(home, server, 1)
        asyncio.run(main())
    assert [m.role for m in agent.window] == ["user", "user", "assistant", "tool"]


def test_a_turn_that_left_is_still_a_turn(home: memgpt.Home) -> None:
    """Who else wants it waits, or is refused, as for any other."""
    go_on = threading.Event()

    def script(request: dict[str, Any]) -> Any:
        go_on.wait(10)
        return SAYS

    async def main() -> None:
        first = asyncio.create_task(agent.send_async("first"))
        while not server.requests:
            await asyncio.sleep(0.01)
        with pytest.raises(memgpt.Busy):  # its loop would be stopped
            agent.memory["human"].value = "y"
        waits = asyncio.create_task(asyncio.to_thread(agent.send, "second"))
        await asyncio.sleep(0.1)
        assert not waits.done() and len(server.requests) == 1
        assert agent.recall.search("first")[0].message.text == "first"  # readers do not wait
        go_on.set()
        assert (await first).text == (await waits).text == "Here I am"

    with FakeOpenAI(script) as server:
        (agent,) = agents_at(home, server, 1)
        asyncio.run(main())
    assert [m.text for m in agent.window if m.role == "user"] == ["first", "second"]


def test_tools_of_a_turn_that_moves_between_threads(home: memgpt.Home) -> None:
    seen = []

    @memgpt.tool(effects="none")
    async def look(agent: memgpt.Agent) -> str:
        """Look."""
        await asyncio.sleep(0.01)
        agent.memory["human"].value += "looked;"
        with pytest.raises(memgpt.Reentrant):
            agent.send("inside")
        seen.append(threading.get_ident())
        return "seen"

    def script(request: dict[str, Any]) -> Any:
        done = sum(m["role"] == "tool" for m in request["messages"])
        return slowly(SAYS if done >= 4 else {"tool": "look", "heartbeat": True})

    async def main() -> None:
        sends = [agent.send_async("Look around") for agent in agents]
        await asyncio.gather(*sends)

    with FakeOpenAI(script) as server:
        model = {"model": "m", "endpoint": server.url}
        agents = [home.create_agent(f"b{i}", model=model, tools=[look]) for i in range(6)]
        asyncio.run(main())
    for agent in agents:
        assert agent.memory["human"].value.endswith("looked;" * 4)
    assert len(seen) == 24


def test_a_program_may_end_in_the_middle(tmp_path: Any) -> None:
    program = """
import asyncio, sys, threading
import memgpt
from memgpt.testing import Answer, FakeOpenAI
server = FakeOpenAI(lambda request: Answer(stall_s=30)).start()
home = memgpt.open(sys.argv[1])
model = {"model": "m", "endpoint": server.url}
agents = [home.create_agent(f"a{i}", model=model) for i in range(9)]
async def main():
    tasks = [asyncio.create_task(agent.send_async("Hi")) for agent in agents]
    while len(server.requests) < 9:
        await asyncio.sleep(0.01)
asyncio.run(main())
print("ended")
"""
    path = tmp_path / "agents.db"
    out = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60
    )
    assert (out.returncode, out.stdout) == (0, "ended\n"), out.stderr
    with memgpt.open(path) as home:
        assert home.check() == [] and [m.text for m in home.agent("a0").window] == ["Hi"]
