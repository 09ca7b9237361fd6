"""What a context says of itself: origins, authors, shares, ages, and what two of them differ in."""

from __future__ import annotations

import datetime as dt
import json
import sys
from types import ModuleType
from typing import Any

import memgpt
import pytest
from memgpt._explain import ContextDiff, Explanation
from memgpt.testing import ScriptedLLM

from tests.test_views import EVIL, evil_agent, page

ROW = {
    "kind", "origin", "author", "version", "tokens", "share", "age", "in_previous", "cut", "text",
}  # fmt: skip


class NoBlocks(memgpt.BaseMemory):
    def __init__(self) -> None:
        self.memory = {}


def rows_of(context: memgpt.Context) -> dict[str, Any]:
    return {row.origin: row for row in context.explain().rows if row.origin}


def check_figures(context: memgpt.Context) -> None:
    *rows, free = context.explain().rows
    assert free.kind == "free" and rows[-1].kind == "overhead"
    assert sum(row.tokens for row in rows) == context.tokens
    assert free.tokens == max(0, context.budget.limit - context.tokens)
    assert [row.origin for row in rows[:-1]] == [span.origin for span in context.spans]
    assert sum(row.share for row in rows) == pytest.approx(context.tokens / context.budget.limit)


def test_rows_add_up_to_the_context(kit: Any) -> None:
    agent = kit.agent([kit.call("core_memory_append", name="human", content="x"), kit.say("ho")])
    check_figures(agent.context())
    agent.send("hi")
    check_figures(agent.context())
    bare = kit.agent(name="bare", include_base_tools=False, memory=NoBlocks)
    check_figures(bare.context())
    kinds = {row.kind for row in bare.context().explain().rows}
    assert kinds == {"system", "external_memory", "overhead", "free"}


def test_authors_of_a_block_s_versions(kit: Any) -> None:
    agent = kit.agent([kit.call("core_memory_append", name="human", content="x"), kit.say("ho")])
    human = rows_of(agent.context())["block:human"]
    assert (human.author, human.version, human.age) == ("user", 1, None)
    agent.send("hi")
    edited = rows_of(agent.context())
    steps = agent.steps()
    human = edited["block:human"]
    assert human.author == "agent" and steps[human.version - 1].kind == "step"
    assert edited["block:persona"].version == 1
    agent.memory["human"].value = "Chad"
    human = rows_of(agent.context())["block:human"]
    assert (human.author, human.version) == ("user", len(agent.steps()))
    agent.memory.add("notes", "n")
    assert rows_of(agent.context())["block:notes"].version == len(agent.steps())


def test_authors_are_the_same_when_the_file_is_opened_again(kit: Any) -> None:
    agent = kit.agent([kit.call("core_memory_append", name="human", content="x"), kit.say("ho")])
    agent.send("hi", time="2030-05-08T13:56:00")
    agent.memory["persona"].value = "I am Sam!"
    before = agent.context().explain().to_dicts()
    times = [span.time for span in agent.context().spans]
    path = kit.home.path
    kit.home.close()
    with memgpt.open(path) as home:
        again = home.agent("sam", model=ScriptedLLM([])).context()
        assert again.explain().to_dicts() == before
        assert [span.time for span in again.spans] == times


def test_a_failed_edit_leaves_the_version(kit: Any) -> None:
    script = [kit.call("core_memory_append", name="human", content="x" * 5000), kit.say("no")]
    agent = kit.agent(script)
    agent.send("hi")
    human = rows_of(agent.context())["block:human"]
    assert (human.author, human.version) == ("user", 1)


def test_who_wrote_the_rest(kit: Any) -> None:
    def roll() -> int:
        """Roll a die."""
        return 4

    agent = kit.agent([kit.call("roll"), kit.say("4")], tools=[roll], system="Be short.")
    agent.send("roll")
    rows = rows_of(agent.context())
    assert rows["tool:roll"].author == rows["system_prompt"].author == "user"
    assert rows["tool:send_message"].author == rows["external_memory"].author == "kernel"
    authors = [row.author for row in rows.values() if row.kind in ("message", "tool_return")]
    assert authors == ["user", "agent", "tool:roll", "agent", "tool:send_message"]
    stock = rows_of(kit.agent(name="stock").context())
    assert stock["system_prompt"].author == "kernel"


