"""memgpt.testing: each fault does what its name says, the same seed gives the same run, and the
checks find what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt import errors
from memgpt.testing import (
    EMBEDDER_FAULTS,
    FAULTS,
    POLICY_FAULTS,
    TOOL_FAULTS,
    ChaosLLM,
    ScriptedLLM,
    chaotic,
    check_agent,
    check_context,
    check_request,
)

HELLO = {"tool": "send_message", "args": {"message": "hello"}}
ARGUMENTS = {"thinking", "message", "request_heartbeat"}


def hello(context: memgpt.Context) -> dict:
    return HELLO


@pytest.fixture
def context(kit: Any) -> memgpt.Context:
    agent = kit.agent(hello)
    agent.send("hi")
    return agent.context()


def answers(context: memgpt.Context, fault: str, calls: int = 40, **options: Any) -> list[Any]:
    llm = ChaosLLM(hello, rate=1, faults=[fault], huge_chars=5000, **options)
    replies = [llm.complete(context) for _ in range(calls)]
    assert [event.fault for event in llm.log] == [fault] * calls == [fault] * llm.calls
    assert llm.last_context is context
    return replies


def of_calls(replies: list[Any]) -> list[memgpt.ToolCall]:
    assert all(len(reply.tool_calls) == 1 for reply in replies)
    return [reply.tool_calls[0] for reply in replies]


def test_truncated_arguments(context):
    whole = json.dumps({"thinking": "", "message": "hello", "request_heartbeat": False})
    texts = [call.arguments for call in of_calls(answers(context, "truncated_arguments"))]
    assert all(whole.startswith(text) and text != whole for text in texts) and len(set(texts)) > 5


def test_no_object(context):
    for call in of_calls(answers(context, "no_object")):
        assert not isinstance(json.loads(call.arguments), dict)


def test_wrong_names(context):
    for call in of_calls(answers(context, "wrong_names")):
        assert not ARGUMENTS & set(json.loads(call.arguments))


def test_wrong_types(context):
    for call in of_calls(answers(context, "wrong_types")):
        arguments = json.loads(call.arguments)
        assert set(arguments) == ARGUMENTS and not isinstance(arguments["message"], str)


def test_unknown_tool(context):
    names = {call.name for call in of_calls(answers(context, "unknown_tool"))}
    assert len(names) > 2 and "send_message" not in names


def test_two_calls(context):
    counts = {len(reply.tool_calls) for reply in answers(context, "two_calls")}
    assert counts == {2, 3}


def test_duplicate_ids(context):
    earlier = check_ids(context)
    seen = set()
    for reply in answers(context, "duplicate_ids"):
        ids = [call.id for call in reply.tool_calls]
        assert len(set(ids)) == 1
        seen.add(ids[0])
    assert seen & earlier and "" in seen


def check_ids(context: memgpt.Context) -> set[str]:
    messages = context.to_request()["messages"]
    return {call["id"] for message in messages for call in message.get("tool_calls") or ()}


def test_no_call_and_empty(context):
    assert all(reply.content and not reply.tool_calls for reply in answers(context, "no_call"))
    for reply in answers(context, "empty"):
        assert not str(getattr(reply, "content", "") or "").strip()
        assert not getattr(reply, "tool_calls", ())


def test_garbage_is_taken_by_a_reply(context):
    texts = "".join(f"{r.content}{[c.arguments for c in r.tool_calls]}" for r in
                    answers(context, "garbage"))  # fmt: skip
    assert "\ud800" in texts and "\0" in texts


def test_huge(context):
    for reply in answers(context, "huge"):
        size = len(reply.content) + sum(len(call.arguments) for call in reply.tool_calls)
        assert 5000 <= size < 20_000


def test_false_usage(context):
    figures = [reply.prompt_tokens for reply in answers(context, "false_usage")]
    assert {type(figure).__name__ for figure in figures} >= {"int", "str", "bool", "float"}
    assert 10**30 in figures and -5 in figures


def test_hang_waits_and_then_answers(context):
    begin = time.monotonic()
    assert of_calls(answers(context, "hang", calls=2, hang_s=0.1))[0].name == "send_message"
    assert 0.2 <= time.monotonic() - begin < 5


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("overflow", errors.ContextOverflow),
        ("rate_limited", errors.RateLimited),
        ("down", errors.ProviderUnreachable),
        ("timeout", errors.ProviderTimeout),
        ("invalid_reply", errors.InvalidReply),
        ("no_reply", TypeError),
        ("exception", Exception),
    ],
)
def test_what_is_raised_comes_out_and_asks_nobody(kit, fault, error):
    script = ScriptedLLM([HELLO] * 3)
    llm = ChaosLLM(script, rate=1, faults=[fault])
    agent = kit.home.create_agent("sam", model=llm)
    kinds = set()
    for seed in range(12):
        llm._dice.seed = seed
        with pytest.raises(error) as caught:
            agent.send("hi")
        kinds.add(caught.type.__name__)
        script.calls = 0 if fault == "no_reply" else script.calls
        assert script.calls == 0 and check_agent(agent) == []
    assert len(kinds) > (4 if fault == "exception" else 0)
    llm.rate = 0
    assert agent.send("hi").text == "hello"


def test_every_fault_is_tested_and_documented():
    tested = {name for name in FAULTS if f'"{name}"' in Path(__file__).read_text()}
    assert tested == set(FAULTS) and all(FAULTS.values())


def test_the_same_seed_gives_the_same_run(kit):
    def play(name: str, seed: int) -> tuple[list[Any], list[Any]]:
        llm = ChaosLLM(hello, seed=seed, rate=0.5, hang_s=0, huge_chars=2000)
        agent = kit.home.create_agent(name, model=llm)
        for number in range(30):
            with contextlib.suppress(Exception):
                agent.send(f"message {number}")
        return llm.log, [(m.role, m.text, m.content) for m in agent.recall.messages(0, 1000)]

    assert play("a", 1) == play("b", 1)
    assert play("c", 2)[0] != play("d", 1)[0]


def test_rate_and_weights(context):
    llm = ChaosLLM(hello, rate=0.25, faults={"empty": 9, "no_call": 1})
    for _ in range(400):
        llm.complete(context)
    names = [event.fault for event in llm.log]
    assert 60 < 400 - names.count("") < 140 and names.count("empty") > 4 * names.count("no_call")
    assert all(event.call == number for number, event in enumerate(llm.log, start=1))


def test_it_wraps_handles_classes_and_scripts(kit):
    class Model(memgpt.LLMProvider):
        context_window = 5000

        async def complete(self, context: memgpt.Context) -> str:
            return "so"

    assert ChaosLLM(Model).context_window == 5000
    for name, inner in [("a", Model), ("b", Model()), ("c", "offline"), ("d", [HELLO] * 9)]:
        agent = kit.home.create_agent(name, model=ChaosLLM(inner, rate=0))
        agent.send("hi")
        assert agent.config["model"] == "chaos"


@pytest.mark.parametrize(
    "options", [{"faults": ["nope"]}, {"rate": 1.5}, {"rate": True}, {"faults": {"empty": 0}}]
)
def test_what_cannot_work_is_refused(options):
    with pytest.raises(errors.ConfigError):
        ChaosLLM([], **options)
    with pytest.raises(errors.ConfigError):
        chaotic(memgpt.RecursiveSummary(), **options)


def test_ctrl_c_and_a_cancelled_task_end_a_hang(kit):
    agent = kit.home.create_agent("sam", model=ChaosLLM(hello, rate=1, faults="hang", hang_s=30))
    begin = time.monotonic()
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        agent.send("hi")

    async def cancelled() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(agent.send_async("hi"), 0.3)

    asyncio.run(cancelled())
    assert time.monotonic() - begin < 15 and check_agent(agent) == []


def test_summaries_go_wrong_as_well(kit):
    class Writing(ScriptedLLM):
        def summarize(self, text: str, limit_tokens: int) -> str:
            return "Of geese."

    def failures(name: str, **options: Any) -> set[str]:
        agent = kit.home.create_agent(name, context_window=4096, **options)
        for _ in range(120):
            with contextlib.suppress(Exception):
                agent.send("seven white geese fly over the old mill " * 9)
        assert check_agent(agent) == []
        return {summary.failure.split(":")[0] for summary in agent.summaries()}

    faults = ["empty", "garbage", "huge", "no_reply", "down", "exception"]
    writing = ChaosLLM(Writing(hello), rate=0.5, faults=faults, huge_chars=9000)
    assert len(failures("a", model=writing)) > 3
    assert any(event.detail == "of a summary" for event in writing.log)
    other = ChaosLLM(lambda context: "Of geese.", rate=0.7, faults=faults, huge_chars=9000)
    assert len(failures("b", model=ScriptedLLM(hello), summarizer=other)) > 3


# Tools, embedders, policies


def file(text: str, agent: memgpt.Agent) -> str:
    """File a text.

    Args:
        text: what to file.
    """
    agent.archival.insert(text)
    agent.memory["human"].value += "filed. "
    return "filed"


def call(tool: str, **args: Any) -> dict:
    return {"tool": tool, "args": args}


@pytest.mark.parametrize("fault", TOOL_FAULTS)
def test_a_chaotic_tool(kit, fault):
    tool = chaotic(file, rate=1, faults=[fault])
    script = [call("file", text="geese"), HELLO, call("file", text="swans"), HELLO]
    agent = kit.agent(script, tools=[tool])
    schema = agent.config["tools"][-1]
    kit.home.create_agent("max", tools=[file])
    assert schema["description"] == kit.home.agent("max").config["tools"][-1]["description"]
    assert agent.send("go").steps == (1 if fault in ("garbage", "huge") else 2)
    failed = next(m.failed for m in agent.recall.messages() if m.role == "tool")
    assert failed == (fault not in ("garbage", "huge"))
    done = 0 if failed else 1
    assert (len(agent.archival), agent.memory["human"].value) == (done, "filed. " * done)
    assert [event.fault for event in tool.log] == [fault]
    tool.rate = 0
    kit.llm.calls = 2
    agent.send("go")
    assert len(agent.archival) == done + 1 and check_agent(agent, replay=True) == []


class Letters(memgpt.Embedder):
    dimension = 3

    def embed(self, texts: list[str]) -> list[list[float]]:
        return [[1.0, len(text), text.count("e")] for text in texts]


@pytest.mark.parametrize("fault", EMBEDDER_FAULTS)
def test_a_chaotic_embedder_fails_the_call_and_nothing_is_filed(kit, fault):
    """What an embedder raised ended the turn of the agent that filed a text."""
    embedder = chaotic(Letters(), rate=1, faults=[fault])
    agent = kit.agent(
        [call("archival_memory_insert", content="geese"), HELLO] * 9, embedding=embedder
    )
    for _ in range(8):
        assert agent.send("go").text == "hello"
    with pytest.raises(Exception) as caught:
        agent.archival.insert("swans")
    assert fault != "raises" or caught.type is not errors.ProviderError, "as it was raised"
    assert len(agent.archival) == 0
    embedder.rate = 0
    agent.archival.insert("swans")
    assert agent.archival.search("swans")[0].score == pytest.approx(1)
    assert check_agent(agent) == []


@pytest.mark.parametrize("fault", POLICY_FAULTS)
def test_a_chaotic_policy(kit, fault):
    policy = chaotic(memgpt.RecursiveSummary(), rate=1, faults=[fault])
    agent = kit.agent(hello, policy=policy, context_window=4096)
    raised = 0
    for _ in range(60):
        try:
            agent.send("seven white geese " * 12)
        except Exception:
            raised += 1
    assert raised > 30 if fault in ("keeps_all", "splits") else raised == 60
    assert {event.fault for event in policy.log} == {fault}
    policy.rate = 0
    assert agent.send("hi").text == "hello"
    assert check_agent(agent, replay=True) == []


# Checks


def request(*messages: dict) -> dict:
    return {"messages": [{"role": "system", "content": ""}, *messages]}


def calling(*ids: str, arguments: str = "{}") -> dict:
    function = {"name": "f", "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"id": id, "function": function} for id in ids]}


def returning(id: str) -> dict:
    return {"role": "tool", "tool_call_id": id, "content": ""}


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([calling("a"), returning("a"), calling("b"), returning("b")], ""),
        ([calling("a", "b"), returning("b"), returning("a")], ""),
        ([calling("a")], "no return"),
        ([calling("a", "b"), returning("a"), {"role": "user"}], "no return: b"),
        ([returning("a")], "without its call"),
        ([calling("a"), returning("a"), returning("a")], "without its call"),
        ([calling("a"), {"role": "user"}, returning("a")], "no return"),
        ([calling("a"), returning("a"), calling("a"), returning("a")], "2 calls"),
        ([calling("a", arguments="[]"), returning("a")], "no JSON object"),
        ([{"role": "system"}], "role"),
    ],
)
def test_requests_are_checked(messages, says):
    problems = check_request(request(*messages))
    assert says in problems[0] if says else problems == []


class Broken:
    """A context that says something else of itself."""

    def __init__(self, context: memgpt.Context, **attributes: Any) -> None:
        vars(self).update(attributes, context=context)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.context, name)


class Edited(Broken):
    """A span, likewise."""


@pytest.mark.parametrize(
    ("kind", "attributes", "says"),
    [
        ("message", {"cut": "a bit"}, "only the span says so"),
        ("message", {"tokens": 3}, "its span says 3"),
        ("message", {"kind": "tool_return"}, "travels as"),
        ("tool_schema", {"text": "{}"}, "not those of the request"),
        ("external_memory", {"text": "<block>"}, "stands 3 times"),
        ("summary", {"kind": "system"}, ""),
    ],
)
def test_contexts_are_checked(context, kind, attributes, says):
    assert check_context(context) == []
    spans = [Edited(s, **attributes) if s.kind == kind else s for s in context.spans]
    problems = check_context(Broken(context, spans=spans))  # type: ignore[arg-type]
    assert any(says in line for line in problems) if says else problems == []
    over = check_context(Broken(context, tokens=10**6))  # type: ignore[arg-type]
    assert "over its limit" in over[0]


def filled(kit: Any) -> tuple[memgpt.Agent, memgpt.Response]:
    agent = kit.agent(hello, context_window=4096)
    for number in range(40):
        response = agent.send(f"{number} seven white geese fly over the old mill " * 4)
    return agent, response


DAMAGE = {
    "DELETE FROM message WHERE position = 61": "gap",
    "UPDATE message SET tool_call_id = 'x' WHERE position = 5": "no return",
    "UPDATE message SET role = 'tool' WHERE position = 3": "without its call",
    "UPDATE message SET text = 'x' WHERE position >= 120": "was acknowledged",
    "UPDATE block SET value = printf('%3000s', 'x') WHERE label = 'human'": "limit is 2000",
    "UPDATE summary SET covered = covered + 1": "stands for",
    "UPDATE summary SET covers = '[[0, 3]]'": "neither in the window nor covered",
    "UPDATE window SET ranges = '[[0, 9], [30, 120]]'": "covered by a summary",
    "UPDATE step SET digest = 'x' WHERE seq = (SELECT MAX(seq) FROM step)": "not as",
}


@pytest.mark.no_replay
@pytest.mark.parametrize(("damage", "says"), DAMAGE.items(), ids=list(DAMAGE.values()))
def test_agents_are_checked(kit, damage, says):
    agent, response = filled(kit)
    assert check_agent(agent, acknowledged=[response], replay=True) == []
    assert check_agent(agent, acknowledged=[response], since=100) == []
    kit.home.close()
    with contextlib.closing(sqlite3.connect(kit.home.path)) as db:
        db.execute(damage)
        db.commit()
    kit.home = memgpt.open(kit.home.path, durability="process")
    agent = kit.home.agent("sam", model=kit.llm)
    problems = check_agent(agent, acknowledged=[response], replay=True)
    assert any(says in line for line in problems), problems


def test_the_return_of_a_turn_that_was_broken_off_is_no_problem_yet(kit):
    def stop() -> None:
        raise KeyboardInterrupt

    agent = kit.agent([call("stop"), HELLO], tools=[stop])
    with pytest.raises(KeyboardInterrupt):
        agent.send("go")
    assert agent.recall.messages()[-1].tool_calls and check_agent(agent) == []
    assert agent.send("and now?").text == "hello" and check_agent(agent) == []
    assert math.isfinite(agent.context().tokens)
