"""FakeOpenAI, checked by the vendors' own clients, and its faults by raw sockets."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import memgpt
import openai
import pytest
from memgpt.testing import Answer, FakeOpenAI, ScriptedLLM, Stream

from tests.answers import ASK, KEY, SAID, SAY, client_of, connect, post, raw_answer

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
    with pytest.raises(openai.BadRequestError, match=r"at its end: .* this is call 8"):
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
        with pytest.raises(openai.BadRequestError, match="an item that is none"):
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


def test_a_provider_that_wants_a_context_says_so(at) -> None:
    class Wants(ScriptedLLM):
        def complete(self, context: Any) -> Any:
            return context.spans

    server, client = at(Wants([]))
    with pytest.raises((openai.InternalServerError, openai.APIConnectionError)):
        client.chat.completions.create(**ASK)
    assert server.calls == 1
