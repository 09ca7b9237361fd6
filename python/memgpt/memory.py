"""Core memory classes: subclass them to give an agent its own memory.

A memory class holds ``self.memory``, a dict from section names to :class:`MemoryModule`; its public
methods become the agent's tools. They may be called by the model or by you.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from memgpt import _core
from memgpt._branches import BlockVersion, history_of
from memgpt._calls import turn_side, turn_side_to_write
from memgpt._text import checked_number, checked_text, clean_text
from memgpt.errors import BlockNotFound, ConfigError, Conflict, EditFailed, Error

__all__ = ["BaseMemory", "ChatMemory", "MemoryModule", "SharedBlock"]


class _Text:
    """What a section and a shared block have in common: a text with a limit."""

    def _read(self) -> _core.Block:
        raise NotImplementedError

    def _write(self, value: str, expected: str | None) -> None:
        """Raises Conflict where something else than what is expected is there."""
        raise NotImplementedError

    @property
    def value(self) -> str:
        """The text. An assignment over the limit raises LimitExceeded and changes nothing."""
        return self._read().value

    @value.setter
    def value(self, value: str) -> None:
        self._write(value, None)

    def edit(self, change: Callable[[str], str]) -> str:
        """Change the text by what it is: what somebody else writes meanwhile is not lost, as it is
        by an assignment of what was made of an older text (``value += line``).

        Args:
            change: gives the new text for the present one; called again where that has changed.

        Returns:
            The new text.
        """
        while True:
            before = self.value
            after = change(before)
            try:
                self._write(after, before)
                return after
            except Conflict:
                if self.value == before:  # it was no edit of the block
                    raise

    @property
    def limit(self) -> int:
        """Characters that it may hold."""
        return self._read().limit

    @property
    def description(self) -> str:
        return self._read().description

    @property
    def read_only(self) -> bool:
        return self._read().read_only

    def __str__(self) -> str:
        return self.value


class MemoryModule(_Text):
    """One section of core memory: a memory block.

    Until its memory is given to an agent it holds its own value; afterwards it is a handle to the
    agent's block, and an assignment to ``value`` is a step of the agent.

    Args:
        name: the section's label: 1 to 50 letters, digits, ``_`` or ``-``.
        value: the text.
        limit: characters that the section may hold.
        description: what the section is for; shown to the model.
        read_only: tools cannot edit it.

    Raises:
        LimitExceeded: where the value is over the limit, bound to an agent or not.
    """

    def __init__(
        self,
        name: str,
        value: str = "",
        limit: int = 2000,
        description: str = "",
        read_only: bool = False,
    ) -> None:
        self._home: _core.CoreHome | None = None
        self._agent_id, self._label = "", name
        self._block = make_block(name, value, limit, description, read_only)

    @classmethod
    def _bound(cls, home: _core.CoreHome, agent: _core.CoreAgent, label: str) -> MemoryModule:
        module = cls.__new__(cls)
        module._home, module._agent_id, module._label = home, agent.id, label
        if agent.past is not None:
            module._past = agent
        return module

    # The agent as it was, of a section that agent.at() gave.
    _past: _core.CoreAgent | None = None

    def _agent(self) -> _core.CoreAgent:
        assert self._home is not None
        return self._past or self._home.agent_by_id(self._agent_id)

    def _read(self) -> _core.Block:
        if self._home is None:
            return self._block
        for block in turn_side(self._agent()).blocks():
            if block.label == self._label:
                return block
        raise BlockNotFound(f'the memory block "{self._label}" is no longer attached to its agent')

    @property
    def name(self) -> str:
        """The section's label."""
        return self._read().label

    label = name

    def _write(self, value: str, expected: str | None) -> None:
        if self._home is None:
            old = self._block
            self._block = make_block(old.label, value, old.limit, old.description, old.read_only)
        else:
            agent = turn_side_to_write(self._agent())
            agent.set_block(self._label, _text(value), "user", expected)

    @property
    def shared(self) -> bool:
        """Whether other agents may have the section, too: see :class:`SharedBlock`."""
        return self._home is not None and self._label in turn_side(self._agent()).shared()

    def history(self) -> list[BlockVersion]:
        """Every version that the block had, oldest first, with authors and what changed; of a
        shared one, whoever wrote it.

        Raises:
            ConfigError: where the section is no agent's yet.
        """
        if self._home is None:
            raise ConfigError("this section belongs to no agent yet: it has no history")
        return history_of(turn_side(self._agent()).block_history(self._label))

    def __repr__(self) -> str:
        try:
            block = self._read()
        except Error as error:  # a repr never raises: the home may be closed
            return f"<MemoryModule {self._label!r}, {error}>"
        return f"MemoryModule({block.label!r}, {block.value!r}, limit={block.limit})"

    def _repr_html_(self) -> str:
        from memgpt import _views

        return _views.module_html(self)


