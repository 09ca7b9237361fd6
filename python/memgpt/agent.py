"""Homes and agents: handles to what the journal holds."""

from __future__ import annotations

import datetime as dt
import json
import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt import _core
from memgpt import memory as memory_module
from memgpt._core import (
    ArchivalHit,
    Context,
    MemoryPolicy,
    Message,
    Passage,
    RecallHit,
    RecursiveSummary,
    Step,
)
from memgpt.errors import AgentNotFound, ConfigError, InvalidInput
from memgpt.llm import Embedder, LLMProvider, to_core_embedder, to_core_provider
from memgpt.memory import BaseMemory, ChatMemory, MemoryModule
from memgpt.tools import to_core

__all__ = ["Agent", "Archival", "CoreMemory", "Home", "Recall", "Response", "Usage", "open"]

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
    if time.tzinfo is None:
        time = time.replace(tzinfo=dt.timezone.utc)
    return (time - _EPOCH) // dt.timedelta(microseconds=1)


def _checked_text(text: Any, what: str) -> str:
    """Text that UTF-8 can hold."""
    if isinstance(text, (bytes, bytearray)):
        raise InvalidInput(f'{what} is bytes; decode it first: text.decode("utf-8", "replace")')
    if not isinstance(text, str):
        raise InvalidInput(f"{what} must be text, not {type(text).__name__}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{what} holds a lone surrogate at character {error.start}, which UTF-8 cannot store; "
            'clean it with text.encode("utf-8", "replace").decode()'
        ) from error
    return text


@dataclass(frozen=True)
class Usage:
    """Tokens of a turn: the provider's figures where it gave them, else ours."""

    prompt_tokens: int
    completion_tokens: int


class Response:
    """What came of one ``send()``; printing it prints what the agent said.

    Attributes:
        text: what send_message said, joined by newlines.
        messages: all messages that the turn appended after the input.
        steps: model calls.
        usage: tokens.
        evicted: messages that left the window for the summary.
        stop_reason: ``end_turn``, ``max_steps``, ``no_tool_call`` or ``invalid_tool_call``.
    """

    def __init__(self, core: _core.CoreResponse) -> None:
        self.text: str = "\n".join(core.spoken)
        self.messages: list[Message] = list(core.messages)
        self.steps: int = core.steps
        self.usage = Usage(core.prompt_tokens, core.completion_tokens)
        self.evicted: int = core.evicted
        self.stop_reason: str = core.stop_reason

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Response({self.text!r}, steps={self.steps}, stop_reason={self.stop_reason!r})"


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
            _core.Block(label, _checked_text(value, "the value"), limit, description, read_only)
        )
        return self[label]

    def remove(self, label: str) -> None:
        """Detach a block; its history stays in the journal.

        Raises:
            BlockNotFound: where there is none.
        """
        self._core.detach_block(label)

    def __str__(self) -> str:
        return "\n\n".join(
            f"{b.label} ({len(b.value)}/{b.limit} characters"
            f"{', read-only' if b.read_only else ''})\n{b.value}"
            for b in self._core.blocks()
        )


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
    ) -> list[RecallHit]:
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
        return self._core.search_recall(
            _checked_text(query, "the query"),
            _microseconds(start),
            _microseconds(end),
            list(roles),
            limit,
            offset,
        )

    def messages(self, start: int = 0, limit: int = 100) -> list[Message]:
        """The log from position ``start`` on, oldest first."""
        return self._core.messages(start, limit)

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
            _checked_text(text, "the passage"), list(tags), json.dumps(dict(metadata or {}))
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
    ) -> list[ArchivalHit]:
        """Passages nearest in meaning, best first; an empty query gives the newest.

        Args:
            query: a text.
            limit: hits at most.
            tags: passages with any of them.
            start: not older than this.
            end: older than this.
            offset: hits to skip.
        """
        return self._core.search_archival(
            _checked_text(query, "the query"),
            limit,
            offset,
            list(tags),
            _microseconds(start),
            _microseconds(end),
        )

    def __len__(self) -> int:
        return self._core.counts()[1]


