"""What a strict server refuses, in OpenAI's words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["Refused", "check_chat", "check_ollama_chat"]

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SPEAKER = re.compile(r"[^\s<|\\/>]{1,64}")
_REASONS = ("o1", "o3", "o4", "gpt-5")  # these refuse the older name of the limit
_KNOWN = frozenset(
    {
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)

# Of llama.cpp, vLLM, OpenRouter and others.
_OTHERS = frozenset(
    {
        "cache_prompt",
        "chat_template_kwargs",
        "grammar",
        "keep_alive",
        "min_p",
        "options",
        "provider",
        "reasoning",
        "repeat_penalty",
        "repetition_penalty",
        "top_k",
        "transforms",
    }
)


class Refused(NamedTuple):
    """Why a request is refused: a message, the parameter that is meant, OpenAI's name of it."""

    message: str
    param: str | None = None
    code: str | None = None


def check_chat(request: Mapping[str, Any], like: str = "openai") -> Refused | None:
    """What is wrong with a request for a chat completion.

    Args:
        like: which server it is: OpenAI refuses parameters that it does not know, others pass
            them over; ``""`` knows those of all.

    Returns:
        The first problem, or None.
    """
    for problems in (_parameters, _tools, _messages):
        for problem in problems(request):
            return problem
    known = _KNOWN if like else _KNOWN | _OTHERS
    for name in request if like in ("", "openai", "azure") else ():
        if name not in known:
            return Refused(f"Unrecognized request argument supplied: {name}")
    return None


def _is_number(value: Any, least: float, most: float = float("inf")) -> bool:
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most
    )


