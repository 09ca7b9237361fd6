"""A model that misbehaves."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from memgpt._calls import settled
from memgpt._core import Context, ToolCall
from memgpt._text import checked_number, clean_text
from memgpt.errors import (
    ConfigError,
    ContextOverflow,
    InvalidReply,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
)
from memgpt.llm import LLMProvider, Reply, provider, reply_of, reply_parts
from memgpt.testing._dice import Chaotic, Dice, Event, garbage, some_exception
from memgpt.testing._scripted import ScriptedLLM

__all__ = ["FAULTS", "ChaosLLM", "Event"]

# What a ChaosLLM can do, by name. Those of the second part come out of send(); an overflow does
# where it comes twice in a row.
FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "truncated_arguments": "the JSON of the call's arguments breaks off",
        "no_object": "the call's arguments are JSON, but no object",
        "wrong_names": "the call's arguments have other names",
        "wrong_types": "the call's arguments are of other types",
        "unknown_tool": "the call is of a tool that there is not",
        "two_calls": "two or three calls in one reply",
        "duplicate_ids": "calls with the id of another call, of this reply or of an earlier one",
        "no_call": "text, and no call",
        "empty": "neither text nor a call",
        "garbage": "control characters, lone surrogates and markup, as text or as a call",
        "huge": "a text, or an argument, of huge_chars characters",
        "false_usage": "token counts that are far off, negative or no numbers",
        "hang": "the reply comes after hang_s seconds",
        "overflow": "raises ContextOverflow",
        "rate_limited": "raises RateLimited, as for HTTP 429",
        "down": "raises ProviderUnreachable",
        "timeout": "raises ProviderTimeout",
        "invalid_reply": "raises InvalidReply",
        "no_reply": "returns an object that is no reply",
        "exception": "raises any other exception",
    }
)

_ERRORS: Mapping[str, Exception] = MappingProxyType(
    {
        "overflow": ContextOverflow("chaos: the prompt is longer than the model takes"),
        "rate_limited": RateLimited("chaos: 429, too many requests"),
        "down": ProviderUnreachable("chaos: connection refused"),
        "timeout": ProviderTimeout("chaos: no answer in time"),
        "invalid_reply": InvalidReply("chaos: the answer is no chat completion"),
    }
)


class ChaosLLM(Chaotic, LLMProvider):
    """A model that misbehaves, by a seed; else it answers as another one does.

    Where a fault raises, the other model is not asked: a script goes on where it was. Summaries of
    a model that writes them go wrong too, as far as a fault can befall a text.

    Args:
        inner: what answers: an LLMProvider or its class, a handle such as ``"offline"``, or a
            script as :class:`ScriptedLLM` takes it.
        seed: the same seed, with the same conversation, gives the same run.
        rate: share of the calls that misbehave, 0 to 1.
        faults: names from ``FAULTS``; or how often each of them, as a dict of weights. All of them,
            alike, by default.
        hang_s: seconds of a ``hang``. Ctrl-C and a cancelled ``send_async`` end it.
        huge_chars: characters of a ``huge`` text.

    Attributes:
        calls: how often the model was called.
        last_context: what it was shown last.
        log: what it did: one :class:`Event` a call.
        rate: may be set at any time: 0 makes it sound.

    Raises:
        ConfigError: for a fault that does not exist; says which there are.
    """

    def __init__(
        self,
        inner: LLMProvider | type[LLMProvider] | str | Sequence[Any] | Callable[[Context], Any],
        *,
        seed: int | str = 0,
        rate: float = 0.3,
        faults: Iterable[str] | Mapping[str, float] | None = None,
        hang_s: float = 0.05,
        huge_chars: int = 100_000,
    ) -> None:
        self.inner = _provider(inner)
        self.model = "chaos"
        self.context_window = self.inner.context_window
        self.tokenizer = self.inner.tokenizer
        self.hang_s = hang_s
        self.huge_chars = checked_number(huge_chars, "huge_chars", ConfigError)
        self._log = []
        self.last_context: Context | None = None
        self._dice = Dice(seed, rate, faults, FAULTS)
        if type(self.inner).summarize is not LLMProvider.summarize:
            self.summarize = self._summarize

    @property
    def calls(self) -> int:
        return len(self.log)

    def complete(self, context: Context) -> Any:
        self.last_context = context
        fault, rng = self._begin()
        answer = settled(self.inner.complete(context))
        reply = reply_of(reply_parts(answer, type(self.inner).__name__))
        if fault in ("", "hang"):
            return reply
        spoilt, detail = _SPOIL[fault](_Case(reply, context, rng, self.huge_chars))
        self._say(fault, detail)
        return spoilt

    def _summarize(self, text: str, limit_tokens: int) -> Any:
        fault, rng = self._begin(among=(*_ERRORS, "exception", "hang", *_SPOILT_SUMMARIES))
        if fault in _SPOILT_SUMMARIES:
            self._say(fault, "of a summary")
            return _SPOILT_SUMMARIES[fault](rng, self.huge_chars)
        return settled(self.inner.summarize(text, limit_tokens))

    def _begin(self, among: Iterable[str] | None = None) -> tuple[str, random.Random]:
        """Log the call; raise or wait where that is its fault."""
        fault, rng = self._throw(among)
        if fault in _ERRORS:
            error = _ERRORS[fault]
            self._say(fault, type(error).__name__)
            raise type(error)(*error.args)
        if fault == "exception":
            error = some_exception(rng)
            self._say(fault, type(error).__name__)
            raise error
        if fault == "hang":
            self._say(fault, f"{self.hang_s} s")
            self._hang()
        return fault, rng

    def _say(self, fault: str, detail: str) -> None:
        self.log[-1] = Event(len(self.log), fault, detail)

    def _hang(self) -> None:
        """As a model that is waited for: what ends such a wait ends this one."""
        import asyncio  # takes longer to import than all of memgpt

        settled(asyncio.sleep(self.hang_s))

    def __repr__(self) -> str:
        dice = self._dice
        return f"ChaosLLM({self.inner!r}, seed={dice.seed!r}, rate={dice.rate})"


def _provider(inner: Any) -> LLMProvider:
    if isinstance(inner, type) and issubclass(inner, LLMProvider):
        return inner()
    if isinstance(inner, LLMProvider):
        return inner
    return provider(inner) if isinstance(inner, str) else ScriptedLLM(inner)


class _Case:
    """A reply that is to be spoilt."""

    def __init__(self, reply: Reply, context: Context, rng: random.Random, huge: int) -> None:
        self.reply = reply
        self.rng = rng
        self.huge = huge
        self.request = context.to_request()
        calls = reply.tool_calls
        said = json.dumps({"message": reply.content or "chaos"}, ensure_ascii=False)
        self.call = calls[0] if calls else ToolCall("send_message", said)
        try:
            arguments = json.loads(self.call.arguments)
        except ValueError:
            arguments = None
        self.arguments: dict[str, Any] = arguments if isinstance(arguments, dict) else {}

    def tools(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.request.get("tools") or ()]

    def ids(self) -> list[str]:
        """Of the calls that the request shows."""
        messages = self.request["messages"]
        return [call.get("id", "") for m in messages for call in m.get("tool_calls") or ()]

    def with_call(self, name: str | None = None, arguments: str | None = None) -> Reply:
        given = self.call.arguments if arguments is None else arguments
        call = ToolCall(self.call.name if name is None else name, clean_text(given), self.call.id)
        return self.with_calls([call])

    def with_calls(self, calls: list[ToolCall]) -> Reply:
        return Reply(self.reply.content, calls, self.reply.thinking)


Spoilt = tuple[Any, str]


def _truncated_arguments(case: _Case) -> Spoilt:
    text = case.call.arguments
    kept = case.rng.randrange(1, max(2, len(text)))
    return case.with_call(arguments=text[:kept]), f"{kept} of {len(text)} characters"


def _no_object(case: _Case) -> Spoilt:
    text = case.rng.choice(["[1, 2]", "null", '"text"', "7", "true", "NaN", "[[[[[[[[]]]]]]]]"])
    return case.with_call(arguments=text), text


def _wrong_names(case: _Case) -> Spoilt:
    names = {name: f"{name}_{case.rng.randrange(100)}" for name in case.arguments or {"no": 0}}
    arguments = {new: case.arguments.get(name, 0) for name, new in names.items()}
    return case.with_call(arguments=json.dumps(arguments)), ", ".join(arguments)


def _wrong_types(case: _Case) -> Spoilt:
    def other(value: Any) -> Any:
        kinds = [None, 7, -1.5, True, [value], {"漢字": value}, f"{value}", 10**30, ["漢字" * 60]]
        return case.rng.choice([kind for kind in kinds if type(kind) is not type(value)])

    arguments = {name: other(value) for name, value in case.arguments.items()}
    detail = ", ".join(type(value).__name__ for value in arguments.values())
    return case.with_call(arguments=json.dumps(arguments, ensure_ascii=False)), detail


def _unknown_tool(case: _Case) -> Spoilt:
    name = case.call.name
    names = [name[::-1] + "x", f"{name}_", name.upper(), "", "functions." + name, "x" * 5000]
    name = case.rng.choice([other for other in names if other not in case.tools()])
    return case.with_call(name=name), name[:80]


def _two_calls(case: _Case) -> Spoilt:
    names = case.rng.choices(case.tools() or [case.call.name], k=case.rng.randint(1, 2))
    calls = [case.call, *(ToolCall(name, case.call.arguments) for name in names)]
    return case.with_calls(calls), ", ".join(call.name for call in calls)


def _duplicate_ids(case: _Case) -> Spoilt:
    id = case.rng.choice([*case.ids(), "", "0", "same"])
    call = ToolCall(case.call.name, case.call.arguments, id)
    return case.with_calls([call] * case.rng.randint(1, 3)), id


def _no_call(case: _Case) -> Spoilt:
    return Reply(case.reply.content or case.call.arguments, (), case.reply.thinking), ""


def _empty(case: _Case) -> Spoilt:
    return case.rng.choice([Reply(), "", Reply(" \n"), {"role": "assistant", "content": ""}]), ""


def _garbage(case: _Case) -> Spoilt:
    rng = case.rng
    where = rng.choice(["text", "name", "arguments", "argument", "thinking"])
    text = garbage(rng)
    if where == "text":
        return Reply(text), where
    if where == "name":
        return case.with_call(name=clean_text(text)), where
    if where == "arguments":
        return case.with_call(arguments=text), where
    if where == "argument":
        arguments = dict.fromkeys(case.arguments, text)
        return case.with_call(arguments=json.dumps(arguments)), where
    return Reply(text, [case.call], text), where


def _huge(case: _Case) -> Spoilt:
    words = "geese \u00e4\u6f22 7,"
    text = (words * (case.huge // len(words) + 1))[: case.huge]
    where = case.rng.choice(["text", "argument", "broken arguments", "text and argument"])
    if where == "text":
        return Reply(text), where
    if where == "broken arguments":
        return case.with_call(arguments='{"message": "' + text), where
    arguments = {
        name: text if isinstance(value, str) else value for name, value in case.arguments.items()
    }
    reply = case.with_call(arguments=json.dumps(arguments, ensure_ascii=False))
    reply.content = text if where == "text and argument" else reply.content
    return reply, where


def _false_usage(case: _Case) -> Spoilt:
    figures: list[Any] = [0, 1, -5, 100_000_000, 2**31 - 1, 10**30, True, 1.5, "many", None]
    reply = case.with_calls(list(case.reply.tool_calls))
    reply.prompt_tokens, reply.completion_tokens = case.rng.choices(figures, k=2)
    return reply, f"{reply.prompt_tokens}, {reply.completion_tokens}"


def _no_reply(case: _Case) -> Spoilt:
    things: list[Any] = [None, 7, b"\xff\0", [], object(), {"choices": []}, {"choices": [{}]}]
    things += [{"role": "assistant"}, Reply(tool_calls=[None])]  # type: ignore[list-item]
    thing = case.rng.choice(things)
    return thing, type(thing).__name__


_SPOIL: Mapping[str, Callable[[_Case], Spoilt]] = MappingProxyType(
    {
        "truncated_arguments": _truncated_arguments,
        "no_object": _no_object,
        "wrong_names": _wrong_names,
        "wrong_types": _wrong_types,
        "unknown_tool": _unknown_tool,
        "two_calls": _two_calls,
        "duplicate_ids": _duplicate_ids,
        "no_call": _no_call,
        "empty": _empty,
        "garbage": _garbage,
        "huge": _huge,
        "false_usage": _false_usage,
        "no_reply": _no_reply,
    }
)

_SPOILT_SUMMARIES: Mapping[str, Callable[[random.Random, int], Any]] = MappingProxyType(
    {
        "empty": lambda rng, huge: rng.choice(["", " \n"]),
        "garbage": lambda rng, huge: garbage(rng),
        "huge": lambda rng, huge: "geese " * (huge // 6 + 1),
        "no_reply": lambda rng, huge: rng.choice([7, b"\xff", []]),
    }
)
