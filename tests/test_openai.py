"""OpenAI's wire format against a real HTTP server on loopback, first checked by OpenAI's client."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import memgpt
import openai
import pytest
import trustme
from memgpt.testing import Answer, FakeOpenAI

from tests.answers import completion, error, says, wait_until

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def agent_at(
    home: memgpt.Home, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, model: str = "gpt-4.1"
) -> memgpt.Agent:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    return home.create_agent("sam", model=f"openai/{model}")


def test_openais_own_client_understands_the_server(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    with FakeOpenAI(lambda request: says("Hello"), usage=(321, 12)) as server:
        client = openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0)
        request = agent.context().to_request(model="gpt-4.1")
        answer = client.chat.completions.create(**request)
        assert answer.choices[0].message.tool_calls is not None
        assert json.loads(answer.choices[0].message.tool_calls[0].function.arguments)[  # type: ignore[union-attr]
            "message"
        ] == ("Hello")
        assert answer.usage is not None and answer.usage.prompt_tokens == 321
        server.script = lambda request: error(401, "Incorrect API key provided")
        with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
            client.chat.completions.create(**request)
        server.script = lambda request: error(429, "slow down")
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(**request)
        assert server.paths == ["/v1/chat/completions"] * 3
        client.close()


def test_a_conversation_over_one_connection(home, monkeypatch) -> None:
    number = iter(range(100))
    with FakeOpenAI(lambda request: says("Ciao, Chad 🦆", next(number)), usage=(321, 12)) as server:
        agent = agent_at(home, server, monkeypatch)
        for _ in range(5):
            reply = agent.send('My name is Chad, "Chad"\n🦆')
            assert reply.text == "Ciao, Chad 🦆"
            assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (321, 12)
        assert server.connections == 1
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert server.headers[0]["Host"] == f"127.0.0.1:{server.port}"
        request = server.requests[-1]
        assert request["model"] == "gpt-4.1" and request["max_tokens"] == 1024
        assert request["tool_choice"] == "required" and not request["parallel_tool_calls"]
        assert {tool["function"]["name"] for tool in request["tools"]} >= {"send_message"}
        said = [m["content"] for m in request["messages"] if m["role"] == "user"]
        assert len(said) == 5 and 'My name is Chad, \\"Chad\\"\\n🦆' in said[-1]
        assert agent.config["model"] == "openai/gpt-4.1"
        step = [s for s in agent.steps() if s.kind == "step"][-1]
        assert (step.model, step.prompt_tokens) == ("openai/gpt-4.1", 321)
        assert step.tokenizer == "o200k_base"


def test_the_request_is_what_openais_client_sends(home, monkeypatch) -> None:
    """Byte for byte the same JSON value, from the same context."""
    seen: list[Any] = []

    def script(request: Any) -> Any:
        seen.append(request)
        return says("ok")

    with FakeOpenAI(script) as server:
        agent = agent_at(home, server, monkeypatch)
        agent.send("Hello")
        agent.send("And again")
        wanted = agent.context().to_request(model="gpt-4.1")
        client = openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0)
        client.chat.completions.create(**wanted)
        client.close()
        provider = memgpt.OpenAICompatible("gpt-4.1", base_url=server.url, api_key=KEY)
        assert provider.complete(agent.context()).tool_calls[0].name == "send_message"
        assert seen[-1] == seen[-2] == wanted


def test_the_model_runs_tools(home, monkeypatch) -> None:
    def script(request: Any) -> Any:
        if request["messages"][-1]["role"] == "tool":
            return says("I have noted it.", 2)
        arguments = {"name": "human", "content": "Name: Chad", "request_heartbeat": True}
        function = {"name": "core_memory_append", "arguments": json.dumps(arguments)}
        return {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}

    with FakeOpenAI(script) as server:
        agent = agent_at(home, server, monkeypatch)
        assert agent.send("My name is Chad").text == "I have noted it."
        assert "Name: Chad" in agent.memory["human"].value
        tool = server.requests[1]["messages"][-1]
        assert tool["tool_call_id"] == "call_1"


@pytest.mark.parametrize(
    ("model", "limit"), [("gpt-4.1", "max_tokens"), ("o3-mini", "max_completion_tokens")]
)
def test_each_model_gets_the_limit_it_knows(home, monkeypatch, model: str, limit: str) -> None:
    with FakeOpenAI(lambda request: says("ok")) as server:
        agent_at(home, server, monkeypatch, model).send("Hello")
        assert server.requests[0][limit] == 1024
        assert len({"max_tokens", "max_completion_tokens"} & server.requests[0].keys()) == 1


def test_what_is_known_of_models(home) -> None:
    for model, window, tokenizer in [
        ("gpt-4.1", 32_768, "o200k_base"),
        ("gpt-4", 8192, "cl100k_base"),
        ("some-llama", 32_768, "estimate:o200k_base"),
    ]:
        context = home.create_agent(model, model=f"openai/{model}").context()
        assert (context.budget.context_window, context.tokenizer) == (window, tokenizer)


HTML = Answer(body=b"<html><body>Welcome to nginx</body></html>", content_type="text/html")
HALF = Answer(body=json.dumps(completion(says("x"))).encode()[:90], length=900)
BAD_ANSWERS: list[tuple[Any, type[memgpt.Error], str]] = [
    (
        error(401, f"Incorrect API key provided: {KEY}."),
        memgpt.AuthenticationFailed,
        "OPENAI_API_KEY",
    ),
    (error(403, "no access"), memgpt.AuthenticationFailed, "403: no access"),
    (error(429, "slow down", Retry_After="7"), memgpt.RateLimited, "slow down .*after 7 s"),
    (error(429, "no quota"), memgpt.RateLimited, "later"),
    (error(404, "no such model"), memgpt.ProviderError, "is there a model"),
    (error(400, "bad request"), memgpt.ProviderError, "400: bad request"),
    (error(500, "boom"), memgpt.ProviderError, "500: boom .*send again later"),
    (
        Answer(503, b"<h1>busy</h1>", content_type="text/html"),
        memgpt.ProviderError,
        "503: <h1>busy",
    ),
    (Answer(302, headers={"Location": "http://evil.test/"}), memgpt.ProviderError, "not followed"),
    (HTML, memgpt.InvalidReply, "no JSON.*text/html.*Welcome"),
    (Answer(body=b'{"error": {"message": "overloaded"}}'), memgpt.ProviderError, "overloaded"),
    (
        Answer(body=b"\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip"}),
        memgpt.InvalidReply,
        "compressed with gzip",
    ),
    (Answer(headers={"X-Long": "x" * 100_000}), memgpt.ProviderError, "headers .* too long"),
    (Answer(body=f"<p>Bearer {KEY}</p>".encode()), memgpt.InvalidReply, r"Bearer \*\*\*"),
    (error(500, "x" * 285 + KEY), memgpt.ProviderError, "500: xxx"),
    (Answer(302, headers={"Location": f"/?key={KEY}"}), memgpt.ProviderError, r"key=\*\*\*"),
    (error(429, "wait", Retry_After=KEY), memgpt.RateLimited, "send again later"),
    (Answer(body=b"x", content_type=KEY), memgpt.InvalidReply, r"\*\*\*"),
    (HALF, memgpt.ProviderUnreachable, "in the middle of its answer"),
    (Answer(close=True), memgpt.ProviderUnreachable, "without an answer"),
    (Answer(raw=b"SSH-2.0-OpenSSH_9.2\r\n"), memgpt.ProviderError, "does not speak HTTP"),
    (Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Len"), memgpt.ProviderUnreachable, "in the middle"),
    (Answer(body=b""), memgpt.InvalidReply, "no JSON"),
    (Answer(body=b"{}"), memgpt.InvalidReply, "neither content nor tool_calls"),
    (Answer(body=b"[]"), memgpt.InvalidReply, "no JSON object"),
    (Answer(body=b'{"choices": []}'), memgpt.InvalidReply, "no choices"),
    (Answer(body=b'{"choices": [{}]}'), memgpt.InvalidReply, "no message"),
    (Answer(body=b"\xff\xfe\x00" * 9), memgpt.InvalidReply, "no JSON"),
    (Answer(body=b"x", length=200 << 20), memgpt.ProviderError, "larger than 64 MB"),
]


@pytest.mark.parametrize(("answer", "kind", "text"), BAD_ANSWERS)
def test_a_bad_answer_is_a_typed_error_and_the_next_message_works(
    home, monkeypatch, answer: Any, kind: type[memgpt.Error], text: str
) -> None:
    with FakeOpenAI(lambda request: answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        model = memgpt.OpenAICompatible("gpt-4.1", max_retries=0)
        agent = home.create_agent("sam", model=model)
        with pytest.raises(kind, match=text) as raised:
            agent.send("Hello")
        assert type(raised.value) is kind
        assert KEY not in str(raised.value) and KEY[:12] not in str(raised.value)
        server.script = lambda request: says("Here I am")
        assert agent.send("Are you there?").text == "Here I am"
        said = [m["content"] for m in server.requests[-1]["messages"] if m["role"] == "user"]
        assert "Hello" in said[0] and "Are you there?" in said[1]


@pytest.mark.parametrize(
    ("before", "after", "late"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"", b""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3, b"", b""),
        (b"", b"EXTRA", b""),
        (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b""),
        (b"", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    ],
)
def test_an_answer_belongs_to_its_request(home, before: bytes, after: bytes, late: bytes) -> None:
    """What surrounds an answer is never taken for the answer to another agent's request."""

    def script(request: Any) -> Answer:
        said = json.loads(request["messages"][-1]["content"])["message"]
        body = json.dumps(completion(says(said))).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        return Answer(raw=before + head + body + after, keep=True, late=late)

    with FakeOpenAI(script) as server:
        model = memgpt.OpenAICompatible("x", base_url=server.url)
        agents = [home.create_agent(name, model=model) for name in ("alice", "bob")]
        for turn in range(3):
            for agent in agents:
                assert agent.send(f"{agent.name} {turn}").text == f"{agent.name} {turn}"
                time.sleep(0.1 if late else 0)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"content": "cut \ud83d", "tool_calls": [CALL]}',
        rb'{"content": "\ud83e\udd86 \\ud83d \udd86 x", "tool_calls": [CALL]}',
        b'\xef\xbb\xbf{"content": "\xff", "tool_calls": [CALL]}',
        b'{"content": null, "function_call": {"name": "send_message", "arguments": ARGS}}',
        b'{"content": [{"type": "text", "text": "x"}], "tool_calls": [CALL], "usage": "odd"}',
    ],
)
def test_odd_but_readable_answers(home, body: bytes) -> None:
    arguments = json.dumps(json.dumps({"message": "ok"})).encode()
    call = b'{"id": "1", "function": {"name": "send_message", "arguments": ARGS}}'
    body = body.replace(b"CALL", call).replace(b"ARGS", arguments)
    with FakeOpenAI(lambda request: Answer(201, body)) as server:
        model = memgpt.OpenAICompatible("x", base_url=server.url)
        assert home.create_agent("sam", model=model).send("Hello").text == "ok"


