"""What another process, a forked child or a purge changes under an agent that is open."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import textwrap
import threading
from contextlib import closing

import memgpt
import pytest
from memgpt.errors import AgentNotFound, Busy, ConfigError, InvalidInput, NotFound
from memgpt.testing import check_agent

from tests.conftest import CheckedLLM

# Runs code in another process, with `home` and `agent`; the model there says "there".
OTHER = """
    import sys, memgpt
    from memgpt.testing import ScriptedLLM

    def roll() -> int:
        "Roll a die."
        return 4

    llm = ScriptedLLM(lambda context: {"tool": "send_message", "args": {"message": "there"}})
    with memgpt.open(sys.argv[1], durability="process") as home:
        agent = home.agent("sam", model=llm)
"""


def elsewhere(kit, code: str) -> str:
    return kit.run(
        textwrap.dedent(OTHER) + textwrap.indent(textwrap.dedent(code), " " * 4), kit.home.path
    )


def test_an_open_agent_follows_the_configuration_that_another_process_gives_it(kit):
    agent = kit.agent(lambda context: kit.say("here"), policy=memgpt.RecursiveSummary)
    agent.send("one")
    elsewhere(
        kit,
        """
        agent.remove_tool("archival_memory_insert")
        agent.policy = memgpt.SlidingWindow()
        agent.add_tool(roll)
        """,
    )
    agent.send("two")
    assert "archival_memory_insert" not in agent.tools and "roll" in agent.tools
    assert any("roll" in entry for entry in agent.unbound), "its code is in the other process"
    assert isinstance(agent.policy, memgpt.SlidingWindow)
    shown = [span.origin for span in kit.llm.last_context.spans if span.kind == "tool_schema"]
    assert "tool:archival_memory_insert" not in shown and "tool:roll" not in shown
    assert kit.home.check(replay=True) == []

    # What this one configures goes on from there.
    def look() -> str:
        """Look."""
        return "nothing"

    agent.add_tool(look)
    assert "archival_memory_insert" not in agent.tools and "look" in agent.tools
    out = elsewhere(kit, "print(agent.tools, type(agent.policy).__name__)")
    assert "archival_memory_insert" not in out and "'look'" in out and "SlidingWindow" in out
    agent.send("three")
    assert kit.home.check(replay=True) == []


def test_a_window_that_another_process_has_made_smaller_holds(kit):
    agent = kit.agent(lambda context: kit.say("here"), context_window=16000)
    agent.send("one")
    elsewhere(kit, 'home.agent("sam", context_window=4096)')
    agent.send("two")
    assert kit.llm.last_context.budget.limit <= 4096
    assert agent.replay().first_divergence is None


def test_a_call_that_is_repeated_beside_a_shared_block_ends(kit):
    """Its edit is overtaken each time, by what it does itself."""
    block = kit.home.create_block("plan", "start", limit=5000)
    helper = kit.home.create_agent("helper", model=CheckedLLM([]))
    helper.memory.attach(block)
    script = iter(
        [kit.call("core_memory_append", name="plan", content="helped"), kit.say("ok")] * 3
    )
    helper_llm = CheckedLLM(lambda context: next(script))
    helper = kit.home.agent("helper", model=helper_llm)
    runs = []

    @memgpt.tool(idempotent=True)
    def delegate(agent: memgpt.Agent, idempotency_key: str) -> str:
        """Let the helper do it."""
        runs.append(idempotency_key)
        helper.send("work")
        if len(runs) == 1:
            raise KeyboardInterrupt
        agent.memory["plan"].value += "\ndelegated"
        return "done"

    calls = iter([kit.call("delegate")])
    agent = kit.agent(lambda context: next(calls, kit.say("so")), tools=[delegate])
    agent.memory.attach(block)
    with pytest.raises(KeyboardInterrupt):
        agent.send("go")
    assert agent.send("and?").text == "so"
    result = next(m for m in agent.recall.messages(0, 99) if m.role == "tool")
    assert len(runs) == 2 and len(set(runs)) == 1
    assert result.failed and result.text.startswith("done\n") and "meanwhile" in result.text
    assert block.value == "start\nhelped\nhelped"


def test_who_checks_while_somebody_purges_finds_nothing(kit):
    agent = kit.agent(lambda context: kit.say("so"))
    stop = threading.Event()
    found: list[str] = []

    def look() -> None:
        while not stop.is_set():
            found.extend(kit.home.check(replay=True))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for i in range(12):
            agent.send(f"message {i}")
            fork = agent.fork(f"fork {i}")
            fork.memory["human"].value = "Ann"
            agent.undo()
            agent.send("otherwise")
            kit.home.delete_agent(fork.name)
            kit.home.purge(deleted=True, undone=True)
    finally:
        stop.set()
        thread.join()
    assert found == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fork() in a process with threads
def test_a_forked_child_opens_a_home_of_its_own(kit):
    agent = kit.agent(lambda context: kit.say("so"))
    agent.send("one")
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            home = memgpt.open(kit.home.path, durability="process")
            text = f"{home is kit.home} {len(home.agent('sam').recall)}"
            try:
                agent.send("through the parent's")
            except memgpt.StoreError as error:
                text += f" {error}"
            os.write(tell, text.encode())
        finally:
            os._exit(0)
    os.close(tell)
    os.waitpid(child, 0)
    with os.fdopen(told) as file:
        out = file.read()
    assert out.startswith("False 2") or out.startswith("False 3")
    assert "before fork()" in out
    kit.still_answers(agent)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_turn_of_its_parent(kit):
    started, go_on = threading.Event(), threading.Event()

    def wait(context: memgpt.Context):
        started.set()
        assert go_on.wait(30)
        return kit.say("so")

    agent = kit.agent(wait)
    thread = threading.Thread(target=agent.send, args=("one",))
    thread.start()
    assert started.wait(30)
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                agent.send("two")
            except memgpt.StoreError as error:
                os.write(tell, str(error).encode())
        finally:
            os._exit(0)
    os.close(tell)
    with os.fdopen(told) as file:  # ends at once, not after a minute
        assert "before fork()" in file.read()
    os.waitpid(child, 0)
    go_on.set()
    thread.join()


def test_redo_after_a_load_and_an_undo_goes_forward_on_that_line(kit):
    agent = kit.agent(lambda context: kit.say("so"))

    def said() -> list[str]:
        return [m.text for m in agent.window if m.role == "user"]

    agent.send("A")
    agent.save("A")
    agent.undo()
    agent.send("B1")
    agent.send("B2")
    line = agent.head
    agent.load("A")
    assert said() == ["A"]
    agent.undo()
    assert said() == []
    agent.redo()
    assert said() == ["A"]
    agent.load(line)
    assert said() == ["B1", "B2"]
    agent.undo()
    agent.undo()
    agent.redo(2)
    assert said() == ["B1", "B2"]


def test_load_lists_what_was_done_outside_on_the_line_that_it_leaves(kit):
    @memgpt.tool
    def launch() -> str:
        """Launch."""
        return "launched"

    script = iter([kit.say("one"), kit.call("launch"), kit.say("two"), *[kit.say("x")] * 9])
    agent = kit.agent(lambda context: next(script), tools=[launch])
    agent.send("one")
    agent.save("start")
    agent.send("go")
    launched = agent.head
    agent.undo()
    agent.send("otherwise")
    agent.send("and on")
    agent.send("and on")
    agent.load(launched)
    moved = agent.load("start")
    assert [run.tool for run in moved.outside] == ["launch"]
    assert agent.load(launched).outside == []


def test_what_was_changed_by_hand_is_found_on_every_line(kit):
    agent = kit.agent(lambda context: kit.say("so"))
    agent.memory["human"].value = "Ann"
    agent.send("A")
    agent.undo(2)
    kit.home.create_agent("other", model=CheckedLLM([]))
    assert "is not as it was written: blocks" in kit.problems_after(
        "UPDATE block SET value = 'Eve' WHERE value = 'Ann'"
    )
    changed = kit.problems_after("UPDATE message SET thinking = 'evil' WHERE role = 'assistant'")
    assert "is not as it was written: messages" in changed
    assert "which there is not" in kit.problems_after("DELETE FROM agent WHERE name = 'other'")


def test_edit_loses_nothing_of_anybody(kit):
    block = kit.home.create_block("plan", "", limit=100_000)
    agents = [kit.home.create_agent(f"a{i}", model=CheckedLLM([])) for i in range(2)]
    for agent in agents:
        agent.memory.attach(block)
    parts = [block, *(agent.memory["plan"] for agent in agents)]

    def work(number: int) -> None:
        for i in range(20):
            parts[number].edit(lambda text, i=i: f"{text}{number}-{i} ")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = block.value.split()
    assert sorted(written) == sorted(f"{n}-{i}" for n in range(3) for i in range(20))
    human = agents[0].memory["human"]
    assert human.edit(lambda text: text + "Ann") == "Ann" and human.value == "Ann"
    assert memgpt.MemoryModule("x", "a").edit(str.upper) == "A"


@pytest.mark.no_replay  # it changes the file by hand
def test_the_doctor_does_not_bring_an_old_file_to_a_new_schema(tmp_path, capsys):
    from memgpt.cli import main

    from tests.test_old_files import unpack

    path = unpack(3, tmp_path / "old.db")
    before = path.read_bytes()
    assert main(["doctor", str(path)]) == 0
    out = capsys.readouterr().out
    assert "schema 3" in out and "is sound" in out
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["old.db"]
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE block SET value = 'evil'")
    shutil.copy(path, tmp_path / "kept.db")
    assert main(["doctor", str(path)]) == 1
    assert path.read_bytes() == (tmp_path / "kept.db").read_bytes()


def test_an_agent_whose_text_was_purged_breaks_no_promise(kit):
    agent = kit.agent(lambda context: kit.say("so"))
    agent.send("the code is 4417-abcd")
    kit.home.purge(text="4417-abcd")
    assert check_agent(agent) == []


def test_a_fork_lists_of_its_parents_branch_what_it_sees(kit):
    agent = kit.agent(lambda context: kit.say("so"))
    agent.send("one")
    fork = agent.fork("fork")
    seen = agent.head
    agent.send("two")
    assert fork.branches()[0].head == seen
    assert fork.at(fork.branches()[0].head).head == seen


def test_tags_can_be_taken_away(kit):
    agent = kit.agent(lambda context: kit.say("so"))
    agent.save("one")
    agent.save("two")
    agent.delete_tag("one")
    assert [tag.name for tag in agent.tags()] == ["two"]
    with pytest.raises(NotFound, match="two"):
        agent.delete_tag("one")
    agent.save("one")


def test_two_tags_of_one_commit_are_both_in_the_history(kit):
    from memgpt.cli.look import history_lines

    agent = kit.agent(lambda context: kit.say("so"))
    agent.save("one")
    agent.save("two")
    assert "[one, two]" in "\n".join(line.plain for line in history_lines(agent, 5))


def test_what_waits_for_a_turn_of_its_own_loop_is_refused(kit):
    async def wait(agent: memgpt.Agent) -> str:
        """Wait."""
        await asyncio.sleep(0.5)
        return "waited"

    script = iter([kit.call("wait"), kit.say("so")])
    agent = kit.agent(lambda context: next(script), tools=[wait])

    async def main() -> None:
        sending = asyncio.ensure_future(agent.send_async("go"))
        await asyncio.sleep(0.2)
        for use in (
            lambda: kit.home.purge(undone=True),
            lambda: kit.home.delete_agent("sam"),
        ):
            with pytest.raises(Busy, match="event loop"):
                use()
        assert (await sending).text == "so"

    asyncio.run(main())


def test_what_is_no_argument_gets_a_typed_error(kit, tmp_path):
    agent = kit.agent()
    for use in (
        lambda: agent.undo(unit=None),
        lambda: agent.redo(unit=3),
        lambda: memgpt.open(tmp_path / "x.db", durability=None),
    ):
        with pytest.raises(InvalidInput):
            use()
    for use in (
        lambda: kit.home.create_block("x", read_only="no"),
        lambda: agent.memory.add("x", read_only=1),
        lambda: kit.home.check(replay="x"),
        lambda: memgpt.open(None),
        lambda: memgpt.open(5),
        lambda: memgpt.open("a\0b"),
    ):
        with pytest.raises(ConfigError):
            use()
    with pytest.raises(AgentNotFound):
        kit.home.delete_agent("nobody")
