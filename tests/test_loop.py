"""The loop: heartbeats, replies that cannot be run, eviction, threads, steps."""

from __future__ import annotations

import datetime as dt
import threading
import time
import traceback

import memgpt
import pytest
from memgpt.testing import ScriptExhausted

WORDS = "the river ran past the old mill and the miller counted seven white geese on its bank "


def test_a_heartbeat_goes_on_and_without_one_the_turn_ends(kit):
    agent = kit.agent([kit.say("one", heartbeat=True), kit.say("two"), kit.say("three")])
    reply = agent.send("hello")
    assert reply.text == str(reply) == "one\ntwo"
    assert (reply.steps, reply.stop_reason) == (2, "end_turn")
    assert [message.role for message in reply.messages] == ["assistant", "tool"] * 2
    assert agent.send("more").text == "three"


def test_a_failed_tool_forces_another_step(kit):
    agent = kit.agent([kit.say("  "), kit.say("hello")])
    reply = agent.send("hello")
    assert (reply.text, reply.steps) == ("hello", 2)
    assert "Failed" in kit.llm.returned()


def test_max_steps_ends_the_turn(kit):
    agent = kit.agent(lambda context: kit.say("on", heartbeat=True), max_steps=5)
    reply = agent.send("go")
    assert (reply.steps, reply.stop_reason) == (5, "max_steps")
    kit.still_answers(agent)


def test_plain_text_is_said(kit):
    agent = kit.agent(["Hello there."])
    reply = agent.send("hello")
    assert (reply.text, reply.steps, reply.stop_reason) == ("Hello there.", 1, "end_turn")
    said = agent.recall.messages()[1]
    assert [call.name for call in said.tool_calls] == ["send_message"] and said.content == ""
    assert [repair.kind for repair in agent.steps()[-1].repairs] == ["plain_text"]
    kit.still_answers(agent)


def test_plain_text_of_who_cannot_say_it_is_fed_back(kit):
    def send_message(to: str, text: str) -> str:
        return f"sent to {to}"

    agent = kit.agent(["Hello.", kit.call("send_message", False, to="me", text="x")])
    agent.add_tool(send_message)
    assert agent.send("hello").stop_reason == "end_turn"
    assert "system_alert" in kit.llm.seen()


def test_no_tool_call_is_fed_back_then_given_up(kit):
    agent = kit.agent(["", kit.say("hello")])
    assert agent.send("hello").text == "hello"
    assert "send_message" in kit.llm.seen() and "system_alert" in kit.llm.seen()
    kit.llm.script = lambda context: '{"mood": "glad"}'
    reply = agent.send("hello?")
    assert (reply.text, reply.stop_reason) == ("", "no_tool_call")
    assert reply.steps < 50
    kit.still_answers(agent)


def test_two_calls_run_the_first_and_answer_both(kit):
    agent = kit.agent([[kit.say("one"), kit.say("two")], kit.say("three")])
    reply = agent.send("count")
    assert reply.text == "one\nthree"
    assert "Not run" in kit.llm.returned()
    kit.check_request(agent.context().to_request())


def calls(*parts: tuple[str, str, str]) -> dict:
    return {
        "content": None,
        "tool_calls": [
            {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for id, name, arguments in parts
        ],
    }


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([("a", "send_message", '{"message": "hel')], "not valid JSON"),
        ([("a", "send_message", '{"message": "\\ud800"}')], "Failed"),
        ([("a", "send_message", "[1, 2]")], "JSON object"),
        ([("a", "send_message", "null")], "JSON object"),
        ([("a", "send_message", "")], "message"),
        ([("a", "send_message", '{"message": {"text": "hi"}}')], "message"),
        (
            [("a", "send_message", '{"message": ["漢字漢字漢字漢字漢字漢字漢字漢字漢字"]}')],
            "must be of type",
        ),
        ([("a", "no_message", '{"message": "hi"}')], "no_message"),
        ([("a", "", "{}")], "there is no tool"),
        ([("a", "no\udfff\0such", "{}")], "there is no tool"),
        ([("a", "x" * 100_000, "{}")], "there is no tool"),
        ([("same", "nope", "{}"), ("same", "nope", "{}")], "Not run"),
        ([("", "nope", "{}"), ("", "nope", "{}")], "Not run"),
    ],
)
def test_calls_that_cannot_be_run_are_fed_back(kit, parts, says):
    class Raw(kit.LLM):
        def complete(self, context):
            reply = super().complete(context)
            return calls(*parts) if self.calls == 1 else reply

    llm = Raw([kit.say("unused"), kit.say("sorry")])
    agent = kit.home.create_agent("sam", model=llm)
    assert agent.send("hello").text == "sorry"
    assert says in llm.seen()
    kit.still_answers(agent, llm)


