"""What FakeOpenAI does wrong on request, by raw sockets; and that it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from memgpt.testing import Answer, ChaosLLM, FakeOpenAI, Stream

from tests.answers import ASK, SAY, connect, post, raw_answer


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(lambda request: SAY) as server:
        yield server


def test_requests_that_are_none(server) -> None:
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


def test_faults_on_the_socket(server) -> None:

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


def test_a_character_is_split_between_writes(server) -> None:
    server.script = [Stream("🦆", write=1, pause_s=0.001)]
    with connect(server) as connection:
        connection.sendall(post({**ASK, "stream": True}))
        parts = []
        while not parts or not parts[-1].endswith(b"0\r\n\r\n"):
            parts.append(connection.recv(65536))
    assert any(b"1\r\n\xf0\r\n" in part and b"\xa6" not in part for part in parts)


def test_an_answer_is_one_write_and_the_connection_is_kept(server) -> None:
    server.script = lambda request: "x" * 3000
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


def test_64_connections_at_once(server) -> None:
    barrier = threading.Barrier(64, timeout=20)

    def script(request: Any) -> Any:
        barrier.wait()  # passes only when all are there
        return SAY

    server.script = script
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


def test_chaos_is_the_same_for_the_same_seed() -> None:
    def run(seed: int) -> list[Any]:
        chaos = ChaosLLM(lambda asked: SAY, seed=seed, rate=0.7, hang_s=0.001, huge_chars=500)
        found = []
        with FakeOpenAI(chaos, seed=seed, hang_s=0.01) as server:
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
