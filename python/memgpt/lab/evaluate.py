"""Which evidence a memory policy leaves in the context: measured, without a model."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence

import memgpt
from memgpt.errors import ConfigError
from memgpt.lab.baselines import RandomEviction
from memgpt.lab.conversations import Conversation, Question
from memgpt.lab.results import Results
from memgpt.lab.stream import Script, shown_by

__all__ = ["FIFO", "ORACLE", "RANDOM", "evaluate"]

FIFO, RANDOM, ORACLE = "FIFO (SlidingWindow)", "random", "oracle"
_HITS = 200  # more than what is found fits no budget that is of interest


def evaluate(
    policies: Mapping[str, memgpt.MemoryPolicy] | Iterable[memgpt.MemoryPolicy],
    conversations: Sequence[Conversation],
    budgets: Sequence[int] = (2000, 4000, 8000, 16000),
    *,
    search: bool = True,
    seed: int = 0,
    dataset: str = "conversations",
) -> Results:
    """Stream conversations through policies, then see what of each question's evidence is there.

    No model answers: what is measured is evidence in the context, not the accuracy of answers.
    Beside the policies stand the oldest-first window, chance, and an oracle that knows each
    question's evidence before it is asked: no policy can do better.

    - *evidence in window*: the share of a question's evidence turns that the window shows, word for
      word, after the last turn; its mean over the questions. A summary counts as nothing, and takes
      a tenth of the budget once there is one.
    - *evidence with search*: half of the budget is the policy's; the other half is filled with what
      ``agent.recall.search(question)`` finds, best first.
    - *stale in window*, *stale with search*: of the questions whose answer had changed, the share
      of which an old answer is shown and the newest one is not. Less is better.

    Args:
        policies: by name, or named by their classes.
        conversations: made by :func:`memgpt.lab.generate`, or read by
            :func:`memgpt.lab.read_conversations`.
        budgets: tokens for messages (``o200k_base`` and 4 a turn). System prompt, tools and blocks
            are not counted: they cost every policy the same.
        search: also measure with search.
        seed: of the random policy.
        dataset: the name of the conversations in the result.

    Raises:
        ConfigError: for two policies of one name, or budgets and conversations that there are none
            of.
        PolicyError: for a decision that cannot be used.
    """
    named = _named(policies)
    if not conversations or not any(c.questions for c in conversations):
        raise ConfigError("there is no conversation with a question")
    if not budgets or min(budgets) < 1:
        raise ConfigError(f"budgets are positive numbers of tokens, not {list(budgets)}")
    named = {**named, FIFO: memgpt.SlidingWindow(), RANDOM: RandomEviction(seed)}
    results = Results(dataset, seed, (*named, ORACLE), tuple(budgets))
    counter = memgpt.TokenCounter()
    for conversation in conversations:
        _Trial(conversation, counter, search).run(named, budgets, results)
    return results


def _named(
    policies: Mapping[str, memgpt.MemoryPolicy] | Iterable[memgpt.MemoryPolicy],
) -> dict[str, memgpt.MemoryPolicy]:
    pairs: list[tuple[str, memgpt.MemoryPolicy]]
    if isinstance(policies, Mapping):
        pairs = list(policies.items())  # type: ignore[assignment]  # a Mapping, not of policies
    else:
        pairs = [(type(policy).__name__, policy) for policy in policies]
    named: dict[str, memgpt.MemoryPolicy] = dict(pairs)
    if len(named) < len(pairs) or named.keys() & {FIFO, RANDOM, ORACLE}:
        raise ConfigError(
            f"each policy needs a name of its own, other than {FIFO!r}, {RANDOM!r} and {ORACLE!r}: "
            'give them as {"name": policy}'
        )
    return named


class _Trial:
    """One conversation: its turns in numbers, and what search finds for its questions."""

    def __init__(
        self, conversation: Conversation, counter: memgpt.TokenCounter, search: bool
    ) -> None:
        self._questions = conversation.questions
        self._script = Script.of(conversation, counter)
        self._places = {turn.id: place for place, turn in enumerate(conversation.turns)}
        self._hits = _searched(conversation) if search else None

    def run(
        self,
        policies: Mapping[str, memgpt.MemoryPolicy],
        budgets: Sequence[int],
        results: Results,
    ) -> None:
        for budget in budgets:
            for name, policy in policies.items():
                window = set(shown_by(policy, self._script, budget))
                for question in self._questions:
                    self._judge(results, name, budget, "in window", question, window)
                if self._hits is None:
                    continue
                half = set(shown_by(policy, self._script, budget // 2))
                for question, hits in zip(self._questions, self._hits, strict=True):
                    paged = half | self._fitting(hits, budget - budget // 2, half)
                    self._judge(results, name, budget, "with search", question, paged)
            for question in self._questions:
                known = self._fitting(self._cheapest_evidence(question), budget, set())
                self._judge(results, ORACLE, budget, "in window", question, known)
                if self._hits is not None:
                    self._judge(results, ORACLE, budget, "with search", question, known)

    def _cheapest_evidence(self, question: Question) -> list[int]:
        places = (self._places[turn] for turn in question.evidence)
        return sorted(places, key=lambda place: self._script.tokens[place])

    def _fitting(self, places: Iterable[int], room: int, shown: set[int]) -> set[int]:
        """Those that fit, in order; what is shown already takes no room."""
        found: set[int] = set()
        for place in places:
            cost = self._script.tokens[place]
            if place not in shown and cost <= room:
                found.add(place)
                room -= cost
        return found

    def _judge(
        self,
        results: Results,
        policy: str,
        budget: int,
        where: str,
        question: Question,
        shown: set[int],
    ) -> None:
        there = [self._places[turn] in shown for turn in question.evidence]
        results.add(policy, budget, f"evidence {where}", sum(there) / len(there))
        if question.superseded:
            old = any(self._places[turn] in shown for turn in question.superseded)
            results.add(policy, budget, f"stale {where}", float(old and not all(there)))


def _searched(conversation: Conversation) -> list[list[int]]:
    """For each question the places of the turns that a real agent's recall finds, best first."""
    home = memgpt.open(":memory:")
    try:
        agent = home.create_agent("lab", model="offline")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # speakers without a name
            stored = agent.recall.import_transcript(
                [
                    {"speaker": turn.speaker, "text": turn.text, "time": turn.time, "id": turn.id}
                    for turn in conversation.turns
                ]
            )
        places = {message.id: place for place, message in enumerate(stored)}
        return [
            [places[hit.message.id] for hit in agent.recall.search(question.text, limit=_HITS)]
            for question in conversation.questions
        ]
    finally:
        home.close()
