"""Lines of an agent's history: what they look like from Python."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from memgpt import _core
from memgpt._core import CoreAgent, CoreBlockRecord, CoreHome, Head

if TYPE_CHECKING:
    from memgpt.memory import BaseMemory

__all__ = ["BlockVersion", "Branch", "branches_of", "history_of", "tools_for_fork"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


def _time(microseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=microseconds)


@dataclass(frozen=True)
class Branch:
    """A piece of history that was written in one go, from where it left another.

    Attributes:
        id: its number in the file.
        agent_id: the agent that wrote it.
        parent: the commit that it goes on from; None where the agent began.
        head: its newest commit.
        created, changed: when it was begun, and last written to.
        current: whether the agent's head lies on it.
    """

    id: int
    agent_id: str
    parent: Head | None
    head: Head
    created: dt.datetime
    changed: dt.datetime
    current: bool


def branches_of(core: CoreAgent) -> list[Branch]:
    """Every branch that an agent's history lies on, or that it has written, oldest first."""
    head = core.head()
    return [
        Branch(
            id=row.id,
            agent_id=row.agent_id,
            parent=row.parent if row.parent.branch else None,
            head=core.head_at(row.id, row.last_seq),
            created=_time(row.created_us),
            changed=_time(row.changed_us),
            current=row.id == head.branch,
        )
        for row in core.branches()
    ]


@dataclass(frozen=True)
class BlockVersion:
    """A memory block as it was from one version to the next.

    Attributes:
        version: the commit that wrote it; of a shared block its own count.
        author: who wrote it: ``user``, ``agent``, ...
        agent: name of the agent that it was written by or for; empty for a shared block that was
            written without one.
        time: when.
        label, value, limit, description, read_only: of the block.
        lines: what changed since the version before: each line with ``-``, ``+`` or a space before
            it; of the first version all of them.
    """

    version: int
    author: str
    agent: str
    time: dt.datetime
    label: str
    value: str
    limit: int
    description: str
    read_only: bool
    lines: list[str]

    def to_dict(self) -> dict[str, Any]:
        """As values that JSON knows."""
        return asdict(self) | {"time": self.time.isoformat()}

    def __str__(self) -> str:
        by = f"{self.author} ({self.agent})" if self.agent else self.author
        head = f"{self.label}, version {self.version}, {by}, {self.time:%Y-%m-%d %H:%M}"
        return "\n".join([head, *(f"  {line}" for line in self.lines)])


def _changed_lines(before: str, after: str) -> list[str]:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))
    return [line for line in lines[2:] if not line.startswith("@@")]


def history_of(records: list[CoreBlockRecord]) -> list[BlockVersion]:
    """A block's versions, oldest first, each with what changed."""
    history = []
    before = ""
    for record in records:
        block = record.block
        history.append(
            BlockVersion(
                version=block.version,
                author=block.author,
                agent=record.agent,
                time=_time(block.time_us),
                label=block.label,
                value=block.value,
                limit=block.limit,
                description=block.description,
                read_only=block.read_only,
                lines=_changed_lines(before, block.value),
            )
        )
        before = block.value
    return history


def tools_for_fork(
    original: CoreAgent, get_agent: Callable[[], Any]
) -> tuple[list[_core.CoreTool], Callable[[CoreHome, str], None]]:
    """The tools of an agent for a fork of it, and what gives them the fork once it is there."""
    from memgpt import _memory_tools

    tools: list[_core.CoreTool] = []
    memory: BaseMemory | None = None
    holder = _memory_tools.Holder()
    for tool in original.bound_tools():
        if not isinstance(tool, _core.PythonTool):
            continue
        given = vars(tool.callable)
        if "for_agent" in given:
            tools.append(tool.with_callable(given["for_agent"](get_agent)))
        elif "memory" in given:
            kind: type[BaseMemory] = type(given["memory"])
            own = memory = kind.__new__(kind) if memory is None else memory
            call = _memory_tools.tool_call(own, tool.name, holder)
            tools.append(tool.with_callable(call))

    def give(home: CoreHome, agent_id: str) -> None:
        holder.home, holder.agent_id = home, agent_id
        if memory is not None:
            _memory_tools.bind(memory, home, agent_id)

    return tools, give
