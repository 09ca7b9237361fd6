"""The demo: some weeks of a conversation, in a window that is far too small for them."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import NamedTuple

from rich.text import Text

import memgpt
from memgpt.cli import RunOptions, look, quietly, speak_utf8
from memgpt.cli.run import open_agent

__all__ = ["play"]

# Small enough to overflow several times, large enough to show what stays in view.
_WINDOW = 4096
_GAUGE_EVERY = 5
_AGENT = "demo"
_REPLY_WIDTH = 110
_QUESTIONS = "\nNow three questions about what was said on the first day, long out of the window"


class Line(NamedTuple):
    """Something that the human says."""

    part: int  # 0: before the file is closed, 1: after it, 2: the questions at the end
    text: str
    time: dt.datetime | None  # None = now
    begins_day: bool


def conversation() -> Iterator[Line]:
    """The shipped conversation; its days are counted back from today."""
    today = dt.datetime.now(dt.timezone.utc).replace(second=0, microsecond=0)
    part, time, begins_day = 0, None, False
    text = resources.files("memgpt.cli").joinpath("conversation.txt").read_text("utf-8")
    for line in text.splitlines():
        if day := re.fullmatch(r"# (\d+) days ago, (\d+):(\d+)", line):
            ago, hour, minute = map(int, day.groups())
            time = (today - dt.timedelta(days=ago)).replace(hour=hour, minute=minute)
            begins_day = True
        elif line.startswith("#"):
            part += 1
            begins_day = line == "# ask"
            time = None
        elif line.strip():
            yield Line(part, line.strip(), time, begins_day)
            begins_day = False
            time = time + dt.timedelta(minutes=2) if time else None


class _Player:
    """Plays lines of the conversation to an agent and shows what comes of them."""

    def __init__(self, agent: memgpt.Agent) -> None:
        self.agent = agent
        self.screen = look.Screen()
        self.said = 0

    def say(self, line: Line) -> None:
        if line.begins_day:
            date = f"{line.time:%d %B %Y}" if line.time else "today"
            self.screen.print(Text(f"\n{date}", "bold"))
        response = self.agent.send(line.text, time=line.time)
        self.screen.print(Text(f"  🧑 {line.text}", "green"))
        activity = Text("", "dim")
        for mark in _activity(response):
            activity.append("   " + mark)
        spoken = response.text.splitlines() or [f"(no reply: {response.stop_reason})"]
        for number, text in enumerate(spoken):
            icon = "🤖" if number == 0 else "  "
            reply = Text(f"  {icon} {look.shortened(text, _REPLY_WIDTH)}", "yellow")
            self.screen.print(reply.append_text(activity) if number == 0 else reply)
        for message in response.messages:
            for call in message.tool_calls:
                if call.name == "core_memory_replace":
                    for edit in look.edit_lines(call):
                        self.screen.print(edit)
        if response.evicted:
            self.screen.print(look.eviction_line(response.evicted))
        self.said += 1
        if response.evicted or self.said % _GAUGE_EVERY == 0:
            self.screen.print(Text("  ").append_text(look.gauge(self.agent)))


def _activity(response: memgpt.Response) -> Iterator[str]:
    """The tools of a turn, one mark each."""
    failed = {m.tool_call_id for m in response.messages if m.role == "tool" and m.failed}
    for message in response.messages:
        for call in message.tool_calls:
            if call.id in failed:
                yield f"⚡🔴 {call.name}"
            elif call.name.startswith(("core_memory", "memory_")):
                yield f"⚡🧠 {call.name}"
            elif call.name != "send_message":
                yield f"⚡🟢 {call.name}"


def _introduce(screen: look.Screen, agent: memgpt.Agent) -> None:
    model = agent.config["model"]
    offline = "the offline model: small, rule-based, no key, no weights"
    screen.print(
        Text("A demo of memgpt: Mara tells an agent of seven weeks of her life, in a window of ")
        .append(f"{agent.context().budget.context_window:,} tokens", "bold")
        .append(f".\nThe agent is {offline if model == 'offline' else model}.")
    )


def _play_part(agent: memgpt.Agent, part: int) -> None:
    player = _Player(agent)
    for line in conversation():
        if line.part == part:
            player.say(line)


def _first_process(options: RunOptions, path: str) -> str:
    """Plays the first half; returns the name of the agent, which may be taken in a given file."""
    with memgpt.open(path) as home:
        name, number = _AGENT, 1
        while name in home.agents():
            number += 1
            name = f"{_AGENT}-{number}"
        agent, _ = open_agent(
            home,
            replace(
                options,
                agent=name,
                persona="companion" if options.persona is None else options.persona,
                context_window=options.context_window or _WINDOW,
                # Also where there is a key: a demo sends nothing anywhere unless it is told to.
                model=options.model or "offline",
            ),
        )
        _introduce(look.Screen(), agent)
        _play_part(agent, 0)
    return name


def _second_process(path: str, name: str) -> int:
    """The second half and the questions: all that this process has is the file."""
    screen = look.Screen()
    with memgpt.open(path) as home:
        agent = home.agent(name)
        screen.print(
            Text(
                f"── process {os.getpid()} opens it and finds {len(agent.recall)} messages, "
                f"{len(agent.window)} of them in the window ──",
                "bold cyan",
            )
        )
        _play_part(agent, 1)
        screen.print(Text(_QUESTIONS, "bold"))
        _play_part(agent, 2)
        _show_memory(screen, agent)
    return 0


def _show_memory(screen: look.Screen, agent: memgpt.Agent) -> None:
    screen.print(Text("\nWhat the agent remembers, and where it keeps it", "bold"))
    for line in look.memory_view(agent):
        screen.print(line)
    screen.print(Text("\nWhat the model would see now", "bold"))
    for line in look.window_view(agent.context()):
        screen.print(line)


def _play_in(options: RunOptions, path: str) -> int:
    name = _first_process(options, path)
    closed = f"\n── process {os.getpid()} has closed the file: {path} is all there is now ──"
    look.Screen().print(Text(closed, "bold cyan"))
    sys.stdout.flush()
    command = [sys.executable, "-m", "memgpt.cli.demo", path, name]
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if code == 0:
        kept = f" --db {options.db} --agent {name}" if options.db else ""
        print(f"\nNow you: `make chat` in a terminal, or `memgpt run{kept}`")
    return code


def play(options: RunOptions) -> int:
    """Play the demo, in a temporary database or in ``--db``.

    Returns:
        The exit code.

    Raises:
        memgpt.Error: where the flags cannot work.
    """
    if options.db is not None and options.db != ":memory:":
        return _play_in(options, options.db)
    with tempfile.TemporaryDirectory(prefix="memgpt-demo-") as folder:
        return _play_in(options, os.path.join(folder, "demo.db"))


if __name__ == "__main__":
    speak_utf8()
    sys.exit(quietly(lambda: _second_process(*sys.argv[1:3])))
