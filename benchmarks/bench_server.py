"""What the server costs: requests of Letta's API, by many clients, and how soon it is ready.

    python benchmarks/bench_server.py [--seconds 3] [--clients 1 8 64] [--durability process]

The server is a process of its own on loopback; its model is a ScriptedLLM that answers at once.
Clients are threads of other processes, each with an agent of its own and one connection that is
kept, over plain sockets: so that what is measured is the server. CPU is of the server's process
alone, user and system, from /proc. Ready: from the start of a process to its first answer, beside
a Python that does nothing; and from the call of `home.serve()` to the first answer.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SERVER = """
import sys, memgpt
from memgpt.testing import ScriptedLLM
def say(context):
    return {"tool": "send_message", "args": {"message": "That sounds like a good plan."}}
home = memgpt.open(sys.argv[1], durability=sys.argv[2])
model = ScriptedLLM(say)
model.model, model.context_window, model.tokenizer = "fast", 32768, "o200k_base"
server = home.serve(port=0, models={"fast": model})
print(server.url, flush=True)
sys.stdin.read()
server.stop()
"""


class Connection:
    """One kept connection; the least of HTTP that is needed."""

    def __init__(self, url: str) -> None:
        host, port = urlsplit(url).netloc.split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        payload = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(payload)}\r\n"
        if payload:
            head += "Content-Type: application/json\r\n"
        self.socket.sendall(head.encode() + b"\r\n" + payload)
        while (end := self.rest.find(b"\r\n\r\n")) < 0:
            self.rest += self.socket.recv(65536)
        lines = self.rest[:end].lower().split(b"\r\n")
        length = next(int(x.split(b":")[1]) for x in lines if x.startswith(b"content-length"))
        self.rest = self.rest[end + 4 :]
        while len(self.rest) < length:
            self.rest += self.socket.recv(1 << 20)
        answer, self.rest = self.rest[:length], self.rest[length:]
        if not lines[0].startswith(b"http/1.1 2"):
            raise RuntimeError(answer.decode())
        return answer

    def json(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self.ask(method, path, body))


class Server:
    """A server's process, and what /proc says of it."""

    def __init__(self, folder: Path, durability: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder / "home.db"), durability],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE") / 1e6

    def stop(self) -> None:
        self.process.communicate()


def new_agent(connection: Connection) -> str:
    made = connection.json(
        "POST",
        "/v1/agents/",
        {
            "model": "fast",
            "embedding": "offline",
            "agent_type": "memgpt_agent",
            "memory_blocks": [
                {"label": "human", "value": "The human's name is Chad."},
                {"label": "persona", "value": "I am Sam."},
            ],
        },
    )
    return made["id"]


def send(connection: Connection, agent: str, number: int) -> None:
    message = {"role": "user", "content": f"Message {number}: I went out."}
    connection.ask("POST", f"/v1/agents/{agent}/messages", {"messages": [message]})


def client(url: str, seconds: float, begin: Any, counts: Any) -> None:
    """A client in a process of its own: steps until the time is over."""
    connection = Connection(url)
    agent = new_agent(connection)
    begin.wait()
    end = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < end:
        send(connection, agent, number)
        number += 1
    counts.put(number)


@dataclass(frozen=True)
class Load:
    steps_per_s: float
    cpu_ms: float


def steps_of_clients(server: Server, clients: int, seconds: float) -> Load:
    begin = multiprocessing.Barrier(clients + 1)
    counts: Any = multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=client, args=(server.url, seconds, begin, counts))
        for _ in range(clients)
    ]
    for process in processes:
        process.start()
    begin.wait()
    cpu, started = server.cpu_s(), time.perf_counter()
    done = sum(counts.get() for _ in processes)
    taken, used = time.perf_counter() - started, server.cpu_s() - cpu
    for process in processes:
        process.join()
    return Load(done / taken, used / done * 1e3)


@dataclass(frozen=True)
class Cost:
    wall_ms: float
    cpu_ms: float


def cost(server: Server, count: int, work: Callable[[int], object]) -> Cost:
    """Of one call: the median of the wall, the mean of the server's CPU."""
    walls = []
    cpu = server.cpu_s()
    for number in range(count):
        begin = time.perf_counter()
        work(number)
        walls.append(time.perf_counter() - begin)
    return Cost(statistics.median(walls) * 1e3, (server.cpu_s() - cpu) / count * 1e3)


