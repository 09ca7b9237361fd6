"""Letta's agent files: in and out as far as they go, and what they cannot carry is said."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import memgpt
import pytest
from memgpt.errors import AlreadyExists, InvalidInput, StoreError

from tests.conftest import CheckedLLM
from tests.export_checks import lived, ship


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sam.af"


def theirs(style: str = "counted", **fields: Any) -> dict[str, Any]:
    """What that server writes of a small agent."""

    def uid(kind: str, number: int) -> str:
        if style == "counted":
            return f"{kind}-{number}"
        return f"{kind}-6f8e0a1c-2b7d-4c55-9d0e-00000000000{number}"

    def message(number: int, role: str, content: Any, **more: Any) -> dict[str, Any]:
        made = f"2026-01-02T03:0{number}:00+00:00"
        return {"id": uid("message", number), "role": role, "content": content, "created_at": made,
                **more}  # fmt: skip

    def called(name: str, call: str, **arguments: Any) -> list[dict[str, Any]]:
        function = {"name": name, "arguments": json.dumps(arguments)}
        return [{"id": call, "type": "function", "function": function}]

    messages = [
        message(0, "system", [{"type": "text", "text": "You are Sam.\n\n<memory_blocks>..."}]),
        message(1, "user", json.dumps({"type": "login", "last_login": "Never (first login)"})),
        message(2, "user", [{"type": "text", "text": "I moved to Turin."}], name="ann"),
        message(
            3, "assistant", [{"type": "text", "text": "Noted down."}],
            tool_calls=called("send_message", "call-1", message="Turin, how nice."),
        ),
        message(
            4, "tool", json.dumps({"status": "OK", "message": "Sent.", "time": "x"}),
            name="send_message", tool_call_id="call-1",
        ),
        message(5, "user", json.dumps({"type": "user_message", "message": "Roll a die."})),
        message(6, "assistant", None, tool_calls=called("roll_d20", "call-2", sides=20)),
        message(
            7, "tool", json.dumps({"status": "Failed", "message": "no dice", "time": "x"}),
            tool_call_id="call-2",
        ),
    ]  # fmt: skip
    schema = {
        "name": "roll_d20",
        "description": "Roll.",
        "parameters": {
            "type": "object",
            "properties": {"sides": {"type": "integer"}, "request_heartbeat": {"type": "boolean"}},
            "required": ["sides", "request_heartbeat"],
        },
    }
    agent = {
        "id": uid("agent", 0),
        "name": "sam",
        "agent_type": "memgpt_v2_agent",
        "system": "You are Sam.",
        "model": "openai/gpt-4.1",
        "llm_config": {"model": "gpt-4.1", "context_window": 32000},
        "timezone": "Europe/Rome",
        "messages": messages,
        "in_context_message_ids": [uid("message", i) for i in (0, 5, 6, 7)],
        "block_ids": [uid("block", 0), uid("block", 1)],
        "tool_ids": [uid("tool", 0), uid("tool", 1)],
    }
    return {
        "agents": [{**agent, **fields}],
        "blocks": [
            {"id": uid("block", 0), "label": "human", "value": "Ann.", "limit": 5000},
            {"id": uid("block", 1), "label": "persona", "value": "I am Sam.", "limit": 5,
             "read_only": True, "description": "Who I am."},
        ],
        "tools": [
            {"id": uid("tool", 0), "name": "send_message", "tool_type": "letta_core"},
            {"id": uid("tool", 1), "name": "roll_d20", "tool_type": "custom",
             "source_code": "raise SystemExit('executed')", "json_schema": schema},
        ],
        "groups": [], "files": [], "sources": [], "mcp_servers": [], "skills": [],
        "metadata": {}, "created_at": "2026-01-02T04:00:00+00:00",
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:the model 'openai")
@pytest.mark.parametrize("style", ["counted", "uuid"])
def test_theirs_come_in(kit: Any, file: Path, style: str) -> None:
    file.write_text(json.dumps(theirs(style, tags=["x"], tool_rules=[{"type": "run_first"}])))
    with pytest.warns(UserWarning, match="was imported without") as caught:
        agent = kit.home.import_agent(file)
    (told,) = [str(w.message) for w in caught if "imported without" in str(w.message)]
    for what in ("tool rules", 'limit of block "persona"'):
        assert what in told
    assert agent.config["tags"] == ["x"]
    assert agent.name == "sam" and agent.config["model"] == "openai/gpt-4.1"
    assert agent.config["system"] == "You are Sam." and agent.timezone == "Europe/Rome"
    assert agent.config["context_window"] == 32000
    assert {b.name: b.value for b in agent.memory.values()} == {
        "human": "Ann.",
        "persona": "I am Sam.",
    }
    assert agent.memory["persona"].read_only and agent.memory["persona"].description == "Who I am."
    log = agent.recall.messages(0, 99)
    assert [(m.role, m.text) for m in log] == [
        ("system", "Never (first login)"),
        ("user", "I moved to Turin."),
        ("assistant", "Turin, how nice."),
        ("tool", "Sent."),
        ("user", "Roll a die."),
        ("assistant", ""),
        ("tool", "no dice"),
    ]
    assert log[1].name == "ann" and f"{log[1].time:%Y-%m-%d %H:%M}" == "2026-01-02 03:02"
    assert [call.name for m in log for call in m.tool_calls] == ["send_message", "roll_d20"]
    assert log[6].failed and log[6].name == "roll_d20" and not log[3].failed
    assert [m.text for m in agent.window] == ["Roll a die.", "", "no dice"]
    assert agent.recall.search("Turin")[0].message.text == "I moved to Turin."
    # Text to be read, and nothing else.
    assert agent.tool_sources == {"roll_d20": "raise SystemExit('executed')"}
    assert agent.unbound == ["tools=[roll_d20]"]
    schema = next(t for t in agent.config["tools"] if t["name"] == "roll_d20")
    assert "request_heartbeat" not in schema["parameters"]
    # It goes on.
    llm = CheckedLLM([kit.say("Here I am.")])
    agent = kit.home.agent("sam", model=llm)
    assert agent.send("Are you there?").text == "Here I am."
    assert "Roll a die." in llm.seen() and "no dice" in llm.seen()
    kit.still_answers(agent, llm)
    assert agent.undo(2).messages > 0


def test_ours_go_out_and_come_back(kit: Any, other: memgpt.Home, file: Path) -> None:
    agent = lived(kit)
    with pytest.warns(UserWarning, match="does not hold") as caught:
        agent.export(file)
    told = str(caught[0].message)
    for what in (
        "3 passages", "other line", "1 tag", "undo, replay", "the summary", "1 pin", "memory policy"
    ):  # fmt: skip
        assert what in told, told
    written = json.loads(file.read_text())
    assert set(written) == set(theirs())
    (own,) = written["agents"]
    known = {tool["id"]: tool for tool in written["tools"]}
    assert {known[i]["name"] for i in own["tool_ids"]} == set(agent.tools)
    (source,) = [t["source_code"] for t in written["tools"] if t["name"] == "ship"]
    assert source.startswith("@memgpt.tool\ndef ship")
    log = agent.recall.messages(0, 9999)
    assert len(own["messages"]) == len(log)
    assert len(own["in_context_message_ids"]) == len(agent.window)
    with pytest.warns(UserWarning, match="the model"):
        there = other.import_agent(file)
    back = there.recall.messages(0, 9999)
    assert [(m.role, m.type, m.text, m.name, m.time) for m in back] == [
        (m.role, m.type if m.type != "search_echo" else "assistant_message", m.text, m.name, m.time)
        for m in log
    ]
    assert [m.tool_call_id for m in back] == [m.tool_call_id for m in log]
    assert {b.name: b.value for b in there.memory.values()} == {
        b.name: b.value for b in agent.memory.values()
    }
    assert there.tool_sources == {"ship": source} and there.unbound == ["tools=[ship]"]
    assert [m.text for m in there.window] == [m.text for m in agent.window][-len(there.window) :]
    llm = CheckedLLM([kit.call("ship", where="Rome"), kit.say("Done.")], context_window=8000)
    there = other.agent("sam", model=llm, tools=[ship])
    assert there.send("Once more.").text == "Done."
    kit.still_answers(there, llm)


def test_what_does_not_fit_the_window_is_in_recall(kit: Any, file: Path) -> None:
    messages = [{"id": f"m{i}", "role": "user", "content": "so " * 200} for i in range(60)]
    data = theirs(messages=messages, in_context_message_ids=[f"m{i}" for i in range(60)])
    data["agents"][0]["model"] = "nobody/knows"
    file.write_text(json.dumps(data))
    with pytest.warns(UserWarning, match="of 60 messages of the context.*recall") as caught:
        agent = kit.home.import_agent(file)
    assert "nobody/knows" in str(caught[0].message)
    assert len(agent.recall) == 60 and 5 < len(agent.window) < 60
    assert agent.context().tokens <= agent.context().budget.limit
    agent.send("And now?")


BROKEN: list[Any] = [
    "",
    "{",
    "[]",
    "null",
    '"agents"',
    "[" * 100_000,
    "\ud800",
    {},
    {"agents": []},
    {"agents": {}},
    {"agents": [1]},
    {"agents": [{"name": "x", "messages": "hello"}]},
    {"agents": [{"name": 7}]},
    {"agents": [{"name": "x", "system": []}]},
    {"agents": [{"name": "x", "block_ids": "block-0"}]},
    {"agents": [{"name": "x", "messages": [{"role": "user", "content": 5}]}]},
]


@pytest.mark.parametrize("data", BROKEN)
def test_what_is_no_agent_file(kit: Any, file: Path, data: Any) -> None:
    text = data if isinstance(data, str) else json.dumps(data)
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InvalidInput, match=r"no agent file.*;"):
        kit.home.import_agent(file)
    assert kit.home.agents() == []


@pytest.mark.filterwarnings("ignore:the model 'openai")
@pytest.mark.parametrize(
    "size", [float("nan"), 10**4000, -1, "8k"], ids=["NaN", "huge", "negative", "text"]
)
def test_a_context_window_that_is_none(kit: Any, file: Path, size: Any) -> None:
    config = {"model": "gpt-4.1", "context_window": size}
    file.write_text(json.dumps(theirs(llm_config=config)))
    with pytest.warns(UserWarning, match="was imported without: .*the context window") as told:
        kit.home.import_agent(file)
    assert len(str(told[-1].message)) < 2000


ODD: list[list[dict[str, Any]]] = [
    [{"role": "tool", "content": "alone", "tool_call_id": "x"}],
    [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}]}],
    [{"role": "assistant", "tool_calls": [{"id": "a", "name": "<script>", "arguments": "["}]},
     {"role": "user", "content": "between"},
     {"role": "tool", "content": "late", "tool_call_id": "a"}],
    [{"role": "emperor", "content": "x"}, {"role": "user", "content": ""}, {}],
    [{"role": "user", "content": [{"type": "image", "url": "file:///etc/passwd"}]}],
    [{"role": "user", "content": "\ud800 <script>alert(1)</script>", "created_at": "yesterday"}],
    [{"role": "user", "content": '{"type": "user_message", "message": {"a": [1]}, "name": 7}'}],
    [{"role": "assistant", "content": "spoken without a call"}],
    [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}},
                                          {"id": "a", "function": {"name": "g"}}]}],
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("messages", ODD)
def test_odd_histories(kit: Any, file: Path, messages: list[dict[str, Any]]) -> None:
    """Each call gets its one return; what stands for nothing is left out."""
    for i, message in enumerate(messages):
        message.setdefault("id", f"m{i}")
    data = theirs(messages=messages, in_context_message_ids=["m0", "m1", "m2"], timezone="Mars/X")
    data["blocks"][0]["label"] = "../<script>"
    data["tools"][1]["json_schema"] = {"parameters": {"properties": [], "required": "x"}}
    file.write_text(json.dumps(data))
    agent = kit.home.import_agent(file, name="<b>odd</b>")
    assert "<script>" not in agent._repr_html_() + agent.context()._repr_html_()
    llm = CheckedLLM([])
    kit.still_answers(kit.home.agent("<b>odd</b>", model=llm), llm)


def test_names_and_files(kit: Any, file: Path, tmp_path: Path) -> None:
    agent = kit.agent([])
    with pytest.warns(UserWarning):
        agent.export(file)
    with pytest.raises(AlreadyExists, match="overwrite=True"):
        agent.export(file)
    with pytest.warns(UserWarning):
        agent.export(file, overwrite=True)
    for content in (b"mine", b"[1]", b"{", b"\xff"):
        other = tmp_path / "other.af"
        other.write_bytes(content)
        with pytest.raises(AlreadyExists, match="would be lost; choose another name"):
            agent.export(other, overwrite=True)
        assert other.read_bytes() == content
    other.write_bytes(b"")
    with pytest.warns(UserWarning):
        agent.export(other, overwrite=True)
    with pytest.raises(AlreadyExists, match="name="):
        kit.home.import_agent(file)
    with pytest.warns(UserWarning):
        assert kit.home.import_agent(file, name="two").name == "two"
    with pytest.raises(StoreError):
        kit.home.import_agent(tmp_path / "none.af")
    (tmp_path / "folder.af").mkdir()
    os.mkfifo(tmp_path / "pipe.af")
    os.mkfifo(tmp_path / "pipe.memgpt")
    for name in ("folder.af", "pipe.af", "pipe.memgpt"):
        with pytest.raises(StoreError, match="is no file; give the path of one"):
            kit.home.import_agent(tmp_path / name)
        with pytest.raises(StoreError, match=r"a folder; give the name|is no file; choose"):
            agent.export(tmp_path / name, overwrite=True)
    with pytest.raises(StoreError):
        agent.export(tmp_path / "none" / "x.af")
    with pytest.raises(InvalidInput, match="as it was"):
        agent.at(1).export(tmp_path / "past.af")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []
