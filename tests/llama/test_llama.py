"""A real llama-server with random weights: it, our client, the decoder and the loop together.

What the model says is noise in the shape of our tools, for the server derives a grammar from them.
So the tests look at what must hold whatever is said.
"""

from __future__ import annotations

import json
import time
from typing import Any

import jsonschema
import memgpt
import pytest
from memgpt import errors, testing
from memgpt.memory import MemoryModule

from tests.llama.conftest import LlamaServer, Start

pytestmark = pytest.mark.llama


class Characters(memgpt.TokenCounter):
    """The model's tokenizer: a token is a character, or a byte of one that is not in ASCII."""

    def count(self, text: str) -> int:
        return len(text.encode())


class Notes(memgpt.BaseMemory):
    """One block, and a way to write into it that cannot fail."""

    def __init__(self) -> None:
        self.memory = {"notes": MemoryModule(name="notes", value="", limit=6000)}

    def note(self, text: str) -> None:
        """Keep a line.

        Args:
            text (str): the line.
        """
        self.memory["notes"].value += f"{text}\n"


def tiny(server: LlamaServer, window: int = 16_384, **options: Any) -> memgpt.OpenAICompatible:
    return memgpt.OpenAICompatible(
        "tiny", base_url=server.url, context_window=window, tokenizer=Characters(), **options
    )


def agent_of(home: memgpt.Home, model: Any, name: str = "sam", **options: Any) -> memgpt.Agent:
    """With few tools and a short prompt: a token is a character."""
    options = {"memory": Notes, "system": "You talk.", "max_steps": 3, **options}
    agent = home.create_agent(name, model=model, **options)
    for tool in ("conversation_search", "conversation_search_date", "archival_memory_search"):
        agent.remove_tool(tool)
    return agent


def calls_of(agent: memgpt.Agent) -> list[tuple[memgpt.ToolCall, str]]:
    """Every call and what it returned."""
    messages = agent.recall.messages(0, 100_000)
    returned = [message.text for message in messages if message.role == "tool"]
    calls = [call for message in messages for call in message.tool_calls]
    assert len(calls) == len(returned)
    return list(zip(calls, returned, strict=True))


def check_calls(agent: memgpt.Agent) -> int:
    """Each fits the tools that the model was shown; gives how many there are."""
    tools = {
        tool["function"]["name"]: tool["function"]["parameters"]
        for tool in agent.context().to_request()["tools"]
    }
    calls = calls_of(agent)
    for call, _ in calls:
        jsonschema.validate(json.loads(call.arguments), tools[call.name])
    return len(calls)


def test_an_agent_talks_to_it(home: memgpt.Home, server: LlamaServer) -> None:
    """Every reply is a call that is run as it came, and memory is really edited."""
    agent = agent_of(home, tiny(server))
    began = time.monotonic()
    for turn in range(40):
        agent.send(f"Hello {turn}")
        kinds = {call.name for call, _ in calls_of(agent)}
        edited = agent.memory["notes"].value.strip() and len(agent.archival) > 0
        if turn >= 9 and edited and "send_message" in kinds:
            break
    seconds = time.monotonic() - began
    assert kinds == {"note", "archival_memory_insert", "send_message"} and edited
    calls = calls_of(agent)
    steps = [step for step in agent.steps() if step.kind == "step"]
    assert check_calls(agent) == len(steps)
    assert all(step.prompt_tokens > 1000 and step.completion_tokens > 10 for step in steps)
    notes = [json.loads(call.arguments)["text"] for call, _ in calls if call.name == "note"]
    assert agent.memory["notes"].value.splitlines() == notes
    kept = [json.loads(c.arguments)["content"] for c, _ in calls if "archival" in c.name]
    # What is blank is refused, and the model is told.
    assert len(agent.archival) == sum(1 for text in kept if text.strip())
    assert testing.check_agent(agent) == []
    print(f"\n{len(calls)} of {len(steps)} calls valid, {seconds / len(steps):.2f} s each")


def test_tokens_are_counted_as_the_server_counts_them(
    home: memgpt.Home, server: LlamaServer
) -> None:
    """But for what the template adds, which does not grow with the words."""
    agent = agent_of(home, tiny(server), max_steps=1)
    added = []
    for size in (10, 3000):
        agent.send("x" * size)
        step = agent.steps()[-1]
        added.append(step.prompt_tokens - step.context_tokens)
    assert abs(added[1] - added[0]) < 1500