def _parameters(request: Mapping[str, Any]) -> Iterator[Refused]:
    def wrong(name: str, what: str, code: str = "invalid_value") -> Refused:
        return Refused(f"Invalid value for '{name}': {what}.", name, code)

    model = request.get("model")
    if not isinstance(model, str) or not model:
        yield Refused("you must provide a model parameter")
        return
    limits = [name for name in ("max_tokens", "max_completion_tokens") if request.get(name)]
    if len(limits) == 2:
        yield Refused("max_tokens and max_completion_tokens cannot both be set", limits[0])
    for name in ("max_tokens", "max_completion_tokens"):
        value = request.get(name)
        if value is not None and (not isinstance(value, int) or not _is_number(value, 1)):
            yield Refused(
                f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got "
                f"{value} instead.",
                name,
                "integer_below_min_value",
            )
    if request.get("max_tokens") is not None and model.startswith(_REASONS):
        yield Refused(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    for name, most in (("temperature", 2.0), ("top_p", 1.0)):
        if request.get(name) is not None and not _is_number(request[name], 0, most):
            yield wrong(name, f"expected a number from 0 to {most}")
    for name in ("stream", "parallel_tool_calls", "logprobs"):
        if request.get(name) is not None and not isinstance(request[name], bool):
            yield wrong(name, "expected a boolean", "invalid_type")
    if request.get("stream_options") is not None and not request.get("stream"):
        yield wrong("stream_options", "it is only allowed when 'stream' is enabled")
    for name in ("tool_choice", "parallel_tool_calls"):
        if request.get(name) is not None and not request.get("tools"):
            yield wrong(name, f"'{name}' is only allowed when 'tools' are specified")
    yield from _format(request.get("response_format"))


def _format(form: Any) -> Iterator[Refused]:
    if form is None:
        return
    kinds = ("text", "json_object", "json_schema")
    kind = form.get("type") if isinstance(form, dict) else None
    if kind not in kinds:
        yield Refused(
            f"Invalid value: {kind!r}. Supported values are: {', '.join(map(repr, kinds))}.",
            "response_format.type",
            "invalid_value",
        )
    elif kind == "json_schema":
        schema = form.get("json_schema")
        if not isinstance(schema, dict) or not _NAME.fullmatch(str(schema.get("name", ""))):
            yield Refused(
                "Missing required parameter: 'response_format.json_schema.name'.",
                "response_format.json_schema",
                "missing_required_parameter",
            )


def _tools(request: Mapping[str, Any]) -> Iterator[Refused]:
    tools = request.get("tools")
    if tools is None:
        return
    if not isinstance(tools, list) or not 1 <= len(tools) <= 128:
        yield Refused("Invalid 'tools': expected an array of 1 to 128 tools.", "tools")
        return
    names = []
    for number, tool in enumerate(tools):
        where = f"tools[{number}]"
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or tool.get("type") != "function":
            yield Refused(f"Missing required parameter: '{where}.function'.", where)
            return
        yield from _bad_name(function.get("name"), f"{where}.function.name")
        names.append(function.get("name"))
        if not isinstance(function.get("description") or "", str):
            yield Refused(f"Invalid type for '{where}.function.description'.", where)
        parameters = function.get("parameters")
        if parameters is not None:
            why = _schema_problem(parameters, top=True)
            if why:
                yield Refused(
                    f"Invalid schema for function '{names[-1]}': {why}",
                    f"{where}.function.parameters",
                    "invalid_function_parameters",
                )
    choice = request.get("tool_choice")
    if isinstance(choice, dict):
        wanted = (choice.get("function") or {}).get("name")
        if wanted not in names:
            yield Refused(f"Tool choice '{wanted}' not found in 'tools' parameter.", "tool_choice")
    elif choice not in (None, "none", "auto", "required"):
        yield Refused(
            f"Invalid value: {choice!r}. Supported values are: 'none', 'auto', and 'required'.",
            "tool_choice",
            "invalid_value",
        )


def _schema_problem(schema: Any, top: bool = False) -> str:
    """What is wrong with a JSON schema, as far as OpenAI looks; empty for nothing."""
    if not isinstance(schema, dict):
        return f"{schema!r} is not of type 'object', 'boolean'."
    if top and schema.get("type") != "object":
        kind = schema.get("type")
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {kind!r}'."
    if schema.get("type") == "array" and "items" not in schema:
        return "array schema missing items."
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        return "'properties' is not an object."
    required = schema.get("required", [])
    if not isinstance(required, list) or any(name not in properties for name in required):
        return "'required' names properties that there are not."
    inside = [*properties.values()]
    inside += [schema["items"]] if isinstance(schema.get("items"), dict) else []
    return next((why for part in inside if (why := _schema_problem(part))), "")


def _bad_name(name: Any, where: str) -> Iterator[Refused]:
    if not isinstance(name, str) or not name:
        yield Refused(
            f"Missing required parameter: '{where}'.", where, "missing_required_parameter"
        )
    elif len(name) > 64:
        yield Refused(
            f"Invalid '{where}': string too long. Expected a string with maximum length 64, but "
            f"got a string with length {len(name)} instead.",
            where,
            "string_above_max_length",
        )
    elif not _NAME.fullmatch(name):
        yield Refused(
            f"Invalid '{where}': string does not match pattern. Expected a string that matches "
            "the pattern '^[a-zA-Z0-9_-]+$'.",
            where,
            "invalid_value",
        )


def _messages(request: Mapping[str, Any]) -> Iterator[Refused]:
    messages = request.get("messages")
    if not isinstance(messages, list):
        yield Refused(
            "Missing required parameter: 'messages'.", "messages", "missing_required_parameter"
        )
        return
    if not messages:
        yield Refused(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
            "empty array instead.",
            "messages",
            "empty_array",
        )
    yield from _in_order(messages)
    for number, message in enumerate(messages):
        yield from _content(message, f"messages[{number}]")


def _in_order(messages: list[Any]) -> Iterator[Refused]:
    """Roles, and that each call has its return directly after it."""
    waiting: list[str] = []
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict):
            yield Refused(f"Invalid type for '{where}': expected an object.", where, "invalid_type")
            return
        role = message.get("role")
        if role not in _ROLES:
            yield Refused(
                f"Invalid value: {role!r}. Supported values are: "
                f"{', '.join(map(repr, _ROLES[:-1]))}, and {_ROLES[-1]!r}.",
                f"{where}.role",
                "invalid_value",
            )
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                yield Refused(
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'.",
                    f"{where}.role",
                )
            else:
                waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            yield _unanswered(waiting, where)
        waiting = []
        for place, call in enumerate(message.get("tool_calls") or ()):
            yield from _openai_call(call, f"{where}.tool_calls[{place}]")
            waiting.append(call.get("id") if isinstance(call, dict) else "")
        if len(set(waiting)) < len(waiting):
            yield Refused(f"Duplicate value for 'tool_call_id' in {where}.", where)
    if waiting:
        yield _unanswered(waiting, f"messages[{len(messages) - 1}]")


