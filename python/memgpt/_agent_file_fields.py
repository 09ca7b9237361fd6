"""Letta's agent files, field by field. They are untrusted: what is not as it should be is refused,
or left out and named."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from memgpt import _core
from memgpt._agent_file import SPOKEN
from memgpt._text import clean_text
from memgpt.errors import InvalidInput, StoreError
from memgpt.transcript import microseconds

__all__ = ["AgentFile", "History", "loaded"]

_MOST_BYTES = 1 << 30
_TYPES = ("user_message", "heartbeat", "login", "system_alert")
_OWN_SECTIONS = {
    "groups": "groups of agents",
    "files": "files",
    "sources": "sources",
    "mcp_servers": "MCP servers",
    "skills": "skills",
}
_OWN_FIELDS = {
    "tool_rules": "tool rules",
    "identity_ids": "identities",
    "secrets": "secrets",
    "tool_exec_environment_variables": "environment variables of tools",
    "embedding_config": "the embedding configuration",
    "response_format": "the response format",
    "compaction_settings": "compaction settings",
    "enable_sleeptime": "sleep-time agents",
}


def _bad(path: str, what: str) -> InvalidInput:
    return InvalidInput(f'"{path}" is no agent file that can be read: {what}; export it again')


def _load(path: str) -> dict[str, Any]:
    # A pipe would be waited for, and a device has no end.
    if os.path.exists(path) and not os.path.isfile(path):
        raise StoreError(f'"{path}" is no file; give the path of one')
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise StoreError(f'"{path}": {error.strerror}; give the path of a file') from error
    if len(data) > _MOST_BYTES:
        raise _bad(path, "it has more than 1 GB")
    return loaded(data, path)


def loaded(data: bytes, path: str) -> dict[str, Any]:
    """The object that a file holds. ``path``: what it is called.

    Raises:
        InvalidInput: where it is none.
    """
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"it is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise _bad(path, "it is no JSON object")
    return found


class AgentFile:
    """An agent file, field by field.

    Args:
        path: the file, or what it is called.
        data: what it holds; by default it is read.
        index: which of its agents; None for the first one, where the others are left out.
    """

    def __init__(
        self, path: str, data: dict[str, Any] | None = None, index: int | None = None
    ) -> None:
        self.path = path
        self.left_out: list[str] = []
        if data is None:
            data = _load(path)
        agents = self.dicts(data, "agents")
        if not agents:
            raise _bad(path, 'it has no "agents"')
        self.agent = agents[index or 0]
        if index is None and len(agents) > 1:
            self.left_out.append(f"all agents but the first of {len(agents)}")
        self.blocks = {str(block.get("id")): block for block in self.dicts(data, "blocks")}
        self.tools = {str(tool.get("id")): tool for tool in self.dicts(data, "tools")}
        self.left_out += [what for key, what in _OWN_SECTIONS.items() if data.get(key)]
        self.left_out += [what for key, what in _OWN_FIELDS.items() if self.agent.get(key)]

    def dicts(self, of: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        """A list of objects; none where there is no such field."""
        value = of.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise _bad(self.path, f'"{key}" is no list of objects')
        return value

    def text(self, of: Mapping[str, Any], key: str) -> str:
        value = of.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise _bad(self.path, f'"{key}" is no text')
        return clean_text(value)

    def named(self, key: str, known: Mapping[str, dict[str, Any]], what: str) -> list[Any]:
        """What the agent names by its ids, of either style."""
        ids = self.agent.get(key)
        if ids is None:
            return []
        if not isinstance(ids, list):
            raise _bad(self.path, f'"{key}" is no list')
        lost = [str(i) for i in ids if str(i) not in known]
        if lost:
            self.left_out.append(f"{what} that are not in the file: {', '.join(lost)}")
        return [known[str(i)] for i in ids if str(i) in known]


def _content(file: AgentFile, message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if content is None or isinstance(content, str):
        return file.text(message, "content")
    if not isinstance(content, list):
        raise _bad(file.path, 'the "content" of a message is neither text nor a list')
    texts = []
    for part in content:
        if isinstance(part, dict) and part.get("type") == "text":
            texts.append(file.text(part, "text"))
        else:
            file.left_out.append("parts of messages that are no text")
    return "\n".join(texts)


def _unpacked(text: str) -> dict[str, Any]:
    """The JSON that a message was packed in; empty where it is text."""
    if not text.startswith("{"):
        return {}
    try:
        packed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return packed if isinstance(packed, dict) else {}


def _plain(value: Any) -> str:
    if value is None:
        return "None"
    return clean_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _calls(file: AgentFile, message: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    calls: dict[str, tuple[str, str, str]] = {}
    for call in file.dicts(message, "tool_calls"):
        function = call.get("function")
        function = function if isinstance(function, dict) else call
        arguments = file.text(function, "arguments")
        # What providers accept as a history is a JSON object.
        if not _unpacked(arguments) and arguments.strip() != "{}":
            arguments = json.dumps({"invalid_json": arguments})
        name = re.sub(r"[^A-Za-z0-9_-]", "_", file.text(function, "name"))[:64] or "unknown"
        call_id = file.text(call, "id") or f"call-{len(calls)}"
        while call_id in calls:  # a return could be of either
            call_id += "-2"
        calls[call_id] = (call_id, name, arguments)
    return list(calls.values())


def _time_us(file: AgentFile, message: Mapping[str, Any]) -> int | None:
    try:
        return microseconds(file.text(message, "created_at") or None)
    except InvalidInput:
        file.left_out.append("times of messages that are none")
        return None


class History:
    """The log as the core takes it: each call has its one return directly behind it."""

    def __init__(self, file: AgentFile) -> None:
        self.file = file
        self.items: list[_core.HistoryItem] = []
        self._open: dict[str, str] = {}  # calls without a return yet, and their tools
        self._shown = False  # the message stood in the context, and a return's call
        self.shown = 0  # those that did
        ids = file.agent.get("in_context_message_ids")
        in_context = {str(i) for i in ids} if isinstance(ids, list) else set()
        for message in file.dicts(file.agent, "messages"):
            if message.get("role") != "tool":
                self._close()
                self._shown = str(message.get("id")) in in_context
            self._add(message)
        self._close()

    def _close(self) -> None:
        for call, tool in self._open.items():
            self.file.left_out.append("returns of calls that the file does not have")
            self._put(
                role="tool", type="tool_return", name=tool, tool_call_id=call, failed=True,
                text="the agent file has no result of this call",
            )  # fmt: skip
        self._open = {}

    def _put(self, **fields: Any) -> None:
        self.items.append(_core.HistoryItem(shown=self._shown, **fields))
        self.shown += self._shown

    def _add(self, message: dict[str, Any]) -> None:
        file, role = self.file, message.get("role")
        text = _content(file, message)
        common = {"id": file.text(message, "id"), "time_us": _time_us(file, message)}
        if role == "tool":
            self._add_return(message, text, common)
        elif role == "assistant":
            self._add_reply(message, text, common)
        elif role == "user":
            packed = _unpacked(text)
            kind = packed.get("type")
            if kind not in _TYPES:
                packed, kind = {"message": text}, "user_message"
            said = packed.get("message", packed.get("reason", packed.get("last_login", "")))
            name = _plain(packed.get("name") or file.text(message, "name") or "")
            whose = "user" if kind == "user_message" else "system"
            self._put(role=whose, type=kind, name=name, text=_plain(said), **common)
        elif role == "system":
            if self.items:
                self._put(role="system", type="system_message", text=text, **common)
            elif text and text != file.text(file.agent, "system"):
                file.left_out.append("the compiled system message, which is compiled anew")
        else:
            file.left_out.append(f'messages of the role "{_plain(role)}"')

    def _add_reply(self, message: dict[str, Any], text: str, common: dict[str, Any]) -> None:
        calls = _calls(self.file, message)
        spoken = [_unpacked(args).get("message") for _, name, args in calls if name == SPOKEN]
        said = next((value for value in spoken if isinstance(value, str)), "" if calls else text)
        self._put(
            role="assistant", type="assistant_message", text=clean_text(said), content=text,
            calls=calls, **common,
        )  # fmt: skip
        self._open = {call: name for call, name, _ in calls}

    def _add_return(self, message: dict[str, Any], text: str, common: dict[str, Any]) -> None:
        call = self.file.text(message, "tool_call_id")
        returns = self.file.dicts(message, "tool_returns")
        if not call and len(returns) == 1:
            call = self.file.text(returns[0], "tool_call_id")
        if call not in self._open:
            self.file.left_out.append("returns without a call")
            return
        packed = _unpacked(text)
        failed = packed.get("status") in ("Failed", "error")
        if "status" in packed and "message" in packed:
            text = _plain(packed["message"])
        self._put(
            role="tool", type="tool_return", name=self._open.pop(call), text=text,
            tool_call_id=call, failed=failed, **common,
        )  # fmt: skip
