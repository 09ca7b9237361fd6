"""What was streamed and is not what was said, and streams that are not as they should be."""

from __future__ import annotations

import json
import os
from typing import Any

import memgpt
import pytest
from memgpt.testing import Answer, FakeOpenAI, Stream, check_agent

from tests.answers import says


def call(arguments: str, name: str = "send_message") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {
        "role": "assistant",
        "tool_calls": [{"id": "c", "type": "function", "function": function}],
    }


def completion(message: dict[str, Any], reason: str = "tool_calls") -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}


def model_at(server: FakeOpenAI, **more: Any) -> memgpt.OpenAICompatible:
    more = {"max_retries": 0, "context_window": 16_000, **more}
    return memgpt.OpenAICompatible("m", base_url=server.url, **more)


def left(events: list[memgpt.Event]) -> str:
    """What a reader has before them who takes back what is void."""
    shown: list[memgpt.Event] = []
    for event in events:
        if event.type == "discard":
            shown = [other for other in shown if other.step != event.step]
        shown.append(event)
    return "".join(map(str, shown))


@pytest.mark.parametrize(
    ("given", "discards"),
    [
        (completion(call('{"message": "Your code is 4417 and I'), "length"), True),
        (completion(call('{"message": "half'), "content_filter"), True),
        (completion(call('{"message": "a" "b"}')), True),
        (completion(call('{"message": "a", "message": "b"}')), True),
        (completion(call('{"message": "a", "mood": "glad"}')), True),
        (completion(call("{'message': 'it\\'s mended'}")), False),
        (completion(call('{"message": "whole"}')), False),
        (completion({"role": "assistant", "content": "said plainly"}, "stop"), False),
    ],
)
def test_what_was_not_said_is_taken_back(home: memgpt.Home, given: Any, discards: bool) -> None:
    with FakeOpenAI([given, *[says("ok")] * 3], stream=Stream(piece=4)) as server:
        agent = home.create_agent("sam", model=model_at(server))
        events = list(agent.stream("Hi"))
    assert ("discard" in [event.type for event in events]) == discards
    assert events[-1].response is not None
    assert left(events) == events[-1].response.text
    assert check_agent(agent, replay=True) == []


def test_plain_speech_beside_a_call_was_not_said(home: memgpt.Home) -> None:
    """Of an agent that speaks without a tool."""

    def look() -> str:
        return "seen"

    both = completion({**call('{"request_heartbeat": true}', "look"), "content": "I look."})
    said = completion({"role": "assistant", "content": "<think>hm</think>\n\nSeen. "}, "stop")
    with FakeOpenAI([both, said], stream=Stream(piece=3)) as server:
        agent = home.create_agent(
            "sam", model=model_at(server), tools=[look], include_base_tools=False
        )
        events = list(agent.stream("Hi"))
    kinds = [event.type for event in events]
    assert kinds.count("discard") == 1 and left(events).strip() == "Seen."
    assert kinds.index("discard") < kinds.index("message")


def chunks(*deltas: dict[str, Any], end: bytes = b"data: [DONE]\n\n") -> Answer:
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + end
    return Answer(body=body, content_type="text/event-stream")


def piece(index: int, arguments: str, **more: Any) -> dict[str, Any]:
    function = {"arguments": arguments, **more}
    return {"tool_calls": [{"index": index, "id": f"c{index}", "function": function}]}


def test_calls_that_are_numbered_from_1(home: memgpt.Home) -> None:
    first = piece(1, '{"message": "h', name="send_message")
    second = piece(2, "{}", name="lock")
    with FakeOpenAI([chunks(first, piece(1, 'i"}'), second), says("ok")]) as server:
        agent = home.create_agent("sam", model=model_at(server))
        events = list(agent.stream("Hi"))
        sent = server.requests[-1]["messages"]
    assert left(events) == "hiok"
    (reply,) = (m for m in sent if m.get("tool_calls"))
    assert [c["function"]["name"] for c in reply["tool_calls"]] == ["send_message", "lock"]


def test_a_call_that_begins_behind_a_later_one(home: memgpt.Home) -> None:
    """Which one is the first, and run, was shown already."""
    late = chunks(piece(5, '{"message": "h', name="send_message"), piece(0, "{}", name="lock"))
    with FakeOpenAI([late, says("ok")]) as server:
        agent = home.create_agent("sam", model=model_at(server))
        with pytest.raises(memgpt.InvalidReply, match="behind a later one"):
            list(agent.stream("Hi"))
        assert left(list(agent.stream("Again"))) == "ok"


@pytest.mark.parametrize("like", ["openai", "ollama"])
def test_a_piece_that_cannot_be_read_is_shown(home: memgpt.Home, like: str) -> None:
    if like == "openai":
        given = chunks({"content": "a"}, end=b"data: {oops, sk-Ab+cd/EF==01\n\n")
    else:
        line = {"message": {"role": "assistant", "content": "a"}, "done": False}
        given = Answer(body=json.dumps(line).encode() + b"\n{oops, sk-Ab+cd/EF==01\n")
    with FakeOpenAI([given, says("ok")], like=like) as server:
        url = server.root if like == "ollama" else server.url
        model = memgpt.OpenAICompatible(
            "m", base_url=url, service=like, context_window=8000, api_key="sk-Ab+cd/EF==01"
        )
        agent = home.create_agent("sam", model=model)
        with pytest.raises(
            memgpt.InvalidReply, match=r"stream cannot be read.*{oops, .*send again"
        ) as raised:
            list(agent.stream("Hi"))
        assert "sk-Ab" not in str(raised.value) and "base_url" not in str(raised.value)
        assert left(list(agent.stream("Again"))) == "ok"


def test_the_first_piece_may_mean_another_address(home: memgpt.Home) -> None:
    with FakeOpenAI([chunks(end=b"data: <html>\n\n")]) as server:
        agent = home.create_agent("sam", model=model_at(server))
        with pytest.raises(memgpt.InvalidReply, match=r'It sent "<html>".*check that base_url'):
            list(agent.stream("Hi"))


def test_a_forked_child_cannot_go_on_with_a_stream(home: memgpt.Home) -> None:
    with FakeOpenAI(lambda request: says("one two"), stream=Stream(piece=1)) as server:
        agent = home.create_agent("sam", model=model_at(server))
        events = agent.stream("Hi")
        seen = [next(events), next(events)]
        child = os.fork()
        if child == 0:
            try:
                next(events)
            except memgpt.StoreError as error:
                os._exit(0 if "fork" in str(error) else 2)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert left([*seen, *events]) == "one two"
