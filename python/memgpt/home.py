"""Homes: an open database and the agents in it."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from memgpt import _core
from memgpt import memory as memory_module
from memgpt._core import MemoryPolicy, RecursiveSummary
from memgpt._text import checked_text
from memgpt.agent import Agent, agent_getter
from memgpt.errors import AgentNotFound, ConfigError
from memgpt.llm import Embedder, LLMProvider, to_core_embedder, to_core_provider
from memgpt.memory import BaseMemory, ChatMemory
from memgpt.tools import to_core

__all__ = ["Home", "open"]


class Home:
    """An open database and the agents in it. Use :func:`memgpt.open`."""

    def __init__(self, path: str | os.PathLike[str], durability: str = "full") -> None:
        self._core = _core.CoreHome(os.fspath(path), durability)
        self._durability = durability

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
        options.system_prompt = checked_text(system, "the system prompt")
        options.max_steps = max_steps
        options.memory_class = memory_module.class_name(type(own))
        options.blocks = memory_module.new_blocks(own)
        options.base_tools = include_base_tools
        # A tool may want its agent, which is there only after its tools.
        box: list[Callable[[], Agent]] = []
        options.tools = memory_tools + [to_core(tool, lambda: box[0]()) for tool in tools]
        core = self._core.create_agent(checked_text(name, "the agent's name"), options)
        holder.home, holder.agent_id = self._core, core.id
        memory_module.bind(own, self._core, core.id)
        agent = Agent(core, self._core)
        box.append(agent_getter(agent))
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
        core = self._core.agent(checked_text(name, "the agent's name"))
        agent = Agent(core, self._core)
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
        bound_tools = [to_core(tool, agent_getter(agent)) for tool in tools]
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
        self._core.delete_agent(checked_text(name, "the agent's name"))

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
    if (
        isinstance(context_window, bool)
        or not isinstance(context_window, int)
        or context_window < 1
    ):
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
