"""How sends end early: cancelled, in circles, with the program, in a forked child."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt.testing import Answer, FakeOpenAI

from tests.answers import says
from tests.test_async import results, run, script


def test_cancelled_while_the_server_thinks(kit) -> None:
    with FakeOpenAI(lambda request: Answer(stall_s=60)) as server:
        model = memgpt.OpenAICompatible("slow", base_url=server.url)
        agent = kit.home.create_agent("sam", model=model)

        async def main() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(agent.send_async("Hello"), 0.2)
            server.script = lambda request: says("ok")
            assert (await agent.send_async("And now?")).text == "ok"

        run(main())
        said = [m.text for m in agent.recall.messages() if m.role == "user"]
        assert said == ["Hello", "And now?"]


def test_cancelled_in_a_tool(kit) -> None:
    heard: list[str] = []
    begun = threading.Event()

    async def listen() -> str:
        """Listen."""
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise
        return "never"

    agent = kit.agent(script(kit, "listen"), tools=[listen])

    async def main() -> None:
        task = asyncio.create_task(agent.send_async("Hello"))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while not heard:
            await asyncio.sleep(0.001)

    run(main())
    kit.still_answers(agent)
    # The call that was cut short has its return; it says that it was.
    (result,) = [m for m in agent.recall.messages() if m.name == "listen"]
    assert result.failed and "interrupted" in result.text.lower()


def test_cancelled_before_its_turn_came(kit) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def think(context: memgpt.Context) -> Any:
        entered.set()
        assert go_on.wait(10)
        return kit.say("done")

    agent = kit.agent(think)

    async def main() -> None:
        first = asyncio.create_task(agent.send_async("first"))
        second = asyncio.create_task(agent.send_async("second"))
        third = asyncio.create_task(agent.send_async("third"))
        while not entered.is_set():
            await asyncio.sleep(0.001)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        go_on.set()
        await asyncio.gather(first, third)

    run(main())
    assert [m.text for m in agent.recall.messages() if m.role == "user"] == ["first", "third"]


def test_agents_that_would_wait_for_each_other_for_ever(kit) -> None:
    agents: dict[str, memgpt.Agent] = {}
    both = asyncio.Event()
    inside: list[str] = []

    def asking(other: str) -> Any:
        async def ask() -> str:
            """Ask."""
            inside.append(other)
            if len(inside) == 3:
                both.set()
            await both.wait()
            return (await agents[other].send_async("?")).text

        return ask

    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        agents[name] = kit.agent(script(kit, "ask"), name=name, tools=[asking(other)])

    async def main() -> list[memgpt.Response]:
        return await asyncio.gather(*(agent.send_async("Hello") for agent in agents.values()))

    said = [results(reply)[0] for reply in run(main())]
    assert any(failed and "would never end" in text for _, failed, text in said), said


def test_more_turns_inside_of_turns_than_threads(kit) -> None:
    inner = [kit.agent(lambda c: kit.say("42"), name=f"inner-{i}") for i in range(270)]
    outer = []
    for i, agent in enumerate(inner):

        def make(asked: memgpt.Agent) -> Any:
            async def ask() -> str:
                """Ask."""
                return (await asked.send_async("?")).text

            return ask

        outer.append(kit.agent(script(kit, "ask"), name=f"outer-{i}", tools=[make(agent)]))

    async def main() -> list[memgpt.Response]:
        # The inner agents are busy already, behind the outer ones.
        first = [agent.send_async("Hello") for agent in outer]
        return await asyncio.gather(*first, *(agent.send_async("Hello") for agent in inner))

    assert {reply.text for reply in run(main(), 60)} == {"done", "42"}


def test_cancelled_while_a_thread_of_the_tool_asks(kit) -> None:
    async def look(agent: memgpt.Agent) -> str:
        """Look."""

        def work() -> None:
            for _ in range(300):
                len(agent.recall)

        await asyncio.to_thread(work)
        return "seen"

    agent = kit.agent(
        lambda c: kit.say("ok") if kit.llm.calls % 2 == 0 else kit.call("look"), tools=[look]
    )

    async def main() -> None:
        for i in range(30):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(agent.send_async("Hello"), 0.0007 * i)

    run(main())  # waits for the threads of to_thread, too
    kit.still_answers(agent)


def test_sends_within_sends_leave_nothing_behind(kit) -> None:
    async def nap() -> str:
        """Nap."""
        return "rested"

    inner = kit.agent(lambda c: kit.call("nap", heartbeat=False), name="inner", tools=[nap])

    async def ask() -> str:
        """Ask."""
        return inner.send("?").stop_reason  # blocks the kernel's loop: nap needs another

    agent = kit.agent(lambda c: kit.call("ask", heartbeat=False), tools=[ask])
    agent.send("Hello")
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        assert results(agent.send("Hello"))[0] == ("ask", False, "end_turn")
    deadline = time.monotonic() + 10
    while (threading.active_count(), len(os.listdir("/proc/self/fd"))) > before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_program_ends_while_a_server_thinks(kit) -> None:
    code = """
