"""Tools: schemas, arguments, results, failures, built-in ones replaced and removed."""

from __future__ import annotations

import json
from typing import Any, Literal, Optional

import memgpt
import pytest


def schema_of(agent: memgpt.Agent, name: str) -> dict[str, Any]:
    tools = agent.context().to_request()["tools"]
    return {t["function"]["name"]: t["function"] for t in tools}[name]


def book(
    city: str,
    nights: int,
    price: float,
    window: bool,
    guests: list[str],
    extras: dict[str, str],
    note: Optional[str] = None,  # noqa: UP045
    board: Literal["half", "full"] = "half",
    floor: int | None = None,
):
    """
    Book a room.
    It costs money.

    Args:
    city (str): Where to.
    nights: How many,
    counted from today.

    Returns:
    str: the booking.
    """
    return f"{city} {nights} {price} {window} {guests} {extras} {note} {board} {floor}"


BOOKED = {
    "city": "Turin", "nights": 2, "price": 80.5, "window": True, "guests": ["Chad"], "extras": {},
}  # fmt: skip


def test_schema_from_signature_and_a_docstring_without_indentation(kit):
    schema = schema_of(kit.agent(tools=[book]), "book")
    properties = schema["parameters"]["properties"]
    assert schema["description"] == "Book a room. It costs money."
    assert properties["city"] == {"type": "string", "description": "Where to."}
    assert properties["nights"] == {
        "type": "integer",
        "description": "How many, counted from today.",
    }
    assert properties["price"] == {"type": "number"}
    assert properties["window"] == {"type": "boolean"}
    assert properties["guests"] == {"type": "array", "items": {"type": "string"}}
    assert properties["extras"]["type"] == "object"
    assert properties["note"] == {"type": ["string", "null"]}
    assert properties["floor"] == {"type": ["integer", "null"]}
    assert properties["board"]["enum"] == ["half", "full"]
    required = set(schema["parameters"]["required"]) - {"thinking", "request_heartbeat"}
    assert required == set(BOOKED)


def test_arguments_arrive_with_their_types_and_defaults(kit):
    agent = kit.agent([kit.call("book", **BOOKED), kit.say("booked")], tools=[book])
    agent.send("book")
    assert "Turin 2 80.5 True ['Chad'] {} None half None" in kit.llm.returned()


def test_no_docstring_and_no_annotations(kit):
    def double(value):
        return value * 2

    agent = kit.agent([kit.call("double", value=21), kit.say("42")], tools=[double])
    assert schema_of(agent, "double")["parameters"]["properties"]["value"] == {}
    agent.send("twice 21")
    assert "42" in kit.llm.returned()


def test_thinking_and_heartbeat_are_injected(kit):
    agent = kit.agent(tools=[book])
    for name in agent.tools:
        parameters = schema_of(agent, name)["parameters"]
        assert parameters["properties"]["thinking"]["type"] == "string"
        assert parameters["properties"]["request_heartbeat"]["type"] == "boolean"
        assert {"thinking", "request_heartbeat"} <= set(parameters["required"])


@pytest.mark.parametrize("name", ["thinking", "request_heartbeat"])
def test_injected_names_are_refused(kit, name):
    namespace: dict[str, Any] = {}
    exec(f"def ponder({name}: str): return 'x'", namespace)
    with pytest.raises(memgpt.errors.ToolError, match=name):
        kit.agent(tools=[namespace["ponder"]])
    agent = kit.agent()
    with pytest.raises(memgpt.errors.ToolError, match=name):
        agent.add_tool(namespace["ponder"])
    assert "ponder" not in agent.tools
    kit.still_answers(agent)


def test_star_arguments_are_refused(kit):
    def many(*things: str):
        return things

    def named(**things: str):
        return things

    def first(thing: str, /):
        return thing

    for function in (many, named, first):
        with pytest.raises(memgpt.errors.ToolError, match="thing"):
            kit.agent(tools=[function])
    with pytest.raises(memgpt.errors.ToolError):
        kit.agent(tools=[42])


def test_effects_say_whether_an_intent_is_recorded(kit):
    @memgpt.tool(effects="none")
    def pure() -> str:
        return "pure"

    @memgpt.tool
    def outside() -> str:
        return "outside"

    agent = kit.agent([kit.call("pure"), kit.call("outside"), kit.say("ok")], tools=[pure, outside])
    assert pure() == "pure"
    agent.send("go")
    assert [step.kind for step in agent.steps()] == [
        "create", "input", "step", "intent", "outcome", "step",
    ]  # fmt: skip
    with pytest.raises(memgpt.errors.ToolError, match="effects"):
        agent.add_tool(memgpt.tool(effects="some")(book))


