"""send_async, and `async def` tools, providers, embedders and memory methods."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import memgpt
import pytest
from memgpt.memory import ChatMemory
from memgpt.testing import ScriptedLLM


def run(coroutine: Any, seconds: float = 30.0) -> Any:
    async def bounded() -> Any:
        return await asyncio.wait_for(coroutine, seconds)

    return asyncio.run(bounded())


def script(kit, *tools: str) -> list[dict[str, Any]]:
    return [*(kit.call(tool) for tool in tools), kit.say("done")]


def results(reply: memgpt.Response) -> list[tuple[str, bool, str]]:
    return [(m.name, m.failed, m.text) for m in reply.messages if m.role == "tool"]


def test_the_loop_goes_on_while_the_agent_thinks(kit) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def think(context: memgpt.Context) -> Any:
        entered.set()
        assert go_on.wait(10)
        return kit.say("done")

    agent = kit.agent(think)

    async def main() -> str:
        task = asyncio.create_task(agent.send_async("Hello"))
        while not entered.is_set():
            await asyncio.sleep(0)  # only a free loop gets here
        go_on.set()
        return (await task).text

    assert run(main()) == "done"


def test_agents_in_parallel(kit) -> None:
    barrier = threading.Barrier(40, timeout=20)

    def think(context: memgpt.Context) -> Any:
        barrier.wait()  # passes only when all think at once
        return kit.say("done")

    agents = [kit.agent(think, name=f"a{i}") for i in range(40)]

    async def main() -> list[memgpt.Response]:
        return await asyncio.gather(*(agent.send_async("Hello") for agent in agents))

    assert [reply.text for reply in run(main())] == ["done"] * 40


def test_sends_to_one_agent_keep_their_order(kit) -> None:
    agent = kit.agent(lambda context: kit.say("ok"))

    async def main() -> None:
        await asyncio.gather(*(agent.send_async(f"message {i}") for i in range(50)))

    run(main())
    said = [m.text for m in agent.recall.messages(0, 1000) if m.role == "user"]
    assert said == [f"message {i}" for i in range(50)]


def test_a_tool_is_awaited_on_the_loop_that_called_send_async(kit) -> None:
    seen: list[Any] = []

    async def main() -> memgpt.Response:
        bell = asyncio.Event()

        async def wait_for_bell() -> str:
            """Wait."""
            seen.append(asyncio.get_running_loop())
            await bell.wait()
            return "it rang"

        agent = kit.agent(script(kit, "wait_for_bell"), tools=[wait_for_bell])
        task = asyncio.create_task(agent.send_async("Hello"))
        while not seen:
            await asyncio.sleep(0.001)
        assert seen == [asyncio.get_running_loop()]
        bell.set()
        return await task

    assert results(run(main()))[0] == ("wait_for_bell", False, "it rang")


def test_after_a_plain_send_a_tool_is_awaited_on_a_loop_of_the_kernel(kit) -> None:
    threads: set[str] = set()

    async def nap() -> str:
        """Nap."""
        await asyncio.sleep(0.001)
        threads.add(threading.current_thread().name)
        return "rested"

    agent = kit.agent(script(kit, "nap") * 2, tools=[nap])
    assert results(agent.send("Hello"))[0] == ("nap", False, "rested")

    async def main() -> memgpt.Response:
        return agent.send("Hello")  # blocks this loop: the tool cannot run on it

    assert results(run(main()))[0] == ("nap", False, "rested")
    assert threads == {"memgpt-loop"}


@pytest.mark.parametrize("how", ["send", "send_async"])
def test_a_coroutine_writes_into_its_step(kit, how: str) -> None:
    async def note(agent: memgpt.Agent) -> str:
        """Note."""
        agent.memory["human"].value = "first"
        await asyncio.sleep(0.001)
        agent.memory["human"].value += ", second"
        agent.memory.add("tasks", "water the plants")
        agent.archival.insert("a passage of the tool")
        assert agent.memory["human"].value == "first, second"
        assert list(agent.memory) == ["persona", "human", "tasks"]
        assert agent.name == "sam" and len(agent.archival) == 1
        return f"{len(agent.memory)} blocks"

    async def fail(agent: memgpt.Agent) -> str:
        """Fail."""
        agent.memory["human"].value = "never seen"
        raise ValueError("no luck")

    agent = kit.agent(script(kit, "note", "fail"), tools=[note, fail])
    before = len(agent.steps())
    reply = agent.send("Hello") if how == "send" else run(agent.send_async("Hello"))
    assert results(reply)[:2] == [
        ("note", False, "3 blocks"),
        ("fail", True, "ValueError: no luck"),
    ]
    assert agent.memory["human"].value == "first, second"
    assert agent.archival.search("passage")[0].passage.text == "a passage of the tool"
    # input, twice intent and outcome, the last step: the edits are no steps of their own
    assert len(agent.steps()) - before == 6


@pytest.mark.parametrize("how", ["send", "send_async"])
def test_an_embedder_that_is_waited_for_while_a_tool_is(kit, how: str) -> None:
    class Length(memgpt.Embedder):
        dimension = 2

        async def embed(self, texts: list[str]) -> list[list[float]]:
            await asyncio.sleep(0.001)
            return [[float(len(text)), 1.0] for text in texts]

    async def file(agent: memgpt.Agent) -> str:
        """File."""
        agent.archival.insert("four")
        await asyncio.sleep(0.001)
        return agent.archival.insert("five").text

    agent = kit.agent(script(kit, "file"), tools=[file], embedding=Length())
    reply = agent.send("Hello") if how == "send" else run(agent.send_async("Hello"))
    assert results(reply)[0][1] is False, results(reply)
    assert len(agent.archival) == 2


def test_tasks_that_outlive_their_tool(kit) -> None:
    """They write as anyone else does, whether the tool's end comes before or after."""
    tasks: list[Any] = []

    async def later(agent: memgpt.Agent, turn: int) -> None:
        for i in range(20):
            await asyncio.sleep(0)
            await asyncio.to_thread(agent.archival.insert, f"passage {turn}.{i}")

    async def begin(agent: memgpt.Agent) -> str:
        """Begin."""
        tasks.append(asyncio.create_task(later(agent, len(tasks))))
        await asyncio.sleep(0)
        return "begun"

    agent = kit.agent(
        lambda c: kit.say("ok") if kit.llm.calls % 2 == 0 else kit.call("begin"), tools=[begin]
    )

    async def main() -> None:
        for _ in range(10):
            await agent.send_async("Hello")
        await asyncio.gather(*tasks)

    run(main())
    found = {hit.passage.text for hit in agent.archival.search("", limit=1000)}
    assert found == {f"passage {turn}.{i}" for turn in range(10) for i in range(20)}


