"""FakeOpenAI, checked by the vendors' own clients, and its faults by raw sockets."""

from __future__ import annotations

import base64
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import memgpt
import ollama
import openai
import pytest
from memgpt.testing import Answer, ChaosLLM, FakeOpenAI, ScriptedLLM, Stream

KEY = "sk-test-0123456789abcdef"
SAY = {"tool": "send_message", "args": {"message": "Ciao 🦆 漢字"}}
SAID = {"thinking": "", "message": "Ciao 🦆 漢字", "request_heartbeat": False}
MESSAGES: Any = [{"role": "user", "content": "hi"}]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "send_message",
            "parameters": {"type": "object", "properties": {"message": {"type": "string"}}},
        },
    }
]
ASK: Any = {"model": "m", "messages": MESSAGES, "tools": TOOLS}
EVERY_STYLE = [
    Stream(),
    Stream(piece=1),
    Stream(write=1),  # inside characters
    Stream(write=7, line_end="\r\n", pings=True, named=True),
    Stream(line_end="\r", multiline=True, ids=True),
    Stream(pause_s=0.0001, chunked=False),
    Stream(done=False),
    Stream(then="stall", stall_s=0.01),
]


def client_of(server: FakeOpenAI, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=server.url, **{"api_key": KEY, "max_retries": 0, "timeout": 20, **options}
    )


@pytest.fixture
def at() -> Iterator[Any]:
    """``at(script)`` gives a server and OpenAI's client of it."""
    ends: list[Any] = []

    def make(script: Any = (), **options: Any) -> tuple[FakeOpenAI, openai.OpenAI]:
        server = FakeOpenAI(script, **options).start()
        client = client_of(server)
        ends.extend([client, server])
        return server, client

    yield make
    for end in ends:
        end.close()


def connect(server: FakeOpenAI) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def post(request: dict[str, Any], path: str = "/v1/chat/completions") -> bytes:
    body = json.dumps(request).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def raw_answer(server: FakeOpenAI, request: bytes) -> bytes:
    """All that comes until the server closes the connection."""
    with connect(server) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_what_a_script_says(at) -> None:
    script = [
        SAY,
        [SAY, {"tool": "look", "args": {"at": 1}}],
        "just text",
        memgpt.Reply("text", [memgpt.ToolCall("look", "{", "id7")], "hm", 5, 6),
        {"content": "a message"},
        {"choices": [{"message": {"role": "assistant", "content": "whole"}}], "id": "own"},
        Stream("in a stream"),
    ]
    server, client = at(script)

    def ask() -> Any:
        return client.chat.completions.create(**ASK)

    answer = ask()
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert json.loads(choice.message.tool_calls[0].function.arguments) == SAID
    assert answer.usage.prompt_tokens > 20 < answer.usage.completion_tokens
    two = ask().choices[0].message.tool_calls
    assert [call.function.name for call in two] == ["send_message", "look"]
    assert len({call.id for call in [*choice.message.tool_calls, *two]}) == 3
    text = ask().choices[0]
    assert (text.finish_reason, text.message.content) == ("stop", "just text")
    reply = ask()
    assert reply.choices[0].message.reasoning_content == "hm"
    assert reply.choices[0].message.tool_calls[0].function.arguments == "{"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (5, 6)
    assert ask().choices[0].message.content == "a message"
    whole = ask()
    assert (whole.id, whole.choices[0].message.content) == ("own", "whole")
    assert ask().choices[0].message.content == "in a stream"
    with pytest.raises(openai.InternalServerError, match="has 7 replies and this is call 8"):
        ask()
    server.script = [SAY]
    assert ask().choices[0].message.tool_calls
    assert len(server.requests) == server.calls == 9 and server.connections == 1
    assert server.requests[0] == ASK and server.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_a_script_that_raises_or_makes_no_sense(at) -> None:
    def script(request: Any) -> Any:
        assert request["messages"] == [], "not what was expected"

    _, client = at(script)
    with pytest.raises(openai.InternalServerError, match="AssertionError: not what was exp"):
        client.chat.completions.create(**ASK)
    _, client = at([{"colour": 1}, 7, memgpt.RateLimited("slow down"), memgpt.ContextOverflow])
    for _ in range(2):
        with pytest.raises(openai.InternalServerError, match="an item that is none"):
            client.chat.completions.create(**ASK)
    with pytest.raises(openai.RateLimitError, match="slow down"):
        client.chat.completions.create(**ASK)
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        client.chat.completions.create(**ASK)
    with pytest.raises(memgpt.ConfigError, match="put it into a list"):
        FakeOpenAI("text")  # type: ignore[arg-type]
    with pytest.raises(memgpt.ConfigError, match="there are: openai, azure"):
        FakeOpenAI(like="openia")
    for wrong in ({"then": "explode"}, {"line_end": "\n\n"}, {"piece": 0}, {"after": -1}):
        with pytest.raises(memgpt.ConfigError):
            Stream(**wrong)
    with pytest.raises(memgpt.ConfigError, match="start"):
        print(FakeOpenAI().url)


