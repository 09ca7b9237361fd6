"""What is sent again, when, and how often."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import memgpt
import pytest
from memgpt import _core
from memgpt.testing import FakeOpenAI

from tests.answers import error, says
from tests.wire_server import CHUNKED, Wire, WireServer, answer, chunks, probe


def failing(first: list[bytes], then: bytes = b"") -> WireServer:
    """A server that sends these, one a request, and then the same answer for ever."""
    left = list(first)

    def script(wire: Wire) -> None:
        while (request := wire.read()) is not None:
            server.requests.append(request)
            wire.send(left.pop(0) if left else then or answer(b"ok"))

    server = WireServer(script)
    return server


def wait(status: int, attempt: int, headers: Any = (), rules: int = 2, **more: Any) -> float | None:
    return _core._wait_before_retry(status, attempt, headers, max_retries=rules, **more)


def at(seconds: float) -> str:
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


def ask(server: WireServer, **options: Any) -> tuple[int, int]:
    status, attempts, _, _ = probe(server.url, **{"max_retries": 2, **options}).post("", "hello")
    return status, attempts


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_what_passes_is_sent_again(status: int) -> None:
    # On a kept connection 408 says only that it was quiet for long, which is no attempt.
    busy = answer(b"x", f"{status} Busy", Retry_After="0", Connection="close")
    with failing([busy] * 2) as server:
        assert ask(server) == (200, 3)
        assert [request.body for request in server.requests] == [b"hello"] * 3
    with failing([], busy) as server:
        assert ask(server) == (status, 3)
        assert ask(server, max_retries=0) == (status, 1)
        assert len(server.requests) == 4


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 413, 422, 501, 505])
def test_what_does_not_pass_is_not(status: int) -> None:
    with failing([], answer(b"" if status == 204 else b"x", f"{status} X")) as server:
        assert ask(server) == (status, 1)


@pytest.mark.parametrize(
    ("headers", "attempts"),
    [
        ({"Retry_After": "0.05"}, 2),
        ({"Retry_After": "99999"}, 1),
        ({"Retry_After": "61"}, 1),
        ({"Retry_After": at(-100)}, 2),
        ({"Retry_After": at(1000)}, 1),
        # By the server's own clock, which is a year behind.
        ({"Date": at(-3e7), "Retry_After": at(-3e7)}, 2),
        ({"Date": at(-3e7), "Retry_After": at(-3e7 + 3000)}, 1),
        ({"retry_after_ms": "20"}, 2),
        ({"retry_after_ms": "20", "Retry_After": "99999"}, 2),
        ({"retry_after_ms": "99999999"}, 1),
        ({"retry_after_ms": "rubbish", "Retry_After": "0"}, 2),
        ({"x_should_retry": "false", "Retry_After": "0"}, 1),
        ({"x_should_retry": "true", "Retry_After": "99999"}, 1),
    ],
)
def test_the_server_says_when(headers: dict[str, str], attempts: int) -> None:
    with failing([answer(b"x", "429 Too Many Requests", **headers)]) as server:
        assert ask(server) == (429 if attempts == 1 else 200, attempts)


@pytest.mark.parametrize(
    "rubbish", ["soon", "-5", "", "1e999", "nan", "inf", "Sun, 99 Foo 2020", "0x10", "5 s", "\xff"]
)
def test_rubbish_for_a_time_is_no_time(rubbish: str) -> None:
    for name in ("retry-after", "retry-after-ms"):
        assert wait(429, 1, [(name, rubbish)]) == 0.5


def test_what_is_waited() -> None:
    """A pure function decides."""
    retries = [wait(500, attempt, rules=9) for attempt in range(1, 10)]
    assert retries == [0.5, 1, 2, 4, 8, 8, 8, 8, 8]
    assert wait(500, 1, chance=1.0) == 0.375
    assert wait(500, 3) is None and wait(500, 10, rules=9) is None
    noon = "Sun, 06 Nov 1994 12:00:00 GMT"
    assert wait(429, 1, [("retry-after", noon)], now_s=784123190) == 10
    assert wait(429, 1, [("retry-after", noon)], now_s=784123200 - 60) == 60
    assert wait(429, 1, [("retry-after", noon)], now_s=784123200 - 61) is None
    assert wait(429, 1, [("retry-after", noon)], now_s=784123201) == 0
    date = ("date", "Sun, 06 Nov 1994 11:59:50 GMT")
    assert wait(429, 1, [date, ("retry-after", noon)], now_s=0) == 10
    assert wait(429, 1, [("retry-after", "0.25")]) == 0.25
    assert wait(429, 1, [("retry-after-ms", "250"), ("retry-after", "7")]) == 0.25
    assert wait(429, 1, body='{"code": "insufficient_quota"}') is None
    assert wait(200, 1, [("x-should-retry", "true")]) is None


def test_a_status_that_the_server_wants_to_see_again() -> None:
    again = answer(b"x", "400 Bad", x_should_retry="true", Retry_After="0")
    with failing([again]) as server:
        assert ask(server) == (200, 2)


def test_no_credit_left_is_not_too_many_requests() -> None:
    body = b'{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}'
    with failing([answer(body, "429 Too Many Requests", Retry_After="0")]) as server:
        assert ask(server) == (429, 1)


@pytest.mark.parametrize("stage", ["accept", "request", "headers", "body"])
def test_a_broken_connection_is_opened_again(stage: str) -> None:
    def script(wire: Wire) -> None:
        if wire.number > 1:
            wire.read()
            wire.send(answer(b"ok"))
            return
        if stage != "accept":
            wire.read()
        if stage == "headers":
            wire.send(b"HTTP/1.1 200 OK\r\nContent-")
        if stage == "body":
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        wire.reset()

    with WireServer(script) as server:
        assert ask(server) == (200, 2)


def test_nobody_listens_at_first() -> None:
    """A server that is being started."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    late: list[socket.socket] = []

    def start() -> None:
        time.sleep(0.1)
        late.append(socket.create_server(("127.0.0.1", port)))
        connection, _ = late[0].accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer(b"ok"))

    thread = threading.Thread(target=start)
    thread.start()
    status, attempts, _, body = probe(f"http://127.0.0.1:{port}", max_retries=2).get("/")
    thread.join()
    late[0].close()
    assert (status, body) == (200, b"ok") and attempts in (2, 3)
    with pytest.raises(memgpt.ProviderUnreachable, match=r"refused.*\(2 attempts\)"):
        probe(f"http://127.0.0.1:{port}", max_retries=1).get("/")