def test_ages_are_relative_to_the_newest_message(kit: Any) -> None:
    agent = kit.agent([kit.say("a"), kit.say("b")])
    agent.send("first", time="2023-05-08T12:00:00")
    agent.send("second", time="2023-05-08T14:30:00")
    rows = agent.context().explain().rows
    ages = [row.age for row in rows if row.kind == "message"]
    long, none = dt.timedelta(hours=2, minutes=30), dt.timedelta(0)
    assert ages == [long, long, none, none]
    by_origin = rows_of(agent.context())
    assert by_origin["system_prompt"].age is None
    assert (
        by_origin["block:human"].age == none
    )  # the block is newer than the messages are said to be
    text = str(agent.context().explain())
    assert "  2 h  " in text or "  3 h  " in text


def full_agent(kit: Any) -> memgpt.Agent:
    """An agent that has been evicted from, with a digest for a summary."""
    agent = kit.agent(lambda context: kit.say("I see. " * 40), context_window=4096)
    while not any(row.kind == "summary" for row in agent.context().explain().rows):
        agent.send("A long story about spruce trees. " * 10)
    return agent


def test_diff_after_an_eviction(kit: Any) -> None:
    agent = kit.agent(lambda context: kit.say("I see. " * 40), context_window=4096)
    before = agent.context()
    while "summary" not in rows_of(after := agent.context()):
        before = after
        agent.send("A long story about spruce trees. " * 10)
    diff = before.diff(after)
    gone = [row for row in diff.removed if row.kind in ("message", "tool_return")]
    assert gone and all(row.origin in {s.origin for s in before.spans} for row in gone)
    summary = next(row for row in rows_of(after).values() if row.kind == "summary")
    assert summary.author == "digest"
    assert "summary" in {row.origin for row in diff.added}
    assert (diff.tokens_before, diff.tokens_after) == (before.tokens, after.tokens)
    kept = before.tokens + sum(row.tokens for row in diff.added)
    kept -= sum(row.tokens for row in diff.removed)
    kept += sum(change.after.tokens - change.before.tokens for change in diff.changed)
    assert kept == after.tokens - after.overhead_tokens + before.overhead_tokens


def test_diff_after_an_edit(kit: Any) -> None:
    agent = kit.agent()
    agent.memory["human"].value = "Name: Chad\nTown: Turin\nDog: Rex"
    before = agent.context()
    agent.memory["human"].value = "Name: Chad\nTown: Genoa\nDog: Rex"
    diff = before.diff(agent.context())
    assert diff and not diff.added and not diff.removed
    (change,) = diff.changed
    assert change.after.origin == "block:human"
    assert change.lines == [" Name: Chad", "-Town: Turin", "+Town: Genoa", " Dog: Rex"]
    assert "-Town: Turin" in str(diff) and "+Town: Genoa" in page(diff).text
    back = agent.context().diff(before)
    assert back.changed[0].before == change.after
    agent.memory["human"].value = "Name: Chad\nTown: Turin\nDog: Rex"
    (change,) = before.diff(agent.context()).changed  # the text of before, in a newer version
    assert change.lines == [] and change.after.version == change.before.version + 2


def test_contexts_that_are_the_same_have_no_difference(kit: Any) -> None:
    agent = full_agent(kit)
    diff = agent.context().diff(agent.context())
    assert not diff and diff.to_dicts() == []
    assert "nothing is otherwise" in str(diff) and "nothing is otherwise" in page(diff).text
    explained = agent.context().explain()
    assert not explained.diff(agent.context()) and not explained.diff(agent.context().explain())


