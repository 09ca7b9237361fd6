"""How a model shall write, as clients set it: kept, shown, and said to the model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import memgpt
import pytest
from memgpt.testing import FakeOpenAI

from tests.conftest import say
from tests.server_client import Client

MODEL = "openai/gpt-4.1"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    with FakeOpenAI(lambda _request: say("Yes.")) as fake:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        monkeypatch.setenv("OLLAMA_HOST", fake.url.removesuffix("/v1"))
        yield fake


@pytest.fixture
def client(home: memgpt.Home, fake: FakeOpenAI) -> Iterator[Client]:
    with home.serve(port=0) as server:
        yield Client(server.url)


def asked(client: Client, fake: FakeOpenAI, agent: str) -> dict[str, Any]:
    """What the model was asked in a turn."""
    client.say(agent, "Really?")
    return fake.requests[-1]


def test_nothing_is_said_that_nobody_set(client: Client, fake: FakeOpenAI) -> None:
    agent = client.agent(model=MODEL)
    request = asked(client, fake, agent["id"])
    assert not {"temperature", "frequency_penalty", "reasoning_effort"} & set(request)
    assert request["max_tokens"] == 1024 and agent["model_settings"]["max_output_tokens"] == 16384


@pytest.mark.parametrize(
    "given",
    [
        {"model_settings": {"temperature": 0.2, "max_output_tokens": 300}},
        {"llm_config": {"model": "gpt-4.1", "temperature": 0.2, "max_tokens": 300}},
        {"model_settings": {"temperature": 0.2}, "max_tokens": 300},
        {"llm_config": {"model": "gpt-4.1", "temperature": 1.5}, "max_tokens": 300}
        | {"model_settings": {"temperature": 0.2}},
    ],
)
def test_they_reach_the_model_and_are_shown(
    client: Client, fake: FakeOpenAI, home: memgpt.Home, given: dict[str, Any]
) -> None:
    agent = client.agent(**{"model": MODEL, **given})
    request = asked(client, fake, agent["id"])
    assert (request["temperature"], request["max_tokens"]) == (0.2, 300)
    assert agent["model_settings"]["temperature"] == agent["llm_config"]["temperature"] == 0.2
    assert agent["model_settings"]["max_output_tokens"] == agent["llm_config"]["max_tokens"] == 300
    assert agent["model_settings"]["parallel_tool_calls"] is True
    assert home.check(replay=True) == []


def test_the_reply_may_take_a_quarter_of_the_window_at_most(
    client: Client, fake: FakeOpenAI, home: memgpt.Home
) -> None:
    long = {"max_output_tokens": 16384}
    agent = client.agent(model=MODEL, model_settings=long, context_window_limit=16000)
    assert asked(client, fake, agent["id"])["max_tokens"] == 4000
    budget = home.agent(agent["name"]).context().budget
    assert budget.reply_reserve == 4000 and budget.limit <= 12000
    large = client.agent(model=MODEL, model_settings=long, context_window_limit=100_000)
    assert asked(client, fake, large["id"])["max_tokens"] == 16384
    assert home.check(replay=True) == []


def test_the_later_of_two_ways_to_say_it_holds(client: Client, fake: FakeOpenAI) -> None:
    agent = client.agent(model=MODEL, model_settings={"temperature": 0.2})["id"]
    config = {"model": "gpt-4.1", "temperature": 0.9}
    changed = client.ok("PATCH", f"/v1/agents/{agent}", {"llm_config": config})
    assert changed["model_settings"]["temperature"] == 0.9
    assert asked(client, fake, agent)["temperature"] == 0.9
    client.ok("PATCH", f"/v1/agents/{agent}", {"model_settings": {"temperature": 0.1}})
    assert asked(client, fake, agent)["temperature"] == 0.1
    client.ok("PATCH", f"/v1/agents/{agent}", {"model_settings": None, "llm_config": None})
    assert "temperature" not in asked(client, fake, agent)


@pytest.mark.parametrize(("model", "said"), [("gpt-5", "low"), ("gpt-4.1", None)])
def test_an_effort_goes_to_models_that_can_think(
    client: Client, fake: FakeOpenAI, model: str, said: str | None
) -> None:
    settings = {"reasoning": {"reasoning_effort": "low"}}
    agent = client.agent(model=f"openai/{model}", model_settings=settings)
    assert agent["model_settings"]["reasoning"] == settings["reasoning"]
    assert asked(client, fake, agent["id"]).get("reasoning_effort") == said


def test_ollama_is_told_in_its_own_way(client: Client, fake: FakeOpenAI) -> None:
    settings = {"temperature": 0.25, "max_output_tokens": 200}
    agent = client.agent(model="ollama/llama3", model_settings=settings)["id"]
    options = asked(client, fake, agent)["options"]
    assert options["temperature"] == 0.25 and options["num_predict"] == 200


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"model_settings": {"temperature": "hot"}}, 422, '"temperature" must be a number'),
        ({"model_settings": {"temperature": 2.5}}, 422, '"temperature" must be a number'),
        ({"llm_config": {"model": "offline", "max_tokens": 0}}, 422, '"max_tokens" must be'),
        ({"model_settings": {"max_output_tokens": -1}}, 422, '"max_output_tokens" must be'),
        ({"model_settings": {"response_format": {"type": "json_object"}}}, 501, "not served yet"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, 501, "not served yet"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    client: Client, body: dict[str, Any], status: int, detail: str
) -> None:
    agent = client.agent()["id"]
    for method, path in (("POST", "/v1/agents"), ("PATCH", f"/v1/agents/{agent}")):
        refused = client.ask(method, path, {"model": "offline", **body})
        assert refused.status == status and detail in refused.detail


def test_they_go_along_in_a_file(client: Client, fake: FakeOpenAI) -> None:
    config = {"model": "gpt-4.1", "temperature": 0.3, "max_tokens": 250}
    agent = client.agent(model=MODEL, llm_config=config)["id"]
    file = client.get(f"/v1/agents/{agent}/export").json
    text = json.dumps(json.loads(file) if isinstance(file, str) else file)
    body = f'--x\r\nContent-Disposition: form-data; name="file"; filename="a.af"\r\n\r\n{text}\r\n'
    answered = client.post(
        "/v1/agents/import",
        raw=(body + "--x--\r\n").encode(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    copy = answered.json["agent_ids"][0]
    request = asked(client, fake, copy)
    assert (request["temperature"], request["max_tokens"]) == (0.3, 250)


@pytest.mark.parametrize("model", [MODEL, "ollama/llama3"])
def test_the_payload_that_is_shown_is_the_one_that_is_sent(
    client: Client, fake: FakeOpenAI, model: str
) -> None:
    settings = {"temperature": 0.2, "max_output_tokens": 300}
    agent = client.agent(model=model, model_settings=settings)["id"]
    shown = client.ok(
        "POST", f"/v1/agents/{agent}/messages/preview-raw-payload", {"input": "Really?"}
    )
    sent = asked(client, fake, agent)
    assert shown["messages"].pop()["content"] and sent["messages"].pop()["content"]  # with a time
    for request in (shown, sent):  # the server asks for streams, so that it can be told to cancel
        for name in ("stream", "stream_options"):
            request.pop(name, None)
    assert shown == sent
