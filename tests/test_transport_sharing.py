"""Connections that all clients of a process share: threads, clients, forks."""

from __future__ import annotations

import os
import socket
import threading
import time

import memgpt
from memgpt.testing import FakeOpenAI

from tests.answers import says
from tests.wire_server import Wire, WireServer, answer, probe, serving


def test_many_threads_and_clients_share_connections() -> None:
    """Never more connections than requests at once, whichever client asks."""
    most = 0
    now = 0
    lock = threading.Lock()

    def script(wire: Wire) -> None:
        nonlocal most, now
        while (request := wire.read()) is not None:
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.002)
            with lock:
                now -= 1
            wire.send(answer(request.body))

    with WireServer(script) as server:
        clients = [probe(server.url.replace("/v1", path)) for path in ("/v1", "/v2", "")]
        wrong: list[bytes] = []

        def ask(number: int) -> None:
            for turn in range(10):
                said = f"{number} {turn}"
                body = clients[(number + turn) % 3].post("/x", said)[3]
                if body != said.encode():
                    wrong.append(body)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not wrong
        assert server.connections <= 64
        count = server.connections
        for client in clients * 5:
            assert client.post("", "x")[3] == b"x"
        assert server.connections == count


def test_a_server_that_restarts_closes_all_that_was_kept() -> None:
    """Requests that are under way when their kept connections close are sent again at once."""
    barrier = threading.Barrier(8, timeout=10)
    closing = threading.Event()

    def script(wire: Wire) -> None:
        while wire.read() is not None:
            if closing.is_set() and wire.number <= 8:
                return  # the request was read, and the connection closes
            if not closing.is_set():
                barrier.wait()
            wire.send(answer(b"ok"))

    with WireServer(script) as server:
        client = probe(server.url)

        def ask_all() -> list[bytes]:
            bodies: list[bytes] = []
            threads = [
                threading.Thread(target=lambda: bodies.append(client.get("")[3])) for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
            return bodies

        assert ask_all() == [b"ok"] * 8 and server.connections == 8
        closing.set()
        assert ask_all() == [b"ok"] * 8


def test_a_kept_connection_that_was_closed_or_spoke_is_not_used() -> None:
    closed = threading.Event()

    def script(wire: Wire) -> None:
        wire.read()
        wire.send(answer(b"%d" % wire.number))
        if wire.number == 2:
            wire.send(answer(b"nobody asked"))
            closed.set()
            assert wire.read() is None
        if wire.number == 1:
            wire.sock.shutdown(socket.SHUT_RDWR)
        closed.set()

    with WireServer(script) as server:
        client = probe(server.url)
        for number in (b"1", b"2", b"3"):
            closed.clear()
            assert client.get("")[3] == number
            closed.wait(5)


def test_after_a_fork() -> None:
    """The child opens connections of its own, the parent goes on with its own."""
    with serving(lambda request: answer(request.line.encode())) as server:
        client = probe(server.url)
        client.get("/before")
        child = os.fork()
        if child == 0:
            good = all(b"/child" in client.get("/child")[3] for _ in range(2))
            os._exit(0 if good else 1)
        for _ in range(5):
            assert b"/parent" in client.get("/parent")[3]
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert b"/after" in client.get("/after")[3]
        assert server.connections == 2


def test_forks_while_others_send() -> None:
    """A lock that a thread of the parent holds is none of the child's."""
    ended = threading.Event()
    with serving(lambda request: answer(b"ok")) as server:
        client = probe(server.url)

        def ask() -> None:
            while not ended.is_set():
                client.get("")

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                child = os.fork()
                if child == 0:
                    os._exit(0 if client.get("")[3] == client.get("")[3] == b"ok" else 1)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        finally:
            ended.set()
            for thread in threads:
                thread.join(10)


def test_agents_with_one_handle_share_connections(home, monkeypatch) -> None:
    with FakeOpenAI(lambda request: says("ok")) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        for number in range(6):
            agent = home.create_agent(f"a{number}", model="openai/gpt-4.1")
            assert agent.send("Hello").text == "ok"
        own = memgpt.OpenAICompatible("x", base_url=server.url + "/other")
        assert home.create_agent("own", model=own).send("Hello").text == "ok"
        assert server.connections == 1
