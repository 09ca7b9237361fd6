"""Agents: handles to what the journal holds."""

from __future__ import annotations

import datetime as dt
import json
import os
import weakref
from collections.abc import Callable
from typing import Any

from memgpt import _core
from memgpt._branches import Branch, branches_of, tools_for_fork
from memgpt._budget import BudgetReport
from memgpt._calls import check_not_inside
from memgpt._core import Context, Head, Message, Moved, Replay, Step, Summary, Tag
from memgpt._export import file_path, is_agent_file, sources_of
from memgpt._filing import Reembedding
from memgpt._recompile import Recompilation
from memgpt._response import Response, Usage
from memgpt._sending import Sending
from memgpt._text import checked_number, checked_step, checked_text
from memgpt._tiers import Archival, CoreMemory, Recall
from memgpt.errors import ConfigError, Error, InvalidInput
from memgpt.llm import Embedder, LLMProvider, to_core_embedder, to_core_provider
from memgpt.policy import MemoryPolicy, from_core_policy, renewed_policy, to_core_policy
from memgpt.tools import renewed, to_core

__all__ = ["Agent", "Archival", "CoreMemory", "Recall", "Response", "Usage"]


class Agent(Sending):
    """One agent. A handle: the journal holds everything it is."""

    def __init__(
        self,
        core: _core.CoreAgent,
        home: _core.CoreHome,
        live: dict[str, _core.CoreAgent] | None = None,
    ) -> None:
        super().__init__(core)
        self._home = home
        self._live = {} if live is None else live  # what the home keeps
        self.memory = CoreMemory(core, home)
        self.recall = Recall(core)
        self.archival = Archival(core)

    @property
    def name(self) -> str:
        return self._core.name

    @property
    def id(self) -> str:
        return self._core.id

    def _renew(self) -> None:
        getter = agent_getter(self)
        for tool in self._core.bound_tools():
            if new := renewed(tool, getter):
                self._writer.add_tool(new)
        if policy := renewed_policy(self._core.policy()):
            self._bind_policy(policy)

    def context(self, step: int | None = None) -> Context:
        """What the model would see now, or saw then: ``print`` it, or use ``.tokens``,
        ``.explain()``, ``.diff(other)`` and ``.to_request()``.

        Args:
            step: the ``.seq`` of a model call of ``agent.steps()``: the context that it was sent,
                made again from the journal. It costs what the window held then, not what the
                history holds. What ``home.purge()`` has destroyed since shows as it is now.

        Raises:
            NotFound: the history has no such commit.
            InvalidInput: that commit called no model.
            StoreError: the file does not hold what was recorded; ``agent.replay()`` says more.
            Exception: what a policy of your own raises about the next call. One that refuses it
                (WindowFull, PolicyError) is not in the way: the window is shown as it stands.
        """
        if step is None:
            return self._core.context()
        return self._core.past_context(checked_step(step))

    def budget(self) -> BudgetReport:
        """What fills the window, by kind, block and tool, and what would still fit: ``print`` it,
        or ask ``.fits(text)`` and ``.room_for(tokens)``."""
        return BudgetReport(self._own)

    def steps(self) -> list[Step]:
        """The commits of the agent's history, oldest first."""
        return self._core.steps()

    def summaries(self) -> list[Summary]:
        """Every summary of the history, oldest first; the last one stands in the context.

        Each names what it covers, who wrote it, and why a digest took the place of a model's.
        """
        return self._core.summaries()

    def resummarize(self, summarizer: str | LLMProvider | type[LLMProvider] | None = None) -> None:
        """Make the summary anew from all messages that it stands for: a journalled step.

        Nothing was deleted, so that a better model, or a better day of the same one, can do it
        again at any time. The summary before it stays in the journal.

        Args:
            summarizer: writes summaries from now on, see ``create_agent``; the agent's own by
                default.

        Raises:
            InvalidInput: where nothing has left the window.
            ProviderError: where the summariser fails; the old summary stays.
        """
        if summarizer is not None:
            binding = _core.Binding()
            binding.summarizer = to_core_provider(summarizer, summarizes=True)
            self._writer.bind(binding)
        self._writer.resummarize()

    def undo(self, n: int = 1, *, unit: str = "turn") -> Moved:
        """Go back, in every tier at once: window, recall, archival, blocks, summary.

        Nothing is lost: :meth:`redo` comes back until something is written, and what was undone
        then is found by :meth:`branches`. The configuration is not undone, nor is what tools did
        outside, nor what was written into shared blocks and archives: the result lists them.

        Args:
            n: how many.
            unit: ``"turn"``, an input with all its steps, or ``"step"``. What was written between
                turns, an edit of a block or an import, counts as one of either.

        Raises:
            InvalidInput: where there are not so many; says how many there are.
            Reentrant: inside of a tool of this agent.
            Busy: where a turn of the agent takes longer than a minute.
        """
        return self._writer.undo(checked_number(n, "n", InvalidInput), checked_text(unit, "unit"))

    def redo(self, n: int = 1, *, unit: str = "turn") -> Moved:
        """Go forward again over what was undone.

        Args:
            n: how many.
            unit: ``"turn"`` or ``"step"``, see :meth:`undo`.

        Raises:
            InvalidInput: where not so many were undone, or something was written since.
        """
        return self._writer.redo(checked_number(n, "n", InvalidInput), checked_text(unit, "unit"))

    def pop(self, messages: int | None = None) -> Moved:
        """Undo the fewest whole steps that hold the last messages.

        Args:
            messages: how many; by default back to before the last user message.

        Raises:
            InvalidInput: where there are not so many.
        """
        if messages is None:
            return self._writer.undo_messages(0)
        return self._writer.undo_messages(checked_number(messages, "messages", InvalidInput, low=1))

    def save(self, name: str | None = None) -> Tag:
        """Give the place in history where the agent stands a name, for :meth:`load`.

        Args:
            name: the tag; by default the time.

        Raises:
            AlreadyExists: where there is such a tag.
        """
        if name is None:
            name = dt.datetime.now(dt.timezone.utc).isoformat(sep=" ", timespec="microseconds")
        return self._writer.save_tag(checked_text(name, "the tag"))

    def load(self, place: str | Head | None = None) -> Moved:
        """Go to a tag, or to a place on any line of the history; :meth:`redo` comes back.

        Args:
            place: a tag, or a head, for example of one of :meth:`branches`; the newest tag by
                default.

        Raises:
            NotFound: where there is no such tag, or the place is none of this agent's.
        """
        if isinstance(place, Head):
            return self._writer.load(place)
        return self._writer.load_tag("" if place is None else checked_text(place, "the tag"))

    @property
    def head(self) -> Head:
        """The place in history where the agent stands."""
        return self._core.head()

    def delete_tag(self, name: str) -> None:
        """Take a tag away; the history stays.

        Raises:
            NotFound: where there is no such tag; says which there are.
        """
        self._writer.delete_tag(checked_text(name, "the tag"))

    def tags(self) -> list[Tag]:
        """The names that were given by :meth:`save`, oldest first."""
        return self._core.tags()

    def branches(self) -> list[Branch]:
        """Every line of history that the agent has, oldest first: also those that were undone."""
        return branches_of(self._core)

    def at(self, step: int | str | Head) -> Agent:
        """The agent as it was after a step: it reads like an agent, and cannot be changed.

        It holds a place, no transaction, and costs what the window held then.

        Args:
            step: the ``.seq`` of one of ``agent.steps()``, a tag, or a head of any line of the
                history, for example of one of :meth:`branches`.

        Raises:
            NotFound: where there is no such commit or tag, or it is none of this agent's.
        """
        return Agent(self._core.at(self._place(step)), self._home, self._live)

    def fork(self, name: str, at: int | str | Head | None = None) -> Agent:
        """A new agent that goes on from here, or from a step of the past. This one stays as it is.

        Nothing is copied, so that it costs the same however long the history is; both see what was
        before in memory, recall and archival. The fork has this agent's configuration and tools.

        Args:
            name: of the new agent.
            at: the ``.seq`` of a step, a tag, or a head of any line; now by default.

        Raises:
            AlreadyExists: where the name is taken.
            NotFound: where there is no such commit or tag, or it is none of this agent's.
        """
        place = None if at is None else self._place(at)
        # A tool may want its agent, which is there only after its tools.
        box: list[Callable[[], Agent]] = []
        tools, give = tools_for_fork(self._own, lambda: box[0]())
        core = self._own.fork(checked_text(name, "the agent's name"), place, tools)
        self._live[core.id] = core
        give(self._home, core.id)
        agent = Agent(core, self._home, self._live)
        box.append(agent_getter(agent))
        return agent

    def _place(self, step: int | str | Head) -> Head:
        if isinstance(step, str):
            return self._core.find_tag(step).head
        return step if isinstance(step, Head) else self._core.place(checked_step(step))

    def export(
        self, path: str | os.PathLike[str], *, overwrite: bool = False, sources: bool = True
    ) -> None:
        """Write everything that the agent is into one file: blocks, the whole history with its
        branches and tags, passages with their vectors, tools' schemas and sources, configuration;
        and the shared archives that are attached to it, whole, with what others filed in them:
        detach those that are not to be handed on. Never keys: none are kept.
        ``home.import_agent(path)`` brings it back, in any home.

        The file is a database like a home's, with this agent alone in it; ``memgpt.open`` opens
        it, too. It is written beside ``path`` first: an export that is broken off leaves what was
        there. The agent need not wait: what it has committed when the export begins is written.

        Args:
            path: a file; one that ends in ``.af`` is written in the format of Letta's agent files,
                which holds less: a warning names what it cannot.
            overwrite: take the place of an export that is there, never of a home, of a file beside
                it, or of a file that is neither empty nor a database (``.af``: nor JSON).
            sources: write the source text of the tools, and of a memory class of your own, where
                Python knows it. It is written as it stands: with a key in it, if you put one there.

        Raises:
            AlreadyExists: where there is such a file; with ``overwrite`` where it is no export.
            InvalidInput: for an agent as it was, see :meth:`at`.
            DiskFull, ReadOnlyStore, StoreError: where it cannot be written.
        """
        target = file_path(path)
        if is_agent_file(target):
            from memgpt._agent_file import export_agent_file

            export_agent_file(self, target, overwrite=overwrite, sources=sources)
            return
        self._own.export_to(target, overwrite, sources_of(self._own) if sources else None)

    @property
    def tool_sources(self) -> dict[str, str]:
        """Source texts of tools that came with the agent when it was imported, by name, and of a
        memory class under its full name. To be read: nothing runs them. ``add_tool`` binds a tool.
        """
        return dict(self._core.tool_sources())

    def reembed(self, embedding: str | dict[str, Any] | Embedder | type[Embedder]) -> Reembedding:
        """Give the agent another embedder. The vectors of all its passages, and of its forks', are
        made anew in the background; until they are, searches go on with those that there are. Then
        the agent works with the new embedder, in a step of its own.

        Call it again after a kill, or once the program is started anew: it goes on where it was.
        The old vectors stay in the file, for forks and for ``agent.at()``.

        Args:
            embedding: as for :meth:`Home.create_agent`: ``"offline"``, a handle such as
                ``"openai/text-embedding-3-small"`` or ``"ollama/nomic-embed-text"``, ``{"model":
                ..., "endpoint": ..., "endpoint_type": ...}`` with what else an
                :class:`OpenAICompatibleEmbedder` takes, or an Embedder, with a name of its own.

        Returns:
            How far it is; ``.wait()`` waits for it.

        Raises:
            ConfigError: for an embedder that cannot be.
            Reentrant: inside of a tool.
        """
        check_not_inside(self._own, "its embedder is changed between turns")
        embedder = to_core_embedder(embedding)
        if embedder is None:
            raise ConfigError("reembed() needs an embedder")
        return Reembedding(self._own, embedder, self.name)

    def replay(self) -> Replay:
        """Make every context of the history again, from the journal alone, and compare it with
        what was recorded when the model saw it: the digest of its spans, and its tokens.

        No model, tool or policy runs: their replies, results and decisions are on record. A
        TokenCounter of your own does run, and has to count what it counted then. Rows that
        are not as they were written are found too. Costs what the history holds, some thousand
        steps a second.

        Returns:
            A :class:`Replay`: ``.steps``, contexts compared; ``.first_divergence``, None or the
            first commit that is not as recorded, with ``.seq``, ``.what`` and a readable ``.diff``;
            ``.unchecked``, what could not be compared and why: so contexts and replies that held
            what ``home.purge()`` has destroyed since; all others are compared.
        """
        return self._core.replay()

    def recompile(
        self,
        policy: MemoryPolicy | type[MemoryPolicy] | None = None,
        context_window: int | None = None,
    ) -> Recompilation:
        """What the model would have seen at each step of the history under another policy, or in
        another window. The agent stays as it is.

        No model is asked: replies, results and edits are those on record, and mechanical digests
        stand in for summaries. With neither argument the policies and windows on record are used,
        so that only summaries differ. Costs what the history holds, like ``replay()``.

        Args:
            policy: decides at every step; those on record by default.
            context_window: in tokens; those on record by default.

        Returns:
            A :class:`Recompilation`: by step the tokens, evictions, prefix share, and the spans
            kept and lost; the same of the record beside; ``.context(step)``.

        Raises:
            ConfigError: for something that is no policy, or no number of tokens.
            PolicyError: where the policy's decision cannot be followed; names the step.
            Unbound: where a policy on record is not bound.
            StoreError: where the history is not as it was recorded.
        """
        return Recompilation(self._own, policy, context_window)

    @property
    def policy(self) -> MemoryPolicy | None:
        """What decides what stays in the window; assigning another is a journalled step. None for
        one of your own that is not bound.

        Raises (where it is assigned):
            ConfigError: for something that is no policy.
            WindowTooSmall: where it leaves no room to work in; the old one stays.
        """
        return from_core_policy(self._core.policy())

    @policy.setter
    def policy(self, policy: MemoryPolicy | type[MemoryPolicy]) -> None:
        self._bind_policy(to_core_policy(policy))

    def _bind_policy(self, policy: _core.CorePolicy) -> None:
        binding = _core.Binding()
        binding.policy = policy
        self._writer.bind(binding)

    def pin(self, message: Message | int) -> None:
        """Ask the policy to keep a message in the window: a journalled step. The kernel's own
        policies do; one of yours sees it in ``PolicyWindow.pins``.

        Args:
            message: of ``agent.window``, or its ``position``.

        Raises:
            InvalidInput: where it is not in the window.
            WindowFull: where the pinned messages would leave no room for a conversation.
        """
        self._writer.pin(_position(message), True)

    def unpin(self, message: Message | int) -> None:
        """Let the policy decide about a message again."""
        self._writer.pin(_position(message), False)

    @property
    def pinned(self) -> list[int]:
        """Positions of the pinned messages, in order."""
        return self._core.pins()

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
    def timezone(self) -> str:
        """The IANA name of the agent's time zone; ``home.agent(name, timezone=...)`` changes it."""
        return self.config.get("timezone", "UTC")

    @property
    def tools(self) -> list[str]:
        """Names of the tools, in the order in which the model sees them."""
        return [tool["name"] for tool in self.config["tools"]]

    def add_tool(self, tool: Any) -> None:
        """Add a tool, or put it in the place of the one with the same name: a journalled step.

        Raises:
            ToolError: for something that is no tool.
        """
        self._writer.add_tool(to_core(tool, agent_getter(self)))

    def remove_tool(self, name: str) -> None:
        """Take a tool away from the model: a journalled step.

        Raises:
            ToolNotFound: where there is none of this name.
        """
        self._writer.remove_tool(checked_text(name, "the tool's name"))

    def __repr__(self) -> str:
        try:
            unbound = f", unbound: {', '.join(self.unbound)}" if self.unbound else ""
            state = f"model {self.config['model']}, {len(self.recall)} messages{unbound}"
            if self._own.past is not None:
                state += f", as it was at commit {self._own.past}"
        except Error as error:  # a repr never raises: the home may be closed
            state = str(error)
        return f"<Agent {self.name!r}, {state}>"

    def __str__(self) -> str:
        from memgpt import _views

        return _views.agent_text(self)

    def _repr_html_(self) -> str:
        from memgpt import _views

        return _views.agent_html(self)


def _position(message: Message | int) -> int:
    if isinstance(message, Message):
        return message.position
    return checked_number(message, "the message's position", InvalidInput)


def agent_getter(agent: Agent) -> Callable[[], Agent]:
    """The agent for tools that ask for it, without keeping it alive."""
    reference = weakref.ref(agent)
    home, agent_id, live = agent._home, agent.id, agent._live

    def get() -> Agent:
        alive = reference()
        return alive if alive is not None else Agent(home.agent_by_id(agent_id), home, live)

    return get
