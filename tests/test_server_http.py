"""The server's door: limits, odd requests, and who may ask at all."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import ServerLimits

from tests.server_client import Client

Serve = Callable[..., memgpt.Server]


@pytest.fixture
def serve(home: memgpt.Home) -> Iterator[Serve]:
    servers: list[memgpt.Server] = []

    def begin(**options: Any) -> memgpt.Server:
        servers.append(home.serve(port=0, **options))
        return servers[-1]

    yield begin
    for server in servers:
        server.stop()


def connected(server: memgpt.Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def sent(server: memgpt.Server, raw: bytes, half_closed: bool = False) -> bytes:
    """What comes back for these bytes, until the server closes."""
    with connected(server) as connection:
        connection.sendall(raw)
        if half_closed:
            connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


HEALTH = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n%s\r\n"


def test_health_and_openapi(serve: Serve) -> None:
    client = Client(serve().url)
    assert client.ok("GET", "/v1/health/") == {"version": memgpt.__version__, "status": "ok"}
    document = client.ok("GET", "/openapi.json")
    assert document["openapi"].startswith("3.1") and "/v1/agents/{agent_id}" in document["paths"]


def test_figures_are_true(serve: Serve) -> None:
    client = Client(serve().url)
    agent = client.agent()["id"]
    client.say(agent, "hello")
    client.get("/v1/nothing")
    text = client.get("/metrics").body.decode()
    assert 'memgpt_requests_total{status="404"} 1\n' in text
    assert 'memgpt_requests_total{status="200"} 2\n' in text
    assert 'memgpt_turns_total{stop_reason="end_turn"} 1\n' in text
    assert "memgpt_agents 1\n" in text and "memgpt_steps_total " in text


def test_each_request_has_an_id_and_a_line_in_the_log(serve: Serve) -> None:
    lines: list[str] = []
    client = Client(serve(log=lines.append).url)
    mine = client.get("/v1/health?secret=hush", headers={"X-Request-Id": "mine-1"})
    assert mine.headers["x-request-id"] == "mine-1"
    other = client.get("/v1/agents/agent-x", headers={"X-Request-Id": "no\tgood"})
    logged = [json.loads(line) for line in lines]
    assert [line["status"] for line in logged] == [200, 404]
    assert logged[0]["path"] == "/v1/health" and logged[0]["request_id"] == "mine-1"
    assert logged[1]["request_id"] == other.headers["x-request-id"] != "no\tgood"


BAD = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "no version": (b"GET /v1/health\r\n\r\n", 400),
    "a target without a slash": (b"GET v1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a broken escape": (b"GET /v1/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "two lengths": (
        b"POST /v1/agents HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        b"Content-Length: 2\r\n\r\nab",
        400,
    ),
    "length and chunks": (
        b"POST /v1/agents HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "two hosts": (
        b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"
        b"Connection: close\r\n\r\n",
        400,
    ),
    "a broken chunk": (
        b"POST /v1/agents HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        400,
    ),
    "a header without end": (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
    "a body that is too large": (
        b"POST /v1/agents HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857600\r\n\r\n",
        413,
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_request(what: str, serve: Serve) -> None:
    raw, status = BAD[what]
    server = serve()
    answer = sent(server, raw, half_closed=what not in ("a header without end",))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert Client(server.url).get("/v1/health").status == 200


def test_a_hundred_megabytes_are_not_taken(serve: Serve) -> None:
    """Neither where they are announced, nor where they come in chunks."""
    server = serve()
    with connected(server) as connection:
        connection.sendall(
            b"POST /v1/agents HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
        with pytest.raises(OSError):
            for _ in range(100):
                connection.sendall(chunk)
                time.sleep(0.001)
            raise OSError("it took all")
    assert Client(server.url).get("/v1/health").status == 200


def test_requests_behind_each_other_are_answered_in_order(serve: Serve) -> None:
    raw = HEALTH % b"X-Request-Id: one\r\n" + HEALTH % b"X-Request-Id: two\r\nConnection: close\r\n"
    answer = sent(serve(), raw)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.index(b"one") < answer.index(b"two")


def test_a_socket_that_is_half_closed_gets_its_answer(serve: Serve) -> None:
    assert b'"status":"ok"' in sent(serve(), HEALTH % b"", half_closed=True)


def test_slow_senders_are_not_waited_for(serve: Serve) -> None:
    server = serve(limits=ServerLimits(request_timeout_s=0.5, idle_timeout_s=0.5))
    with connected(server) as idle, connected(server) as slow, connected(server) as body:
        begun = time.monotonic()
        slow.sendall(b"GET /v1/health HTTP/1.1\r\nHo")
        body.sendall(b"POST /v1/agents HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
        assert [read_all(c) for c in (idle, slow, body)] == [b"", b"", b""]
        assert time.monotonic() - begun < 15
    assert Client(server.url).get("/v1/health").status == 200


def test_too_many_connections_are_closed(serve: Serve) -> None:
    server = serve(limits=ServerLimits(connections=3))
    kept = [connected(server) for _ in range(3)]
    for connection in kept:
        connection.sendall(HEALTH % b"")
        assert connection.recv(12) == b"HTTP/1.1 200"
    with connected(server) as refused:
        assert read_all(refused) == b""
    for connection in kept:
        connection.close()


def test_a_client_that_goes_away_harms_nobody(serve: Serve, home: memgpt.Home) -> None:
    server = serve()
    client = Client(server.url)
    agent = client.agent()["id"]
    body = json.dumps({"input": "hello", "streaming": True}).encode()
    for _ in range(20):
        with connected(server) as connection:
            connection.sendall(
                b"POST /v1/agents/%s/messages HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (agent.encode(), len(body), body)
            )
    assert client.say(agent, "still here?")["stop_reason"]["stop_reason"] == "end_turn"
    assert home.check(replay=True) == []


JSON_BODIES = [
    (b"{", 422),
    (b"[]", 422),
    (b"3", 422),
    (b'"text"', 422),
    (b"\xff\xfe", 422),
    (b'{"model": "offline", "name": "\xed\xa0\x80"}', 422),
    (b"[" * 100_000, 422),
    (b'{"model": ' + b"9" * 400 + b"}", 422),
    (b'{"model": "offline", "unknown": {"field": [1]}}', 200),
    (b'{"model": "offline", "tags": "a"}', 422),
    (b'{"model": "offline", "tags": [1]}', 422),
    (b'{"model": "offline", "memory_blocks": [3]}', 422),
    (b'{"model": "offline", "context_window_limit": 12345678901234567890}', 422),
    (b'{"model": "offline", "context_window_limit": 10}', 400),
    (b'{"model": "offline", "name": ""}', 400),
    (b'{"model": "offline", "name": null, "tags": null, "system": null}', 200),
]


@pytest.mark.parametrize(("body", "status"), JSON_BODIES, ids=range(len(JSON_BODIES)))
def test_bodies_that_are_not_as_they_should_be(body: bytes, status: int, serve: Serve) -> None:
    client = Client(serve().url)
    answered = client.post("/v1/agents", raw=body, headers={"Content-Type": "application/json"})
    assert answered.status == status, answered.body
    if status != 200:
        assert answered.detail


def test_only_json_is_taken(serve: Serve) -> None:
    """A page on another site can post a form or plain text without being asked."""
    client = Client(serve().url)
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
        "",
    ):
        answered = client.post("/v1/agents", raw=b'{"model": "offline"}',
                               headers={"Content-Type": kind})  # fmt: skip
        assert answered.status == 415
    assert client.ok("GET", "/v1/agents/") == []


def test_foreign_pages_are_refused(serve: Serve) -> None:
    client = Client(serve(allowed_hosts=["agents.example"]).url)
    own = client.address

    def status(**headers: str) -> int:
        return client.get("/v1/health", headers=headers).status

    assert status(Origin="https://evil.example") == 403
    assert status(Origin="null") == 403
    assert status(Origin=f"http://{own}") == 200
    # A name of the attacker's that points at this machine.
    assert status(Host="evil.example") == 421
    assert status(Host="127.0.0.1.evil.example:8283") == 421
    for name in ("localhost", "LOCALHOST:8283", "127.0.0.1", "[::1]:8283", "agents.example"):
        assert status(Host=name) == 200


def test_a_token_is_asked_for(serve: Serve) -> None:
    client = Client(serve(token="s3cret-é").url)

    def status(header: str) -> int:
        raw = header.encode().decode("latin-1")
        return client.get("/v1/health", headers={"Authorization": raw} if header else {}).status

    assert [status(h) for h in ("", "Bearer", "Bearer ", "Bearer wrong", "Basic s3cret-é")] == [
        401
    ] * 5
    assert status("Bearer s3cret-é") == status("bearer s3cret-é") == 200
    assert client.get("/v1/health").detail == "Unauthorized"


def test_an_open_address_needs_a_token(home: memgpt.Home) -> None:
    for host in ("0.0.0.0", "::", "10.1.2.3", "example.org"):
        with pytest.raises(memgpt.ConfigError, match="token"):
            home.serve(host, 0)
    with pytest.raises(memgpt.ConfigError, match="empty"):
        home.serve(port=0, token=" ")
    with home.serve("0.0.0.0", 0, token="t") as server:
        client = Client(f"http://127.0.0.1:{server.port}", {"Authorization": "Bearer t"})
        assert client.get("/v1/health", headers={"Host": "any.name"}).status == 200


def test_a_port_that_is_taken(serve: Serve, home: memgpt.Home) -> None:
    server = serve()
    with pytest.raises(memgpt.ConfigError, match="cannot listen"):
        home.serve(port=server.port)


def test_secrets_are_masked(serve: Serve, home: memgpt.Home) -> None:
    client = Client(serve().url)
    agent = client.agent(secrets={"API_KEY": "hush-hush"})
    text = json.dumps([agent, client.ok("GET", f"/v1/agents/{agent['id']}")])
    assert "API_KEY" in text and "hush-hush" not in text
    assert [secret["key"] for secret in agent["secrets"]] == ["API_KEY"]
    path = Path(home.path).with_name("out.memgpt")
    home.agent(home.agents()[0]).export(path)
    assert b"hush-hush" not in path.read_bytes()


def test_a_thousand_idle_connections(serve: Serve) -> None:
    server = serve()
    idle = [connected(server) for _ in range(300)]
    assert Client(server.url).get("/v1/health").status == 200
    for connection in idle:
        connection.sendall(HEALTH % b"")
    assert all(connection.recv(12) == b"HTTP/1.1 200" for connection in idle)
    for connection in idle:
        connection.close()


def test_stopping_lets_turns_come_to_their_end(home: memgpt.Home) -> None:
    class Slow(memgpt.LLMProvider):
        model = "slow"
        context_window = 8192

        def complete(self, context: memgpt.Context) -> memgpt.Reply:
            asked.set()
            time.sleep(0.5)
            return memgpt.Reply(tool_calls=[memgpt.ToolCall("send_message", '{"message": "x"}')])

    asked = threading.Event()
    server = home.serve(port=0, models={"slow": Slow()})
    client = Client(server.url)
    agent = client.agent(model="slow")["id"]
    answers: list[Any] = []
    sender = threading.Thread(target=lambda: answers.append(client.say(agent, "hello")))
    sender.start()
    assert asked.wait(20)
    server.stop()
    sender.join()
    assert answers[0]["stop_reason"]["stop_reason"] == "end_turn"
    with pytest.raises(OSError, match=r"."):
        client.get("/v1/health")
    server.stop()  # twice is once


PROGRAM = """
import memgpt, sys
home = memgpt.open(sys.argv[1])
server = home.serve(port=0)
print(server.url, flush=True)
sys.exit(0)
"""


def test_a_program_that_ends_without_stopping_its_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "x.db")],
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