def test_a_model_that_only_calls_wrongly_is_stopped(kit):
    agent = kit.agent(lambda context: kit.call("nope"))
    reply = agent.send("hello")
    assert reply.stop_reason == "invalid_tool_call" and reply.steps < 50
    kit.still_answers(agent)


def test_surrogates_and_nul_in_a_spoken_reply(kit):
    class Raw(kit.LLM):
        def complete(self, context):
            super().complete(context)
            return {
                "content": "aside \udc00\0",
                **calls(("a", "send_message", '{"message": "a\\u0000b"}')),
            }

    llm = Raw(lambda context: kit.say(""))
    agent = kit.home.create_agent("sam", model=llm)
    assert agent.send("hello").text == "a\0b"
    path = kit.home.path
    kit.home.close()
    with memgpt.open(path, durability="process") as home:
        assert home.agent("sam").recall.messages()[1].text == "a\0b"


def test_a_script_with_surrogates_is_fed_back_or_cleaned(kit):
    agent = kit.agent([kit.say("lone \ud800 surrogate"), kit.say("sorry")])
    assert agent.send("hello").text
    kit.still_answers(agent)


def test_script_exhausted_comes_out_and_the_input_is_kept(kit):
    agent = kit.agent([kit.say("one", heartbeat=True)])
    with pytest.raises(ScriptExhausted, match="1 replies"):
        agent.send("hello")
    assert [m.text for m in agent.recall.messages() if m.role == "user"] == ["hello"]
    kit.still_answers(agent)
    assert "hello" in kit.llm.seen()


class OwnError(Exception):
    pass


def test_a_providers_exception_passes_through_with_its_traceback(kit):
    def fail(context):
        raise OwnError("the network is down", 7)

    agent = kit.agent(fail)
    with pytest.raises(OwnError) as caught:
        agent.send("hello")
    assert type(caught.value) is OwnError and caught.value.args == ("the network is down", 7)
    assert "fail" in [frame.name for frame in traceback.extract_tb(caught.tb)]
    kit.still_answers(agent)


class Unprintable(Exception):
    def __str__(self):
        raise OwnError("no text")


@pytest.mark.parametrize("error", [ValueError("lone \ud800 surrogate"), Unprintable()])
def test_an_exception_without_a_text_passes_through_too(kit, error):
    """Another one came out, which the reading of its text had raised."""
    agent = kit.agent([error])
    with pytest.raises(type(error)) as caught:
        agent.send("hello")
    assert caught.value is error
    kit.still_answers(agent)


@pytest.mark.parametrize("reply", [None, 7, {"role": "assistant"}, {"choices": [{}]}])
def test_a_providers_nonsense_is_an_error_and_the_agent_stays_usable(kit, reply):
    class Nonsense(kit.LLM):
        def complete(self, context):
            good = super().complete(context)
            return reply if self.calls == 1 else good

    llm = Nonsense(lambda context: kit.say("unused"))
    agent = kit.home.create_agent("sam", model=llm)
    with pytest.raises(TypeError, match="Nonsense"):
        agent.send("hello")
    kit.still_answers(agent, llm)


def test_pressure_is_warned_of_once_before_the_first_eviction(kit):
    agent = kit.agent(lambda context: kit.say("so"), context_window=4096)
    warned = 0
    for turn in range(200):
        reply = agent.send(f"{turn}: {WORDS}")
        if reply.evicted:
            break
        warned += any("Memory pressure" in m.text for m in agent.window[-4:]) and (
            "Memory pressure" in kit.llm.seen()
        )
    alerts = [m for m in agent.recall.messages(0, 1000) if "Memory pressure" in m.text]
    assert len(alerts) == 1 and alerts[0].role == "system" and warned >= 1
    assert alerts[0].position < len(agent.recall) - 2


