"""Embedders behind a server. What it says is checked by the clients of OpenAI and Ollama."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import memgpt
import ollama
import openai
import pytest
from memgpt import OpenAICompatibleEmbedder, _embedders, errors
from memgpt.llm import to_core_embedder
from memgpt.testing import Answer, FakeOpenAI

from tests.answers import error, wait_until

KEY = "sk-secret-key"
TEXTS = [f"passage {number}: geese fly in a V" for number in range(600)]


def vector(text: str, width: int) -> list[float]:
    """Numbers that float32 holds exactly, other ones for another text."""
    digest = hashlib.sha256(text.encode()).digest()
    return [(digest[i % 32] + 1) / 256 for i in range(width)]


def as_openai(request: dict[str, Any], width: int = 8) -> Answer:
    """Rows in another order than asked for: each says whose it is."""
    rows = [
        {"object": "embedding", "index": index, "embedding": vector(text, width)}
        for index, text in enumerate(request["input"])
    ]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    whole = {"object": "list", "data": rows[::-1], "model": request["model"], "usage": usage}
    return Answer(body=json.dumps(whole).encode())


def as_ollama(request: dict[str, Any], width: int = 8) -> Answer:
    rows = [vector(text, width) for text in request["input"]]
    return Answer(body=json.dumps({"model": request["model"], "embeddings": rows}).encode())


class Embeddings(FakeOpenAI):
    """A server whose answers are written here.

    Attributes:
        asked: how many texts each request held.
    """

    def __init__(self, embed: Callable[[dict[str, Any]], Answer]) -> None:
        super().__init__(embed=embed)

    @property
    def asked(self) -> list[int]:
        return [len(request["input"]) for request in self.requests]


@pytest.fixture
def server() -> Iterator[Embeddings]:
    with Embeddings(as_openai) as server:
        yield server


@pytest.fixture
def there(server: Embeddings, monkeypatch: pytest.MonkeyPatch) -> Embeddings:
    """The server is where the environment says."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return server


def wide(request: dict[str, Any]) -> Answer:
    return as_openai(request, 1536)


def core(embedder: Any) -> Any:
    made = to_core_embedder(embedder)
    assert made is not None
    return made


def own(server: Embeddings, **options: Any) -> OpenAICompatibleEmbedder:
    return OpenAICompatibleEmbedder("m", base_url=server.url, **{"dimension": 8, **options})


def at_ollama(server: Embeddings) -> OpenAICompatibleEmbedder:
    return OpenAICompatibleEmbedder("m", base_url=server.root, service="ollama", dimension=8)


def test_the_server_is_one_for_the_clients_of_openai_and_ollama(server: Embeddings) -> None:
    client = openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0)
    with client:
        made = client.embeddings.create(model="m", input=["a", "b"], encoding_format="float")
    assert {row.index: row.embedding for row in made.data} == {
        0: vector("a", 8),
        1: vector("b", 8),
    }
    ours = own(server).embed(["a", "b"])
    assert ours == [vector("a", 8), vector("b", 8)]
    sent, mine = server.requests
    assert mine == sent and server.paths == ["/v1/embeddings"] * 2

    server.embed = as_ollama
    theirs = ollama.Client(server.root)
    with theirs._client:  # closes its connections
        asked = theirs.embed("m", ["a", "b"], truncate=False)
    assert [list(row) for row in asked.embeddings] == ours
    assert at_ollama(server).embed(["a", "b"]) == ours
    sent, mine = server.requests[2:]
    assert mine == {key: value for key, value in sent.items() if value not in (None, {})}
    assert server.paths[2:] == ["/api/embed"] * 2


def test_a_handle_binds_itself_and_takes_the_key_of_now(kit, there, monkeypatch) -> None:
    there.embed = wide
    agent = kit.agent([], embedding="openai/text-embedding-3-small")
    assert there.requests == []  # the model is known
    agent.archival.insert("geese")
    kit.reopen()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another\n")
    agent = kit.home.agent("sam", model=kit.llm)
    assert agent.archival.search("geese")[0].score == pytest.approx(1, abs=1e-3)
    assert [headers["Authorization"] for headers in there.headers] == [
        f"Bearer {KEY}",
        "Bearer sk-another",
    ]
    kit.still_answers(agent)


