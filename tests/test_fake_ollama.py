"""FakeOpenAI as Ollama, checked by Ollama's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import memgpt
import ollama
import pytest
from memgpt.testing import FakeOpenAI, Stream

from tests.answers import MESSAGES, SAID, SAY, TOOLS, client_of, post, raw_answer


class TestOllama:
    """By Ollama's own client."""

    @pytest.fixture
    def client(self) -> Iterator[ollama.Client]:
        self.server = FakeOpenAI(lambda request: SAY, like="ollama").start()
        client = ollama.Client(host=self.server.root)
        yield client
        client._client.close()
        self.server.close()

    def test_chat(self, client) -> None:
        for streamed in (False, True):
            self.server.script = lambda request: [SAY, {"tool": "look"}]
            parts = client.chat("m", messages=MESSAGES, tools=TOOLS, stream=streamed)
            parts = list(parts) if streamed else [parts]
            calls = [call.function for part in parts for call in part.message.tool_calls or ()]
            assert [call.name for call in calls] == ["send_message", "look"]
            assert calls[0].arguments == SAID
            assert parts[-1].done and parts[-1].done_reason == "stop"
            assert parts[-1].prompt_eval_count > 10 < parts[-1].eval_count
            self.server.script = lambda request: memgpt.Reply("Où 🦆?", thinking="ähm")
            self.server.stream = Stream(write=1)
            parts = client.chat("m", messages=MESSAGES, stream=streamed, think=True)
            parts = list(parts) if streamed else [parts]
            assert "".join(part.message.content for part in parts) == "Où 🦆?"
            assert "".join(part.message.thinking or "" for part in parts) == "ähm"
        assert [request["stream"] for request in self.server.requests] == [False] * 2 + [True] * 2

    def test_models_and_embeddings(self, client) -> None:
        self.server.context_window, self.server.models = 16_384, ["m"]
        shown = client.show("m")
        assert shown.modelinfo["fakellama.context_length"] == 16_384
        assert "num_ctx" not in (shown.parameters or "") and "tools" in (shown.capabilities or ())
        assert [model.model for model in client.list().models] == ["m"]
        rows = client.embed("m", ["a b", "a c"], dimensions=8).embeddings
        assert [len(row) for row in rows] == [8, 8]
        with pytest.raises(ollama.ResponseError, match="model 'other' not found"):
            client.show("other")

    def test_a_long_prompt_is_cut_without_a_word(self, client) -> None:
        seen: list[Any] = []
        self.server.script = lambda request: seen.append(request) or "ok"
        long: Any = [{"role": "system", "content": "be brief"}]
        long += [{"role": "user", "content": f"{n} " + "word " * 500} for n in range(20)]
        answer = client.chat("m", messages=long)
        assert answer.prompt_eval_count == 4096 and self.server.shortened == 1
        shown = seen[0]["messages"]
        assert len(self.server.requests[0]["messages"]) == 21 > len(shown)
        assert shown[0]["role"] == "system" and shown[-1]["content"].startswith("19 ")
        assert client.chat("m", messages=long, options={"num_ctx": 16_384}).prompt_eval_count > 9000
        assert self.server.shortened == 1
        # By OpenAI's form num_ctx cannot be given.
        with client_of(self.server) as other:
            answer = other.chat.completions.create(model="m", messages=long)
        assert answer.usage.prompt_tokens == 4096 and self.server.shortened == 2

    def test_errors(self, client) -> None:
        self.server.script = [memgpt.Reply(tool_calls=[memgpt.ToolCall("a", '{"x": ')])]
        with pytest.raises(ollama.ResponseError, match="error parsing tool call"):
            client.chat("m", messages=MESSAGES)
        self.server.script = lambda request: Stream("a b c", piece=1, then="error", after=2)
        with pytest.raises(ollama.ResponseError, match="while running the model"):
            list(client.chat("m", messages=MESSAGES, stream=True))
        call = {"function": {"name": "a", "arguments": "{}"}}
        for path, request, status, text in [
            ("/api/chat", {"messages": []}, 400, "model is required"),
            ("/api/chat", {"model": "m", "messages": [{"role": "x"}]}, 400, "invalid role"),
            (
                "/api/chat",
                {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]},
                400,
                "cannot unmarshal string into Go struct",
            ),
            ("/api/nothing", {}, 404, "404 page not found"),
        ]:
            given = raw_answer(
                self.server, post(request, path).replace(b"Host", b"Connection: close\r\nHost")
            )
            assert f"HTTP/1.1 {status}".encode() in given and text.encode() in given