class SharedBlock(_Text):
    """A memory block that several agents may have: ``agent.memory.attach(block)``.

    It has a history of its own beside those of the agents. What one of them or you write into it
    is seen by all. An agent whose edit was overtaken by another's is told so, and does not
    overwrite it; an assignment of yours does, :meth:`edit` does not. Use ``home.create_block()``
    or ``home.blocks()``.
    """

    def __init__(self, home: _core.CoreHome, block_id: str) -> None:
        self._home, self._id = home, block_id

    def _read(self) -> _core.Block:
        return self._home.shared_history(self._id)[-1].block

    @property
    def id(self) -> str:
        return self._id

    @property
    def label(self) -> str:
        """What the agents call it."""
        return self._read().label

    def _write(self, value: str, expected: str | None) -> None:
        self._home.set_shared_block(self._id, _text(value), expected)

    def history(self) -> list[BlockVersion]:
        """Every version that it had, oldest first, with who wrote it and what changed."""
        return history_of(self._home.shared_history(self._id))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SharedBlock) and other._id == self._id

    def __hash__(self) -> int:
        return hash(self._id)

    def __repr__(self) -> str:
        try:
            block = self._read()
        except Error as error:  # a repr never raises: the home may be closed
            return f"<SharedBlock {self._id}, {error}>"
        return f"SharedBlock({block.label!r}, {block.value!r}, limit={block.limit})"


def make_block(
    label: str, value: str, limit: int, description: str, read_only: bool
) -> _core.Block:
    """A block from what a user gave.

    Raises:
        InvalidInput: for a label or description that is no text.
        EditFailed: for a value that is no text.
        LimitExceeded: for a value over the limit.
    """
    block = _core.Block(
        checked_text(label, "a memory block's label"),
        _text(value),
        checked_number(limit, "a memory block's limit", ConfigError, low=1),
        checked_text(description, "a memory block's description"),
        _flag(read_only),
    )
    _core.check_limit(block.label, block.value, block.limit)
    return block


def _flag(read_only: Any) -> bool:
    if not isinstance(read_only, bool):
        raise ConfigError(f"read_only must be True or False, not {read_only!r}")
    return read_only


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise EditFailed(f"a memory block holds text, not a {type(value).__name__}")
    return clean_text(value)


class Sections(dict[str, MemoryModule]):
    """``self.memory`` of a bound memory object."""

    def __missing__(self, name: str) -> MemoryModule:
        raise BlockNotFound(f'there is no memory block "{name}"; blocks are: {", ".join(self)}')


class BaseMemory:
    """The base of memory classes. It has no tools of its own.

    ``self.memory`` is a dict from section names to :class:`MemoryModule`. Public methods become
    tools: arguments and types come from the signature, descriptions from the docstring. After each
    call the agent's blocks follow ``self.memory``: a new key creates a block, a missing key
    detaches one, a replaced module sets its value. Other attributes are not kept in the journal:
    when an agent is opened again its memory class is not constructed anew.
    """

    memory: dict[str, MemoryModule]

    def __getitem__(self, name: str) -> MemoryModule:
        return self.memory[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.memory)


class ChatMemory(BaseMemory):
    """Memory for a conversation of two: a persona and what is known of the human.

    Args:
        persona: who the agent is.
        human: what it knows of the person it talks to.
        limit: characters that each of the two may hold.

    Raises:
        LimitExceeded: where one of the texts is over the limit.
    """

    _by_agent_type: ClassVar = {
        "memgpt_agent": ("core_memory_append", "core_memory_replace"),
        "memgpt_v2_agent": (
            "memory_insert",
            "memory_replace",
            "memory_rethink",
            "memory_finish_edits",
        ),
    }

    def __init__(
        self,
        persona: str = "I am a friendly companion with a long memory.",
        human: str = "",
        limit: int = 2000,
    ) -> None:
        self.memory = {
            "persona": MemoryModule("persona", persona, limit),
            "human": MemoryModule("human", human, limit),
        }

    def core_memory_append(self, name: str, content: str) -> str | None:
        """Add a line to a block of core memory.

        Args:
            name: the block's label.
            content: what to add.
        """
        module = self.memory[name]
        module.value = _core.append_text(module.value, content)
        return None

    def core_memory_replace(self, name: str, old_content: str, new_content: str) -> str | None:
        """Replace text in a block of core memory.

        Args:
            name: the block's label.
            old_content: exact text that is there now.
            new_content: what to put in its place; empty to delete.
        """
        module = self.memory[name]
        module.value = _core.replace_text(module.value, old_content, new_content)
        return None

    def memory_insert(self, label: str, new_string: str, insert_line: int = -1) -> str | None:
        """Insert a text into a block of core memory.

        Args:
            label: the block's label.
            new_string: what to insert.
            insert_line: the line after which to insert: 0 for the beginning, -1 for the end.
        """
        module = self.memory[label]
        module.value = _core.insert_text(module.value, new_string, insert_line)
        return None

    def memory_replace(self, label: str, old_string: str, new_string: str) -> str | None:
        """Replace text in a block of core memory.

        Args:
            label: the block's label.
            old_string: exact text that is there now.
            new_string: what to put in its place; empty to delete.
        """
        return self.core_memory_replace(label, old_string, new_string)

    def memory_rethink(self, label: str, new_memory: str) -> str | None:
        """Rewrite a whole block of core memory.

        Args:
            label: the block's label.
            new_memory: the block's new text.
        """
        self.memory[label].value = new_memory
        return None

    def memory_finish_edits(self) -> str | None:
        """Say that the memory edits are done."""
        return "Memory edits finished."
