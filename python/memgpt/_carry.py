"""Agent files over REST: what the server asks Python for. Nothing in a file is executed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from memgpt._agent_file import as_json, left_out
from memgpt._agent_file_fields import AgentFile, History, loaded
from memgpt._agent_file_read import described, labelled, limit_of, own_parameters, window_of
from memgpt._export import sources_of
from memgpt._text import clean_text
from memgpt._zones import utc_offset_s
from memgpt.errors import ConfigError, InvalidInput

if TYPE_CHECKING:
    from memgpt.home import Home

__all__ = ["Carry"]

_USUAL_LIMIT = 100_000  # of blocks over REST
_OF_BLOCK = ("metadata", "tags", "hidden", "is_template", "name", "template_name")
_OF_TOOL = ("args_json_schema", "tags", "return_char_limit", "pip_requirements")


class Carry:
    """Reads and writes agent files for the server of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def write(self, agent_id: str, more: str) -> str:
        """The file of an agent.

        Args:
            more: JSON of what only the server knows: the agent's ``name`` there, ``sources`` of
                tools, fields of ``blocks`` by label, the ``first`` message that is listed, and
                whether to ``scrub_messages``.
        """
        from memgpt.agent import Agent

        given = json.loads(more)
        agent = Agent(self._home._core.agent_by_id(agent_id), self._home._core, self._home._live)
        sources = {**agent.tool_sources, **dict(sources_of(agent._own)), **given["sources"]}
        file = as_json(agent, sources, 2**31 - 1 if given["scrub_messages"] else given["first"])
        file["agents"][0]["name"] = given["name"]
        for block in file["blocks"]:
            block.update(given["blocks"].get(block["label"], {}))
        missing = list(left_out(agent, sources))
        if given["scrub_messages"]:
            missing.append("the messages")
        file["metadata"] = {"left_out": missing}
        return json.dumps(file, ensure_ascii=False)

    def read(self, data: bytes) -> str:
        """A JSON list, one object an agent: the ``body`` that makes it, its ``tools``, and what is
        ``left_out``.

        Raises:
            InvalidInput: where the file is none.
        """
        found = loaded(data, "the file")
        agents = found.get("agents")
        count = len(agents) if isinstance(agents, list) else 1
        files = [AgentFile("the file", found, index) for index in range(max(1, count))]
        try:
            plans = json.dumps([_plan(file) for file in files], ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise InvalidInput(f"the file has numbers that are not of JSON: {error}") from error
        return clean_text(plans)

    def fill(self, data: bytes, index: int, agent_id: str) -> list[str]:
        """Put the messages of one of the file's agents into one that was made; what is left out."""
        file = AgentFile("the file", loaded(data, "the file"), index)
        file.left_out.clear()
        history = History(file)
        core = self._home._core.agent_by_id(agent_id)
        shown = core.import_history(history.items)
        if shown < history.shown:
            file.left_out.append(
                f"{history.shown - shown} of {history.shown} messages of the context, which are in "
                "recall memory"
            )
        return list(dict.fromkeys(file.left_out))


def _handle(file: AgentFile, key: str, config_key: str, names: tuple[str, str]) -> str:
    """Of a model or embedder: given as such, or in the object that describes it."""
    config = file.agent.get(config_key)
    config = config if isinstance(config, dict) else {}
    handle = file.text(file.agent, key) or file.text(config, "handle")
    if handle or not (name := file.text(config, names[0])):
        return handle
    service = file.text(config, names[1])
    return f"{service}/{name}" if service and "/" not in name else name


def _plan(file: AgentFile) -> dict[str, Any]:
    agent = file.agent
    body: dict[str, Any] = {
        "name": file.text(agent, "name"),
        "agent_type": file.text(agent, "agent_type"),
        "system": file.text(agent, "system"),
        "model": _handle(file, "model", "llm_config", ("model", "model_endpoint_type")),
        "embedding": _handle(
            file, "embedding", "embedding_config", ("embedding_model", "embedding_endpoint_type")
        ),
        "context_window_limit": window_of(file),
        "timezone": _zone(file),
        "include_base_tools": agent.get("include_base_tools") is True,
        "memory_blocks": [_block(file, label, block) for label, block in labelled(file)],
        **described(file),
    }
    tools = [_tool(file, tool) for tool in file.named("tool_ids", file.tools, "tools")]
    names = agent.get("tools")
    tools += [{"name": name} for name in names or () if isinstance(name, str)]
    for carried in ("embedding_config", "tool_rules", "response_format", "compaction_settings"):
        # They are kept as they came, and shown again.
        file.left_out[:] = [what for what in file.left_out if what != _TOLD[carried]]
    kept = {name: value for name, value in body.items() if value is not None and value != ""}
    return {"body": kept, "tools": tools, "left_out": list(dict.fromkeys(file.left_out))}


_TOLD = {
    "embedding_config": "the embedding configuration",
    "tool_rules": "tool rules",
    "response_format": "the response format",
    "compaction_settings": "compaction settings",
}


def _zone(file: AgentFile) -> str:
    zone = file.text(file.agent, "timezone")
    try:
        if zone:
            utc_offset_s(zone, 0)
    except ConfigError:
        file.left_out.append(f'the time zone "{zone}", which this machine does not know')
        return ""
    return zone


def _block(file: AgentFile, label: str, block: dict[str, Any]) -> dict[str, Any]:
    made = {
        "label": label,
        "value": file.text(block, "value"),
        "limit": limit_of(file, label, block, _USUAL_LIMIT),
        "description": file.text(block, "description") or None,
        "read_only": block.get("read_only") is True,
    }
    return made | {name: block[name] for name in _OF_BLOCK if block.get(name) is not None}


def _tool(file: AgentFile, tool: dict[str, Any]) -> dict[str, Any]:
    schema = tool.get("json_schema")
    schema = schema if isinstance(schema, dict) else {}
    made: dict[str, Any] = {
        "name": file.text(tool, "name") or file.text(schema, "name"),
        "description": file.text(tool, "description") or file.text(schema, "description"),
        "source_code": file.text(tool, "source_code"),
    }
    if schema:
        made["json_schema"] = {**schema, "parameters": own_parameters(schema)}
    return made | {name: tool[name] for name in _OF_TOOL if tool.get(name) is not None}
