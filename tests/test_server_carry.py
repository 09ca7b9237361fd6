"""Agents to files and back over REST, and what their context windows hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import memgpt
import pytest

from tests.server_client import Answered, Client

ROLL = '''
def roll(sides: int) -> int:
    """Roll a die.

    Args:
        sides (int): how many sides it has.
    """
    raise SystemExit("executed")
'''
BLOCKS = [
    {"label": "human", "value": "Chad.", "limit": 500, "metadata": {"a": 1}, "tags": ["x"]},
    {"label": "rules", "value": "Be kind.", "read_only": True, "description": "What counts."},
]
SAID = {
    "description": "Knows things.",
    "tags": ["a", "b"],
    "metadata": {"team": 1},
    "model_settings": {"provider_type": "offline", "temperature": 0.5},
    "tool_rules": [{"type": "exit_loop", "tool_name": "send_message"}],
    "timezone": "Europe/Rome",
    "system": "You are Sam.",
    "context_window_limit": 16_000,
}


def form(fields: Mapping[str, str], file: str, boundary: str = "xyz") -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = 'Content-Disposition: form-data; name="file"; filename="sam.af"'
    parts.append(f"--{boundary}\r\n{head}\r\nContent-Type: text/plain\r\n\r\n{file}\r\n")
    return ("".join(parts) + f"--{boundary}--\r\n").encode()


def sent(client: Client, body: bytes, content_type: str = "", **headers: str) -> Answered:
    kind = content_type or "multipart/form-data; boundary=xyz"
    return client.post("/v1/agents/import", raw=body, headers={"Content-Type": kind, **headers})


def taken(client: Client, file: Any, **fields: str) -> Any:
    answered = sent(client, form(fields, json.dumps(file)))
    assert answered.status == 200, answered.body
    (agent_id,) = answered.json["agent_ids"]
    return client.ok("GET", f"/v1/agents/{agent_id}")


def exported(client: Client, agent: Any, query: str = "") -> Any:
    return client.ok("GET", f"/v1/agents/{agent['id']}/export{query}")


def told(client: Client, agent: Any) -> list[tuple[str, str]]:
    listed = client.ok("GET", f"/v1/agents/{agent['id']}/messages?order=asc&limit=200")
    texts = ("content", "tool_return", "reasoning")
    return [
        (
            m["message_type"],
            next((m[t] for t in texts if t in m), m.get("tool_call", {}).get("name")),
        )
        for m in listed
    ]


def essence(agent: Any) -> dict[str, Any]:
    """All of an agent but its ids, times and runs."""
    own = {"id", "created_at", "updated_at", "message_ids", "memory", "blocks", "tools"}
    own |= {name for name in agent if name.startswith("last_")}
    kept = {name: value for name, value in agent.items() if name not in own}
    kept["blocks"] = [{**block, "id": None} for block in agent["blocks"]]
    kept["tools"] = [tool["name"] for tool in agent["tools"]]
    return kept


def lived(client: Client, **more: Any) -> Any:
    agent = client.agent(name="Sam", memory_blocks=BLOCKS, **SAID, **more)
    client.say(agent["id"], "I live in Turin.")
    client.say(agent["id"], "My dog is called Rex.")
    return client.ok("GET", f"/v1/agents/{agent['id']}")


def test_an_agent_comes_back_as_it_was(client: Client, home: memgpt.Home) -> None:
    agent = lived(client, tools=["web_search"])
    again = taken(client, exported(client, agent))
    assert again["id"] != agent["id"]
    assert essence(again) == essence(agent)
    assert told(client, again) == told(client, agent)
    assert len(again["message_ids"]) == len(agent["message_ids"])
    client.say(again["id"], "Where do I live?")
    assert home.check(replay=True) == []


def test_its_blocks_are_as_good_as_any(client: Client) -> None:
    again = taken(client, exported(client, lived(client)))
    block = again["blocks"][0]
    path = f"/v1/agents/{again['id']}/core-memory/blocks/human"
    assert client.ok("PATCH", path, {"value": "Ann."})["id"] == block["id"]
    changed = client.ok("PATCH", f"/v1/blocks/{block['id']}", {"value": "Eve."})
    assert (changed["value"], changed["limit"], changed["tags"]) == ("Eve.", 500, ["x"])
    other = client.agent()["id"]
    shared = client.ok("PATCH", f"/v1/agents/{other}/core-memory/blocks/attach/{block['id']}")
    assert shared["blocks"][0]["value"] == "Eve."


def test_names_models_and_secrets_can_be_given(client: Client) -> None:
    file = exported(client, lived(client))
    copy = taken(client, file, append_copy_suffix="true", strip_messages="true")
    assert copy["name"] == "Sam_copy" and told(client, copy) == []
    named = taken(client, file, override_name="Ann", secrets='{"KEY": "v"}')
    assert named["name"] == "Ann" and [s["key"] for s in named["secrets"]] == ["KEY"]
    assert "v" not in [s["value"] for s in named["secrets"]]
    embedded = sent(client, form({}, json.dumps(file)), **{"x-override-embedding-model": "offline"})
    (agent_id,) = embedded.json["agent_ids"]
    assert client.ok("GET", f"/v1/agents/{agent_id}")["embedding"] == "offline"
    file["agents"][0]["model"] = "nobody/nothing"
    refused = sent(client, form({}, json.dumps(file)))
    assert refused.status == 404 and "override_model_handle" in refused.detail
    assert taken(client, file, override_model_handle="offline")["model"] == "offline"


def test_nothing_stays_of_what_cannot_be_made(client: Client, home: memgpt.Home) -> None:
    file = exported(client, lived(client))
    before = client.ok("GET", "/v1/agents/count"), client.ok("GET", "/v1/blocks/count")
    file["agents"].append({**file["agents"][0], "agent_type": "no type"})
    assert sent(client, form({}, json.dumps(file))).status == 422
    assert before == (client.ok("GET", "/v1/agents/count"), before[1])
    assert home.agents() == ["Sam"]


def test_all_agents_of_a_file_are_made(client: Client, home: memgpt.Home) -> None:
    file = exported(client, lived(client))
    file["agents"].append({**file["agents"][0], "name": "Ann"})
    answered = sent(client, form({}, json.dumps(file)))
    names = [client.ok("GET", f"/v1/agents/{i}")["name"] for i in answered.json["agent_ids"]]
    assert names == ["Sam", "Ann"] and home.check(replay=True) == []


def test_tools_come_with_their_sources_and_are_not_run(client: Client) -> None:
    file = exported(client, lived(client))
    file["tools"].append({"id": "tool-99", "name": "roll", "source_code": ROLL})
    file["tools"].append({"id": "tool-98", "name": "bare", "json_schema": {"name": "bare"}})
    file["tools"].append({"id": "tool-97", "name": "bad", "source_code": "def bad(:"})
    file["agents"][0]["tool_ids"] += ["tool-99", "tool-98", "tool-97"]
    answered = sent(client, form({}, json.dumps(file)))
    (agent_id,) = answered.json["agent_ids"]
    again = client.ok("GET", f"/v1/agents/{agent_id}")
    tool = again["tools"][-1]
    assert (tool["name"], tool["tool_type"], tool["source_code"]) == ("roll", "custom", ROLL)
    assert list(tool["json_schema"]["parameters"]["properties"]) == ["sides"]
    left = " ".join(answered.json["left_out"])
    assert '"bare"' in left and '"bad"' in left
    back = exported(client, again)
    assert [t["source_code"] for t in back["tools"] if t["name"] == "roll"] == [ROLL]
    assert taken(client, back)["tools"][-1]["id"] == tool["id"]


def test_a_reset_agent_goes_without_what_it_no_longer_shows(client: Client) -> None:
    agent = lived(client)
    client.ok("PATCH", f"/v1/agents/{agent['id']}/reset-messages", {})
    client.say(agent["id"], "Hello again.")
    again = taken(client, exported(client, agent))
    assert told(client, again) == told(client, agent)
    assert "Turin" not in json.dumps(exported(client, agent)["agents"][0]["messages"])
    assert exported(client, agent, "?scrub_messages=true")["agents"][0]["messages"] == []
    legacy = client.get(f"/v1/agents/{agent['id']}/export?use_legacy_format=true")
    assert legacy.status == 400


def test_python_carries_what_rest_says(client: Client, home: memgpt.Home, tmp_path: Path) -> None:
    agent = lived(client)
    with pytest.warns(UserWarning):
        home.agent("Sam").export(tmp_path / "sam.af")
    with pytest.warns(UserWarning) as told_of:
        home.import_agent(tmp_path / "sam.af", name="Ann")
    assert not any("tags of the agent" in str(w.message) for w in told_of)
    (ann,) = client.ok("GET", "/v1/agents/?name=Ann")
    for name in ("tags", "description", "metadata", "tool_rules", "model_settings"):
        assert ann[name] == agent[name], name


GOOD = form({}, "{}").decode()
ODD: list[tuple[str, str, int, str]] = [
    ("multipart/form-data; boundary=xyz", GOOD + "\r\n\r\nepilogue", 400, "agents"),
    ("multipart/form-data; boundary=xyz", "preamble\r\n" + GOOD, 400, "agents"),
    ('Multipart/Form-Data; charset=x; BOUNDARY="xyz"', GOOD, 400, "agents"),
    ("multipart/form-data; boundary=xyz", GOOD.replace("\r\n", "\n"), 400, "agents"),
    ("multipart/form-data; boundary=xyz", GOOD.replace("{}", "\r\n--xyzz{}"), 400, "JSON"),
    ("multipart/form-data; boundary=xyz", GOOD.replace('"file"', "file"), 400, "agents"),
    ("multipart/form-data; boundary=xyz", GOOD.replace('"file"', '"other"'), 422, '"file"'),
    ("multipart/form-data; boundary=xyz", GOOD.replace('name="file"; ', ""), 422, "no name"),
    ("multipart/form-data; boundary=xyz", GOOD.replace("--xyz--", ""), 422, "ends before"),
    ("multipart/form-data; boundary=xyz", "--xyz", 422, "ends before"),
    ("multipart/form-data; boundary=xyz", "--xyz\r\n--xyz--", 422, "headers"),
    ("multipart/form-data; boundary=xyz", "--xyz\r\nnonsense\r\n\r\n--xyz--", 422, "colon"),
    ("multipart/form-data; boundary=xyz", "--xyz--\r\n", 422, '"file"'),
    ("multipart/form-data; boundary=xyz", "", 422, "boundary"),
    ("multipart/form-data; boundary=other", GOOD, 422, "boundary"),
    ("multipart/form-data", GOOD, 422, "boundary"),
    ("multipart/form-data; boundary=" + "x" * 71, GOOD, 422, "boundary"),
    ("application/json", "{}", 415, "multipart"),
    ("multipart/form-data; boundary=xyz", GOOD.replace("Content-Type", "X" * 9000), 422, "headers"),
    ("multipart/form-data; boundary=xyz", form({f"f{i}": "" for i in range(201)}, "{}").decode(),
     422, "200 parts"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "status", "words"), ODD)
def test_odd_bodies(kind: str, body: str, status: int, words: str, client: Client) -> None:
    answered = sent(client, body.encode(), kind)
    assert (answered.status, words in answered.detail) == (status, True), answered.body
    assert client.ok("GET", "/v1/agents/count") == 0


BAD_FILES = [
    b"\xff\xfe", b"[]", b"nonsense", b'{"agents": 3}', b'{"agents": []}', b'{"agents": [3]}',
    b'{"agents": [{"model": 3}]}',
    b'{"agents": [{"model": "offline", "messages": 3}]}', b"[" * 100_000,
    b'{"agents": [{"model": "offline", "block_ids": 3}]}',
    b'{"agents": [{"model": "offline", "memory_blocks": [{"label": "a", "tags": [NaN]}]}]}',
]  # fmt: skip


@pytest.mark.parametrize("file", BAD_FILES)
def test_files_that_are_none(file: bytes, client: Client) -> None:
    body = form({}, "@").replace(b"@", file)
    answered = sent(client, body)
    assert answered.status in (400, 422), answered.body
    assert client.ok("GET", "/v1/agents/count") == 0


def test_what_is_no_json_is_left_out(client: Client) -> None:
    file = b'{"agents": [{"model": "offline", "metadata": {"a": NaN}, "description": "It."}]}'
    answered = sent(client, form({}, file.decode()))
    (agent_id,) = answered.json["agent_ids"]
    agent = client.ok("GET", f"/v1/agents/{agent_id}")
    assert (agent["metadata"], agent["description"]) == (None, "It.")
    assert "the metadata, which is no JSON" in answered.json["left_out"]


def test_a_file_with_little_in_it_is_an_agent(client: Client) -> None:
    file = {"agents": [{"model": "offline", "metadata": {"a": "\ud800"}, "tags": [3, "x"]}]}
    agent = taken(client, file)
    assert agent["name"] and agent["tags"] == ["x"] and agent["blocks"] == []
    bad = sent(client, form({"secrets": "[]"}, json.dumps(file)))
    assert bad.status == 422 and "secrets" in bad.detail
    bad = sent(client, form({"strip_messages": "perhaps"}, json.dumps(file)))
    assert bad.status == 422 and "strip_messages" in bad.detail


def test_the_overview_adds_up(client: Client, home: memgpt.Home) -> None:
    agent = lived(client)
    overview = client.ok("GET", f"/v1/agents/{agent['id']}/context")
    context = home.agent("Sam").context()
    parts = [value for name, value in overview.items() if name.startswith("num_tokens_")]
    assert sum(parts) == overview["context_window_size_current"] == context.tokens
    assert overview["context_window_size_max"] == 16_000
    assert overview["num_messages"] == len(overview["messages"]) == len(agent["message_ids"])
    assert overview["num_recall_memory"] == len(home.agent("Sam").recall)
    assert overview["system_prompt"].startswith("You are Sam.")
    assert "Chad." in overview["core_memory"]
    names = [tool["function"]["name"] for tool in overview["functions_definitions"]]
    assert names == [tool["name"] for tool in agent["tools"]]
    assert [m["id"] for m in overview["messages"]] == agent["message_ids"]


def test_a_recompiled_prompt_is_what_is_sent(client: Client) -> None:
    agent = lived(client)
    path = f"/v1/agents/{agent['id']}"
    prompt = client.ok("POST", f"{path}/recompile?dry_run=true")
    assert prompt.startswith("You are Sam.") and "Be kind." in prompt
    before = client.ok("GET", path)
    payload = client.ok("POST", f"{path}/messages/preview-raw-payload", {"input": "Where am I?"})
    assert payload["messages"][0] == {"role": "system", "content": prompt}
    assert "Where am I?" in payload["messages"][-1]["content"] and payload["model"] == "offline"
    shown = client.ok("POST", f"{path}/messages/preview-raw-payload", {})
    assert shown["messages"] == payload["messages"][:-1]
    assert client.ok("GET", path) == before, "nothing is written"
    assert client.post(f"{path}/messages/preview-raw-payload", {"messages": []}).status == 422


def talked(client: Client, turns: int = 6) -> str:
    agent = client.agent(name="Sam", memory_blocks=BLOCKS, agent_type="memgpt_agent")["id"]
    for n in range(turns):
        client.say(agent, f"The code of door {n} is {n}417.")
    return agent


def test_compaction_says_what_it_did(client: Client, home: memgpt.Home) -> None:
    agent = talked(client)
    path = f"/v1/agents/{agent}/summarize"
    done = client.ok("POST", path, {})
    assert 0 < done["num_messages_after"] < done["num_messages_before"] and done["summary"]
    held = client.ok("GET", f"/v1/agents/{agent}")["message_ids"]
    assert len(held) == done["num_messages_after"]
    while done["num_messages_after"] < done["num_messages_before"]:
        done = client.ok("POST", path, {"compaction_settings": {"mode": "all"}})
    assert done["summary"], "nothing is left to compact: the old summary"
    refused = client.post(path, {"compaction_settings": {"prompt": "Be short."}})
    assert refused.status == 501 and "prompt" in refused.detail
    assert home.check(replay=True) == []


def test_nothing_to_compact_is_no_summary(client: Client) -> None:
    agent = client.agent()["id"]
    done = client.ok("POST", f"/v1/agents/{agent}/summarize?max_message_length=10")
    assert done == {"summary": "", "num_messages_before": 0, "num_messages_after": 0}


MADE_ROOM = ["compact", "reset"]


def make_room(client: Client, agent: str, how: str) -> None:
    if how == "compact":
        client.ok("POST", f"/v1/agents/{agent}/summarize", {})
    else:
        client.ok("PATCH", f"/v1/agents/{agent}/reset-messages", {})


@pytest.mark.parametrize("how", MADE_ROOM)
def test_an_agent_goes_on_after_room_was_made(how: str, client: Client, home: memgpt.Home) -> None:
    agent = talked(client)
    window = client.ok("GET", f"/v1/agents/{agent}")["message_ids"]
    make_room(client, agent, how)
    assert len(client.ok("GET", f"/v1/agents/{agent}")["message_ids"]) < len(window)
    assert home.check(replay=True) == []
    own = home.agent("Sam")
    hits = own.recall.search("the code of door 0")
    assert any("0417" in hit.message.text for hit in hits), "what was said is still found"
    said = client.say(agent, "Hello.")
    assert said["stop_reason"]["stop_reason"] == "end_turn"
    again = own.recompile(policy=memgpt.RecursiveSummary())
    assert again.steps and home.check(replay=True) == []


@pytest.mark.parametrize("how", MADE_ROOM)
def test_room_that_was_made_is_undone(how: str, client: Client, home: memgpt.Home) -> None:
    agent = talked(client)
    own = home.agent("Sam")
    before = [message.text for message in own.window]
    make_room(client, agent, how)
    steps = len(own.steps())
    own.undo()
    # A reset is two commits over REST: the second one tells from where on messages are listed.
    assert len(own.steps()) < steps
    assert [message.text for message in own.window] == before
    own.redo()
    assert len(own.window) < len(before) and home.check(replay=True) == []


def test_a_reset_lets_pinned_messages_go(client: Client, home: memgpt.Home) -> None:
    agent = talked(client)
    own = home.agent("Sam")
    own.pin(own.window[0])
    client.ok("PATCH", f"/v1/agents/{agent}/reset-messages", {})
    assert own.pinned == [] and list(own.window) == [] and own.memory.summary == ""
    client.say(agent, "Hello.")
    assert own.window[0].text == "Hello." and home.check(replay=True) == []
    own.undo()
    own.undo()
    assert own.pinned == [0] and home.check(replay=True) == []


def test_pinned_messages_stay_in_a_compacted_window(client: Client, home: memgpt.Home) -> None:
    agent = talked(client)
    own = home.agent("Sam")
    own.pin(own.window[0])
    client.ok("POST", f"/v1/agents/{agent}/summarize", {})
    assert own.window[0].position == 0 and home.check(replay=True) == []
