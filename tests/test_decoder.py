"""What models really answer: the corpus of tests/bad_outputs, and answers by chance."""

from __future__ import annotations

import json
import random
import re
from itertools import groupby
from typing import Any

import memgpt
import pytest
from memgpt import ToolCall, testing
from memgpt.llm import Reply

from tests.decoder_cases import decode, decoder, entries, tools

ENTRIES = entries()
# Plain JSON of any kind; floats that every writer writes alike.
LETTERS = "ab {}[]\"'\\,:/\n\t0é漢🦢<|>"


def test_the_corpus_is_large_and_its_names_are_its_own():
    names = [name for name, _ in ENTRIES]
    assert len(names) == len(set(names)) >= 120
    kinds = {kind for _, entry in ENTRIES for kind in entry["expect"].get("repairs", ())}
    assert kinds == set(re.findall(r"^- (\w+):", memgpt.Step.repairs.__doc__ or "", re.M))


@pytest.mark.parametrize("entry", [pytest.param(entry, id=name) for name, entry in ENTRIES])
def test_the_corpus(entry):
    decoded = decode(decoder(), entry)
    expect = entry["expect"]
    if "failure" in expect:
        assert decoded.tool is None and not decoded.arguments
        told = decoded.problem or "called no tool"
        assert re.search(expect["failure"], told, re.S), told
        if "repairs" in expect:
            assert [repair.kind for repair in decoded.repairs] == expect["repairs"]
        return
    assert (decoded.tool, decoded.problem) == (expect["tool"], "")
    # True is not 1, and 1 is not 1.0.
    assert json.dumps(decoded.arguments) == json.dumps(expect["arguments"])
    assert decoded.request_heartbeat == expect.get("heartbeat", False)
    assert sorted(repair.kind for repair in decoded.repairs) == sorted(expect["repairs"])
    for part in ("content", "thinking"):
        assert getattr(decoded, part) == expect.get(part, getattr(decoded, part))
    assert json.loads(decoded.tool_calls[0][2]).items() >= decoded.arguments.items()


class Given(memgpt.LLMProvider):
    """Answers with an entry, then says "ok"."""

    model = "given"
    tokenizer = "o200k_base"
    entry: dict[str, Any] | None = None

    def complete(self, context):
        assert testing.check_context(context) == []
        self.seen = context.to_request()["messages"]
        entry, self.entry = self.entry, None
        if entry is None:
            arguments = json.dumps({"message": "ok", "request_heartbeat": False})
            return Reply(tool_calls=[ToolCall("send_message", arguments)])
        calls = [ToolCall(c["name"], c["arguments"]) for c in entry.get("tool_calls", ())]
        reason = entry.get("finish_reason", "")
        return Reply(entry.get("content", ""), calls, finish_reason=reason)


