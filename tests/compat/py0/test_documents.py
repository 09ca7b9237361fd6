"""What the documents show, word for word but for the base URL."""

from __future__ import annotations

from cases import HUMAN, MODEL_SETTINGS, PERSONA, TOKEN, URL, joined, kinds, of_kind, spoken, text
from letta_client import AgentState, Letta
from talk import send, user


def create() -> tuple[Letta, AgentState]:
    client = Letta(token=TOKEN, base_url=URL)

    agent_state = client.agents.create(
        agent_type="memgpt_v2_agent", # or "memgpt_agent" for v1
        model="openai/gpt-4.1",
        embedding="openai/text-embedding-3-small",
        memory_blocks=[
            {
              "label": "human",
              "value": "The human's name is Chad. They like vibe coding."
            },
            {
              "label": "persona",
              "value": "My name is Sam, the all-knowing sentient AI."
            }
        ],
        tools=["web_search", "run_code"]
    )  # fmt: skip
    return client, agent_state


def test_the_agent_has_its_names() -> None:
    _, agent = create()
    assert agent.id.startswith("agent-")
    assert agent.name
    assert agent.agent_type == "memgpt_v2_agent"
    assert agent.created_at is not None


def test_the_blocks_are_in_its_memory() -> None:
    _, agent = create()
    values = {block.label: block.value for block in agent.memory.blocks}
    assert values == {"human": HUMAN, "persona": PERSONA}
    assert all(block.limit == 100_000 for block in agent.memory.blocks)
    assert all(block.id and block.id.startswith("block-") for block in agent.memory.blocks)


def test_the_tools_are_those_of_its_kind_and_those_asked_for() -> None:
    _, agent = create()
    tools = {tool.name: tool for tool in agent.tools}
    assert {"web_search", "run_code"} <= set(tools)
    assert {"send_message", "conversation_search", "memory_insert", "memory_replace"} <= set(tools)
    assert tools["web_search"].tool_type == tools["run_code"].tool_type == "letta_builtin"
    for name, tool in tools.items():
        assert tool.id and tool.id.startswith("tool-")
        assert tool.json_schema is not None
        assert tool.json_schema["name"] == name


def test_the_tool_rules_end_a_turn_with_send_message() -> None:
    _, agent = create()
    assert agent.tool_rules is not None
    rules = {(rule.type, rule.tool_name) for rule in agent.tool_rules}
    assert ("exit_loop", "send_message") in rules
    assert ("continue_loop", "memory_insert") in rules


def test_the_model_is_known_by_its_handle_and_in_full() -> None:
    _, agent = create()
    assert agent.llm_config.handle == "openai/gpt-4.1"
    assert agent.llm_config.model == "gpt-4.1"
    assert agent.llm_config.model_endpoint_type == "openai"
    assert agent.llm_config.context_window > 0
    assert agent.embedding_config.handle == "openai/text-embedding-3-small"
    assert agent.embedding_config.embedding_dim == 1536


def test_fields_of_the_next_generation_do_no_harm() -> None:
    _, agent = create()
    assert agent.model == "openai/gpt-4.1"
    assert agent.model_settings == MODEL_SETTINGS


def test_then_a_conversation() -> None:
    client, agent = create()
    response = client.agents.messages.create(
        agent_id=agent.id, messages=[{"role": "user", "content": "Hello, Sam!"}]
    )
    assert spoken(response.messages) == "You said: Hello, Sam!"
    assert response.stop_reason.stop_reason == "end_turn"


def test_then_a_conversation_streamed() -> None:
    client, agent = create()
    stream = client.agents.messages.create_stream(
        agent_id=agent.id, messages=user("Tell me of yourself, Sam!"), stream_tokens=True
    )
    chunks = list(stream)
    assert kinds(chunks)[-2:] == ["stop_reason", "usage_statistics"]
    told = joined(chunks, "assistant_message", text)
    assert list(told.values()) == ["You said: Tell me of yourself, Sam!"]


def test_run_code_says_what_is_missing() -> None:
    client, agent = create()
    response = send(client, agent.id, 'call run_code {"code": "1", "language": "python"}')
    returned = of_kind(response.messages, "tool_return_message")[0]
    assert returned.name == "run_code"
    assert returned.status == "error"
    assert "run_code" in returned.tool_return
