"""Letta's agent files (``.af``): an agent as JSON, as far as that format goes.

Top level: ``agents``, ``blocks``, ``tools`` and more; an agent names its blocks, tools and messages
by ids of any form (``block-0``, ``block-6f8e...``). Passages, lines of history and vectors have no
place in it. What cannot be carried, either way, is named in one warning.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from memgpt._core import Message
from memgpt._export import sources_of
from memgpt.errors import AlreadyExists, InvalidInput, StoreError

if TYPE_CHECKING:
    from memgpt.agent import Agent

__all__ = [
    "HIDDEN",
    "PARAMETERS",
    "SETTINGS",
    "SPOKEN",
    "as_json",
    "export_agent_file",
    "left_out",
    "told",
]

# Arguments that the kernels put into every schema.
HIDDEN = ("thinking", "request_heartbeat", "inner_thoughts")
SPOKEN = "send_message"
# What clients of the server set, and the kernel keeps as it came.
SETTINGS = (
    "model_settings",
    "tool_rules",
    "compaction_settings",
    "message_buffer_autoclear",
    "response_format",
    "max_files_open",
    "per_file_view_window_char_limit",
    "hidden",
)
# Of them in a file's "llm_config": how the model shall write.
PARAMETERS = ("temperature", "frequency_penalty", "max_tokens", "reasoning_effort", "verbosity")
_TOOL_TYPES = {
    SPOKEN: "letta_core",
    "conversation_search": "letta_core",
    "archival_memory_insert": "letta_core",
    "archival_memory_search": "letta_core",
    "core_memory_append": "letta_memory_core",
    "core_memory_replace": "letta_memory_core",
}


def told(path: str, left_out: Iterable[str], action: str, stacklevel: int) -> None:
    """One warning that names everything that was left out; none where nothing was."""
    names = list(dict.fromkeys(left_out))
    if names:
        warnings.warn(f'"{path}" {action}: {"; ".join(names)}', UserWarning, stacklevel=stacklevel)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _time(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%d %I:%M:%S %p %Z%z}"


def _packed(message: Message) -> str:
    """The content as that server keeps it: JSON in which no text can pose as another message."""
    time = _time(message.time)
    if message.role == "tool":
        status = "Failed" if message.failed else "OK"
        return json.dumps(
            {"status": status, "message": message.text, "time": time}, ensure_ascii=False
        )
    if message.role == "assistant":
        return message.content or ("" if message.tool_calls else message.text)
    if message.type == "user_message":
        return message.text
    key = "reason" if message.type == "heartbeat" else "message"
    return json.dumps({"type": message.type, key: message.text, "time": time}, ensure_ascii=False)


def _message(message: Message, index: int, model: str) -> dict[str, Any]:
    content = _packed(message)
    return {
        "type": "message",
        "id": f"message-{index}",
        # Alerts and heartbeats are the user's there.
        "role": "user" if message.role == "system" else message.role,
        "content": [{"type": "text", "text": content}] if content else [],
        "name": message.name or None,
        "otid": None,
        "sender_id": None,
        "batch_item_id": None,
        "group_id": None,
        "model": model,
        "agent_id": "agent-0",
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
        or None,
        "tool_call_id": message.tool_call_id or None,
        "tool_returns": [],
        "created_at": message.time.isoformat(),
    }


def _tools(agent: Agent, sources: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"tool-{i}",
            "name": tool["name"],
            "description": tool["description"],
            "tool_type": _TOOL_TYPES.get(tool["name"], "custom"),
            "source_type": "python",
            "source_code": sources.get(tool["name"]),
            "json_schema": {
                "name": tool["name"],
                "description": tool["description"],
                "parameters": json.loads(tool["parameters"]),
            },
            "args_json_schema": None,
            "tags": [],
        }
        for i, tool in enumerate(agent.config["tools"])
    ]


def _blocks(agent: Agent) -> list[dict[str, Any]]:
    return [
        {
            "id": f"block-{i}",
            "label": block.name,
            "value": block.value,
            "limit": block.limit,
            "description": block.description or None,
            "read_only": block.read_only,
            "is_template": False,
            "metadata": {},
        }
        for i, block in enumerate(agent.memory.values())
    ]


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = json.loads(config.get("settings") or "{}")
    kept["tool_rules"] = json.loads(config.get("tool_rules") or "[]")
    return {name: kept[name] for name in SETTINGS if name in kept}


def _parameters(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = json.loads(config.get("settings") or "{}").get("llm_config") or {}
    return {name: kept[name] for name in PARAMETERS if kept.get(name) is not None}


def as_json(agent: Agent, sources: Mapping[str, str], first: int = 0) -> dict[str, Any]:
    """The agent as the file has it.

    Args:
        sources: of its tools, by their names.
        first: the position of the first message that goes along.
    """
    config = agent.config
    log = agent.recall.messages(first, 2**31 - 1)
    shown = {message.position for message in agent.window}
    blocks, tools = _blocks(agent), _tools(agent, sources)
    messages = [_message(message, i, config["model"]) for i, message in enumerate(log)]
    own = {
        "id": "agent-0",
        "name": agent.name,
        "agent_type": config["agent_type"],
        "system": config["system"],
        "model": config["model"],
        "embedding": config["embedding"] or None,
        "context_window_limit": config["context_window"],
        "llm_config": {
            "model": config["model"].rpartition("/")[2],
            "handle": config["model"],
            "model_endpoint_type": config["model"].partition("/")[0],
            "context_window": config["context_window"],
            **_parameters(config),
        },
        "embedding_config": None,
        "timezone": config.get("timezone", "UTC"),
        "memory_blocks": [],
        "include_base_tools": False,
        "tools": [],
        "tool_rules": [],
        **_settings(config),
        "description": config.get("description") or None,
        "tags": config.get("tags", []),
        "metadata": json.loads(config.get("metadata") or "{}"),
        "block_ids": [block["id"] for block in blocks],
        "tool_ids": [tool["id"] for tool in tools],
        "source_ids": [],
        "group_ids": [],
        "files_agents": [],
        "messages": messages,
        "in_context_message_ids": [
            f"message-{i}" for i, message in enumerate(log) if message.position in shown
        ],
    }
    return {
        "agents": [own],
        "groups": [],
        "blocks": blocks,
        "files": [],
        "sources": [],
        "tools": tools,
        "mcp_servers": [],
        "skills": [],
        "metadata": {},
        "created_at": dt.datetime.now(dt.timezone.utc).isoformat(),
    }


def left_out(agent: Agent, sources: Mapping[str, str]) -> Iterable[str]:
    """What the file does not hold of the agent."""
    config = agent.config
    if count := len(agent.archival):
        yield f"{_counted(count, 'passage')} of archival memory, with their vectors"
    if attached := agent.archival.attached:
        names = ", ".join(f'"{entry.archive.name}"' for entry in attached)
        yield f"the shared archives {names}, and that they are attached"
    if (count := len(agent.branches()) - 1) > 0:
        yield f"{_counted(count, 'other line')} of history"
    if count := len(agent.tags()):
        yield _counted(count, "tag")
    yield f"the journal of {_counted(len(agent.steps()), 'commit')}: undo, replay, past contexts"
    if agent.memory.summary:
        yield "the summary of what left the window"
    if count := len(agent.pinned):
        yield _counted(count, "pin")
    if config["summarizer"]:
        yield f'the summarizer "{config["summarizer"]}"'
    yield f'the memory policy "{config["policy"]}"'
    if labels := [label for label in agent.memory if agent.memory[label].shared]:
        yield f"that blocks are shared: {', '.join(labels)}"
    bare = [
        tool["name"]
        for tool in config["tools"]
        if tool["origin"] == "user" and tool["name"] not in sources
    ]
    if bare:
        yield f"the sources of tools: {', '.join(bare)}"


def _write(path: str, text: str, overwrite: bool) -> None:
    """The file is there as a whole, or as it was."""
    folder, name = os.path.split(path)
    part: str | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=folder, prefix=f"{name}.", suffix=".part", delete=False
        ) as file:
            part = file.name
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)
        if overwrite:
            os.replace(part, path)
        else:
            os.link(part, path)
    except FileExistsError as error:
        raise AlreadyExists(
            f'"{path}" is there already; pass overwrite=True, or choose another name'
        ) from error
    except OSError as error:
        raise StoreError(f'"{path}": {error.strerror or error}; see to the folder') from error
    finally:
        if part is not None and os.path.exists(part):
            os.unlink(part)


def _is_object(path: str) -> bool:
    """Whether a file is a JSON object, as agent files are, or empty."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        return not data or isinstance(json.loads(data), dict)
    except (OSError, ValueError, RecursionError):
        return False


def export_agent_file(agent: Agent, path: str, *, overwrite: bool, sources: bool) -> None:
    """``agent.export("x.af")``; warns of what the format does not hold."""
    if agent._own.past is not None:
        raise InvalidInput("this is the agent as it was: fork it here, and export the fork")
    if os.path.isdir(path):
        raise StoreError(f'"{path}" is a folder; give the name of a file')
    if os.path.exists(path) and not overwrite:
        raise AlreadyExists(
            f'"{path}" is there already; pass overwrite=True, or choose another name'
        )
    if os.path.exists(path) and not os.path.isfile(path):
        raise StoreError(f'"{path}" is no file; choose another name')
    if os.path.exists(path) and not _is_object(path):
        raise AlreadyExists(
            f'"{path}" is no agent file, and would be lost; choose another name, or delete it first'
        )
    known = {**agent.tool_sources, **dict(sources_of(agent._own))} if sources else {}
    _write(path, json.dumps(as_json(agent, known), ensure_ascii=False, indent=2), overwrite)
    told(path, left_out(agent, known), "is a Letta agent file, which does not hold", 4)
