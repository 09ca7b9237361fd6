"""Streams: what is seen of a turn while it is under way, over a real server and without one."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import memgpt
import pytest
from memgpt.testing import Answer, FakeOpenAI, ScriptedLLM, Stream

SAYS = {"tool": "send_message", "args": {"message": 'Ciao, "Chad" 🦆\nHow are you?'}}
NOTES = {
    "tool": "core_memory_append",
    "args": {"name": "human", "content": "Name: Chad"},
    "heartbeat": True,
    "thinking": "A name.",
}


def model_at(server: FakeOpenAI, **more: Any) -> memgpt.OpenAICompatible:
    return memgpt.OpenAICompatible("gpt-4.1", base_url=server.url, max_retries=0, **more)


def texts(events: list[memgpt.Event], type: str) -> str:
    return "".join(event.text for event in events if event.type == type)


def test_the_events_of_a_turn(home: memgpt.Home) -> None:
    with FakeOpenAI([NOTES, SAYS], stream=Stream(piece=3)) as server:
        agent = home.create_agent("sam", model=model_at(server))
        events = list(agent.stream("My name is Chad"))
        assert server.requests[0]["stream"] is True
        assert server.requests[0]["stream_options"] == {"include_usage": True}
    assert texts(events, "text") == SAYS["args"]["message"]
    assert texts(events, "reasoning") == "A name."
    assert sum(event.type == "text" for event in events) > 3
    assert [event.step for event in events if event.type == "step"] == [1, 2]
    assert {event.tool for event in events if event.type == "tool_call"} == {
        "core_memory_append",
        "send_message",
    }
    done = events[-1]
    assert done.type == "done" and done.durable and done.response is not None
    assert done.response.text == SAYS["args"]["message"] and done.response.steps == 2
    assert done.response.usage.prompt_tokens > 0
    messages = [event.message for event in events if event.type == "message"]
    assert messages == done.response.messages
    # A message of a step comes behind its pieces, and what comes behind it is of the next step.
    types = [event.type for event in events]
    assert types.index("message") > types.index("tool_call")
    assert types.index("text") > types.index("message")
    assert "Name: Chad" in agent.memory["human"].value


def test_a_streamed_turn_leaves_the_same_as_one_that_is_not(home: memgpt.Home) -> None:
    kept = []
    for name, streamed in (("a", True), ("b", False)):
        with FakeOpenAI([NOTES, SAYS], usage=(900, 20)) as server:
            agent = home.create_agent(name, model=model_at(server))
            if streamed:
                list(agent.stream("My name is Chad"))
            else:
                agent.send("My name is Chad")
        steps = [(s.kind, s.digest, s.prompt_tokens, s.completion_tokens) for s in agent.steps()]
        kept.append((steps[2:3], [m.text for m in agent.window], agent.memory["human"].value))
    assert kept[0][1:] == kept[1][1:]


@pytest.mark.parametrize("write", [1, 7])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_pieces_of_any_kind(home: memgpt.Home, write: int, line_end: str) -> None:
    """Split inside of characters and of line ends, with comments and events between."""
    how = Stream(
        SAYS, piece=2, write=write, line_end=line_end, pings=True, named=True, multiline=True
    )
    with FakeOpenAI([how]) as server:
        agent = home.create_agent("sam", model=model_at(server))
        events = list(agent.stream("Hi"))
    assert texts(events, "text") == SAYS["args"]["message"]


BROKEN: list[tuple[dict[str, Any], type[memgpt.Error], str]] = [
    ({"then": "end"}, memgpt.ProviderUnreachable, "middle of an answer"),
    ({"then": "close"}, memgpt.ProviderUnreachable, "send again"),
    ({"then": "reset"}, memgpt.ProviderUnreachable, "send again"),
    ({"then": "stall", "stall_s": 9.0}, memgpt.ProviderTimeout, "0.2 s"),
    ({"then": "error"}, memgpt.ProviderError, "error"),
]


@pytest.mark.parametrize(("how", "kind", "text"), BROKEN)
def test_a_stream_that_breaks_off_is_a_failed_step(
    home: memgpt.Home, how: dict[str, Any], kind: type[memgpt.Error], text: str
) -> None:
    with FakeOpenAI([Stream(SAYS, piece=2, **how), SAYS]) as server:
        agent = home.create_agent("sam", model=model_at(server, read_timeout_s=0.2))
        seen: list[memgpt.Event] = []
        with pytest.raises(kind, match=text):
            for event in agent.stream("Hello?"):
                seen.append(event)
        assert texts(seen, "tool_call") and not any(event.durable for event in seen)
        assert [m.role for m in agent.window] == ["user"]
        assert agent.send("Are you there?").text == SAYS["args"]["message"]


def test_a_stream_that_never_ends(home: memgpt.Home) -> None:
    with FakeOpenAI([Stream(SAYS, then="endless"), SAYS]) as server:
        agent = home.create_agent("sam", model=model_at(server, timeout_s=0.5))
        with pytest.raises(memgpt.ProviderError):
            list(agent.stream("Hello?"))
        assert agent.send("Are you there?").text


def test_a_server_that_does_not_stream(home: memgpt.Home) -> None:
    """One that answers as if no stream had been asked for is understood, too."""
    from memgpt.testing import FakeOpenAI as Fake

    with Fake([SAYS]) as inner:
        agent = home.create_agent("sam", model=model_at(inner))
        agent.send("x")
    import json

    whole = {
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "c",
                            "type": "function",
                            "function": {
                                "name": "send_message",
                                "arguments": '{"message": "Hi", "request_heartbeat": false}',
                            },
                        }
                    ],
                },
            }
        ]
    }
    with FakeOpenAI([Answer(body=json.dumps(whole).encode())]) as server:
        agent = home.create_agent("plain", model=model_at(server))
        assert list(agent.stream("Hi"))[-1].response.text == "Hi"  # type: ignore[union-attr]
    with FakeOpenAI([Answer(body=b"<html>Welcome</html>", content_type="text/html")]) as server:
        agent = home.create_agent("html", model=model_at(server))
        with pytest.raises(memgpt.InvalidReply, match="Welcome"):
            list(agent.stream("Hi"))


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_a_refused_stream_is_a_typed_error(home: memgpt.Home, status: int) -> None:
    with FakeOpenAI([Answer(status, b'{"error": {"message": "no"}}'), SAYS]) as server:
        agent = home.create_agent("sam", model=model_at(server))
        with pytest.raises(memgpt.ProviderError, match=f"{status}: no"):
            list(agent.stream("Hi"))
        assert agent.send("Again").text


def test_leaving_the_stream_ends_the_turn(home: memgpt.Home) -> None:
    with FakeOpenAI([Stream(SAYS, piece=1, pause_s=0.05), SAYS]) as server:
        agent = home.create_agent("sam", model=model_at(server))
        began = time.monotonic()
        for event in agent.stream("Hello?"):
            if event.type == "text":
                break
        assert time.monotonic() - began < 3
        assert [m.role for m in agent.window] == ["user"]
        assert agent.send("Are you there?").text == SAYS["args"]["message"]


def test_a_stream_that_nobody_iterates_does_nothing(home: memgpt.Home) -> None:
    agent = home.create_agent("sam")
    agent.stream("Hello?")
    assert not agent.window
    with pytest.raises(memgpt.InvalidInput):
        next(agent.stream(" "))


def test_async_streams_side_by_side(home: memgpt.Home) -> None:
    async def collect(agent: memgpt.Agent) -> list[memgpt.Event]:
        return [event async for event in agent.stream_async("Hi")]

    async def main(agents: list[memgpt.Agent]) -> list[list[memgpt.Event]]:
        return await asyncio.gather(*(collect(agent) for agent in agents))

    with FakeOpenAI(lambda request: Stream(SAYS, piece=4, pause_s=0.001)) as server:
        agents = [home.create_agent(f"a{i}", model=model_at(server)) for i in range(8)]
        for events in asyncio.run(main(agents)):
            assert texts(events, "text") == SAYS["args"]["message"]


def test_leaving_an_async_stream_ends_the_turn(home: memgpt.Home) -> None:
    async def main(agent: memgpt.Agent) -> None:
        events = agent.stream_async("Hello?")
        async for event in events:
            if event.type == "text":
                break
        await events.aclose()  # type: ignore[attr-defined]

    with FakeOpenAI([Stream(SAYS, piece=1, pause_s=0.05), SAYS]) as server:
        agent = home.create_agent("sam", model=model_at(server))
        asyncio.run(main(agent))
        assert agent.send("Are you there?").text == SAYS["args"]["message"]


class Streaming(memgpt.LLMProvider):
    """Streams what it is given, in pieces."""

    model, tokenizer = "streaming", "o200k_base"

    def __init__(self, reply: memgpt.Reply, deltas: list[memgpt.Delta]) -> None:
        self.reply, self.deltas = reply, deltas
        self.sink: Any = None

    def complete(self, context: Any, on_delta: Any = None) -> memgpt.Reply:
        if on_delta is not None:
            self.sink = on_delta
            for delta in self.deltas:
                on_delta(delta)
        return self.reply


def test_a_provider_in_python_streams(home: memgpt.Home) -> None:
    arguments = '{"thinking": "h\\u00e9\\ud83e\\udd86", "n": {"message": "no"}, "message": "a\\"b"}'
    deltas = [memgpt.Delta("thinking", "First ")]
    deltas += [
        memgpt.Delta("tool_call", arguments[i : i + 4], name="send_message")
        for i in range(0, len(arguments), 4)
    ]
    deltas.append(memgpt.Delta("tool_call", '{"message": "second"}', index=1, name="send_message"))
    reply = memgpt.Reply(
        thinking="First ",
        tool_calls=[memgpt.ToolCall("send_message", '{"message": "a\\"b"}', "c1")],
    )
    model = Streaming(reply, deltas)
    agent = home.create_agent("sam", model=model)
    events = list(agent.stream("Hi"))
    assert texts(events, "reasoning") == "First hé🦆"
    assert texts(events, "text") == 'a"b'
    model.sink(memgpt.Delta("content", "late"))  # kept, and dropped
    assert agent.send("Hi").text == 'a"b'


def test_thoughts_among_the_text_are_thoughts(home: memgpt.Home) -> None:
    text = "\n<think>Who is <b>this</b>?</thi nk></think>Hello <think>"
    deltas = [memgpt.Delta("content", character) for character in text]
    model = Streaming(memgpt.Reply(content=text), deltas)
    agent = home.create_agent("sam", model=model, include_base_tools=False)
    events = []
    for event in agent.stream("Hi"):
        events.append(event)
    assert texts(events, "reasoning") == "Who is <b>this</b>?</thi nk>"
    assert texts(events, "text") == "Hello <think>"


def test_a_step_that_is_made_again_is_said_to_be_void(home: memgpt.Home) -> None:
    calls = 0

    class Full(memgpt.LLMProvider):
        model, tokenizer = "full", "o200k_base"

        def complete(self, context: Any, on_delta: Any = None) -> Any:
            nonlocal calls
            calls += 1
            if on_delta:
                on_delta(memgpt.Delta("content", f"try {calls}"))
            if calls == 12:
                raise memgpt.ContextOverflow("too long")
            return {"tool_calls": [{"function": {"name": "send_message", "arguments": SPEAKS}}]}

    SPEAKS = '{"message": "ok", "request_heartbeat": false}'
    agent = home.create_agent("sam", model=Full(), context_window=4096)
    for _ in range(11):
        agent.send("Some words that fill the window. " * 8)
    events = list(agent.stream("And now?"))
    types = [event.type for event in events]
    assert types[:5] == ["step", "content", "discard", "step", "content"]
    assert types[-1] == "done"


def test_what_the_events_callback_does_not_see(home: memgpt.Home) -> None:
    """A tool's own sends are not events of the turn that it is part of."""

    @memgpt.tool(effects="none")
    def ask(question: str, agent: memgpt.Agent) -> str:
        """Ask the other one."""
        return "".join(event.text for event in other.stream(question) if event.type == "text")

    other = home.create_agent("other", model=ScriptedLLM([SAYS, SAYS]))
    script = [
        {"tool": "ask", "args": {"question": "Who?"}, "heartbeat": True},
        {"tool": "send_message", "args": {"message": "done"}},
    ]
    agent = home.create_agent("sam", model=ScriptedLLM(script), tools=[ask])
    threads = threading.active_count()
    events = list(agent.stream("Ask"))
    assert [e.message.text for e in events if e.message is not None][-2] == "done"
    assert threading.active_count() <= threads + 2


@pytest.mark.parametrize(
    "reply",
    [
        "plain text",
        {"tool": "send_message", "args": {"message": "plain text"}},
        memgpt.Reply(tool_calls=[memgpt.ToolCall("sendMessage", '{"message": "plain text"}')]),
    ],
)
def test_what_is_said_is_seen_however_it_came(home: memgpt.Home, reply: Any) -> None:
    """Of a provider that does not stream, too, and of a reply that was mended."""
    agent = home.create_agent("sam", model=ScriptedLLM([reply]))
    assert "".join(str(event) for event in agent.stream("Hi")) == "plain text"


def test_a_tool_cannot_stream_its_own_agent(home: memgpt.Home) -> None:
    @memgpt.tool(effects="none")
    def again() -> str:
        """Send to oneself."""
        with pytest.raises(memgpt.Reentrant):
            list(home.agent("sam").stream("inside"))
        return "refused"

    script = [
        {"tool": "again", "heartbeat": True},
        {"tool": "send_message", "args": {"message": "done"}},
    ]
    agent = home.create_agent("sam", model=ScriptedLLM(script), tools=[again])
    assert agent.send("Try").text == "done"
