"""A server on loopback that speaks OpenAI's wire format, and those of others."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memgpt._text import checked_number
from memgpt.errors import ConfigError
from memgpt.llm import LLMProvider
from memgpt.testing import _wire_errors as errors
from memgpt.testing import _wire_forms as forms
from memgpt.testing import _wire_models as models
from memgpt.testing import _wire_ollama as ollama
from memgpt.testing._fake_script import Player, Prompts
from memgpt.testing._wire_answers import Answer, Stream, json_answer, json_bytes
from memgpt.testing._wire_checks import Refused, check_chat, check_ollama_chat
from memgpt.testing._wire_forms import Said

if TYPE_CHECKING:  # http.server takes long to import
    import ssl

    from memgpt.testing._fake_http import HttpServer, Streamed

__all__ = ["FakeOpenAI"]

_AZURE = re.compile(r"/openai/(?:deployments/(?P<deployment>[^/]+)|v1)/(?P<what>[a-z/]+)")
# Some have their address elsewhere, others stand behind something that adds to it.
_PREFIXED = re.compile(r"(?!/openai/deployments)(?:/.*)?/(?P<what>chat/completions|embeddings)")
_OLLAMA_DEFAULT = 4096


class FakeOpenAI:
    """A server on loopback that answers as a script says, for tests of what talks to a model.

    ``with FakeOpenAI(script) as server: OpenAICompatible("any", base_url=server.url)``. It answers
    chat completions, streamed where the request asks for it, embeddings and lists of models, in
    the forms of OpenAI, Azure, llama.cpp, vLLM, Ollama and others, and refuses what a strict server
    refuses. Several threads may be served at once; a list is played in the order of arrival.

    Args:
        script: a list, a function of the request (its JSON as a dict) that returns an item, or a
            provider, such as :class:`ChaosLLM`, that needs no more of its context than
            ``to_request()``; its exceptions become what they are on the wire. An item is one of a
            :class:`ScriptedLLM`; a message or a completion in OpenAI's form; an :class:`Answer`;
            a :class:`Stream` around any of these.
        tls: a context to serve TLS with.
        like: which server it is: ``"openai"``, ``"azure"``, ``"llama.cpp"``, ``"vllm"``,
            ``"ollama"``, ``"lmstudio"``, ``"openrouter"``, ``"groq"`` or ``"together"``, with its
            addresses and its errors; all of their addresses at once by default, and OpenAI's
            errors.
        api_key: refuse requests without this key.
        models: names of the models that there are; any by default.
        context_window: tokens that the model takes; a longer prompt is refused, and by Ollama
            shortened silently. 0 for no limit, but for OpenAI's 8192 of a text to embed.
        num_ctx: what Ollama takes where a request does not say; 0 for its own 4096.
        usage: tokens of prompt and reply in each answer; else they are counted with o200k_base,
            which is near to what a model would count.
        stream: how streams are sent where the item does not say.
        strict: refuse what OpenAI refuses: messages that are in no order, tools without names.
        dimensions: of embeddings, where a request does not say; 0 for as many as the model has
            that the request names, and 64 of one that is not known.
        embed: a function of a request for embeddings; where it returns an Answer, this is sent.
        seed: of the choice of what a provider's exceptions become.
        hang_s: seconds of silence that a :class:`ProviderTimeout` becomes.
        keep: how many of the newest requests are kept; all by default.

    Attributes:
        requests: the JSON of every POST, in the order of arrival.
        headers: their headers, one dict each, with names such as ``Content-Type``.
        paths: their paths, with the query.
        gets: the paths of every GET.
        calls: how often a chat was asked for.
        refused: why requests were refused that the script never saw.
        shortened: how many prompts were cut silently, as Ollama does.
        script: may be set at any time; a list then begins at its first item.

    Raises:
        ConfigError: for a ``like`` that there is not, or a script that is none.
    """

    def __init__(
        self,
        script: Sequence[Any] | Callable[[dict[str, Any]], Any] | LLMProvider = (),
        tls: ssl.SSLContext | None = None,
        *,
        like: str = "",
        api_key: str = "",
        models: Sequence[str] = (),
        context_window: int = 0,
        num_ctx: int = 0,
        usage: tuple[int, int] | None = None,
        stream: Stream | None = None,
        strict: bool = True,
        dimensions: int = 0,
        embed: Callable[[dict[str, Any]], Answer | None] | None = None,
        seed: int | str = 0,
        hang_s: float = 30.0,
        keep: int | None = None,
    ) -> None:
        if like not in errors.SERVERS:
            known = ", ".join(name for name in errors.SERVERS if name)
            raise ConfigError(f"there is no server {like!r} to be like; there are: {known}")
        self._lock = threading.Lock()
        self._player = Player(script, seed, hang_s)
        self._prompts = Prompts()
        self._tls = tls
        self._http: HttpServer | None = None
        self.like = like
        self.api_key = api_key
        self.models = list(models)
        self.context_window = context_window
        self.num_ctx = num_ctx
        self.usage = usage
        self.stream = stream or Stream()
        self.strict = strict
        self.dimensions = checked_number(dimensions, "dimensions", ConfigError)
        self.embed = embed
        self.keep = keep
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.gets: list[str] = []
        self.refused: list[str] = []
        self.shortened = 0

    @property
    def script(self) -> Any:
        return self._player.script

    @script.setter
    def script(self, script: Any) -> None:
        self._player.script = script

    @property
    def calls(self) -> int:
        return self._player.calls

    def start(self) -> FakeOpenAI:
        """Listen, on a port that is free; after :meth:`close` again, most likely on another."""
        from memgpt.testing._fake_http import HttpServer

        if self._http is None or self.closed:
            self._http = HttpServer(self._answer, self._tls)
        return self

    def close(self) -> None:
        """End every connection and every thread; what was received stays."""
        if self._http is not None and not self.closed:
            self._http.close()

    @property
    def closed(self) -> bool:
        return self._http is not None and self._http.ended.is_set()

    def __enter__(self) -> FakeOpenAI:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def _server(self) -> HttpServer:
        if self._http is None:
            raise ConfigError("start() the server first, or enter it by `with`")
        return self._http

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def root(self) -> str:
        """The URL without a path, as Azure's and Ollama's clients take it."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base URL, which ends in /v1."""
        return self.root + "/v1"

    @property
    def connections(self) -> int:
        """How many connections were made since it was started."""
        return self._server.connections

    def __repr__(self) -> str:
        where = "not started" if self._http is None else "closed" if self.closed else self.url
        return f"FakeOpenAI({where}, {len(self.requests)} requests)"

    # Which address, and who asks.

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        path, _, query = target.partition("?")
        if method != "POST":
            with self._lock:
                self.gets.append(target)
            return self._refused_key(path, headers) or self._get(method, path)
        try:
            request = json.loads(body)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            text = "We could not parse the JSON body of your request."
            return self._refuse(path, 400, Refused(text))
        with self._lock:
            self.requests.append(request)
            self.headers.append(headers)
            self.paths.append(target)
            for kept in (self.requests, self.headers, self.paths) if self.keep is not None else ():
                del kept[: len(kept) - (self.keep or 0)]
        return self._refused_key(path, headers) or self._post(path, query, request, headers)

    def _has(self, *servers: str) -> bool:
        return self.like in ("", *servers)

    def _refuse(self, path: str, status: int, why: Refused) -> Answer:
        with self._lock:
            self.refused.append(why.message)
        if path.startswith("/api/") and self._has("ollama"):
            return ollama.error(status, why.message)
        return errors.refusal(self.like, status, why.message, param=why.param, code=why.code)

    def _refused_key(self, path: str, headers: dict[str, str]) -> Answer | None:
        key = headers.get("Api-Key") or headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.api_key or key == self.api_key or path == "/health":
            return None
        if self.like == "azure":
            text = "Access denied due to invalid subscription key or wrong API endpoint."
            return json_answer({"error": {"code": "401", "message": text}}, 401)
        if not key:
            return self._refuse(path, 401, Refused("You didn't provide an API key."))
        text = f"Incorrect API key provided: {key[:4]}****{key[-4:]}."
        return self._refuse(path, 401, Refused(text, None, "invalid_api_key"))

    def _get(self, method: str, path: str) -> Answer:
        names = self.models or ["fake-model"]
        window = self.context_window
        if path == "/v1/models":
            return json_answer(models.models(self.like, names, window))
        if path == "/api/v0/models" and self._has("lmstudio"):
            return json_answer(models.lm_studio_models(names, window or _OLLAMA_DEFAULT))
        if path == "/props" and self._has("llama.cpp"):
            return json_answer(models.props(window or _OLLAMA_DEFAULT))
        if path == "/health" and self._has("llama.cpp", "vllm"):
            return json_answer({"status": "ok"})
        if path == "/api/tags" and self._has("ollama"):
            return json_answer(ollama.tags(names))
        if path == "/api/version" and self._has("ollama"):
            return json_answer({"version": "0.0.0"})
        return errors.no_route(self.like, method, path, path.startswith("/api/"))

    def _post(
        self, path: str, query: str, request: dict[str, Any], headers: dict[str, str]
    ) -> Answer | Streamed:
        nowhere = errors.no_route(self.like, "POST", path, path.startswith("/api/"))
        if path.startswith("/api/") and not path.startswith("/api/v1/"):
            return self._ollama(path, request) if self._has("ollama") else nowhere
        if headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            return self._refuse(path, 415, Refused("The Content-Type must be application/json."))
        what = path.removeprefix("/v1/")
        prefixed = _PREFIXED.fullmatch(path)
        if prefixed is not None and self._has("llama.cpp", "openrouter", "groq"):
            what = prefixed["what"]
        azure = _AZURE.fullmatch(path)
        if self.like == "azure" or (azure is not None and self.like != "groq"):
            in_order = azure is not None and (not azure["deployment"] or "api-version=" in query)
            if azure is None or not in_order or not self._has("azure"):
                return errors.no_route("azure", "POST", path)
            what = azure["what"]
            request = {"model": azure["deployment"], **request}
        elif what == path:
            return nowhere
        if what == "embeddings":
            given = self.embed(request) if self.embed is not None else None
            if given is not None:
                return given
            cut = self.like == "ollama"
            window = self._ollama_window(0) if cut else self.context_window
            return self._embedded(models.embeddings, request, window, cut)
        return self._chat(path, request) if what == "chat/completions" else nowhere

    # What it is answered.

    def _prompt(self, request: Mapping[str, Any]) -> int:
        """Tokens of a prompt, as far as they matter."""
        if self.usage is not None and not self.context_window:
            return self.usage[0]
        return self._prompts.request(request)

    def _tokens(self, said: Said, prompt: int) -> tuple[Any, Any]:
        if self.usage is not None and said.usage == (None, None):
            return self.usage
        return forms.counted(said, prompt, self._prompts.text)

    def _missing(self, path: str, model: Any) -> Answer | None:
        if not self.models or model in self.models:
            return None
        if path.startswith("/api/"):
            return self._refuse(path, 404, Refused(f"model '{model}' not found"))
        text = f"The model `{model}` does not exist or you do not have access to it."
        return self._refuse(path, 404, Refused(text, None, "model_not_found"))

    def _chat(self, path: str, request: dict[str, Any]) -> Answer | Streamed:
        problem = check_chat(request, self.like)
        if problem is not None and self.strict:
            return self._refuse(path, 400, problem)
        missing = self._missing(path, request.get("model"))
        if missing is not None:
            return missing
        request, prompt, window = self._within(request, self.like == "ollama", 0)
        reply = request.get("max_completion_tokens") or request.get("max_tokens") or 0
        if window and prompt > window:
            return errors.overflow(self.like, prompt, window, reply)
        sizes = (prompt, window or max(1, prompt - 1), reply)
        item, style, number = self._player.next(request, self.like, sizes, self.stream)
        if isinstance(item, Answer):
            return item
        tokens = self._tokens(item, prompt)
        about = {"number": number, "model": request.get("model", ""), "like": self.like}
        if not request.get("stream"):
            return json_answer(forms.completion(item, tokens, **about))
        wanted = (request.get("stream_options") or {}).get("include_usage")
        parts = forms.chunks(item, tokens if wanted else None, style, **about)
        text = "The server had an error while processing your request. Sorry about that!"
        broken = errors.refusal(self.like, 500, text).body
        end = style.line_end.encode()
        events = list(forms.events(parts, style))
        return self._streamed(events, style, "text/event-stream", b"data: " + broken + end + end)

    def _streamed(self, events: list[bytes], style: Stream, kind: str, error: bytes) -> Streamed:
        from memgpt.testing._fake_http import Streamed

        return Streamed(events, style, kind, error)

    def _ollama_window(self, num_ctx: int) -> int:
        window = num_ctx or self.num_ctx or _OLLAMA_DEFAULT
        return min(window, self.context_window or window)

    def _embedded(self, answer: Any, request: dict[str, Any], window: int, cut: bool) -> Answer:
        """Vectors, by one of the functions that write them."""
        limits = models.Limits(self.like, self.dimensions, window, cut, self._prompts.text)
        given = answer(request, limits)
        with self._lock:
            self.shortened += limits.shortened
        return given

    def _within(
        self, request: dict[str, Any], silently: bool, num_ctx: int
    ) -> tuple[dict[str, Any], int, int]:
        """The request as the model sees it, its tokens, and how many may be refused."""
        if not silently:
            return request, self._prompt(request), self.context_window
        window = self._ollama_window(num_ctx)
        prompt = self._prompt(request)
        if prompt > window:
            with self._lock:
                self.shortened += 1
            shown = ollama.shortened(request["messages"], window, self._prompts.message)
            request = {**request, "messages": shown}
        return request, min(prompt, window), 0

    def _ollama(self, path: str, request: dict[str, Any]) -> Answer | Streamed:
        name = request.get("model", "")
        missing = self._missing(path, name)
        if missing is not None:
            return missing
        if path == "/api/show":
            return json_answer(ollama.show(self.context_window or 131_072, self.num_ctx))
        if path == "/api/embed":
            given = self.embed(request) if self.embed is not None else None
            asked = (request.get("options") or {}).get("num_ctx") or 0
            cut, window = request.get("truncate", True), self._ollama_window(asked)
            return given or self._embedded(models.ollama_embeddings, request, window, bool(cut))
        if path != "/api/chat":
            return errors.no_route("ollama", "POST", path)
        problem = check_ollama_chat(request)
        if problem and self.strict:
            return self._refuse(path, 400, Refused(problem))
        asked = (request.get("options") or {}).get("num_ctx") or 0
        request, prompt, _ = self._within({"messages": [], **request}, True, asked)
        request.setdefault("stream", True)
        item, style, _ = self._player.next(request, "ollama", (prompt, prompt, 0), self.stream)
        if isinstance(item, Answer):
            return item
        tokens = self._tokens(item, prompt)
        if not request["stream"]:
            whole = ollama.chat_whole(item, tokens, name)
            return whole if isinstance(whole, Answer) else json_answer(whole)
        parts = ollama.chat_lines(item, tokens, name, style)
        if isinstance(parts, Answer):
            return parts
        error = json_bytes({"error": "an error was encountered while running the model"}) + b"\n"
        events = list(ollama.lines(parts, style))
        return self._streamed(events, style, "application/x-ndjson", error)
