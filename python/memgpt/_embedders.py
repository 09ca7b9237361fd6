"""Embedders behind a server: OpenAI's, Ollama's, and any that speaks as they do."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from memgpt import _core
from memgpt._text import checked_flag, checked_number, checked_seconds, checked_text
from memgpt.errors import ConfigError
from memgpt.llm import Embedder

__all__ = ["OllamaEmbedder", "OpenAICompatibleEmbedder", "embedder_of"]


def _checked_weight(weight: Any) -> float:
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight <= 1000:
        raise ConfigError(f"weight must be from 0 to 1000, not {weight!r}")
    return float(weight)


class _EndpointEmbedder(Embedder):
    """An embedder of the core, which can be asked, or wrapped in one's own."""

    def __init__(self, core: _core.CoreEmbedder) -> None:
        self._core = core
        self.name = core.name
        self.weight = core.weight

    @property
    def dimension(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Floats in a vector; of a model that is not known the server is asked, once."""
        return self._core.dimension

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One row a text.

        Raises:
            MissingKey: where a key is needed and not set.
            InvalidInput: for a text that is longer than the model takes; says which.
            ProviderError: or one of its kinds, as a model's provider.
        """
        width, rows = self.dimension, iter(self._core.embed(list(texts)))
        return [list(itertools.islice(rows, width)) for _ in texts]

    def _to_core(self) -> _core.CoreEmbedder | None:
        return self._core if type(self).embed is _EndpointEmbedder.embed else None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class OpenAICompatibleEmbedder(_EndpointEmbedder):
    """Vectors from a server that speaks OpenAI's embeddings.

    The handle ``"openai/<model>"`` is this with ``OPENAI_API_KEY`` and ``OPENAI_BASE_URL`` from the
    environment, and binds itself when an agent is opened again. With ``base_url`` the agent has to
    be given its embedder again then, for nothing is sent to an address that only a file names; the
    environment's key is not sent to that address.

    Args:
        model: the name that the server knows it by.
        base_url: e.g. ``"http://127.0.0.1:8080/v1"``; by default OPENAI_BASE_URL, or OpenAI's own.
        api_key: by default OPENAI_API_KEY, or none where ``base_url`` is given.
        dimension: floats in a vector; 0 for what is known of the model, or for asking the server
            once. Another one than a known model's is asked of the server.
        shorten: ask the server for vectors of that dimension, whatever the model's is.
        name: names the vectors, with ``base_url``, so that they are found when the server has
            moved; by default the model and the address.
        weight: of vectors beside words when passages are ranked, where words weigh 1.
        batch: texts a request, at most; a request holds no more than 200,000 bytes of text, but
            for a text that is longer.
        timeout_s: seconds from a request to the end of its answer.

    Raises:
        ConfigError: for a URL or number that cannot work.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        dimension: int = 0,
        shorten: bool = False,
        name: str = "",
        weight: float = 0.5,
        batch: int = 256,
        timeout_s: float = 120.0,
    ) -> None:
        core = _core.OpenAIEmbedder(
            checked_text(model, "the embedding model's name"),
            None if base_url is None else checked_text(base_url, "base_url"),
            None if api_key is None else checked_text(api_key, "api_key"),
            _own_name(name, base_url is not None),
            checked_number(dimension, "dimension", ConfigError),
            checked_flag(shorten, "shorten"),
            _checked_weight(weight),
            checked_number(batch, "batch", ConfigError, 1),
            checked_seconds(timeout_s, "timeout_s"),
        )
        super().__init__(core)


class OllamaEmbedder(_EndpointEmbedder):
    """Vectors from Ollama. A text that is longer than the model takes is refused, where Ollama by
    itself would cut it and say nothing.

    The handle ``"ollama/<model>"`` is this at ``OLLAMA_HOST``, and binds itself when an agent is
    opened again; with ``host`` the agent has to be given its embedder again.

    Args:
        model: the name that Ollama knows it by, such as ``"nomic-embed-text"``.
        host: e.g. ``"http://127.0.0.1:11434"``; by default OLLAMA_HOST, or this.
        dimension, shorten, name, weight, batch, timeout_s: as of
            :class:`OpenAICompatibleEmbedder`.

    Raises:
        ConfigError: for a URL or number that cannot work.
    """

    def __init__(
        self,
        model: str,
        *,
        host: str | None = None,
        dimension: int = 0,
        shorten: bool = False,
        name: str = "",
        weight: float = 0.5,
        batch: int = 256,
        timeout_s: float = 120.0,
    ) -> None:
        core = _core.OllamaEmbedder(
            checked_text(model, "the embedding model's name"),
            None if host is None else checked_text(host, "host"),
            None,
            _own_name(name, host is not None),
            checked_number(dimension, "dimension", ConfigError),
            checked_flag(shorten, "shorten"),
            _checked_weight(weight),
            checked_number(batch, "batch", ConfigError, 1),
            checked_seconds(timeout_s, "timeout_s"),
        )
        super().__init__(core)


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


_KINDS = {"openai": OpenAICompatibleEmbedder, "ollama": OllamaEmbedder}
_KEYS = {"model", "endpoint", "endpoint_type", "api_key", "dimension", "name"}


def embedder_of(description: Mapping[str, Any]) -> Embedder:
    """The embedder that ``{"model":..., "endpoint":..., "endpoint_type":...}`` describes.

    Args:
        description: ``endpoint`` is an address, or None for the environment's; ``endpoint_type`` is
            ``"openai"`` (the default) or ``"ollama"``; ``dimension``, ``name`` and, for ``openai``,
            ``api_key`` may be there too.

    Raises:
        ConfigError: for what describes none.
    """
    if unknown := set(description) - _KEYS:
        raise ConfigError(
            f"embedding= has unknown keys {sorted(map(str, unknown))}; known are {sorted(_KEYS)}"
        )
    if "model" not in description:
        raise ConfigError('embedding= needs a "model"')
    kind = description.get("endpoint_type") or "openai"
    if kind not in _KINDS:
        raise ConfigError(f"endpoint_type must be one of {sorted(_KINDS)}, not {kind!r}")
    options = {key: description[key] for key in ("dimension", "name") if key in description}
    if kind == "ollama":
        if description.get("api_key"):
            raise ConfigError("Ollama takes no api_key")
        return OllamaEmbedder(description["model"], host=description.get("endpoint"), **options)
    return OpenAICompatibleEmbedder(
        description["model"],
        base_url=description.get("endpoint"),
        api_key=description.get("api_key"),
        **options,
    )