def test_a_warning_that_is_not_written_yet_is_no_difference(kit: Any) -> None:
    agent = kit.agent(lambda context: kit.say("I see. " * 40), context_window=4096)
    alerts: list[Any] = []
    while not alerts:
        agent.send("A long story about spruce trees. " * 10)
        written = {message.id for message in agent.window}
        spans = agent.context().spans
        alerts = [s for s in spans if s.kind == "message" and s.origin not in written]
        assert agent.context().tokens < agent.context().budget.limit * 0.9, "no warning was seen"
    assert alerts[0].author == "kernel" and not agent.context().diff(agent.context())


def test_previous_spans_are_told_where_they_are_known() -> None:
    class Context:
        """What the rows read of a context."""

        def __init__(self, context: memgpt.Context, previous: int) -> None:
            self.spans, self.budget = context.spans, context.budget
            self.tokens, self.overhead_tokens = context.tokens, context.overhead_tokens
            self.previous_spans = previous

    with memgpt.open(":memory:") as home:
        context = home.create_agent("sam", model=ScriptedLLM([])).context()
    for previous, expected in ((-1, [None] * 3), (0, [False] * 3), (2, [True, True, False])):
        rows = Explanation(Context(context, previous)).rows  # type: ignore[arg-type]
        assert [row.in_previous for row in rows[:3]] == expected
        assert rows[-1].in_previous is None


def test_json_round_trip(kit: Any) -> None:
    agent, _ = evil_agent(kit)
    before = agent.context()
    explained = before.explain()
    read = json.loads(explained.to_json())
    assert read == explained.to_dict() and read["rows"] == explained.to_dicts()
    assert all(set(row) == ROW for row in read["rows"]) and read["tokens"] == before.tokens
    agent.memory["human"].value = "x"
    diff = before.diff(agent.context())
    assert json.loads(diff.to_json(indent=1)) == diff.to_dict()
    changes = [(row["change"], row["origin"]) for row in diff.to_dicts()]
    assert changes == [("changed", "block:human"), ("changed", "external_memory")]


def test_pandas(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = kit.agent([kit.say("ho")])
    agent.send("hi")
    explained = agent.context().explain()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        explained.to_pandas()
    stand_in = ModuleType("pandas")
    stand_in.DataFrame = lambda rows: {name: [r[name] for r in rows] for name in rows[0]}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", stand_in)
    frame = explained.to_pandas()
    assert set(frame) == ROW and frame["tokens"] == [row.tokens for row in explained.rows]
    assert frame["age"] == [row.age for row in explained.rows]


def test_no_text_gets_out_of_its_place(kit: Any) -> None:
    agent, _ = evil_agent(kit)
    before = kit.agent(name="other").context()
    after = agent.context()
    for shown in (after.explain(), before.diff(after), after.diff(before)):
        assert "<script>alert(1)</script>" in page(shown).text
        assert "\x1b" not in str(shown) and "\u202e" not in str(shown)
        assert repr(shown) == str(shown)
    agent.memory["human"].value = "\x1b[31m\u202e\n" + EVIL
    edited = agent.context()
    for shown in (edited.explain(), after.diff(edited)):
        assert "\x1b" not in str(shown) and "\u202e" not in str(shown)
        assert r"\x1b[31m\u202e" in str(shown) and r"\x1b[31m\u202e" in page(shown).text


def test_a_huge_window_makes_no_huge_view(kit: Any) -> None:
    agent = kit.agent(lambda context: kit.say("ho " * 20), context_window=1_000_000)
    empty = agent.context()
    for _ in range(150):
        agent.send("word " * 100)
    context = agent.context()
    explained, diff = context.explain(), empty.diff(context)
    assert len(explained.rows) == len(context.spans) + 2 > 450
    for shown in (explained, diff):
        assert "more rows" in str(shown) and "more rows" in page(shown).text
        assert len(shown._repr_html_()) < 400_000 and len(str(shown)) < 100_000


def test_views_of_a_closed_home_still_show(kit: Any) -> None:
    agent = kit.agent()
    explained = agent.context().explain()
    diff = agent.context().diff(agent.context())
    kit.home.close()
    assert isinstance(diff, ContextDiff) and "persona" in page(explained).text
    assert "nothing is otherwise" in repr(diff)
