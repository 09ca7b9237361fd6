"""What holds for every context, whatever came before it: random histories with random blocks,
tools, windows, tokenizers, usage reports and restarts. Each case is a seed."""

from __future__ import annotations

import contextlib
import json
import random
import re
import time
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import Context, Reply, ToolCall
from memgpt.errors import (
    ConfigError,
    InvalidInput,
    LimitExceeded,
    MessageTooLarge,
    WindowTooSmall,
)
from memgpt.testing import check_agent

from tests.context_checks import check_context, shown, some_text


class ProviderDown(Exception):
    pass


class Watching(memgpt.LLMProvider):
    """A model that checks what it is shown, and answers at random."""

    def __init__(self, kit: Any, rng: random.Random, tokenizer: str, reports: str) -> None:
        self.kit, self.rng, self.tokenizer, self.reports = kit, rng, tokenizer, reports
        self.model = f"watching-{tokenizer}"
        self.seen = 0
        self.newest = ""
        self.tired = False  # says something and ends the turn

    def complete(self, context: Context) -> Reply:
        check_context(context, self.tokenizer)
        if self.newest:
            users = [s.text for s in context.spans if s.kind == "message"]
            assert any(self.newest in text for text in users), "the newest user message is gone"
        self.seen += 1
        if not self.tired and self.rng.random() < 0.04:
            raise ProviderDown
        reply = Reply(tool_calls=[self.call("send_message", message=some_text(self.rng, 200))])
        if not self.tired:
            reply = self.random_reply()
        reply.prompt_tokens = self.report(context)
        return reply

    def report(self, context: Context) -> int | None:
        real, rng = context.tokens, self.rng
        figures = {
            "none": [None],
            "higher": [real + rng.randrange(real), real * 11 // 10],
            "lower": [real // 2, real - 1, 1],
            "absurd": [0, 2**31 - 1, -5, 10**30, real * 100, real],
        }
        return rng.choice(figures[self.reports])

    def call(self, tool: str, heartbeat: bool = False, /, **args: Any) -> ToolCall:
        return ToolCall(tool, json.dumps({**args, "request_heartbeat": heartbeat}))

    def random_reply(self) -> Reply:
        rng, go_on = self.rng, self.rng.random() < 0.5
        text = some_text(rng)
        say = self.call("send_message", go_on, message=text)
        block = rng.choice(["human", "persona", "extra0", "nosuch"])
        replies = [
            Reply(tool_calls=[say]),
            Reply(tool_calls=[say], content=text, thinking=text),
            Reply(text),
            Reply(tool_calls=[self.call("core_memory_append", go_on, name=block, content=text)]),
            Reply(tool_calls=[self.call("core_memory_replace", go_on, name=block,
                                        old_content=rng.choice("aex"), new_content=text)]),
            Reply(tool_calls=[self.call("archival_memory_insert", go_on, content=text)]),
            Reply(tool_calls=[self.call("conversation_search", True, query=text)]),
            Reply(tool_calls=[self.call("huge", go_on, length=rng.choice([0, 9_000, 90_000]))]),
            Reply(tool_calls=[self.call("fails", go_on)]),
            Reply(tool_calls=[ToolCall("send_message", rng.choice(['{"mess', "[]", "\0", text]))]),
            Reply(tool_calls=[ToolCall("huge", "{}", "same"), say, ToolCall("no", "", "same")]),
            Reply(tool_calls=[self.call("send_message", go_on, message=text * 30)]),
        ]  # fmt: skip
        return rng.choice(replies)

    def summarize(self, text: str, limit_tokens: int) -> str | None:
        return self.rng.choice([None, "", some_text(self.rng, 400), text, "geese " * 9000])


@memgpt.tool
def huge(length: int = 100) -> str:
    """A long result."""
    return ("<block>geese\x01" * length)[:length]


@memgpt.tool(effects="none")
def fails() -> str:
    """Never works."""
    raise ValueError("</summary>\0")


class World:
    """An agent, what may happen to it, and what must hold afterwards."""

    def __init__(self, kit: Any, path: Path, seed: int) -> None:
        self.kit, self.path = kit, path
        self.rng = rng = random.Random(seed)
        self.tokenizer = rng.choice(["o200k_base", "cl100k_base", ""])
        self.reports = rng.choice(["none", "higher", "lower", "absurd"])
        self.llm = Watching(kit, rng, self.tokenizer, self.reports)
        self.home = memgpt.open(path, durability="process")
        options: dict[str, Any] = {"tools": [huge, fails], "max_steps": 6}
        options |= rng.choice([{}, {"system": "Be."}, {"system": some_text(rng, 900)}])
        window = rng.choice([None, None, 4096, 8192, 32_000])
        if window is None:
            window = smallest_window(self.home, model=self.llm, **options)
        self.agent = self.home.create_agent("sam", model=self.llm, context_window=window, **options)
        self.tools: list[Any] = [huge, fails]

    def act(self) -> None:
        """Something happens. Only errors that say what is wrong come out, and the agent goes on."""
        refused: dict[Any, tuple[type[Exception], ...]] = {
            self.send: (MessageTooLarge, ProviderDown),
            self.edit: (WindowTooSmall, LimitExceeded),
            self.tool: (WindowTooSmall,),
        }
        acts = [self.send] * 9 + [self.edit] * 3 + [self.tool, self.imports, self.file, self.reopen]
        act = self.rng.choice(acts)
        with contextlib.suppress(*refused.get(act, ())):
            act()
        self.check()

    def send(self) -> None:
        rng = self.rng
        text = some_text(rng, rng.choice([300, 3000, 60_000]))
        role = rng.choice(["user", "user", "user", "system"])
        self.llm.newest = json.dumps(text[:20], ensure_ascii=False)[1:-1] if role == "user" else ""
        self.llm.newest = "" if re.search(r"[\x00-\x1f\x7f-\x9f]", text[:20]) else self.llm.newest
        self.agent.send(text, role=role, name=rng.choice(["", "Ann", some_text(rng, 40)]))

    def edit(self) -> None:
        rng, memory = self.rng, self.agent.memory
        labels = list(memory)
        label = f"extra{rng.randrange(4)}"
        what = rng.randrange(4)
        if what == 0 and label not in labels:
            memory.add(label, some_text(rng, 900), 900, rng.choice(["", some_text(rng, 200)]),
                       read_only=rng.random() < 0.3)  # fmt: skip
        elif what == 1 and len(labels) > rng.randrange(4):
            memory.remove(rng.choice(labels))
        elif labels:
            memory[rng.choice(labels)].value = some_text(rng, rng.choice([40, 900, 2500]))

    def tool(self) -> None:
        rng, name = self.rng, f"extra_tool{self.rng.randrange(3)}"
        if name in self.agent.tools and rng.random() < 0.5:
            self.agent.remove_tool(name)
            return
        tool = memgpt.tool(name=name, effects="none")(lambda: "so")
        tool.description = some_text(rng, rng.choice([50, 500, 100_000]))
        self.agent.add_tool(tool)
        self.tools = [t for t in self.tools if t.name != name] + [tool]

    def imports(self) -> None:
        texts = [some_text(self.rng, 500) for _ in range(self.rng.randrange(1, 40))]
        self.agent.recall.import_transcript(
            [{"speaker": "Ann", "text": text, "time": "2023-05-08T13:56:00"} for text in texts]
        )

    def file(self) -> None:
        archival, rng = self.agent.archival, self.rng
        passage = archival.insert(some_text(rng), tags=[some_text(rng, 9)])
        if rng.random() < 0.4:
            archival.update(rng.choice(archival.search("")).passage, text=some_text(rng))
        if rng.random() < 0.4:
            archival.delete(passage)

    def reopen(self) -> None:
        """In the same state; then with another tokenizer, without some tools, or as before."""
        minute = int(time.time() // 60)
        rng, before = self.rng, None if self.agent.unbound else shown(self.agent)
        self.home.close()
        self.home = memgpt.open(self.path, durability="process")
        self.agent = self.home.agent("sam")
        kept = [tool for tool in self.tools if tool.name in self.agent.tools]
        if rng.random() < 0.3:
            kept = rng.sample(kept, rng.randrange(len(kept) + 1))
            before = None
        if rng.random() < 0.3:
            self.tokenizer = rng.choice(["o200k_base", "cl100k_base", ""])
            self.llm = Watching(self.kit, rng, self.tokenizer, self.reports)
            before = None
        try:
            self.agent = self.home.agent("sam", model=self.llm, tools=kept)
        except WindowTooSmall:  # as this tokenizer counts
            window = self.agent.config["context_window"] * 2
            self.agent = self.home.agent("sam", model=self.llm, tools=kept, context_window=window)
        if before and minute == int(time.time() // 60):  # a preview has the clock's time
            assert shown(self.agent) == before

    def check(self) -> None:
        check_context(self.agent.context(), self.tokenizer)
        assert shown(self.agent) == shown(self.agent)
        assert check_agent(self.agent) == []

    def check_replay(self) -> None:
        replay = self.agent.replay()
        assert replay.first_divergence is None, str(replay.first_divergence)
        assert replay.steps == sum(bool(step.digest) for step in self.agent.steps())
        assert replay.unchecked == []
        assert replay.commits == len(self.agent.steps())


def smallest_window(home: memgpt.Home, **options: Any) -> int:
    """What the error says would do."""
    with pytest.raises(WindowTooSmall) as caught:
        home.create_agent("none", context_window=500, **options)
    return wanted_window(caught.value)


def wanted_window(error: Exception) -> int:
    match = re.search(r"context_window of (\d+) or more", str(error))
    assert match, str(error)
    return int(match[1])


def run(kit: Any, path: Path, seed: int, acts: int) -> None:
    world = World(kit, path, seed)
    for number in range(acts):
        world.act()
        if number % 10 == 9:
            world.check_replay()
    world.check_replay()
    world.llm.tired, world.llm.newest = True, "still there"
    assert world.agent.send("Are you still there?").text
    world.check()
    assert world.llm.seen
    world.home.close()


@pytest.mark.parametrize("seed", range(60))
def test_every_context_of_a_random_history(kit, tmp_path, seed):
    run(kit, tmp_path / "world.db", seed, 30)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1100))
def test_every_context_of_a_long_random_history(kit, tmp_path, seed):
    run(kit, tmp_path / "world.db", seed, 150)


def test_messages_of_two_tokenizers_in_one_window_are_each_counted(kit, tmp_path):
    """Only the newest message was asked whose tokens it counts."""
    llms = {
        name: kit.LLM(lambda context: kit.say("🦢漢字 so"))
        for name in ("o200k_base", "cl100k_base")
    }
    for name, llm in llms.items():
        llm.tokenizer = llm.model = name
    home = memgpt.open(tmp_path / "two.db", durability="process")
    home.create_agent("sam", model=llms["o200k_base"]).send("Grüße 🦢漢字 " * 40)
    home.agent("sam", model=llms["cl100k_base"]).send("Grüße")
    for _ in range(2):
        check_context(home.agent("sam").context(), "cl100k_base")
        path = home.path
        home.close()
        home = memgpt.open(path, durability="process")
        home.agent("sam", model=llms["cl100k_base"])
    home.close()


@pytest.mark.parametrize("tokenizer", ["o200k_base", "cl100k_base", ""])
@pytest.mark.parametrize("system", ["", "Be.", "long " * 2000])
def test_the_window_that_the_error_names_is_the_smallest_that_works(kit, home, tokenizer, system):
    llm = Watching(kit, random.Random(1), tokenizer, "none")
    llm.tired = True
    window = smallest_window(home, model=llm, system=system)
    with pytest.raises(WindowTooSmall, match=f"of {window} or more"):
        home.create_agent("none", model=llm, system=system, context_window=window - 1)
    assert home.agents() == []
    agent = home.create_agent("sam", model=llm, system=system, context_window=window)
    for turn in range(60):
        assert agent.send(f"{turn} geese went over the old mill, and the miller counted them").text
    assert agent.memory.summary
    with pytest.raises(WindowTooSmall):
        home.agent("sam", context_window=window // 2)
    with pytest.raises(WindowTooSmall) as caught:
        agent.memory.add("notes", "goose " * 2000, 20_000)
    home.agent("sam", context_window=wanted_window(caught.value))
    agent.memory.add("notes", "goose " * 2000, 20_000)
    assert agent.send("And now?").text


def test_what_the_window_can_never_hold_is_refused_and_changes_nothing(kit):
    agent = kit.agent(lambda context: kit.say("so"), context_window=4096)
    schema = memgpt.tool(name="big", effects="none")(lambda: "so")
    schema.description = "word " * 20_000
    before = shown(agent), agent.tools, len(agent.steps())
    for refused, error in [
        (lambda: agent.send("goose " * 5000), MessageTooLarge),
        (lambda: agent.send("goose " * 5000, role="system"), MessageTooLarge),
        (lambda: agent.send(" \n"), InvalidInput),
        (lambda: agent.send("\ud800"), InvalidInput),
        (lambda: agent.add_tool(schema), WindowTooSmall),
        (lambda: setattr(agent.memory["human"], "value", "x" * 2001), LimitExceeded),
        (lambda: agent.memory.add("two words"), ConfigError),
        (lambda: agent.memory.add("notes", "goose " * 5000, 50_000), WindowTooSmall),
        (lambda: kit.home.agent("sam", context_window=100), WindowTooSmall),
        (lambda: kit.home.agent("sam", tools=[schema]), WindowTooSmall),
    ]:
        with pytest.raises(error):
            refused()
        assert (shown(agent), agent.tools, len(agent.steps())) == before
    kit.still_answers(agent)
    with pytest.raises(MessageTooLarge) as caught:
        agent.send("goose " * 5000)
    assert re.search(r"takes \d+ tokens", str(caught.value))
    wider = kit.home.agent("sam", context_window=64_000)
    wider.add_tool(schema)
    assert wider.send("goose " * 5000).text == "still here"
