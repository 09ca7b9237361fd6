"""Hostile tool sources, posted to the real server: contained, and the server answers meanwhile."""

from __future__ import annotations

import os
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import memgpt
import pytest

from tests.compat.server import Server
from tests.server_client import Client

TOKEN = "only-for-this-test"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sources") / "server"


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    server = Server(folder, "--token", TOKEN)
    try:
        yield Client(server.url(), {"Authorization": f"Bearer {TOKEN}"})
    finally:
        server.stop()


def run(client: Client, body: str) -> Any:
    """What comes of a source, while the server is asked whether it is well."""
    source = "import os, socket, time\n\ndef f():\n    '''Hostile.'''\n"
    source += textwrap.indent(textwrap.dedent(body), "    ")
    answers: list[Any] = []

    def ask() -> None:
        answers.append(client.post("/v1/tools/run", {"source_code": source, "args": {}}))

    thread = threading.Thread(target=ask)
    thread.start()
    slowest = 0.0
    while thread.is_alive():
        before = time.monotonic()
        assert client.ok("GET", "/v1/health/")["status"] == "ok"
        slowest = max(slowest, time.monotonic() - before)
        time.sleep(0.1)
    assert slowest < 5
    (answer,) = answers
    assert answer.status == 200, answer.body
    return answer.json


def test_one_that_forks_is_held_to_a_few_processes(client: Client) -> None:
    done = run(
        client,
        """
        for number in range(1000):
            try:
                if os.fork() == 0:
                    time.sleep(1000)
            except BlockingIOError:
                return number
        return number
        """,
    )
    assert done["status"] == "success" and int(done["tool_return"]) < 100


def test_the_database_and_the_machines_files_are_not_there(client: Client, folder: Path) -> None:
    database = folder / "agents.db"
    assert database.is_file()
    done = run(
        client,
        f"""
        found = []
        for path in ({str(database)!r}, "/etc/passwd", "/etc/shadow", "/proc/1/environ"):
            try:
                found.append(open(path, "rb").read(10))
            except OSError:
                pass
        return found
        """,
    )
    assert (done["status"], done["tool_return"]) == ("success", "[]")


def test_the_servers_environment_is_not_there(client: Client) -> None:
    done = run(client, "return sorted(os.environ)")
    assert done["status"] == "success" and TOKEN not in done["tool_return"]
    assert "HOME" not in done["tool_return"]


def test_sockets_reach_nobody(client: Client) -> None:
    host, port = client.address.split(":")
    done = run(
        client,
        f"""
        try:
            socket.create_connection(({host!r}, {port}), timeout=2)
        except OSError as error:
            return "refused"
        return "connected"
        """,
    )
    assert done["tool_return"] == "refused"


def test_the_disk_is_not_filled(client: Client, folder: Path) -> None:
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    done = run(
        client,
        """
        written = 0
        try:
            for number in range(1000):
                with open(f"/tmp/{number}", "wb") as file:
                    for _ in range(10):
                        written += file.write(bytes(2**20))
        except OSError:
            pass
        return written
        """,
    )
    after = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    assert after > free - 2**30
    assert done["status"] == "error" or int(done["tool_return"]) <= 64 * 2**20


def test_output_and_values_are_cut(client: Client) -> None:
    done = run(
        client,
        """
        for _ in range(3):
            print("x" * 2**20)
        return "y" * 10**6
        """,
    )
    assert done["status"] == "success" and len(done["tool_return"]) < 60_000
    assert 2**16 <= len("".join(done["stdout"])) < 2**17


@pytest.mark.parametrize("printed", ['"x"', '"x" * 2**20', '"x", file=__import__("sys").stderr'])
def test_one_that_prints_without_end_is_stopped_soon(client: Client, printed: str) -> None:
    begin = time.monotonic()
    done = run(client, f"while True:\n    print({printed})")
    assert time.monotonic() - begin < 15
    assert (done["status"], done["tool_return"][-33:]) == (
        "error",
        "OSError: more than 4 MB of output",
    )


def test_tools_are_stopped_before_clients_give_up() -> None:
    assert memgpt.ServerLimits().tool_timeout_s == 30


@pytest.mark.parametrize("body", ["return len(bytearray(2**40))", "raise SystemExit(3)"])
def test_memory_and_exits_are_its_own_affair(client: Client, body: str) -> None:
    assert run(client, body)["status"] == "error"


@pytest.mark.parametrize("body", ["while True: pass", "while True: os.fork()"])
def test_one_that_loops_is_stopped(body: str) -> None:
    limits = memgpt.ServerLimits(tool_timeout_s=2.0)
    with memgpt.open(":memory:") as home, home.serve(port=0, token=TOKEN, limits=limits) as server:
        client = Client(server.url, {"Authorization": f"Bearer {TOKEN}"})
        done = run(client, body)
    assert done["status"] == "error"
    assert "TimeoutError" in done["tool_return"] or "BlockingIOError" in done["tool_return"]