@pytest.mark.parametrize("style", EVERY_STYLE, ids=range(len(EVERY_STYLE)))
def test_streams_as_openais_client_reads_them(at, style: Stream) -> None:
    said = memgpt.Reply("Texte où 漢字 🦆", [memgpt.ToolCall("a", '{"x": "🦆"}')] * 2, "ähm")
    _, client = at(lambda request: said, stream=style)
    with client.chat.completions.stream(**ASK, stream_options={"include_usage": True}) as stream:
        kinds = [event.type for event in stream]
        whole = stream.get_final_completion()
    message = whole.choices[0].message
    assert message.content == said.content
    assert message.to_dict()["reasoning_content"] == "ähm"
    assert [call.function.arguments for call in message.tool_calls or ()] == ['{"x": "🦆"}'] * 2
    assert [call.function.name for call in message.tool_calls or ()] == ["a", "a"]
    assert whole.usage and whole.usage.total_tokens > 20
    assert {"chunk", "content.delta", "tool_calls.function.arguments.delta"} <= set(kinds)


def test_chunks_one_by_one(at) -> None:
    _, client = at(lambda request: "Hello", stream=Stream(piece=2))
    chunks = list(client.chat.completions.create(**ASK, stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert (deltas[0].role, deltas[0].content) == ("assistant", "")
    assert [delta.content for delta in deltas[1:-1]] == ["He", "ll", "o"]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 4 + ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    options: Any = {"include_usage": True}
    chunks = list(client.chat.completions.create(**ASK, stream=True, stream_options=options))
    assert chunks[-1].choices == [] and chunks[-1].usage and chunks[-1].usage.completion_tokens == 1
    assert {chunk.id for chunk in chunks} == {"chatcmpl-2"}


def test_streams_that_go_wrong(at) -> None:
    server, client = at()

    def read(**style: Any) -> list[Any]:
        server.script = [Stream("one two three", piece=1, **style)]
        return list(client.chat.completions.create(**ASK, stream=True))

    assert len(read(then="end")) == 8
    assert read(then="end", after=0) == []
    for then in ("close", "reset"):
        with pytest.raises(httpx.TransportError):
            read(then=then, after=3)
    with pytest.raises(openai.APIError, match="The server had an error"):
        read(then="error", after=3)
    server.script = [Stream("never ends", then="endless", after=2)]
    stream = client.chat.completions.create(**ASK, stream=True)
    assert [chunk.id for chunk, _ in zip(stream, range(2000), strict=False)] == [
        "chatcmpl-6"
    ] * 2000
    stream.close()
    hasty = client_of(server, timeout=0.1)
    server.script = [Stream("waits", then="stall", stall_s=60, after=1)]
    with pytest.raises(httpx.TimeoutException):
        list(hasty.chat.completions.create(**ASK, stream=True))
    hasty.close()
    assert len(read()) == 15


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (529, openai.InternalServerError),
    ],
)
def test_errors_are_openais_own(at, status: int, kind: Any) -> None:
    body = {"error": {"message": "because", "type": "t", "param": "p", "code": "c"}}
    _, client = at([Answer(status, json.dumps(body).encode(), {"Retry-After": "7"})])
    with pytest.raises(kind, match="because") as raised:
        client.chat.completions.create(**ASK)
    assert (raised.value.code, raised.value.param) == ("c", "p")
    assert raised.value.response.headers["retry-after"] == "7"


