"""The command line, run as users run it: the real program on temporary files and terminals."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import memgpt
import pytest
from memgpt.cli import chat, look
from memgpt.testing import FakeOpenAI, ScriptedLLM
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from tests.answers import says

PROGRAM = [sys.executable, "-m", "memgpt"]
# A terminal of its own, so that Ctrl-C in it becomes a signal.
IN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def environment(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "MEMGPT_HOME": str(home),
        "PYTHONIOENCODING": "utf-8",
        "PROMPT_TOOLKIT_NO_CPR": "1",
        "TERM": "xterm-256color",
        "COLUMNS": "120",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home"


def run(folder: Path, *arguments: str, stdin: str | bytes = "") -> subprocess.CompletedProcess:
    result = subprocess.run(
        [*PROGRAM, *arguments],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        env=environment(folder),
        timeout=60,
        check=False,
    )
    result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
    assert "Traceback" not in result.stderr + result.stdout
    return result


class Terminal:
    """A chat in a pseudo-terminal."""

    def __init__(self, folder: Path, program: list[str]) -> None:
        self.fd, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", IN_TERMINAL, *program],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(folder),
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def read(self, timeout: float) -> bool:
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other end is closed
            return False
        plain = re.sub(rb"\x1b(\[[0-9;?]*[ -/]*[@-~]|[=>])", b"", data)
        self.seen += plain.decode("utf-8", "replace")
        return bool(data)

    def expect(self, text: str, timeout: float = 20) -> str:
        """Wait for the text; what came up to it is taken away and returned."""
        end = time.monotonic() + timeout
        while text not in self.seen:
            assert time.monotonic() < end, f"no {text!r} in {self.seen!r}"
            self.read(0.1)
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def say(self, line: str) -> None:
        self.expect("🧑")
        self.type(line + "\r")

    def wait(self) -> int:
        end = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        while self.read(0.05):
            pass
        return self.process.wait(1)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.fd)


@pytest.fixture
def terminal(folder: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: str, program: Sequence[str] = (*PROGRAM, "run")) -> Terminal:
        opened.append(Terminal(folder, [*program, *arguments]))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


# --- the command ---


def test_help_version_and_no_command(folder: Path) -> None:
    assert "--context-window" in run(folder, "--help").stdout
    assert run(folder, "--version").stdout == f"memgpt {memgpt.__version__}\n"
    code = "import sys; from memgpt.cli import main; sys.exit(main([]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert b"chat with an agent" in result.stdout and not folder.exists()


def test_help_does_not_import_what_only_a_chat_needs() -> None:
    code = (
        "import sys; from memgpt.cli import main\n"
        "try: main(['run', '--help'])\n"
        "except SystemExit: print(sorted({'rich', 'prompt_toolkit'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.decode().splitlines()[-1] == "[]"


# --- from a pipe ---


def test_piped_lines_are_answered_and_remembered(folder: Path) -> None:
    first = run(folder, "run", stdin="My name is Mara.\n\n   \nI live in Trieste.\r\n")
    assert first.returncode == 0
    assert first.stdout.splitlines() == [
        "[offline] Noted: My name is Mara",
        "[offline] Noted: I live in Trieste",
    ]
    assert "a new agent" in first.stderr and "2 messages, 0 evictions" in first.stderr
    again = run(folder, stdin="Where do I live?")
    assert "Trieste" in again.stdout and "welcome back, 10 messages remembered" in again.stderr
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_piped_bytes_that_are_not_text_are_replaced_with_a_note(folder: Path) -> None:
    result = run(folder, stdin=b"\xef\xbb\xbfMy name is Mara.\nI play ch\xffess on Thursdays.\n")
    assert result.returncode == 0 and "line 2: not UTF-8" in result.stderr
    assert "My name is Mara" in result.stdout and "ch\ufffdess" in result.stdout


def test_piped_message_that_is_too_large_does_not_end_the_others(folder: Path) -> None:
    result = run(folder, stdin="word " * 30_000 + "\nMy name is Mara.\n")
    assert result.returncode == 1
    assert "line 1: the message takes" in result.stderr
    assert result.stdout == "[offline] Noted: My name is Mara\n"


def test_piped_commands_are_executed(folder: Path) -> None:
    result = run(folder, stdin="My name is Mara.\n/memory\n/nonsense\n! hello\n/exit\nlost\n")
    assert result.returncode == 0 and "🧠 core memory: human" in result.stdout
    assert 'Unrecognized command "/nonsense", see /help' in result.stderr
    assert "2 messages" in result.stderr and "lost" not in result.stdout


def test_each_command_in_the_help_runs_from_a_pipe(folder: Path) -> None:
    listed = run(folder, stdin="/help\n").stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(chat.COMMANDS)
    given = {"/fork": " other"}
    everything = "".join(f"{n}{given.get(n, '')}\n" for n in chat.COMMANDS if n != "/exit")
    result = run(folder, stdin="My name is Mara.\n" + everything + "/\n/dump 2\n/exit\n")
    assert result.returncode == 0 and "Unrecognized" not in result.stderr
    assert result.stderr.count("\n") == 3, result.stderr
    for name in ("/dump", "/undo", "/redo", "/pop", "/history"):
        assert run(folder, stdin=f"{name} x\n").stderr.count(f"{name} takes a number") == 1
    assert "the number of a step" in run(folder, stdin="/explain x\n").stderr
    assert "has commits 1 to" in run(folder, stdin="/explain 999\n").stderr
    assert "takes the name" in run(folder, stdin="/fork\n").stderr


def test_lines_of_history_from_a_pipe(folder: Path) -> None:
    lines = ["My name is Mara.", "/save start", "I live in Oslo.", "/undo", "/redo", "/history"]
    lines += ["/pop 2", "/load start", "/redo", "/fork other", "I have a cat.", "/memory"]
    out = run(folder, stdin="\n".join(lines) + "\n").stdout
    assert "commit 4 is 'start' now" in out and "[start]" in out
    assert "5 messages undone; the agent stands at commit 4" in out
    assert "5 messages back again; the agent stands at commit 7" in out
    assert "input    I live in Oslo." in out
    assert "You talk to 'other' now" in out and "I have a cat" in out
    with memgpt.open(next(folder.rglob("*.db"))) as home:
        assert "cat" in home.agent("other").memory["human"].value
        assert "cat" not in home.agent(home.agents()[0]).memory["human"].value


def test_lines_stream(folder: Path) -> None:
    with subprocess.Popen(
        PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(folder)
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for number in range(300):
            process.stdin.write(b"I play chess.\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer.startswith(b"[offline]"), number
        process.stdin.close()
    assert process.returncode == 0


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    for stdin in (b"I play chess.\n" * 300, b""):
        with subprocess.Popen(
            PROGRAM,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(folder),
        ) as process:
            assert process.stdin and process.stdout and process.stderr
            process.stdout.close()
            process.stdin.write(stdin)
            process.stdin.close()
            errors = process.stderr.read().decode()
        assert process.returncode == 0 and "Broken" not in errors and "Traceback" not in errors


# --- setting up ---


def test_persona_and_human_by_name_and_by_path(folder: Path, tmp_path: Path) -> None:
    (folder / "personas").mkdir(parents=True)
    (folder / "personas" / "pirate.txt").write_text("I am a pirate.")
    me = tmp_path / "me.txt"
    me.write_text("Likes spruce. ü")
    result = run(folder, "--persona", "pirate", "--human", str(me), stdin="/memory\n")
    assert "I am a pirate." in result.stdout and "Likes spruce. ü" in result.stdout
    result = run(folder, "--persona", "librarian", "--human", str(me), stdin="/memory\n")
    assert "persona replaced by librarian" in result.stderr
    assert "human is that text already" in result.stderr
    assert "I am a librarian" in result.stdout and "pirate" not in result.stdout


def test_context_window_of_an_agent_that_exists(folder: Path) -> None:
    run(folder, stdin="/context\n")
    result = run(folder, "--context-window", "5000", stdin="/context\n")
    assert "the window holds 5,000" in result.stdout
    assert "the window holds 5,000" in run(folder, stdin="/context\n").stdout


def test_a_full_window_is_counted(folder: Path) -> None:
    lines = "".join(f"I play chess with friend number {n}.\n" for n in range(12))
    result = run(folder, "--context-window", "4096", stdin=lines)
    found = re.search(
        r"12 messages, (\d+) evictions \((\d+) messages .* ([\d,]+) of", result.stderr
    )
    assert found and int(found[1]) > 0 and int(found[2]) > 0, result.stderr
    assert int(found[3].replace(",", "")) <= 3584


@pytest.mark.parametrize("stdin", ["hello\n", ""])
def test_what_cannot_be_set_up_is_one_line_and_code_2(
    folder: Path, tmp_path: Path, stdin: str
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"caf\xe9 " * 100)
    for arguments, text in (
        (["--model", "gpt-4"], "no provider answers for the model"),
        (["--persona", "nobody"], "there is no persona 'nobody'; there are companion, librarian"),
        (["--persona", ""], "there is no persona ''"),
        (["--human", str(bad)], "is not UTF-8"),
        (["--human", str(tmp_path)], "cannot read --human"),
        (["--db", str(bad)], "file is not a database"),
        (["--db", str(tmp_path / "no" / "x.db")], "cannot open"),
        (["--db", str(tmp_path)], "cannot open"),
        (["--context-window", "300"], "300 tokens"),
        (["--context-window", "-1"], "context_window must be a whole number"),
    ):
        result = run(folder, "run", *arguments, stdin=stdin)
        assert result.returncode == 2, arguments
        assert text in result.stderr and result.stderr.count("\n") == 1, result.stderr


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(tmp_path / "file" / "home", stdin="hello\n")
    assert result.returncode == 2 and "cannot make the folder" in result.stderr


def test_an_agent_with_a_model_of_its_own_is_not_opened(folder: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "own.db")
    with memgpt.open(path) as home:
        home.create_agent("memgpt", model=ScriptedLLM([]))
    result = run(folder, "--db", path, stdin="hello\n")
    assert result.returncode == 2 and "--model offline" in result.stderr
    assert "Noted" in run(folder, "--db", path, "--model", "offline", stdin="hello\n").stdout


# --- the demo ---


def test_demo_forgets_nothing(folder: Path, tmp_path: Path) -> None:
    begin = time.monotonic()
    shown = run(folder, "--db", str(tmp_path / "demo.db")).stdout
    assert time.monotonic() - begin < 10
    assert shown.count("the window was full") >= 2
    first_day, questions = shown.split("the window was full")[0], shown.split("\ntoday\n")[1]
    for fact in ("behind the blue door", "allergic to walnuts", "on the ninth of March"):
        assert fact in first_day and fact in questions.split("What the agent remembers")[0]
    assert len(set(re.findall(r"── process (\d+) ", shown))) == 2
    assert "- I live in Trieste\n      + I moved to Ljubljana" in shown
    assert "🧠 core memory: human" in shown and "tokens used" in shown
    assert "\x1b" not in shown and max(map(len, shown.splitlines())) < 180
    assert shown.splitlines()[-1].startswith("Now you: `make chat`") and not folder.exists()
    again = run(folder, "--db", str(tmp_path / "demo.db")).stdout
    assert "--agent demo-2" in again.splitlines()[-1]


# --- in a terminal ---


def test_terminal_chat(terminal) -> None:
    shell = terminal()
    shell.expect("a new agent")
    shell.expect("🤖 [offline] Hello.")
    shell.say("I live in Trieste.")
    shell.expect("💭 They tell me something about themselves.")
    shell.expect("⚡🧠 updating memory with core_memory_append: human")
    shell.expect("+ I live in Trieste")
    shell.expect("🤖 [offline] Noted: I live in Trieste")
    shell.say("I moved to Ljubljana.")
    shell.expect("- I live in Trieste")
    shell.expect("+ I moved to Ljubljana")
    shell.say("Where do I live?")
    shell.expect("⚡🟢 conversation_search(")
    shell.say("")
    shell.expect("An empty message cannot be sent")
    shell.say("!memory")
    shell.expect("Commands begin with '/', not '!'")
    shell.say("/nonsense")
    shell.expect('Unrecognized command "/nonsense", see /help')
    shell.say("/exit")
    assert shell.wait() == 0 and "Bye." in shell.seen
    again = terminal("--first", "--context-window", "3000")
    assert "Hello" not in again.expect("welcome back") + again.expect("🧑")
    again.type("word " * 1500 + "\r")
    again.expect("the message takes")
    again.say("I play chess.")
    again.expect("── the window was full")
    again.expect("🧑")
    again.type("\x04")
    assert again.wait() == 0 and "Traceback" not in again.seen


def test_each_command_runs_in_a_terminal(terminal) -> None:
    shell = terminal("--first")
    shell.say("My name is Mara.")
    shows = {
        "/dump": "My name is Mara.",
        "/memory": "recall memory",
        "/context": "tokens used",
        "/explain": "origin",
        "/tokens": "until the limit",
        "/undo": "undone; the agent stands",
        "/redo": "back again; the agent stands",
        "/pop": "undone; the agent stands",
        "/save": "/load comes back to it",
        "/load": "0 messages undone",
        "/fork": "/fork takes the name",
        "/history": "create",
        "/heartbeat": "There is nothing left to do.",
        "/memorywarning": "Noted.",
        "/help": "the window, drawn",
        "/exit": "Bye.",
    }
    assert set(shows) == set(chat.COMMANDS)
    for name, text in shows.items():
        shell.say(name)
        shell.expect(text)
    assert shell.wait() == 0 and "Unrecognized" not in shell.seen


def test_commands_complete_and_ctrl_c_at_the_prompt_leaves(terminal, folder: Path) -> None:
    shell = terminal("--first")
    shell.expect("🧑")
    shell.type("/memoryw")
    shell.expect("nearly full")  # the menu says what the command does
    shell.type("\t")
    shell.expect("arning")
    shell.type("\r")
    shell.expect("Noted.")
    shell.expect("🧑")
    shell.type("\x03")
    assert shell.wait() == 0 and "Bye." in shell.seen
    assert "/memorywarning" in (folder / "history").read_text()


# `memgpt run` with a model that takes its time: the offline one is too quick to be interrupted.
SLOW_MODEL = """
import sys, time, memgpt
from memgpt.cli import chat
from memgpt.testing import FakeOpenAI, ScriptedLLM