def test_an_address_of_its_own_gets_no_key_and_is_not_bound_by_a_file(kit, there) -> None:
    agent = kit.agent([], embedding=own(there, name="mine"))
    agent.archival.insert("geese")
    assert "Authorization" not in there.headers[0]
    kit.reopen()
    agent = kit.home.agent("sam", model=kit.llm)
    with pytest.raises(errors.Unbound, match='"mine"'):
        agent.archival.insert("swans")
    agent = kit.home.agent("sam", embedding=own(there, name="mine", api_key="sk-own"))
    assert len(agent.archival.search("geese")) == 1
    assert there.headers[-1]["Authorization"] == "Bearer sk-own"
    assert own(there).name == f"m at {there.url}"
    for name in ("offline", "offline-1", "openai/text-embedding-3-small", "ollama/x"):
        with pytest.raises(errors.ConfigError, match="is a handle"):
            own(there, name=name)


def test_the_length_of_vectors_is_known_or_asked_for_once(kit, there) -> None:
    there.embed = lambda request: as_openai(request, 5)
    agent = kit.agent([], embedding="openai/mystery")
    assert there.asked == [1]
    agent.archival.insert("geese")
    kit.reopen()
    kit.home.agent("sam", model=kit.llm).archival.search("geese")
    assert there.asked == [1, 1, 1]
    known = {
        "text-embedding-3-small": 1536,
        "text-embedding-3-large": 3072,
        "text-embedding-ada-002": 1536,
        "nomic-embed-text:latest": 768,
        "nomic-ai/nomic-embed-text-v1.5": 768,
        "mxbai-embed-large": 1024,
        "all-minilm": 384,
        "sentence-transformers/all-MiniLM-L6-v2": 384,
        "BAAI/bge-m3": 1024,
    }
    assert {name: core(f"ollama/{name}").dimension for name in known} == known
    assert len(there.requests) == 3


def test_shorter_vectors_are_asked_for(there) -> None:
    there.embed = lambda request: as_openai(request, request.get("dimensions", 1536))
    short = OpenAICompatibleEmbedder("text-embedding-3-small", dimension=256)
    assert [len(row) for row in short.embed(["a"])] == [256]
    trained_for_it = OpenAICompatibleEmbedder("other", dimension=64, shorten=True)
    assert [len(row) for row in trained_for_it.embed(["a"])] == [64]
    assert [request["dimensions"] for request in there.requests] == [256, 64]
    with pytest.raises(errors.ConfigError, match="dimension"):
        OpenAICompatibleEmbedder("other", shorten=True)


@pytest.mark.parametrize("scheme", ["http://127.0.0.1:{}", "127.0.0.1:{}", ":{}", "0.0.0.0:{}/"])
def test_ollama_host(scheme: str, monkeypatch) -> None:
    with Embeddings(as_ollama) as server:
        monkeypatch.setenv("OLLAMA_HOST", scheme.format(server.port))
        assert core("ollama/m").embed(["a"]) == vector("a", 8)
        assert server.paths == ["/api/embed"] * 2 and server.requests[0]["truncate"] is False


def test_batches_by_number_and_by_length(kit, server: Embeddings) -> None:
    embedder = own(server)
    agent = kit.agent([], embedding=embedder)
    told: list[tuple[int, int]] = []
    agent.archival.insert_many(TEXTS, progress=lambda done, of: told.append((done, of)))
    assert server.asked == [256, 256, 88] and told[-1] == (600, 600)
    # A passage that is longer than a request may be goes by itself.
    long = [letter * 90_000 for letter in "abc"] + ["d" * 300_000, "e"]
    assert embedder.embed(long) == [vector(text, 8) for text in long]
    assert server.asked[3:] == [2, 1, 1, 1]
    del server.requests[:]
    own(server, batch=2).embed(["a", "b", "c"])
    assert server.asked == [2, 1]


def refusing(too_long: Callable[[str], bool], says: Answer) -> Callable[[dict[str, Any]], Answer]:
    return lambda request: says if any(map(too_long, request["input"])) else as_openai(request)


