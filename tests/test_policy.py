"""Memory policies: what they keep, and what is refused of them."""

from __future__ import annotations

import json
import random
from typing import Any

import memgpt
import pytest
from memgpt.errors import ConfigError, MessageTooLarge, PolicyError, Unbound, WindowFull
from memgpt.testing import ScriptedLLM

BUILT_IN = [memgpt.RecursiveSummary(), memgpt.SlidingWindow(), memgpt.Importance()]
WORDS = "seven white geese fly over the old mill "


def random_window(seed: int, **options: Any) -> memgpt.PolicyWindow:
    """Turns of an input, calls with their returns, and alerts."""
    rng = random.Random(seed)
    roles: list[int] = []
    groups: list[int] = []
    for _ in range(rng.randint(1, 40)):
        roles.append(0)
        groups.append(groups[-1] + 1 if groups else 0)
        for _ in range(rng.randint(0, 3)):
            returns = rng.randint(1, 2)
            roles += [1] + [2] * returns
            groups += [groups[-1] + 1] * (1 + returns)
    tokens = [rng.randint(1, 200) for _ in roles]
    newest = max(i for i, role in enumerate(roles) if role == 0)
    given: dict[str, Any] = {
        "roles": roles,
        "groups": groups,
        "scores": [rng.randint(0, 1500) for _ in roles],
        "pins": [int(rng.random() < 0.03) for _ in roles],
        "fixed_tokens": 100,
        "limit_tokens": rng.randint(3_000, 12_000),
        "newest_user": newest,
        "newest_input": newest,
    }
    return memgpt.PolicyWindow(tokens, **{**given, **options})


def kept(fit: memgpt.Fit) -> list[int]:
    return [index for begin, end in fit.keep for index in range(begin, end)]


@pytest.mark.parametrize("policy", BUILT_IN, ids=repr)
@pytest.mark.parametrize("forced", [False, True])
def test_what_is_kept_fits_is_in_order_and_whole(policy, forced):
    evictions = 0
    for seed in range(300):
        window = random_window(seed, forced=forced)
        fit = policy.fit(window)
        indices = kept(fit)
        assert indices == sorted(set(indices)) and window.newest_user in indices
        gone = set(range(len(window))) - set(indices)
        assert not {window.groups[i] for i in gone} & {window.groups[i] for i in indices}
        assert not any(window.pins[i] for i in gone)
        total = window.fixed_tokens + sum(window.tokens[i] for i in indices)
        free = any(
            i != window.newest_user and not window.pins[i] and window.groups[i] not in
            {window.groups[k] for k in indices if window.pins[k]} for i in indices
        )  # fmt: skip
        assert total <= policy.evicts_above(window.limit_tokens) or not free
        if forced and len(window) > 1 and free:
            assert gone
        assert kept(policy.fit(window)) == indices
        evictions += bool(gone)
    assert evictions > 50


def test_importance_lets_what_scores_low_go_whatever_its_age():
    window = memgpt.PolicyWindow(
        [100] * 10,
        scores=[900, 10, 800, 20, 700, 30, 0, 0, 0, 0],
        limit_tokens=1000,
        newest_user=9,
        newest_input=9,
    )
    policy = memgpt.Importance(evict_at=0.9, evict_to=0.5, recent=0.1)
    assert kept(policy.fit(window)) == [0, 2, 4, 5, 9]
    assert kept(memgpt.SlidingWindow().fit(window)) == [5, 6, 7, 8, 9]


def test_arrays_are_views_that_outlive_the_window():
    window = random_window(1)
    views = [window.tokens, window.roles, window.ages, window.pins, window.scores, window.groups]
    views.append(window.positions)
    assert [view.format for view in views] == ["i", "i", "q", "i", "i", "i", "q"]
    first = list(views[0])
    assert all(view.readonly and len(view) == len(window) for view in views)
    with pytest.raises(TypeError):
        views[0][0] = 1
    del window
    assert list(views[0]) == first


