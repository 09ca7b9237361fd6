"""Memory blocks that several agents share."""

from __future__ import annotations

import re
import textwrap
import threading
from typing import Any

import memgpt
import pytest
from memgpt.errors import (
    AlreadyExists,
    BlockNotFound,
    ConfigError,
    LimitExceeded,
    MessageTooLarge,
    StoreError,
    WindowTooSmall,
)

from tests.conftest import CheckedLLM


def append(kit: Any, text: str, heartbeat: bool = True) -> dict[str, Any]:
    return kit.call("core_memory_append", name="plan", content=text, heartbeat=heartbeat)


def text_of(context: memgpt.Context) -> str:
    return "".join(span.text for span in context.spans)


def kinds(agent: memgpt.Agent) -> list[str]:
    return [step.kind for step in agent.steps()]


@pytest.fixture
def pair(kit):
    """Two agents that share a block, their models, and the block."""
    block = kit.home.create_block("plan", "Nothing yet.")
    models = CheckedLLM([]), CheckedLLM([])
    agents = tuple(
        kit.home.create_agent(name, model=llm) for name, llm in zip("ab", models, strict=True)
    )
    for agent, llm in zip(agents, models, strict=True):
        agent.memory.attach(block)
        llm.script = lambda context: kit.say("so")
    return *agents, *models, block


def test_what_one_agent_writes_the_other_reads_and_sends(kit, pair):
    a, b, model_a, model_b, block = pair
    assert a.memory["plan"].shared and not a.memory["human"].shared
    script = iter([append(kit, "Meet at noon."), kit.say("done")])
    model_a.script = lambda context: next(script)
    a.send("When do we meet?")
    assert block.value == "Nothing yet.\nMeet at noon."
    assert b.memory["plan"].value == block.value
    assert "Meet at noon." in text_of(b.context())
    seen: list[str] = []
    model_b.script = lambda context: seen.append(text_of(context)) or kit.say("yes")
    b.send("Well?")
    assert "Meet at noon." in seen[0]
    # Recorded with what b wrote next, and replayed from b's own line.
    assert kinds(b) == ["create", "edit", "input", "step"]
    assert b.replay().first_divergence is None


def test_the_user_writes_into_it_with_and_without_an_agent(kit, pair):
    a, b, _, _, block = pair
    block.value = "From above."
    assert a.memory["plan"].value == b.memory["plan"].value == "From above."
    a.memory["plan"].value = "Through a."
    assert block.value == b.memory["plan"].value == "Through a."
    assert [(v.version, v.author, v.agent) for v in block.history()] == [
        (1, "user", ""),
        (2, "user", ""),
        (3, "user", "a"),
    ]
    assert [v.value for v in b.memory["plan"].history()] == [v.value for v in block.history()]
    assert block.history()[-1].lines == ["-From above.", "+Through a."]
    block.value = "Through a."
    assert len(block.history()) == 3, "what changes nothing is no version"


def test_a_version_between_two_steps_is_on_record_before_the_model_sees_it(kit, pair):
    a, _, model_a, _, block = pair
    seen: list[str] = []

    def script(context: memgpt.Context) -> Any:
        seen.append(text_of(context))
        if len(seen) > 1:
            return kit.say("so")
        block.value = "Changed in between."
        return kit.call("conversation_search", query="noon")

    model_a.script = script
    a.send("Go on.")
    assert "Nothing yet." in seen[0] and "Changed in between." in seen[1]
    assert kinds(a)[2:] == ["input", "step", "shared", "step"]
    assert "Nothing yet." in text_of(a.context(a.steps()[-3].seq))
    assert "Changed in between." in text_of(a.context(a.steps()[-1].seq))


def test_an_edit_that_was_overtaken_is_refused_and_nothing_is_overwritten(kit, pair):
    a, b, model_a, _, block = pair
    calls = 0

    def script(context: memgpt.Context) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            b.memory["plan"].value = "b was here."
        return append(kit, "a was here.") if calls < 3 else kit.say("done")

    model_a.script = script
    response = a.send("Note it.")
    first, second = [m for m in response.messages if m.role == "tool"][:2]
    assert first.failed and 'changed by agent "b" meanwhile' in first.text
    assert not second.failed
    assert block.value == "b was here.\na was here."
    assert [(v.version, v.author, v.agent) for v in block.history()][1:] == [
        (2, "user", "b"),
        (3, "agent", "a"),
    ]


