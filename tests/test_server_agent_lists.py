"""Lists of agents over REST: filtered, ordered, and what is told of their last runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import memgpt
import pytest
from memgpt.errors import ProviderError
from memgpt.testing import ScriptedLLM

from tests.server_client import Client

SAY = {"tool": "send_message", "args": {"message": "Noted."}}


class Model:
    """Says what the user asks it to do."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, context: Any) -> Any:
        said = context.to_request()["messages"][-1]["content"]
        if "fail" in said:
            raise ProviderError("the model is away")
        if "wait" in said:
            self.begun.set()
            assert self.go_on.wait(30)
        return SAY


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def client(home: memgpt.Home, model: Model) -> Iterator[Client]:
    with home.serve(port=0, models={"scripted": ScriptedLLM(model)}) as server:
        yield Client(server.url)


def new_agent(client: Client, name: str, **more: Any) -> str:
    return client.agent(name=name, model="scripted", **more)["id"]


def names(client: Client, **query: Any) -> list[str]:
    return [a["name"] for a in client.ok("GET", f"/v1/agents/?{urlencode(query)}")]


def shown(client: Client, agent: str) -> Any:
    return client.ok("GET", f"/v1/agents/{agent}")


def last_run(client: Client, agent: str) -> tuple[Any, Any, Any]:
    state = shown(client, agent)
    return tuple(  # type: ignore[return-value]
        state[name] for name in ("last_run_completion", "last_run_duration_ms", "last_stop_reason")
    )


def test_an_agent_tells_of_its_last_run(client: Client) -> None:
    agent = new_agent(client, "a")
    assert last_run(client, agent) == (None, None, None)
    client.say(agent, "Hello.")
    (run,) = client.ok("GET", f"/v1/runs/?agent_id={agent}")
    completed, took, reason = last_run(client, agent)
    assert (completed, reason) == (run["completed_at"], "end_turn")
    assert took == run["total_duration_ns"] // 1_000_000
    client.post(f"/v1/agents/{agent}/messages", {"input": "fail"})
    later, _, reason = last_run(client, agent)
    assert reason == "llm_api_error"
    assert datetime.fromisoformat(later) > datetime.fromisoformat(completed)


def test_a_run_under_way_is_not_the_last_one(client: Client, model: Model) -> None:
    agent = new_agent(client, "a")
    client.say(agent, "Hello.")
    before = last_run(client, agent)
    sender = threading.Thread(target=client.say, args=(agent, "wait"))
    sender.start()
    assert model.begun.wait(30)
    assert last_run(client, agent) == before
    model.go_on.set()
    sender.join(30)
    assert last_run(client, agent)[0] > before[0]


def test_a_call_that_was_cut_short_does_not_make_its_run_longer(
    client: Client, home: memgpt.Home
) -> None:
    def break_off() -> str:
        """Be broken off."""
        raise KeyboardInterrupt

    agent = home.create_agent(
        "a", model=ScriptedLLM([{"tool": "break_off"}, SAY]), tools=[break_off]
    )
    with pytest.raises(KeyboardInterrupt):
        agent.send("Go.")
    time.sleep(0.3)
    agent.send("Again.")
    broken, _ = client.ok("GET", f"/v1/runs/?agent_id={agent.id}&order=asc")
    assert broken["stop_reason"] == "error" and broken["total_duration_ns"] < 250_000_000
    (step,) = client.ok("GET", f"/v1/runs/{broken['id']}/steps")
    metrics = client.ok("GET", f"/v1/steps/{step['id']}/metrics")
    assert (metrics["step_ns"], metrics["tool_execution_ns"]) == (None, None)


def test_agents_are_ordered_by_when_they_last_did_something(client: Client) -> None:
    ids = {name: new_agent(client, name) for name in "abcd"}
    for name in "cab":  # d has never run
        client.say(ids[name], "Hello.")
    client.ok("PATCH", f"/v1/agents/{ids['c']}", {"description": "Changed."})
    assert names(client) == names(client, order_by="created_at") == list("dcba")
    assert names(client, order_by="last_run_completion") == list("bacd")
    assert names(client, order_by="last_run_completion", order="asc") == list("cabd")
    assert names(client, sort_by="last_run_completion", ascending="true") == list("cabd")
    assert names(client, order_by="updated_at") == list("cbad")
    seen: list[str] = []
    after: dict[str, str] = {}
    while page := names(client, order_by="updated_at", order="asc", limit=3, **after):
        seen += page
        after = {"after": ids[seen[-1]]}
    assert seen == list("dabc")
    answered = client.get("/v1/agents/?order_by=name")
    assert answered.status == 422 and "last_run_completion" in answered.detail


def test_agents_are_found_by_how_their_last_run_ended(client: Client) -> None:
    new_agent(client, "new")
    for name, text in (("good", "Hello."), ("bad", "fail")):
        client.post(f"/v1/agents/{new_agent(client, name)}/messages", {"input": text})
    assert names(client, last_stop_reason="end_turn") == ["good"]
    assert names(client, last_stop_reason="llm_api_error") == ["bad"]
    assert names(client, last_stop_reason="max_steps") == []


def test_agents_and_tags_are_searched_in_either_case(client: Client) -> None:
    new_agent(client, "Émile's Helper", tags=["Home/Work"])
    new_agent(client, "other")
    assert names(client, query_text="émile'S") == ["Émile's Helper"]
    assert client.ok("GET", "/v1/tags/?query_text=home") == ["Home/Work"]
    assert client.ok("GET", "/v1/tags/?query_text=away") == []


def test_agents_are_found_by_their_project(client: Client) -> None:
    new_agent(client, "a", project_id="project-1")
    new_agent(client, "b")
    assert names(client, project_id="project-1") == ["a"]
    assert names(client, project_id="project-2") == []


@pytest.mark.parametrize(
    "name",
    ["identity_id", "identifier_keys", "template_id", "base_template_id", "created_by_id"],
)
def test_no_agent_is_found_by_what_none_has(name: str, client: Client) -> None:
    new_agent(client, "a")
    assert names(client, **{name: "x-1"}) == []
