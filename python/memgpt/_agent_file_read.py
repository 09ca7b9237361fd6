"""Making an agent out of a Letta agent file. Nothing in it is executed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from memgpt import _core
from memgpt._agent_file import HIDDEN, PARAMETERS, SETTINGS, told
from memgpt._agent_file_fields import AgentFile, History
from memgpt._text import clean_text
from memgpt._zones import utc_offset_s
from memgpt.errors import (
    AlreadyExists,
    ConfigError,
    ModelNotFound,
    ToolError,
)
from memgpt.memory import ChatMemory, MemoryModule

if TYPE_CHECKING:
    from memgpt.agent import Agent
    from memgpt.home import Home

__all__ = [
    "described",
    "import_agent_file",
    "labelled",
    "limit_of",
    "own_parameters",
    "window_of",
]


def _memory(file: AgentFile) -> ChatMemory:
    memory = ChatMemory.__new__(ChatMemory)
    sections: dict[str, MemoryModule] = {}
    memory.memory = sections
    for label, block in labelled(file):
        sections[label] = MemoryModule(
            label,
            file.text(block, "value"),
            limit_of(file, label, block, 2000),
            file.text(block, "description"),
            block.get("read_only") is True,
        )
    return memory


def own_parameters(schema: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a tool's schema without those that the kernels put there."""
    given = schema.get("parameters")
    parameters: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
    properties = parameters.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    parameters["properties"] = {k: v for k, v in properties.items() if k not in HIDDEN}
    required = parameters.get("required")
    required = required if isinstance(required, list) else []
    parameters["required"] = [name for name in required if name not in HIDDEN]
    return parameters


def labelled(file: AgentFile) -> Iterator[tuple[str, dict[str, Any]]]:
    """The agent's blocks, with labels that are good here, and each only once."""
    known: set[str] = set()
    inline = file.dicts(file.agent, "memory_blocks")
    for block in [*file.named("block_ids", file.blocks, "blocks"), *inline]:
        given = file.text(block, "label")
        label = re.sub(r"[^A-Za-z0-9_-]", "_", given)[:50] or "block"
        while label in known:
            label = label[:48] + "_2"
        if label != given:
            file.left_out.append(f'the label "{given}" of a block, which is "{label}" here')
        known.add(label)
        yield label, block


def limit_of(file: AgentFile, label: str, block: dict[str, Any], usual: int) -> int:
    """The block's limit, which its value has to keep; ``usual`` where it has none."""
    limit = block.get("limit")
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 < limit < 2**31:
        limit = usual
    if (length := len(file.text(block, "value"))) > limit:
        file.left_out.append(f'the limit of block "{label}": its value is longer')
        limit = length
    return limit


def _tool(file: AgentFile, tool: dict[str, Any], known: set[str]) -> _core.PythonTool | None:
    """A tool by its schema alone; None where that cannot be one."""
    schema = tool.get("json_schema")
    schema = schema if isinstance(schema, dict) else {}
    parameters = own_parameters(schema)
    name = file.text(tool, "name") or file.text(schema, "name")
    if name in known or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        return None
    return _core.PythonTool(
        name=name,
        description=file.text(tool, "description") or file.text(schema, "description"),
        parameters=json.dumps(parameters),
        outside=True,
        idempotent=False,
        memory=False,
        fingerprint="",
        callable=lambda arguments, key: (True, "this tool is not bound"),
    )


def _model(file: AgentFile) -> str:
    config = file.agent.get("llm_config")
    config = config if isinstance(config, dict) else {}
    model = file.text(file.agent, "model") or file.text(config, "handle")
    try:
        if model and _core.provider_for(model) is not None:
            return model
    except (ModelNotFound, ConfigError):
        pass
    file.left_out.append(
        f'the model "{model or file.text(config, "model")}", which is not to be had by its name: '
        "the agent has the offline model until home.agent(name, model=...) gives it another"
    )
    return "offline"


