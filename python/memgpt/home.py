"""Homes: an open database and the agents in it."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memgpt import _core, _memory_tools
from memgpt._archives import Archive
from memgpt._calls import call_chain, check_loop_is_free
from memgpt._core import Purged
from memgpt._export import file_path, is_agent_file
from memgpt._options import (
    agent_name,
    memory_of,
    reasoning_of,
    warn_of_missing_key,
    window_of,
    zone_of,
)
from memgpt._purge import Purge, purges_of
from memgpt._serving import Serving
from memgpt._text import checked_flag, checked_number, checked_seconds, checked_text
from memgpt.agent import Agent, agent_getter
from memgpt.errors import AlreadyExists, ConfigError, Reentrant
from memgpt.llm import Embedder, LLMProvider, to_core_embedder, to_core_provider
from memgpt.memory import BaseMemory, ChatMemory, SharedBlock, make_block
from memgpt.policy import MemoryPolicy, RecursiveSummary, to_core_policy
from memgpt.store import THREAD_NAME, ArchivalStore, Guarded, to_core_store
from memgpt.tools import to_core

__all__ = ["Home", "open"]

_DEFAULT: Any = object()  # "offline" where an agent is made, "leave it" where one is opened


class Home(Serving):
    """An open database and the agents in it. Use :func:`memgpt.open`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        durability: str = "full",
        turn_timeout_s: float = 60.0,
        exact_search: int = 50_000,
        index_memory: int = 1 << 30,
    ) -> None:
        self._options = {
            "durability": durability,
            "turn_timeout_s": checked_seconds(turn_timeout_s, "turn_timeout_s"),
            "exact_search": checked_number(exact_search, "exact_search", ConfigError, high=1 << 31),
            "index_memory": checked_number(index_memory, "index_memory", ConfigError, high=1 << 48),
        }
        self._core = _core.CoreHome(os.fspath(path), **self._options)
        # What is bound to an agent stays bound while its home is open, handle or no handle.
        self._live: dict[str, _core.CoreAgent] = {}
        self._stores: dict[int, Guarded] = {}  # by the store's id()

    @property
    def path(self) -> str:
        return self._core.path

    def create_agent(
        self,
        name: str,
        *,
        memory: BaseMemory | type[BaseMemory] | None = None,
        model: str | Mapping[str, Any] | LLMProvider | type[LLMProvider] | None = None,
        embedding: str | dict[str, Any] | Embedder | type[Embedder] | None = _DEFAULT,
        archival_store: str | ArchivalStore | type[ArchivalStore] | None = None,
        tools: Sequence[Any] = (),
        include_base_tools: bool = True,
        policy: MemoryPolicy | type[MemoryPolicy] | None = None,
        summarizer: str | LLMProvider | type[LLMProvider] | None = None,
        context_window: int | None = None,
        system: str = "",
        max_steps: int = 50,
        reasoning: str | None = None,
        timezone: str | None = None,
        exist_ok: bool = False,
    ) -> Agent:
        """Make an agent.

        Args:
            name: unique among the agents of this home.
            memory: its core memory; :class:`ChatMemory` with stock texts by default.
            model: ``"offline"`` (the default), ``"<service>/<model>"`` (``openai``, ``azure``,
                ``ollama``, ``llama.cpp``, ``vllm`` ..., with key and address from the environment:
                OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST ...; warns where there is no key, and
                ``send()`` raises MissingKey), a dict of ``"model"``, ``"endpoint"`` and
                ``"endpoint_type"``, or an LLMProvider, e.g. an OpenAICompatible.
            embedding: ``"offline"`` (the default), ``"openai/<model>"`` or ``"ollama/<model>"``
                (the server is asked for its vectors' length where the model is not known), an
                Embedder, or None for archival memory without vectors. A dict ``{"model":...,
                "endpoint":..., "endpoint_type": "openai"}`` is an Embedder too.
            archival_store: where archival memory's vectors are searched: an ArchivalStore, for
                example one of ``memgpt.stores``; ``"builtin"``, the kernel's own index, by default.
            tools: functions, ``@memgpt.tool`` functions or Tools. One with the name of a base tool
                takes its place.
            include_base_tools: offer send_message, the searches and archival_memory_insert.
            policy: what stays in the window; :class:`RecursiveSummary` by default.
            summarizer: the model that writes the summaries of what leaves the window, with a window
                of its own: a handle or an LLMProvider, which is asked by ``summarize()`` if it
                defines that, else by ``complete()``. By default the agent's own model; one written
                in Python only if it defines ``summarize()``. Where none writes, or it fails, a
                mechanical digest stands in.
            context_window: in tokens; by default the provider's, or 32,768 where it names none, as
                hosted models with larger ones do: what stands in the window is paid for.
            system: the system prompt, which the agent cannot edit; a stock text by default.
            max_steps: model calls per ``send()``.
            reasoning: where the model's thoughts go: into an ``"argument"`` that is injected into
                each tool, into the ``"native"`` reasoning of a model that has one, or nowhere
                (``"none"``). By default what is known of the model.
            timezone: where the agent and its user are, an IANA name such as ``"Europe/Berlin"``;
                ``"UTC"`` by default. Dates in words and without a zone are of it, and searches show
                their times in it.
            exist_ok: return the agent of this name if there is one. The memory, model, embedding,
                archival store, tools, policy, window and time zone that are given are bound to it;
                its blocks keep their values, and the other arguments are for new agents only.

        Raises:
            AlreadyExists: where the name is taken.
            WindowTooSmall: where system prompt, tools and memory do not fit; says by how much.
            ModelNotFound: for a model handle that nothing answers for.
            ConfigError: for a time zone that this machine does not know.
        """

        def existing() -> Agent:
            return self.agent(
                name,
                memory=memory,
                model=model,
                embedding=None if embedding is _DEFAULT else embedding,
                archival_store=archival_store,
                tools=tools,
                policy=policy,
                summarizer=summarizer,
                context_window=context_window,
                reasoning=reasoning,
                timezone=timezone,
            )

        if exist_ok and name in self.agents():
            return existing()
        own = memory_of(memory)
        provider = to_core_provider("offline" if model is None else model)
        warn_of_missing_key(provider)
        memory_tools, holder = _memory_tools.make_tools(own)
        options = _core.AgentOptions()
        options.provider = provider
        options.embedder = to_core_embedder("offline" if embedding is _DEFAULT else embedding)
        if archival_store not in (None, "builtin"):
            options.archival_store = self._store(archival_store)
        options.policy = to_core_policy(RecursiveSummary() if policy is None else policy)
        if summarizer is not None:
            options.summarizer = to_core_provider(summarizer, summarizes=True)
        options.context_window = window_of(context_window)
        options.system_prompt = checked_text(system, "the system prompt")
        options.max_steps = checked_number(max_steps, "max_steps", ConfigError, low=1)
        options.reasoning = reasoning_of(reasoning)
        options.timezone = zone_of(timezone)
        options.memory_class = _memory_tools.class_name(type(own))
        options.blocks = _memory_tools.new_blocks(own)
        options.base_tools = include_base_tools
        # A tool may want its agent, which is there only after its tools.
        box: list[Callable[[], Agent]] = []
        options.tools = memory_tools + [to_core(tool, lambda: box[0]()) for tool in tools]
        try:
            core = self._core.create_agent(checked_text(name, "the agent's name"), options)
        except AlreadyExists:
            if not exist_ok:
                raise
            # Another process was faster.
            return existing()
        self._live[core.id] = core
        holder.home, holder.agent_id = self._core, core.id
        _memory_tools.bind(own, self._core, core.id)
        agent = Agent(core, self._core, self._live)
        box.append(agent_getter(agent))
        return agent

    def agent(
        self,
        name: str,
        *,
        memory: BaseMemory | type[BaseMemory] | None = None,
        model: str | Mapping[str, Any] | LLMProvider | type[LLMProvider] | None = None,
        embedding: str | dict[str, Any] | Embedder | type[Embedder] | None = None,
        archival_store: str | ArchivalStore | type[ArchivalStore] | None = None,
        tools: Sequence[Any] = (),
        policy: MemoryPolicy | type[MemoryPolicy] | None = None,
        summarizer: str | LLMProvider | type[LLMProvider] | None = None,
        context_window: int | None = None,
        reasoning: str | None = None,
        timezone: str | None = None,
    ) -> Agent:
        """Open an agent. What is given is bound to it; what the journal only knows by name and
        is not given is listed in ``agent.unbound``. ``archival_store="builtin"`` goes back from a
        store of your own to the kernel's index.

        Raises:
            AgentNotFound: where there is none of this name; says which there are.
            ConfigError: for a time zone that this machine does not know.
        """
        core = self._core.agent(checked_text(name, "the agent's name"))
        self._live[core.id] = core
        agent = Agent(core, self._core, self._live)
        config = agent.config
        unbound_memory = any(entry.startswith("memory=") for entry in core.unbound())
        stock = config["memory_class"] == _memory_tools.class_name(ChatMemory)
        if memory is None and stock and unbound_memory:
            memory = ChatMemory
        binding = _core.Binding()
        if model is not None:
            provider = to_core_provider(model)
            warn_of_missing_key(provider)
            if model != config["model"]:
                binding.provider = provider
        if embedding is not None:
            binding.embedder = to_core_embedder(embedding)
        if archival_store == "builtin":
            binding.own_index = True
        elif archival_store is not None:
            binding.archival_store = self._store(archival_store)
        if policy is not None:
            binding.policy = to_core_policy(policy)
        if summarizer is not None:
            binding.summarizer = to_core_provider(summarizer, summarizes=True)
        binding.context_window = window_of(context_window)
        binding.reasoning = reasoning_of(reasoning)
        binding.timezone = zone_of(timezone)
        bound_tools = [to_core(tool, agent_getter(agent)) for tool in tools]
        if memory is not None:
            # A class is not constructed anew: its blocks come from the journal.
            own = memory if isinstance(memory, BaseMemory) else memory.__new__(memory)
            if isinstance(memory, BaseMemory):
                _memory_tools.new_blocks(own)  # refuses one that belongs to another agent
            memory_tools, holder = _memory_tools.make_tools(own)
            holder.home, holder.agent_id = self._core, core.id
            _memory_tools.bind(own, self._core, core.id)
            wanted = set(agent.tools)
            known = config["memory_class"] == _memory_tools.class_name(type(own))
            binding.memory_class = _memory_tools.class_name(type(own))
            # A base tool that was removed stays removed.
            bound_tools = [t for t in memory_tools if not known or t.name in wanted] + bound_tools
        binding.tools = bound_tools
        if (
            bound_tools
            or binding.provider is not None
            or binding.embedder is not None
            or archival_store is not None
            or policy is not None
            or summarizer is not None
            or context_window is not None
            or reasoning is not None
            or timezone is not None
        ):
            core.bind(binding)
        return agent

    def import_agent(self, path: str | os.PathLike[str], name: str | None = None) -> Agent:
        """Take in an agent that ``agent.export(path)`` wrote, with all that it is: the same
        answers, the same contexts, undo, tags and branches, and a replay without divergence.

        The file is checked and replayed before, on a copy; nothing in it is executed, and no key
        comes with it. Tools of Python, and models, embedders and policies that a program gave, are
        unbound as after ``home.agent(name)``, which binds them; ``agent.tool_sources`` has the
        text of the tools. An id that is taken in this home becomes another one, as do those of
        messages that are here already. A shared block that this home has, with the same versions,
        is attached; any other one comes along, and is shared with nobody yet. So do shared
        archives: one that this home has, with all that the file has of it and perhaps more, is
        attached, and any other one comes along, as ``"papers 2"`` where there is a ``"papers"``.

        Args:
            path: the file; one that ends in ``.af`` is read as a Letta agent file, as far as that
                goes: a warning names what is left out.
            name: what the agent is called here; as in the file by default.

        Raises:
            AlreadyExists: where the name is taken: give another ``name``.
            NotADatabase: where the file is no exported agent.
            NewerVersion: where a newer memgpt wrote it.
            StoreError: where it cannot be read, or is not as it was written; nothing was imported.
            InvalidInput: for an ``.af`` file that is none.
        """
        source = file_path(path)
        given = "" if name is None else agent_name(name)
        if is_agent_file(source):
            from memgpt._agent_file_read import import_agent_file

            return import_agent_file(self, source, given)
        return self.agent(self._core.import_agent(source, given).name)

    def _store(self, given: ArchivalStore | type[ArchivalStore] | str) -> _core.PythonArchivalStore:
        core, guarded = to_core_store(given)
        self._stores[id(guarded.store)] = guarded
        return core

    def agents(self) -> list[str]:
        """Names of the agents, oldest first."""
        return [row.name for row in self._core.agents()]

    def delete_agent(self, name: str) -> None:
        """Delete an agent: its name is free afterwards; the history stays in the file.

        Raises:
            AgentNotFound: where there is none of this name.
        """
        name = checked_text(name, "the agent's name")
        check_loop_is_free(self._core.agent(name))
        for agent_id in [i for i, core in self._live.items() if core.name == name]:
            del self._live[agent_id]
        self._core.delete_agent(name)

    def create_archive(
        self,
        name: str,
        description: str = "",
        *,
        embedding: str | dict[str, Any] | Embedder | type[Embedder] | None = "offline",
        exist_ok: bool = False,
    ) -> Archive:
        """Make an archive for several agents: ``agent.archival.attach(archive)`` gives it to one.

        Args:
            name: unique among the archives of this home, on one line.
            description: what it is for.
            embedding: makes the vectors of all its passages, whoever files them: ``"offline"``, an
                Embedder, or None for an archive without vectors. Agents with another embedder find
                its passages by words alone.
            exist_ok: return the archive of this name if there is one, as :meth:`archive` does.

        Raises:
            AlreadyExists: where the name is taken.
            ConfigError: for a name that cannot be.
        """
        checked_text(name, "the archive's name")
        description = checked_text(description, "the archive's description")
        embedder = to_core_embedder(embedding)
        try:
            return Archive(self._core.create_archive(name, description, embedder))
        except AlreadyExists:
            if not checked_flag(exist_ok, "exist_ok"):
                raise
            return self.archive(name, embedding=embedding)

    def archive(
        self,
        name: str,
        *,
        embedding: str | dict[str, Any] | Embedder | type[Embedder] | None = None,
    ) -> Archive:
        """Open an archive that agents share.

        Args:
            name: its name.
            embedding: the embedder that it has, where that is written in Python and was not bound
                to it, or to an agent that has it, since the home was opened.

        Raises:
            ArchiveNotFound: where there is none of this name; says which there are.
            ConfigError: for another embedder than it has.
        """
        core = self._core.archive(checked_text(name, "the archive's name"))
        embedder = to_core_embedder(embedding)
        if embedder is not None:
            core.bind(embedder)
        return Archive(core)

    def archives(self) -> list[Archive]:
        """The archives that agents share, oldest first."""
        return [Archive(core) for core in self._core.archives()]

    def delete_archive(self, name: str) -> None:
        """Delete an archive: its name is free afterwards; the passages stay in the file until
        ``purge(deleted=True)``.

        Raises:
            ArchiveNotFound: where there is none of this name.
            InvalidInput: where agents have it, which are named: detach it first.
        """
        self._core.delete_archive(checked_text(name, "the archive's name"))

    def create_block(
        self,
        label: str,
        value: str = "",
        limit: int = 2000,
        description: str = "",
        read_only: bool = False,
    ) -> SharedBlock:
        """Make a memory block for several agents: ``agent.memory.attach(block)`` gives it to one.

        Args:
            label: what the agents call it: 1 to 50 letters, digits, ``_`` or ``-``. It need not be
                unique among shared blocks.
            value, limit, description, read_only: as in :class:`memgpt.memory.MemoryModule`.

        Raises:
            ConfigError: for a label or limit that cannot be.
            LimitExceeded: where the value is over the limit.
        """
        block = make_block(label, value, limit, description, read_only)
        return SharedBlock(self._core, self._core.create_block(block))

    def blocks(self) -> list[SharedBlock]:
        """The memory blocks that were made to be shared, by label."""
        return [SharedBlock(self._core, row.block.id) for row in self._core.shared_blocks()]

    def check(self, *, replay: bool = False) -> list[str]:
        """What is wrong with the file: its pages, agents, branches, commits, messages, windows,
        calls, tags, embeddings and deletions. Changes nothing and waits for no agent; costs what
        the file holds. Ctrl-C ends it.

        Args:
            replay: replay each agent, too, and name the first divergence.

        Returns:
            One line a problem; empty where the file is sound.

        Raises:
            StoreError: where the file is gone, or is not the one that was opened.
        """
        return self._core.check(checked_flag(replay, "replay"))

    def rebuild(self) -> None:
        """Drop everything that is derived: the indexes of the searches, which are in memory. The
        next searches make them anew from the messages and passages, and give what they gave.
        Archival stores of your own are told of all passages again; for these alone the file has a
        note, and is changed.

        Raises:
            StoreError: where the home is closed.
        """
        self._core.rebuild()

    def purge(
        self, *, text: str | None = None, deleted: bool = False, undone: bool = False
    ) -> Purged:
        """Destroy: the one operation that does. It cannot be undone. It takes the turn of every
        agent, changes the rows in one transaction, compacts the file, and leaves a line in
        :meth:`purges`; ``agent.replay()`` names what it can no longer compare.

        Args:
            text: destroyed wherever the file holds exactly it, upper and lower case told apart:
                in messages, calls and their returns, memory blocks and passages in all versions,
                summaries, models' replies, system prompts and descriptions of tools; also where
                JSON has escaped it. ``[purged]`` stands in its place, or stars where it has less
                than 8 characters. At least 3 characters. Another spelling is another text.
            deleted: destroy what only deleted agents can see. What a fork or another agent still
                sees stays, and so do shared blocks.
            undone: destroy what is seen neither from where an agent stands, nor from where
                ``redo()`` would bring it, nor from a tag: lines that were undone and left.

        Returns:
            How many rows were changed or are gone, by kind; zeros, and no line in
            :meth:`purges`, where there was nothing to destroy.

        What it cannot destroy: copies and backups of the file, and what file systems keep of it
        (snapshots, copy-on-write, worn blocks of a disk); what was sent to models' providers, and
        to tools; logs; what programs hold, such as a Response, or a system prompt and tools with
        the text in them, which come back when they are bound again. Names of agents, archives,
        tags, memory blocks and tools stay: ``.names`` of the result counts those that have the
        text. Other processes that have the file open notice at their next call. Vectors of changed
        passages are made anew where their embedder is bound; the other passages are listed still,
        but no search by a text finds them (``.vectors_lost``). Archival stores are told to
        delete what was destroyed; one that is not to be had is told when it is.

        Raises:
            ConfigError: where nothing is asked for.
            InvalidInput: for a text that is blank, too short or no UTF-8.
            Reentrant: inside of a tool.
            Busy: where an agent's turn takes longer than ``turn_timeout_s``.
            StoreError: where it is done, but somebody else's reading or writing kept the file from
                being compacted for up to 10 seconds. Call it again then: it makes up for that.
        """
        if any(call.agent.startswith(self.path + "\n") for call in call_chain()):
            # On the turn's own thread or on another: it would wait for itself.
            raise Reentrant("a tool cannot purge: that takes the turn of every agent")
        for row in self._core.agents():
            check_loop_is_free(self._core.agent_by_id(row.id))
        return self._core.purge(
            None if text is None else checked_text(text, "the text to purge"),
            deleted=checked_flag(deleted, "deleted"),
            undone=checked_flag(undone, "undone"),
        )

    def purges(self) -> list[Purge]:
        """What :meth:`purge` destroyed in this file, oldest first."""
        return purges_of(self._core)

    def close(self) -> None:
        """Close the file; using this home or its agents afterwards raises StoreError. Archival
        stores that were given to its agents are closed, too."""
        self._live.clear()
        self._core.close()
        while self._stores:
            self._stores.popitem()[1].close()
        _forget(self)

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        from memgpt import _views

        return _views.home_text(self)