TOO_LONG = {
    "OpenAI": error(
        400,
        "This model's maximum context length is 8192 tokens, however you requested 10000 tokens "
        "(10000 in your prompt; 0 for the completion). Please reduce your prompt; or completion "
        "length.",
    ),
    "Ollama": Answer(400, b'{"error":"input length exceeds maximum context length"}'),
    "Ollama, newer": Answer(400, b'{"error":"the input length exceeds the context length"}'),
    "llama.cpp": Answer(
        500,
        b'{"error":{"code":500,"message":"input (10000 tokens) is too large to process. increase '
        b'the physical batch size (current batch size: 512)","type":"server_error"}}',
    ),
    "TEI": Answer(
        413,
        b'{"error":"Input validation error: `inputs` must have less than 512 tokens. Given: 1000",'
        b'"error_type":"Validation"}',
    ),
}


@pytest.mark.parametrize("whose", TOO_LONG)
def test_a_text_that_is_too_long_is_named(kit, server: Embeddings, whose: str) -> None:
    server.embed = refusing(lambda text: len(text) > 1000, TOO_LONG[whose])
    embedder = own(server)
    agent = kit.agent([], embedding=embedder)
    texts = [*TEXTS[:20], "swans " * 200, *TEXTS[20:40]]
    with pytest.raises(errors.InvalidInput, match=r'text 21 of 41 \("swans .*shorter passages'):
        agent.archival.insert_many(texts)
    assert len(agent.archival) == 0 and len(server.requests) < 16
    agent.archival.insert("geese")
    # A query may be of any length: what it begins with is enough.
    assert agent.archival.search("geese " * 400)[0].passage.text == "geese"
    # The model can do something about it.
    insert = kit.call("archival_memory_insert", content="swans " * 200)
    kit.llm.script = iter([insert, kit.say("so")])
    agent = kit.home.agent("sam", model=kit.LLM([insert, kit.say("so")]))
    assert agent.send("go").text == "so"
    assert any("shorter passages" in m.text for m in agent.recall.messages() if m.role == "tool")


@pytest.mark.parametrize(
    "says",
    [
        Answer(413, b'{"error":"batch size 64 > maximum allowed batch size 32"}'),
        error(400, "Requested 400000 tokens, max 300000 tokens per request"),
    ],
)
def test_too_many_texts_for_the_server_are_split(server: Embeddings, says: Answer) -> None:
    server.embed = lambda r: says if len(r["input"]) > 32 else as_openai(r)
    embedder = own(server)
    assert embedder.embed(TEXTS[:64]) == [vector(text, 8) for text in TEXTS[:64]]
    assert server.asked == [64, 32, 32]
    embedder.embed(TEXTS[:64])  # it has learned
    assert server.asked[3:] == [32, 32]


def body(data: Any) -> Answer:
    return Answer(body=json.dumps(data).encode())


def rows(*embeddings: Any) -> Answer:
    return body({"data": [{"index": i, "embedding": e} for i, e in enumerate(embeddings)]})


