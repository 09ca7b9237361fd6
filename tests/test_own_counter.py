"""Token counters written in Python: by themselves, and in an agent whose model brings one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import TokenCounter

from tests.conftest import CheckedLLM, say


class Words(TokenCounter):
    """Forgets ``super().__init__()``."""

    name = "words"

    def __init__(self) -> None:
        self.calls = 0
        self.threads: set[int] = set()

    def count(self, text: str) -> int:
        assert isinstance(text, str)
        self.calls += 1
        self.threads.add(threading.get_ident())
        return len(text.split())


class Model(CheckedLLM):
    """Says the same again and again; brings its tokenizer."""

    def __init__(self, tokenizer: Any, context_window: int = 8192) -> None:
        super().__init__(lambda context: say("I see"), context_window=context_window)
        self.tokenizer = tokenizer


def check_spans(context: memgpt.Context, count: Callable[[str], int]) -> None:
    """Spans of messages have their own counts; those of the system message add up."""
    system = ""
    owned = 0
    for span in context.spans:
        if span.kind in ("message", "tool_return", "tool_schema"):
            assert span.tokens == count(span.text), span
        else:
            system += span.text
            owned += span.tokens
    assert owned == count(system)
    assert context.text_tokens == sum(span.tokens for span in context.spans)
    assert context.tokens <= context.budget.limit


def words(text: str) -> int:
    return len(text.split())


def test_a_subclass_needs_only_count() -> None:
    counter = Words()
    assert (counter.name, counter.exact, counter.count("a b  c")) == ("words", True, 3)
    assert counter.count_many(["a b", "", "c"]) == [2, 0, 1]
    assert counter.count_parts(["a b", "c d", " e"]) == [2, 1, 1]  # one word is "bc"
    assert counter.count_parts([]) == []
    with pytest.raises(memgpt.ConfigError, match=r"Words .* no encode"):
        counter.encode("a")
    with pytest.raises(memgpt.ConfigError, match=r"Words .* no decode"):
        counter.decode([1])


def test_parts_of_a_counter_with_fewer_tokens_for_more_text() -> None:
    class Odd(TokenCounter):
        def count(self, text: str) -> int:
            return 5 if text == "ab" else len(text) % 4

    parts = ["a", "b", "cd", "e", ""]
    counts = Odd().count_parts(parts)
    assert sum(counts) == Odd().count("abcde") and min(counts) >= 0


def test_names_of_counters() -> None:
    class Nameless(TokenCounter):
        def count(self, text: str) -> int:
            return 1

    class Inherits(Nameless):
        pass

    class Plain(TokenCounter):
        pass

    class Forgetful(TokenCounter):
        def __init__(self) -> None:
            pass

    assert (Nameless().name, Inherits().name) == ("Nameless", "Nameless")
    assert (Plain().name, Plain("cl100k_base").name) == ("o200k_base", "cl100k_base")
    assert (TokenCounter().name, TokenCounter("cl100k_base").name) == ("o200k_base", "cl100k_base")
    text = "A sentence, 文字 and 12345."
    for same in (Plain(), Forgetful(), TokenCounter()):
        assert same.name == "o200k_base"
        assert same.decode(same.encode(text)) == text
        assert same.count(text) == len(same.encode(text)) == sum(same.count_parts([text]))
    assert Plain("cl100k_base").encode(text) == TokenCounter("cl100k_base").encode(text)
    assert repr(TokenCounter("cl100k_base")) == "TokenCounter('cl100k_base')"


def test_an_agent_counts_as_its_model_does(home: memgpt.Home) -> None:
    counter = Words()
    model = Model(counter, context_window=2000)
    agent = home.create_agent("sam", model=model)
    evicted = 0
    for i in range(120):
        evicted += agent.send(f"Message {i}: " + "word " * (i % 40)).evicted
        context = agent.context()
        assert (context.tokenizer, context.exact) == ("words", True)
        check_spans(context, words)
    assert evicted > 0 and counter.calls > 0
    assert {step.tokenizer for step in agent.steps() if step.model} == {"words"}


def test_an_estimate_is_labelled(home: memgpt.Home) -> None:
    class Guess(Words):
        name = "guess"
        exact = False

    context = home.create_agent("sam", model=Model(Guess)).context()  # the class, too
    assert (context.tokenizer, context.exact) == ("guess", False)


def test_the_cores_counters_do_not_come_back_into_python(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Same(TokenCounter):
        pass

    tokenizers: list[Any] = [TokenCounter("cl100k_base"), "cl100k_base", Same("cl100k_base")]
    agents = [
        home.create_agent(f"agent {i}", model=Model(tokenizer))
        for i, tokenizer in enumerate(tokenizers)
    ]
    monkeypatch.setattr(TokenCounter, "__getattribute__", None)
    for agent in agents:
        assert agent.send("Hello there").text == "I see"
    monkeypatch.undo()
    for agent in agents:
        context = agent.context()
        assert (context.tokenizer, context.exact) == ("cl100k_base", True)
        check_spans(context, TokenCounter("cl100k_base").count)


def test_openai_compatible_takes_a_counter(home: memgpt.Home) -> None:
    for i, tokenizer in enumerate((Words, Words(), TokenCounter("cl100k_base"), "cl100k_base", "")):
        model = memgpt.OpenAICompatible("m", base_url="http://127.0.0.1:9/v1", tokenizer=tokenizer)
        assert model.tokenizer is tokenizer
        context = home.create_agent(f"agent {i}", model=model).context()
        wanted = tokenizer if isinstance(tokenizer, str) else tokenizer.name
        assert context.tokenizer == (wanted or "estimate:o200k_base")
        assert context.exact == bool(wanted)
        if wanted == "words":
            check_spans(context, words)


@pytest.mark.parametrize("wrong", ["no such", 7, object(), ["o200k_base"], int])
def test_an_unknown_tokenizer(home: memgpt.Home, wrong: Any) -> None:
    agent = home.create_agent("eve")
    with pytest.raises(memgpt.ConfigError, match=r"Model\.tokenizer.*TokenCounter"):
        home.create_agent("sam", model=Model(wrong))
    with pytest.raises(memgpt.ConfigError, match=r"Model\.tokenizer"):
        home.agent("eve", model=Model(wrong))
    with pytest.raises(memgpt.ConfigError, match="tokenizer"):
        memgpt.OpenAICompatible("m", tokenizer=wrong)
    with pytest.raises(memgpt.ConfigError, match="cl100k_base and o200k_base"):
        home.create_agent("sam", model=Model("no such"))
    assert home.agents() == ["eve"] and agent.send("Hello").text


def test_a_counter_without_a_name(home: memgpt.Home) -> None:
    for name in ("", "  ", None, 3):
        counter = Words()
        counter.name = name  # type: ignore[assignment]
        with pytest.raises(memgpt.ConfigError, match=r"Words\.name"):
            home.create_agent("sam", model=Model(counter))


def test_a_file_is_counted_anew_by_another_counter(tmp_path: Path) -> None:
    path = tmp_path / "agents.db"
    with memgpt.open(path) as home:
        agent = home.create_agent("sam", model=Model(Words(), 4000))
        for i in range(10):
            agent.send(f"Message number {i}, with some words.")
    with memgpt.open(path) as home:  # without the code
        agent = home.agent("sam")
        assert any(entry.startswith("model=") for entry in agent.unbound)
        context = agent.context()
        assert (context.tokenizer, context.exact) == ("estimate:o200k_base", False)
        check_spans(context, TokenCounter().count)
        with pytest.raises(memgpt.Unbound):
            agent.send("Hello?")
        agent = home.agent("sam", model=Model(Words()))  # with it
        check_spans(agent.context(), words)
        assert agent.send("Hello?").text == "I see"
        check_spans(agent.context(), words)
    with memgpt.open(path) as home:  # with another one
        agent = home.agent("sam", model=Model("cl100k_base"))
        check_spans(agent.context(), TokenCounter("cl100k_base").count)
        assert agent.context().tokenizer == "cl100k_base"


class Failing(Words):
    """Goes wrong at one call."""

    def __init__(self, outcome: Any) -> None:
        super().__init__()
        self.outcome = outcome
        self.fails_at = -1

    def count(self, text: str) -> int:
        tokens = super().count(text)
        if self.calls != self.fails_at:
            return tokens
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


def test_what_count_raises_comes_out_of_send(home: memgpt.Home) -> None:
    error = LookupError("no such tokenizer")
    counter = Failing(error)
    model = Model(counter, context_window=2000)
    agent = home.create_agent("sam", model=model)
    failed = 0
    for i in range(60):
        counter.fails_at = counter.calls + 1 + i % 9
        try:
            agent.send(f"Message {i} " + "word " * 20)
        except LookupError as caught:
            assert caught is error
            failed += 1
        counter.fails_at = -1
        assert agent.send("And now?").text == "I see"
        check_spans(agent.context(), words)
    assert failed > 10
    messages = agent.recall.messages(0, 10_000)
    assert [message.position for message in messages] == list(range(len(messages)))


@pytest.mark.parametrize("wrong", [-1, 2**31, 2.5, "3", None, True, [1]])
def test_results_that_are_no_counts(home: memgpt.Home, wrong: Any) -> None:
    counter = Failing(wrong)
    counter.fails_at = 1
    with pytest.raises(memgpt.ConfigError, match=r"Failing\.count\(\) must return"):
        home.create_agent("sam", model=Model(counter))
    assert home.agents() == []
    agent = home.create_agent("sam", model=Model(counter))
    counter.fails_at = counter.calls + 1
    with pytest.raises(memgpt.ConfigError, match=r"Failing\.count\(\) must return"):
        agent.send("Hello")
    assert agent.send("Hello").text == "I see"
    for call in (counter.count_many, counter.count_parts):
        counter.fails_at = counter.calls + 1
        with pytest.raises(memgpt.ConfigError, match="Failing"):
            call(["a", "b"])


def test_a_count_that_is_a_coroutine(home: memgpt.Home) -> None:
    class Later(TokenCounter):
        async def count(self, text: str) -> int:  # type: ignore[override]
            return 1

    with pytest.raises(memgpt.ConfigError, match=r"Later\.count\(\) must return"):
        home.create_agent("sam", model=Model(Later))


def test_a_counter_that_sends_to_its_agent(home: memgpt.Home) -> None:
    class Talks(Words):
        agent: memgpt.Agent | None = None

        def count(self, text: str) -> int:
            if self.agent is not None:
                self.agent.send("And this?")
            return super().count(text)

    counter = Talks()
    agent = home.create_agent("sam", model=Model(counter))
    counter.agent = agent
    with pytest.raises(memgpt.Reentrant):
        agent.send("Hello")
    counter.agent = None
    assert agent.send("Hello").text == "I see"


def test_numbers_of_another_type_that_are_whole(home: memgpt.Home) -> None:
    import numpy as np

    class Numbers(TokenCounter):
        def count(self, text: str) -> Any:
            return np.int64(words(text))

    agent = home.create_agent("sam", model=Model(Numbers()))
    assert agent.send("Hello").text == "I see"
    check_spans(agent.context(), words)


def test_two_agents_share_a_counter(home: memgpt.Home) -> None:
    counter = Words()
    agents = [home.create_agent(name, model=Model(counter, 2000)) for name in ("ann", "ben")]

    def talk(agent: memgpt.Agent) -> None:
        for i in range(30):
            agent.send(f"Message {i} " + "word " * 30)

    threads = [threading.Thread(target=talk, args=(agent,)) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for agent in agents:
        check_spans(agent.context(), words)
        assert agent.context().tokenizer == "words"
    assert len(counter.threads) >= 2


def test_a_counter_is_called_from_send_async(home: memgpt.Home) -> None:
    counter = Failing(KeyError("lost"))
    agent = home.create_agent("sam", model=Model(counter))

    async def talk() -> None:
        assert (await agent.send_async("Hello")).text == "I see"
        counter.fails_at = counter.calls + 1
        with pytest.raises(KeyError, match="lost"):
            await agent.send_async("Hello")
        assert (await agent.send_async("Hello")).text == "I see"

    asyncio.run(talk())
    check_spans(agent.context(), words)
