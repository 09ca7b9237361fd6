"""A child whose threads write at the same time, each with an agent, on a disk that may fail.

    python -m tests.crash.team SCENARIO FOLDER

The last line of the output is what the scenario found, as JSON. Each acknowledgement is a mark in
the disk's record: a pair of agent and word.
"""

from __future__ import annotations

import errno
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import memgpt
from memgpt.testing import ScriptedLLM

from tests.crash.checks import check_log
from tests.crash.shim import SYNC, WRITE, Faults

THREADS = 16
SYNC_S = 0.003  # long enough that the others come meanwhile


def echo(context: memgpt.Context) -> dict[str, object]:
    """Says a word of the last message again."""
    said = [m for m in context.to_request()["messages"] if m["role"] == "user"][-1]["content"]
    word = next(word for word in said.replace('"', " ").split() if word.startswith("w"))
    return {"tool": "send_message", "args": {"message": f"Answer {word}"}}


def check_words(home: memgpt.Home, acknowledged: dict[str, list[str]]) -> None:
    """What was acknowledged is there once, and the file is sound."""
    assert home.check() == []
    for name in home.agents():
        agent = home.agent(name)
        log = agent.recall.messages(0, 1_000_000)
        assert [message.position for message in log] == list(range(len(log)))
        check_log(log)
        texts = Counter(message.text for message in log)
        for word in acknowledged.get(name, ()):
            assert texts[f"Question {word}"] == 1 == texts[f"Answer {word}"], (name, word)
        assert agent.replay().first_divergence is None


class Team:
    """Agents of one home, one a thread."""

    def __init__(self, folder: Path, faults: Faults, size: int = THREADS) -> None:
        self.home = memgpt.open(folder / "agents.db")
        self.faults = faults
        self.agents = [
            self.home.create_agent(f"a{number}", model=ScriptedLLM(echo)) for number in range(size)
        ]
        self.acknowledged: dict[str, list[str]] = {agent.name: [] for agent in self.agents}
        self.errors: list[memgpt.Error] = []
        self._broken: list[BaseException] = []
        self._words = 0

    def send(self, turns: int) -> int:
        """Every agent is sent so many messages, all at once; how many of them failed."""
        before = len(self.errors)
        self._words += 1

        def work(agent: memgpt.Agent) -> None:
            try:
                for turn in range(turns):
                    self._send(agent, f"w{self._words}x{turn}")
            except BaseException as error:
                self._broken.append(error)

        threads = [threading.Thread(target=work, args=(agent,)) for agent in self.agents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self._broken, self._broken
        return len(self.errors) - before

    def _send(self, agent: memgpt.Agent, word: str) -> None:
        try:
            agent.send(f"Question {word}")
        except memgpt.StoreError as error:
            self.errors.append(error)
        else:
            self.faults.mark(json.dumps([agent.name, word]))
            self.acknowledged[agent.name].append(word)

    def fail_all(self) -> None:
        """Until the disk fails somebody, and then everybody."""
        while self.send(1) == 0:
            pass
        assert self.send(1) == len(self.agents)

    def commits(self) -> int:
        return sum(len(agent.steps()) for agent in self.agents)

    def end(self) -> None:
        """The same home goes on; another one finds everything."""
        self.faults.mend()
        self.faults.sync_time(0)
        assert self.send(1) == 0
        check_words(self.home, self.acknowledged)
        self.home.close()
        with memgpt.open(self.home.path) as home:
            check_words(home, self.acknowledged)


def count(folder: Path, faults: Faults, size: int) -> dict[str, int]:
    team = Team(folder, faults, size)
    faults.sync_time(SYNC_S)
    commits, syncs = team.commits(), faults.syncs
    team.send(10)
    found = {"commits": team.commits() - commits, "syncs": faults.syncs - syncs}
    team.end()
    return {**found, "errors": len(team.errors)}


def many(folder: Path, faults: Faults) -> dict[str, int]:
    """Commits and syncs of many threads."""
    return count(folder, faults, THREADS)


def one(folder: Path, faults: Faults) -> dict[str, int]:
    """The same of one thread, which waits for each of its commits."""
    return count(folder, faults, 1)


def chat(folder: Path, faults: Faults) -> dict[str, int]:
    """Nothing fails, and everything is recorded."""
    team = Team(folder, faults)
    faults.sync_time(SYNC_S)
    team.send(4)
    team.end()
    return {"errors": len(team.errors), "failed": faults.failed}


def failing_syncs(folder: Path, faults: Faults) -> dict[str, int]:
    """A sync fails now and then: a group is written again, one by one."""
    team = Team(folder, faults)
    faults.sync_time(SYNC_S)
    rng = random.Random(1)
    for _ in range(6):
        faults.fail(SYNC, errno.EIO, suffix="-wal", after=rng.randrange(1, 4), times=1)
        team.send(2)
    failed = faults.failed
    team.end()
    return {"errors": len(team.errors), "failed": failed}


def a_long_failure(folder: Path, faults: Faults) -> dict[str, int]:
    """From a write or a sync on nothing works, until it does again."""
    team = Team(folder, faults)
    faults.sync_time(SYNC_S)
    for number, kind in enumerate((SYNC, WRITE, SYNC | WRITE, SYNC)):
        faults.fail(kind, errno.EIO, suffix="-wal", after=3 * number)
        team.fail_all()
        faults.mend()
        assert team.send(1) == 0
    assert not any(isinstance(error, memgpt.errors.DiskFull) for error in team.errors)
    team.end()
    return {"errors": len(team.errors), "failed": faults.failed}


def full(folder: Path, faults: Faults) -> dict[str, int]:
    """The disk fills up in the middle of a group, space is made, and so on."""
    team = Team(folder, faults)
    faults.sync_time(SYNC_S)
    for free in (0, 5_000, 60_000, 250_000, 400_000):
        faults.free(free)
        team.fail_all()
        faults.mend()
        assert team.send(1) == 0
    for error in team.errors:
        assert isinstance(error, memgpt.errors.DiskFull) and ";" in str(error), repr(error)
    team.end()
    return {"errors": len(team.errors), "failed": faults.failed}


SCENARIOS: dict[str, Callable[[Path, Faults], dict[str, int]]] = {
    scenario.__name__: scenario
    for scenario in (many, one, chat, failing_syncs, a_long_failure, full)
}


if __name__ == "__main__":
    print(json.dumps(SCENARIOS[sys.argv[1]](Path(sys.argv[2]), Faults())))
