"""Runs and steps over REST: what the journal tells of turns and model calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import memgpt
import pytest
from memgpt.errors import ProviderError
from memgpt.testing import ScriptedLLM

from tests.server_client import Client

APPEND = {
    "tool": "core_memory_append",
    "args": {"name": "human", "content": "Has a dog."},
    "heartbeat": True,
}
SAY = {"tool": "send_message", "args": {"message": "Noted."}}
MISSING = "00000000-0000-4000-8000-000000000999"


class Script:
    """What the model does next: an item, or a function that gives one."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def __call__(self, _context: Any) -> Any:
        item = self.items.pop(0) if self.items else SAY
        return item() if isinstance(item, Callable) else item


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def client(home: memgpt.Home, script: Script) -> Iterator[Client]:
    with home.serve(port=0, models={"scripted": ScriptedLLM(script)}) as server:
        yield Client(server.url)


def new_agent(client: Client, **more: Any) -> str:
    return client.agent(
        model="scripted",
        agent_type="memgpt_agent",
        memory_blocks=[{"label": "human", "value": "Chad."}],
        **more,
    )["id"]


def runs(client: Client, **query: Any) -> list[Any]:
    asked = "&".join(f"{key}={value}" for key, value in query.items())
    return client.ok("GET", f"/v1/runs/?{asked}")


def pages(client: Client, path: str) -> list[str]:
    seen: list[str] = []
    while True:
        after = f"&after={seen[-1]}" if seen else ""
        page = client.ok("GET", path + after)
        if not page:
            return seen
        seen += [item["id"] for item in page]


def test_a_turn_is_a_run(client: Client, script: Script) -> None:
    script.items = [APPEND, SAY]
    agent = new_agent(client)
    said = client.say(agent, "I have a dog.")
    (run,) = runs(client, agent_id=agent)
    assert said["usage"]["run_ids"] == [run["id"]]
    assert (run["agent_id"], run["status"], run["stop_reason"]) == (agent, "completed", "end_turn")
    assert run["created_at"] <= run["completed_at"] and run["total_duration_ns"] > 0
    assert client.ok("GET", f"/v1/runs/{run['id']}") == run
    usage = client.ok("GET", f"/v1/runs/{run['id']}/usage")
    assert usage == said["usage"] and usage["step_count"] == 2 and usage["prompt_tokens"] > 0
    told = client.ok("GET", f"/v1/runs/{run['id']}/messages?order=asc")
    assert told[0]["message_type"] == "user_message"
    assert told[1:] == said["messages"]
    kinds = [m["message_type"] for m in client.ok("GET", f"/v1/runs/{run['id']}/messages?limit=1")]
    assert kinds == ["tool_return_message"]
    steps = client.ok("GET", f"/v1/runs/{run['id']}/steps?order=asc")
    assert [step["stop_reason"] for step in steps] == [None, "end_turn"]
    assert {m["step_id"] for m in said["messages"]} == {step["id"] for step in steps}


def test_several_messages_of_one_request_are_one_run(
    client: Client, home: memgpt.Home, script: Script
) -> None:
    agent = new_agent(client)
    both = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello."}]
    said = client.ok("POST", f"/v1/agents/{agent}/messages", {"messages": both})
    (run,) = runs(client, agent_id=agent)
    assert said["usage"]["run_ids"] == [run["id"]]
    told = client.ok("GET", f"/v1/runs/{run['id']}/messages?order=asc")
    assert [m.get("content") for m in told[:3]] == ["Be brief.", "Hello.", "Noted."]
    opened = home.agent(home.agents()[0])
    opened.undo()
    assert len(opened.recall) == 0 and home.check(replay=True) == []


def refuse() -> Any:
    raise ProviderError("the model is away")


ENDS = [
    ([SAY], {}, ("completed", "end_turn")),
    ([APPEND, SAY], {"max_steps": 1}, ("completed", "max_steps")),
    ([APPEND, refuse], {}, ("failed", "llm_api_error")),
    ([refuse], {}, ("failed", "llm_api_error")),
    ([" ", " ", " "], {}, ("failed", "no_tool_call")),
    ([{"tool": "no_such"}] * 3, {}, ("failed", "invalid_tool_call")),
]