GOOD = [0.5] * 8
REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "401": (error(401, f"no such key {KEY}"), errors.AuthenticationFailed, "OPENAI_API_KEY"),
    "429": (
        error(429, "slow down", **{"Retry-After": "0"}),
        errors.RateLimited,
        "too many requests",
    ),
    "500": (error(500, "down"), errors.ProviderError, "down"),
    "404": (error(404, "no model m"), errors.ProviderError, 'a model "m"'),
    "a redirect": (
        Answer(302, headers={"Location": "http://x"}),
        errors.ProviderError,
        "OPENAI_BASE_URL",
    ),
    "too few": (rows(GOOD), errors.InvalidReply, "1 vectors for 2 texts"),
    "too many": (rows(GOOD, GOOD, GOOD), errors.InvalidReply, "3 vectors for 2 texts"),
    "none": (rows(), errors.InvalidReply, "0 vectors"),
    "empty vectors": (rows([], []), errors.InvalidReply, "is empty"),
    "too wide": (rows(GOOD * 2, GOOD * 2), errors.ConfigError, r"16 numbers.*have 8.*reembed"),
    "ragged": (rows(GOOD, GOOD[1:]), errors.ConfigError, "7 numbers"),
    "NaN": (rows(GOOD, [float("nan")] * 8), errors.InvalidReply, "no JSON"),
    "infinity": (rows(GOOD, [1e39] * 8), errors.InvalidReply, "not finite"),
    "null": (rows(GOOD, [None] * 8), errors.InvalidReply, "no number"),
    "zeros": (rows(GOOD, [0.0] * 8), errors.ConfigError, "only zeros"),
    "base64": (rows("AAAA", "AAAA"), errors.InvalidReply, "no list of numbers"),
    "one index twice": (
        body({"data": [{"index": 0, "embedding": GOOD}] * 2}),
        errors.InvalidReply,
        "twice",
    ),
    "an index beyond": (
        body({"data": [{"index": i, "embedding": GOOD} for i in (0, 2)]}),
        errors.InvalidReply,
        "too large",
    ),
    "a negative index": (
        body({"data": [{"index": i, "embedding": GOOD} for i in (0, -1)]}),
        errors.InvalidReply,
        "no number",
    ),
    "no data": (body({"object": "list"}), errors.InvalidReply, '"data"'),
    "data is an object": (body({"data": {}}), errors.InvalidReply, '"data"'),
    "items are lists": (body({"data": [GOOD, GOOD]}), errors.InvalidReply, "embedding"),
    "a list": (body([GOOD]), errors.InvalidReply, "no JSON object"),
    "an error with 200": (body({"error": "out of memory"}), errors.InvalidReply, "out of memory"),
    "HTML": (
        Answer(body=b"<html>login</html>", content_type="text/html"),
        errors.InvalidReply,
        r"no JSON.*text/html.*OPENAI_BASE_URL",
    ),
    "nothing": (Answer(), errors.InvalidReply, "no JSON"),
    "half an answer": (
        Answer(body=b'{"data": [', length=1000),
        errors.ProviderError,
        "",
    ),
    "no answer": (Answer(close=True), errors.ProviderError, ""),
    "cut numbers": (Answer(body=b'{"data": [{"embedding": [0.1, '), errors.InvalidReply, "JSON"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_bad_answer_stores_nothing_and_harms_nobody(kit, there, kind: str) -> None:
    answer, expected, words = REFUSED[kind]
    embedder = OpenAICompatibleEmbedder("m", dimension=8, max_retries=0)
    agent = kit.agent([], embedding=embedder)
    agent.archival.insert("geese")
    there.embed = lambda request: answer
    with pytest.raises(expected, match=f"(?s){words}") as raised:
        agent.archival.insert_many(["swans", "ducks"])
    assert KEY not in str(raised.value) and len(agent.archival) == 1
    if kind != "too few":  # for one text that is right
        with pytest.raises(errors.Error):
            agent.archival.search("geese")
    there.embed = as_openai
    assert [hit.passage.text for hit in agent.archival.search("geese")] == ["geese"]
    kit.still_answers(agent)


@pytest.mark.parametrize(
    "answer",
    [body({"embeddings": []}), body({"embedding": GOOD}), body({"embeddings": [GOOD, "x"]})],
)
def test_bad_answers_of_ollama(answer: Answer) -> None:
    with Embeddings(lambda request: answer) as server, pytest.raises(errors.InvalidReply):
        at_ollama(server).embed(["a", "b"])


def test_a_key_is_needed_only_where_vectors_are(kit, server, monkeypatch) -> None:
    insert = kit.call("archival_memory_insert", content="swans")
    agent = kit.agent([insert, kit.say("so")], embedding="openai/text-embedding-3-small")
    for act in agent.archival.insert, agent.archival.search:
        with pytest.raises(errors.MissingKey, match="OPENAI_API_KEY"):
            act("geese")
    assert agent.send("go").text == "so" and "OPENAI_API_KEY" in kit.llm.returned()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    server.embed = wide
    agent.archival.insert("geese")
    assert len(agent.archival) == 1


def slow(server: Embeddings, texts: int, seconds: float = 0.4) -> Callable[..., Answer]:
    """Takes as long as a model does, until so many texts were embedded; then it fails."""

    def script(request: dict[str, Any]) -> Answer:
        time.sleep(seconds)
        done = sum(server.asked)
        return as_openai(request) if done <= texts else error(400, "broken off")

    return script


def test_what_was_made_before_a_break_is_not_asked_for_again(kit, server: Embeddings) -> None:
    agent = kit.agent([], embedding=own(server))
    server.embed = slow(server, 256)
    with pytest.raises(errors.ProviderError, match="broken off"):
        agent.archival.insert_many(TEXTS)
    assert len(agent.archival) == 0 and server.asked == [256, 256]
    kit.reopen()
    server.embed = as_openai
    del server.requests[:]
    agent = kit.home.agent("sam", model=kit.llm, embedding=own(server))
    agent.archival.insert_many(TEXTS)
    assert server.asked == [256, 88] and len(agent.archival) == 600


def test_ctrl_c_ends_it_at_once_and_keeps_what_there_is(kit, server: Embeddings) -> None:
    agent = kit.agent([], embedding=own(server))
    first = slow(server, 256)
    server.embed = lambda r: first(r) if len(server.requests) == 1 else Answer(stall_s=30)

    def interrupt() -> None:
        wait_until(lambda: len(server.requests) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        agent.archival.insert_many(TEXTS)
    thread.join()
    assert time.monotonic() - began < 10
    server.embed = as_openai
    del server.requests[:]
    agent.archival.insert_many(TEXTS)
    assert server.asked == [256, 88] and len(agent.archival) == 600


def test_a_kill_keeps_what_there_is(kit, server: Embeddings, tmp_path) -> None:
    code = (
        "import memgpt, sys\n"
        "texts = [f'passage {number}: geese fly in a V' for number in range(600)]\n"
        "made = memgpt.OpenAICompatibleEmbedder('m', base_url=sys.argv[2], dimension=8)\n"
        "with memgpt.open(sys.argv[1]) as home:\n"
        "    home.create_agent('sam', embedding=made).archival.insert_many(texts)\n"
    )
    first = slow(server, 256)
    server.embed = lambda r: first(r) if len(server.requests) == 1 else Answer(stall_s=30)
    child = kit.start(code, tmp_path / "killed.db", server.url)
    wait_until(lambda: len(server.requests) == 2, 60)
    child.kill()
    child.communicate()
    server.embed = as_openai
    del server.requests[:]
    with memgpt.open(tmp_path / "killed.db") as home:
        agent = home.agent("sam", embedding=own(server))
        assert len(agent.archival) == 0
        agent.archival.insert_many(TEXTS)
        assert server.asked == [256, 88] and len(agent.archival) == 600


def test_reembedding_is_batched_and_goes_on_where_it_was(kit, server: Embeddings) -> None:
    agent = kit.agent([])
    agent.archival.insert_many(TEXTS)
    server.embed = slow(server, 256, 0)
    with pytest.raises(errors.ProviderError, match="broken off"):
        agent.reembed(own(server)).wait()
    server.embed = as_openai
    del server.requests[:]
    assert agent.reembed(own(server)).wait()
    assert server.asked == [256, 88]
    assert agent.archival.search(TEXTS[7])[0].passage.text == TEXTS[7]


def test_an_archive_of_several_agents_binds_its_handle(kit, there) -> None:
    there.embed = wide
    archive = kit.home.create_archive("shared", embedding="openai/text-embedding-3-small")
    archive.insert("geese")
    kit.reopen()
    assert [hit.passage.text for hit in kit.home.archive("shared").search("geese")] == ["geese"]
    assert len(there.requests) == 2


def test_the_past_is_searched_with_its_embedder(kit, there) -> None:
    there.embed = wide
    agent = kit.agent([], embedding="openai/text-embedding-3-small")
    agent.archival.insert("geese")
    agent.save("then")
    agent.reembed("offline").wait()
    then = agent.at("then")
    assert then.unbound == [] and len(then.archival.search("geese")) == 1
    assert there.asked == [1, 1]


def test_a_description(kit, server: Embeddings) -> None:
    described = {"model": "m", "endpoint": server.url, "endpoint_type": "openai", "dimension": 8}
    agent = kit.agent([], embedding=described)
    agent.archival.insert("geese")
    assert core({**described, "api_key": "sk"}).name == f"m at {server.url}"
    assert core({"model": "m"}).name == "openai/m"
    assert core({"model": "m", "endpoint_type": "ollama"}).name == "ollama/m"
    elsewhere = {"model": "m", "endpoint_type": "ollama", "endpoint": server.root}
    assert core({**elsewhere, "name": "mine"}).name == "mine"
    more = {"weight": 0.25, "batch": 3, "max_retries": 0, "timeout_s": 9, "shorten": True}
    assert core({**described, **more}).weight == 0.25
    assert core({"model": "m", "endpoint_type": "llama.cpp"}).name == "llama.cpp/m"
    bad: list[tuple[Any, str]] = [
        ({}, '"model"'),
        ({"model": 3}, "name"),
        ({"model": ""}, '"model"'),
        ({"model": "m", "endpoint_type": "carrier pigeon"}, "endpoint type"),
        ({"model": "m", "endpoint": "localhost"}, "http"),
        ({"model": "m", "x": 1}, "no 'x'"),
        ({"model": "m", "endpoint_type": "azure"}, "but for azure"),
    ]
    for description, words in bad:
        with pytest.raises((errors.ConfigError, errors.InvalidInput), match=words):
            core(description)


def test_a_dict_takes_what_the_class_takes() -> None:
    takes = set(inspect.signature(OpenAICompatibleEmbedder).parameters)
    assert set(_embedders._KEYS.values()) == takes


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ("abc", "takes a list of texts"),
        (b"abc", "takes a list of texts"),
        ({"a": 1}, "takes a list of texts"),
        (7, "takes a list of texts"),
        (["a", "\ud800"], "text 2 holds a lone surrogate"),
        (["a", 7], "text 2 must be text, not int"),
        ([None], "text 1 must be text"),
    ],
)
def test_what_is_no_list_of_texts(server: Embeddings, texts: Any, says: str) -> None:
    with pytest.raises(errors.InvalidInput, match=says):
        own(server).embed(texts)
    assert server.requests == []
    assert len(own(server).embed(text for text in ("a", "b"))) == 2  # type: ignore[arg-type]


