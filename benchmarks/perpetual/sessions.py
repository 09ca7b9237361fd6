"""An agent lives through a conversation; later, in a new process, it is asked about it.

Both parts run in processes of their own and send their results through a pipe.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import memgpt
import memgpt.llm
from memgpt.lab.conversations import Conversation, Question, Turn
from memgpt.lab.locomo import shown

from perpetual.evidence import PlainSearch, request_texts, share_in
from perpetual.prefix import Sent, sent_by

AGENT = "listener"
# Survives a kill, perhaps not a power cut: the figures are of the memory, not of fsync.
DURABILITY = "process"
SEARCHES = ("conversation_search", "conversation_search_date", "archival_memory_search")
_PAUSE = dt.timedelta(hours=1)  # between the last turn and the questions

Progress = Callable[[int, int], None]  # done, of


@dataclass(frozen=True)
class Setting:
    model: str
    context_window: int


@dataclass
class Played:
    """What playing a transcript was like.

    Attributes:
        refused: turns that the agent did not take, and why.
        unfinished: stop reasons of turns that ended otherwise than with end_turn.
        prompt_tokens: of all steps of all turns.
        evictions: turns in which messages left the window.
        step_ms: a turn's wall time divided by its steps, once for each of its steps.
        sent: tokens of all requests, and of their prefixes.
    """

    accepted: list[int]
    refused: list[str]
    unfinished: Counter[str]
    steps: int
    prompt_tokens: int
    evictions: int
    evicted_messages: int
    max_context_tokens: int
    contexts_over_limit: int
    recall_messages: int
    step_ms: list[float]
    sent: Sent = field(default_factory=Sent)


@dataclass
class Asked:
    """One question: shares of its evidence in context, in the window alone, in a plain search.

    Attributes:
        replayed: contexts of the whole history made again, the question's with them.
        diverged: where replay found a difference; empty where it found none.
        unanswered: why no send_message came; empty where one did.
    """

    category: int
    agent: float
    window_only: float
    search_only: float
    searches: int
    max_context_tokens: int
    contexts_over_limit: int
    blocks_over_limit: int
    replayed: int = 0
    diverged: str = ""
    unanswered: str = ""
    problem: str = ""


@dataclass
class Answers:
    lost: list[str]
    blocks_over_limit: int
    replayed: int
    diverged: str
    asked: list[Asked]


def play(conversation: Conversation, db: Path, setting: Setting, progress: Progress) -> Played:
    """Send all turns to a new agent in a new file and close it."""
    played = Played([], [], Counter(), 0, 0, 0, 0, 0, 0, 0, [])
    with memgpt.open(db, durability=DURABILITY) as home:
        agent = home.create_agent(AGENT, model=setting.model, context_window=setting.context_window)
        limit = agent.context().budget.limit
        for number, turn in enumerate(conversation.turns):
            progress(number, len(conversation.turns))
            started = time.perf_counter()
            try:
                response = agent.send(turn.text, name=turn.speaker, time=turn.time)
            except memgpt.InvalidInput as error:
                played.refused.append(f"turn {shown(turn.id)}: {_first_line(error)}")
                continue
            taken = (time.perf_counter() - started) * 1e3
            played.accepted.append(number)
            if response.stop_reason != "end_turn":
                played.unfinished[response.stop_reason] += 1
            played.steps += response.steps
            played.prompt_tokens += response.usage.prompt_tokens
            played.evictions += response.evicted > 0
            played.evicted_messages += response.evicted
            played.step_ms += [taken / response.steps] * response.steps
        contexts = [step.context_tokens + step.overhead_tokens for step in agent.steps()]
        played.max_context_tokens = max(contexts, default=0)
        played.contexts_over_limit = sum(tokens > limit for tokens in contexts)
        played.recall_messages = len(agent.recall)
        played.sent = sent_by(agent)
    return played


def ask(
    conversation: Conversation,
    accepted: Sequence[int],
    db: Path,
    setting: Setting,
    progress: Progress,
) -> Answers:
    """Look for every turn in the file, then ask each question on a fork of its own."""
    turns = [conversation.turns[number] for number in accepted]
    texts = {turn.id: turn.text for turn in conversation.turns}
    search = PlainSearch(turns, setting.context_window // 4)
    when = turns[-1].time + _PAUSE if turns else None
    with memgpt.open(db, durability=DURABILITY) as home:
        agent = home.agent(AGENT)
        replayed, diverged = replay(agent)
        lost = find_lost(agent, turns)
        answers = Answers(lost, blocks_over_limit(agent), replayed, diverged, [])
        for number, question in enumerate(conversation.questions):
            progress(number, len(conversation.questions))
            evidence = [texts[turn_id] for turn_id in question.evidence]
            name = agent.fork(f"question {question.number}").name
            answers.asked.append(_ask_one(question, evidence, home, name, when, setting.model))
            home.delete_agent(name)
            if not answers.asked[-1].problem:
                answers.asked[-1].search_only = share_in(evidence, search.texts(question.text))
    return answers


def _ask_one(
    question: Question,
    evidence: list[str],
    home: memgpt.Home,
    name: str,
    when: dt.datetime | None,
    model: str,
) -> Asked:
    asked = Asked(question.category, 0.0, 0.0, 0.0, 0, 0, 0, 0)
    recorder = Recorder(model)
    agent = home.agent(name, model=recorder)
    try:
        response = agent.send(question.text, time=when)
    except memgpt.InvalidInput as error:
        asked.unanswered = type(error).__name__
        asked.problem = f"qa[{question.number}] could not be asked: {_first_line(error)}"
    else:
        calls = Counter(c.name for m in response.messages for c in m.tool_calls)
        asked.searches = sum(calls[name] for name in SEARCHES)
        asked.unanswered = "" if recorder.speaking else response.stop_reason
        asked.agent = share_in(evidence, request_texts(recorder.speaking))
        asked.window_only = share_in(evidence, request_texts(recorder.first[1:]))
    asked.blocks_over_limit = blocks_over_limit(agent)
    asked.replayed, asked.diverged = replay(agent)
    asked.max_context_tokens = max(recorder.tokens, default=0)
    asked.contexts_over_limit = sum(tokens > recorder.limit for tokens in recorder.tokens)
    return asked


class Recorder(memgpt.LLMProvider):
    """Passes every request on to the model and keeps those that are looked at later.

    Attributes:
        first: messages of the first request: the window with the question, no search yet.
        speaking: messages of the last request that was answered by send_message.
        tokens: of every context.
    """

    def __init__(self, model: str) -> None:
        self._inner = memgpt.llm.provider(model)
        self.model = self._inner.model
        self.context_window = self._inner.context_window
        self.tokenizer = self._inner.tokenizer
        self.first: list[dict[str, Any]] = []
        self.speaking: list[dict[str, Any]] = []
        self.tokens: list[int] = []
        self.limit = 0

    def complete(self, context: memgpt.Context) -> memgpt.Reply:
        reply = self._inner.complete(context)
        self.tokens.append(context.tokens)
        self.limit = context.budget.limit
        speaks = any(call.name == "send_message" for call in reply.tool_calls)
        if speaks or not self.first:
            messages = context.to_request()["messages"]
            self.first = self.first or messages
            self.speaking = messages if speaks else self.speaking
        return reply

    def summarize(self, text: str, limit_tokens: int) -> str | None:
        return self._inner.summarize(text, limit_tokens)


def find_lost(agent: memgpt.Agent, turns: Sequence[Turn]) -> list[str]:
    """Ids of the turns that are not in the log, or that search does not find.

    In the log is a turn with the same text, speaker and time, once for each time it was sent. It is
    searched for by its own words, in the second in which it was said.
    """
    log: Counter[tuple[str, str, dt.datetime]] = Counter()
    page = 500
    for start in range(0, len(agent.recall), page):
        for message in agent.recall.messages(start, page):
            if message.role == "user":
                log[message.text, message.name, message.time] += 1
    everything = log.total()
    found: dict[tuple[str, dt.datetime], set[str]] = {}
    lost = []
    for turn in turns:
        log[turn.text, turn.speaker, turn.time] -= 1
        # What has no word in it, say an emoji alone, is found by its time.
        words = turn.text if any(character.isalnum() for character in turn.text) else ""
        texts = found.setdefault((words, turn.time), set())
        # Thousands may be said in one second: mostly a few hits do, and they are asked for once.
        for limit in (10, everything):
            if turn.text not in texts:
                hits = agent.recall.search(
                    words,
                    start=turn.time,
                    end=turn.time + dt.timedelta(seconds=1),
                    roles=["user"],
                    limit=limit,
                )
                texts.update(hit.message.text for hit in hits)
        if log[turn.text, turn.speaker, turn.time] < 0 or turn.text not in texts:
            lost.append(shown(turn.id))
    return lost


def replay(agent: memgpt.Agent) -> tuple[int, str]:
    """How many contexts were made again and compared; the first divergence, or what was not
    compared."""
    found = agent.replay()
    first = found.first_divergence
    if first is not None:
        return (
            found.steps,
            f"commit {first.seq}, {first.what}: {' '.join(first.diff.split())[:300]}",
        )
    if found.unchecked:
        return found.steps, f"not compared: {found.unchecked[0]}"
    called = sum(step.digest != "" for step in agent.steps())
    return found.steps, "" if called == found.steps else f"{called} steps, {found.steps} replayed"


def blocks_over_limit(agent: memgpt.Agent) -> int:
    return sum(len(block.value) > block.limit for block in agent.memory.values())


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
