"""Prefix stability: what each request shares with the one before it, and past contexts."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from itertools import takewhile
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import Context
from memgpt.errors import InvalidInput, NotFound, StoreError

from tests.conftest import CheckedLLM, call, say

WORDS = "the river ran past the old mill and the miller counted seven white geese on its bank "
WINDOW = 4096


def calls(agent: memgpt.Agent) -> list[memgpt.Step]:
    return [step for step in agent.steps() if step.digest]


def last(agent: memgpt.Agent) -> tuple[int, str]:
    step = calls(agent)[-1]
    return step.prefix_tokens, step.prefix_broken


def texts(context: Context) -> list[tuple[str, str, str]]:
    """The text of each span as the request has it, with what stands there before and after it."""
    request = context.to_request()
    tools = [json.dumps(tool, ensure_ascii=False) for tool in request.get("tools", [])]
    parts = [("tool ", tool, "\x1f") for tool in tools]
    system, *messages = request["messages"]
    left = system["content"]
    for span in context.spans[len(parts) : len(context.spans) - len(messages)]:
        assert left.startswith(span.text)
        parts.append(("" if len(parts) > len(tools) else "system ", span.text, ""))
        left = left.removeprefix(span.text)
    assert not left
    for message in messages:
        calls = message.get("tool_calls", [])
        text, after = message["content"] or "", json.dumps(calls) + message.get("tool_call_id", "")
        parts.append((f"\x1f{message['role']} {message['content'] is None} ", text, "\x1f" + after))
    return parts


def shared_tokens(before: Context, now: Context) -> int:
    """What prefix_tokens should be, by the bytes of the two requests."""
    one, other = texts(before), texts(now)
    pairs = zip(*("".join(map("".join, parts)) for parts in (one, other)), strict=False)
    left, tokens = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)), 0
    for span, (head, text, tail) in zip(now.spans, other, strict=True):
        left -= len(head) + len(text)
        if left < len(tail):
            part = text[: max(0, len(text) + min(left, 0))]
            return tokens + min(memgpt.TokenCounter(now.tokenizer).count(part), span.tokens)
        left -= len(tail)
        tokens += span.tokens
    return tokens


def tokens_before(context: Context, origin: str, begins: str = "") -> int:
    """Tokens of the spans that stand before the one of this origin, and of its beginning."""
    at = [span.origin for span in context.spans].index(origin)
    assert context.spans[at].text.startswith(begins)
    beginning = memgpt.TokenCounter(context.tokenizer).count(begins)
    return sum(span.tokens for span in context.spans[:at]) + beginning


class Remembering(CheckedLLM):
    """Keeps every context it is shown."""

    def __init__(self, script: Any, model: str = "scripted", tokenizer: str = "o200k_base") -> None:
        super().__init__(script)
        self.model, self.tokenizer = model, tokenizer
        self.contexts: list[Context] = []

    def complete(self, context: Context) -> memgpt.Reply:
        reply = super().complete(context)
        self.contexts.append(context)
        return reply


@memgpt.tool
def launch(where: str) -> str:
    """Launch a rocket."""
    if where == "nowhere":
        raise ValueError("there is no nowhere")
    return f"launched to {where}"


def test_an_appended_message_keeps_the_whole_request(kit):
    agent = kit.agent(lambda context: say("so"))
    assert agent.context().previous_spans == -1
    agent.send("hello")
    first = calls(agent)[0]
    assert (first.prefix_tokens, first.prefix_share, first.prefix_broken) == (-1, None, "")
    spans = len(kit.llm.last_context.spans)
    assert agent.context().previous_spans == spans < len(agent.context().spans)
    agent.send("and again")
    second = calls(agent)[1]
    assert (second.prefix_tokens, second.prefix_broken) == (first.context_tokens, "")
    assert second.prefix_share == first.context_tokens / second.context_tokens
    assert 0.9 < (second.prefix_share or 0) < 1
    assert agent.context(step=first.seq).previous_spans == -1
    assert agent.context(step=second.seq).previous_spans == spans


def test_a_block_edit_breaks_at_that_block(kit):
    agent = kit.agent(lambda context: say("so"))
    agent.send("hello")
    agent.memory["human"].value = "Ann, brave"
    before = agent.context()
    assert before.spans[before.previous_spans].origin == "block:human"
    agent.send("again")
    # The attribute that follows, chars="10", begins another way.
    expected = tokens_before(kit.llm.last_context, "block:human", '<block label="human" chars="')
    assert last(agent) == (expected, "block:human") and expected > 0
    agent.send("once more")
    assert last(agent)[1] == ""


def test_an_eviction_breaks_behind_the_blocks(kit):
    agent = kit.agent(lambda context: say("so"), context_window=WINDOW)
    before, breaks, kept = "", [], 0
    for number in range(60):
        evicted = agent.send("I saw Ann. " * (number % 7) + WORDS * 4).evicted
        tokens, origin = last(agent)
        assert (origin != "") == (evicted > 0)
        if not evicted:
            continue
        # The summary stands where the line about what lies outside stood, or an older summary did;
        # the lines that stay begin it.
        breaks.append(origin)
        begins = "<" if len(breaks) == 1 else "<summary>\nEarlier messages are no longer shown;"
        if before and agent.memory.summary.startswith(before):
            begins = "<summary>\n" + before
            kept += 1
        assert tokens >= tokens_before(kit.llm.last_context, "summary", begins)
        assert tokens < tokens_before(kit.llm.last_context, "external_memory") + 15
        before = agent.memory.summary
    assert breaks[0] == "external_memory" and "summary" in breaks[1:]
    assert 0 < kept < len(breaks) - 1


def test_a_tool_that_comes_or_goes_breaks_among_the_tools(kit):
    agent = kit.agent(lambda context: say("so"))
    agent.send("hello")
    agent.add_tool(launch)
    agent.send("again")
    # It stands where the system prompt stood.
    assert last(agent) == (tokens_before(kit.llm.last_context, "tool:launch"), "system_prompt")
    agent.remove_tool("core_memory_replace")
    agent.send("once more")
    tokens, broken = last(agent)
    assert broken == "tool:core_memory_replace"
    names = [span.origin for span in agent.context(step=calls(agent)[1].seq).spans]
    # What stands in its place now begins as every tool does.
    after = kit.llm.last_context.spans[names.index(broken)].origin
    begins = '{"type": "function", "function": {"name": "'
    assert tokens == tokens_before(kit.llm.last_context, after, begins)


@pytest.mark.parametrize("reopened", [False, True])
def test_another_model_has_nothing_in_its_cache(tmp_path, reopened):
    path = tmp_path / "models.db"
    models = [("one", "o200k_base"), ("two", "o200k_base"), ("two", "cl100k_base")]
    found = []
    home = memgpt.open(path, durability="process")
    for model, tokenizer in models:
        if reopened:
            home.close()
            home = memgpt.open(path, durability="process")
        llm = Remembering(lambda context: say("so"), model, tokenizer)
        agent = home.create_agent("sam", model=llm, exist_ok=True)
        known = agent.context().previous_spans
        assert known == (0 if found else -1)
        for _ in range(2):
            agent.send("hello")
            found.append(last(agent))
        assert found[-1] == (calls(agent)[-2].context_tokens, "")
    home.close()
    assert found[0::2] == [(-1, ""), (0, "model"), (0, "tokenizer")]


def story(path: Path, reopen: bool) -> list[tuple[Any, ...]]:
    """The same life in one sitting, or with the file closed before everything that happens."""
    items: list[Any] = []
    llm = Remembering(lambda context: items.pop(0) if items else say("so"))

    class Life:
        home = memgpt.open(path, durability="process")
        agent = home.create_agent("sam", model=llm, tools=[launch], context_window=WINDOW)

    def sit_down() -> memgpt.Agent:
        if reopen:
            Life.home.close()
            Life.home = memgpt.open(path, durability="process")
            Life.agent = Life.home.agent("sam", model=llm, tools=[launch])
        return Life.agent

    def send(text: str, *script: Any) -> None:
        items[:] = script
        sit_down().send(text, time="2023-05-08T13:56:00")

    send("Fly.", call("launch", where="the moon"), call("launch", where="nowhere"))
    sit_down().memory["human"].value = "Ann"
    send("I am brave.", call("core_memory_append", name="human", content="brave"))
    sit_down().recall.import_transcript([{"speaker": "Bob", "text": WORDS, "time": "2023-05-08"}])
    sit_down().archival.insert("The key lies under the fern.")
    with pytest.raises(OSError, match="down"):
        send("Is it up?", call("core_memory_append", name="human", content="up"), OSError("down"))
    for number in range(40):
        send(f"{number} {WORDS * 3}", call("archival_memory_insert", content=WORDS))
    sit_down().remove_tool("archival_memory_search")
    send("And now?")
    agent = sit_down()
    figures = [(s.seq, s.prefix_tokens, s.prefix_broken, s.context_tokens) for s in calls(agent)]
    past = [agent.context(step=step.seq).previous_spans for step in calls(agent)]
    Life.home.close()
    return [*figures, tuple(past)]


def test_reopening_changes_no_figure(tmp_path):
    once = story(tmp_path / "once.db", reopen=False)
    assert once == story(tmp_path / "often.db", reopen=True)
    broken = {row[2] for row in once[:-1]}
    expected = {"", "block:human", "external_memory", "tool:archival_memory_search"}
    assert broken >= expected


ELSEWHERE = """
import sys
import memgpt
from memgpt.testing import ScriptedLLM