@pytest.mark.parametrize(
    "make",
    [
        lambda: memgpt.RecursiveSummary(evict_to=0.95),
        lambda: memgpt.RecursiveSummary(warn_at=0),
        lambda: memgpt.RecursiveSummary(warn_at=float("nan")),
        lambda: memgpt.SlidingWindow(evict_at=1.5),
        lambda: memgpt.SlidingWindow(evict_at="0.9"),
        lambda: memgpt.SlidingWindow(evict_to=True),
        lambda: memgpt.Importance(recent=0.5),
        lambda: memgpt.Importance(recent=-0.1),
    ],
)
def test_parameters_are_validated(make):
    with pytest.raises(ConfigError, match=r"RecursiveSummary|SlidingWindow|Importance"):
        make()


class Own(memgpt.MemoryPolicy):
    """Decides as it is told."""

    def __init__(self, decide: Any) -> None:
        self._decide = decide

    def fit(self, window):
        return self._decide(window)


class Boom(Exception):
    """Of a policy."""


def chat(kit: Any, policy: Any, **options: Any) -> Any:
    llm = kit.LLM(lambda context: kit.say("so"))
    return kit.home.create_agent("sam", model=llm, policy=policy, context_window=4096, **options)


BAD = {
    "nothing": lambda w: [],
    "None": lambda w: None,
    "a text": lambda w: "all",
    "floats": lambda w: [(0.0, float(len(w)))],
    "too far": lambda w: [(0, len(w) + 1)],
    "huge": lambda w: [(0, 2**70)],
    "negative": lambda w: [(-1, len(w))],
    "empty range": lambda w: [(0, len(w)), (len(w), len(w))],
    "out of order": lambda w: [(2, len(w)), (0, 2)],
    "overlapping": lambda w: [(0, 3), (2, len(w))],
    "a split call": lambda w: [(0, 2), (3, len(w))],
    "the input gone": lambda w: [(0, len(w) - 1)],
    "triples": lambda w: [(0, 1, 2)],
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_decision_that_cannot_be_followed_names_the_policy_and_the_step(kit, bad):
    agent = chat(kit, memgpt.SlidingWindow())
    agent.send("one")
    agent.policy = Own(bad)
    before = [m.position for m in agent.window]
    with pytest.raises(PolicyError, match=r"Own.* step \d+"):
        agent.send("two")
    assert isinstance(agent.policy, Own), "no other policy took its place"
    agent.policy = memgpt.RecursiveSummary()
    assert agent.send("three").text == "so"
    assert [m.position for m in agent.window][: len(before)] == before
    assert agent.replay().first_divergence is None


def test_keeping_everything_in_a_full_window_is_refused(kit):
    agent = chat(kit, Own(lambda w: [(0, len(w))]))
    with pytest.raises(PolicyError, match=r"Own.*keeps \d+ tokens.*limit is \d+"):
        for _ in range(100):
            agent.send(WORDS * 10)
    agent.policy = memgpt.SlidingWindow()
    assert agent.send("on").text == "so"


def test_what_a_policy_raises_comes_out_as_it_is(kit):
    def raise_boom(window):
        raise Boom("no idea")

    agent = chat(kit, Own(raise_boom))
    with pytest.raises(Boom, match="no idea") as caught:
        agent.send("one")
    if notes := getattr(caught.value, "__notes__", None):
        assert "Own" in notes[0] and "step" in notes[0]
    agent.policy = memgpt.RecursiveSummary
    assert agent.send("two").text == "so"


def test_a_policy_of_ones_own_is_journalled_and_unbound_when_reopened(kit):
    class Newest(memgpt.MemoryPolicy):
        def __init__(self, share: int) -> None:
            self.share = share

        def fit(self, window):
            if window.total <= window.limit_tokens * self.share // 100:
                return [(0, len(window))]
            return [(window.newest_input, len(window))]

    agent = chat(kit, Newest(80))
    for i in range(12):
        agent.send(f"{i} " + WORDS * 20)
    assert agent.config["policy"].endswith("Newest")
    assert agent.config["policy_parameters"] == '{"share": 80}'
    agent.policy = Newest(70)
    assert agent.config["policy_parameters"] == '{"share": 70}'
    kit.reopen()
    agent = kit.home.agent("sam", model=kit.LLM(lambda context: kit.say("so")))
    assert agent.policy is None and any("policy=" in entry for entry in agent.unbound)
    with pytest.raises(Unbound, match="policy"):
        agent.send("hi")
    agent.policy = Newest(70)
    assert agent.send("hi").text == "so" and agent.replay().first_divergence is None


def test_a_class_named_like_one_of_ours_does_not_become_it(kit):
    own = type("RecursiveSummary", (memgpt.MemoryPolicy,), {"fit": lambda s, w: [(0, len(w))]})
    chat(kit, own())
    kit.reopen()
    assert kit.home.agent("sam").policy is None


def test_parameters_that_are_no_json_are_refused(kit):
    policy = Own(len)
    policy.thing = object()  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="Own"):
        chat(kit, policy)
    for nonsense in ("RecursiveSummary", 7, object):
        with pytest.raises(ConfigError, match="MemoryPolicy"):
            chat(kit, nonsense)