def test_the_result_of_a_tool_with_outside_effects_is_told_though_its_edit_was_overtaken(kit):
    block = kit.home.create_block("plan", "Nothing yet.")
    launched = []

    @memgpt.tool
    def launch(agent: memgpt.Agent) -> str:
        """Launch."""
        launched.append(agent.memory["plan"].value)
        agent.memory["plan"].value = "launched"
        agent.archival.insert("A launch.")
        thread = threading.Thread(target=lambda: setattr(block, "value", "wait"))
        thread.start()
        thread.join()
        return "launched as number 7"

    script = iter([kit.call("launch"), kit.say("hm"), kit.say("so")])
    agent = kit.agent(lambda context: next(script), tools=[launch])
    agent.memory.attach(block)
    response = agent.send("Go!")
    result = next(m for m in response.messages if m.role == "tool")
    assert launched == ["Nothing yet."], "it runs once"
    assert result.failed and "launched as number 7" in result.text and "meanwhile" in result.text
    assert block.value == agent.memory["plan"].value == "wait"
    assert len(agent.archival) == 0, "what the call wrote goes as a whole"


def test_undo_leaves_it_and_says_so(kit, pair):
    a, b, model_a, _, block = pair
    script = iter([append(kit, "Meet at noon."), kit.say("done")])
    model_a.script = lambda context: next(script)
    before = a.head.seq
    a.send("When?")
    after = a.head.seq
    moved = a.undo()
    assert moved.shared == ["plan"] and "plan" in repr(moved)
    assert a.memory["plan"].value == block.value == "Nothing yet.\nMeet at noon."
    assert a.at(before).memory["plan"].value == "Nothing yet."
    assert a.redo().shared == []
    assert a.at(before).memory["plan"].history()[-1].version == 1
    assert a.at(after).memory["plan"].history()[-1].version == 2
    a.undo()
    b.memory["plan"].value = "Other plans."
    assert a.redo().to_head.seq == after
    assert a.memory["plan"].value == "Other plans.", "its line's end had an older version"
    # Attaching is a's own history.
    assert a.undo(2).shared == ["plan"]
    assert "plan" not in a.memory and block.value == "Other plans."


def test_a_fork_shares_it_and_own_blocks_part(kit, pair):
    a, _, _, _, block = pair
    fork = a.fork("fork")
    assert fork.memory["plan"].shared
    fork.memory["plan"].value = "by the fork"
    assert a.memory["plan"].value == "by the fork"
    a.memory["plan"].value = "by a"
    assert fork.memory["plan"].value == "by a"
    a.memory["human"].value, fork.memory["human"].value = "Ann", "Bob"
    assert (a.memory["human"].value, fork.memory["human"].value) == ("Ann", "Bob")
    assert [v.agent for v in block.history()] == ["", "fork", "a"]
    past = a.fork("older", at=1)
    assert "plan" not in past.memory


def test_deleting_an_agent_leaves_what_it_shares(kit, pair):
    a, b, _, _, block = pair
    a.memory["plan"].value = "a wrote this"
    kit.home.delete_agent("a")
    assert b.memory["plan"].value == block.value == "a wrote this"
    assert block.history()[-1].agent == "a"
    kit.still_answers(b, pair[3])


def test_detaching_and_attaching_again(kit, pair):
    a, b, _, _, block = pair
    a.memory.remove("plan")
    block.value = "without a"
    assert "plan" not in a.memory and b.memory["plan"].value == "without a"
    with pytest.raises(AlreadyExists, match="plan"):
        b.memory.attach(block)
    a.memory.add("plan", "a's own")
    with pytest.raises(AlreadyExists):
        a.memory.attach(block)
    a.memory.remove("plan")
    assert a.memory.attach(block).value == "without a"
    kit.reopen()
    home = kit.home
    assert home.blocks() == [block.__class__(home._core, block.id)]
    assert home.agent("a").memory["plan"].shared
    home.blocks()[0].value = "after all"
    assert home.agent("a").memory["plan"].value == "after all"


