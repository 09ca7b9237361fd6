"""A script, played over the wire."""

from __future__ import annotations

import functools
import json
import random
import threading
from collections.abc import Mapping
from typing import Any

from memgpt._calls import settled
from memgpt._text import clean_text, error_text
from memgpt.errors import ScriptExhausted
from memgpt.llm import LLMProvider
from memgpt.testing import _wire_chaos as chaos
from memgpt.testing import _wire_forms as forms
from memgpt.testing._scripted import checked_script
from memgpt.testing._wire_answers import Answer, Stream
from memgpt.testing._wire_errors import refusal
from memgpt.tokens import TokenCounter

__all__ = ["Player", "Prompts"]


class Player:
    """What a script says to each request, and what its exceptions are on the wire.

    Args:
        script: a list, a function of the request, or a provider.
        seed: of the choice of what a provider's exceptions become.
        hang_s: seconds of silence for a ProviderTimeout.
    """

    def __init__(self, script: Any, seed: int | str, hang_s: float) -> None:
        self._lock = threading.Lock()
        self.seed = seed
        self.hang_s = hang_s
        self.calls = 0
        self.script = script

    @property
    def script(self) -> Any:
        return self._script

    @script.setter
    def script(self, script: Any) -> None:
        if not isinstance(script, LLMProvider):
            checked_script(script)
        with self._lock:
            self._script = script
            self._played = 0

    def next(
        self, request: dict[str, Any], like: str, sizes: tuple[int, int, int], usual: Stream
    ) -> tuple[forms.Said | Answer, Stream, int]:
        """What is said next, how it is streamed, and the number of the request.

        Args:
            like: whose words an error is in.
            sizes: tokens of the prompt, of the window and of the reply.
            usual: how an item is streamed that does not say.
        """
        with self._lock:
            self.calls += 1
            number, script = self.calls, self._script
            played, self._played = self._played, self._played + 1
        rng = random.Random(f"{self.seed}:{number}") if isinstance(script, LLMProvider) else None
        style = usual if rng is None else chaos.some_style(rng)
        try:
            item = _item(script, request, played)
        except Exception as error:
            item = chaos.of_exception(
                error,
                like,
                rng=rng,
                streamed=bool(request.get("stream")),
                sizes=sizes,
                hang_s=self.hang_s,
            )
        if isinstance(item, Stream):
            style, item = item, item.item
        if not isinstance(item, Answer):
            try:
                item = forms.said(item, number)
            except Exception as error:
                # Of a provider that returned no reply; else the script is wrong.
                text = f"the script has an item that is none: {error_text(error)}"
                item = refusal(like, 400, text) if rng is None else chaos.of_no_reply(item)
        if isinstance(item, forms.Said) and item.calls and item.whole is None and _wants(request):
            item = forms.as_json(item)
        return item, style, number


def _wants(request: Mapping[str, Any]) -> bool:
    """Whether a request asks for JSON by a schema, in place of tools."""
    form = request.get("response_format") or request.get("format")
    return not request.get("tools") and isinstance(form, dict)


def _item(script: Any, request: dict[str, Any], played: int) -> Any:
    """An item of the script; raises it where it is an exception."""
    if isinstance(script, LLMProvider):
        return settled(script.complete(_Asked(request)))  # type: ignore[arg-type]
    if callable(script):
        item = script(request)
    elif played < len(script):
        item = script[played]
    else:
        raise ScriptExhausted(f"the script has {len(script)} replies and this is call {played + 1}")
    inner = item.item if isinstance(item, Stream) else item
    if isinstance(inner, BaseException) or (
        isinstance(inner, type) and issubclass(inner, BaseException)
    ):
        raise inner
    return item


class _Asked:
    """What a provider is shown in place of a context: the request alone."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request

    def to_request(self, model: str = "") -> dict[str, Any]:
        return {**self._request, "model": model} if model else self._request


class Prompts:
    """Counts tokens: those of o200k_base and a few for each message, which is near to what a
    server counts."""

    def __init__(self) -> None:
        self._count = functools.lru_cache(maxsize=2048)(TokenCounter().count)

    def text(self, text: str) -> int:
        """Tokens of a text."""
        return self._count(clean_text(text))

    def message(self, message: Mapping[str, Any]) -> int:
        """Tokens of a message."""
        texts = [message.get("content")]
        for call in message.get("tool_calls") or ():
            texts += [call["function"]["name"], call["function"]["arguments"]]
        shown = [text if isinstance(text, str) else json.dumps(text) for text in texts if text]
        return 3 + sum(map(self.text, shown))

    def request(self, request: Mapping[str, Any]) -> int:
        """Tokens of a prompt."""
        tools = request.get("tools")
        whole = self.text(json.dumps(tools)) if tools else 0
        return whole + sum(map(self.message, request["messages"]))