script = [{"tool": "core_memory_append", "args": {"name": "human", "content": "brave"}}]
with memgpt.open(sys.argv[1], durability="process") as home:
    home.agent("sam", model=ScriptedLLM(script)).send("I am brave.")
"""


def test_what_another_process_sent_is_the_request_before(home, kit, tmp_path):
    agent = kit.agent(lambda context: say("so"))
    agent.send("hello")
    kit.run(ELSEWHERE, tmp_path / "agents.db")
    theirs = calls(agent)[-1]
    assert len(calls(agent)) == 2 and theirs.prefix_broken == ""
    agent.send("again")
    expected = tokens_before(kit.llm.last_context, "block:human", '<block label="human" chars="')
    assert last(agent) == (expected, "block:human")


def shared_spans(before: Context, now: Context) -> int:
    """Leading spans that are the same: by their texts, and by what the request makes of them."""

    def pieces(context: Context) -> list[Any]:
        messages = iter(context.to_request()["messages"][1:])
        shown = ("message", "tool_return")
        return [(s.kind, s.text, next(messages) if s.kind in shown else "") for s in context.spans]

    same = 0
    for one, other in zip(pieces(before), pieces(now), strict=False):
        if one != other:
            break
        same += 1
    return same


@pytest.mark.parametrize("seed", range(6))
def test_past_contexts_are_what_the_model_saw(tmp_path, seed):
    rng = random.Random(seed)
    path = tmp_path / "random.db"
    items: list[Any] = []
    llm = Remembering(lambda context: items.pop(0) if items else say("so"))

    def script() -> list[Any]:
        some = [
            call("launch", where=rng.choice(["the moon", "nowhere"])),
            call("core_memory_append", name="human", content=f"fact {rng.random()}"),
            call("archival_memory_insert", content=WORDS),
            call("conversation_search", query="mill"),
            [say("one"), say("two")],
            say("aside", heartbeat=True),
            "no call at all",
        ]
        return rng.choices(some, k=rng.randrange(4))

    home = memgpt.open(path, durability="process")
    agent = home.create_agent("sam", model=llm, tools=[launch], context_window=WINDOW)
    for turn in range(50):
        what = rng.randrange(12)
        if what == 0:
            home.close()
            home = memgpt.open(path, durability="process")
            agent = home.agent("sam", model=llm, tools=[launch])
        elif what == 1:
            agent.memory["human"].value = f"{rng.choice('🙂🙃é')} in turn {turn}"
        elif what == 2:
            item = {"speaker": "Bob", "text": WORDS, "time": "2023-05-08"}
            agent.recall.import_transcript([item] * 3)
        elif what == 3:
            agent.send("A goose was seen.", role="system")
        elif what == 4:
            if "launch" in agent.tools:
                agent.remove_tool("launch")
            else:
                agent.add_tool(launch)
        items[:] = script()
        agent.send(f"{turn} {WORDS * rng.randrange(1, 5)}")
    steps = calls(agent)
    assert len(steps) == len(llm.contexts) > 60 and agent.memory.summary
    halves = set()
    for number, (step, seen) in enumerate(zip(steps, llm.contexts, strict=True)):
        past = agent.context(step=step.seq)
        assert past.digest() == seen.digest() == step.digest
        assert past.to_request() == seen.to_request()
        assert (past.tokens, past.budget.limit) == (seen.tokens, seen.budget.limit)
        if number == 0:
            assert (past.previous_spans, step.prefix_tokens) == (-1, -1)
            continue
        before = llm.contexts[number - 1]
        same = shared_spans(before, seen)
        assert past.previous_spans == same
        assert step.prefix_tokens == shared_tokens(before, seen)
        whole = sum(span.tokens for span in seen.spans[:same])
        halves.add(step.prefix_tokens - whole)
        rest = before.spans[same:]
        assert step.prefix_broken == (rest[0].origin if rest else "")
    assert len(halves) > 5 and min(halves) == 0
    home.close()


def test_a_step_without_a_model_call_has_no_context(kit):
    agent = kit.agent(lambda context: say("so"))
    agent.send("hello")
    assert [step.kind for step in agent.steps()] == ["create", "input", "step"]
    assert agent.context(step=3).digest() == agent.steps()[2].digest
    for seq in (1, 2):
        with pytest.raises(InvalidInput, match="called no model"):
            agent.context(step=seq)
    for seq in (0, -1, 4, 2**62):
        with pytest.raises(NotFound, match="commits 1 to 3"):
            agent.context(step=seq)
    with pytest.raises(InvalidInput):
        agent.context(step="3")


def change(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        assert db.execute(sql).rowcount > 0


@pytest.mark.no_replay
def test_a_context_that_was_changed_by_hand_is_refused_and_the_agent_goes_on(kit, tmp_path):
    path = tmp_path / "changed.db"
    llm = Remembering(lambda context: say("so"))
    with memgpt.open(path, durability="process") as home:
        home.create_agent("sam", model=llm).send("hello")
    change(path, "UPDATE message SET text = 'world' WHERE position = 0")
    with memgpt.open(path, durability="process") as home:
        agent = home.agent("sam", model=llm)
        with pytest.raises(StoreError, match="commit 3 is not as it was recorded"):
            agent.context(step=3)
        assert agent.context().previous_spans == -1
        assert agent.send("Are you there?").text == "so"
        assert last(agent) == (-1, "")


@pytest.mark.no_replay
@pytest.mark.parametrize(
    "plant", ["prefix_tokens = prefix_tokens - 1", "prefix_broken = 'block:persona'"]
)
def test_replay_computes_the_prefix_anew(kit, tmp_path, plant):
    path = tmp_path / "planted.db"
    with memgpt.open(path, durability="process") as home:
        agent = home.create_agent("sam", model=CheckedLLM(lambda context: say("so")))
        for text in ("one", "two", "three"):
            agent.send(text)
    change(path, "UPDATE step SET content = NULL")  # its digests would tell
    with memgpt.open(path, durability="process") as home:
        assert home.agent("sam").replay().first_divergence is None
    change(path, f"UPDATE step SET {plant} WHERE seq = 5")
    with memgpt.open(path, durability="process") as home:
        found = home.agent("sam").replay().first_divergence
    assert found is not None and (found.seq, found.what) == (5, "prefix")
    assert "broken by nothing" in found.diff and "recorded" in found.diff