def test_bad_options(server: Embeddings) -> None:
    bad: list[dict[str, Any]] = [
        {"dimension": -1},
        {"dimension": 1.5},
        {"batch": 0},
        {"timeout_s": 0},
        {"weight": -1},
        {"weight": float("nan")},
        {"shorten": 1},
        {"name": 7},
        {"base_url": "ftp://x"},
    ]
    for options in bad:
        with pytest.raises((errors.ConfigError, errors.InvalidInput)) as raised:
            OpenAICompatibleEmbedder("m", api_key=KEY, **{"base_url": server.url, **options})
        assert KEY not in str(raised.value)
    with pytest.raises(errors.ConfigError, match="empty"):
        OpenAICompatibleEmbedder(" ")
    with pytest.raises(errors.ConfigError, match="address of its own"):
        OpenAICompatibleEmbedder("m", name="mine")
    for handle in ("openai/", "ollama/ ", "nobody/x", "azure/x"):
        with pytest.raises(errors.ModelNotFound, match="ollama/<model>"):
            core(handle)


def test_one_of_ones_own_around_it(kit, server: Embeddings) -> None:
    class Prefixed(OpenAICompatibleEmbedder):
        def embed(self, texts: list[str]) -> list[list[float]]:
            return super().embed([f"search_document: {text}" for text in texts])

    agent = kit.agent([], embedding=Prefixed("m", base_url=server.url, dimension=8, name="p"))
    agent.archival.insert("geese")
    assert server.requests[0]["input"] == ["search_document: geese"]


def test_agents_embed_at_once(kit, server: Embeddings) -> None:
    barrier = threading.Barrier(4, timeout=10)

    def script(request: dict[str, Any]) -> Answer:
        barrier.wait()  # passes only when four requests are there at once
        return as_openai(request)

    server.embed = script
    embedder = own(server)
    agents = [kit.agent([], name=f"a{i}", embedding=embedder) for i in range(4)]
    threads = [threading.Thread(target=a.archival.insert, args=("geese",)) for a in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [len(agent.archival) for agent in agents] == [1] * 4