def _zone(file: AgentFile) -> str | None:
    zone = file.text(file.agent, "timezone")
    if not zone:
        return None
    try:
        utc_offset_s(zone, 0)
    except ConfigError:
        file.left_out.append(f'the time zone "{zone}", which this machine does not know')
        return None
    return zone


def window_of(file: AgentFile) -> int | None:
    config = file.agent.get("llm_config")
    config = config if isinstance(config, dict) else {}
    for size in (file.agent.get("context_window_limit"), config.get("context_window")):
        if isinstance(size, int) and not isinstance(size, bool) and 0 < size < 2**31:
            return size
        if size is not None:
            file.left_out.append(f"the context window {size!r:.40}")
    return None


def described(file: AgentFile) -> dict[str, Any]:
    """What people and clients say of the agent, by the names of the file; without what is empty."""
    agent = file.agent
    found: dict[str, Any] = {"description": file.text(agent, "description")}
    tags, metadata = agent.get("tags"), agent.get("metadata")
    if isinstance(tags, list):
        found["tags"] = [clean_text(tag) for tag in tags if isinstance(tag, str)]
    if isinstance(metadata, dict):
        found["metadata"] = metadata
    found |= {name: agent[name] for name in SETTINGS if agent.get(name) is not None}
    if isinstance(config := agent.get("llm_config"), dict):
        found["llm_config"] = {
            name: config[name] for name in PARAMETERS if config.get(name) is not None
        }
    for name, value in list(found.items()):
        if value in ("", [], {}):
            del found[name]
        elif not _is_json(value):
            file.left_out.append(f"the {name.replace('_', ' ')}, which is no JSON")
            del found[name]
    return found


def _is_json(value: Any) -> bool:
    """Numbers of Python that JSON does not have are read all the same."""
    try:
        return bool(json.dumps(value, allow_nan=False))
    except ValueError:
        return False


def import_agent_file(home: Home, path: str, name: str) -> Agent:
    """``home.import_agent("x.af")``; warns of what is left out.

    Raises:
        InvalidInput: where the file is none.
        AlreadyExists: where the name is taken.
    """
    file = AgentFile(path)
    name = name or file.text(file.agent, "name")
    if name in home.agents():
        raise AlreadyExists(
            f'an agent named "{name}" exists; give the imported one another name with name=...'
        )
    memory, history = _memory(file), History(file)
    zone = _zone(file)
    model = _model(file)
    window = window_of(file)
    # Everything is read before anything is written.
    agent = home.create_agent(
        name,
        memory=memory,
        model=model,
        system=file.text(file.agent, "system"),
        context_window=window if model != "offline" else None,
        timezone=zone,
    )
    try:
        _fill(agent, file, history)
    except BaseException:
        home.delete_agent(name)
        raise
    told(path, file.left_out, "was imported without", 4)
    return agent


def _as_text(found: dict[str, Any]) -> str:
    return clean_text(json.dumps(found, ensure_ascii=False)) if found else ""


def _fill(agent: Agent, file: AgentFile, history: History) -> None:
    core, sources = agent._own, []
    said = described(file)
    if said:
        settings = {name: said[name] for name in (*SETTINGS, "llm_config") if name in said}
        core.describe(
            said.get("description", ""),
            said.get("tags", []),
            _as_text(said.get("metadata", {})),
            _as_text(settings),
        )
    known = set(agent.tools)
    for tool in file.named("tool_ids", file.tools, "tools"):
        made = _tool(file, tool, known)
        title = file.text(tool, "name")
        if made is not None:
            try:
                core.add_tool(made)
            except ToolError:  # a schema that no model can be given
                file.left_out.append(f'the tool "{title}"')
                continue
            sources.append((made.name, file.text(tool, "source_code")))
            known.add(made.name)
        elif title not in known:
            file.left_out.append(f'the tool "{title}"')
    core.keep_sources(sources)
    shown, wanted = core.import_history(history.items), history.shown
    if shown < wanted:
        file.left_out.append(
            f"{wanted - shown} of {wanted} messages of the context, which are in recall memory"
        )
