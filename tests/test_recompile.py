"""Recompiling: what the model would have seen under another policy or in another window."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
import sqlite3
from typing import Any

import memgpt
import pytest
from memgpt.errors import (
    ConfigError,
    InvalidInput,
    NotFound,
    PolicyError,
    StoreError,
    Unbound,
    WindowTooSmall,
)

from tests.conftest import CheckedLLM, call, say

WORDS = "the river ran past the old mill and the miller counted seven white geese on its bank "
WINDOW = 4096
START = dt.datetime(2024, 3, 1, 9, tzinfo=dt.UTC)


@memgpt.tool
def letters(count: int) -> str:
    """Many letters.

    Args:
        count: how many.
    """
    return "abc " * count


@memgpt.tool(effects="none")
def fails() -> str:
    """Fails."""
    raise ValueError("it always does")


def calls(agent: memgpt.Agent) -> list[memgpt.Step]:
    return [step for step in agent.steps() if step.digest]


def conversation(rng: random.Random, turns: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """Messages, each with what the model does about it whatever it sees."""
    story = []
    for turn in range(turns):
        script: list[dict[str, Any]] = []
        for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
            script.append(
                rng.choice(
                    [
                        call("core_memory_append", name="human", content=f"fact {turn}"),
                        call("core_memory_replace", name="human", old_content="x", new_content="y"),
                        call("archival_memory_insert", content=f"passage {turn}"),
                        call("letters", count=rng.choice([3, 200, 2000])),
                        call("fails"),
                        call("nonsense"),
                    ]
                )
            )
        script.append(say(f"turn {turn} " + WORDS * rng.randrange(3)))
        story.append((f"message {turn} " + WORDS * rng.randrange(1, 8), script))
    return story


def live(
    home: memgpt.Home, name: str, story: list[tuple[str, list[dict[str, Any]]]], **options: Any
) -> memgpt.Agent:
    """An agent that lived through a story."""
    items = [item for _, script in story for item in script]
    # Ids of their own: those that the kernel gives tell of places in the log.
    replies = [
        memgpt.Reply(tool_calls=[memgpt.ToolCall(item["tool"], arguments(item), f"id-{n}")])
        for n, item in enumerate(items)
    ]
    agent = home.create_agent(name, model=CheckedLLM(replies), tools=[letters, fails], **options)
    for turn, (text, _) in enumerate(story):
        agent.send(text, time=START + dt.timedelta(minutes=turn))
    return agent


def arguments(item: dict[str, Any]) -> str:
    return json.dumps({**item["args"], "request_heartbeat": item["heartbeat"]})


def texts(context: memgpt.Context) -> list[str]:
    return [span.text for span in context.spans]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "policy", [memgpt.RecursiveSummary, memgpt.SlidingWindow, memgpt.Importance]
)
def test_the_policy_on_record_gives_what_was_recorded(kit, policy, seed):
    rng = random.Random(seed)
    agent = live(kit.home, "sam", conversation(rng, 12), context_window=WINDOW, policy=policy)
    agent.recall.import_transcript([{"speaker": "Ann", "text": "an old message", "time": START}])
    agent.memory["human"].value = "set by hand"
    agent.pin(agent.window[-1])
    agent.policy = policy(evict_at=0.85)
    kit.llm = agent_llm = CheckedLLM(lambda context: say("so " + WORDS * 2))
    agent = kit.home.agent("sam", model=agent_llm)
    for _ in range(8):
        agent.send(WORDS * rng.randrange(1, 9))
    made = agent.recompile()
    steps = calls(agent)
    assert [step.seq for step in made.steps] == [step.seq for step in steps]
    assert made.stopped_at is None and made.unchecked == []
    assert made.recompiled == made.recorded
    assert made.recorded.evictions > 0 and made.recorded.prefix_share
    for step, recorded in zip(made.steps, steps, strict=True):
        assert (step.lost, step.added, step.lost_messages) == (0, 0, [])
        assert step.recompiled.tokens == recorded.context_tokens + recorded.overhead_tokens
        assert step.recompiled.prefix_tokens == recorded.prefix_tokens
        assert step.recompiled.prefix_broken == recorded.prefix_broken
        assert step.recorded.evicted == step.recompiled.evicted
        assert step.recorded.warned == step.recompiled.warned
    for seq in {steps[0].seq, steps[len(steps) // 2].seq, steps[-1].seq}:
        assert texts(made.context(seq)) == texts(agent.context(step=seq))
        assert not agent.context(step=seq).diff(made.context(seq))
        assert made.context(seq).previous_spans == agent.context(step=seq).previous_spans


@pytest.mark.parametrize(
    ("policy", "window"),
    [
        (memgpt.RecursiveSummary(), 5000),
        (memgpt.RecursiveSummary(evict_at=0.95, evict_to=0.8), 16384),
        (memgpt.SlidingWindow(), WINDOW),
        (memgpt.SlidingWindow(evict_at=0.8), 6000),
        (memgpt.Importance(), 4500),
    ],
)
def test_it_is_what_an_agent_of_that_kind_would_have_seen(kit, policy, window):
    """An agent that really works so, and whose model does the same whatever it sees."""
    story = conversation(random.Random(7), 25)
    agent = live(kit.home, "sam", story, context_window=WINDOW)
    other = live(kit.home, "other", story, context_window=window, policy=policy)
    made = agent.recompile(policy=policy, context_window=window)
    steps = calls(other)
    assert len(made.steps) == len(steps)
    for step, lived in zip(made.steps, steps, strict=True):
        seen, would_see = other.context(step=lived.seq), made.context(step.seq)
        assert texts(would_see) == texts(seen)
        assert step.recompiled.tokens == would_see.tokens == seen.tokens
        assert step.recompiled.limit == seen.budget.limit
        assert step.recompiled.prefix_tokens == lived.prefix_tokens
        assert step.recompiled.prefix_broken == lived.prefix_broken
    whole = other.recompile()
    assert made.recompiled == whole.recorded
    assert made.recorded == agent.recompile().recorded


def test_what_is_lost_and_kept_is_named(kit):
    agent = kit.agent(lambda context: say("so"), context_window=16384)
    for turn in range(40):
        agent.send(f"message {turn} " + WORDS * 4)
    before = agent.steps()
    made = agent.recompile(memgpt.SlidingWindow, context_window=WINDOW)
    assert len(agent.steps()) == len(before)
    last = made.steps[-1]
    recorded, now = agent.context(step=last.seq), made.context(last.seq)
    then = {span.origin for span in recorded.spans}
    shown = {span.origin for span in now.spans}
    messages = {message.id: message.position for message in agent.recall.messages(0, 1000)}
    lost = {n for begin, end in last.lost_messages for n in range(begin, end)}
    assert lost == {messages[origin] for origin in then - shown if origin in messages}
    assert lost and last.lost >= len(lost) and not last.digest
    assert last.kept + last.lost == len(recorded.spans)
    assert last.kept + last.added == len(now.spans)
    assert now.tokens <= now.budget.limit < recorded.tokens
    assert made.recompiled.evictions > made.recorded.evictions
    assert made.recompiled.largest <= now.budget.limit
    assert made.recompiled.prefix_share < made.recorded.prefix_share


def test_digests_stand_in_for_summaries_and_are_labelled(kit):
    class Summarises(CheckedLLM):
        def summarize(self, text: str, limit_tokens: int) -> str:
            return "A summary by the model."

    llm = Summarises(lambda context: say("so"))
    agent = kit.home.create_agent("sam", model=llm, context_window=WINDOW)
    while not agent.summaries():
        agent.send(WORDS * 4)
    agent.send("one more")
    made = agent.recompile()
    last = made.steps[-1]
    summary = next(s for s in made.context(last.seq).spans if s.kind == "summary")
    assert last.digest and summary.author == "digest"
    assert "A summary by the model" not in summary.text
    assert last.lost == last.added > 0
    assert made.to_dict()["summaries"] == "mechanical digests"
    assert "digests in place of summaries" in str(made)


def test_forced_evictions_are_made_again(kit):
    class Small(CheckedLLM):
        def complete(self, context: memgpt.Context) -> memgpt.Reply:
            if context.tokens > 3300:
                raise memgpt.errors.ContextOverflow("too long")
            return super().complete(context)

    llm = Small(lambda context: say("so"))
    agent = kit.home.create_agent("sam", model=llm, context_window=8192)
    for _ in range(30):
        agent.send(WORDS * 4)
    assert any('"forced"' in step.decision for step in agent.steps())
    made = agent.recompile()
    assert made.recorded == made.recompiled and made.recorded.evictions > 0
    # What is no larger than what the provider took is not refused.
    small = agent.recompile(context_window=3500)
    assert small.recompiled.largest <= 3300


def test_no_eviction_stops_where_the_window_is_full(kit):
    agent = kit.agent(lambda context: say("so"), context_window=WINDOW)
    for _ in range(40):
        agent.send(WORDS * 4)
    made = agent.recompile(memgpt.NoEviction)
    assert made.stopped_at is not None and "NoEviction" in made.stopped
    assert made.steps[-1].seq < made.stopped_at
    assert made.stopped_at in {step.seq for step in calls(agent)}
    assert all(step.recompiled.evicted == 0 for step in made.steps)
    assert f"stopped at commit {made.stopped_at}" in str(made)
    with pytest.raises(InvalidInput, match="would not have been made"):
        made.context(made.stopped_at)
    with pytest.raises(InvalidInput, match="would not have been made"):
        made.context(calls(agent)[-1].seq)
    assert not agent.recompile(memgpt.NoEviction, context_window=65536).stopped


def test_a_window_that_is_too_small_stops_at_once(kit):
    agent = kit.agent(lambda context: say("so"))
    agent.send("hello")
    made = agent.recompile(context_window=1000)
    assert made.steps == [] and made.stopped_at == 1
    assert "1000 tokens" in made.stopped
    assert "stopped at" in str(made) and made._repr_html_()


class Raises(memgpt.MemoryPolicy):
    def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
        if window.step > 4:
            raise ZeroDivisionError("mine")
        return [(0, len(window))]


class KeepsNothing(memgpt.MemoryPolicy):
    def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
        return []


class Interrupts(memgpt.MemoryPolicy):
    def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
        raise KeyboardInterrupt


class Newest(memgpt.MemoryPolicy):
    """Keeps from the newest input on."""

    def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
        return [(min(window.newest_user, window.newest_input), len(window))]


def test_policies_of_ones_own(kit):
    agent = kit.agent(lambda context: say("so"))
    for _ in range(4):
        agent.send(WORDS)
    with pytest.raises(ZeroDivisionError, match="mine") as raised:
        agent.recompile(Raises())
    assert "step 5" in raised.value.__notes__[0]
    with pytest.raises(PolicyError, match="KeepsNothing cannot be followed in step 3"):
        agent.recompile(KeepsNothing)
    with pytest.raises(KeyboardInterrupt):
        agent.recompile(Interrupts)
    made = agent.recompile(Newest())
    assert made.recompiled.evicted == 9 and made.recorded.evicted == 0
    assert isinstance(made.policy, Newest)
    kit.still_answers(agent)


def test_an_own_policy_on_record_has_to_be_bound(kit):
    agent = kit.agent(lambda context: say("so"), policy=Newest())
    for _ in range(3):
        agent.send(WORDS)
    assert agent.recompile().recompiled == agent.recompile().recorded
    kit.reopen()
    agent = kit.home.agent("sam")
    with pytest.raises(Unbound, match="Newest"):
        agent.recompile()
    assert agent.recompile(memgpt.RecursiveSummary).recompiled.evicted == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"policy": 5}, "policy"),
        ({"policy": "RecursiveSummary"}, "policy"),
        ({"context_window": 0}, "at least 1"),
        ({"context_window": -4}, "context_window"),
        ({"context_window": 2.5}, "whole number"),
        ({"context_window": "big"}, "whole number"),
    ],
)
def test_bad_arguments(kit, arguments, message):
    agent = kit.agent(lambda context: say("so"))
    agent.send("hello")
    with pytest.raises(ConfigError, match=message):
        agent.recompile(**arguments)


def test_bad_steps(kit):
    agent = kit.agent(lambda context: say("so"))
    agent.send("hello")
    made = agent.recompile()
    with pytest.raises(NotFound):
        made.context(99)
    with pytest.raises(InvalidInput, match="called no model"):
        made.context(1)


def test_an_agent_that_never_spoke(kit):
    made = kit.agent().recompile(memgpt.SlidingWindow)
    assert made.steps == [] and made.recorded == made.recompiled
    assert made.recorded.prefix_share is None
    assert "0 model calls" in str(made) and made._repr_html_()


@pytest.mark.no_replay
def test_a_history_that_was_changed_is_refused(kit):
    agent = kit.agent(lambda context: say("so"))
    agent.send("hello")
    agent.send("again")
    path = kit.home.path
    with sqlite3.connect(path) as db:
        db.execute("UPDATE message SET text = 'changed' WHERE text = 'hello'")
    db.close()
    kit.reopen()
    with pytest.raises(StoreError, match="not as it was recorded"):
        kit.home.agent("sam").recompile()


def test_it_can_be_taken_elsewhere_and_looked_at(kit):
    agent = kit.agent(lambda context: say("so"), context_window=WINDOW)
    for _ in range(60):
        agent.send(WORDS * 2)
    made = agent.recompile(memgpt.Importance(evict_to=0.3), context_window=WINDOW)
    value = json.loads(made.to_json())
    assert value["policy"] == "Importance" and value["parameters"]["evict_to"] == 0.3
    assert len(value["rows"]) == 60 and value["recompiled"]["evictions"] > 0
    assert value["rows"][0]["recorded_tokens"] == made.steps[0].recorded.tokens
    text = str(made)
    assert "60 model calls under Importance" in text and "20 more steps" in text
    assert len(text.splitlines()) < 60 and max(map(len, text.splitlines())) < 140
    html = made._repr_html_()
    assert "cannot be shown" not in html and "20 more steps" in html
    assert f"{made.recompiled.tokens:,}" in html and f"{made.recorded.tokens:,}" in text


def test_what_an_agent_of_these_rules_refuses_is_not_shown(kit):
    """Neither windows in which it could not be made, nor messages that it would not take."""
    agent = kit.agent(lambda context: say("so"))
    agent.send("hello")
    agent.send(WORDS * 120)
    low = memgpt.SlidingWindow(evict_at=0.35, evict_to=0.3)
    for options in ({"policy": low, "context_window": WINDOW}, {"context_window": 2000}):
        with pytest.raises(WindowTooSmall):
            kit.agent(name="other", **options)
        made = agent.recompile(**options)
        assert made.stopped_at == 1 and "Choose a context_window" in made.stopped
    made = agent.recompile(context_window=WINDOW)
    assert [step.kind for step in agent.steps() if step.seq == made.stopped_at] == ["input"]
    assert "the message takes" in made.stopped and len(made.steps) == 1


def test_a_recompilation_is_of_the_policy_as_it_was(kit):
    class Counts(memgpt.MemoryPolicy):
        def __init__(self) -> None:
            self.k = 4
            self._asked = 0

        def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
            self._asked += 1
            return [(max(0, min(len(window) - self.k, window.newest_input)), len(window))]

    agent = kit.agent(lambda context: say("so"))
    for _ in range(6):
        agent.send(WORDS)
    policy = Counts()
    made = agent.recompile(policy)
    assert policy._asked == 0
    policy.k = 1000
    last = made.steps[-1]
    assert made.context(last.seq).tokens == last.recompiled.tokens
    assert made.policy.k == 4 and made.to_dict()["parameters"] == {"k": 4}


def test_parameters_that_a_bound_policy_no_longer_has(kit):
    policy = Newest()
    policy.k = 8
    agent = kit.agent(lambda context: say("so"), policy=policy)
    agent.send("hello")
    policy.k = 3
    agent.send("again")
    with pytest.raises(Unbound, match=r'had the parameters \{"k": 8\} then'):
        agent.recompile()
    assert agent.recompile(policy).steps


def test_positions_grow_and_warnings_are_not_pinned(kit):
    seen = []

    class Looks(memgpt.MemoryPolicy):
        def __deepcopy__(self, memo: Any) -> Looks:
            return self

        def fit(self, window: memgpt.PolicyWindow) -> memgpt.Fit:
            positions = list(window.positions)
            assert all(a < b for a, b in itertools.pairwise(positions))
            seen.append(sum(window.pins))
            return memgpt.Fit([(0, len(window))], warn=len(window) % 4 == 0)

    agent = kit.agent(lambda context: say("so"))
    for _ in range(6):
        agent.send(WORDS)
        agent.pin(agent.window[-2])  # the reply that the warning stands before
    made = agent.recompile(Looks())
    assert made.recompiled.warnings > 1 and seen == [0, 1, 2, 3, 4, 5]
    assert all(step.lost == 0 for step in made.steps)


def test_a_counter_that_is_not_bound(kit):
    class Letters(memgpt.TokenCounter):
        name = "letters"

        def count(self, text: str) -> int:
            return len(text) // 3

    class Own(CheckedLLM):
        tokenizer = Letters()

    agent = kit.home.create_agent("own", model=Own(lambda context: say("so")))
    for _ in range(3):
        agent.send(WORDS)
    sent = sum(step.context_tokens + step.overhead_tokens for step in agent.steps() if step.digest)
    kit.reopen()
    agent = kit.home.agent("own")
    made = agent.recompile()
    assert made.recorded.tokens == sent != made.recompiled.tokens
    assert "letters" in made.unchecked[0]
    context = made.context(made.steps[-1].seq)
    assert not context.exact and not agent.context(step=made.steps[-1].seq).exact


@pytest.mark.parametrize("step", ["x", 2.5, None, True])
def test_steps_that_are_no_numbers(kit, step):
    agent = kit.agent(lambda context: say("so"))
    agent.send("hello")
    with pytest.raises(InvalidInput, match="step"):
        agent.recompile().context(step)
    if step is not None:
        with pytest.raises(InvalidInput, match="step"):
            agent.context(step=step)
