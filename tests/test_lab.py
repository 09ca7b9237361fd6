"""memgpt.lab: conversations by seed, and evaluations whose figures are known by hand."""

from __future__ import annotations

import datetime as dt
import itertools

import memgpt
import pytest
from memgpt import lab
from memgpt.errors import ConfigError, PolicyError

START = dt.datetime(2024, 5, 8, 12, tzinfo=dt.timezone.utc)
WINDOW, SEARCH, STALE, STALE_SEARCH = lab.METRICS


class KeepsLast(memgpt.MemoryPolicy):
    """The newest messages, whatever they cost."""

    def __init__(self, count: int) -> None:
        self.count = count

    def fit(self, window: memgpt.PolicyWindow) -> memgpt.Fit:
        size = len(window)
        return memgpt.Fit([(max(0, size - self.count), size)], summarize=False)


class Says(memgpt.MemoryPolicy):
    """Decides what it is told to."""

    def __init__(self, *keep: tuple[int, int]) -> None:
        self.keep = list(keep)

    def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
        return self.keep


def conversation(*texts: str, questions: list[lab.Question] | None = None) -> lab.Conversation:
    turns = [
        lab.Turn(f"T{n}", "Ann", text, START + n * dt.timedelta(minutes=1))
        for n, text in enumerate(texts)
    ]
    asked = [lab.Question(0, "What?", 0, ("T0",))] if questions is None else questions
    return lab.Conversation("own", turns, asked)


def test_a_seed_always_makes_the_same_conversation() -> None:
    assert lab.generate(7) == lab.generate(7)
    assert lab.generate(7) != lab.generate(8)
    assert lab.generate_many(3, 7)[1] == lab.generate(8)
    # The same on every machine: figures that are published name their seeds.
    first = lab.generate(0)
    assert first.turns[0].time.isoformat() == "2024-01-08T18:00:31+00:00"
    assert [q.kind for q in first.questions[:4]] == ["fact", "fact", "update", "event"]


@pytest.mark.parametrize("seed", range(20))
def test_evidence_is_there_and_newer_than_what_it_supersedes(seed: int) -> None:
    made = lab.generate(seed, turns=200, facts=30, changed=0.5)
    assert len(made.turns) == 200 and len(made.questions) >= 30
    place = {turn.id: n for n, turn in enumerate(made.turns)}
    assert len(place) == 200
    assert all(one.time < two.time for one, two in itertools.pairwise(made.turns))
    for question in made.questions:
        assert question.evidence and "{" not in question.text
        for turn in question.evidence + question.superseded:
            assert made.turns[place[turn]].role == "user"
        if question.kind in ("update", "contradiction"):
            assert question.superseded
        if question.kind != "comparison":
            assert all(place[old] < place[question.evidence[0]] for old in question.superseded)
    assert not any("{" in turn.text for turn in made.turns)


