"""Language models and embedders: subclass them to bring your own."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memgpt import _core
from memgpt._calls import settled
from memgpt._core import Context, ToolCall
from memgpt._hosted import core_model, from_mapping
from memgpt._text import clean_text, error_text
from memgpt._vectors import flat_rows
from memgpt.errors import ConfigError, InvalidReply, ModelNotFound, ProviderError
from memgpt.tokens import TokenCounter, to_core_counter

__all__ = ["Delta", "Embedder", "LLMProvider", "OpenAICompatible", "Reply", "provider"]


@dataclass
class Reply:
    """What a model answered.

    Attributes:
        content: text outside of tool calls: private beside a call; without one it is said by
            ``send_message``, if the agent has that tool.
        tool_calls: the calls, in order; the first one is run.
        thinking: the model's native reasoning.
        prompt_tokens: tokens of the prompt as the provider counted them, if it did.
        completion_tokens: tokens of the answer as the provider counted them, if it did.
        finish_reason: why the model stopped, as the provider says it; ``"length"`` where it was cut
            off.
    """

    content: str = ""
    tool_calls: Sequence[ToolCall] = ()
    thinking: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: str = ""


@dataclass(frozen=True)
class Delta:
    """A piece of a reply, as it comes.

    Attributes:
        kind: ``"content"``, ``"thinking"`` or ``"tool_call"``.
        text: of a call: a piece of the JSON text of its arguments.
        index: which call of the reply; the first one, 0, is run.
        id: of the call, where the server gave one.
        name: of the call's tool.
    """

    kind: str
    text: str
    index: int = 0
    id: str = ""
    name: str = ""


class LLMProvider:
    """A language model. Subclass it and define :meth:`complete`.

    Attributes:
        model: the model's handle; by default the class's name.
        context_window: tokens that the model can take; 0 where you do not know.
        tokenizer: ``"o200k_base"``, ``"cl100k_base"``, a :class:`TokenCounter` (or its class) that
            counts as the model does, or ``""`` where its tokenizer is not to be had; counts are
            then labelled as estimates.
    """

    model: str = ""
    context_window: int = 0
    tokenizer: str | TokenCounter | type[TokenCounter] = ""

    def complete(self, context: Context) -> Any:
        """One model call. May be an ``async def``.

        One that can stream takes a second parameter, ``on_delta``: a function that is called with
        each :class:`Delta` of the reply as it comes, or None where nobody looks on.

        Args:
            context: what the model shall see; ``context.to_request()`` is a dict in the form of
                OpenAI's chat completions.

        Returns:
            A :class:`Reply`, a chat completion or one of its messages as a dict, or plain text.
            What you raise comes out of ``send()`` as it is, and the agent stays usable.
        """
        raise ProviderError(f"{type(self).__name__} defines no complete(self, context)")

    def summarize(self, text: str, limit_tokens: int) -> str | None:
        """A summary of messages that leave the window.

        Args:
            text: the summary so far and the messages, one dated line each.
            limit_tokens: what the summary may take.

        Returns:
            The summary, or None for a mechanical digest. The digest also stands in where this
            raises, or where the summary is empty or too long; ``agent.summaries()`` tells why.
        """
        return None


class Embedder:
    """Text to vectors. Subclass it and define :meth:`embed`.

    Attributes:
        name: names the vectors: vectors of different names are never compared.
        dimension: floats in a vector.
        weight: of vectors beside words when passages are ranked, where words weigh 1. A good
            embedder gains with 0.5, a weak one loses by more than 0.1; 0 leaves it to the words.
    """

    name: str = ""
    dimension: int = 0
    weight: float = 0.5

    def embed(self, texts: list[str]) -> Any:
        """Vectors of texts. May be an ``async def``.

        Args:
            texts: at least one.

        Returns:
            Shape (len(texts), dimension): a 2-D array of numpy, torch or the like, or a list of
            rows. float32 without gaps is taken as it lies. Rows need not be of length 1; each must
            be finite and not all zeros, else :class:`ConfigError` is raised and nothing stored.
            What you raise goes back to the model where it called the tool that wants the vectors.
        """
        raise ConfigError(f"{type(self).__name__} defines no embed(self, texts)")

    def _to_core(self) -> _core.CoreEmbedder | None:
        """The core's own, where this is one of its, as it is."""
        return None