import asyncio, sys, threading, memgpt
home = memgpt.open(":memory:")
agent = home.create_agent("sam", model=memgpt.OpenAICompatible("x", base_url=sys.argv[1]))
threading.Thread(target=lambda: asyncio.run(agent.send_async("Hello")), daemon=True).start()
while not len(agent.recall):
    pass
print("leaving")
"""
    with FakeOpenAI(lambda request: Answer(stall_s=60)) as server:
        assert kit.run(code, server.url) == "leaving\n"  # within its 60 seconds
        assert not server.closed


def test_a_forked_child(kit) -> None:
    """It must not use its parent's home; one of its own works, with ids of its own."""
    code = """
import asyncio, multiprocessing, os, sys, warnings, memgpt
warnings.simplefilter("ignore")
model = memgpt.OpenAICompatible("x", base_url=sys.argv[1])
home = memgpt.open(":memory:")
agent = home.create_agent("sam", model=model)
agent.send("parent")
asyncio.run(agent.send_async("parent"))

def child(number):
    for work in (lambda: agent.send("x"), lambda: len(agent.recall), lambda: home.agents()):
        try:
            work()
            return "used its parent's home"
        except memgpt.StoreError as error:
            assert "fork" in str(error), error
    own = memgpt.open(":memory:")
    mine = own.create_agent("sam", model=model)
    for i in range(10):
        said = mine.send(f"child {number} {i}").text
        assert said == f"child {number} {i}", said
    async def nap() -> str:
        "Nap."
        await asyncio.sleep(0)
        return "rested"
    mine.add_tool(nap)
    assert asyncio.run(asyncio.wait_for(mine.send_async(f"child {number}"), 20)).text
    own.close()
    return mine.id

with multiprocessing.get_context("fork").Pool(3) as pool:
    ids = pool.map(child, range(3))
assert len({agent.id, *ids}) == 4, ids
assert agent.send("parent again").text == "parent again"
assert len(agent.recall) == 9, len(agent.recall)
print("done")
"""

    def script(request: Any) -> Any:
        said = [m["content"] for m in request["messages"] if m["role"] == "user"][-1]
        return says(json.loads(said)["message"])

    with FakeOpenAI(script) as server:
        assert kit.run(code, server.url) == "done\n"


def test_many_turns_leave_no_threads_behind(kit) -> None:
    async def nap() -> str:
        """Nap."""
        await asyncio.sleep(0)
        return "rested"

    agent = kit.agent(lambda context: kit.call("nap", heartbeat=False), tools=[nap])
    agent.send("Hello")

    async def main() -> None:
        for _ in range(100):
            await agent.send_async("Hello")

    run(main())
    before = threading.active_count()
    run(main())
    assert threading.active_count() <= before


def test_closing_the_home_under_a_send(kit) -> None:
    entered = threading.Event()

    def think(context: memgpt.Context) -> Any:
        entered.set()
        time.sleep(0.05)
        return kit.say("done")

    agent = kit.agent(think)

    async def main() -> None:
        task = asyncio.create_task(agent.send_async("Hello"))
        while not entered.is_set():
            await asyncio.sleep(0.001)
        kit.home.close()
        with pytest.raises(memgpt.StoreError, match="closed"):
            await task

    run(main())


