"""Every bad input: a clear error or a fed-back failure, nothing lost, the next message works.

What a model or a tool gets wrong is in test_loop.py and test_tools.py.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import tempfile
import time
from pathlib import Path

import memgpt
import pytest
from memgpt.memory import BaseMemory, ChatMemory, MemoryModule

errors = memgpt.errors

# The start of every script below: an agent whose model says "yes".
CHILD = """
import os, signal, sys, time
import memgpt
from memgpt.testing import ScriptedLLM
say = lambda text: {"tool": "send_message", "args": {"message": text}}
path = sys.argv[1]
"""


@pytest.mark.parametrize("text", ["", "   \n\t"])
def test_empty_message(kit, text):
    agent = kit.agent()
    with pytest.raises(errors.InvalidInput, match="empty"):
        agent.send(text)
    assert len(agent.recall) == 0
    kit.still_answers(agent)


def test_message_larger_than_the_window(kit):
    agent = kit.agent([kit.say("hello")])
    agent.send("hello")
    count = memgpt.TokenCounter("o200k_base").count("goose " * 40_000)
    with pytest.raises(errors.MessageTooLarge) as caught:
        agent.send("goose " * 40_000)
    figures = [int(figure) for figure in re.findall(r"\d+", str(caught.value))]
    assert 32_768 in figures and 1024 in figures
    assert any(count <= figure < count + 60 for figure in figures)
    assert len(agent.recall) == 3
    kit.still_answers(agent)


def test_the_largest_message_that_is_taken_is_answered(kit):
    agent = kit.agent(lambda context: kit.say("so"), context_window=3000)
    taken = 0
    for words in range(100, 2600, 20):
        try:
            agent.send("goose " * words)
            taken += 1
        except errors.MessageTooLarge:
            break
        assert "goose " * words in kit.llm.seen()
    assert taken > 5 and words < 2500
    kit.still_answers(agent)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"bytes", "bytes"),
        (bytearray(b"\xff\xfe"), "bytes"),
        (None, "NoneType"),
        (7, "int"),
        ("lone \ud83d surrogate", "surrogate at character 5"),
    ],
)
def test_what_is_not_text(kit, text, error):
    agent = kit.agent()
    for send in (agent.send, agent.archival.insert, agent.archival.search, agent.recall.search):
        with pytest.raises(errors.InvalidInput, match=error):
            send(text)
    with pytest.raises(errors.InvalidInput, match=error):
        agent.send("hello", name=text)
    assert len(agent.recall) == 0
    kit.still_answers(agent)


def test_nul_bytes_are_kept(kit):
    text = "before\0after <|endoftext|> \x1b[31m </core_memory>"
    agent = kit.agent([kit.say("so")])
    agent.send(text)
    assert agent.recall.messages()[0].text == text
    agent.memory["human"].value = text
    agent.archival.insert(text)
    path = kit.home.path
    kit.home.close()
    with memgpt.open(path, durability="process") as home:
        agent = home.agent("sam", model=kit.llm)
        assert agent.recall.search("before")[0].message.text == text
        assert agent.memory["human"].value == text
        assert agent.archival.search("before")[0].passage.text == text
        kit.still_answers(agent)


@pytest.mark.parametrize("bad", ["some day", "2023-13-45", 7, ""])
def test_a_time_that_is_none(kit, bad):
    agent = kit.agent()
    with pytest.raises(errors.InvalidInput):
        agent.send("hello", time=bad)
    with pytest.raises(errors.InvalidInput):
        agent.recall.search("hello", start=bad)
    kit.still_answers(agent)


def test_unknown_roles(kit):
    agent = kit.agent()
    for role in ("tool", "bogus", "", "\ud800"):
        with pytest.raises(errors.InvalidInput, match="role"):
            agent.send("hello", role=role)
    with pytest.raises(errors.InvalidInput, match="role"):
        agent.recall.search("hello", roles=["bogus"])
    kit.still_answers(agent)


def test_persona_over_the_limit(kit):
    with pytest.raises(errors.LimitExceeded, match=r"(?s)2001.*2000"):
        ChatMemory(persona="x" * 2001)
    agent = kit.agent(memory=ChatMemory(persona="x" * 2000))
    with pytest.raises(errors.LimitExceeded, match=r"(?s)2001.*2000"):
        agent.memory["persona"].value = "y" * 2001
    kit.still_answers(agent)


def test_unknown_agent_model_and_tool(kit):
    agent = kit.agent()
    for name in ("max", "\ud800"):
        with pytest.raises(errors.Error, match="sam" if name == "max" else "surrogate"):
            kit.home.agent(name)
        with pytest.raises(errors.Error):
            kit.home.delete_agent(name)
    for model in ("gpt-9", "", 7):
        with pytest.raises(errors.ModelNotFound, match="offline"):
            kit.home.create_agent("max", model=model)
    with pytest.raises(errors.ModelNotFound):
        kit.home.create_agent("max", embedding="nope")
    for name in ("dance", "\ud800"):
        with pytest.raises(errors.Error):
            agent.remove_tool(name)
    with pytest.raises(errors.ToolError):
        agent.add_tool("dance")
    assert kit.home.agents() == ["sam"]
    kit.still_answers(agent)


def test_names_of_agents(kit):
    agent = kit.agent()
    for name in ("", "  ", "x" * 201, "\ud800", None):
        with pytest.raises(errors.Error):
            kit.home.create_agent(name)
    with pytest.raises(errors.AlreadyExists, match="sam"):
        kit.home.create_agent("sam")
    assert kit.home.create_agent("sam", model=kit.llm, exist_ok=True).id == agent.id
    kit.still_answers(agent)


@pytest.mark.parametrize("window", [1, 300, 1000, 1500])
def test_a_window_too_small_says_by_how_many_tokens(kit, window):
    memory = ChatMemory(persona="I remember geese. " * 60)
    with pytest.raises(errors.WindowTooSmall) as caught:
        kit.agent(memory=memory, context_window=window)
    assert kit.home.agents() == []
    missing = int(re.search(r"(\d+) tokens too many", str(caught.value))[1])
    agent = kit.agent(memory=memory, context_window=window + missing)
    kit.still_answers(agent)


@pytest.mark.parametrize("window", [0, -5, 1.5, "8192", True])
def test_a_window_that_is_no_number_of_tokens(kit, window):
    with pytest.raises(errors.ConfigError, match="context_window"):
        kit.agent(context_window=window)


def test_blocks_that_grow_out_of_the_window_are_refused(kit):
    agent = kit.agent(context_window=3000)
    with pytest.raises(errors.WindowTooSmall, match="tokens too many"):
        agent.memory.add("book", "goose " * 3000, limit=100_000)
    assert list(agent.memory) == ["persona", "human"]
    kit.still_answers(agent)


@pytest.mark.parametrize("label", ["", "a b", "x" * 51, "é", "a\0b", '"><b>', "\ud800"])
def test_labels_of_blocks(kit, label):
    own = BaseMemory()
    with pytest.raises(errors.Error):
        own.memory = {label: MemoryModule(label, "x")}
        kit.agent(memory=own)
    assert kit.home.agents() == []
    agent = kit.agent()
    with pytest.raises(errors.Error):
        agent.memory.add(label, "x")
    kit.still_answers(agent)


def test_memory_that_is_none(kit):
    own = BaseMemory()
    for sections in (None, {"human": "Chad"}, ["human"]):
        own.memory = sections
        with pytest.raises(errors.ConfigError, match="MemoryModule"):
            kit.agent(memory=own)
    with pytest.raises(errors.EditFailed, match="bytes"):
        MemoryModule("human", b"Chad")
    for limit in (0, -1):
        own.memory = {}
        with pytest.raises(errors.Error, match="limit"):
            own.memory = {"human": MemoryModule("human", "", limit=limit)}
            kit.agent(memory=own)


@pytest.mark.parametrize("max_steps", [0, -1])
def test_max_steps_that_allow_nothing(kit, max_steps):
    with pytest.raises(errors.ConfigError, match="max_steps"):
        kit.agent(max_steps=max_steps)


def test_a_closed_home(kit):
    agent = kit.agent()
    kit.home.close()
    kit.home.close()
    for use in (
        lambda: agent.send("hello"),
        lambda: agent.memory["human"],
        lambda: agent.recall.search("x"),
        lambda: agent.archival.insert("x"),
        lambda: kit.home.agents(),
        lambda: kit.agent(name="second"),
    ):
        with pytest.raises(errors.StoreError, match="closed"):
            use()
    with memgpt.open(kit.home.path, durability="process") as home:
        kit.still_answers(home.agent("sam", model=kit.llm))


def test_a_deleted_agents_handle(kit):
    agent = kit.agent([kit.say("hello")] * 3)
    agent.send("hello")
    kit.home.delete_agent("sam")
    with pytest.raises(errors.Error, match="deleted"):
        agent.send("hello")
    kit.still_answers(kit.agent())


def make_database(path: Path) -> None:
    with memgpt.open(path) as home:
        home.create_agent("sam")


def foreign(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE bird(name TEXT)")
    db.commit()
    db.close()


def truncated(path: Path) -> None:
    make_database(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 // 4096 * 4096 + 100])


def newer(path: Path) -> None:
    make_database(path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda path: path.write_text("Dear diary, the geese are back.\n" * 200), "NotADatabase"),
        (lambda path: path.write_text("short"), "NotADatabase"),
        (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(5000)), "NotADatabase"),
        (foreign, "NotADatabase"),
        (truncated, "NotADatabase"),
        (newer, "NewerVersion"),
        (lambda path: path.mkdir(), "StoreError"),
    ],
    ids=["text", "short", "png", "foreign", "truncated", "newer", "directory"],
)
def test_a_file_that_is_no_database_of_ours_is_refused_and_untouched(tmp_path, make, error):
    path = tmp_path / "file.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(getattr(errors, error)) as caught, memgpt.open(path) as home:
        home.agents()
    assert (path.read_bytes() if path.is_file() else None) == before
    assert str(path) in str(caught.value)


def test_a_path_that_cannot_be(tmp_path):
    with pytest.raises(errors.StoreError, match="missing"):
        memgpt.open(tmp_path / "missing" / "agents.db")
    with pytest.raises(errors.ConfigError, match="durability"):
        memgpt.open(tmp_path / "agents.db", durability="perhaps")


@pytest.mark.parametrize("what", ["file", "folder", "new file"])
def test_what_cannot_be_written_is_refused(kit, what):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "agents.db"
        make_database(path)
        folder.chmod(0o777 if what == "file" else 0o555)
        path.chmod(0o444 if what == "file" else 0o666)
        if what == "new file":
            path = folder / "other.db"
        code = CHILD + (
            "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "try:\n"
            "    memgpt.open(path).create_agent('max')\n"
            "except memgpt.errors.StoreError as error:\n"
            "    print(type(error).__name__, error)\n"
        )
        out = kit.run(code, path)
        folder.chmod(0o777)
        assert str(path) in out
        if what != "new file":
            assert out.startswith("ReadOnlyStore")
            path.chmod(0o666)
            with memgpt.open(path) as home:
                assert home.agents() == ["sam"]


@pytest.mark.parametrize("where", ["provider", "tool"])
def test_ctrl_c_in_mid_step(kit, tmp_path, where):
    code = CHILD + (
        "def wait():\n"
        "    print('waiting', flush=True)\n"
        "    time.sleep(30)\n"
        "def script(context):\n"
        "    if WHERE == 'provider': wait()\n"
        "    return {'tool': 'wait'}\n"
        "llm = ScriptedLLM(script)\n"
        "agent = memgpt.open(path).create_agent('sam', model=llm, tools=[wait])\n"
        "try:\n"
        "    agent.send('hello')\n"
        "except KeyboardInterrupt:\n"
        "    llm.script = lambda context: say('back')\n"
        "    print(agent.send('are you there?').text)\n"
    )
    child = kit.start(code.replace("WHERE", repr(where)), tmp_path / "a.db")
    assert child.stdout.readline() == "waiting\n"
    os.kill(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert out == "back\n", err
    with memgpt.open(tmp_path / "a.db") as home:
        llm = kit.LLM([])
        agent = home.agent("sam", model=llm)
        users = [m.text for m in agent.recall.messages() if m.role == "user"]
        assert users == ["hello", "are you there?"]
        kit.still_answers(agent, llm)


def test_another_process_writes_to_the_same_agent(kit):
    agent = kit.agent(lambda context: kit.say("so"))
    code = CHILD + (
        "agent = memgpt.open(path).agent('sam', model=ScriptedLLM(lambda c: say('from there')))\n"
        "print(agent.send('from another process').text)\n"
    )
    agent.send("from here")
    assert kit.run(code, kit.home.path) == "from there\n"
    agent.send("from here again")
    assert "from another process" in kit.llm.seen()

    waiting = []

    def script(context):
        if not waiting:
            waiting.append(kit.start(code, kit.home.path))
            time.sleep(0.5)  # it has opened the file and stands in line by now
        return kit.say("so")

    kit.llm.script = script
    agent.send("meanwhile")
    out, _ = waiting[0].communicate(timeout=30)
    assert out == "from there\n"
    kit.still_answers(agent)
    users = [m.text for m in agent.recall.messages() if m.role == "user"]
    assert users == [
        "from here", "from another process", "from here again", "meanwhile",
        "from another process", "Are you there?",
    ]  # fmt: skip
