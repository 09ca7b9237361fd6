"""Agents: handles to what the journal holds."""

from __future__ import annotations

import datetime as dt
import json
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from memgpt import _core
from memgpt import memory as memory_module
from memgpt._core import ArchivalHit, Context, Message, Passage, RecallHit, Step
from memgpt._hits import Hits
from memgpt._response import Response, Usage
from memgpt._text import checked_number, checked_text
from memgpt.errors import Error, InvalidInput
from memgpt.memory import MemoryModule
from memgpt.tools import redefined, to_core

__all__ = ["Agent", "Archival", "CoreMemory", "Recall", "Response", "Usage"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


def _microseconds(time: dt.datetime | str | None) -> int | None:
    """Microseconds since the epoch; a time without a zone is UTC."""
    if time is None:
        return None
    if isinstance(time, str):
        try:
            time = dt.datetime.fromisoformat(time.replace("Z", "+00:00"))
        except ValueError as error:
            raise InvalidInput(
                f"{time!r} is no ISO time; write it like 2023-05-08T13:56:00"
            ) from error
    if not isinstance(time, dt.datetime):
        raise InvalidInput(f"a time is a datetime or ISO text, not {type(time).__name__}")
    if time.tzinfo is None:
        time = time.replace(tzinfo=dt.timezone.utc)
    return (time - _EPOCH) // dt.timedelta(microseconds=1)


def _json(metadata: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the metadata must be what JSON can hold: {error}") from error
    return checked_text(text, "the metadata")


class CoreMemory(Mapping[str, MemoryModule]):
    """An agent's memory blocks by label; assigning to a block's ``value`` is a step."""

    def __init__(self, core: _core.CoreAgent, home: _core.CoreHome) -> None:
        self._core = core
        self._home = home

    def __getitem__(self, label: str) -> MemoryModule:
        blocks = memory_module.Sections(
            (b.label, MemoryModule._bound(self._home, self._core.id, b.label))
            for b in self._core.blocks()
        )
        return blocks[label]

    def __iter__(self) -> Iterator[str]:
        return iter([block.label for block in self._core.blocks()])

    def __len__(self) -> int:
        return len(self._core.blocks())

    @property
    def summary(self) -> str:
        """The recursive summary of what has left the window; empty while nothing has."""
        return self._core.summary()

    def add(
        self,
        label: str,
        value: str = "",
        limit: int = 2000,
        description: str = "",
        read_only: bool = False,
    ) -> MemoryModule:
        """Attach a new block.

        Raises:
            AlreadyExists: where the label is taken.
            WindowTooSmall: where the context has no room for it.
        """
        self._core.create_block(
            memory_module.make_block(label, value, limit, description, read_only)
        )
        return self[label]

    def remove(self, label: str) -> None:
        """Detach a block; its history stays in the journal.

        Raises:
            BlockNotFound: where there is none.
        """
        self._core.detach_block(checked_text(label, "the label"))

    def __str__(self) -> str:
        return "\n\n".join(
            f"{b.label} ({len(b.value)}/{b.limit} characters"
            f"{', read-only' if b.read_only else ''})\n{b.value}"
            for b in self._core.blocks()
        )

    def __repr__(self) -> str:
        try:
            sizes = (f"{b.label} {len(b.value):,}/{b.limit:,}" for b in self._core.blocks())
            return f"<CoreMemory {', '.join(sizes)}>"
        except Error as error:  # a repr never raises: the home may be closed
            return f"<CoreMemory: {error}>"

    def _repr_html_(self) -> str:
        from memgpt import _views

        return _views.memory_html(self)


class Recall:
    """Every message that was ever exchanged."""

    def __init__(self, core: _core.CoreAgent) -> None:
        self._core = core

    def search(
        self,
        query: str = "",
        *,
        start: dt.datetime | str | None = None,
        end: dt.datetime | str | None = None,
        roles: Sequence[str] = ("user", "assistant"),
        limit: int = 10,
        offset: int = 0,
    ) -> Hits[RecallHit]:
        """Messages that match, best first.

        Args:
            query: words are OR-ed, ``"..."`` is a phrase; empty gives the newest messages.
            start: not older than this (ISO text or datetime; UTC where it names no zone).
            end: older than this.
            roles: user, assistant, tool, system.
            limit: hits at most.
            offset: hits to skip.

        Raises:
            InvalidInput: for a role that does not exist, or a time that cannot be read.
        """
        found = self._core.search_recall(
            checked_text(query, "the query"),
            _microseconds(start),
            _microseconds(end),
            [checked_text(role, "a role") for role in roles],
            checked_number(limit, "limit", InvalidInput),
            checked_number(offset, "offset", InvalidInput),
        )
        return Hits(found, query, "recall")

    def messages(self, start: int = 0, limit: int = 100) -> list[Message]:
        """The log from position ``start`` on, oldest first."""
        return self._core.messages(
            checked_number(start, "start", InvalidInput),
            checked_number(limit, "limit", InvalidInput),
        )

    def __len__(self) -> int:
        return self._core.counts()[0]


class Archival:
    """What was filed for ever, found by meaning."""

    def __init__(self, core: _core.CoreAgent) -> None:
        self._core = core

    def insert(
        self, text: str, *, tags: Sequence[str] = (), metadata: Mapping[str, Any] | None = None
    ) -> Passage:
        """File a text; it is on disk when this returns and found by the next search.

        Raises:
            InvalidInput: for an empty text.
            Unbound: where the agent's embedder is not bound.
        """
        return self._core.insert_passage(
            checked_text(text, "the passage"),
            [checked_text(tag, "a tag") for tag in tags],
            _json(metadata or {}),
        )

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        tags: Sequence[str] = (),
        start: dt.datetime | str | None = None,
        end: dt.datetime | str | None = None,
        offset: int = 0,
    ) -> Hits[ArchivalHit]:
        """Passages nearest in meaning, best first; an empty query gives the newest.

        Args:
            query: a text.
            limit: hits at most.
            tags: passages with any of them.
            start: not older than this.
            end: older than this.
            offset: hits to skip.
        """
        found = self._core.search_archival(
            checked_text(query, "the query"),
            checked_number(limit, "limit", InvalidInput),
            checked_number(offset, "offset", InvalidInput),
            [checked_text(tag, "a tag") for tag in tags],
            _microseconds(start),
            _microseconds(end),
        )
        return Hits(found, query, "archival")

    def __len__(self) -> int:
        return self._core.counts()[1]


class Agent:
    """One agent. A handle: the journal holds everything it is."""

    def __init__(self, core: _core.CoreAgent, home: _core.CoreHome) -> None:
        self._core = core
        self._home = home
        self.memory = CoreMemory(core, home)
        self.recall = Recall(core)
        self.archival = Archival(core)

    @property
    def name(self) -> str:
        return self._core.name

    @property
    def id(self) -> str:
        return self._core.id

    def send(
        self,
        text: str,
        *,
        role: str = "user",
        name: str = "",
        time: dt.datetime | str | None = None,
    ) -> Response:
        """Send a message and let the agent act until it is done.

        Args:
            text: the message.
            role: ``user`` or ``system``.
            name: the speaker, where there are several.
            time: when it was said; now by default.

        Raises:
            InvalidInput: for an empty message or text that UTF-8 cannot store.
            MessageTooLarge: where the window can never hold it; the agent stays usable.
            Unbound: where the model or another part is only known by name.
        """
        return self._send(text, role=role, name=name, time=time)

    def _send(
        self,
        text: str,
        *,
        role: str = "user",
        name: str = "",
        time: dt.datetime | str | None = None,
        type: str = "",
    ) -> Response:
        for tool in filter(None, map(redefined, self._core.bound_tools())):
            self.add_tool(tool)
        core = self._core.send(
            checked_text(text, "the message"),
            checked_text(role, "the role"),
            type,
            checked_text(name, "the name"),
            _microseconds(time),
        )
        return Response(core)

    def context(self) -> Context:
        """What the model would see now: ``print`` it, or use ``.tokens`` and ``.to_request()``."""
        return self._core.context()

    def steps(self) -> list[Step]:
        """The commits of the agent's history, oldest first."""
        return self._core.steps()

    @property
    def window(self) -> list[Message]:
        """The messages in the context, oldest first."""
        return self._core.window()

    @property
    def unbound(self) -> list[str]:
        """What the journal only knows by name, each as the argument that binds it."""
        return self._core.unbound()

    @property
    def config(self) -> dict[str, Any]:
        """The configuration as the journal keeps it."""
        return json.loads(self._core.config())

    @property
    def tools(self) -> list[str]:
        """Names of the tools, in the order in which the model sees them."""
        return [tool["name"] for tool in self.config["tools"]]

    def add_tool(self, tool: Any) -> None:
        """Add a tool, or put it in the place of the one with the same name: a journalled step.

        Raises:
            ToolError: for something that is no tool.
        """
        self._core.add_tool(to_core(tool, agent_getter(self)))

    def remove_tool(self, name: str) -> None:
        """Take a tool away from the model: a journalled step.

        Raises:
            ToolNotFound: where there is none of this name.
        """
        self._core.remove_tool(checked_text(name, "the tool's name"))

    def __repr__(self) -> str:
        try:
            unbound = f", unbound: {', '.join(self.unbound)}" if self.unbound else ""
            state = f"model {self.config['model']}, {len(self.recall)} messages{unbound}"
        except Error as error:  # a repr never raises: the home may be closed
            state = str(error)
        return f"<Agent {self.name!r}, {state}>"

    def __str__(self) -> str:
        from memgpt import _views

        return _views.agent_text(self)

    def _repr_html_(self) -> str:
        from memgpt import _views

        return _views.agent_html(self)


def agent_getter(agent: Agent) -> Callable[[], Agent]:
    """The agent for tools that ask for it, without keeping it alive."""
    reference = weakref.ref(agent)
    home, agent_id = agent._home, agent.id

    def get() -> Agent:
        alive = reference()
        return alive if alive is not None else Agent(home.agent_by_id(agent_id), home)

    return get
