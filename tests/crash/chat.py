"""A child that uses an agent in every way that writes, tells what was acknowledged, and may die.

    python -m tests.crash.chat FILE DURABILITY SEED ACTIONS [PLACE NTH]

Each acknowledgement is a line of JSON on the standard output and a mark in the disk's record.
PLACE is where the process kills itself, at the NTH time: a name that is given to `here()`, or
"call", "half-call" and "after-call", the NTH call that changes a file. With "flaky" it lives, and
syncs fail now and then.
"""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import memgpt
from memgpt.memory import ChatMemory, MemoryModule
from memgpt.testing import ScriptedLLM

from tests.crash.shim import SYNC, Faults

PLACES = (
    "model", "reply", "plain tool", "before effect", "after effect", "async tool", "memory method",
    "summariser", "policy", "embedder", "between",
)  # fmt: skip
CALLS = {"call": "before", "half-call": "half", "after-call": "after"}
WINDOW = 4096
WORDS = ["goose", "bridge", "lantern", "orchard", "violin", "harbour", "copper", "saffron"]


class Places:
    """Where the process shall die."""

    def __init__(self, place: str = "", nth: int = 0) -> None:
        self._place, self._left = place, nth

    def here(self, place: str) -> None:
        if place == self._place:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Model(ScriptedLLM):
    """Follows the actions' scripts; writes the summaries, too."""

    def __init__(self, places: Places) -> None:
        super().__init__([], context_window=WINDOW)
        self._places = places
        self.replies: list[Any] = []

    def complete(self, context: memgpt.Context) -> memgpt.Reply:
        self._places.here("model")
        self.script = lambda context: self.replies.pop(0) if self.replies else say("Well.")
        reply = super().complete(context)
        self._places.here("reply")
        return reply

    def summarize(self, text: str, limit_tokens: int) -> str:
        self._places.here("summariser")
        return f"A talk of {len(text)} bytes about birds."


class Policy(memgpt.RecursiveSummary):
    def __init__(self, places: Places) -> None:
        super().__init__()
        self._places = places

    def fit(self, window: memgpt.PolicyWindow) -> Any:
        self._places.here("policy")
        return super().fit(window)


class Embedder(memgpt.Embedder):
    name, dimension = "letters", 26

    def __init__(self, places: Places) -> None:
        self._places = places

    def embed(self, texts: list[str]) -> list[list[float]]:
        self._places.here("embedder")
        return [[1.0 + text.lower().count(chr(97 + i)) for i in range(26)] for text in texts]


class Memory(ChatMemory):
    """A memory class of one's own, with a section that its method rewrites."""

    _places = Places()

    def __init__(self) -> None:
        super().__init__("I am Sam.", "")
        self.memory["tasks"] = MemoryModule(name="tasks", value="", limit=1000)

    def task_add(self, task: str) -> None:
        """Put a task on the list."""
        self.memory["tasks"].value = (self.memory["tasks"].value + "- " + task + "\n")[-900:]
        self._places.here("memory method")


def say(text: str) -> dict[str, Any]:
    return {"tool": "send_message", "args": {"message": text}}


def call(tool: str, **args: Any) -> dict[str, Any]:
    return {"tool": tool, "args": args, "heartbeat": True}


def tools(places: Places, world: Path) -> list[Any]:
    """Tools with and without outside effects; `world` is what lies outside."""

    @memgpt.tool(effects="none")
    def weigh(thing: str) -> str:
        """Weigh a thing."""
        places.here("plain tool")
        return f"{thing} weighs {len(thing)} kg"

    @memgpt.tool(effects="none")
    def refuse(thing: str) -> str:
        """Fails."""
        raise ValueError(f"no {thing} today")

    def launch(where: str) -> str:
        """Launch."""
        places.here("before effect")
        with world.open("a") as out:
            out.write(where + "\n")
        places.here("after effect")
        return "launched to " + where

    async def wait(what: str) -> str:
        """Wait."""
        places.here("async tool")
        return "waited for " + what

    return [weigh, refuse, launch, wait]