def test_a_tool_class_and_its_instance(kit):
    class Dice(memgpt.Tool):
        """Roll dice."""

        name = "dice"

        def __init__(self, sides: int = 6):
            self.sides = sides

        def run(self, count: int) -> list[int]:
            return [self.sides] * count

    agent = kit.agent([kit.call("dice", count=2), kit.say("ok")], tools=[Dice(20)])
    agent.send("roll")
    assert "[20, 20]" in kit.llm.returned()
    assert schema_of(agent, "dice")["description"] == "Roll dice."
    agent.add_tool(Dice)
    kit.llm.calls = 0
    agent.send("roll")
    assert "[6, 6]" in kit.llm.returned()


def test_the_agent_is_injected_and_not_in_the_schema(kit):
    def rename(agent: memgpt.Agent, to: str) -> str:
        agent.memory["human"].value = to
        return f"{agent.name} calls you {agent.memory['human'].value}"

    agent = kit.agent([kit.call("rename", to="Carla"), kit.say("ok")], tools=[rename])
    assert "agent" not in schema_of(agent, "rename")["parameters"]["properties"]
    agent.send("call me Carla")
    assert "sam calls you Carla" in kit.llm.returned()
    assert agent.memory["human"].value == "Carla"


def test_a_tool_that_fails_takes_back_what_it_did_to_the_agent(kit):
    def spoil(agent: memgpt.Agent) -> None:
        agent.memory["human"].value = "spoiled"
        agent.archival.insert("spoiled")
        raise ValueError("no")

    agent = kit.agent([kit.call("spoil"), kit.say("sorry")], tools=[spoil])
    agent.send("go")
    assert agent.memory["human"].value == "" and len(agent.archival) == 0
    assert agent.archival.search("spoiled") == []


def test_add_and_remove_are_journalled(kit):
    agent = kit.agent()
    agent.add_tool(book)
    assert "book" in agent.tools and schema_of(agent, "book")
    agent.remove_tool("book")
    assert "book" not in agent.tools
    assert [step.kind for step in agent.steps()] == ["create", "config", "config"]
    with pytest.raises(memgpt.errors.ToolNotFound, match="send_message"):
        agent.remove_tool("book")
    kit.still_answers(agent)


def test_removed_built_ins_stay_removed_after_reopening(kit):
    agent = kit.agent()
    for name in agent.tools:
        agent.remove_tool(name)
    path = kit.home.path
    kit.home.close()
    with memgpt.open(path, durability="process") as home:
        agent = home.agent("sam", model=kit.LLM(["I can only speak."]))
        assert agent.tools == [] and agent.unbound == []
        assert agent.send("hello").text == "I can only speak."


def test_send_message_and_search_can_be_overridden(kit):
    said = []

    @memgpt.tool
    def send_message(message: str) -> str:
        said.append(message)
        return "shouted"

    @memgpt.tool(name="conversation_search", effects="none")
    def search(query: str) -> str:
        return f"nothing about {query}"

    script = [kit.call("conversation_search", query="Turin"), kit.say("HELLO")]
    agent = kit.agent(script, tools=[send_message, search])
    assert len(agent.tools) == len(set(agent.tools)) == 7
    assert agent.send("hello").text == "HELLO"
    assert said == ["HELLO"] and "nothing about Turin" in kit.llm.returned()


