"""What the server knows of itself and of what it did: models, tags, runs, steps, health."""

from __future__ import annotations

from cases import OFFLINE, keys, spoken, unique
from letta_client import Letta
from letta_client.types import AgentState


def test_it_is_healthy(client: Letta) -> None:
    health = client.health()
    assert health.status == "ok"
    assert health.version


def test_the_models_can_be_used_as_they_are_listed(client: Letta) -> None:
    models = {model.handle: model for model in client.models.list()}
    assert {"offline", "openai/gpt-4.1"} <= set(models)
    assert models["openai/gpt-4.1"].name == "gpt-4.1"
    assert models["openai/gpt-4.1"].provider_type == "openai"
    assert all(model.max_context_window > 0 for model in models.values())
    assert client.agents.create(model="offline").model == "offline"


def test_the_embedding_models_are_listed(client: Letta) -> None:
    models = {model.handle: model for model in client.models.embeddings.list()}
    assert {"offline", "openai/text-embedding-3-small"} <= set(models)
    assert models["openai/text-embedding-3-small"].embedding_dim == 1536
    assert models["offline"].name


def test_tags_are_those_of_the_agents(client: Letta) -> None:
    tag = unique("tag")
    client.agents.create(tags=[tag, tag + "x"], **OFFLINE)
    assert {tag, tag + "x"} <= set(client.tags.list(limit=1000))
    assert client.tags.list(query_text=tag + "x") == [tag + "x"]


def test_each_turn_is_a_run_with_messages_steps_and_usage(client: Letta, agent: AgentState) -> None:
    response = client.agents.messages.create(agent.id, input="Hello")
    (run,) = list(client.runs.list(agent_id=agent.id))
    assert (run.agent_id, run.status, run.stop_reason) == (agent.id, "completed", "end_turn")
    assert response.usage.run_ids == [run.id]
    assert {message.run_id for message in response.messages} == {run.id}
    assert client.runs.retrieve(run.id) == run

    told = list(client.runs.messages.list(run.id, order="asc"))
    assert set(keys(response.messages)) <= set(keys(told))
    assert spoken(told) == "You said: Hello"
    (step,) = list(client.runs.steps.list(run.id))
    assert step.run_id == run.id
    usage = client.runs.usage.retrieve(run.id)
    assert usage.total_tokens == response.usage.total_tokens
    assert usage.prompt_tokens == response.usage.prompt_tokens


def test_steps_are_listed_across_pages(client: Letta, agent: AgentState) -> None:
    for _ in range(3):
        client.agents.messages.create(agent.id, input="Hello")
    steps = list(client.steps.list(agent_id=agent.id, limit=2))
    assert len({step.id for step in steps}) == len(steps) == 3
    step = client.steps.retrieve(steps[0].id)
    assert (step.agent_id, step.model, step.status) == (agent.id, "gpt-4.1", "success")
    assert step.prompt_tokens and step.completion_tokens
    assert "assistant_message" in [m.message_type for m in client.steps.messages.list(step.id)]


def test_runs_are_listed_across_pages(client: Letta, agent: AgentState) -> None:
    for _ in range(3):
        client.agents.messages.create(agent.id, input="Hello")
    runs = [run.id for run in client.runs.list(agent_id=agent.id, limit=2)]
    assert len(runs) == len(set(runs)) == 3
