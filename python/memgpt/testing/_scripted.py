"""A model that says what you wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from memgpt._core import Context, ToolCall
from memgpt._text import clean_text
from memgpt.errors import ConfigError, ScriptExhausted
from memgpt.llm import LLMProvider, Reply

__all__ = ["ScriptedLLM", "checked_script", "reply_of_item"]


class ScriptedLLM(LLMProvider):
    """A model that follows a script.

    Args:
        script: a list, or a function of the context that returns an item. An item is
            ``{"tool": name, "args": {...}, "heartbeat": bool, "thinking": str}`` (all but ``tool``
            may be missing), a list of such items (several calls in one reply), a str (a reply
            without a call), a :class:`memgpt.Reply`, or an exception, which is raised.
        context_window: tokens.

    Attributes:
        calls: how often the model was called.
        last_context: what it saw last.

    Raises:
        ConfigError: for a script that is no list and no function.
        ScriptExhausted: by the call that finds the script at its end.
    """

    model = "scripted"
    tokenizer = "o200k_base"

    def __init__(
        self,
        script: Sequence[Any] | Callable[[Context], Any],
        *,
        context_window: int = 32_768,
    ) -> None:
        self.script = checked_script(script)
        self.context_window = context_window
        self.calls = 0
        self.last_context: Context | None = None

    def complete(self, context: Context) -> Reply:
        self.last_context = context
        self.calls += 1
        if callable(self.script):
            return reply_of_item(self.script(context))
        if self.calls > len(self.script):
            raise ScriptExhausted(
                f"the script has {len(self.script)} replies and this is call {self.calls}; add "
                "another, or end the turn with heartbeat=False"
            )
        return reply_of_item(self.script[self.calls - 1])


def checked_script(script: Any) -> Any:
    """The script itself.

    Raises:
        ConfigError: for what is no list and no function; before the first call fails by it.
    """
    if isinstance(script, (str, bytes, Mapping, Reply)):
        raise ConfigError("a script is a list of items, or a function: put it into a list")
    if isinstance(script, Iterator):
        raise ConfigError("a script that is an iterator can be played once only: give list(...)")
    if isinstance(script, type):
        raise ConfigError(f"a script is a list or a function, not the class {script.__name__}")
    if not callable(script) and not (hasattr(script, "__len__") and hasattr(script, "__getitem__")):
        raise ConfigError(f"a script is a list or a function, not {script!r:.200}")
    return script


def reply_of_item(item: Any) -> Reply:
    """What an item of a script says; raises it where it is an exception."""
    if isinstance(item, BaseException) or (
        isinstance(item, type) and issubclass(item, BaseException)
    ):
        raise item
    if isinstance(item, Reply):
        return item
    if isinstance(item, str):
        return Reply(content=item)
    if isinstance(item, dict):
        return Reply(tool_calls=[_call(item)])
    if isinstance(item, (list, tuple)):
        return Reply(tool_calls=[_call(part) for part in item])
    raise ConfigError(
        "a script's item must be a dict, a list of dicts, a str or a Reply, not "
        f"{type(item).__name__}"
    )


def _call(item: dict[str, Any]) -> ToolCall:
    unknown = set(item) - {"tool", "args", "heartbeat", "thinking"}
    if unknown or "tool" not in item:
        raise ConfigError(
            f'a script\'s item needs "tool" and may have "args", "heartbeat" and "thinking"; it '
            f"has {sorted(item)}"
        )
    arguments = {"thinking": item.get("thinking", ""), **item.get("args", {})}
    arguments["request_heartbeat"] = bool(item.get("heartbeat", False))
    return ToolCall(clean_text(item["tool"]), clean_text(json.dumps(arguments, ensure_ascii=False)))