def test_redefining_a_tool_takes_its_place(kit):
    def colour() -> str:
        return "red"

    agent = kit.agent([kit.call("colour"), kit.say("?")] * 2, tools=[colour])
    agent.send("which?")
    assert '"red"' in kit.llm.returned()

    def colour() -> str:
        return "blue"

    agent.add_tool(colour)
    agent.send("and now?")
    assert '"blue"' in kit.llm.returned()
    assert agent.tools.count("colour") == 1 and "config" in [s.kind for s in agent.steps()]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({**BOOKED, "nights": "two"}, "nights"),
        ({**BOOKED, "guests": "Chad"}, "guests"),
        ({**BOOKED, "window": "yes"}, "window"),
        ({**BOOKED, "city": None}, "city"),
        ({key: BOOKED[key] for key in BOOKED if key != "city"}, "city"),
        ({**BOOKED, "pool": True}, "pool"),
        ({**BOOKED, "agent": "x"}, "agent"),
    ],
)
def test_wrong_arguments_are_fed_back_and_the_tool_is_not_run(kit, args, says):
    ran = []

    @memgpt.tool(name="book")
    def own(city: str, nights: int, price: float, window: bool, guests: list, extras: dict):
        ran.append(city)

    agent = kit.agent([kit.call("book", heartbeat=False, **args), kit.say("sorry")], tools=[own])
    assert agent.send("book").text == "sorry"
    assert not ran
    assert "Failed" in kit.llm.returned() and says in kit.llm.returned()
    kit.still_answers(agent)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("", ""),
        ({"a": [1, None, "é"]}, '{"a": [1, null, "é"]}'),
        ("lone \ud800 surrogate, NUL \0", "lone ? surrogate"),
    ],
)
def test_what_a_tool_returns_reaches_the_model(kit, value, shown):
    def give():
        return value

    agent = kit.agent([kit.call("give"), kit.say("ok")], tools=[give])
    agent.send("give")
    returned = json.loads(kit.llm.returned())
    assert returned["status"] == "OK" and shown in returned["message"]
    kit.still_answers(agent)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (lambda: object(), "object"),
        (lambda: {1, 2}, "set"),
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: (_ for _ in ()).throw(Unprintable()), "Unprintable"),
        (lambda: (_ for _ in ()).throw(ValueError("\ud800\0")), "ValueError"),
    ],
)
def test_failures_are_fed_back_and_force_another_step(kit, body, says):
    @memgpt.tool
    def fail():
        return body()

    agent = kit.agent([kit.call("fail", heartbeat=False), kit.say("it failed")], tools=[fail])
    reply = agent.send("try")
    assert reply.text == "it failed" and reply.steps == 2
    assert json.loads(kit.llm.returned())["status"] == "Failed"
    assert says in kit.llm.returned()
    kit.still_answers(agent)


def test_a_megabyte_is_cut_in_a_span_and_whole_in_recall(kit):
    text = "".join(f"line {i} of the long report\n" for i in range(38_000))
    assert len(text) > 1_000_000

    def report() -> str:
        return text

    agent = kit.agent([kit.call("report"), kit.say("long")], tools=[report], context_window=8192)
    assert agent.send("report").text == "long"
    assert kit.llm.last_context is not None
    (span,) = [s for s in kit.llm.last_context.spans if s.kind == "tool_return"]
    assert span.tokens <= 8192 // 4
    assert "bytes" in span.cut and f"of {len(text)} bytes are shown" in span.text
    (hit,) = agent.recall.search("report", roles=["tool"])
    assert hit.message.text == text and hit.message.name == "report"
    kit.still_answers(agent)


@pytest.mark.parametrize("effects", ["outside", "none"])
def test_ctrl_c_in_a_tool_comes_out_and_the_call_gets_its_return(kit, effects):
    def stop(agent: memgpt.Agent) -> None:
        agent.memory["human"].value = "half"
        raise KeyboardInterrupt

    agent = kit.agent([kit.call("stop")], tools=[memgpt.tool(effects=effects)(stop)])
    with pytest.raises(KeyboardInterrupt):
        agent.send("stop")
    assert agent.memory["human"].value == ""
    kinds = [step.kind for step in agent.steps()]
    assert kinds == ["create", "input"] + (["intent"] if effects == "outside" else [])
    kit.still_answers(agent)
    returns = [m for m in agent.recall.messages() if m.role == "tool" and m.name == "stop"]
    if effects == "outside":
        assert [m.failed for m in returns] == [True] and "Interrupted" in returns[0].text
    else:
        assert returns == []


def test_sending_to_the_agent_that_runs_the_tool_is_fed_back(kit):
    def recurse(agent: memgpt.Agent) -> str:
        return agent.send("and again").text

    agent = kit.agent([kit.call("recurse"), kit.say("no")], tools=[recurse])
    assert agent.send("again").text == "no"
    assert "Failed" in kit.llm.returned() and "in the middle of" in kit.llm.returned()
    assert [m.text for m in agent.recall.messages() if m.role == "user"] == ["again"]


def test_sending_in_a_circle_of_two_agents_is_fed_back(kit):
    agents: dict[str, memgpt.Agent] = {}

    def ask(name: str) -> str:
        return agents[name].send("pass it on").text

    first = kit.LLM([kit.call("ask", name="b"), kit.say("done")])
    second = kit.LLM([kit.call("ask", name="a"), kit.say("cannot")])
    agents["a"] = kit.home.create_agent("a", model=first, tools=[ask])
    agents["b"] = kit.home.create_agent("b", model=second, tools=[ask])
    assert agents["a"].send("pass it on").text == "done"
    assert "Failed" in second.returned() and "cannot" in first.returned()