@pytest.mark.parametrize("how", ["send", "send_async"])
def test_a_memory_class_with_coroutines(kit, how: str) -> None:
    class Slow(ChatMemory):
        async def learn(self, fact: str) -> None:
            """Learn.

            Args:
                fact: what.
            """
            await asyncio.sleep(0.001)
            self.memory["human"].value += fact

    agent = kit.agent([kit.call("learn", fact="Chad"), kit.say("done")], memory=Slow("I", ""))
    reply = agent.send("Hello") if how == "send" else run(agent.send_async("Hello"))
    assert results(reply)[0] == ("learn", False, "Memory updated.")
    assert agent.memory["human"].value == "Chad"
    agent.memory["human"].value = "Ben"
    assert agent.memory["human"].value == "Ben"


def test_a_call_chain_that_would_wait_for_itself_is_refused(kit) -> None:
    agents: dict[str, memgpt.Agent] = {}
    wrong: list[str] = []

    async def refused(work: Any) -> None:
        with pytest.raises(memgpt.Reentrant) as raised:
            result = work()
            if asyncio.iscoroutine(result):
                await result
        wrong.append(str(raised.value))

    async def myself(agent: memgpt.Agent) -> str:
        """Send to oneself."""
        for own in (agent, agents["a"]):
            await refused(lambda own=own: own.send_async("Hello"))
            await refused(lambda own=own: own.send("Hello"))
        # Any handle of the agent writes into the step.
        agents["a"].memory["human"].value = "written"
        agents["a"].archival.insert("filed")
        return (await agents["b"].send_async("Hello")).text

    async def back() -> str:
        """Send back."""
        await refused(lambda: agents["a"].send_async("Hello"))
        await refused(lambda: agents["a"].send("Hello"))
        return "refused"

    agents["a"] = kit.agent(script(kit, "myself"), name="a", tools=[myself])
    agents["b"] = kit.agent(script(kit, "back"), name="b", tools=[back])
    reply = run(agents["a"].send_async("Hello"))
    assert results(reply)[0] == ("myself", False, "done"), results(reply)
    assert len(wrong) == 6 and all('agent "a"' in text for text in wrong)
    assert [m.failed for m in agents["b"].recall.messages() if m.name == "back"] == [False]
    assert agents["a"].memory["human"].value == "written"
    assert len(agents["a"].archival) == 1
    assert [step.kind for step in agents["a"].steps()][-4:] == [
        "input",
        "intent",
        "outcome",
        "step",
    ]


