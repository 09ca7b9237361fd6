"""What an agent takes of a memory object: its sections as blocks, its methods as tools."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

from memgpt import _core
from memgpt._calls import settled
from memgpt._schema import fingerprint, function_schema
from memgpt.errors import ConfigError, ToolError
from memgpt.memory import BaseMemory, ChatMemory, MemoryModule, Sections
from memgpt.tools import guarded, result_text

__all__ = [
    "Holder",
    "bind",
    "class_name",
    "make_tools",
    "new_blocks",
    "tool_call",
    "tool_names",
]


def class_name(memory: type[BaseMemory]) -> str:
    """How the journal names a memory class."""
    return f"{memory.__module__}.{memory.__qualname__}"


def tool_names(memory: type[BaseMemory], agent_type: str) -> list[str]:
    """The methods that become tools: all public ones, less ChatMemory's for other agent types."""
    offered = ChatMemory._by_agent_type.get(agent_type, ())
    names: list[str] = []
    for cls in reversed(memory.__mro__):
        for name, member in vars(cls).items():
            if cls in (object, BaseMemory) or name.startswith("_") or name in names:
                continue
            if inspect.isfunction(member):
                names.append(name)
    return [n for n in names if n in offered or getattr(memory, n) is not vars(ChatMemory).get(n)]


def check_sections(memory: BaseMemory) -> dict[str, MemoryModule]:
    """``memory.memory``, checked.

    Raises:
        ConfigError: where it is not a dict of MemoryModules.
    """
    sections = getattr(memory, "memory", None)
    if not isinstance(sections, dict) or not all(
        isinstance(module, MemoryModule) for module in sections.values()
    ):
        raise ConfigError(
            f"{type(memory).__name__}.memory must be a dict from names to MemoryModule objects"
        )
    return sections


def new_blocks(memory: BaseMemory) -> list[_core.Block]:
    """The blocks that an agent with this memory starts with.

    Raises:
        ConfigError: where the memory belongs to another agent already.
    """
    blocks = []
    for name, module in check_sections(memory).items():
        if module._home is not None:
            raise ConfigError("this memory belongs to another agent; make one for each agent")
        blocks.append(_block_named(name, module))
    return blocks


def _block_named(name: str, module: MemoryModule) -> _core.Block:
    return _core.Block(name, module.value, module.limit, module.description, module.read_only)


def bind(memory: BaseMemory, home: _core.CoreHome, agent_id: str) -> None:
    """Turn each section into a handle to the agent's block of the same name."""
    old = getattr(memory, "memory", None)
    sections = Sections()
    for block in home.agent_by_id(agent_id).blocks():
        module = old.get(block.label) if isinstance(old, dict) else None
        if module is None or (module._home is not None and module._agent_id != agent_id):
            module = MemoryModule.__new__(MemoryModule)
        module._home, module._agent_id, module._label = home, agent_id, block.label
        sections[block.label] = module
    memory.memory = sections


class Holder:
    """A memory object's home and agent, known once the agent is there."""

    def __init__(self) -> None:
        self.home: _core.CoreHome | None = None
        self.agent_id = ""


def _follow(memory: BaseMemory, agent: _core.CoreAgent, home: _core.CoreHome) -> None:
    """Make the agent's blocks follow ``memory.memory`` after a call."""
    sections = check_sections(memory)
    attached = {block.label for block in agent.blocks()}
    for label in attached - sections.keys():
        agent.detach_block(label)
    for label, module in sections.items():
        ours = module._home is not None and module._agent_id == agent.id and module._label == label
        if ours and label in attached:
            continue
        if label in attached:
            agent.set_block(label, module.value, "user")
        else:
            agent.create_block(_block_named(label, module))
    bind(memory, home, agent.id)


def _call(memory: BaseMemory, name: str, holder: Holder, arguments: dict[str, Any]) -> str:
    assert holder.home is not None
    home, agent = holder.home, holder.home.agent_by_id(holder.agent_id)
    bind(memory, home, agent.id)
    before = [(block.label, block.value) for block in agent.blocks()]
    sections = Sections(memory.memory)  # the call may change the dict itself
    try:
        result = settled(getattr(memory, name)(**arguments))
        _follow(memory, agent, home)
    except BaseException as error:
        memory.memory = sections
        if isinstance(error, AttributeError) and error.obj is memory:
            raise ToolError(
                f"{type(memory).__name__}.{name} uses self.{error.name}, which is not there: a "
                "memory class is not constructed when its agent is opened again, and only "
                "self.memory is kept; keep the value in a section, or on the class"
            ) from error
        raise
    if result is not None:
        return result_text(result)
    changed = [(block.label, block.value) for block in agent.blocks()] != before
    return "Memory updated." if changed else "No memory was changed."


def make_tools(
    memory: BaseMemory, agent_type: str = "memgpt_agent"
) -> tuple[list[_core.CoreTool], Holder]:
    """The core's view of a memory object's tools; they work once the holder is filled."""
    holder = Holder()
    tools: list[_core.CoreTool] = []
    for name in tool_names(type(memory), agent_type):
        method = getattr(memory, name)
        description, parameters = function_schema(method)
        tools.append(
            _core.PythonTool(
                name=name,
                description=description or name.replace("_", " "),
                parameters=json.dumps(parameters),
                outside=False,
                idempotent=False,
                memory=True,
                fingerprint=fingerprint(method),
                callable=tool_call(memory, name, holder),
            )
        )
    return tools, holder


def tool_call(
    memory: BaseMemory, name: str, holder: Holder
) -> Callable[[dict[str, Any], str], tuple[bool, str]]:
    """What the core calls for a method."""
    call = guarded(lambda arguments, key: _call(memory, name, holder, arguments))
    vars(call)["memory"] = memory  # for forks
    return call