def test_a_key(at) -> None:
    server, client = at(lambda request: SAY, api_key=KEY)
    assert client.chat.completions.create(**ASK).choices
    with client_of(server, api_key="sk-wrong") as wrong:
        with pytest.raises(openai.AuthenticationError, match=r"provided: sk-w\*\*\*\*rong"):
            wrong.chat.completions.create(**ASK)
        with pytest.raises(openai.AuthenticationError):
            wrong.models.list()
    assert b"401 Unauthorized" in raw_answer(
        server, post(ASK).replace(b"Host", b"Connection: close\r\nHost")
    )


def test_embeddings_and_models(at) -> None:
    server, client = at(like="vllm", models=["m", "n"], context_window=4096)
    models = client.models.list().data
    assert [model.id for model in models] == ["m", "n"]
    assert models[0].to_dict()["max_model_len"] == 4096
    texts = ["I moved to Turin", "the move to Turin", "geese"]
    rows: list[Any] = []
    for form in ("float", "base64"):
        answer = client.embeddings.create(model="m", input=texts, encoding_format=form)
        rows.append([item.embedding for item in answer.data])
    unpacked = [
        list(struct.unpack("<64f", base64.b64decode(row))) if isinstance(row, str) else row
        for row in rows[1]
    ]
    assert rows[0] == unpacked
    first, near, far = rows[0]
    assert sum(a * b for a, b in zip(first, near, strict=True)) > sum(
        a * b for a, b in zip(first, far, strict=True)
    )
    assert sum(a * a for a in first) == pytest.approx(1, abs=1e-6)
    short = client.embeddings.create(model="m", input=[[1, 2, 3]], dimensions=8)
    assert len(short.data[0].embedding) == 8
    for bad in ([], "", ["a", ""], ["x"] * 2049, "word " * 9000):
        with pytest.raises(openai.BadRequestError):
            client.embeddings.create(model="m", input=bad)
    server.embed = lambda request: Answer(503, b"busy")
    with pytest.raises(openai.InternalServerError):
        client.embeddings.create(model="m", input="x")
    with pytest.raises(openai.NotFoundError, match="`other` does not exist"):
        client.chat.completions.create(**{**ASK, "model": "other"})


def test_azure() -> None:
    with FakeOpenAI(lambda request: SAY, like="azure", api_key=KEY) as server:
        options: Any = {"azure_endpoint": server.root, "max_retries": 0}
        with openai.AzureOpenAI(**options, api_key=KEY, api_version="2024-10-21") as client:
            answer = client.chat.completions.create(**ASK)
            assert answer.choices[0].message.tool_calls
            chunks = list(client.chat.completions.create(**ASK, stream=True))
            assert chunks[0].choices == [] and chunks[-1].choices[0].finish_reason == "tool_calls"
            assert len(client.embeddings.create(model="e", input="x").data) == 1
        path = "/openai/deployments/m/chat/completions?api-version=2024-10-21"
        assert server.paths[0] == path and server.headers[0]["Api-Key"] == KEY
        with (
            openai.AzureOpenAI(**options, api_key="no", api_version="2024-10-21") as client,
            pytest.raises(openai.AuthenticationError, match="invalid subscription key"),
        ):
            client.chat.completions.create(**ASK)
        with client_of(server) as plain, pytest.raises(openai.NotFoundError, match="not found"):
            plain.chat.completions.create(**ASK)


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


def test_llama_cpp_tells_its_size() -> None:
    with FakeOpenAI(like="llama.cpp", context_window=8192) as server, connect(server) as connection:
        for path in ("/props", "/health", "/nothing", "/v1/models"):
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        found = b""
        while b"n_ctx_train" not in found:
            found += connection.recv(65536)
        assert b'"n_ctx":8192' in found and b'"status":"ok"' in found
        assert b"File Not Found" in found and server.connections == 1
        assert server.gets == ["/props", "/health", "/nothing", "/v1/models"]


