"""What clients read of an error that a model, its service or the system has put into words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import memgpt
import pytest
from memgpt.errors import ProviderError, RateLimited
from memgpt.testing import Answer, FakeOpenAI, ScriptedLLM

from tests.server_client import Answered, Client

KEY = "sk-proj-0123456789abcdefABCDEF"


class Failing:
    """A client, and the agent of a model that fails."""

    def __init__(self, client: Client, agent: str) -> None:
        self.client, self.agent = client, agent

    def ask(self, **more: Any) -> Answered:
        return self.client.post(f"/v1/agents/{self.agent}/messages", {"input": "Hi", **more})


@pytest.fixture
def home() -> Iterator[memgpt.Home]:
    with memgpt.open(":memory:") as home:
        yield home


def said(home: memgpt.Home, error: Exception, calls: list[Any] | None = None) -> list[str]:
    """All that a client reads of it: in an answer, in a stream's frame, and of the run."""
    script = [*(calls or []), error]
    texts: list[str] = []
    with home.serve(port=0, models={"scripted": ScriptedLLM(script * 2)}) as server:
        client = Client(server.url)
        failing = Failing(client, client.agent(model="scripted")["id"])
        answered = failing.ask()
        texts += [answered.detail, answered.json["error"]["message"]]
        streamed = failing.ask(streaming=True)
        if calls:
            (frame,) = [
                event
                for event in streamed.events()
                if event != "[DONE]" and event["message_type"] == "error_message"
            ]
            texts += [frame["message"], frame["detail"]]
        for run in client.ok("GET", f"/v1/runs/?agent_id={failing.agent}"):
            texts.append(run["metadata"]["error"])
    return texts


SEARCH = {"tool": "conversation_search", "args": {"query": "tea"}, "heartbeat": True}


@pytest.mark.parametrize("calls", [[], [SEARCH]])
@pytest.mark.parametrize(
    ("secret", "text"),
    [
        (KEY, f"refused: Incorrect API key provided: {KEY}"),
        ("hush", "refused: Authorization: Bearer hush"),
        ("hush", 'refused: {"api_key": "hush", "model": "m"}'),
        ("ab12cd34ef56ab78cd90ef", "refused: the key ab12cd34ef56ab78cd90ef is over its limit"),
        ("hush", "refused: https://sam:hush@example.org/v1 does not answer"),
        ("hush", "refused: https://example.org/v1?key=hush did not answer"),
        ("/home/sam", "refused: [Errno 2] No such file: '/home/sam/models/weights.gguf'"),
        ("Users", r"refused: cannot open C:\Users\sam\weights.gguf"),
    ],
)
def test_no_secret_is_in_it(calls: list[Any], secret: str, text: str, home: memgpt.Home) -> None:
    texts = said(home, ProviderError(text), calls)
    assert len(texts) >= 4
    for read in texts:
        assert "refused: " in read and secret not in read


def test_long_words_are_cut_to_both_ends(home: memgpt.Home) -> None:
    for read in said(home, RuntimeError("begun 🦆" + "漢 " * 5000 + "🦆"), [SEARCH]):
        assert len(read) <= 300 and "begun 🦆" in read
        read.encode()
    for read in said(home, RuntimeError("begun " + KEY * 1000), [SEARCH]):
        assert len(read) <= 300 and KEY[9:20] not in read
    for read in said(home, RuntimeError("begun " + "漢 " * 400 + "send it again"), [SEARCH]):
        assert len(read) <= 300 and read.endswith("send it again")


def test_what_helps_stays(home: memgpt.Home) -> None:
    text = (
        "http://127.0.0.1:8080/v1/chat/completions answered 429: gpt-4o-mini-2024-07-18 is busy "
        "(too many requests, or no credit left: send again in 20 s; check OPENAI_API_KEY)"
    )
    for read in said(home, RateLimited(text), [SEARCH]):
        assert read.endswith(text)


def test_a_services_words_name_status_and_address(
    home: memgpt.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = f'{{"error": {{"message": "no {KEY} for /srv/keys/all.txt {"x " * 400}"}}}}'
    with FakeOpenAI([Answer(401, body.encode())]) as fake:
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        monkeypatch.setenv("OPENAI_API_KEY", "another-key-0123456789")
        with home.serve(port=0) as server:
            client = Client(server.url)
            agent = client.agent(model="openai/gpt-4.1")["id"]
            answered = client.post(f"/v1/agents/{agent}/messages", {"input": "Hi"})
    assert answered.status == 401
    assert answered.json["error"]["type"] == "llm_authentication"
    read = answered.detail
    assert len(read) <= 300 and "401" in read and read.endswith("OPENAI_API_KEY)")
    assert KEY not in read and "/srv/keys" not in read