def reply(context):
    if "hurry" not in str(context.to_request()):
        time.sleep(60)
    return {"tool": "send_message", "args": {"message": "here I am"}}

with memgpt.open(sys.argv[1]) as home:
    agent = home.create_agent("slow", model=ScriptedLLM(reply))
    chat.talk(chat.Session(agent, home.path), [], user_first=True)
"""


def test_ctrl_c_during_a_step(terminal, tmp_path: Path) -> None:
    shell = terminal(program=[sys.executable, "-c", SLOW_MODEL, str(tmp_path / "slow.db")])
    shell.say("take your time")
    shell.expect("Thinking...")
    time.sleep(0.3)
    shell.type("\x03")
    shell.expect("The step was interrupted. The agent is fine")
    shell.say("hurry")
    shell.expect("🤖 here I am")
    shell.say("/exit")
    assert shell.wait() == 0 and "Traceback" not in shell.seen


def talk(tmp_path: Path, script: list, typed: str) -> str:
    """What a terminal shows of a chat with a model that follows a script."""
    shown = io.StringIO()
    screen = look.Screen(file=shown, width=200)
    with (
        pytest.MonkeyPatch.context() as patch,
        create_pipe_input() as keys,
        create_app_session(input=keys, output=DummyOutput()),
        memgpt.open(tmp_path / "scripted.db") as home,
    ):
        patch.setenv("MEMGPT_HOME", str(tmp_path / "home"))
        keys.send_text(typed)
        agent = home.create_agent("sam", model=ScriptedLLM(script))
        session = chat.Session(agent, home.path, screen, screen)
        chat.talk(session, [], user_first=True)
        said = [m.text for m in agent.recall.messages() if m.role == "user"]
    return shown.getvalue() + repr(said)


def test_a_provider_that_fails_may_be_tried_again(tmp_path: Path) -> None:
    answer = {"tool": "send_message", "args": {"message": "here I am"}, "thinking": "at last"}
    shown = talk(tmp_path, [RuntimeError("the line is dead"), answer], "hello\ry\r/exit\r")
    assert "RuntimeError: the line is dead" in shown
    assert "💭 at last" in shown and "🤖 here I am" in shown and "Bye." in shown
    assert shown.endswith("['hello']")


def test_a_provider_that_fails_does_not_end_the_chat(tmp_path: Path) -> None:
    answer = {"tool": "send_message", "args": {"message": "here I am"}}
    shown = talk(tmp_path, [OSError("no route"), answer], "hello\rn\ragain\r/exit\r")
    assert "OSError: no route" in shown and "🤖 here I am" in shown


def test_failed_calls_and_markup_are_shown_as_they_are(tmp_path: Path) -> None:
    script = [
        {"tool": "core_memory_replace", "args": {"name": "human", "old_content": "x"}},
        {"tool": "no_such_tool", "args": {"a": "[red]b[/red]"}, "heartbeat": True},
        '["only data"]',  # ends the turn
        {"tool": "send_message", "args": {"message": "[bold]as it is[/bold] :smile:"}},
    ]
    shown = talk(tmp_path, script, "hello\ragain\r/dump\r/exit\r")
    assert "⚡🔴 core_memory_replace(" in shown and "⚡🔴 no_such_tool([red]b[/red])" in shown
    assert '(outside of a call) ["only data"]' in shown and "(ended by no_tool_call" in shown
    assert "🤖 [bold]as it is[/bold] :smile:" in shown


# --- agents in files ---


def test_an_agent_goes_from_one_database_to_another(folder: Path, tmp_path: Path) -> None:
    run(folder, "run", "--agent", "mara", stdin="My name is Mara.\n")
    file, other = tmp_path / "mara.memgpt", tmp_path / "other.db"
    done = run(folder, "export", "mara", str(file))
    assert done.returncode == 0 and "5 messages and 0 passages are in" in done.stdout
    again = run(folder, "export", "mara", str(file))
    assert again.returncode == 2 and "pass --overwrite," in again.stderr and not again.stdout
    assert run(folder, "export", "mara", str(file), "--overwrite").returncode == 0
    done = run(folder, "import", str(file), "--db", str(other), "--name", "copy")
    assert done.returncode == 0 and '"copy"' in done.stdout
    answer = run(folder, "run", "--agent", "copy", "--db", str(other), stdin="What is my name?")
    assert "Mara" in answer.stdout
    taken = run(folder, "import", str(file), "--db", str(other), "--name", "copy")
    assert taken.returncode == 2 and "another name with --name" in taken.stderr
    new = tmp_path / "new.db"
    failed = run(folder, "import", str(tmp_path / "none"), "--db", str(new))
    assert "there is no file" in failed.stderr and not new.exists()
    file.write_bytes(file.read_bytes()[:9000])
    for arguments in (
        ["import", str(file)],
        ["import", str(tmp_path / "none")],
        ["export", "nobody", str(tmp_path / "x")],
        ["export", "mara", str(tmp_path / "x"), "--db", str(tmp_path / "none.db")],
    ):
        failed = run(folder, *arguments)
        assert failed.returncode == 2 and failed.stderr.startswith("memgpt: ")
    assert not (tmp_path / "x").exists() and not (tmp_path / "none.db").exists()


def test_an_agent_file_of_letta(folder: Path, tmp_path: Path) -> None:
    run(folder, "run", "--agent", "mara", stdin="My name is Mara.\n")
    file = tmp_path / "mara.af"
    done = run(folder, "export", "mara", str(file))
    assert done.returncode == 0 and "does not hold" in done.stderr
    done = run(folder, "import", str(file), "--name", "copy")
    assert done.returncode == 0 and "5 messages" in done.stdout


def test_the_demo_stays_on_this_machine(tmp_path: Path) -> None:
    """Also where there is a key."""
    with FakeOpenAI(lambda request: says("Hello from the server")) as server:
        out = subprocess.run(
            [*PROGRAM, "run"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={
                **environment(tmp_path / "home"),
                "OPENAI_API_KEY": "sk-test-0123456789abcdef",
                "OPENAI_BASE_URL": server.url,
            },
            timeout=60,
        )
        assert out.returncode == 0 and "the offline model" in out.stdout
        assert not server.requests
