"""What servers refuse, and in which words: each becomes the error that it is, without the key."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt.testing import Answer, FakeOpenAI

from tests.answers import says

KEY = "sk-Ab+cd/EF==0123456789"
SAYS = {"tool": "send_message", "args": {"message": "Here I am"}}


def model_at(server: FakeOpenAI, **more: Any) -> memgpt.OpenAICompatible:
    more = {"max_retries": 0, "api_key": KEY, **more}
    return memgpt.OpenAICompatible("m", base_url=server.url, **more)


def answer(status: int, body: Any) -> Answer:
    return Answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())


def event_stream(body: Any) -> Answer:
    return Answer(
        body=b"data: " + json.dumps(body).encode() + b"\n\n", content_type="text/event-stream"
    )


ESCAPED = [
    KEY,
    KEY.replace("/", "\\/"),
    KEY.replace("+", "\\u002B").replace("=", "\\u003d"),
    "".join(f"\\u{ord(c):04x}" for c in KEY),
    KEY.upper(),
    KEY.swapcase().replace("B", "\\u0042"),
    KEY[:9] + "\\n" + KEY[9:],
    KEY[:9] + "\\r\\n  " + KEY[9:],
    KEY.replace("/", "%2F").replace("+", "%2b").replace("=", "%3D"),
    KEY.replace("s", "\\\\u0073", 1),
]


@pytest.mark.parametrize("service", ["openai", "ollama"])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("status", [200, 401, 429, 500])
@pytest.mark.parametrize("written", ESCAPED)
def test_a_key_that_a_server_repeats_is_shown_nowhere(
    home: memgpt.Home, status: int, written: str, streamed: bool, service: str
) -> None:
    body = f'{{"error": {{"code": {status}, "message": "no such key: {written}"}}}}'.encode()
    with FakeOpenAI(lambda request: answer(status, body)) as server:
        model = model_at(server, service=service, context_window=8000)
        agent = home.create_agent("sam", model=model, summarizer=model)
        with pytest.raises(memgpt.ProviderError, match="no such key") as raised:
            list(agent.stream("Hi")) if streamed else agent.send("Hi")
        shown = str(raised.value).lower()
        assert KEY.lower() not in shown and KEY[3:12].lower() not in shown
        assert "0123456789" not in shown


def test_a_short_key_is_a_word(home: memgpt.Home) -> None:
    said = answer(400, {"error": {"message": "None of them: the key none is unknown"}})
    with FakeOpenAI([said]) as server:
        agent = home.create_agent("sam", model=model_at(server, api_key="none"))
        with pytest.raises(memgpt.ProviderError, match=r"None of them: the key \*\*\* is"):
            agent.send("Hi")


def test_a_key_that_a_server_repeats_is_in_no_summary(home: memgpt.Home, tmp_path: Path) -> None:
    said = {"error": {"code": 401, "message": f"no such key: Bearer {KEY}"}}
    with FakeOpenAI(lambda request: answer(200, said)) as server:
        agent = home.create_agent("sam", summarizer=model_at(server), context_window=5000)
        for number in range(40):
            agent.send(f"note {number} " * 30)
        assert "no such key" in agent.summaries()[-1].failure
    agent.export(tmp_path / "sam.memgpt")
    home.close()
    for path in [tmp_path / "sam.memgpt", *Path(home.path).parent.glob("*.db*")]:
        assert KEY.encode() not in path.read_bytes()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, memgpt.AuthenticationFailed),
        (429, memgpt.RateLimited),
        (502, memgpt.ProviderError),
        ("x", memgpt.ProviderError),
    ],
)
def test_an_error_that_comes_as_an_answer(
    home: memgpt.Home, code: Any, kind: type[memgpt.Error], streamed: bool
) -> None:
    said = {"error": {"code": code, "message": "Provider returned error"}}
    whole = answer(200, said)
    with FakeOpenAI(lambda request: event_stream(said) if streamed else whole) as server:
        agent = home.create_agent("sam", model=model_at(server))
        with pytest.raises(kind, match="Provider returned error") as raised:
            list(agent.stream("Hi")) if streamed else agent.send("Hi")
        assert type(raised.value) is kind
        server.script = lambda request: SAYS
        assert agent.send("Are you there?").text == "Here I am"


def test_a_choice_that_is_an_error(home: memgpt.Home) -> None:
    choice = {
        "error": {"code": 502, "message": "upstream"},
        "message": {"content": ""},
        "finish_reason": "error",
    }
    with FakeOpenAI(lambda request: answer(200, {"choices": [choice]})) as server:
        agent = home.create_agent("sam", model=model_at(server))
        with pytest.raises(memgpt.ProviderError, match="upstream"):
            agent.send("Hi")


OVERFLOWS = [
    (400, "The input (9000 tokens) is longer than the model's context length (6000 tokens)."),
    (400, "The decoder prompt (length 9000) is longer than the maximum model length of 6000."),
    (400, "This model's maximum prompt length is 6000 but the request contains 9000 tokens."),
    (413, "tokens_limit_reached: Request body too large. Max size: 6000 tokens."),
    (400, "Prompt length 9000 is greater than max_seq_len 6000"),
    (400, "litellm.ContextWindowExceededError: too many tokens"),
    (400, "the request exceeds the available context size, try increasing it"),
    (
        413,
        "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 9000, "
        "please reduce your message size",
    ),
    (
        429,
        "Request too large for m on tokens per min (TPM): Limit 6000, Requested 9000. The input or "
        "output tokens must be reduced in order to run successfully.",
    ),
]


@pytest.mark.parametrize(("status", "said"), OVERFLOWS)
def test_an_overflow_in_other_words(home: memgpt.Home, status: int, said: str) -> None:
    """Something is evicted, and the agent goes on."""
    full = False

    def script(request: dict[str, Any]) -> Any:
        if full and len(request["messages"]) > 20:
            return answer(status, {"error": {"message": said}})
        return SAYS

    with FakeOpenAI(script) as server:
        agent = home.create_agent("sam", model=model_at(server, context_window=32_000))
        for _ in range(8):
            agent.send("Hello")
        full = True
        assert agent.send("And now?").text == "Here I am"


def test_a_tool_that_speaks_of_windows_is_no_overflow(home: memgpt.Home) -> None:
    said = "tool 'x': description 'searches the context window' bad"
    with FakeOpenAI(lambda request: answer(400, {"error": {"message": said}})) as server:
        agent = home.create_agent("sam", model=model_at(server))
        with pytest.raises(memgpt.ProviderError) as raised:
            agent.send("Hi")
        assert not isinstance(raised.value, memgpt.ContextOverflow)


def test_a_call_that_the_server_could_not_read_is_the_decoders(home: memgpt.Home) -> None:
    written = (
        '<function=send_message>{"message": "Hi there", "request_heartbeat": false}</function>'
    )
    groq = {"error": {"code": "tool_use_failed", "message": "x", "failed_generation": written}}
    llama = {"error": {"code": 500, "message": "Failed to parse tool call arguments as JSON"}}
    with FakeOpenAI([answer(400, groq), answer(500, llama), SAYS]) as server:
        agent = home.create_agent("sam", model=model_at(server))
        assert agent.send("Hi").text == "Hi there"
        assert agent.send("Again").text == "Here I am"


def test_a_wait_that_is_no_number(home: memgpt.Home) -> None:
    for wait in ("soon", "-1"):
        late = Answer(429, b"{}", headers={"Retry-After": wait})
        with FakeOpenAI(lambda request, late=late: late) as server:
            agent = home.create_agent(wait, model=model_at(server))
            with pytest.raises(memgpt.RateLimited, match="send again later"):
                agent.send("Hi")


def test_a_key_with_its_word(home: memgpt.Home) -> None:
    with FakeOpenAI(lambda request: SAYS, api_key=KEY) as server:
        agent = home.create_agent("sam", model=model_at(server, api_key=f"Bearer {KEY}"))
        assert agent.send("Hi").text == "Here I am"


@pytest.mark.parametrize("name", ["functions.sehr gut", "größe", "", "x" * 5000, "\n"])
def test_a_call_by_a_name_that_no_server_takes_back(home: memgpt.Home, name: str) -> None:
    """Such a name, or an id that is too long, stands in every later request."""
    call = {"id": "x" * 80, "type": "function", "function": {"name": name, "arguments": "{}"}}
    with FakeOpenAI([{"tool_calls": [call]}, says("ok"), says("again")], like="openai") as server:
        agent = home.create_agent("sam", model=memgpt.OpenAICompatible("x", base_url=server.url))
        assert [agent.send(text).text for text in ("Hello", "And now?")] == ["ok", "again"]
        assert server.refused == []
        assert "there is no tool" in str(server.requests[1]["messages"])


SILENT = """
import memgpt, socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
model = memgpt.OpenAICompatible("m", base_url=f"http://127.0.0.1:{s.getsockname()[1]}/v1")
events = memgpt.open(":memory:").create_agent("s", model=model).stream("Hi")
next(events)
"""
THINKS = """
import asyncio, memgpt, time
class Slow(memgpt.LLMProvider):
    model, context_window = "slow", 16000
    def complete(self, context):
        for _ in range(100):
            time.sleep(0.01)
        return "x"
agent = memgpt.open(":memory:").create_agent("s", model=Slow())
async def main():
    try:
        await asyncio.wait_for(agent.send_async("Hi"), 0.2)
    except asyncio.TimeoutError:
        pass
asyncio.run(main())
"""
FORKED = """
import memgpt, os, sys
agent = memgpt.open(":memory:").create_agent("s")
for event in agent.stream("Hi"):
    child = os.fork()
    if child == 0:
        sys.exit(0)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("program", [SILENT, THINKS, FORKED], ids=["silent", "thinks", "forked"])
def test_a_program_may_end_while_a_model_thinks(program: str) -> None:
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=30
    )
    assert out.returncode == 0, out.stderr