def test_a_tool_of_one_agent_asks_another(kit) -> None:
    for how in ("send", "send_async"):
        other = kit.agent(lambda context: kit.say("42"), name=f"other-{how}")

        async def question() -> str:
            """Ask."""
            return (await other.send_async("?")).text + other.send("?").text  # noqa: B023

        agent = kit.agent(script(kit, "question"), name=how, tools=[question])
        reply = agent.send("Hello") if how == "send" else run(agent.send_async("Hello"))
        assert results(reply)[0] == ("question", False, "4242")


def test_a_coroutine_that_cancels_itself_is_a_failed_tool(kit) -> None:
    async def give_up() -> str:
        """Give up."""
        raise asyncio.CancelledError

    agent = kit.agent(script(kit, "give_up") * 2, tools=[give_up])
    for reply in (agent.send("Hello"), run(agent.send_async("Hello"))):
        assert results(reply)[0][:2] == ("give_up", True)
        assert reply.text == "done"


def test_providers_and_embedders(home: memgpt.Home) -> None:
    loops: list[Any] = []

    class Model(memgpt.LLMProvider):
        async def complete(self, context: memgpt.Context) -> Any:
            await asyncio.sleep(0.001)
            loops.append(asyncio.get_running_loop())
            return {
                "tool_calls": [
                    {"function": {"name": "send_message", "arguments": {"message": "ok"}}}
                ]
            }

    class Length(memgpt.Embedder):
        dimension = 2

        async def embed(self, texts: list[str]) -> list[list[float]]:
            await asyncio.sleep(0.001)
            return [[float(len(text)), 1.0] for text in texts]

    agent = home.create_agent("sam", model=Model(), embedding=Length())

    async def main() -> None:
        assert (await agent.send_async("Hello")).text == "ok"
        assert loops == [asyncio.get_running_loop()]

    run(main())
    assert agent.send("Hello").text == "ok"
    agent.archival.insert("four")
    assert agent.archival.search("five")[0].score > 0.99


def test_what_a_provider_raises_comes_out(home: memgpt.Home) -> None:
    class Broken(memgpt.LLMProvider):
        async def complete(self, context: memgpt.Context) -> Any:
            raise LookupError("no model here")

    agent = home.create_agent("sam", model=Broken())

    async def main() -> None:
        with pytest.raises(LookupError, match="no model here") as raised:
            await agent.send_async("Hello")
        assert "complete" in [entry.name for entry in raised.traceback]

    run(main())
    with pytest.raises(LookupError):
        agent.send("Hello")
    assert len(agent.recall) == 2


def test_bad_input_is_refused_before_the_turn(kit) -> None:
    agent = kit.agent([])

    async def main() -> None:
        for bad in (5, b"x", "\ud800"):
            with pytest.raises(memgpt.InvalidInput):
                await agent.send_async(bad)  # type: ignore[arg-type]
        with pytest.raises(memgpt.InvalidInput):
            await agent.send_async("Hello", role="tool")
        with pytest.raises(memgpt.InvalidInput):
            await agent.send_async("Hello", time="yesterday")

    run(main())
    assert len(agent.recall) == 0


def test_the_callers_context_variables_are_seen(kit) -> None:
    tenant = contextvars.ContextVar("tenant", default="nobody")
    seen: list[str] = []

    def plain() -> None:
        """Look."""
        seen.append(tenant.get())

    async def coroutine() -> None:
        """Look."""
        seen.append(tenant.get())

    agent = kit.agent(script(kit, "plain", "coroutine"), tools=[plain, coroutine])

    async def main() -> None:
        tenant.set("Chad")
        await agent.send_async("Hello")

    run(main())
    assert seen == ["Chad", "Chad"]


def test_a_scripted_model_works_as_before(home: memgpt.Home) -> None:
    llm = ScriptedLLM([{"tool": "send_message", "args": {"message": "hi"}}])
    assert run(home.create_agent("sam", model=llm).send_async("Hello")).text == "hi"


@pytest.mark.parametrize("how", ["send", "send_async"])
def test_a_coroutine_that_ends_the_program(kit, how: str) -> None:
    async def leave() -> str:
        """Leave."""
        raise SystemExit(3)

    agent = kit.agent(script(kit, "leave"), tools=[leave])
    with pytest.raises(SystemExit):
        if how == "send":
            agent.send("Hello")
        else:
            run(agent.send_async("Hello"))
    kit.still_answers(agent)

    async def nap() -> str:
        """Nap."""
        return "rested"

    other = kit.agent(script(kit, "nap"), name="other", tools=[nap])
    assert results(other.send("Hello"))[0] == ("nap", False, "rested")