def user_tools(ran: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    def set_timer(
        minutes: int,
        loud: bool = False,
        factor: float = 1.0,
        label: str = "",
        tags: list[str] = (),  # type: ignore[assignment]
        options: dict = {},  # noqa: B006
    ) -> str:
        ran.append(("set_timer", dict(minutes=minutes, options=options)))
        return "set"

    def check_stock(item: str) -> str:
        ran.append(("check_stock", {"item": item}))
        return "some"

    def check_stack(item: str) -> str:
        ran.append(("check_stack", {"item": item}))
        return "some"

    def lock_door() -> str:
        ran.append(("lock_door", {}))
        return "locked"

    def find_note(query: str, page: int | None = None) -> str:
        ran.append(("find_note", {"query": query, "page": page}))
        return "none"

    return [set_timer, check_stock, check_stack, lock_door, find_note]


FAMILIES = [
    pytest.param([entry for _, entry in group], id=stem)
    for stem, group in groupby(ENTRIES, key=lambda item: item[0].split(":")[0])
]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_agent_lives_with_it_and_takes_its_next_message(home, family):
    ran: list[tuple[str, dict[str, Any]]] = []
    llm = Given()
    agent = home.create_agent("sam", model=llm, tools=user_tools(ran), context_window=100_000)
    kinds = {}
    for entry in family:
        before, seq = len(ran), agent.steps()[-1].seq
        llm.entry, expect = entry, entry["expect"]
        reply = agent.send(entry["name"])
        assert reply.stop_reason == "end_turn", entry["name"]
        step = next(s for s in agent.steps() if s.seq > seq and s.reply)
        kinds[step.seq] = sorted(repair.kind for repair in step.repairs)
        assert all(repair.text for repair in step.repairs)
        if "failure" in expect:
            assert reply.text == "ok" and len(ran) == before
            told = [m["content"] for m in llm.seen if m["role"] in ("tool", "user")][-1]
            assert "there is no tool" in told or re.search(
                expect["failure"], json.loads(told).get("message", told), re.S
            ), told
            continue
        assert kinds[step.seq] == sorted(expect["repairs"]), entry["name"]
        if expect["tool"] == "send_message":
            assert reply.text.split("\nok")[0] == expect["arguments"]["message"] or (
                expect["arguments"]["message"].strip() == ""
            )
        elif expect["tool"] in ("set_timer", "check_stock", "lock_door", "find_note"):
            assert len(ran) == before + 1 and ran[-1][0] == expect["tool"]
        llm.entry = None
        assert agent.send("And now?").text == "ok"
    assert testing.check_agent(agent, replay=True) == []
    path = home.path
    home.close()
    with memgpt.open(path, durability="process") as again:
        steps = {step.seq: step for step in again.agent("sam").steps()}
        for seq, expected in kinds.items():
            assert sorted(repair.kind for repair in steps[seq].repairs) == expected


def some_text(rng: random.Random) -> str:
    return "".join(rng.choices(LETTERS, k=rng.randrange(12)))


def some_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(5 if depth > 4 else 7)
    if kind < 5:
        numbers = [rng.randrange(-(2**63), 2**64), rng.randrange(-9, 9), rng.random() * 1e6]
        return [some_text(rng), rng.choice(numbers), True, False, None][kind]
    if kind == 5:
        return [some_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {some_text(rng): some_value(rng, depth + 1) for _ in range(rng.randrange(4))}


def some_call(rng: random.Random) -> tuple[str, dict[str, Any]]:
    if rng.random() < 0.5:
        return "send_message", {"message": some_text(rng)}
    arguments: dict[str, Any] = {"minutes": rng.randrange(-(2**63), 2**64)}
    if rng.random() < 0.5:
        arguments["tags"] = [some_text(rng) for _ in range(rng.randrange(4))]
    if rng.random() < 0.7:
        arguments["options"] = {some_text(rng): some_value(rng) for _ in range(3)}
    return "set_timer", arguments


def write(rng: random.Random, arguments: dict[str, Any]) -> str:
    extra = {"thinking": some_text(rng), "request_heartbeat": rng.random() < 0.5}
    ascii_only, indent = rng.random() < 0.5, rng.choice([None, 2])
    return json.dumps({**arguments, **extra}, ensure_ascii=ascii_only, indent=indent)


@pytest.mark.parametrize("seed", range(10))
def test_sound_calls_come_out_as_they_are(seed):
    rng = random.Random(seed)
    sound = decoder()
    for _ in range(300):
        name, arguments = some_call(rng)
        text = write(rng, arguments)
        content = rng.choice(["", "I act.", "a < b", "[1]"])
        decoded = sound.decode(content, "hm", [("id-1", name, text)], "")
        assert (decoded.tool, decoded.problem, decoded.repairs) == (name, "", [])
        assert decoded.arguments == arguments
        assert decoded.request_heartbeat == json.loads(text)["request_heartbeat"]
        assert decoded.tool_calls == [("id-1", name, text)]
        assert (decoded.content, decoded.thinking) == (content, "hm")


@pytest.mark.parametrize("depth", [5, 29, 30, 31, 32, 33, 200])
def test_deep_values(depth):
    options: Any = 1
    for _ in range(depth):
        options = {"a": options}
    text = json.dumps({"minutes": 1, "options": {"b": options}})
    decoded = decoder().decode("", "", [("", "set_timer", text)], "")
    if depth <= 29:
        assert decoded.arguments["options"] == {"b": options} and not decoded.repairs
    elif depth > 32:
        assert decoded.tool is None and "not valid JSON" in decoded.problem


def damaged(rng: random.Random, text: str) -> str:
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:at]
        elif kind == 1:
            text = text[:at] + text[at + rng.randint(1, 4) :]
        elif kind == 2:
            text = (
                text[:at]
                + rng.choice(["{", "}", '"', "'", ",", ":", "\\", "]", "x", "\n"])
                + (text[at:])
            )
        elif kind == 3:
            text = text.replace('"', "'")
        else:
            text = rng.choice(["Sure: ", "```json\n", "<tool_call>", "{"]) + text
        text = text or "{"
    return text


@pytest.mark.parametrize("seed", range(10))
def test_damage_never_crashes_and_gives_no_value_that_was_not_there(seed):
    rng = random.Random(seed)
    mending = decoder()
    mended = 0
    for _ in range(400):
        words = [f"goose{rng.randrange(10**6)}" for _ in range(3)]
        number = rng.randrange(10**9)
        name, arguments = rng.choice(
            [
                ("send_message", {"message": " ".join(words)}),
                ("set_timer", {"minutes": number, "label": words[0], "tags": words[1:]}),
            ]
        )
        text = damaged(rng, json.dumps(arguments))
        if rng.random() < 0.3:
            whole = damaged(rng, json.dumps({"name": name, "arguments": arguments}))
            decoded = mending.decode(whole, "", [], "")
            text = whole
        else:
            decoded = mending.decode("", "", [("", name, text)], "")
        if decoded.tool is None:
            assert decoded.problem
            continue
        mended += bool(decoded.repairs)
        for value in decoded.arguments.values():
            for part in value if isinstance(value, list) else [value]:
                written = part if isinstance(part, str) else json.dumps(part)
                plain = text.replace("\\", "").split()
                assert set(written.replace("\\", "").split()) <= set(plain) or all(
                    word in text.replace("\\", "") for word in written.replace("\\", "").split()
                ), (text, part)
    assert mended > 20


HUGE = 300_000


@pytest.mark.parametrize(
    "text",
    [
        "{" * HUGE, "[" * HUGE, '{"a":' * HUGE, "<think></think>" * HUGE, "[THINK][/THINK]" * HUGE,
        "</s>" * HUGE, "<tool_call>" * HUGE, "<tool_call>{}" * HUGE, "```" * HUGE, "{}" * HUGE,
        '<tool_call>{"name": "lock_door"}' * HUGE, '{"name": "lock_door"}' * HUGE, '"' * HUGE,
        "{" + ", ".join(f'"a{i}": 1' for i in range(HUGE // 10)) + "}", "\\" * HUGE, "//\n" * HUGE,
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_long_nonsense_is_read_once(text):
    """Seconds, and not hours."""
    mending = decoder()
    mending.decode(text, "", [], "")
    mending.decode("", "", [("", "set_timer", text)], "")
    mending.decode("", "", [("", text, "{}")], "")


def test_a_purge_finds_what_was_repaired(home):
    llm = Given()
    agent = home.create_agent("sam", model=llm)
    secret = "it's card 4111"
    llm.entry = {"content": f"The number: {secret}"}
    assert agent.send("one").text.endswith(secret)
    llm.entry = {
        "tool_calls": [
            {"name": "SendMessage", "arguments": "{'message': 'it\\'s card 4111', 'thinking': 'x'}"}
        ]
    }
    assert agent.send("two").text == secret
    purged = home.purge(text=secret)
    assert purged.replies == 2
    for step in agent.steps():
        assert "4111" not in step.reply
        json.loads(step.reply or "{}")
    kinds = [[repair.kind for repair in step.repairs] for step in agent.steps() if step.reply]
    assert kinds == [["plain_text"], ["tool_name", "quotes", "escape"]]
    report = agent.replay()
    assert report.first_divergence is None


def test_replay_does_not_depend_on_the_decoder(home):
    """It reads what was decoded then, and for older steps what was said."""
    llm = Given()
    agent = home.create_agent("sam", model=llm)
    llm.entry = {"content": "Hello."}
    agent.send("one")
    (step,) = (step for step in agent.steps() if step.reply)
    recorded = json.loads(step.reply)
    assert recorded["content"] == "Hello." and recorded["tool_calls"] == []
    (call,) = recorded["decoded"]["tool_calls"]
    assert (call["name"], call["arguments"]) == ("send_message", '{"message":"Hello."}')
    assert recorded["repairs"] == [{"kind": "plain_text", "text": "became send_message"}]
    assert agent.replay().first_divergence is None


def test_the_tools_of_the_corpus_are_those_of_the_agent(home):
    agent = home.create_agent("sam", model=Given(), tools=user_tools([]))
    shown = {tool["name"]: tool for tool in agent.config["tools"]}
    for tool in tools():
        schema = shown[tool["name"]]["parameters"]
        schema = json.loads(schema) if isinstance(schema, str) else schema
        assert set(schema["properties"]) == set(tool["parameters"]["properties"])
        assert schema.get("required", []) == tool["parameters"]["required"]