_Parts = tuple[str, str, list[tuple[str, str, str]], int, int, str]


def _count(value: Any) -> int:
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if known else -1


def _text(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"a text is a {type(value).__name__}")
    return clean_text(value or "")


def _object_parts(reply: Reply) -> _Parts:
    return (
        _text(reply.content),
        _text(reply.thinking),
        [(call.id, call.name, call.arguments) for call in reply.tool_calls or ()],
        _count(reply.prompt_tokens),
        _count(reply.completion_tokens),
        _text(reply.finish_reason),
    )


def reply_parts(reply: Any, whose: str) -> _Parts:
    """A provider's answer in the form that the core takes.

    Raises:
        TypeError: naming the provider, where the answer has none of the accepted forms.
    """
    problem: Exception | None = None
    try:
        if isinstance(reply, str):
            return clean_text(reply), "", [], -1, -1, ""
        if isinstance(reply, Reply):
            return _object_parts(reply)
        if isinstance(reply, dict):
            return _core.read_chat_completion(clean_text(json.dumps(reply, ensure_ascii=False)))
    except (AttributeError, TypeError, ValueError, InvalidReply) as error:
        problem = error
    raise TypeError(
        f"{whose}.complete() returned a {type(reply).__name__} that is no reply"
        + (f" ({type(problem).__name__}: {problem})" if problem else "")
        + "; return a memgpt.Reply, a chat completion or its message as a dict, or a str"
    ) from problem


def reply_of(parts: _Parts) -> Reply:
    """The reply of which :func:`reply_parts` made these."""
    content, thinking, calls, prompt_tokens, completion_tokens, finish_reason = parts
    return Reply(
        content,
        [ToolCall(name, arguments, id) for id, name, arguments in calls],
        thinking,
        None if prompt_tokens < 0 else prompt_tokens,
        None if completion_tokens < 0 else completion_tokens,
        finish_reason,
    )


def _teller(on_delta: Callable[[Delta], None]) -> Callable[[str, str, int, str, str], None]:
    def tell(kind: str, text: str, index: int, id: str, name: str) -> None:
        on_delta(Delta(kind, text, index, id, name))

    return tell


class CoreModel(LLMProvider):
    """A provider of the core, which can be called, or wrapped in one's own."""

    def __init__(self, core: _core.Provider) -> None:
        self._core = core
        self.model = core.model
        self.tokenizer = core.tokenizer

    @property
    def context_window(self) -> int:  # type: ignore[override]
        """Tokens that the model can take, asked from its server where that can say; 0 where nobody
        knows."""
        return self._core.context_window()

    def complete(
        self,
        context: Context,
        on_delta: Callable[[Delta], None] | None = None,
        *,
        reasoning: str = "argument",
    ) -> Reply:
        """One model call.

        Args:
            context: what the model shall see.
            on_delta: is given the pieces of the reply as they come; the reply has it all again.
            reasoning: as in ``create_agent``, where it makes the context, too.

        Raises:
            MissingKey: where a key is needed and not set.
            ProviderError: or one of its kinds: ProviderUnreachable, ProviderTimeout,
                AuthenticationFailed, RateLimited, InvalidReply.
        """
        tell = None if on_delta is None else _teller(on_delta)
        return reply_of(self._core.complete(context, tell, reasoning))

    def summarize(self, text: str, limit_tokens: int) -> str | None:
        return self._core.summarize(text, limit_tokens)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"


