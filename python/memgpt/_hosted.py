"""Models behind a server: what a program says of them, as the core takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from memgpt import _core
from memgpt._text import checked_number, checked_seconds, checked_text
from memgpt.errors import ConfigError
from memgpt.tokens import TokenCounter, to_core_counter

__all__ = ["core_model", "from_mapping"]

# What a model may be given as, in a dict, and what each is called by OpenAICompatible.
_KEYS = {
    "model": "model",
    "endpoint": "base_url",
    "endpoint_type": "service",
    "api_key": "api_key",
    "api_version": "api_version",
    "context_window": "context_window",
    "tokenizer": "tokenizer",
    "timeout_s": "timeout_s",
    "read_timeout_s": "read_timeout_s",
    "max_retries": "max_retries",
    "structure": "structure",
    "max_string": "max_string",
    "extra_body": "extra_body",
}


def core_model(
    model: str,
    *,
    whose: str,
    service: str = "openai",
    base_url: str | None = None,
    api_key: str | None = None,
    api_version: str = "",
    context_window: int = 0,
    tokenizer: str | TokenCounter | type[TokenCounter] | None = None,
    timeout_s: float = 600.0,
    read_timeout_s: float = 300.0,
    max_retries: int = 2,
    structure: str | None = None,
    max_string: int | None = None,
    extra_body: Mapping[str, Any] | None = None,
) -> _core.Provider:
    """The core's provider of a model; see :class:`memgpt.OpenAICompatible` for the arguments.

    Raises:
        ConfigError: for what cannot work.
    """
    options = _core.ModelOptions()
    options.model = checked_text(model, "the model's name")
    options.service = checked_text(service, "the service")
    options.base_url = None if base_url is None else checked_text(base_url, "base_url")
    options.api_key = None if api_key is None else checked_text(api_key, "api_key")
    options.api_version = checked_text(api_version, "api_version")
    options.context_window = checked_number(context_window, "context_window", ConfigError)
    options.tokenizer = None if tokenizer is None else ""
    options.counter = to_core_counter(tokenizer, whose)
    options.timeout_s = checked_seconds(timeout_s, "timeout_s")
    options.read_timeout_s = checked_seconds(read_timeout_s, "read_timeout_s")
    options.max_retries = checked_number(max_retries, "max_retries", ConfigError)
    if structure is not None:
        options.structure = checked_text(structure, "structure")
    if max_string is not None:
        options.max_string = checked_number(max_string, "max_string", ConfigError)
    if extra_body is not None:
        try:
            options.extra_body = json.dumps(dict(extra_body), ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfigError(f"extra_body must be a dict of JSON values ({error})") from error
    return _core.make_provider(options)


def from_mapping(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for OpenAICompatible in a ``{"model", "endpoint", "endpoint_type"}``.

    Raises:
        ConfigError: for a key that means nothing, or where there is no model.
    """
    if unknown := [str(key) for key in given if key not in _KEYS]:
        raise ConfigError(
            f"a model's dict has no {', '.join(map(repr, unknown))}; it may hold {', '.join(_KEYS)}"
        )
    if not given.get("model"):
        raise ConfigError('a model\'s dict needs a "model", the name that its server knows')
    return {_KEYS[key]: value for key, value in given.items() if value is not None}
