"""FakeOpenAI as a user sets it up: scripts, restarts, sizes of texts and of vectors."""

from __future__ import annotations

from typing import Any

import httpx
import memgpt
import ollama
import openai
import pytest
from memgpt import _core
from memgpt.errors import ConfigError, InvalidInput
from memgpt.testing import ChaosLLM, FakeOpenAI, ScriptedLLM, Stream
from memgpt.testing._wire_models import _DIMENSIONS

from tests.answers import ASK, MESSAGES, SAY, client_of

CUT = memgpt.Reply("half an ans", finish_reason="length")


@pytest.mark.parametrize("streamed", [False, True])
def test_why_a_reply_ended(streamed: bool) -> None:
    call = memgpt.Reply(tool_calls=[memgpt.ToolCall("a", "{}")], finish_reason="length")
    with FakeOpenAI([CUT, call, "whole"]) as server, client_of(server) as client:
        for expected in ("length", "length", "stop"):
            given: Any = client.chat.completions.create(**ASK, stream=streamed)
            choices = [part.choices[0] for part in given] if streamed else given.choices
            assert choices[-1].finish_reason == expected
    with FakeOpenAI([CUT, SAY, call], like="ollama") as server:
        client = ollama.Client(server.root)
        with client._client:
            for expected in ("length", "stop", "length"):
                given = client.chat("m", messages=MESSAGES, stream=streamed)
                last = list(given)[-1] if streamed else given
                assert last.done_reason == expected


def test_a_reply_that_was_cut_reaches_ours() -> None:
    with FakeOpenAI(lambda request: CUT) as server:
        model = memgpt.OpenAICompatible("m", base_url=server.url, context_window=8000)
        with memgpt.open(":memory:") as home:
            context = home.create_agent("a", model="offline").context()
        assert model.complete(context).finish_reason == "length"


def test_it_can_be_entered_again() -> None:
    server = FakeOpenAI(lambda request: SAY)
    for number in range(1, 4):
        with server, client_of(server) as client:
            assert not server.closed and server.start() is server
            assert client.chat.completions.create(**ASK).choices[0].message.tool_calls
            assert server.calls == len(server.requests) == number
            assert server.connections == 1 and server.url in repr(server)
        assert server.closed and "closed" in repr(server)
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url + "/models")
    server.close()


@pytest.mark.parametrize("model", _DIMENSIONS)
def test_vectors_are_as_long_as_those_of_the_model(model: str) -> None:
    with FakeOpenAI() as server, client_of(server) as client:

        def width(name: str, **options: Any) -> int:
            made = client.embeddings.create(model=name, input="geese", **options)
            return len(made.data[0].embedding)

        assert width(model) == width(f"org/{model.upper()}:latest") == _DIMENSIONS[model]
        assert width(model, dimensions=8) == 8 and width("unknown") == 64
        ours = _core.embedder_for(f"openai/{model}")
        assert ours is not None and ours.dimension == _DIMENSIONS[model]
        server.dimensions = 16
        assert width(model) == width("unknown") == 16


def test_a_handle_of_a_known_model_works_with_the_fake_as_it_is(monkeypatch) -> None:
    with FakeOpenAI() as server, memgpt.open(":memory:") as home:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk")
        monkeypatch.setenv("OLLAMA_HOST", server.root)
        for handle in ("openai/text-embedding-3-small", "ollama/nomic-embed-text"):
            agent = home.create_agent(handle[:6], model="offline", embedding=handle)
            agent.archival.insert("seven geese")
            assert agent.archival.search("geese")[0].passage.text == "seven geese"


NO_SCRIPTS = [5, None, "text", b"text", {"tool": "a"}, CUT, {SAY["tool"]}, ValueError("x"), dict]


@pytest.mark.parametrize("script", [*NO_SCRIPTS, (n for n in [SAY])], ids=repr)
def test_what_is_no_script_is_refused_at_once(script: Any) -> None:
    for made in (FakeOpenAI, ScriptedLLM):
        with pytest.raises(ConfigError, match="a script"):
            made(script)
    if not isinstance(script, str):  # a handle
        with pytest.raises(ConfigError, match="a script"):
            ChaosLLM(script)
    server = FakeOpenAI([SAY])
    with pytest.raises(ConfigError):
        server.script = script
    assert server.script == [SAY]


@pytest.mark.parametrize("like", ["", "ollama"])
def test_a_script_at_its_end_is_not_asked_again(like: str) -> None:
    with FakeOpenAI([], like=like) as server, client_of(server, max_retries=3) as client:
        with pytest.raises(openai.BadRequestError, match="script is at its end"):
            client.chat.completions.create(**ASK)
        assert server.calls == 1
        with memgpt.open(":memory:") as home:
            model = memgpt.OpenAICompatible("m", base_url=server.url, context_window=16_000)
            agent = home.create_agent("a", model=model)
            with pytest.raises(memgpt.ProviderError, match="script is at its end"):
                agent.send("hi")
            server.script = [SAY]
            assert agent.send("hi").text
        assert server.calls == 3


def test_an_exception_in_a_stream_is_what_it_is_alone() -> None:
    script = [Stream(memgpt.RateLimited("slow down")), Stream(memgpt.ContextOverflow)]
    with FakeOpenAI(script) as server, client_of(server) as client:
        with pytest.raises(openai.RateLimitError, match="slow down"):
            client.chat.completions.create(**ASK, stream=True)
        with pytest.raises(openai.BadRequestError, match="maximum context length"):
            client.chat.completions.create(**ASK, stream=True)


def test_ollama_refuses_or_cuts_a_long_text_to_embed() -> None:
    long = "word " * 20_000
    with FakeOpenAI(like="ollama") as server:
        client = ollama.Client(server.root)
        with client._client:

            def tokens(**options: Any) -> Any:
                return client.embed("m", ["short", long], **options).prompt_eval_count

            with pytest.raises(ollama.ResponseError, match="exceeds the context length"):
                tokens(truncate=False)
            assert server.shortened == 0
            assert 4000 < tokens() <= 4100 and server.shortened == 1
            server.num_ctx = 100_000
            assert tokens(truncate=False) > 20_000
            server.context_window = 300
            with pytest.raises(ollama.ResponseError, match="exceeds the context length"):
                tokens(truncate=False, options={"num_ctx": 100_000})
            assert 290 < tokens() <= 303 and server.shortened == 2
        with client_of(server) as other:  # by OpenAI's form it is cut, too
            made = other.embeddings.create(model="m", input=long)
            assert made.usage.prompt_tokens <= 300 and server.shortened == 3
        ours = memgpt.OpenAICompatibleEmbedder("m", service="ollama", base_url=server.root)
        with pytest.raises(InvalidInput, match="text 2 of 2"):
            ours.embed(["short", long])


@pytest.mark.parametrize("like", ["", "openai", "azure", "llama.cpp", "vllm"])
def test_others_refuse_a_long_text_to_embed(like: str) -> None:
    with FakeOpenAI(like=like, context_window=300) as server:
        address = server.root if like == "azure" else server.url
        if like == "azure":
            address += "/openai/v1"
        with openai.OpenAI(base_url=address, api_key="sk", max_retries=0) as client:
            assert client.embeddings.create(model="m", input="word " * 200).data
            with pytest.raises(openai.APIStatusError, match="300"):
                client.embeddings.create(model="m", input="word " * 400)
        ours = memgpt.OpenAICompatibleEmbedder("m", base_url=address, max_retries=0)
        with pytest.raises(InvalidInput, match="text 2 of 2"):
            ours.embed(["short", "word " * 400])