def test_what_was_handed_on_is_not_asked_for_again() -> None:
    def script(wire: Wire) -> None:
        server.requests.append(wire.read())  # type: ignore[arg-type]
        wire.send(CHUNKED + chunks(b"half"))
        got.wait(5)
        wire.reset()

    got = threading.Event()
    pieces: list[bytes] = []

    def take(piece: bytes) -> bool:
        pieces.append(piece)
        got.set()
        return True

    with WireServer(script) as server:
        with pytest.raises(memgpt.ProviderUnreachable, match="in the middle"):
            probe(server.url, max_retries=2).stream("", "", take)
        assert pieces == [b"half"] and len(server.requests) == 1


def test_a_stream_that_broke_before_its_first_piece_is_asked_for_again() -> None:
    def script(wire: Wire) -> None:
        wire.read()
        wire.send(CHUNKED if wire.number == 1 else answer(b"whole"))

    pieces: list[bytes] = []
    with WireServer(script) as server:
        status, attempts, _, _ = probe(server.url, max_retries=1).stream(
            "", "", lambda piece: pieces.append(piece) or True
        )
        assert (status, attempts, pieces) == (200, 2, [b"whole"])


def test_no_time_and_unknown_hosts_and_rubbish_are_not_tried_again() -> None:
    def stall(wire: Wire) -> None:
        wire.read()
        server.ended.wait(10)

    with WireServer(stall) as server:
        with pytest.raises(memgpt.ProviderTimeout):
            ask(server, timeout_s=0.1)
        assert server.connections == 1
    with failing([], b"SSH-2.0\r\n\r\n") as server:
        with pytest.raises(memgpt.ProviderError, match="does not speak HTTP"):
            ask(server)
        assert len(server.requests) == 1
    with pytest.raises(memgpt.ProviderUnreachable, match="is unknown") as raised:
        probe("http://no-such-host.invalid", max_retries=2).get("/")
    assert "attempts" not in str(raised.value)


def test_ctrl_c_ends_a_wait() -> None:
    with failing([], answer(b"x", "429 Too Many Requests", Retry_After="50")) as server:

        def interrupt() -> None:
            while not server.requests:
                time.sleep(0.005)
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            ask(server)
        thread.join()
        assert time.monotonic() - began < 10 and len(server.requests) == 1


def test_an_agent_gets_through(home: memgpt.Home, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [error(429, "slow", Retry_After="0"), error(503, "busy", Retry_After="0")]

    def script(request: Any) -> Any:
        return answers.pop(0) if answers else says("Here I am")

    with FakeOpenAI(script) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        agent = home.create_agent("sam", model="openai/gpt-4.1")
        assert agent.send("Hello").text == "Here I am"
        assert len(server.requests) == 3
        server.script = lambda request: error(429, "slow", Retry_After=at(3600))
        with pytest.raises(memgpt.RateLimited, match=r"after 3[56]\d\d s"):
            agent.send("And now?")
        assert len(server.requests) == 4
        own = memgpt.OpenAICompatible("x", base_url=server.url, max_retries=1)
        server.script = lambda request: error(500, "boom", Retry_After="0")
        with pytest.raises(memgpt.ProviderError, match="boom"):
            home.create_agent("own", model=own).send("Hello")
        assert len(server.requests) == 6