def test_nobody_listens(home, monkeypatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    model = memgpt.OpenAICompatible("gpt-4.1", max_retries=0)
    agent = home.create_agent("sam", model=model)
    with pytest.raises(memgpt.ProviderUnreachable, match=r"refused.*is the server running"):
        agent.send("Hello")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://no-such-host.invalid/v1")
    with pytest.raises(memgpt.ProviderUnreachable, match=r"no-such-host\.invalid is unknown"):
        agent.send("Hello")


def test_a_server_that_stalls(home) -> None:
    with FakeOpenAI(lambda request: Answer(stall_s=30)) as server:
        model = memgpt.OpenAICompatible("slow", base_url=server.url, timeout_s=0.3)
        agent = home.create_agent("sam", model=model)
        began = time.monotonic()
        with pytest.raises(memgpt.ProviderTimeout, match="timeout_s"):
            agent.send("Hello")
        assert time.monotonic() - began < 5
        server.script = lambda request: says("Here I am")
        assert agent.send("Are you there?").text == "Here I am"


def test_a_listener_that_never_accepts(home) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(1)
        model = memgpt.OpenAICompatible(
            "mute", base_url=f"http://127.0.0.1:{mute.getsockname()[1]}/v1", timeout_s=0.3
        )
        with pytest.raises(memgpt.ProviderTimeout):
            home.create_agent("sam", model=model).send("Hello")


def test_a_connection_that_the_server_closed_is_opened_again(home, monkeypatch) -> None:
    with FakeOpenAI(lambda request: says("ok")) as server:
        agent = agent_at(home, server, monkeypatch)
        agent.send("one")
        # The server says that it keeps the connection, and closes it.
        server.script = lambda request: Answer(
            body=json.dumps(completion(says("bye"))).encode(), headers={"Connection": "close"}
        )
        agent.send("two")
        server.script = lambda request: says("ok")
        assert agent.send("three").text == "ok"
        assert server.connections == 2
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    "stale", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"]
)
def test_a_stale_connection_is_not_an_error(home, stale: bytes) -> None:
    """Raw sockets: the server closes right after a kept answer, without saying so."""
    body = json.dumps(completion(says("ok"))).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    data = b""
                    while not data.endswith(b"}"):
                        data += connection.recv(65536)
                    connection.sendall(head + body)
                    connection.sendall(stale)

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        agent = home.create_agent("sam", model=memgpt.OpenAICompatible("x", base_url=url))
        assert agent.send("one").text == "ok"
        time.sleep(0.05)
        assert agent.send("two").text == "ok"