CALL = {"id": "c", "type": "function", "function": {"name": "a", "arguments": "{}"}}
USER = {"role": "user", "content": "x"}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": ""}, "provide a model"),
    ({"messages": None}, "Missing required parameter: 'messages'"),
    ({"messages": []}, "empty array"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "Invalid value: 'robot'"),
    ({"messages": [{"role": "user", "content": None}]}, "got null"),
    ({"messages": [{"role": "assistant", "content": None}]}, "got null"),
    ({"messages": [{"role": "user", "content": 7}]}, "array of objects"),
    ({"messages": [{"role": "user", "content": "x", "name": "a b"}]}, "match"),
    ({"messages": [{"role": "assistant", "tool_calls": [CALL]}, USER]}, "did not have response"),
    ({"messages": [{"role": "assistant", "tool_calls": [CALL]}]}, "did not have response"),
    ({"messages": [{"role": "tool", "tool_call_id": "c", "content": ""}]}, "preceeding message"),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "id": "x" * 41}]}]},
        "1 to 40 characters",
    ),
    (
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [{**CALL, "function": {"name": "a.b", "arguments": "{}"}}],
                }
            ]
        },
        "does not match pattern",
    ),
    ({"tools": []}, "tools"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools\\[0\\].function.name"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "does not match pattern"),
    (
        {
            "tools": [
                {"type": "function", "function": {"name": "a", "parameters": {"type": "array"}}}
            ]
        },
        "Invalid schema for function",
    ),
    ({"tool_choice": "sometimes"}, "sometimes"),
    ({"tool_choice": {"type": "function", "function": {"name": "b"}}}, "'b' not found"),
    ({"tools": None, "tool_choice": "auto"}, "only allowed when 'tools'"),
    ({"stream_options": {"include_usage": True}}, "only allowed when 'stream'"),
    ({"max_tokens": 0}, ">= 1"),
    ({"max_tokens": 5, "max_completion_tokens": 5}, "cannot both"),
    ({"model": "o3-mini", "max_tokens": 5}, "max_completion_tokens"),
    ({"temperature": 3}, "temperature"),
    ({"response_format": {"type": "xml"}}, "Supported values"),
    ({"colour": "red"}, "Unrecognized request argument supplied: colour"),
]


@pytest.mark.parametrize(("part", "text"), WRONG, ids=range(len(WRONG)))
def test_what_a_strict_server_refuses(at, part: dict[str, Any], text: str) -> None:
    server, client = at(lambda request: SAY)
    request = {name: value for name, value in {**ASK, **part}.items() if value is not None}
    with pytest.raises(openai.BadRequestError, match=text):
        client.post("/chat/completions", body=request, cast_to=object)
    assert server.calls == 0 and len(server.requests) == 1
    server.strict = False
    if "messages" in request:
        client.post("/chat/completions", body=request, cast_to=object)