def test_bad_input(kit, pair, tmp_path):
    a, *_, block = pair
    for wrong in ("plan", block.id, None, a.memory["human"]):
        with pytest.raises(ConfigError, match=r"home\.create_block"):
            a.memory.attach(wrong)
    with memgpt.open(tmp_path / "other.db") as other:
        foreign = other.create_block("theirs")
        with pytest.raises(BlockNotFound, match=r"home\.blocks\(\)"):
            a.memory.attach(foreign)
        kept = other.create_block("kept")
    assert "closed" in repr(kept)
    with pytest.raises(StoreError, match="closed"):
        kept.value  # noqa: B018
    for label in ("", "two words", "x" * 51):
        with pytest.raises(ConfigError):
            kit.home.create_block(label)
    with pytest.raises(LimitExceeded):
        kit.home.create_block("long", "x" * 11, limit=10)
    short = kit.home.create_block("short", "x", limit=10)
    with pytest.raises(LimitExceeded):
        short.value = "x" * 11
    assert short.value == "x" and len(short.history()) == 1
    a.memory.attach(short)
    with pytest.raises(LimitExceeded):
        a.memory["short"].value = "x" * 11
    with pytest.raises(memgpt.errors.InvalidInput, match="as it was"):
        a.at(1).memory.attach(short)


def test_a_read_only_one_is_the_users(kit):
    block = kit.home.create_block("plan", "Fixed.", read_only=True)
    script = iter([append(kit, "x"), kit.say("so")])
    agent = kit.agent(lambda context: next(script))
    agent.memory.attach(block)
    response = agent.send("Change it.")
    result = next(m for m in response.messages if m.role == "tool")
    assert result.failed and "read-only" in result.text
    assert block.value == "Fixed."
    block.value = "Fixed anew."
    assert agent.memory["plan"].value == "Fixed anew."


def test_one_that_outgrows_an_agents_window_is_an_error_that_goes_away(kit):
    block = kit.home.create_block("plan", "short", limit=100_000)
    agent = kit.agent(lambda context: kit.say("so"), context_window=4096)
    agent.memory.attach(block)
    block.value = "word " * 10_000
    with pytest.raises((WindowTooSmall, MessageTooLarge)):
        agent.send("Hello?")
    assert agent.context().tokens > 4096
    block.value = "short again"
    kit.still_answers(agent)


def test_many_writers_lose_no_edit(kit):
    block = kit.home.create_block("plan", "start", limit=100_000)
    rounds, writers = 6, 6
    done: dict[str, list[str]] = {}

    def work(name: str) -> None:
        number = 0

        def script(context: memgpt.Context) -> Any:
            nonlocal number
            number += 1
            if number > rounds:
                return kit.say("done")
            return append(kit, f"{name}-{number}")

        agent = kit.home.create_agent(name, model=CheckedLLM(script), context_window=32768)
        agent.memory.attach(block)
        response = agent.send("Write.")
        returns = [m for m in response.messages if m.role == "tool" and m.name != "send_message"]
        done[name] = [f"{name}-{i}" for i, m in enumerate(returns, 1) if not m.failed]

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == writers
    written = block.value.split("\n")[1:]
    assert sorted(written) == sorted(line for lines in done.values() for line in lines)
    assert written, "at least the first of them came through"
    assert len(block.history()) == 1 + len(written)


def test_writers_in_two_processes(kit, pair):
    a, _, _, _, block = pair
    code = """
        import sys, memgpt
        with memgpt.open(sys.argv[1], durability="process") as home:
            for i in range(20):
                home.agent("b").memory["plan"].value = f"theirs {i}"
    """
    with kit.start(textwrap.dedent(code), kit.home.path) as process:
        while process.poll() is None:
            a.memory["plan"].value = f"ours {len(block.history())}"
        assert process.returncode == 0, process.communicate()[1]
    values = [version.value for version in block.history()]
    assert [v for v in values if v.startswith("theirs")] == [f"theirs {i}" for i in range(20)]
    assert any(v.startswith("ours") for v in values)
    assert a.memory["plan"].value == block.value


def test_the_doctor_finds_what_was_changed_by_hand(kit, pair):
    a, *_, block = pair
    block.value = "two"
    a.memory["plan"].value = "three"
    assert re.search(
        "version 3.*not as it was", kit.problems_after("UPDATE shared_block SET value = 'x'")
    )
    gone = kit.problems_after("DELETE FROM shared_block WHERE version = 3")
    assert "which there is not" in gone
    assert "version 2" in kit.problems_after("DELETE FROM shared_block WHERE version = 2")
    assert "plan" in kit.problems_after("UPDATE block SET shared = 9 WHERE shared = 3")
