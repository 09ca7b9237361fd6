"""Calls that were broken off: run again where the tool says that they may be, else never."""

from __future__ import annotations

import sqlite3
import textwrap
from contextlib import closing

import memgpt
import pytest
from memgpt.errors import ToolError

from tests.conftest import CheckedLLM

# A process that dies in its tool, after the effect. {declared} is what the tool says of itself.
DIES = """
    import os, sys, memgpt
    from memgpt.testing import ScriptedLLM

    @memgpt.tool({declared})
    def pay(amount: int{key}) -> str:
        "Pay."
        with open(sys.argv[2], "a") as file:
            print(amount, {shown}, file=file)
        os.kill(os.getpid(), 9)

    with memgpt.open(sys.argv[1]) as home:
        llm = ScriptedLLM([{{"tool": "pay", "args": {{"amount": 7}}}}])
        home.create_agent("sam", model=llm, tools=[pay]).send("Pay 7.")
"""


def die(kit, path, book, idempotent: bool) -> None:
    code = DIES.format(
        declared="idempotent=True" if idempotent else "",
        key=", idempotency_key: str" if idempotent else "",
        shown="idempotency_key" if idempotent else "'-'",
    )
    with kit.start(textwrap.dedent(code), path, book) as process:
        process.communicate(timeout=60)
        assert process.returncode == -9


@pytest.fixture
def after(kit, tmp_path):
    """The agent after the crash, in this process, with a tool of the same name."""
    homes = []

    def opened(idempotent: bool, tool):
        path, book = tmp_path / "crash.db", tmp_path / "book"
        die(kit, path, book, idempotent)
        homes.append(memgpt.open(path, durability="process"))
        llm = CheckedLLM(lambda context: kit.say("so"))
        agent = homes[0].agent("sam", model=llm, tools=[tool] if tool else [])
        return agent, book

    yield opened
    for home in homes:
        assert home.check(replay=True) == []
        home.close()


def returns(agent) -> list[tuple[bool, str]]:
    messages = agent.recall.messages(0, 99)
    return [(m.failed, m.text) for m in messages if m.role == "tool" and m.name == "pay"]


def test_an_idempotent_call_is_run_again_with_its_key(after):
    keys = []

    @memgpt.tool(idempotent=True)
    def pay(amount: int, idempotency_key: str) -> str:
        """Pay."""
        keys.append(idempotency_key)
        return f"paid {amount}"

    agent, book = after(True, pay)
    assert agent.send("Did you?").text == "so"
    first = book.read_text().split()
    assert first[0] == "7" and keys == [first[1]] and len(keys[0]) == 36
    assert returns(agent) == [(False, "paid 7")]
    agent.send("And now?")
    assert len(keys) == 1, "it is done"
    with closing(sqlite3.connect(agent._home.path)) as db:
        runs = db.execute("SELECT phase, idempotency_key, status FROM tool_run ORDER BY seq")
        assert list(runs) == [("intent", keys[0], "started"), ("result", keys[0], "ok")]


def test_one_that_fails_again_has_failed(after):
    @memgpt.tool(idempotent=True)
    def pay(amount: int, idempotency_key: str) -> str:
        """Pay."""
        raise ValueError("no money left")

    agent, _ = after(True, pay)
    agent.send("Did you?")
    [(failed, text)] = returns(agent)
    assert failed and "no money left" in text


def test_one_that_is_interrupted_again_is_run_at_the_next_message(after):
    keys = []

    @memgpt.tool(idempotent=True)
    def pay(amount: int, idempotency_key: str) -> str:
        """Pay."""
        keys.append(idempotency_key)
        if len(keys) == 1:
            raise KeyboardInterrupt
        return "paid at last"

    agent, _ = after(True, pay)
    with pytest.raises(KeyboardInterrupt):
        agent.send("Did you?")
    assert returns(agent) == []
    agent.send("Did you?")
    assert returns(agent) == [(False, "paid at last")] and len(set(keys)) == 1


@pytest.mark.parametrize("declared", [True, False])
def test_at_most_once_unless_both_the_call_and_the_tool_say_otherwise(after, declared):
    """The tool that the call was made with and the one that is there now."""
    runs = []

    @memgpt.tool(idempotent=not declared)
    def pay(amount: int) -> str:
        """Pay."""
        runs.append(amount)
        return "paid"

    agent, _ = after(declared, pay)
    agent.send("Did you?")
    [(failed, text)] = returns(agent)
    assert runs == [] and failed and "may or may not" in text


def test_one_whose_tool_is_not_bound_is_interrupted(after):
    agent, _ = after(True, None)
    agent.send("Did you?")
    [(failed, text)] = returns(agent)
    assert failed and "may or may not" in text


def test_what_it_writes_again_is_there_once(after):
    @memgpt.tool(idempotent=True)
    def pay(amount: int, agent: memgpt.Agent) -> str:
        """Pay."""
        agent.memory["human"].value = f"paid {amount}"
        agent.archival.insert(f"A receipt of {amount}.")
        return "paid"

    agent, _ = after(True, pay)
    agent.send("Did you?")
    assert agent.memory["human"].value == "paid 7" and len(agent.archival) == 1
    assert [step.kind for step in agent.steps()][-3:] == ["recovery", "input", "step"]
    agent.undo()
    assert len(agent.archival) == 1, "it belongs to the turn that was broken off"


def test_the_model_does_not_see_the_key_and_cannot_set_it(kit):
    seen = []

    @memgpt.tool(idempotent=True)
    def pay(amount: int, idempotency_key: str = "none") -> str:
        """Pay.

        Args:
            amount: in euros.
        """
        seen.append(idempotency_key)
        return "paid"

    script = iter([kit.call("pay", amount=1), kit.call("pay", amount=1), kit.say("so")])
    agent = kit.agent(lambda context: next(script), tools=[pay])
    agent.send("Pay twice.")
    assert len(set(seen)) == 2 and "none" not in seen
    tool = next(tool for tool in agent.config["tools"] if tool["name"] == "pay")
    assert "idempotency_key" not in str(tool)
    assert pay(3, "by hand") == "paid" and seen[-1] == "by hand"


def test_a_class_may_be_idempotent_and_others_may_use_the_name(kit):
    class Pay(memgpt.Tool):
        """Pay."""

        name = "pay"
        idempotent = True

        def run(self, amount: int, idempotency_key: str) -> str:
            return f"paid {amount} {len(idempotency_key)}"

    @memgpt.tool
    def lookup(idempotency_key: str) -> str:
        """An argument of the model's that happens to be called so."""
        return f"looked up {idempotency_key}"

    script = iter(
        [kit.call("pay", amount=1), kit.call("lookup", idempotency_key="k"), kit.say("so")]
    )
    agent = kit.agent(lambda context: next(script), tools=[Pay, lookup])
    response = agent.send("Pay.")
    texts = [m.text for m in response.messages if m.role == "tool"]
    assert texts[:2] == ["paid 1 36", "looked up k"]


def test_a_tool_without_outside_effects_is_not_recorded_and_cannot_be_idempotent(kit):
    @memgpt.tool(effects="none", idempotent=True)
    def pay() -> str:
        """Pay."""
        return ""

    with pytest.raises(ToolError, match="outside"):
        kit.agent(tools=[pay])