class Chat:
    """One agent and what is done with it. Every text carries a word of its own: the number."""

    def __init__(self, home: memgpt.Home, places: Places, world: Path, name: str = "sam") -> None:
        Memory._places = places
        self.places = places
        self.model = Model(places)
        self.agent = home.create_agent(
            name,
            memory=Memory,
            model=self.model,
            embedding=Embedder(places),
            tools=tools(places, world),
            policy=Policy(places),
            context_window=WINDOW,
            exist_ok=True,
        )

    def send(self, word: str, *replies: Any, about: str = "") -> dict[str, Any]:
        self.model.replies = [*replies, say(f"Answer {word}: {about}")]
        return {"said": self.agent.send(f"Question {word}: {about}").text, "word": word}

    def act(self, rng: random.Random, word: str) -> dict[str, Any]:
        """One action, and what was acknowledged of it."""
        about = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(10, 120)))
        actions: list[Callable[[], dict[str, Any]]] = [
            lambda: self.send(word, about=about),
            lambda: self.send(word, call("weigh", thing=word), about=about),
            lambda: self.send(word, call("refuse", thing=word), about=about),
            lambda: self.send(word, call("launch", where=word), about=about),
            lambda: self.send(word, call("wait", what=word), about=about),
            lambda: self.send(word, call("task_add", task=word), about=about),
            lambda: self.send(word, call("core_memory_append", name="human", content=word)),
            lambda: self.send(word, call("archival_memory_insert", content=f"Fact {word}")),
            lambda: self.send(word, call("conversation_search", query=rng.choice(WORDS))),
            lambda: self.send(word, [call("weigh", thing=word), call("launch", where="nowhere")]),
            lambda: self.insert(word),
            lambda: self.refile(word),
            lambda: self.edit(word),
            lambda: self.import_talk(word, about),
            lambda: self.pin(),
        ]
        return rng.choices(actions, weights=[3] * 5 + [1] * (len(actions) - 5))[0]()

    def insert(self, word: str) -> dict[str, Any]:
        return {"passage": self.agent.archival.insert(f"Passage {word}").id}

    def refile(self, word: str) -> dict[str, Any]:
        passage = self.agent.archival.insert(f"Passage {word} to be changed")
        self.agent.archival.update(passage, text=f"Passage {word}")
        return {"passage": passage.id}

    def edit(self, word: str) -> dict[str, Any]:
        self.agent.memory["human"].value = f"Likes {word}."
        return {"human": f"Likes {word}."}

    def import_talk(self, word: str, about: str) -> dict[str, Any]:
        items = [
            {"speaker": "Ann", "text": f"Imported {word}: {about}", "time": f"2024-05-{i + 1:02}"}
            for i in range(12)
        ]
        return {"imported": len(self.agent.recall.import_transcript(items)), "word": word}

    def pin(self) -> dict[str, Any]:
        for position in self.agent.pinned:
            self.agent.unpin(position)
        self.agent.pin(self.agent.window[-1])
        return {}

    def state(self) -> dict[str, Any]:
        """What must be there from now on."""
        agent = self.agent
        return {
            "steps": len(agent.steps()),
            "passages": len(agent.archival),
            "blocks": {label: agent.memory[label].value for label in agent.memory},
        }


def main(path: Path, durability: str, seed: int, actions: int, place: str, nth: int) -> None:
    faults = Faults()
    places = Places(place, nth)
    rng = random.Random(seed)
    if place in CALLS:
        faults.kill(nth, CALLS[place])  # type: ignore[arg-type]
    home = memgpt.open(path, durability=durability)
    chat = Chat(home, places, path.parent.with_suffix(".world"))
    chat.send(f"w{seed}x")
    known = 0

    def acknowledge(ack: dict[str, Any]) -> None:
        nonlocal known
        ack |= chat.state()
        new = chat.agent.recall.messages(known, 10_000)
        ack |= {"from": known, "ids": [message.id for message in new]}
        known += len(new)
        line = json.dumps(ack)
        faults.mark(line)
        print(line, flush=True)

    acknowledge({})
    for number in range(actions):
        if place == "flaky":
            faults.fail(SYNC, errno.EIO, after=rng.randrange(8), times=1)
        try:
            acknowledge(chat.act(rng, f"w{seed}x{number}"))
        except memgpt.StoreError:
            assert place == "flaky"
        places.here("between")
    faults.mend()
    home.close()
    print(json.dumps({"closed": True, "calls": faults.calls}), flush=True)


if __name__ == "__main__":
    file, durable, first, count, *death = sys.argv[1:]
    main(
        Path(file), durable, int(first), int(count), death[0] if death else "",
        int(death[1]) if death else 0,
    )  # fmt: skip