def _at_exit() -> None:
    """Daemon threads that are sending are parked before the interpreter goes."""
    others = {thread.name for thread in threading.enumerate()} - {threading.current_thread().name}
    if others - {THREAD_NAME}:
        _core._begin_exit()
    for home in list(_homes.values()):
        home._core.stop_background()


atexit.register(_at_exit)

_homes: weakref.WeakValueDictionary[str, Home] = weakref.WeakValueDictionary()
# A forked child opens homes of its own.
os.register_at_fork(after_in_child=_homes.clear)


def _forget(home: Home) -> None:
    for path, other in list(_homes.items()):
        if other is home:
            del _homes[path]


def open(
    path: str | os.PathLike[str] = "agents.db",
    *,
    durability: str = "full",
    turn_timeout_s: float = 60.0,
    exact_search: int = 50_000,
    index_memory: int = 1 << 30,
) -> Home:
    """Open a database of agents, made if it is not there. The same path gives the same home.

    Args:
        path: a file; ``":memory:"`` is a private temporary file that goes when it is closed.
        durability: ``"full"``: what was acknowledged survives a power cut. ``"process"``: it
            survives a kill, perhaps not a power cut, and is faster.
        turn_timeout_s: how long a call waits for an agent that is in the middle of a turn, before
            it raises Busy.
        exact_search: up to so many passages that an agent sees, a search by vectors looks at every
            one. Where there are more, inverted lists are made in the background, and kept in the
            folder ``<path>-vectors``, which may be deleted.
        index_memory: bytes that the searches' indexes may take, about. Beyond it those go that were
            not searched for longest, and are made again when they are.

    Raises:
        ConfigError: for an option that cannot be, or where it is open with others.
        NotADatabase: where the file is something else.
        NewerVersion: where a newer memgpt wrote it.
        ReadOnlyStore: where it cannot be written.
        DiskFull: where there is no space.
        StoreError: where it cannot be opened.
    """
    durability = checked_text(durability, "durability")
    try:
        name = os.fsdecode(path)
        real = os.path.realpath(name)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path!r} cannot be the path of a file: {error}") from error
    options: dict[str, Any] = {
        "durability": durability,
        "turn_timeout_s": turn_timeout_s,
        "exact_search": exact_search,
        "index_memory": index_memory,
    }
    if name == ":memory:":
        return Home(":memory:", **options)
    home = _homes.get(real)
    if home is None:
        home = _homes[real] = Home(real, **options)
    elif changed := [k for k, value in options.items() if home._options[k] != value]:
        known = ", ".join(f"{k}={home._options[k]!r}" for k in changed)
        raise ConfigError(f'"{real}" is open with {known}; close it first')
    return home