def _unanswered(waiting: list[str], where: str) -> Refused:
    return Refused(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'. The following tool_call_ids did not have response messages: "
        + ", ".join(waiting),
        f"{where}.role",
    )


def _openai_call(call: Any, where: str) -> Iterator[Refused]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or call.get("type") != "function":
        yield Refused(f"Missing required parameter: '{where}.function'.", where)
        return
    yield from _bad_name(function.get("name"), f"{where}.function.name")
    if not isinstance(function.get("arguments"), str):
        yield Refused(
            f"Invalid type for '{where}.function.arguments': expected a string.",
            f"{where}.function.arguments",
            "invalid_type",
        )
    id = call.get("id")
    if not isinstance(id, str) or not 1 <= len(id) <= 40:
        yield Refused(
            f"Invalid '{where}.id': expected a string of 1 to 40 characters.",
            f"{where}.id",
            "string_above_max_length",
        )


def _content(message: Mapping[str, Any], where: str) -> Iterator[Refused]:
    content, role = message.get("content"), message["role"]
    parts_are_good = isinstance(content, list) and all(
        isinstance(part, dict) and isinstance(part.get("type"), str) for part in content
    )
    if content is None:
        if role != "assistant" or not (message.get("tool_calls") or message.get("function_call")):
            yield Refused(
                "Invalid value for 'content': expected a string, got null.",
                f"{where}.content",
                "invalid_type",
            )
    elif not isinstance(content, str) and not (parts_are_good and content):
        yield Refused(
            f"Invalid type for '{where}.content': expected one of a string or array of objects.",
            f"{where}.content",
            "invalid_type",
        )
    name = message.get("name")
    if name is not None and not (isinstance(name, str) and _SPEAKER.fullmatch(name)):
        yield Refused(
            f"Invalid '{where}.name': string does not match pattern. Expected a string that "
            r"matches the pattern '^[^\s<|\\/>]+$'.",
            f"{where}.name",
            "invalid_value",
        )


def check_ollama_chat(request: Mapping[str, Any]) -> str:
    """What Ollama refuses of a request to /api/chat; empty for nothing."""
    if not isinstance(request.get("model"), str) or not request["model"]:
        return "model is required"
    messages = request.get("messages", [])
    if not isinstance(messages, list):
        return "json: cannot unmarshal into Go struct field ChatRequest.messages"
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in (
            "system",
            "user",
            "assistant",
            "tool",
        ):
            return "invalid role: must be one of [system, user, assistant, tool]"
        if not isinstance(message.get("content", ""), str):
            return "json: cannot unmarshal into Go struct field ChatRequest.messages.content"
        for call in message.get("tool_calls") or ():
            function = call.get("function") if isinstance(call, dict) else None
            if not isinstance(function, dict) or not isinstance(function.get("arguments"), dict):
                return (
                    "json: cannot unmarshal string into Go struct field "
                    "ChatRequest.messages.tool_calls.function.arguments of type "
                    "api.ToolCallFunctionArguments"
                )
    if not isinstance(request.get("options") or {}, dict):
        return "json: cannot unmarshal into Go struct field ChatRequest.options"
    if not isinstance(request.get("format") or "", (str, dict)):
        return "invalid format"
    for problem in _tools({"tools": request.get("tools") or None}):
        return problem.message
    return ""