def test_a_missing_key(home, monkeypatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with FakeOpenAI(lambda request: says("ok")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        with pytest.warns(UserWarning, match="OPENAI_API_KEY") as warned:
            agent = home.create_agent("sam", model="openai/gpt-4.1")
        assert warned[0].filename == __file__
        with pytest.raises(memgpt.MissingKey, match="OPENAI_API_KEY"):
            agent.send("Hello")
        assert len(agent.recall) == 0 and not server.requests
        for blank in ("", "  \n"):
            monkeypatch.setenv("OPENAI_API_KEY", blank)
            with pytest.raises(memgpt.MissingKey):
                agent.send("Hello")
        monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
        assert agent.send("Hello").text == "ok"
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
        monkeypatch.setenv("OPENAI_API_KEY", "sk-a\r\nX-Evil: 1")
        with pytest.raises(memgpt.ConfigError, match="no key has"):
            agent.send("Hello")


def test_a_server_of_ones_own_needs_no_key_and_gets_none(home, monkeypatch) -> None:
    with FakeOpenAI(lambda request: says("ok")) as server:
        model = memgpt.OpenAICompatible("llama", base_url=server.url + "/")
        home.create_agent("a", model=model).send("Hello")
        assert "Authorization" not in server.headers[0]
        own = memgpt.OpenAICompatible("llama", base_url=server.url, api_key="own")
        home.create_agent("b", model=own).send("Hello")
        assert server.headers[1]["Authorization"] == "Bearer own"
        assert set(server.paths) == {"/v1/chat/completions"}


def test_reopened_a_handle_binds_itself_and_an_address_does_not(home, monkeypatch) -> None:
    with FakeOpenAI(lambda request: says("ok")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        home.create_agent("handle", model="openai/gpt-4.1")
        home.create_agent("own", model=memgpt.OpenAICompatible("llama", base_url=server.url))
        path = home.path
        home.close()
        with memgpt.open(path, durability="process") as again:
            assert again.agent("handle").unbound == []
            assert again.agent("handle").send("Hello").text == "ok"
            own = again.agent("own")
            assert own.unbound == [f'model=... (was "llama at {server.url}")']
            with pytest.raises(memgpt.Unbound):
                own.send("Hello")
            model = memgpt.OpenAICompatible("llama", base_url=server.url)
            assert again.agent("own", model=model).send("Hello").text == "ok"


def test_no_key_in_the_file(home, monkeypatch) -> None:
    with FakeOpenAI(lambda request: error(401, f"bad key {KEY}")) as server:
        agent = agent_at(home, server, monkeypatch)
        own = memgpt.OpenAICompatible("x", base_url=server.url, api_key="own-" + KEY)
        other = home.create_agent("other", model=own)
        for each in (agent, other):
            with pytest.raises(memgpt.AuthenticationFailed):
                each.send("Hello")
        home.close()
        for file in Path(home.path).parent.iterdir():
            assert KEY.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    "url",
    [
        "api.openai.com/v1",
        "ftp://host/v1",
        "http://",
        "http://user:password@host/v1",
        "http://host:99999/v1",
        "http://host:port/v1",
        "http://[::1/v1",
        "http://host/v1?key=1",
        "sk-0123456789",
        "http://ho st/v1",
        "http://host/v1\r\nX-Evil: 1",
        "",
    ],
)
def test_addresses_that_cannot_work(home, monkeypatch, url: str) -> None:
    with pytest.raises(memgpt.ConfigError, match="base_url") as raised:
        memgpt.OpenAICompatible("x", base_url=url)
    for secret in ("password", "sk-", "key=1"):
        assert secret not in str(raised.value)
    if url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        agent = home.create_agent("sam", model="openai/gpt-4.1")
        with pytest.raises(memgpt.ConfigError, match="OPENAI_BASE_URL"):
            agent.send("Hello")


def test_bad_options() -> None:
    bad: list[dict[str, Any]] = [
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"timeout_s": "x"},
        {"timeout_s": None},
        {"context_window": -1},
        {"max_retries": -1},
        {"max_retries": 1.5},
        {"tokenizer": "foo"},
    ]
    for options in bad:
        with pytest.raises(memgpt.ConfigError) as raised:
            memgpt.OpenAICompatible("x", api_key=KEY, **options)
        assert KEY not in str(raised.value)
    assert memgpt.OpenAICompatible("x", base_url="HTTP://127.0.0.1:1/v1").model.startswith("x at")
    with pytest.raises(memgpt.ConfigError):
        memgpt.OpenAICompatible(" ")


def test_agents_in_parallel_share_a_model(home) -> None:
    barrier = threading.Barrier(4, timeout=10)

    def script(request: Any) -> Any:
        barrier.wait()  # passes only when four requests are there at once
        return says("ok")

    with FakeOpenAI(script) as server:
        model = memgpt.OpenAICompatible("x", base_url=server.url)
        agents = [home.create_agent(f"a{i}", model=model) for i in range(4)]
        replies: list[str] = []
        threads = [
            threading.Thread(target=lambda a=agent: replies.append(a.send("Hello").text))
            for agent in agents
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert replies == ["ok"] * 4 and server.connections == 4


def tls_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def test_tls(home, monkeypatch, tmp_path: Path) -> None:
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    with FakeOpenAI(
        lambda r: says("ok"), tls_context(authority, "127.0.0.1", "localhost")
    ) as server:
        for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
            model = memgpt.OpenAICompatible("x", base_url=url)
            agent = home.create_agent(url.split("/")[2].replace(":", "-"), model=model)
            with pytest.raises(memgpt.ProviderUnreachable, match=r"trusted.*SSL_CERT_FILE"):
                agent.send("Hello")
            monkeypatch.setenv("SSL_CERT_FILE", str(file))
            model = memgpt.OpenAICompatible("x", base_url=url)
            agent = home.agent(agent.name, model=model)
            before = server.connections
            assert [agent.send("Hello").text for _ in range(3)] == ["ok"] * 3
            assert server.connections == before + 1
            monkeypatch.delenv("SSL_CERT_FILE")


def test_a_certificate_for_another_name_is_refused(home, monkeypatch, tmp_path: Path) -> None:
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with FakeOpenAI(lambda r: says("ok"), tls_context(authority, "elsewhere.test")) as server:
        model = memgpt.OpenAICompatible("x", base_url=server.url)
        with pytest.raises(memgpt.ProviderUnreachable, match="trusted"):
            home.create_agent("sam", model=model).send("Hello")
        assert not server.requests


def test_tls_to_a_server_without_it(home) -> None:
    with FakeOpenAI(lambda request: says("ok")) as server:
        url = server.url.replace("http://", "https://")
        model = memgpt.OpenAICompatible("x", base_url=url)
        with pytest.raises(memgpt.ProviderUnreachable, match="no trusted TLS connection"):
            home.create_agent("sam", model=model).send("Hello")


def test_ctrl_c_while_the_server_thinks(home) -> None:
    """The turn ends at once, the input is kept, the next message is answered."""
    with FakeOpenAI(lambda request: Answer(stall_s=30)) as server:
        agent = home.create_agent("sam", model=memgpt.OpenAICompatible("slow", base_url=server.url))

        def interrupt() -> None:
            wait_until(lambda: len(server.requests) == 1)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            agent.send("Hello")
        thread.join()
        assert time.monotonic() - began < 5
        server.script = lambda request: says("ok")
        assert agent.send("And now?").text == "ok"
        assert [m.text for m in agent.recall.messages() if m.role == "user"] == [
            "Hello",
            "And now?",
        ]


def test_memgpt_run_uses_the_key_and_says_which_model_answers(tmp_path: Path) -> None:
    with FakeOpenAI(lambda request: says("Hello from the server")) as server:
        env = {
            **os.environ,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": server.url,
            "MEMGPT_HOME": str(tmp_path / "home"),
        }

        def run(*flags: str, **more: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "memgpt", "run", *flags],
                input="Hello\n",
                capture_output=True,
                text=True,
                env={**env, **more},
                timeout=60,
            )

        out = run()
        assert out.stdout == "Hello from the server\n", out.stderr
        assert "openai/gpt-4.1" in out.stderr
        assert server.requests[0]["model"] == "gpt-4.1"
        out = run("--agent", "mini", OPENAI_MODEL="gpt-4.1-mini")
        assert "openai/gpt-4.1-mini" in out.stderr
        assert server.requests[1]["model"] == "gpt-4.1-mini"
        out = run("--agent", "local", "--model", "offline")
        assert "model offline" in out.stderr and "[offline]" in out.stdout
        # An agent that was local stays local until its user says otherwise.
        count = len(server.requests)
        out = run("--agent", "local")
        assert "model offline" in out.stderr and "--model openai/gpt-4.1" in out.stderr
        assert len(server.requests) == count
        out = run("--agent", "local", "--model", "openai/gpt-4.1")
        assert out.stdout == "Hello from the server\n"
        out = run("--agent", "new", "--model", "openai/gpt-4.1", OPENAI_API_KEY="")
        assert (out.returncode, out.stderr) == (
            2,
            "memgpt: --model openai/gpt-4.1 needs a key: set OPENAI_API_KEY\n",
        )
        server.script = lambda request: error(401, "wrong key")
        out = run()
        assert "line 1:" in out.stderr and "OPENAI_API_KEY" in out.stderr
        assert out.returncode == 1 and "Traceback" not in out.stderr
        out = run(OPENAI_API_KEY="")
        assert out.returncode == 2 and "--model offline" in out.stderr
