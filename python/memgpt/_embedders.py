"""Embedders behind a server: what a program says of them, as the core takes it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from memgpt import _core
from memgpt._text import checked_flag, checked_number, checked_seconds, checked_text
from memgpt.errors import ConfigError, InvalidInput
from memgpt.llm import Embedder

__all__ = ["OpenAICompatibleEmbedder", "embedder_of"]


def _checked_weight(weight: Any) -> float:
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight <= 1000:
        raise ConfigError(f"weight must be from 0 to 1000, not {weight!r}")
    return float(weight)


class OpenAICompatibleEmbedder(Embedder):
    """Vectors from a server that speaks OpenAI's embeddings; also one of a named service, such as
    Ollama.

    A handle such as ``"openai/<model>"`` or ``"ollama/<model>"`` is this with the service's key and
    address from the environment, and binds itself when an agent is opened again. With ``base_url``
    the agent has to be given its embedder again then, for nothing is sent to an address that only a
    file names; the environment's key is not sent to that address. ``{"model": ..., "endpoint": ...,
    "endpoint_type": ...}`` as an agent's ``embedding=`` is this, too.

    A text that is longer than the model takes is refused, where Ollama by itself would cut it and
    say nothing. Of a query that is too long the beginning is enough.

    Args:
        model: the name that the server knows it by.
        base_url: e.g. ``"http://127.0.0.1:8080/v1"``; by default what the service's variable says
            (OPENAI_BASE_URL, OLLAMA_HOST ...), or its usual address.
        api_key: by default OPENAI_API_KEY or the like, or none where ``base_url`` is given.
        service: ``"openai"``, ``"ollama"``, ``"llama.cpp"``, ``"vllm"``, ``"lmstudio"``,
            ``"together"`` or another one of a model's.
        dimension: floats in a vector; 0 for what is known of the model, or for asking the server
            once. Another one than a known model's is asked of the server.
        shorten: ask the server for vectors of that dimension, whatever the model's is.
        name: names the vectors, with ``base_url``, so that they are found when the server has
            moved; by default the model and the address.
        weight: of vectors beside words when passages are ranked, where words weigh 1.
        batch: texts a request, at most; a request holds no more than 200,000 bytes of text, but
            for a text that is longer.
        timeout_s: seconds from a request to the end of its answer, for each attempt.
        max_retries: how often a request is sent again that failed in passing.

    Raises:
        ConfigError: for a URL or number that cannot work.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        service: str = "openai",
        dimension: int = 0,
        shorten: bool = False,
        name: str = "",
        weight: float = 0.5,
        batch: int = 256,
        timeout_s: float = 600.0,
        max_retries: int = 2,
    ) -> None:
        self._core = _core.make_embedder(
            model=checked_text(model, "the embedding model's name"),
            service=checked_text(service, "the service"),
            base_url=None if base_url is None else checked_text(base_url, "base_url"),
            api_key=None if api_key is None else checked_text(api_key, "api_key"),
            name=_own_name(name, base_url is not None),
            dimension=checked_number(dimension, "dimension", ConfigError),
            shorten=checked_flag(shorten, "shorten"),
            weight=_checked_weight(weight),
            batch=checked_number(batch, "batch", ConfigError, 1),
            timeout_s=checked_seconds(timeout_s, "timeout_s"),
            max_retries=checked_number(max_retries, "max_retries", ConfigError),
        )
        self.name = self._core.name
        self.weight = self._core.weight

    @property
    def dimension(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Floats in a vector; of a model that is not known the server is asked, once."""
        return self._core.dimension

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One row a text.

        Raises:
            MissingKey: where a key is needed and not set.
            InvalidInput: for what is no list of texts, and for a text that is longer than the model
                takes; says which.
            ProviderError: or one of its kinds, as a model's provider.
        """
        if isinstance(texts, (str, bytes, Mapping)) or not isinstance(texts, Iterable):
            raise InvalidInput("embed() takes a list of texts; of one text: embed([text])[0]")
        texts = [checked_text(text, f"text {number}") for number, text in enumerate(texts, 1)]
        width, rows = self.dimension, iter(self._core.embed(texts))
        return [list(itertools.islice(rows, width)) for _ in texts]

    def _to_core(self) -> _core.CoreEmbedder | None:
        return self._core if type(self).embed is OpenAICompatibleEmbedder.embed else None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


def _own_name(name: Any, own_address: bool) -> str:
    """Refuses a name by which a file would bind itself to another embedder."""
    name = checked_text(name, "name")
    if name and not own_address:
        raise ConfigError("name is for an embedder at an address of its own: a handle is its name")
    if name and _core.embedder_for(name) is not None:
        raise ConfigError(
            f"name {name!r} is a handle: an agent that is opened again would send its texts there"
        )
    return name


# What an embedder may be given as, in a dict, and what each is called above.
_KEYS = {
    "model": "model",
    "endpoint": "base_url",
    "endpoint_type": "service",
    **{key: key for key in ("api_key", "dimension", "shorten", "name", "weight", "batch")},
    **{key: key for key in ("timeout_s", "max_retries")},
}


def embedder_of(given: Mapping[str, Any]) -> Embedder:
    """The embedder that ``{"model":..., "endpoint":..., "endpoint_type":...}`` describes.

    Raises:
        ConfigError: for a key that means nothing, or where there is no model.
    """
    if unknown := [str(key) for key in given if key not in _KEYS]:
        raise ConfigError(
            f"an embedder's dict has no {', '.join(map(repr, unknown))}; it may hold "
            + ", ".join(_KEYS)
        )
    if not given.get("model"):
        raise ConfigError('an embedder\'s dict needs a "model", the name that its server knows')
    options = {_KEYS[key]: value for key, value in given.items() if value is not None}
    return OpenAICompatibleEmbedder(**options)