def test_no_eviction_refuses_before_the_message_is_in_the_log(kit):
    agent = chat(kit, memgpt.NoEviction())
    with pytest.raises(WindowFull, match="NoEviction"):
        for _ in range(100):
            agent.send(WORDS * 20)
    count = len(agent.recall)
    with pytest.raises(WindowFull, match=r"\d+ tokens of \d+"):
        agent.send(WORDS * 20)
    assert len(agent.recall) == count
    agent.policy = memgpt.SlidingWindow()
    assert agent.send("hi").evicted > 0 and agent.memory.summary == ""
    assert agent.summaries()[-1].author == "none" and agent.summaries()[-1].covered > 0


def test_pinned_messages_stay(kit):
    agent = chat(kit, memgpt.RecursiveSummary())
    agent.send("The code is 4711.")
    pinned = agent.window[0]
    agent.pin(pinned)
    for i in range(30):
        agent.send(f"{i} " + WORDS * 10)
    assert agent.pinned == [pinned.position] and agent.window[0].position == pinned.position
    kit.reopen()
    agent = kit.home.agent("sam", model=kit.LLM(lambda context: kit.say("so")))
    assert agent.pinned == [pinned.position]
    with pytest.raises(memgpt.InvalidInput, match="not in the window"):
        agent.pin(3)
    agent.unpin(pinned)
    for i in range(20):
        agent.send(f"{i} " + WORDS * 10)
    assert agent.pinned == [] and agent.window[0].position > pinned.position
    assert agent.replay().first_divergence is None


def test_pins_that_leave_no_room_are_refused(kit):
    agent = chat(kit, memgpt.Importance())
    for i in range(8):
        agent.send(f"{i} " + WORDS * 12)
    with pytest.raises(WindowFull, match="pinned messages would take"):
        for message in agent.window:
            agent.pin(message)
    before = agent.pinned
    assert before and agent.send("hi").text == "so" and agent.pinned == before
    agent.memory["human"].value = "x"
    agent.unpin(before[0])
    assert agent.pinned == before[1:]


def test_what_a_pin_keeps_with_it_does_not_stop_the_agent(kit):
    """The return of a pinned call could go, it was said, and every decision was refused."""

    class Reporting(ScriptedLLM):
        def complete(self, context):
            reply = super().complete(context)
            reply.prompt_tokens = context.tokens * 4  # the budget shrinks to a quarter
            return reply

    llm = Reporting([kit.call("note", heartbeat=False)])
    note = memgpt.tool(name="note", effects="none")(lambda: WORDS * 120)
    agent = kit.home.create_agent("sam", model=llm, tools=[note], context_window=8320)
    agent.send("a note, please")
    agent.pin(agent.window[1])
    agent.memory["human"].value = WORDS * 48
    llm.script = lambda context: kit.say("so")
    for _ in range(3):
        assert agent.send("hi").text == "so"
    assert [m.role for m in agent.window[:2]] == ["assistant", "tool"]
    assert agent.context().tokens > agent.context().budget.limit


def test_what_a_pin_keeps_with_it_counts(kit):
    llm = kit.LLM([kit.call("note", heartbeat=False) for _ in range(9)])
    note = memgpt.tool(name="note", effects="none")(lambda: WORDS * 25)
    agent = kit.home.create_agent("sam", model=llm, tools=[note], context_window=4096)
    with pytest.raises(WindowFull, match="pinned messages would take"):
        for _ in range(9):
            agent.send("a note, please")
            agent.pin(agent.window[-2])
    assert len(agent.pinned) < 6
    kit.still_answers(agent, llm)