def test_300_messages_through_a_small_window(kit):
    newest = ""
    summaries = set()

    def script(context):
        messages = context.to_request()["messages"]
        assert context.tokens <= context.budget.limit
        assert newest in [m["content"] for m in messages if "user_message" in str(m["content"])][-1]
        summaries.update(s.text for s in context.spans if s.kind == "summary")
        if len(summaries) % 3 == 1:
            return kit.say("the miller says " + WORDS)
        return kit.say("geese")

    agent = kit.agent(script, context_window=3000)
    evicted = 0
    for turn in range(300):
        newest = f"note {turn} token{turn * 7919}: {WORDS}"
        evicted += agent.send(newest).evicted
        context = agent.context()
        assert context.tokens <= context.budget.limit, f"context() after message {turn}"
    assert evicted > 300 and len(summaries) > 5
    log = agent.recall.messages(0, 10_000)
    assert evicted + len(agent.window) == len(log)
    assert agent.memory.summary and agent.memory.summary in kit.llm.seen()
    path = kit.home.path
    kit.home.close()
    found = kit.run(
        "import sys, memgpt\n"
        "agent = memgpt.open(sys.argv[1]).agent('sam')\n"
        "for turn in range(300):\n"
        "    hits = agent.recall.search(f'token{turn * 7919}', roles=['user'])\n"
        "    print(any(hit.message.text.startswith(f'note {turn} ') for hit in hits))\n",
        path,
    )
    assert found.split() == ["True"] * 300


def full_agent(kit, llm):
    agent = kit.home.create_agent("sam", model=llm, context_window=3000)
    while not agent.send(WORDS).evicted:
        assert len(agent.recall) < 400
    return agent


def test_the_summary_is_a_span_of_its_own_that_no_tool_can_edit(kit):
    llm = kit.LLM(lambda context: kit.say("so"))
    agent = full_agent(kit, llm)
    assert llm.last_context is not None
    assert [s.kind for s in llm.last_context.spans].count("summary") == 1
    assert "summary" not in list(agent.memory)
    before = agent.memory.summary
    llm.calls, llm.script = 0, [
        kit.call("core_memory_append", name="summary", content="x"), kit.say("cannot"),
    ]  # fmt: skip
    agent.send("edit the summary")
    assert "Failed" in llm.returned() and agent.memory.summary == before != ""


def summarising(kit, summarize):
    class Summarising(kit.LLM):
        def __init__(self, script):
            super().__init__(script)
            self.asked: list[tuple[str, int]] = []

        def summarize(self, text, limit_tokens):
            self.asked.append((text, limit_tokens))
            return summarize(text)

    return Summarising(lambda context: kit.say("so"))


def test_a_providers_summary_is_used(kit):
    llm = summarising(kit, lambda text: "Of geese and mills.")
    agent = full_agent(kit, llm)
    assert agent.memory.summary == "Of geese and mills." and agent.memory.summary in llm.seen()
    text, limit = llm.asked[0]
    assert "seven white geese" in text and 48 <= limit < 2600
    while len(llm.asked) < 2:
        agent.send(WORDS)
    assert "Of geese and mills." in llm.asked[1][0]


@pytest.mark.parametrize("summary", [None, "", " \n", "geese " * 3000])
def test_a_useless_summary_is_replaced_by_the_digest(kit, summary):
    llm = summarising(kit, lambda text: summary)
    agent = full_agent(kit, llm)
    assert llm.asked and agent.memory.summary.strip() not in ("", str(summary).strip())
    kit.still_answers(agent, llm)


@pytest.mark.parametrize("summary", [7, "lone \ud800 surrogate"])
def test_a_summary_that_is_no_text_does_not_stop_the_agent(kit, summary):
    llm = summarising(kit, lambda text: summary)
    agent = full_agent(kit, llm)
    assert agent.memory.summary
    kit.still_answers(agent, llm)


