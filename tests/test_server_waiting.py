"""What waits for an agent's turns keeps nobody else waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import memgpt
import pytest
from memgpt.testing import ScriptedLLM

from tests.conftest import say
from tests.server_client import Answered, Client

MANY = 12  # more than there are threads for requests


class Model:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, _request: dict[str, Any]) -> dict[str, Any]:
        self.asked.set()
        assert self.go_on.wait(60)
        return say("Here.")


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def pool(model: Model) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MANY + 1) as pool:
        yield pool
        model.go_on.set()


@pytest.fixture
def client(home: memgpt.Home, model: Model) -> Iterator[Client]:
    with home.serve(port=0, models={"scripted": ScriptedLLM(model)}) as server:
        yield Client(server.url)
        model.go_on.set()


@pytest.fixture
def busy(client: Client, model: Model, pool: ThreadPoolExecutor) -> tuple[str, Future[Any]]:
    """An agent in the middle of a step, and what its sender will have."""
    agent = client.agent(model="scripted", memory_blocks=[{"label": "human", "value": "Ann."}])
    turn = pool.submit(client.say, agent["id"], "Hello?")
    assert model.asked.wait(60)
    return agent["id"], turn


def changes(client: Client, pool: ThreadPoolExecutor, agent: str) -> list[Future[Answered]]:
    block = client.ok("GET", f"/v1/agents/{agent}/core-memory/blocks/human")["id"]
    wanted = [
        ("PATCH", f"/v1/agents/{agent}", {"tags": ["busy"]}),
        ("PATCH", f"/v1/agents/{agent}/core-memory/blocks/human", {"value": "Bea."}),
        ("PATCH", f"/v1/blocks/{block}", {"description": "Who it is."}),
        ("PATCH", f"/v1/agents/{agent}/reset-messages", {}),
    ]
    return [pool.submit(client.ask, *wanted[i % len(wanted)]) for i in range(MANY)]


def test_others_are_answered_meanwhile(
    client: Client, model: Model, pool: ThreadPoolExecutor, busy: tuple[str, Future[Any]]
) -> None:
    agent, turn = busy
    waiting = changes(client, pool, agent)
    for path in ("/v1/health", f"/v1/agents/{agent}", "/v1/agents", "/v1/blocks"):
        assert client.get(path).status == 200
    other = client.agent()["id"]
    assert client.say(other, "Hello?")["stop_reason"]["stop_reason"] == "end_turn"
    assert not turn.done() and not any(change.done() for change in waiting)
    model.go_on.set()
    assert turn.result(60)["stop_reason"]["stop_reason"] == "end_turn"
    assert {change.result(60).status for change in waiting} == {200}
    changed = client.ok("GET", f"/v1/agents/{agent}")
    assert changed["tags"] == ["busy"] and changed["blocks"][0]["value"] == "Bea."


def test_a_cancelled_turn_leaves_what_waits_behind_it(
    client: Client, model: Model, pool: ThreadPoolExecutor, busy: tuple[str, Future[Any]]
) -> None:
    agent, turn = busy
    waiting = changes(client, pool, agent)
    client.ok("POST", f"/v1/agents/{agent}/messages/cancel", {})
    model.go_on.set()
    assert turn.result(60)["stop_reason"]["stop_reason"] == "cancelled"
    assert {change.result(60).status for change in waiting} == {200}


def test_a_deletion_waits_for_the_step_and_keeps_nobody_waiting(
    client: Client, model: Model, pool: ThreadPoolExecutor, busy: tuple[str, Future[Any]]
) -> None:
    agent, turn = busy
    deletion = pool.submit(client.ask, "DELETE", f"/v1/agents/{agent}")
    assert client.get("/v1/health").status == 200
    model.go_on.set()
    assert deletion.result(60).status == 200
    # The model may have gone on before the deletion came.
    assert turn.result(60)["stop_reason"]["stop_reason"] in ("cancelled", "end_turn")
    assert client.ask("PATCH", f"/v1/agents/{agent}", {"tags": []}).status == 404
