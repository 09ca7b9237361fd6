"""Services: handles and dicts, where each goes and with which key, and what each is told."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt.testing import Answer, FakeOpenAI, Stream

KEY = "sk-secret-0123456789"
SAYS = {"tool": "send_message", "args": {"message": "Here I am"}}
CALL = json.dumps(
    {"name": "send_message", "arguments": {"thinking": "t", "message": "a\nb 🦆"}},
    ensure_ascii=False,
)
VARIABLES = {
    "openai": ("OPENAI_BASE_URL", "OPENAI_API_KEY"),
    "llama.cpp": ("LLAMA_CPP_BASE_URL", "LLAMA_API_KEY"),
    "vllm": ("VLLM_BASE_URL", "VLLM_API_KEY"),
    "lmstudio": ("LMSTUDIO_BASE_URL", "LMSTUDIO_API_KEY"),
    "openrouter": ("OPENROUTER_BASE_URL", "OPENROUTER_API_KEY"),
    "groq": ("GROQ_BASE_URL", "GROQ_API_KEY"),
    "together": ("TOGETHER_BASE_URL", "TOGETHER_API_KEY"),
    "azure": ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"),
    "ollama": ("OLLAMA_HOST", "OLLAMA_API_KEY"),
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for url, key in VARIABLES.values():
        monkeypatch.delenv(url, raising=False)
        monkeypatch.delenv(key, raising=False)


def by_schema(request: dict[str, Any]) -> Any:
    return CALL if request.get("response_format") or request.get("format") else SAYS


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("service", VARIABLES)
def test_a_handle_goes_where_the_environment_says(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch, service: str, streamed: bool
) -> None:
    url, key = VARIABLES[service]
    with FakeOpenAI(by_schema, like=service, api_key=KEY, context_window=30_000) as server:
        monkeypatch.setenv(url, server.root if service in ("azure", "ollama") else server.url)
        monkeypatch.setenv(key, KEY)
        agent = home.create_agent("sam", model=f"{service}/some-model")
        for _ in range(2):
            if streamed:
                response = list(agent.stream("Hello"))[-1].response
                assert response is not None
            else:
                response = agent.send("Hello")
            assert response.text in ("Here I am", "a\nb 🦆")
        assert not server.refused
        header = "Api-Key" if service == "azure" else "Authorization"
        assert KEY in {k.title(): v for k, v in server.headers[-1].items()}[header]
    assert agent.config["model"] == f"{service}/some-model"
    assert KEY not in json.dumps(agent.config)
    assert KEY.encode() not in Path(home.path).read_bytes()
    assert home.agent("sam").unbound == []


def test_azures_paths(home: memgpt.Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeOpenAI(lambda _: SAYS, like="azure") as server:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.root + "/")
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
        home.create_agent("a", model="azure/my gpt").send("Hi")
        assert server.paths[-1] == (
            "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
        )
        monkeypatch.setenv("AZURE_OPENAI_API_VERSION", "2025-01-01-preview")
        home.create_agent("b", model="azure/gpt").send("Hi")
        assert server.paths[-1].endswith("api-version=2025-01-01-preview")
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.root + "/openai/v1")
        home.create_agent("c", model="azure/gpt").send("Hi")
        assert server.paths[-1] == "/openai/v1/chat/completions"
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT")
    with pytest.raises(memgpt.ConfigError, match="AZURE_OPENAI_ENDPOINT"):
        home.create_agent("d", model="azure/gpt").send("Hi")


def test_a_dict_is_a_model_at_an_address_of_its_own(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with FakeOpenAI(lambda _: SAYS, context_window=9000, like="vllm") as server:
        given = {"model": "m", "endpoint": server.root, "endpoint_type": "vllm"}
        agent = home.create_agent("sam", model=given)
        assert agent.send("Hi").text == "Here I am"
        assert agent.context().budget.context_window == 9000
        # No key of the environment goes to an address that has none of its own.
        assert KEY not in str(server.headers)
        assert "model=" in str(home.agent("sam").unbound) or home.agent("sam").unbound == []
        agent = home.create_agent("b", model={**given, "api_key": KEY, "max_retries": 0})
        agent.send("Hi")
        assert server.headers[-1]["Authorization"] == f"Bearer {KEY}"
        assert KEY not in json.dumps(agent.config) + repr(agent)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"endpoint": "http://127.0.0.1:1"}, 'needs a "model"'),
        ({"model": "m", "url": "http://x"}, "no 'url'"),
        ({"model": "m", "endpoint_type": "nobody"}, "there are openai, azure"),
        ({"model": "m", "endpoint": "ftp://x"}, "neither https"),
        ({"model": "m", "structure": "grammar"}, "json_schema"),
        ({"model": "m", "extra_body": {"messages": []}}, "says that itself"),
        ({"model": "m", "extra_body": {"x": float("nan")}}, "JSON"),
        ({"model": "m", "max_retries": -1}, "max_retries"),
        ({"model": "m", "read_timeout_s": 0}, "read_timeout_s"),
    ],
)
def test_a_dict_that_cannot_work(home: memgpt.Home, given: dict[str, Any], text: str) -> None:
    with pytest.raises(memgpt.ConfigError, match=text):
        home.create_agent("sam", model=given)
    assert home.agents() == []


def test_handles_that_mean_nothing(home: memgpt.Home) -> None:
    for handle in ("nobody/x", "openai/", "gpt-4.1", "ollama"):
        with pytest.raises(memgpt.ModelNotFound, match=r"openai, azure, llama\.cpp"):
            home.create_agent("sam", model=handle)


@pytest.mark.parametrize("service", ["llama.cpp", "vllm", "ollama", "lmstudio"])
def test_the_window_is_asked_from_the_server(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    with FakeOpenAI(
        by_schema, like=service, context_window=12_000, num_ctx=0, models=["m"]
    ) as server:
        monkeypatch.setenv(VARIABLES[service][0], server.root)
        agent = home.create_agent("sam", model=f"{service}/m")
        assert agent.context().budget.context_window == 12_000
        own = home.create_agent("own", model=f"{service}/m", context_window=6000)
        assert own.context().budget.context_window == 6000
        agent.send("Hi")
        if service == "ollama":
            assert server.requests[-1]["options"]["num_ctx"] == 12_000
            own.send("Hi")
            assert server.requests[-1]["options"]["num_ctx"] == 6000
            assert server.shortened == 0


def test_a_server_that_is_down_is_told_of_and_does_no_harm(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    with pytest.warns(UserWarning, match=r"ollama/m.*context size.*127.0.0.1:9"):
        agent = home.create_agent("sam", model="ollama/m")
    assert agent.context().budget.context_window == 32_768
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(memgpt.ProviderUnreachable, match="is the server running"):
            agent.send("Hi")
    with FakeOpenAI(by_schema, like="ollama") as server:
        monkeypatch.setenv("OLLAMA_HOST", f"0.0.0.0:{server.port}")
        assert agent.send("Are you there?").text == "a\nb 🦆"


def test_ollamas_own_form(home: memgpt.Home) -> None:
    notes = {
        "tool": "core_memory_append",
        "args": {"name": "human", "content": "Name: Chad"},
        "heartbeat": True,
    }
    with FakeOpenAI([notes, SAYS], like="ollama", context_window=20_000) as server:
        model = memgpt.OpenAICompatible(
            "m", base_url=server.url, service="ollama", structure="tools",
            extra_body={"keep_alive": "1h", "options": {"temperature": 0.1}},
        )  # fmt: skip
        agent = home.create_agent("sam", model=model)
        assert list(agent.stream("My name is Chad"))[-1].response.text == "Here I am"  # type: ignore[union-attr]
        first, second = server.requests[-2:]
        assert first["keep_alive"] == "1h" and first["options"]["temperature"] == 0.1
        assert first["tools"] and "format" not in first
        calls = second["messages"][-2]["tool_calls"]
        assert calls[0]["function"]["arguments"]["content"] == "Name: Chad"
        assert second["messages"][-1]["tool_name"] == "core_memory_append"
        # Cut silently, unless the window is said.
        assert first["options"]["num_ctx"] == 20_000 and server.shortened == 0


@pytest.mark.parametrize("service", ["ollama", "lmstudio"])
@pytest.mark.parametrize("streamed", [False, True])
def test_one_call_by_a_json_schema(home: memgpt.Home, service: str, streamed: bool) -> None:
    import jsonschema

    first = json.dumps({"name": "conversation_search", "arguments": {"query": "x", "page": 0,
                        "thinking": "where?", "request_heartbeat": True}})  # fmt: skip
    with FakeOpenAI([first, Stream(CALL, piece=3)], like=service, context_window=20_000) as server:
        model = memgpt.OpenAICompatible("m", base_url=server.url, service=service)
        agent = home.create_agent("sam", model=model)
        if streamed:
            events = list(agent.stream("What is x?"))
            assert "".join(e.text for e in events if e.type == "text") == "a\nb 🦆"
            assert "".join(e.text for e in events if e.type == "reasoning") == "where?t"
            assert not any(event.type == "content" for event in events)
        else:
            assert agent.send("What is x?").text == "a\nb 🦆"
        request = server.requests[-1]
        assert "tools" not in request
        schema = (
            request["format"]
            if service == "ollama"
            else request["response_format"]["json_schema"]["schema"]
        )
        jsonschema.validate(json.loads(first), schema)
        assert all(s["maxLength"] > 0 for s in strings_of(schema))
        roles = [m["role"] for m in request["messages"]]
        assert roles == ["system", "user", "assistant", "user"]
        assert "conversation_search" in request["messages"][0]["content"]
        jsonschema.validate(json.loads(request["messages"][2]["content"]), schema)
        assert agent.replay().first_divergence is None


def strings_of(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for item in schema for found in strings_of(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "string" and "enum" not in schema else []
    return own + [found for value in schema.values() for found in strings_of(value)]


def test_strings_are_bounded_for_local_servers_only(home: memgpt.Home) -> None:
    for service, bounded in (("llama.cpp", True), ("vllm", True), ("openai", False)):
        with FakeOpenAI(lambda _: SAYS, context_window=20_000) as server:
            model = memgpt.OpenAICompatible("m", base_url=server.url, service=service)
            agent = home.create_agent(service, model=model)
            agent.send("Hi")
            strings = strings_of(server.requests[-1]["tools"])
            assert strings and all(("maxLength" in s) == bounded for s in strings)
            assert server.requests[-1]["tool_choice"] == "required"


def test_what_a_user_adds_to_each_request(home: memgpt.Home) -> None:
    with FakeOpenAI(lambda _: SAYS) as server:
        model = memgpt.OpenAICompatible(
            "m", base_url=server.url,
            extra_body={"temperature": 0.2, "parallel_tool_calls": None, "tool_choice": "auto"},
        )  # fmt: skip
        home.create_agent("sam", model=model).send("Hi")
        request = server.requests[-1]
        assert request["temperature"] == 0.2 and request["tool_choice"] == "auto"
        assert "parallel_tool_calls" not in request


QUIRKS = [
    ("parallel_tool_calls", "Unsupported parameter: 'parallel_tool_calls' is not supported"),
    ("stream_options", "Unrecognized request argument supplied: stream_options"),
    (
        "max_tokens",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
    ),
    ("tool_choice", "tool_choice 'required' is not supported by this model"),
]


@pytest.mark.parametrize(("field", "said"), QUIRKS)
def test_a_server_that_refuses_a_field_is_asked_without_it(
    home: memgpt.Home, field: str, said: str
) -> None:
    def script(request: dict[str, Any]) -> Any:
        if request.get(field) not in (None, "auto"):
            return Answer(400, json.dumps({"error": {"message": said, "param": field}}).encode())
        return SAYS

    with FakeOpenAI(script) as server:
        model = memgpt.OpenAICompatible("m", base_url=server.url)
        agent = home.create_agent("sam", model=model)
        for _ in range(2):
            assert list(agent.stream("Hi"))[-1].response.text == "Here I am"  # type: ignore[union-attr]
        assert server.calls == 3  # it learned
        assert server.requests[-1]["messages"][-1]["role"] == "user"


@pytest.mark.parametrize("service", VARIABLES)
def test_an_overflow_in_each_servers_words(home: memgpt.Home, service: str) -> None:
    """The agent believes in a larger window than the server has, and goes on by what it is told."""
    long = "Some words that fill the window of a model. " * 20
    with FakeOpenAI(by_schema, like=service, context_window=5000) as server:
        url = server.root if service in ("azure", "ollama") else server.url
        model = memgpt.OpenAICompatible(
            "gpt-4.1", base_url=url, service=service, context_window=16_000, max_retries=0
        )
        agent = home.create_agent("sam", model=model)
        for _ in range(24):
            assert agent.send(long).text
        assert len(agent.window) < 48 or service == "ollama"
        assert agent.replay().first_divergence is None


def test_reasoning_goes_where_it_is_said(home: memgpt.Home) -> None:
    with FakeOpenAI(lambda _: {**SAYS, "args": dict(SAYS["args"])}) as server:
        for model, given, wanted in [
            ("gpt-4.1", None, "argument"),
            ("o3-mini", None, "native"),
            ("gpt-4.1", "none", "none"),
            ("o3-mini", "argument", "argument"),
        ]:
            name = f"{model}-{given}"
            agent = home.create_agent(
                name, model={"model": model, "endpoint": server.url}, reasoning=given
            )
            agent.send("Hi")
            tool = server.requests[-1]["tools"][0]["function"]["parameters"]
            assert ("thinking" in tool["properties"]) == (wanted == "argument")
            system = server.requests[-1]["messages"][0]["content"]
            assert ('into "thinking"' in system) == (wanted == "argument")
            assert agent.config.get("reasoning", "argument") == wanted
    with pytest.raises(memgpt.ConfigError, match='"native"'):
        home.create_agent("bad", reasoning="loud")


def test_reasoning_is_switched_and_replayed(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.send("My name is Chad.")
    agent = home.agent("sam", reasoning="none")
    agent.send("I live in Turin.")
    assert (
        "thinking"
        not in agent.context().to_request()["tools"][0]["function"]["parameters"]["properties"]
    )
    assert agent.replay().first_divergence is None
    agent = home.agent("sam", reasoning="argument")
    agent.send("I have a dog.")
    assert agent.replay().first_divergence is None
    assert home.check() == []


def test_native_reasoning_is_kept_and_not_sent_back(home: memgpt.Home) -> None:
    message = {
        "role": "assistant",
        "reasoning_content": "The user greets me.",
        "tool_calls": [
            {"id": "c", "type": "function",
             "function": {"name": "send_message", "arguments": '{"message": "Hi"}'}}
        ],
    }  # fmt: skip
    with FakeOpenAI(lambda _: message) as server:
        agent = home.create_agent("sam", model={"model": "deepseek-r1", "endpoint": server.url})
        assert agent.send("Hello").text == "Hi"
        events = list(agent.stream("Hello again"))
        assert "".join(e.text for e in events if e.type == "reasoning") == "The user greets me."
        assert agent.window[1].thinking == "The user greets me."
        assert "The user greets me." not in json.dumps(server.requests[-1])