def ready_s(program: list[str], answered: Callable[[str], object]) -> float:
    """From the start of a process to its first answer."""
    begin = time.perf_counter()
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    answered(line)
    taken = time.perf_counter() - begin
    process.terminate()
    process.wait()
    return taken


def first_answer(line: str) -> None:
    Connection("http://" + line.rsplit("http://", 1)[1].strip()).ask("GET", "/v1/health")


def measure_ready(folder: Path) -> None:
    served, nothing, in_program = [], [], []
    for number in range(7):
        path = str(folder / f"ready{number}.db")
        command = [sys.executable, "-m", "memgpt", "server", "--port", "0", "--db", path]
        served.append(ready_s(command, first_answer))
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        nothing.append(time.perf_counter() - begin)
        in_program.append(_serve_s(folder / f"serve{number}.db"))
    print(
        f"\nready, from exec to the first answer: {statistics.median(served) * 1e3:.0f} ms; "
        f"`python -c pass`: {statistics.median(nothing) * 1e3:.0f} ms; "
        f"home.serve() to the first answer: {statistics.median(in_program) * 1e3:.1f} ms"
    )


def _serve_s(path: Path) -> float:
    import memgpt

    with memgpt.open(path) as home:
        begin = time.perf_counter()
        with home.serve(port=0) as server:
            Connection(server.url).ask("GET", "/v1/health")
            return time.perf_counter() - begin


def _asking(
    connection: Connection, method: str, path: str, body: dict[str, str] | None
) -> Callable[[int], object]:
    """A request with the number of its call in it."""

    def ask(number: int) -> bytes:
        texts = body and {key: value.replace("{n}", str(number)) for key, value in body.items()}
        return connection.ask(method, path.replace("{n}", str(number)), texts)

    return ask


def measure_requests(server: Server, idle_mb: float) -> None:
    connection = Connection(server.url)
    agent = new_agent(connection)
    print("\n| request | wall ms, median | CPU ms of the server |\n|---|---|---|")

    def show(name: str, count: int, work: Callable[[int], object]) -> None:
        one = cost(server, count, work)
        print(f"| {name} | {one.wall_ms:.2f} | {one.cpu_ms:.2f} |")

    path = f"/v1/agents/{agent}"
    show("message step, empty history", 200, lambda n: send(connection, agent, n))
    for number in range(200, 1000):
        send(connection, agent, number)
    after_mb = server.resident_mb()
    show("message step, 3,000 messages", 300, lambda n: send(connection, agent, n))
    blocks, passages = f"{path}/core-memory/blocks", f"{path}/archival-memory"
    for name, count, method, asked, body in (
        ("list 1,000 messages", 20, "GET", f"{path}/messages?limit=1000&order=asc", None),
        ("block update", 300, "PATCH", f"{blocks}/human", {"value": "Version {n}."}),
        ("passage insert", 300, "POST", passages, {"text": "Note {n}: we met at the bridge."}),
        ("passage search among 300", 200, "GET", f"{passages}/search?query=bridge+{{n}}", None),
        ("retrieve agent", 200, "GET", path, None),
        ("health", 500, "GET", "/v1/health", None),
    ):
        show(name, count, _asking(connection, method, asked, body))
    kept = [Connection(server.url) for _ in range(1000)]
    for one in kept:
        one.ask("GET", "/v1/health")
    show("message step beside 1,000 idle connections", 200, lambda n: send(connection, agent, n))
    print(
        f"\nresident memory: idle {idle_mb:.0f} MB, after 1,000 messages sent {after_mb:.0f} MB, "
        f"with 1,000 idle connections {server.resident_mb():.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--durability", default="process", choices=("process", "full"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(folder, options.durability)
        Connection(server.url).ask("GET", "/v1/health")
        idle_mb = server.resident_mb()
        print(f"durability: {options.durability}\n\n| clients, an agent each | steps/s | "
              "CPU ms of the server a step |\n|---|---|---|")  # fmt: skip
        for clients in options.clients:
            load = steps_of_clients(server, clients, options.seconds)
            print(f"| {clients} | {load.steps_per_s:,.0f} | {load.cpu_ms:.2f} |")
        server.stop()
        (folder / "more").mkdir()
        server = Server(folder / "more", options.durability)
        measure_requests(server, idle_mb)
        server.stop()
        measure_ready(folder)


if __name__ == "__main__":
    main()