def test_the_set_has_every_kind_of_question() -> None:
    kinds = {q.kind for made in lab.generate_many(10) for q in made.questions}
    assert kinds == {"fact", "event", "update", "contradiction", "comparison"}
    assert not any(q.superseded for q in lab.generate(1, changed=0).questions)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"turns": 10}, "there are 10"),
        ({"facts": 0}, "facts is from 1 to"),
        ({"facts": 1000}, "facts is from 1 to"),
        ({"changed": 1.5}, "a share from 0 to 1"),
    ],
)
def test_options_of_the_generator_that_cannot_work(options: dict[str, int], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        lab.generate(0, **options)


def test_figures_are_those_counted_by_hand() -> None:
    texts = ("the gate code is 1111", "hello", "no, the gate code is 2222", "rain", "tulips, too")
    asked = [
        lab.Question(0, "gate code?", 0, ("T2",), "update", ("T0",)),
        lab.Question(1, "tulips and rain?", 0, ("T3", "T4")),
        lab.Question(2, "hello and tulips?", 0, ("T1", "T4")),
    ]
    own = conversation(*texts, questions=asked)
    two, four = KeepsLast(2), KeepsLast(4)
    found = lab.evaluate({"two": two, "four": four}, [own], [1000])
    assert found.values("two", 1000, WINDOW) == [0, 1, 0.5]
    assert found.values("four", 1000, WINDOW) == [1, 1, 1]
    assert found.mean("two", 1000, WINDOW) == 0.5
    assert found.values("two", 1000, SEARCH) == [1, 1, 1], "search finds the rest"
    assert found.values("two", 1000, STALE) == [0], "neither the old code nor the new one"
    assert found.difference("four", "two", 1000)[0] == 0.5
    row = next(r for r in found.rows if (r["policy"], r["metric"]) == ("two", WINDOW))
    assert row == {"dataset": "conversations", "policy": "two", "budget": 1000, "seed": 0,
                   "metric": WINDOW, "value": 0.5, "n": 3}  # fmt: skip


def test_what_is_stale() -> None:
    class KeepsFirst(memgpt.MemoryPolicy):
        def fit(self, window: memgpt.PolicyWindow) -> list[tuple[int, int]]:
            size = len(window)
            return [(0, size)] if size < 3 else [(0, 1), (size - 1, size)]

    asked = [lab.Question(0, "Which tea?", 0, ("T1",), "update", ("T0",))]
    texts = ("I drink green tea", "I drink black tea now", "well", "yes")
    old_only = lab.evaluate([KeepsFirst()], [conversation(*texts, questions=asked)], [1000])
    assert old_only.values("KeepsFirst", 1000, STALE) == [1]
    assert old_only.values("KeepsFirst", 1000, STALE_SEARCH) == [0], "search found the newer one"
    everything = lab.evaluate([KeepsLast(9)], [conversation(*texts, questions=asked)], [1000])
    assert everything.values("KeepsLast", 1000, STALE) == [0], "both are shown"


def test_search_fills_the_other_half_and_no_more() -> None:
    words = " and the barn" * 12
    own = conversation(
        f"the owl{words}", f"an owl{words}", f"owl{words}", "hm",
        questions=[lab.Question(0, "owl", 0, ("T0", "T1", "T2"))],
    )  # fmt: skip
    counter = memgpt.TokenCounter()
    one = counter.count(own.turns[0].text) + 4
    assert one < 2 * (counter.count("owl" + words) + 4)
    found = lab.evaluate([KeepsLast(1)], [own], [2 * one + 1])
    assert found.mean("KeepsLast", 2 * one + 1, WINDOW) == 0
    assert found.mean("KeepsLast", 2 * one + 1, SEARCH) == pytest.approx(1 / 3)


def test_the_oracle_is_above_all_and_random_is_by_seed() -> None:
    sets, budgets = lab.generate_many(2, 40, turns=120), (300, 1200)
    policies = [memgpt.Importance(), memgpt.RecursiveSummary()]
    found = lab.evaluate(policies, sets, budgets)
    again = lab.evaluate(policies, sets, budgets)
    other = lab.evaluate(policies, sets, budgets, seed=1)
    assert found.rows == again.rows
    for name in found.policies:
        for budget in budgets:
            for metric in (WINDOW, SEARCH):
                values = found.values(name, budget, metric)
                best = found.values(lab.ORACLE, budget, metric)
                assert all(v <= b for v, b in zip(values, best, strict=True)), (name, metric)
    same = found.values(lab.FIFO, 1200) == other.values(lab.FIFO, 1200)
    assert same and found.values(lab.RANDOM, 1200) != other.values(lab.RANDOM, 1200)


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (Says((0, 1), (0, 1)), "begins before the last one ends"),
        (Says((1, 1)), "empty"),
        (Says((0, 5)), "is not of a window"),
        (Says(), "the newest user message"),
        (KeepsLast(99), "it keeps .* the limit is 20"),
    ],
)
def test_decisions_that_cannot_be_used(policy: memgpt.MemoryPolicy, told: str) -> None:
    with pytest.raises(PolicyError, match=told) as raised:
        lab.evaluate([policy], [conversation("one", "two", "three", "four", "five")], [20])
    assert type(policy).__name__ in str(raised.value)


def test_arguments_that_cannot_be_used() -> None:
    own = [conversation("one")]
    for policies, conversations, budgets, told in (
        ([KeepsLast(1), KeepsLast(2)], own, [100], "a name of its own"),
        ({lab.ORACLE: KeepsLast(1)}, own, [100], "a name of its own"),
        ([], [], [100], "no conversation"),
        ([], [conversation("one", questions=[])], [100], "no conversation"),
        ([], own, [], "budgets"),
        ([], own, [0], "budgets"),
    ):
        with pytest.raises(ConfigError, match=told):
            lab.evaluate(policies, conversations, budgets)
    with pytest.raises(ConfigError, match="0 < evict_to < evict_at"):
        lab.RandomEviction(evict_at=0.4)


def test_results_are_shown_and_drawn() -> None:
    found = lab.evaluate({"<b>": KeepsLast(2)}, [conversation("one", "two")], [100, 200],
                         search=False)  # fmt: skip
    assert found.metrics == [WINDOW]
    assert "1 questions" in found.table() and "<b>" in str(found)
    page = found._repr_html_()
    assert "<b>" not in page and "&lt;b&gt;" in page and "cannot be shown" not in page
    figure = found.plot()
    (axes,) = figure.axes
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines["<b>"] == [1, 1] and set(lines) == set(found.policies)
    with pytest.raises(ConfigError, match="was not measured"):
        found.mean("<b>", 100, SEARCH)