@pytest.mark.parametrize(("items", "body", "end"), ENDS)
@pytest.mark.parametrize("streaming", [False, True])
def test_a_run_says_how_it_ended(
    items: list[Any], body: Any, end: Any, streaming: bool, client: Client, script: Script
) -> None:
    script.items = list(items)
    agent = new_agent(client)
    client.post(f"/v1/agents/{agent}/messages", {"input": "Hello.", "streaming": streaming, **body})
    (run,) = runs(client, agent_id=agent)
    assert (run["status"], run["stop_reason"]) == end
    assert run["completed_at"] is not None
    assert runs(client, agent_id=agent, statuses=end[0]) == [run]
    assert runs(client, agent_id=agent, stop_reason=end[1]) == [run]
    assert runs(client, agent_id=agent, statuses="cancelled") == []
    if refuse in items:
        assert "the model is away" in run["metadata"]["error"]


@pytest.mark.parametrize(
    ("items", "max_steps", "end"),
    [
        ([APPEND, SAY], 9, ("completed", "end_turn")),
        ([APPEND, APPEND], 2, ("completed", "max_steps")),
        ([APPEND, refuse], 9, ("failed", "error")),
        ([" "] * 3, 9, ("failed", "no_tool_call")),
    ],
)
def test_turns_of_the_program_are_judged_by_the_journal(
    items: list[Any], max_steps: int, end: Any, client: Client, home: memgpt.Home
) -> None:
    script = Script()
    script.items = list(items)
    agent = home.create_agent("own", model=ScriptedLLM(script), max_steps=max_steps)
    try:
        agent.send("Hello.")
    except ProviderError:
        assert refuse in items
    (run,) = runs(client, agent_id=agent.id)
    assert (run["status"], run["stop_reason"]) == end


def test_a_run_under_way_is_active_and_can_be_ended(client: Client, script: Script) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> Any:
        begun.set()
        assert go_on.wait(30)
        return APPEND

    script.items = [SAY, wait, SAY]
    agent = new_agent(client)
    client.say(agent, "Hello.")
    sender = threading.Thread(target=client.say, args=(agent, "Wait."))
    sender.start()
    assert begun.wait(30)
    (run,) = client.ok("GET", f"/v1/runs/active?agent_id={agent}")
    assert (run["status"], run["stop_reason"], run["completed_at"]) == ("running", None, None)
    assert runs(client, active="true") == [run] and len(runs(client)) == 2
    ended = client.ok("POST", f"/v1/agents/{agent}/messages/cancel", {"run_ids": [run["id"]]})
    assert ended == {run["id"]: "cancelled"}
    go_on.set()
    sender.join(30)
    ended = client.ok("GET", f"/v1/runs/{run['id']}")
    assert (ended["status"], ended["stop_reason"]) == ("cancelled", "cancelled")
    deadline = time.monotonic() + 10
    while client.ok("GET", "/v1/runs/active") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert client.ok("GET", "/v1/runs/active") == []


def test_runs_and_steps_are_paged(client: Client, home: memgpt.Home) -> None:
    first, second = new_agent(client), new_agent(client)
    made = [client.say(agent, "Hi.") for agent in (first, second, first, second, first)]
    ids = [said["usage"]["run_ids"][0] for said in made]
    steps = [said["messages"][0]["step_id"] for said in made]
    assert pages(client, "/v1/runs/?limit=2") == ids[::-1]
    assert pages(client, "/v1/runs/?limit=2&order=asc") == ids
    assert pages(client, f"/v1/runs/?limit=2&agent_ids={first}") == ids[4::-2]
    assert pages(client, f"/v1/runs?limit=1&order=asc&agent_id={second}") == ids[1::2]
    assert pages(client, "/v1/steps/?limit=2") == steps[::-1]
    assert pages(client, f"/v1/steps/?limit=2&order=asc&agent_id={first}") == steps[::2]
    before = [r["id"] for r in runs(client, limit=2, before=ids[0])]
    assert before == ids[2:0:-1]
    before = [r["id"] for r in runs(client, limit=1, agent_id=first, before=ids[0])]
    assert before == [ids[2]]
    assert runs(client, after=f"run-{MISSING}") == runs(client, agent_id=f"agent-{MISSING}") == []
    assert runs(client, background="true") == []