def test_a_summary_that_raises_falls_back_to_the_digest(kit):
    def fail(text):
        raise OwnError("no summary today")

    llm = summarising(kit, fail)
    agent = full_agent(kit, llm)
    assert llm.asked and agent.memory.summary
    kit.still_answers(agent, llm)


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_a_long_message_that_is_no_user_s_is_seen_even_in_a_full_window(kit, role):
    llm = kit.LLM(lambda context: kit.say("so"))
    agent = full_agent(kit, llm)
    for length in range(1, 60):
        text = f"Notice {length}: " + WORDS * length
        try:
            agent.send(text, role=role)
        except memgpt.errors.MessageTooLarge:
            assert length > 10
            break
        assert f"Notice {length}: " in llm.seen()
    kit.still_answers(agent, llm)


def test_role_name_and_time_are_kept(kit):
    agent = kit.agent(lambda context: kit.say("so"))
    agent.send("The door was opened.", role="system", time="2023-05-08T13:56:00")
    agent.send("Hi", name="Carla", time=dt.datetime(2023, 5, 9, tzinfo=dt.timezone.utc))
    door, hi = [m for m in agent.recall.messages() if m.role in ("system", "user")]
    assert (door.role, door.text) == ("system", "The door was opened.")
    assert door.time == dt.datetime(2023, 5, 8, 13, 56, tzinfo=dt.timezone.utc)
    assert (hi.role, hi.name, hi.time.day) == ("user", "Carla", 9)
    assert "Carla" in kit.llm.seen() and "2023-05-08 13:56" in kit.llm.seen()
    with pytest.raises(memgpt.errors.InvalidInput, match="role"):
        agent.send("Hi", role="tool")


def test_senders_to_one_agent_queue_up_in_order(kit):
    inside, go_on = threading.Event(), threading.Event()

    def script(context):
        inside.set()
        assert go_on.wait(20)
        return kit.say("so")

    agent = kit.agent(script)
    senders = [threading.Thread(target=agent.send, args=(f"message {i}",)) for i in range(4)]
    senders[0].start()
    assert inside.wait(20)
    for sender in senders[1:]:
        sender.start()
        time.sleep(0.1)  # nothing tells from outside that a thread has queued up
    assert len(agent.recall) == 1, "a reader waits for no model"
    go_on.set()
    for sender in senders:
        sender.join(20)
    log = agent.recall.messages()
    assert [m.text for m in log if m.role == "user"] == [f"message {i}" for i in range(4)]
    assert [m.role for m in log] == ["user", "assistant", "tool"] * 4


def test_different_agents_run_in_parallel(kit):
    barrier = threading.Barrier(2, timeout=20)

    def script(context):
        barrier.wait()
        return kit.say("met")

    agents = [kit.agent(script, name=name) for name in ("a", "b")]
    replies = []
    senders = [
        threading.Thread(target=lambda a=agent: replies.append(a.send("meet").text))
        for agent in agents
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(30)
    assert replies == ["met", "met"]


def test_steps_have_kinds_a_tokenizer_and_the_digest_of_what_was_shown(kit):
    agent = kit.agent([kit.say("hello")])
    agent.send("hello")
    agent.memory["human"].value = "Chad"
    agent.remove_tool("conversation_search")
    steps = agent.steps()
    assert [step.kind for step in steps] == ["create", "input", "step", "edit", "config"]
    assert [step.author for step in steps[1:4]] == ["user", "agent", "user"]
    assert [step.seq for step in steps] == [1, 2, 3, 4, 5]
    step, context = steps[2], kit.llm.last_context
    assert step.digest == context.digest() and len(step.digest) == 64
    assert (step.model, step.tokenizer) == ("scripted", "o200k_base")
    assert step.context_tokens == context.text_tokens
    assert step.overhead_tokens == context.overhead_tokens


def test_counts_are_those_of_the_tokenizer(kit):
    agent = kit.agent([kit.say("Grüße 🦢")])
    agent.send("hello 漢字")
    counter = memgpt.TokenCounter("o200k_base")
    for span in agent.context().spans:
        assert span.tokens == counter.count(span.text)


def test_usage_is_the_providers_where_it_says(kit):
    class Counting(kit.LLM):
        def complete(self, context):
            reply = super().complete(context)
            reply.prompt_tokens, reply.completion_tokens = 111, 22
            return reply

    agent = kit.home.create_agent("sam", model=Counting([kit.say("a", True), kit.say("b")]))
    usage = agent.send("hello").usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (222, 44)
    assert [s.prompt_tokens for s in agent.steps() if s.kind == "step"] == [111, 111]
