"""The transport against servers on loopback that do, or fail to do, each thing that HTTP allows."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import memgpt
import pytest

from tests.answers import wait_until
from tests.wire_server import CHUNKED, Wire, WireServer, answer, chunks, probe, serving


class Pieces(list[bytes]):
    """Takes a streamed answer."""

    def __call__(self, piece: bytes) -> bool:
        self.append(piece)
        return True


def test_requests_as_they_go_out() -> None:
    with serving(lambda request: answer(b'{"a": 1}', X_Id="7")) as server:
        client = probe(server.url)
        status, attempts, headers, body = client.post(
            "/x", "hello", [("Authorization", "Bearer k")]
        )
        assert (status, attempts, body) == (200, 1, b'{"a": 1}')
        assert dict(headers)["x-id"] == "7"
        assert client.get("/models", [("Accept", "text/plain")])[0] == 200
        assert client.stream("/s", "{}", Pieces())[3] == b""
        post, get, stream = server.requests
        assert post.line == "POST /v1/x HTTP/1.1" and post.body == b"hello"
        assert post.headers["authorization"] == "Bearer k"
        assert post.headers["host"] == f"127.0.0.1:{server.port}"
        assert post.headers["content-type"] == post.headers["accept"] == "application/json"
        assert get.line == "GET /v1/models HTTP/1.1" and get.headers["accept"] == "text/plain"
        assert not {"content-type", "content-length"} & get.headers.keys()
        assert "text/event-stream" in stream.headers["accept"]
        assert server.connections == 1


def test_a_stream_comes_as_it_is_sent() -> None:
    """Each piece is sent only when the one before has been handed on."""
    seen = [threading.Event() for _ in range(4)]
    got: list[bytes] = []

    def script(wire: Wire) -> None:
        wire.read()
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED)
        for number, event in enumerate(seen):
            wire.send(chunks(b"piece %d" % number))
            assert event.wait(10)
        wire.send(b"0\r\nX-Trailer: 1\r\n\r\n")
        assert wire.read() is not None
        wire.send(answer(b"again"))

    def take(piece: bytes) -> bool:
        got.append(piece)
        seen[len(got) - 1].set()
        return True

    with WireServer(script) as server:
        client = probe(server.url)
        assert client.stream("", "", take)[3] == b""
        assert got == [b"piece 0", b"piece 1", b"piece 2", b"piece 3"]
        assert client.get("")[3] == b"again"
        assert server.connections == 1


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"0123456789" * 30_000),
        CHUNKED + chunks(*[b"0123456789" * 3000] * 10) + b"0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"0123456789" * 30_000,
        b"HTTP/1.0 200 OK\r\n\r\n" + b"0123456789" * 30_000,
    ],
    ids=["length", "chunked", "to the end", "HTTP/1.0"],
)
def test_bodies_of_each_form(sent: bytes) -> None:
    def script(wire: Wire) -> None:
        while wire.read() is not None:
            wire.send(sent)
            if not sent.startswith((b"HTTP/1.1 200 OK\r\nC", b"HTTP/1.1 200 OK\r\nT")):
                return
            if b"close" in sent[:60]:
                return

    with WireServer(script) as server:
        client = probe(server.url)
        pieces = Pieces()
        client.stream("", "", pieces)
        assert b"".join(pieces) == b"0123456789" * 30_000 and len(pieces) > 1
        assert client.post("", "")[3] == b"0123456789" * 30_000


def test_an_answer_byte_by_byte() -> None:
    def script(wire: Wire) -> None:
        wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while wire.read() is not None:
            for byte in CHUNKED + chunks(b"ab", b"\xe2\x82", b"\xac") + b"0\r\n\r\n":
                wire.send(bytes([byte]))

    with WireServer(script) as server:
        client = probe(server.url)
        pieces = Pieces()
        client.stream("", "", pieces)
        assert b"".join(pieces) == client.get("")[3] == "ab€".encode()


def test_a_status_that_is_no_success_is_not_streamed() -> None:
    with serving(lambda request: answer(b"no such model", "404 Not Found")) as server:
        pieces = Pieces()
        status, _, _, body = probe(server.url).stream("", "", pieces)
        assert (status, body, pieces) == (404, b"no such model", [])


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_no_redirect_is_followed(status: str) -> None:
    with (
        serving(lambda request: answer(b"evil")) as other,
        serving(lambda request: answer(b"moved", status, Location=other.url)) as server,
    ):
        assert probe(server.url).post("", "x", [("Authorization", "k")])[3] == b"moved"
        assert other.connections == 0 and len(server.requests) == 1


def test_enough_ends_a_stream() -> None:
    """Where the end comes at once the connection is kept, else it is dropped."""

    def script(wire: Wire) -> None:
        while (request := wire.read()) is not None:
            wire.send(CHUNKED + chunks(b"[DONE]"))
            if "GET" in request.line or "whole" in request.line:
                wire.send(b"0\r\n\r\n")

    with WireServer(script) as server:
        client = probe(server.url)
        for path, connections in [("/whole", 1), ("/whole", 1), ("/endless", 1), ("/whole", 2)]:
            pieces = Pieces()
            assert client.stream(path, "", lambda p, pieces=pieces: pieces(p) and False)[0] == 200
            assert pieces == [b"[DONE]"]
            assert server.connections == connections


def test_what_the_taker_raises_comes_out_and_drops_the_connection() -> None:
    def take(piece: bytes) -> bool:
        raise LookupError("mine")

    with serving(lambda request: CHUNKED + chunks(b"x")) as server:
        client = probe(server.url, max_retries=2)
        with pytest.raises(LookupError, match="mine"):
            client.stream("", "", take)
        pieces = Pieces()
        client.stream("", "", lambda p: pieces(p) and False)
        assert pieces == [b"x"] and server.connections == 2 and len(server.requests) == 2


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize(
    ("before", "text"),
    [
        (None, "without an answer|cannot connect"),
        (b"", "without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-", "in the middle"),
        (HEAD, "in the middle"),
        (HEAD + b"half", "in the middle"),
        (CHUNKED + chunks(b"half"), "in the middle"),
        (CHUNKED + b"5\r\nha", "in the middle"),
    ],
)
def test_a_connection_that_breaks(how: str, before: bytes | None, text: str) -> None:
    """At every stage: an error that names the server, and the next request works."""
    good: list[bool] = []
    received = threading.Event()

    def script(wire: Wire) -> None:
        if before is not None or good:
            wire.read()
        if good:
            wire.send(answer(b"ok"))
            return
        if before:
            wire.send(before)
            if b"ha" in before:
                received.wait(0.1)
        if how == "reset":
            wire.reset()

    def take(piece: bytes) -> bool:
        received.set()
        return True

    with WireServer(script) as server:
        client = probe(server.url)
        calls: list[Callable[[], object]] = [lambda: client.post("", "x" * 100_000)]
        calls.append(lambda: client.stream("", "x", take))
        for call in calls:
            with pytest.raises(memgpt.ProviderUnreachable, match=text) as raised:
                call()
            assert server.url[:-3] in str(raised.value)
        good.append(True)
        assert client.get("")[3] == b"ok"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"),
        (b"\x00" * 1000, "does not speak HTTP"),
        (b"HTTP/1.1 999999 OK\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "too long"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 20_000, "too long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "not speak HTTP"),
        (CHUNKED + b"zz\r\n", "does not speak HTTP"),
        (CHUNKED + b"ffffffffffffffffff\r\n", "does not speak HTTP|larger"),
    ],
)
def test_what_is_no_http(sent: bytes, text: str) -> None:
    def script(wire: Wire) -> None:
        wire.read()
        with suppress(OSError):
            wire.send(sent)
        server.ended.wait(10)

    with WireServer(script) as server:
        client = probe(server.url, timeout_s=5)
        with pytest.raises(memgpt.ProviderError, match=text):
            client.get("")
        with pytest.raises(memgpt.ProviderError, match=text):
            client.stream("", "", Pieces())


def endless(wire: Wire) -> None:
    wire.read()
    wire.send(CHUNKED)
    while True:
        wire.send(chunks(b"x" * 65536) * 16)


def one_gigabyte(wire: Wire) -> None:
    wire.read()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    for _ in range(1024):
        wire.send(b"x" * (1 << 20))


def without_length(wire: Wire) -> None:
    wire.read()
    wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(1024):
        wire.send(b"x" * (1 << 20))


def memory_kb() -> int:
    """The most that this process has held."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


