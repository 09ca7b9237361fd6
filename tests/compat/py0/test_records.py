"""What the server knows of itself and of what it did: models, tags, runs, steps, health."""

from __future__ import annotations

from cases import OFFLINE, keys, spoken, unique
from letta_client import AgentState, Letta
from talk import pages, send


def test_it_is_healthy(client: Letta) -> None:
    health = client.health.check()
    assert health.status == "ok"
    assert health.version


def test_the_models_can_be_used_as_they_are_listed(client: Letta) -> None:
    models = {model.handle: model for model in client.models.list()}
    assert {"offline", "openai/gpt-4.1"} <= set(models)
    assert models["openai/gpt-4.1"].model == "gpt-4.1"
    assert models["openai/gpt-4.1"].model_endpoint_type == "openai"
    assert all(model.context_window > 0 for model in models.values())
    made = client.agents.create(**OFFLINE)
    assert made.llm_config.handle == "offline"


def test_the_embedding_models_are_listed(client: Letta) -> None:
    models = {model.handle: model for model in client.models.embeddings.list()}
    assert {"offline", "openai/text-embedding-3-small"} <= set(models)
    assert models["openai/text-embedding-3-small"].embedding_dim == 1536


def test_tags_are_those_of_the_agents(client: Letta) -> None:
    tag = unique("tag")
    client.agents.create(tags=[tag, tag + "x"], **OFFLINE)
    assert {tag, tag + "x"} <= set(client.tags.list(limit=1000))
    assert client.tags.list(query_text=tag + "x") == [tag + "x"]


def test_each_turn_is_a_run_with_messages_steps_and_usage(client: Letta, agent: AgentState) -> None:
    response = send(client, agent.id, "Hello")
    (run,) = client.runs.list(agent_id=agent.id)
    assert (run.agent_id, run.status, run.stop_reason) == (agent.id, "completed", "end_turn")
    assert response.usage.run_ids == [run.id]
    assert client.runs.retrieve(str(run.id)) == run

    told = client.runs.messages.list(str(run.id), order="asc")
    assert set(keys(response.messages)) <= set(keys(told))
    assert spoken(told) == "You said: Hello"
    (step,) = client.runs.steps.list(str(run.id))
    assert step.run_id == run.id
    usage = client.runs.usage.retrieve(str(run.id))
    assert usage.total_tokens == response.usage.total_tokens


def test_steps_are_listed_across_pages(client: Letta, agent: AgentState) -> None:
    for _ in range(3):
        send(client, agent.id, "Hello")
    steps = list(pages(client.steps.list, agent_id=agent.id, limit=2))
    assert len({step.id for step in steps}) == len(steps) == 3
    step = client.steps.retrieve(steps[0].id)
    assert (step.agent_id, step.model, step.status) == (agent.id, "gpt-4.1", "success")
    assert step.prompt_tokens and step.completion_tokens


def test_runs_are_listed_across_pages(client: Letta, agent: AgentState) -> None:
    for _ in range(3):
        send(client, agent.id, "Hello")
    runs = [run.id for run in pages(client.runs.list, agent_id=agent.id, limit=2)]
    assert len(runs) == len(set(runs)) == 3