class Agent:
    """One agent. A handle: the journal holds everything it is."""

    def __init__(self, core: _core.CoreAgent, home: Home) -> None:
        self._core = core
        self._home = home
        self.memory = CoreMemory(core, home._core)
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
        core = self._core.send(
            _checked_text(text, "the message"),
            role,
            type,
            _checked_text(name, "the name"),
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
        self._core.add_tool(to_core(tool, _getter(self)))

    def remove_tool(self, name: str) -> None:
        """Take a tool away from the model: a journalled step.

        Raises:
            ToolNotFound: where there is none of this name.
        """
        self._core.remove_tool(name)

    def __repr__(self) -> str:
        unbound = f", unbound: {', '.join(self.unbound)}" if self.unbound else ""
        return f"<Agent {self.name!r}, model {self.config['model']}, {len(self.recall)} messages{unbound}>"


def _getter(agent: Agent) -> Any:
    """The agent for tools that ask for it, without keeping it alive."""
    reference = weakref.ref(agent)
    core_home, agent_id, home = agent._home._core, agent.id, weakref.ref(agent._home)

    def get() -> Agent:
        if (alive := reference()) is not None:
            return alive
        owner = home()
        return Agent(core_home.agent_by_id(agent_id), owner or Home._of(core_home))

    return get


class Home:
    """An open database and the agents in it. Use :func:`memgpt.open`."""

    def __init__(self, path: str | os.PathLike[str], durability: str = "full") -> None:
        self._core = _core.CoreHome(os.fspath(path), durability)
        self._durability = durability

    @classmethod
    def _of(cls, core: _core.CoreHome) -> Home:
        home = cls.__new__(cls)
        home._core, home._durability = core, "full"
        return home

    @property
    def path(self) -> str:
        return self._core.path

    def create_agent(
        self,
        name: str,
        *,
        memory: BaseMemory | type[BaseMemory] | None = None,
        model: str | LLMProvider | type[LLMProvider] = "offline",
        embedding: str | Embedder | type[Embedder] | None = "offline",
        tools: Sequence[Any] = (),
        include_base_tools: bool = True,
        policy: MemoryPolicy | None = None,
        context_window: int | None = None,
        system: str = "",
        max_steps: int = 50,
        exist_ok: bool = False,
    ) -> Agent:
        """Make an agent.

        Args:
            name: unique among the agents of this home.
            memory: its core memory; :class:`ChatMemory` with stock texts by default.
            model: ``"offline"``, or an LLMProvider.
            embedding: ``"offline"``, an Embedder, or None for archival memory without vectors.
            tools: functions, ``@memgpt.tool`` functions or Tools. One with the name of a base tool
                takes its place.
            include_base_tools: offer send_message, the searches and archival_memory_insert.
            policy: what stays in the window; ``RecursiveSummary()`` by default.
            context_window: in tokens; by default the model's, or 32,768 where it is unknown.
            system: the system prompt, which the agent cannot edit; a stock text by default.
            max_steps: model calls per ``send()``.
            exist_ok: return the agent of this name if there is one, bound to what is given here.

        Raises:
            AlreadyExists: where the name is taken.
            WindowTooSmall: where system prompt, tools and memory do not fit; says by how much.
            ModelNotFound: for a model handle that nothing answers for.
        """
        if exist_ok:
            try:
                return self.agent(
                    name,
                    memory=None if memory is None else type_of(memory),
                    model=model,
                    embedding=embedding,
                    tools=tools,
                    policy=policy,
                    context_window=context_window,
                )
            except AgentNotFound:
                pass
        own = _instance(memory)
        memory_tools, holder = memory_module.make_tools(own)
        options = _core.AgentOptions()
        options.provider = to_core_provider(model)
        options.embedder = to_core_embedder(embedding)
        options.policy = policy if policy is not None else RecursiveSummary()
        options.context_window = _window(context_window)
        options.system_prompt = _checked_text(system, "the system prompt")
        options.max_steps = max_steps
        options.memory_class = memory_module.class_name(type(own))
        options.blocks = memory_module.new_blocks(own)
        options.base_tools = include_base_tools
        # A tool may want its agent, which is there only after its tools.
        box: list[Any] = []
        options.tools = memory_tools + [to_core(tool, lambda: box[0]()) for tool in tools]
        core = self._core.create_agent(_checked_text(name, "the agent's name"), options)
        holder.home, holder.agent_id = self._core, core.id
        memory_module.bind(own, self._core, core.id)
        agent = Agent(core, self)
        box.append(_getter(agent))
        return agent

    def agent(
        self,
        name: str,
        *,
        memory: type[BaseMemory] | None = None,
        model: str | LLMProvider | type[LLMProvider] | None = None,
        embedding: str | Embedder | type[Embedder] | None = None,
        tools: Sequence[Any] = (),
        policy: MemoryPolicy | None = None,
        context_window: int | None = None,
    ) -> Agent:
        """Open an agent. What is given is bound to it; what the journal only knows by name and
        is not given is listed in ``agent.unbound``.

        Raises:
            AgentNotFound: where there is none of this name; says which there are.
        """
        core = self._core.agent(_checked_text(name, "the agent's name"))
        agent = Agent(core, self)
        config = agent.config
        unbound_memory = any(entry.startswith("memory=") for entry in core.unbound())
        stock = config["memory_class"] == memory_module.class_name(ChatMemory)
        if memory is None and stock and unbound_memory:
            memory = ChatMemory
        binding = _core.Binding()
        if model is not None and model != config["model"]:
            binding.provider = to_core_provider(model)
        if embedding is not None and embedding != "offline":
            binding.embedder = to_core_embedder(embedding)
        if policy is not None:
            binding.policy = policy
        binding.context_window = _window(context_window)
        bound_tools = [to_core(tool, _getter(agent)) for tool in tools]
        if memory is not None:
            own = memory.__new__(memory)
            memory_tools, holder = memory_module.make_tools(own)
            holder.home, holder.agent_id = self._core, core.id
            memory_module.bind(own, self._core, core.id)
            wanted = set(agent.tools)
            known = config["memory_class"] == memory_module.class_name(memory)
            binding.memory_class = memory_module.class_name(memory)
            # A base tool that was removed stays removed.
            bound_tools = [t for t in memory_tools if not known or t.name in wanted] + bound_tools
        binding.tools = bound_tools
        if (
            bound_tools
            or binding.provider is not None
            or binding.embedder is not None
            or policy is not None
            or context_window is not None
        ):
            core.bind(binding)
        return agent

    def agents(self) -> list[str]:
        """Names of the agents, oldest first."""
        return [row.name for row in self._core.agents()]

    def delete_agent(self, name: str) -> None:
        """Delete an agent: its name is free afterwards; the history stays in the file.

        Raises:
            AgentNotFound: where there is none of this name.
        """
        self._core.delete_agent(name)

    def close(self) -> None:
        """Close the file; using this home or its agents afterwards raises StoreError."""
        self._core.close()
        _forget(self)

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Home {self.path!r}>"


def _instance(given: BaseMemory | type[BaseMemory] | None) -> BaseMemory:
    if given is None:
        return ChatMemory()
    if isinstance(given, type):
        return given()
    return given


def type_of(given: BaseMemory | type[BaseMemory]) -> type[BaseMemory]:
    """The class of a memory object, or the class itself."""
    return given if isinstance(given, type) else type(given)


def _window(context_window: int | None) -> int:
    if context_window is None:
        return 0
    if isinstance(context_window, bool) or not isinstance(context_window, int) or context_window < 1:
        raise ConfigError(f"context_window must be a number of tokens, not {context_window!r}")
    return context_window


_homes: weakref.WeakValueDictionary[str, Home] = weakref.WeakValueDictionary()


def _forget(home: Home) -> None:
    for path, other in list(_homes.items()):
        if other is home:
            del _homes[path]


def open(path: str | os.PathLike[str] = "agents.db", *, durability: str = "full") -> Home:
    """Open a database of agents, made if it is not there. The same path gives the same home.

    Args:
        path: a file; ``":memory:"`` is a private temporary file that goes when it is closed.
        durability: ``"full"``: what was acknowledged survives a power cut. ``"process"``: it
            survives a kill, perhaps not a power cut, and is faster.

    Raises:
        NotADatabase: where the file is something else.
        NewerVersion: where a newer memgpt wrote it.
        ReadOnlyStore: where it cannot be written.
        StoreError: where it cannot be opened.
    """
    if os.fspath(path) == ":memory:":
        return Home(":memory:", durability)
    real = os.path.realpath(path)
    home = _homes.get(real)
    if home is None:
        home = _homes[real] = Home(real, durability)
    elif home._durability != durability:
        raise ConfigError(f'"{real}" is open with durability="{home._durability}"; close it first')
    return home