@pytest.mark.parametrize("script", [endless, one_gigabyte, without_length])
def test_a_body_that_is_too_large(script: Callable[[Wire], None]) -> None:
    with WireServer(script) as server:
        client = probe(server.url, body_limit_bytes=4 << 20)
        before = memory_kb()
        with pytest.raises(memgpt.ProviderError, match="larger than 4 MB"):
            client.post("", "")
        taken = 0

        def take(piece: bytes) -> bool:
            nonlocal taken
            taken += len(piece)
            return True

        with pytest.raises(memgpt.ProviderError, match="larger than 4 MB"):
            client.stream("", "", take)
        assert taken <= 4 << 20
        assert memory_kb() - before < 64 << 10


def test_silence_before_the_first_byte_is_the_model_thinking() -> None:
    """read_timeout_s is only for the pauses between pieces."""

    def script(wire: Wire) -> None:
        wire.read()
        wire.send(CHUNKED)
        server.ended.wait(0.3)
        wire.send(chunks(b"late"))
        server.ended.wait(10)

    with WireServer(script) as server:
        pieces = Pieces()
        with pytest.raises(memgpt.ProviderTimeout, match=r"silent for 0\.1 s in the middle"):
            probe(server.url, read_timeout_s=0.1).stream("", "", pieces)
        assert pieces == [b"late"]
        with pytest.raises(memgpt.ProviderTimeout, match=r"did not answer in 0\.2 s"):
            probe(server.url, timeout_s=0.2, max_retries=2).stream("", "", pieces)
        assert pieces == [b"late"] and server.connections == 2


