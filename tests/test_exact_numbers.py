"""Numbers in a call's arguments: a tool gets what json.loads() reads, or the call is refused."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import memgpt
import pytest
from memgpt import _core
from memgpt.testing import Answer, FakeOpenAI, check_agent

from tests.answers import says

WIDE = '{"data": {"wei": 1234567890123456789012, "rate": 912068.5437784989, "n": [-0, 5.0]}}'
# What readers that are not exact get wrong, and what has more than 64 bits.
TEXTS = [
    "912068.5437784989", "0.1", "1e22", "5e-324", "1.7976931348623157e308", "9007199254740993",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
    "123456789012345678901234567890", "9007199254740993.0", "2.2250738585072011e-308", "-0.0",
]  # fmt: skip


def call(arguments: str, name: str = "keep") -> bytes:
    """An answer in which the arguments are an object, as Ollama's are."""
    function = f'{{"name": "{name}", "arguments": {arguments}}}'
    calls = f'[{{"function": {function}}}]'
    return f'{{"role": "assistant", "content": "", "tool_calls": {calls}}}'.encode()


def ollama(arguments: str) -> Answer:
    body = b'{"model": "m", "message": ' + call(arguments) + b', "done": true}\n'
    return Answer(body=body, content_type="application/x-ndjson")


def openai(arguments: str) -> Answer:
    return Answer(body=b'{"choices": [{"index": 0, "message": ' + call(arguments) + b"}]}")


def chunk(arguments: str) -> Answer:
    body = (
        b'data: {"choices": [{"index": 0, "delta": ' + call(arguments) + b"}]}\n\ndata: [DONE]\n\n"
    )
    return Answer(body=body, content_type="text/event-stream")


def run(home: memgpt.Home, arguments: str, like: str, streamed: bool, **tool: Any) -> Any:
    """What the tool got of its argument."""
    got: list[Any] = []

    def keep(data: dict) -> str:
        got.append(data)
        return "kept"

    made = {"ollama": ollama, "openai": chunk if streamed else openai}[like](arguments)
    with FakeOpenAI([made, says("ok"), says("ok")], like=like) as server:
        url = server.root if like == "ollama" else server.url
        model = memgpt.OpenAICompatible(
            "m", base_url=url, service=like, structure="tools", context_window=60_000
        )
        agent = home.create_agent("sam", model=model, tools=[keep])
        list(agent.stream("Hi")) if streamed else agent.send("Hi")
        sent = server.requests[-1]["messages"]
    assert check_agent(agent, replay=True) == []
    return got, sent


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("like", ["ollama", "openai"])
@pytest.mark.parametrize(
    "data", [json.loads(WIDE)["data"], {"x": [1.5, {"y": None}], "s": "1e5 }"}]
)
def test_arguments_that_are_an_object_stay_what_they_are(
    home: memgpt.Home, like: str, streamed: bool, data: Any
) -> None:
    text = json.dumps({"data": data, "request_heartbeat": True})
    (got,), sent = run(home, text, like, streamed)
    assert json.dumps(got) == json.dumps(data)
    arguments = next(m for m in sent if m.get("tool_calls"))["tool_calls"][0]["function"][
        "arguments"
    ]
    arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    assert arguments["data"] == data


def test_many_floats_over_ollama(home: memgpt.Home) -> None:
    rng = random.Random(1)
    data = {"xs": [rng.uniform(-1e6, 1e6) for _ in range(2000)]}
    (got,), _ = run(home, json.dumps({"data": data}), "ollama", False)
    assert got == data


def decode(schema: dict[str, Any], arguments: str) -> _core.DecodedReply:
    parameters = {"type": "object", "properties": {"x": schema}, "required": ["x"]}
    decoder = _core.ReplyDecoder([("keep", json.dumps(parameters))])
    return decoder.decode("", "", [("", "keep", arguments)], "")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("mended", [False, True])
def test_numbers_are_those_that_python_reads(text: str, mended: bool) -> None:
    for schema in ({}, {"type": "number"}, {"type": "array"}, {"type": "object"}):
        value = {"array": f"[{text}, 1]", "object": f'{{"a": {{"b": {text}}}}}'}.get(
            schema.get("type", ""), text
        )
        arguments = (
            f'{{"thinking": "12345678901234567890", "x": {value}'
            + ",}" * mended
            + "}" * (not mended)
        )
        read = decode(schema, arguments)
        expected = json.loads(value)
        assert (read.tool, bool(read.repairs)) == ("keep", mended), read.problem
        # -0 is 0 in both; 5.0 is not 5.
        assert json.dumps(read.arguments) == json.dumps({"x": expected})


@pytest.mark.parametrize(
    "text", ["9007199254740993.0", "9007199254740992.0", "1e300", "1.5", "123456789012345678901"]
)
def test_an_integer_that_is_not_exact_is_refused(text: str) -> None:
    read = decode({"type": "integer"}, f'{{"x": {text}}}')
    assert read.tool is None and "must be of type" in read.problem
    assert json.dumps(decode({"type": "integer"}, '{"x": 9007199254740991.0}').arguments) == (
        '{"x": 9007199254740991}'
    )


@pytest.mark.parametrize("text", ["1e999", "-" + "9" * 400, "9" * 5000])
def test_what_no_double_holds_is_refused(text: str) -> None:
    read = decode({}, f'{{"x": {text}}}')
    assert read.tool is None and "too large" in read.problem


def test_a_number_that_the_schema_allows_is_the_one_that_is_given() -> None:
    read = decode({"enum": [912068.5437784989, 0.1]}, '{"x": 912068.5437784989}')
    assert read.arguments == {"x": 912068.5437784989}


def test_exactness_costs_nothing_where_it_is_not_needed() -> None:
    """Only what has such a number is read a second time."""
    usual, wide = (f'{{"x": {{"a": {n}, "b": [{"1.5, " * 200}2]}}}}' for n in ("5", "9" * 20))
    times = []
    for text in (usual, wide):
        begin = time.perf_counter()
        for _ in range(200):
            assert decode({}, text).arguments["x"]["b"][0] == 1.5
        times.append(time.perf_counter() - begin)
    assert times[1] < times[0] * 20
