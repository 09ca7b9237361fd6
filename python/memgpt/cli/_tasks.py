"""What ``memgpt benchmark`` asks of a model: a short task for each thing that MemGPT needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import memgpt

__all__ = ["TASKS", "Task"]


@dataclass(frozen=True)
class Task:
    """One message to a new agent.

    Attributes:
        name: what is tried.
        message: what the user says.
        wanted: tools, one of which has to be called, and not in vain.
        prepare: what the agent knows before.
        said: words of which one has to be in what it says; any where empty.
    """

    name: str
    message: str
    wanted: tuple[str, ...]
    prepare: Callable[[memgpt.Agent], None] = field(default=lambda agent: None)
    said: tuple[str, ...] = ()


def _talked(agent: memgpt.Agent) -> None:
    lines = [
        ("user", "My sister Ada keeps seven geese behind the old mill."),
        ("assistant", "Seven geese, that must be loud."),
        ("user", "I will fly to Lisbon on the third of May."),
        ("assistant", "Lisbon is lovely in May."),
    ]
    agent.recall.import_transcript(
        [
            {"speaker": speaker, "text": text, "time": f"2024-03-0{day}T10:00:00"}
            for day, (speaker, text) in enumerate(lines, start=1)
        ]
    )


def _filed(agent: memgpt.Agent) -> None:
    agent.archival.insert("The boiler in the cellar is a Vaillant VC 20, installed in 2016.")
    agent.archival.insert("The spare key of the garden shed lies under the blue pot.")


def _likes_tea(agent: memgpt.Agent) -> None:
    agent.memory["human"].value = "Name: Chad\nFavourite drink: tea"


def _calm(agent: memgpt.Agent) -> None:
    agent.memory["persona"].value = "I am Sam.\nMood: calm"


_APPEND = ("core_memory_append", "core_memory_replace")
TASKS = (
    Task("greet", "Hello! Say hello to me.", ("send_message",)),
    Task("quote", 'Say this to me: She said "no\\yes", {tea: 1}.', ("send_message",)),
    Task("umlauts", "Greet me in German, with Grüße and a goose: 🦢", ("send_message",)),
    Task("remember a name", "My name is Chad. Keep that in your core memory.", _APPEND),
    Task("remember a place", "I live in Turin. Keep that in your core memory.", _APPEND),
    Task(
        "replace a fact",
        "My favourite drink is coffee now, not tea. Change it in your core memory.",
        ("core_memory_replace",),
        _likes_tea,
    ),
    Task(
        "replace in the persona",
        'In your core memory, in the block persona, replace "Mood: calm" by "Mood: cheerful".',
        ("core_memory_replace",),
        _calm,
    ),
    Task(
        "search the talk",
        "How many geese does my sister keep? Search our past conversation.",
        ("conversation_search", "conversation_search_date"),
        _talked,
        ("seven", "7"),
    ),
    Task(
        "search the talk again",
        "To which city will I fly? Search our past conversation.",
        ("conversation_search", "conversation_search_date"),
        _talked,
        ("lisbon",),
    ),
    Task(
        "file a text",
        "Remember this in your archival memory: the car was serviced on 3 May 2024.",
        ("archival_memory_insert",),
    ),
    Task(
        "find a text",
        "Which boiler is in the cellar? Search your archival memory.",
        ("archival_memory_search",),
        _filed,
        ("vaillant",),
    ),
    Task(
        "find another",
        "Where is the spare key of the garden shed? Search your archival memory.",
        ("archival_memory_search",),
        _filed,
        ("pot",),
    ),
)