def test_requests_that_are_none(at) -> None:
    server, _ = at(lambda request: SAY)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    json_head = head + b"Content-Type: application/json\r\n"
    for request, found in [
        (json_head + b"Content-Length: 3\r\n\r\n{]}", b"could not parse the JSON body"),
        (json_head + b"Content-Length: 2\r\n\r\n[]", b"could not parse the JSON body"),
        (head + b"Content-Length: 2\r\n\r\n{}", b"415 "),
        (json_head + b"Content-Length: x\r\n\r\n{}", b"411 "),
        (json_head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411 "),
        (b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404 "),
        (b"DELETE /v1/models HTTP/1.0\r\n\r\n", b"200 "),
    ]:
        assert found in raw_answer(server, request), request
    with connect(server) as gone:  # half a request
        gone.sendall(post(ASK)[:-5])
    assert server.calls == 0


def test_faults_on_the_socket(at) -> None:
    server, _ = at()

    def given(answer: Any, request: bytes = post(ASK)) -> bytes:
        server.script = [answer]
        return raw_answer(server, request)

    assert given(Answer(close=True)) == b""
    assert given(Answer(raw=b"SSH-2.0\r\n")) == b"SSH-2.0\r\n"
    assert given(Answer(raw=b"a", late=b"b")) == b"ab"
    half = given(Answer(body=b'{"choi', length=900, headers={"X_Y": "z"}))
    assert half.endswith(b'Content-Length: 900\r\n\r\n{"choi') and b"X-Y: z" in half
    last = given(Answer(body=b"{}", headers={"Connection": "close"}))
    assert last.endswith(b"{}")
    filled = given(
        Answer(body=b"abc", length=1_000_001, fill=True, headers={"Connection": "close"})
    )
    assert len(filled.partition(b"\r\n\r\n")[2]) == 1_000_001
    for answer in (Answer(reset=True), Answer(body=b"{", length=9, reset=True)):
        with pytest.raises(ConnectionResetError):
            given(answer)
    streamed = post({**ASK, "stream": True})
    with pytest.raises(ConnectionResetError):
        given(Stream("a b c", then="reset"), streamed)
    broken = given(Stream("a b c", then="close", after=1), streamed)
    assert broken.count(b"data: ") == 1 and not broken.endswith(b"0\r\n\r\n")
    ended = given(Stream("a b c", then="end", after=1, chunked=False), streamed)
    assert ended.count(b"data: ") == 1 and b"[DONE]" not in ended
    whole = given(Stream("🦆", write=1, chunked=False), streamed)
    assert "🦆".encode() in whole and whole.endswith(b"data: [DONE]\n\n")


def test_a_character_is_split_between_writes(at) -> None:
    server, _ = at([Stream("🦆", write=1, pause_s=0.001)])
    with connect(server) as connection:
        connection.sendall(post({**ASK, "stream": True}))
        parts = []
        while not parts or not parts[-1].endswith(b"0\r\n\r\n"):
            parts.append(connection.recv(65536))
    assert any(b"1\r\n\xf0\r\n" in part and b"\xa6" not in part for part in parts)


def test_an_answer_is_one_write_and_the_connection_is_kept(at) -> None:
    server, _ = at(lambda request: "x" * 3000, usage=(1, 1))
    with connect(server) as connection:
        for streamed in (False, True):
            for _ in range(3):
                connection.sendall(post({**ASK, "stream": streamed}))
                time.sleep(0.02)
                data = connection.recv(1 << 20)
                assert data.endswith(b"0\r\n\r\n" if streamed else b"}")
    assert server.connections == 1


@pytest.mark.parametrize("answer", [Answer(stall_s=60), Stream("x", then="stall", stall_s=60)])
def test_the_server_ends_while_it_stalls(answer: Any) -> None:
    began = time.monotonic()
    before = threading.active_count()
    with FakeOpenAI(lambda request: answer) as server:
        clients = [connect(server) for _ in range(5)]
        for client in clients:
            client.sendall(post({**ASK, "stream": True}))
        while server.calls < 5:
            time.sleep(0.002)
        clients.pop().close()  # one leaves by itself
    assert server.closed and threading.active_count() == before
    server.close()
    for client in clients:
        client.close()
    assert time.monotonic() - began < 30


def test_64_connections_at_once(at) -> None:
    barrier = threading.Barrier(64, timeout=20)

    def script(request: Any) -> Any:
        barrier.wait()  # passes only when all are there
        return SAY

    server, _ = at(script)
    answers: list[bytes] = []

    def ask() -> None:
        with connect(server) as connection:
            connection.sendall(post(ASK))
            answers.append(connection.recv(65536))

    threads = [threading.Thread(target=ask) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(answers) == 64 and all(b"200 OK" in answer for answer in answers)
    assert server.connections == 64 == server.calls


def test_chaos_is_the_same_for_the_same_seed(at) -> None:
    def run(seed: int) -> list[Any]:
        chaos = ChaosLLM(lambda asked: SAY, seed=seed, rate=0.7, hang_s=0.001, huge_chars=500)
        server, _ = at(chaos, seed=seed, hang_s=0.01)
        found = []
        for number in range(90):
            request = post({**ASK, "stream": number % 2 == 0})
            try:
                head = b"Connection: close\r\nHost"
                found.append(raw_answer(server, request.replace(b"Host", head)))
            except ConnectionResetError:
                found.append(b"reset")
        assert len({event.fault for event in chaos.log}) > 12
        return found

    first = run(7)
    assert first == run(7) != run(8)
    assert {b"reset", b""} & set(first) and any(b" 429 " in answer for answer in first)


def test_a_provider_that_wants_a_context_says_so(at) -> None:
    class Wants(ScriptedLLM):
        def complete(self, context: Any) -> Any:
            return context.spans

    server, client = at(Wants([]))
    with pytest.raises((openai.InternalServerError, openai.APIConnectionError)):
        client.chat.completions.create(**ASK)
    assert server.calls == 1


def test_only_the_newest_requests_are_kept(at) -> None:
    server, client = at(lambda request: SAY, keep=2)
    for number in range(4):
        client.chat.completions.create(**{**ASK, "model": f"m{number}"})
    assert [request["model"] for request in server.requests] == ["m2", "m3"]
    assert len(server.paths) == len(server.headers) == 2 and server.calls == 4


def test_importing_it_is_cheap() -> None:
    code = (
        "import sys, memgpt.testing as t; t.FakeOpenAI([]); "
        "print([name for name in ('http.server', 'http.client', 'ssl') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "http.server" not in out.stdout and "http.client" not in out.stdout