class OpenAICompatible(CoreModel):
    """A model behind a server that speaks OpenAI's chat completions, with tools; also one of a
    named service.

    A handle such as ``"openai/<model>"`` or ``"ollama/<model>"`` is this with the service's key and
    address from the environment, and binds itself when an agent is opened again. With ``base_url``
    the agent has to be given its model again then, for nothing is sent to an address that only a
    file names; the environment's key is not sent to that address. ``{"model": ..., "endpoint": ...,
    "endpoint_type": ...}`` as an agent's ``model=`` is this, too.

    Args:
        model: the name that the server knows it by; the deployment of ``service="azure"``.
        base_url: e.g. ``"http://127.0.0.1:8080/v1"``; by default what the service's variable says
            (OPENAI_BASE_URL, AZURE_OPENAI_ENDPOINT, OLLAMA_HOST ...), or its usual address.
        api_key: by default OPENAI_API_KEY (AZURE_OPENAI_API_KEY, GROQ_API_KEY ...), or none where
            ``base_url`` is given.
        service: ``"openai"``, ``"azure"``, ``"llama.cpp"``, ``"vllm"``, ``"ollama"``,
            ``"lmstudio"``, ``"openrouter"``, ``"groq"`` or ``"together"``.
        api_version: of Azure; by default AZURE_OPENAI_API_VERSION.
        context_window: tokens that the model can take; 0 for what the server says or what is known
            of it.
        tokenizer: ``"o200k_base"``, ``"cl100k_base"`` or a :class:`TokenCounter` (or its class); by
            default by the model's name, and an estimate where that says nothing, or for ``""``.
        timeout_s: seconds from a request to the end of its answer, for each attempt.
        read_timeout_s: seconds between two pieces of a streamed answer; a hosted model may reason
            for minutes in between.
        max_retries: how often a request is sent again that failed in passing: no connection, or
            one that broke, too many requests, a server that is overloaded. Half a second is waited
            before the second attempt, twice as long before the next, or what the server asks for
            if that is at most a minute.
        structure: how the server keeps a reply in the form of a call: by ``"tools"``, or by the
            ``"json_schema"`` of one call, for models that were not trained for tools; by default
            what suits the service.
        max_string: characters that all strings of one call may have together, said to the server as
            maxLength in the schemas; 0 for no bound. By default what fits into a reply where the
            service is a local one, whose small models may not stop by themselves, else no bound.
        extra_body: more fields of each request, e.g. ``{"temperature": 0.2}``. ``tool_choice`` and
            ``parallel_tool_calls`` replace what memgpt says; None leaves them out.

    Raises:
        ConfigError: for a URL, name or number that cannot work.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        service: str = "openai",
        api_version: str = "",
        context_window: int = 0,
        tokenizer: str | TokenCounter | type[TokenCounter] | None = None,
        timeout_s: float = 600.0,
        read_timeout_s: float = 300.0,
        max_retries: int = 2,
        structure: str | None = None,
        max_string: int | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        core = core_model(
            model,
            whose=type(self).__name__,
            service=service,
            base_url=base_url,
            api_key=api_key,
            api_version=api_version,
            context_window=context_window,
            tokenizer=tokenizer,
            timeout_s=timeout_s,
            read_timeout_s=read_timeout_s,
            max_retries=max_retries,
            structure=structure,
            max_string=max_string,
            extra_body=extra_body,
        )
        super().__init__(core)
        if tokenizer is not None:
            self.tokenizer = tokenizer


def _guarded_summary(model: LLMProvider) -> Callable[[str, int], tuple[str | None, str]]:
    """A summary, or why there is none: a mechanical digest then takes its place."""

    def summarize(text: str, limit_tokens: int) -> tuple[str | None, str]:
        try:
            summary = settled(model.summarize(text, limit_tokens))
        except Exception as error:
            return None, error_text(error)
        if summary is None:
            return None, ""
        if not isinstance(summary, str):
            return None, f"summarize() returned a {type(summary).__name__}, not a str"
        return clean_text(summary), ""

    return summarize


def _takes_delta(complete: Callable[..., Any]) -> bool:
    try:
        return "on_delta" in inspect.signature(complete).parameters
    except (TypeError, ValueError):  # written in C, say
        return False


def _called(
    complete: Callable[..., Any],
    context: Context,
    sink: Callable[[str, str, int, str, str], None] | None,
    takes_delta: bool,
) -> Any:
    if not takes_delta:
        return complete(context)
    if sink is None:
        return complete(context, on_delta=None)

    def on_delta(delta: Delta) -> None:
        sink(delta.kind, clean_text(delta.text), delta.index, delta.id, delta.name)

    return complete(context, on_delta=on_delta)


def provider(model: str | Mapping[str, Any]) -> LLMProvider:
    """The provider that answers for a handle, to call it yourself or to wrap it in your own.

    Args:
        model: a handle such as ``"offline"``, or a dict, see :class:`OpenAICompatible`.

    Raises:
        ModelNotFound: for a handle that no provider answers for.
    """
    return CoreModel(to_core_provider(model))


def to_core_provider(model: Any, summarizes: bool = False) -> _core.Provider:
    """The core's view of ``model=``: a handle, a dict, an LLMProvider or its class.

    Args:
        summarizes: it is to write summaries: one that defines no ``summarize()`` is asked by
            ``complete()``.

    Raises:
        ModelNotFound: for a handle that no provider answers for.
    """
    if isinstance(model, type) and issubclass(model, LLMProvider):
        model = model()
    if isinstance(model, Mapping):
        model = OpenAICompatible(**from_mapping(model))
    if isinstance(model, CoreModel) and type(model).complete is CoreModel.complete:
        return model._core
    if isinstance(model, LLMProvider):
        name = type(model).__name__
        complete, takes_delta = model.complete, _takes_delta(model.complete)
        # The instance's own counts too: one that wraps another may or may not write summaries.
        own_summary = getattr(model.summarize, "__func__", None) is not LLMProvider.summarize
        return _core.PythonProvider(
            model=model.model or name,
            context_window=model.context_window,
            counter=to_core_counter(model.tokenizer, name),
            complete=lambda context, on_delta: reply_parts(
                settled(_called(complete, context, on_delta, takes_delta)), name
            ),
            summarize=_guarded_summary(model) if own_summary else None,
            summarizes_by_completion=summarizes and not own_summary,
        )
    provider = _core.provider_for(model) if isinstance(model, str) else None
    if provider is not None:
        return provider
    raise ModelNotFound(
        f'no provider answers for the model {model!r}; give "offline", "<service>/<model>" with '
        f"one of the services {_core.service_names()}, a memgpt.OpenAICompatible(...) for a server "
        "of your own, or an instance of a memgpt.LLMProvider subclass"
    )


def to_core_embedder(embedding: Any) -> _core.CoreEmbedder | None:
    """The core's view of ``embedding=``: a handle, an Embedder or its class, a dict, or None.

    Raises:
        ModelNotFound: for a handle that no embedder answers for.
        ConfigError: for an embedder without a positive dimension.
    """
    if embedding is None:
        return None
    if isinstance(embedding, type) and issubclass(embedding, Embedder):
        embedding = embedding()
    if isinstance(embedding, dict):
        from memgpt._embedders import embedder_of

        embedding = embedder_of(embedding)
    if isinstance(embedding, Embedder):
        if (core := embedding._to_core()) is not None:
            return core
        own, whose, dimension = embedding, type(embedding).__name__, embedding.dimension
        if not isinstance(dimension, int) or dimension <= 0:
            raise ConfigError(f"{whose}.dimension must be the number of floats in a vector")
        weight = embedding.weight
        if not isinstance(weight, (int, float)) or not 0 <= weight <= 1000:
            raise ConfigError(f"{whose}.weight must be from 0 to 1000, not {weight!r}")
        return _core.PythonEmbedder(
            name=own.name or whose,
            dimension=dimension,
            weight=float(weight),
            embed=lambda texts: flat_rows(settled(own.embed(texts)), len(texts), dimension, whose),
        )
    core = _core.embedder_for(embedding) if isinstance(embedding, str) else None
    if core is not None:
        return core
    raise ModelNotFound(
        f'no embedder answers for {embedding!r}; give "offline", "openai/<model>", '
        '"ollama/<model>", a memgpt.OpenAICompatibleEmbedder(...) for a server of your own, None, '
        "or an instance of a memgpt.Embedder subclass"
    )
