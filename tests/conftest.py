"""Fixtures of all tests: a home on disk, scripted models that check what they are shown."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import testing
from memgpt.testing import ScriptedLLM

from tests.server_client import Client


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the files of tests/golden/ anew"
    )


def say(text: str, heartbeat: bool = False) -> dict[str, Any]:
    """A script's item: the agent says something."""
    return {"tool": "send_message", "args": {"message": text}, "heartbeat": heartbeat}


def call(tool: str, heartbeat: bool = True, **args: Any) -> dict[str, Any]:
    """A script's item: the agent calls a tool and goes on."""
    return {"tool": tool, "args": args, "heartbeat": heartbeat}


def check_request(request: dict[str, Any]) -> None:
    """Every call has exactly one return, directly after it; no return is without its call."""
    assert testing.check_request(request) == []


class CheckedLLM(ScriptedLLM):
    """A ScriptedLLM that checks each context it is shown."""

    def complete(self, context: memgpt.Context) -> memgpt.Reply:
        assert testing.check_context(context) == []
        assert context.tokens <= context.budget.limit
        return super().complete(context)

    def seen(self) -> str:
        """The messages of the last request, as one text."""
        assert self.last_context is not None
        messages = self.last_context.to_request()["messages"]
        return "\n".join(str(message["content"]) for message in messages)

    def returned(self) -> str:
        """The content of the newest tool return that the model saw."""
        assert self.last_context is not None
        messages = self.last_context.to_request()["messages"]
        return [m["content"] for m in messages if m["role"] == "tool"][-1]


class Kit:
    """What tests share: ``kit.agent(script)`` makes an agent whose model follows the script."""

    say = staticmethod(say)
    call = staticmethod(call)
    check_request = staticmethod(check_request)
    LLM = CheckedLLM

    def __init__(self, home: memgpt.Home) -> None:
        self.home = home
        self.llm = CheckedLLM([])

    def agent(self, script: Any = (), name: str = "sam", **options: Any) -> memgpt.Agent:
        self.llm = CheckedLLM(script)
        return self.home.create_agent(name, model=self.llm, **options)

    def reopen(self) -> None:
        """Close the file and open it again."""
        path = self.home.path
        self.home.close()
        self.home = memgpt.open(path, durability="process")

    def still_answers(self, agent: memgpt.Agent, llm: CheckedLLM | None = None) -> None:
        """The next message works, is seen by the model, and nothing of the log is lost."""
        llm = llm or self.llm
        llm.script = lambda context: say("still here")
        before = [message.id for message in agent.recall.messages(0, 100_000)]
        assert agent.send("Are you there?").text == "still here"
        assert "Are you there?" in llm.seen()
        assert testing.check_agent(agent) == []
        after = agent.recall.messages(0, 100_000)
        assert [message.id for message in after][: len(before)] == before

    def problems_after(self, sql: str) -> str:
        """What check() says of a copy of the file that was changed by hand."""
        copy = Path(self.home.path).with_name("changed by hand.db")
        with closing(sqlite3.connect(self.home.path)) as db:
            db.execute("VACUUM INTO ?", (str(copy),))
        with closing(sqlite3.connect(copy)) as db, db:
            assert db.execute(sql).rowcount > 0
        with memgpt.open(copy) as home:
            found = "\n".join(home.check())
        for path in copy.parent.glob(f"{copy.name}*"):
            path.unlink()
        return found

    @staticmethod
    def start(code: str, *args: Any) -> subprocess.Popen[str]:
        """Run Python source in a new process."""
        package = Path(memgpt.__file__).parent.parent
        path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    @classmethod
    def run(cls, code: str, *args: Any) -> str:
        """Run Python source in a new process and give what it printed."""
        process = cls.start(code, *args)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own key is never used by a test."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[memgpt.Home]:
    """A second home."""
    with memgpt.open(tmp_path / "elsewhere.db", durability="process") as home:
        yield home


def check_replay(home: memgpt.Home) -> None:
    """The file is sound, and the journal gives every context that the agents' models saw."""
    assert home.check() == []
    for name in home.agents():
        replay = home.agent(name).replay()
        assert replay.first_divergence is None, f"{name}: {replay!r}"


@pytest.fixture(autouse=True)
def replayed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test did to its agents, its file is sound and replays at its end."""
    if request.node.get_closest_marker("no_replay"):
        yield
        return
    close = memgpt.Home.close

    def replay_and_close(home: memgpt.Home) -> None:
        if not Path(home.path).is_relative_to(tmp_path):  # no file is left of ":memory:"
            with contextlib.suppress(memgpt.StoreError):  # closed already
                check_replay(home)
        close(home)

    tmp_path: Path = request.getfixturevalue("tmp_path")
    monkeypatch.setattr(memgpt.Home, "close", replay_and_close)
    yield
    monkeypatch.undo()
    for path in sorted(tmp_path.rglob("*.db")):
        try:
            home = memgpt.open(path, durability="process")
        except memgpt.StoreError:  # a test's own broken, newer or read-only file
            continue
        except memgpt.ConfigError:  # still open, with the other durability
            home = memgpt.open(path)
        with home:
            check_replay(home)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[memgpt.Home]:
    """A home in a file of its own; fast, for no test here cuts the power."""
    with memgpt.open(tmp_path / "agents.db", durability="process") as home:
        yield home


@pytest.fixture
def client(home: memgpt.Home) -> Iterator[Client]:
    """Of a server as it is by default."""
    with home.serve(port=0) as server:
        yield Client(server.url)


@pytest.fixture
def kit(home: memgpt.Home) -> Kit:
    return Kit(home)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Any]:
    """A notebook's kernel; only its tests import Jupyter."""
    from tests.notebook_kernel import Kernel

    kernel = Kernel(tmp_path)
    yield kernel
    kernel.stop()