def test_a_step_has_all_that_is_known(client: Client, script: Script) -> None:
    script.items = [APPEND, SAY]
    agent = new_agent(client, context_window_limit=20_000)
    client.say(agent, "I have a dog.")
    last, first = client.ok("GET", f"/v1/steps/?agent_id={agent}")
    assert (first["status"], first["model"], first["context_window_limit"]) == (
        "success",
        "scripted",
        20_000,
    )
    assert first["total_tokens"] == first["prompt_tokens"] + first["completion_tokens"] > 0
    assert client.ok("GET", f"/v1/steps/{first['id']}") == first
    kinds = [m["message_type"] for m in client.ok("GET", f"/v1/steps/{first['id']}/messages")]
    assert kinds == ["tool_return_message", "tool_call_message"]
    metrics = client.ok("GET", f"/v1/steps/{first['id']}/metrics")
    assert metrics["step_start_ns"] > 0 and metrics["llm_request_ns"] is None
    assert metrics["step_ns"] >= metrics["tool_execution_ns"] >= 0
    assert client.ok("GET", f"/v1/steps/?model=other&agent_id={agent}") == []
    start = last["created_at"].replace("+", "%2B")
    assert client.ok("GET", f"/v1/steps/?start_date={start}&agent_id={agent}") == [last]
    assert client.get(f"/v1/steps/{first['id']}/trace").status == 501


def test_a_turn_that_was_given_a_time_does_not_tell_how_long_it_took(
    client: Client, home: memgpt.Home
) -> None:
    agent = home.create_agent("own", model=ScriptedLLM([SAY]))
    agent.send("Hello.", time="2023-05-08T13:56:00")
    (step,) = client.ok("GET", f"/v1/steps/?agent_id={agent.id}")
    metrics = client.ok("GET", f"/v1/steps/{step['id']}/metrics")
    assert (metrics["step_ns"], metrics["tool_execution_ns"]) == (None, None)


def test_a_step_can_be_judged(client: Client) -> None:
    agent = new_agent(client)
    client.say(agent, "Hi.")
    client.say(agent, "Hi.")
    step, other = client.ok("GET", f"/v1/steps/?agent_id={agent}")
    path = f"/v1/steps/{step['id']}/feedback"
    judged = client.ok("PATCH", path, {"feedback": "positive", "tags": ["a"]})
    assert judged == {**step, "feedback": "positive", "tags": ["a"]}
    assert client.ok("GET", "/v1/steps/?feedback=positive") == [judged]
    assert client.ok("GET", "/v1/steps/?has_feedback=false") == [other]
    assert client.ok("GET", "/v1/steps/?tags=b") == []
    assert client.patch(path, {"feedback": "so so"}).status == 422
    assert client.ok("PATCH", path, {"feedback": None})["feedback"] is None


def test_the_return_of_a_tool_outside_is_of_its_step(
    client: Client, home: memgpt.Home, script: Script
) -> None:
    def look_up(word: str) -> str:
        """Look a word up.

        Args:
            word: the word.
        """
        return f"{word}: found"

    script.items = [{"tool": "look_up", "args": {"word": "dog"}, "heartbeat": True}, SAY]
    agent = home.create_agent("own", model=ScriptedLLM(script), tools=[look_up])
    agent.send("What is a dog?")
    _, step = client.ok("GET", f"/v1/steps/?agent_id={agent.id}")
    told = client.ok("GET", f"/v1/steps/{step['id']}/messages?order=asc")
    assert [m["message_type"] for m in told] == ["tool_call_message", "tool_return_message"]
    assert {m["step_id"] for m in told} == {step["id"]}


@pytest.mark.parametrize("kind", ["run", "step"])
def test_what_is_not_there(kind: str, client: Client) -> None:
    assert client.get(f"/v1/{kind}s/{kind}-{MISSING}").status == 404
    assert client.get(f"/v1/{kind}s/nonsense").status == 422


def test_an_undone_run_is_not_listed_but_known(client: Client, home: memgpt.Home) -> None:
    agent = home.create_agent("own", model=ScriptedLLM([SAY, SAY]))
    agent.send("One.")
    agent.send("Two.")
    two, one = runs(client, agent_id=agent.id)
    agent.undo()
    assert runs(client, agent_id=agent.id) == [one]
    assert client.ok("GET", f"/v1/runs/{two['id']}") == two


def test_a_fork_lists_what_it_did_itself(client: Client, home: memgpt.Home) -> None:
    agent = home.create_agent("own", model=ScriptedLLM([SAY, SAY]))
    agent.send("One.")
    fork = agent.fork("other")
    assert runs(client, agent_id=fork.id) == [] and len(runs(client)) == 1


def test_runs_are_not_deleted(client: Client) -> None:
    agent = new_agent(client)
    run = client.say(agent, "Hi.")["usage"]["run_ids"][0]
    answered = client.delete(f"/v1/runs/{run}")
    assert answered.status == 405 and "not deleted" in answered.detail
    assert client.get(f"/v1/runs/{run}").status == 200
    client.delete(f"/v1/agents/{agent}")
    assert client.get(f"/v1/runs/{run}").status == 404 and runs(client) == []