def test_an_answer_that_never_ends_is_ended_by_the_whole_time() -> None:
    def script(wire: Wire) -> None:
        wire.read()
        wire.send(CHUNKED)
        while not server.ended.wait(0.02):
            wire.send(chunks(b": keep-alive\n\n"))

    with WireServer(script) as server:
        client = probe(server.url, timeout_s=0.3)
        pieces = Pieces()
        with pytest.raises(memgpt.ProviderTimeout, match=r"did not answer in 0\.3 s"):
            client.stream("", "", pieces)
        assert pieces
        with pytest.raises(memgpt.ProviderTimeout):
            client.get("")


def test_a_server_that_reads_nothing() -> None:
    with (
        WireServer(lambda wire: server.ended.wait(10) and None) as server,
        pytest.raises(memgpt.ProviderTimeout),
    ):
        probe(server.url, timeout_s=0.2).post("", "x" * (32 << 20))


def test_a_server_that_answers_before_it_has_read_all() -> None:
    def script(wire: Wire) -> None:
        wire.sock.recv(1000)
        wire.send(answer(b"too large", "413 Too Large", Connection="close"))
        wire.sock.shutdown(socket.SHUT_WR)
        server.ended.wait(0.2)

    with WireServer(script) as server:
        status, _, _, body = probe(server.url).post("", "x" * (4 << 20))
        assert (status, body) == (413, b"too large")


@pytest.mark.parametrize("stage", ["accept", "answer", "stream"])
def test_ctrl_c(stage: str) -> None:
    there = threading.Event()

    def script(wire: Wire) -> None:
        if stage != "accept":
            wire.read()
        if stage == "stream":
            wire.send(CHUNKED + chunks(b"x"))
        there.set()
        server.ended.wait(10)

    def interrupt() -> None:
        there.wait(10)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    with WireServer(script) as server:
        url = server.url.replace("http:", "https:") if stage == "accept" else server.url
        thread = threading.Thread(target=interrupt)
        thread.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            probe(url, max_retries=2).stream("", "", Pieces())
        thread.join()
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("bad", ["a\r\nX: y", "a\nb", "\x00", "\x7f"])
def test_nothing_is_smuggled_into_a_request(bad: str) -> None:
    with serving(lambda request: answer(b"ok")) as server:
        client = probe(server.url)
        for headers in ([("X-Key", bad)], [(bad, "x")]):
            with pytest.raises(memgpt.ConfigError, match="control character"):
                client.get("", headers)
        with pytest.raises(memgpt.ConfigError, match="path"):
            client.get("/x" + bad)
        with pytest.raises(memgpt.ConfigError, match="path"):
            client.get("/x HTTP/1.1")
        assert server.connections == 0


def test_nothing_is_left_open() -> None:
    """As many descriptors as connections that are kept need, after what failed as well."""

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    def script(wire: Wire) -> None:
        wire.read()
        wire.send(HEAD + b"half")

    with WireServer(script) as server:
        client = probe(server.url)
        before = descriptors()
        for _ in range(20):
            with pytest.raises(memgpt.ProviderUnreachable):
                client.get("")
        wait_until(lambda: descriptors() <= before + 2)