@pytest.mark.parametrize("via", ["python", "create", "tool"])
def test_a_value_over_its_limit_is_refused_with_the_numbers(kit, via):
    long = "x" * 2001
    agent = chat(kit, None)
    before = agent.memory["human"].value
    steps = len(agent.steps())
    if via == "python":
        with pytest.raises(memgpt.LimitExceeded, match=r"2,?001.*2,?000|2,?000.*2,?001"):
            agent.memory["human"].value = long
        assert len(agent.steps()) == steps
    elif via == "create":
        with pytest.raises(memgpt.LimitExceeded, match=r"\d"):
            agent.memory.add("notes", long, limit=2000)
        assert "notes" not in agent.memory and len(agent.steps()) == steps
    else:
        script = [kit.call("core_memory_append", name="human", content=long), kit.say("no")]
        agent = kit.home.agent("sam", model=kit.LLM(script))
        reply = agent.send("remember")
        assert any(m.failed and "2000" in m.text.replace(",", "") for m in reply.messages)
    assert agent.memory["human"].value == before


class KeepsSome(memgpt.MemoryPolicy):
    def __init__(self) -> None:
        self.k = 1

    def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
        return [(0, len(window))]


def test_a_parameter_set_on_a_bound_policy_is_journalled(kit):
    agent = kit.agent(lambda context: kit.say("so"), policy=KeepsSome())
    agent.send("hello")
    before = agent.config
    assert json.loads(before["policy_parameters"]) == {"k": 1}
    agent.policy.k = 5
    agent.send("again")
    assert json.loads(agent.config["policy_parameters"]) == {"k": 5}
    kinds = [step.kind for step in agent.steps()]
    assert kinds == ["create", "input", "step", "config", "input", "step"]
    agent.policy.k = object()
    with pytest.raises(ConfigError, match="journal keeps them"):
        agent.send("and now")
    agent.policy.k = 5
    agent.send("once more")
    assert [step.kind for step in agent.steps()] == [*kinds, "input", "step"]


def test_a_policy_is_not_asked_about_no_messages(kit):
    class All(memgpt.MemoryPolicy):
        def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
            return [(window.groups[0], len(window))]

    agent = kit.agent(lambda context: kit.say("so"), policy=All)
    assert agent.context().tokens == agent.budget().used > 0
    assert "PolicyError" not in str(agent)
    agent.send("hello", role="system")


@pytest.mark.parametrize("policy", BUILT_IN)
def test_built_in_policies_do_not_change(kit, policy):
    assert policy.evict_at == 0.9
    for name in ("evict_at", "evict_att"):
        with pytest.raises(ConfigError, match="does not change"):
            setattr(policy, name, 0.3)
    with pytest.raises(AttributeError, match="evict_att"):
        policy.evict_att  # noqa: B018
    kind = type(policy)
    own = type(
        "Own", (kind,), {"__init__": lambda self: (kind.__init__(self), vars(self).update(k=1))[0]}
    )
    with pytest.raises(ConfigError, match="does not change"):
        own().evict_at = 0.3
    mine = own()
    mine.k = 4
    assert mine.parameters == {**policy.parameters, "k": 4}


def test_a_full_window_is_shown_as_it_stands(kit):
    agent = kit.agent(lambda context: kit.say("so " + WORDS * 6), context_window=3500,
                      policy=memgpt.NoEviction)  # fmt: skip
    with pytest.raises(WindowFull):
        for _ in range(30):
            agent.send(WORDS * 3)
    assert agent.context().tokens > 0.8 * agent.context().budget.limit
    assert not agent.budget().fits(WORDS * 9)
    assert "WindowFull" not in str(agent) and "cannot be shown" not in agent._repr_html_()
    with pytest.raises((WindowFull, MessageTooLarge)):
        agent.budget().room_for(2000)


@pytest.mark.parametrize("line", [-5, 0, 10**6, 2.5, "x"])
def test_a_line_of_eviction_that_cannot_be(kit, line):
    class Own(memgpt.MemoryPolicy):
        def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
            return [(0, len(window))]

        def evicts_above(self, limit_tokens: int) -> int:
            return line

    with pytest.raises(PolicyError, match="evicts_above"):
        kit.agent(policy=Own)


def test_totals_beyond_32_bits():
    window = memgpt.PolicyWindow([2**31 - 1] * 4, limit_tokens=5, newest_user=3, newest_input=3)
    assert window.total == 4 * (2**31 - 1)
    assert memgpt.SlidingWindow().fit(window).keep == [(3, 4)]