def test_a_loop_that_went_away_fails_the_tool_and_not_the_agent(kit) -> None:
    entered, go_on = threading.Event(), threading.Event()

    async def nap() -> str:
        """Nap."""
        return "rested"

    def think(context: memgpt.Context) -> Any:
        if kit.llm.calls == 1:
            entered.set()
            assert go_on.wait(10)
            return kit.call("nap")
        return kit.say("done")

    agent = kit.agent(think, tools=[nap])
    left_behind: list[Any] = []

    async def main() -> None:
        left_behind.append(asyncio.create_task(agent.send_async("Hello")))
        while not entered.is_set():
            await asyncio.sleep(0.001)

    asyncio.run(main())
    go_on.set()
    kit.still_answers(agent)


def thinking(seconds: float) -> type[memgpt.LLMProvider]:
    """A model that thinks on the loop of whoever sends; asked for "work", it calls the tool."""

    class Thinking(memgpt.LLMProvider):
        async def complete(self, context: memgpt.Context) -> Any:
            await asyncio.sleep(seconds)
            last = context.to_request()["messages"][-1]
            name = "work" if "work" in last["content"] and last["role"] == "user" else ""
            arguments = {"message": "ok", "request_heartbeat": False}
            if name:
                arguments = {"request_heartbeat": True}
            call = {"name": name or "send_message", "arguments": arguments}
            return {"tool_calls": [{"function": call}]}

    return Thinking


def test_a_write_that_would_stop_the_loop_of_the_turn_is_refused_at_once(kit) -> None:
    agent = kit.home.create_agent("sam", model=thinking(0.3))

    async def main() -> None:
        task = asyncio.create_task(agent.send_async("Hello"))
        await asyncio.sleep(0.1)
        for write in (
            lambda: agent.archival.insert("x"),
            lambda: setattr(agent.memory["human"], "value", "x"),
            lambda: agent.memory.add("tasks"),
            lambda: agent.recall.import_transcript([{"text": "x", "time": "2023-05-08"}]),
            lambda: agent.remove_tool("send_message"),
            lambda: agent.send("x"),
        ):
            with pytest.raises(memgpt.Busy, match="to_thread"):
                write()
        assert agent.memory["human"].value == "" and len(agent.recall) == 1  # reading is free
        await asyncio.to_thread(agent.archival.insert, "waits for the turn's end")
        assert (await task).text == "ok"
        agent.archival.insert("after it")

    run(main())
    assert len(agent.archival) == 2


def test_a_cancelled_tool_that_tidies_up_does_not_stop_the_loop(kit) -> None:
    said: list[str] = []

    async def work(agent: memgpt.Agent) -> str:
        """Work."""
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            try:
                agent.archival.insert("was cut short")
            except memgpt.Busy as error:
                said.append(str(error))
        return "done"

    agent = kit.home.create_agent("sam", model=thinking(0.2), tools=[work])

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(agent.send_async("work"), 0.5)
        assert (await agent.send_async("second")).text == "ok"

    run(main(), 20)
    assert len(said) == 1 and len(agent.archival) == 0


def test_a_task_that_outlives_its_tool_sends_behind_the_turn(kit) -> None:
    tasks: list[Any] = []

    async def work(agent: memgpt.Agent) -> str:
        """Work."""

        async def job() -> str:
            await asyncio.sleep(0.05)  # the turn goes on
            return (await agent.send_async("the job is done")).text

        tasks.append(asyncio.create_task(job()))
        return "begun"

    agent = kit.home.create_agent("sam", model=thinking(0.2), tools=[work])

    async def main() -> None:
        assert (await agent.send_async("work")).text == "ok"
        assert await tasks[0] == "ok"

    run(main())
    said = [m.text for m in agent.recall.messages() if m.role == "user"]
    assert said == ["work", "the job is done"]


def test_agents_of_copies_of_a_file_are_different_agents(kit, tmp_path: Path) -> None:
    path, copy = tmp_path / "a.db", tmp_path / "b.db"
    with memgpt.open(path) as home:
        home.create_agent("sam")
    shutil.copy(path, copy)
    with memgpt.open(path) as home, memgpt.open(copy) as other:
        old = other.agent("sam")

        async def work() -> str:
            """Work."""
            old.archival.insert("in the copy")
            return (await old.send_async("Hello")).text

        agent = home.agent("sam", model=thinking(0), tools=[work])
        (result,) = [m for m in run(agent.send_async("work")).messages if m.name == "work"]
        assert not result.failed, result.text
        assert (len(agent.archival), len(old.archival)) == (0, 1)