def test_a_streamed_turn(home: memgpt.Home, server: LlamaServer) -> None:
    """The pieces, put together, are what the journal has."""
    agent = agent_of(home, tiny(server))
    spoken = pieces = 0
    for turn in range(30):
        events = list(agent.stream(f"Hello {turn}"))
        assert events[-1].type == "done" and "discard" not in {event.type for event in events}
        response = events[-1].response
        assert response is not None
        calls = [call for m in response.messages for call in m.tool_calls]
        for step, call in enumerate(calls, 1):
            told = [e for e in events if e.type == "tool_call" and e.step == step]
            assert "".join(e.text for e in told) == call.arguments
            assert {e.tool for e in told} == {call.name}
            pieces += len(told)
        said = "".join(e.text for e in events if e.type == "text")
        assert said == "".join(
            json.loads(call.arguments)["message"] for call in calls if call.name == "send_message"
        )
        spoken += bool(said)
        if spoken >= 2 and turn >= 4:
            break
    calls = check_calls(agent)
    assert spoken >= 2 and pieces > 3 * calls
    assert testing.check_agent(agent) == []
    print(f"\n{calls} calls streamed in {pieces} pieces, {spoken} with something said")


def test_a_handle_knows_its_server(
    home: memgpt.Home, server: LlamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address from the environment, window from /props; and it binds itself."""
    monkeypatch.setenv("LLAMA_CPP_BASE_URL", server.host)
    assert memgpt.llm.provider("llama.cpp/tiny").context_window == 32_768
    agent = agent_of(home, "llama.cpp/tiny")
    agent.send("Hello")
    assert agent.context().budget.context_window == 32_768
    home.close()
    with memgpt.open(home.path, durability="process") as again:
        agent = again.agent("sam", memory=Notes)
        assert agent.unbound == []
        agent.send("Hello again")
        check_calls(agent)


@pytest.mark.parametrize("structure", ["tools", "json_schema"])
def test_strings_are_bounded_by_the_grammar(
    home: memgpt.Home, server: LlamaServer, structure: str
) -> None:
    """By tools or by the schema of one call: the model cannot say more than there is room for."""
    model = tiny(server, service="llama.cpp", structure=structure, max_string=64)
    agent = agent_of(home, model)
    for turn in range(6):
        agent.send(f"Hello {turn}")
    assert check_calls(agent) >= 6
    for call, _ in calls_of(agent):
        texts = [text for text in json.loads(call.arguments).values() if isinstance(text, str)]
        assert texts and sum(map(len, texts)) <= 64
    steps = [step for step in agent.steps() if step.kind == "step"]
    assert len(steps) == len(calls_of(agent))
    assert testing.check_agent(agent) == []


def refused(server: LlamaServer) -> int:
    """Requests that it found too long."""
    return server.log.read_text(errors="replace").count("exceeds the available context size")


def test_an_overflow_that_the_server_refuses_is_survived(home: memgpt.Home, llama: Start) -> None:
    """The agent believes in a window that is larger than the server's."""
    server = llama("-c", 8192)
    agent = agent_of(home, tiny(server, 32_768), max_steps=1)
    outcomes = []
    for turn in range(8):
        try:
            agent.send(f"{turn}" * 1500)
            outcomes.append("answered")
        except errors.ContextOverflow as error:
            assert "context" in str(error)
            outcomes.append("overflow")
    print(f"\n{outcomes.count('answered')} of 8 answered, {refused(server)} requests refused")
    assert refused(server) > 0
    assert outcomes[0] == "answered" and outcomes[-1] == "answered"
    assert outcomes.count("answered") >= 6
    assert testing.check_agent(agent) == []
    assert [m.text[0] for m in agent.recall.messages(0, 1000) if m.role == "user"] == [
        str(turn) for turn in range(8)
    ]


def test_a_message_that_the_server_cannot_take_at_all(home: memgpt.Home, llama: Start) -> None:
    """A typed error says so, and the next message is answered."""
    server = llama("-c", 8192)
    agent = agent_of(home, tiny(server, 32_768), max_steps=1)
    with pytest.raises(errors.ContextOverflow, match=r"answered 400.*context_window"):
        agent.send("x" * 9000)
    agent = home.agent("sam", model=tiny(server, 8192))
    agent.send("Hello")
    assert check_calls(agent) == 1
    assert testing.check_agent(agent) == []


def test_embeddings(home: memgpt.Home, llama: Start) -> None:
    """Its embedding endpoint: length asked for, batches, and a text that is too long."""
    server = llama("--embeddings", "--pooling", "mean", "-c", 4096, "-ub", 512, "-b", 512)
    embedder = memgpt.OpenAICompatibleEmbedder("tiny", base_url=server.url)
    assert embedder.dimension == 64
    agent = home.create_agent("sam", embedding=embedder)
    texts = [f"passage {number} of many" for number in range(300)]
    agent.archival.insert_many(texts)
    assert agent.archival.search(texts[7])[0].passage.text == texts[7]
    with pytest.raises(errors.InvalidInput, match=r"text 2 of 3 .*too large to process"):
        embedder.embed(["short", "x" * 1000, "short"])
    assert agent.archival.search("y" * 3000)  # what a query begins with is enough
