"""A server that is killed under load and started again has everything that it acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import memgpt
import pytest

from tests.server_client import Client


class Process:
    """``memgpt server`` on a database, as a service manager runs it."""

    def __init__(self, database: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "memgpt", "server", "--port", "0", "--db", str(database)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "MEMGPT_HOME": str(database.parent)},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "memgpt server is listening on http://127.0.0.1:" in line
        self.client = Client(line.split()[-1])

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode


class Sender(threading.Thread):
    """Sends to an agent of its own until nobody answers, and keeps what was acknowledged."""

    def __init__(self, client: Client, number: int) -> None:
        super().__init__()
        self.client, self.number = client, number
        self.agent = client.agent(name=f"agent {number}", embedding="offline")["id"]
        self.said: list[str] = []
        self.filed: list[str] = []
        self.blocks: list[str] = []

    def run(self) -> None:
        for turn in range(10_000):
            text = f"Message {turn} of {self.number}."
            try:
                if turn % 3 == 0:
                    block = {"label": f"b{turn}", "value": text}
                    self.blocks.append(self.client.ok("POST", "/v1/blocks/", block)["id"])
                self.client.say(self.agent, text)
            except (OSError, ValueError):
                return
            self.said.append(text)


def texts(client: Client, agent: str) -> list[str]:
    """Every user message, oldest first, over all pages."""
    found: list[str] = []
    after = ""
    while page := client.ok("GET", f"/v1/agents/{agent}/messages?order=asc&limit=50{after}"):
        after = f"&after={page[-1]['id']}"
        found += [m["content"] for m in page if m["message_type"] == "user_message"]
    return found


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_what_was_acknowledged_is_there(rounds: int, tmp_path: Path) -> None:
    database = tmp_path / "home.db"
    for number in range(rounds):
        server = Process(database)
        senders = [Sender(server.client, number * 4 + i) for i in range(4)]
        for sender in senders:
            sender.start()
        while sum(len(sender.said) for sender in senders) < 20:
            assert any(sender.is_alive() for sender in senders)
        server.end(signal.SIGKILL)
        for sender in senders:
            sender.join()
        server = Process(database)
        known = {block["id"] for block in all_blocks(server.client)}
        for sender in senders:
            kept = texts(server.client, sender.agent)
            assert kept[: len(sender.said)] == sender.said, "in order, and none lost"
            assert len(kept) <= len(sender.said) + 1, "the one that was under way"
            assert set(sender.blocks) <= known
            again = server.client.say(sender.agent, "Still there?")
            assert again["stop_reason"]["stop_reason"] == "end_turn"
        assert server.end(signal.SIGTERM) == 0
    with memgpt.open(database) as home:
        assert home.check(replay=True) == []


def all_blocks(client: Client) -> list[Any]:
    blocks: list[Any] = []
    after = ""
    while page := client.ok("GET", f"/v1/blocks/?limit=100{after}"):
        after = f"&after={page[-1]['id']}"
        blocks += page
    return blocks


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    bad = tmp_path / "bad.db"
    bad.write_text("no database " * 100)
    done = subprocess.run(
        [sys.executable, "-m", "memgpt", "server", "--port", "0", "--db", str(bad)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.startswith("memgpt: ") and not done.stdout
    assert bad.read_text().startswith("no database")
