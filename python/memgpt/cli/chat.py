"""Chatting with an agent: in a terminal, or line by line from a pipe."""

from __future__ import annotations

import contextlib
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from prompt_toolkit import PromptSession, prompt
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory
from rich.text import Text

import memgpt
from memgpt.cli import look
from memgpt.cli.live import show_stream
from memgpt.cli.run import history_file
from memgpt.errors import InvalidInput, NotFound, StoreError

__all__ = ["COMMANDS", "Session", "execute", "read_lines", "talk"]

_HEARTBEAT = "Automated timer"
_MEMORY_WARNING = (
    "Memory pressure: the conversation will soon be too long for your context window. Save what "
    "must stay in view with core_memory_append or archival_memory_insert."
)


_INTERRUPTED = "The step was interrupted. The agent is fine, and what was done before is kept."


@dataclass
class Session:
    """A chat with one agent."""

    agent: memgpt.Agent
    path: str
    screen: look.Screen = field(default_factory=look.Screen)
    errors: look.Screen = field(default_factory=lambda: look.Screen(stderr=True))
    live: bool = False  # shown as it is written
    may_retry: Callable[[str], bool] = lambda question: False
    ended: bool = False
    messages: int = 0
    evictions: int = 0
    evicted: int = 0
    largest: int = 0

    def send(self, text: str, role: str = "user", type: str = "") -> memgpt.Response:
        """One turn; keeps count of what the summary at the end says."""
        if self.live:
            events = self.agent._stream(text, role=role, type=type)
            response = show_stream(self.screen, events)
        else:
            response = self.agent._send(text, role=role, type=type)
        self.messages += role == "user"
        self.evictions += response.evicted > 0
        self.evicted += response.evicted
        self.largest = max(self.largest, self.agent.context().tokens)
        return response

    def error(self, text: str) -> None:
        """One red line."""
        self.errors.print(Text(" ".join(text.split()), "red"))

    def turn(self, text: str, role: str = "user", type: str = "") -> None:
        """A turn with everything that can be seen of it. It never ends the chat."""
        while True:
            remembered = len(self.agent.recall)
            try:
                quiet = self.live or not self.screen.is_terminal
                waiting = None if quiet else self.screen.status("Thinking...")
                with waiting or contextlib.nullcontext():
                    response = self.send(text, role, type)
                self._show(response)
            except KeyboardInterrupt:
                self.errors.print(Text(_INTERRUPTED, "red"))
            except memgpt.Error as error:
                self.error(str(error))
            except BrokenPipeError:
                raise
            except Exception as error:  # a provider may raise anything
                for line in traceback.format_exception(error)[-2:]:
                    self.errors.print(Text(line.rstrip(), "red"))
                if self.may_retry("retry? [y/N] "):
                    # The message is in the journal by now, unless it failed before that.
                    if len(self.agent.recall) > remembered:
                        text, role, type = _HEARTBEAT, "system", "heartbeat"
                    continue
            return

    def _show(self, response: memgpt.Response) -> None:
        for line in [] if self.live else look.turn_lines(response.messages):
            self.screen.print(line)
        if response.stop_reason != "end_turn":
            why = f"(ended by {response.stop_reason} after {response.steps} steps)"
            self.screen.print(Text(why, "dim"))
        if response.evicted:
            self.screen.print(look.eviction_line(response.evicted))


def _exit(session: Session, argument: str) -> None:
    session.ended = True


def _dump(session: Session, argument: str) -> None:
    window = session.agent.window
    if argument and not re.fullmatch("[1-9][0-9]{0,8}", argument):
        session.error(f"/dump takes a number of messages, not {argument!r}")
        return
    for message in window[-int(argument) :] if argument else window:
        session.screen.print(look.dump_line(message))


def _memory(session: Session, argument: str) -> None:
    for line in look.memory_view(session.agent):
        session.screen.print(line)


def _context(session: Session, argument: str) -> None:
    for line in look.window_view(session.agent.context()):
        session.screen.print(line)


def _explain(session: Session, argument: str) -> None:
    step = None
    if argument:
        if not re.fullmatch("[1-9][0-9]{0,8}", argument):
            session.error(f"/explain takes the number of a step, not {argument!r}")
            return
        step = int(argument)
    try:
        context = session.agent.context(step=step)
    except (InvalidInput, NotFound, StoreError) as error:
        session.error(str(error))
        return
    for line in look.report_view(context.explain()):
        session.screen.print(line)


def _tokens(session: Session, argument: str) -> None:
    for line in look.report_view(session.agent.budget()):
        session.screen.print(line)


def _count(session: Session, command: str, argument: str) -> int | None:
    """The number that was given, 1 for none; None where it is no number."""
    if argument and not re.fullmatch("[1-9][0-9]{0,8}", argument):
        session.error(f"{command} takes a number, not {argument!r}")
        return None
    return int(argument or 1)


def _moved(session: Session, moved: memgpt.Moved) -> None:
    for line in look.moved_lines(moved):
        session.screen.print(line)


def _undo(session: Session, argument: str) -> None:
    if count := _count(session, "/undo", argument):
        _moved(session, session.agent.undo(count))


def _redo(session: Session, argument: str) -> None:
    if count := _count(session, "/redo", argument):
        _moved(session, session.agent.redo(count))


def _pop(session: Session, argument: str) -> None:
    if count := _count(session, "/pop", argument):
        _moved(session, session.agent.pop(count if argument else None))


def _save(session: Session, argument: str) -> None:
    tag = session.agent.save(argument or None)
    text = f"commit {tag.head.seq:,} is {tag.name!r} now; /load comes back to it"
    session.screen.print(Text(text))


def _load(session: Session, argument: str) -> None:
    _moved(session, session.agent.load(argument or None))


def _fork(session: Session, argument: str) -> None:
    if not argument:
        session.error("/fork takes the name of the new agent")
        return
    old = session.agent.name
    session.agent = session.agent.fork(argument)
    session.screen.print(Text(f"You talk to {argument!r} now; {old!r} stays as it is."))


def _history(session: Session, argument: str) -> None:
    if argument and _count(session, "/history", argument) is None:
        return
    for line in look.history_lines(session.agent, int(argument or 20)):
        session.screen.print(line)


def _heartbeat(session: Session, argument: str) -> None:
    session.turn(_HEARTBEAT, "system", "heartbeat")


def _memory_warning(session: Session, argument: str) -> None:
    session.turn(_MEMORY_WARNING, "system", "system_alert")


def _help(session: Session, argument: str) -> None:
    for name, (_, usage, text) in COMMANDS.items():
        line = Text(f"  {(name + ' ' + usage).rstrip():<16}", "bold").append(text, "default")
        session.screen.print(line)


# Help, completion and dispatch all read this table, so that none of them can say something else.
Command = Callable[[Session, str], None]
COMMANDS: dict[str, tuple[Command, str, str]] = {
    "/exit": (_exit, "", "leave; so do Ctrl-C and Ctrl-D at the prompt. Everything is saved"),
    "/dump": (_dump, "[N]", "the last N messages in the window, or all of them"),
    "/memory": (_memory, "", "core memory, the newest of archival memory, the summary"),
    "/context": (_context, "", "the window, drawn: what fills it and how many tokens are free"),
    "/explain": (_explain, "[STEP]", "the window, or that of a step, row by row"),
    "/tokens": (_tokens, "", "the budget: tokens of each kind, block and tool, and what is free"),
    "/undo": (_undo, "[N]", "go back before the last N turns, in every memory; /redo comes back"),
    "/redo": (_redo, "[N]", "go forward again over N turns that were undone"),
    "/pop": (_pop, "[N]", "undo the last N messages, or back to before your last one"),
    "/save": (_save, "[NAME]", "give this place in the conversation a name"),
    "/load": (_load, "[NAME]", "go to a saved place, the newest by default; /redo comes back"),
    "/fork": (_fork, "NAME", "go on as a new agent that remembers all this one does"),
    "/history": (_history, "[N]", "the last N steps: number, time, what happened; saved places"),
    "/heartbeat": (_heartbeat, "", "send a heartbeat, so that the agent may act by itself"),
    "/memorywarning": (_memory_warning, "", "send the warning that the window is nearly full"),
    "/help": (_help, "", "this list; so does /"),
}


def execute(session: Session, line: str) -> None:
    """Run a line that begins with a slash."""
    name, *rest = line.split(maxsplit=1)
    command = COMMANDS.get("/help" if name == "/" else name)
    if command is None:
        session.error(f'Unrecognized command "{name}", see /help')
        return
    try:
        command[0](session, "".join(rest).strip())
    except memgpt.Error as error:
        session.error(str(error))


class _Commands(Completer):
    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        typed = document.text_before_cursor
        if typed.startswith("/"):
            for name, (_, usage, text) in COMMANDS.items():
                if name.startswith(typed):
                    yield Completion(name, -len(typed), f"{name} {usage}", text)


def _confirmed(question: str) -> bool:
    try:
        return prompt(question).strip().lower() in ("y", "yes")
    except (KeyboardInterrupt, EOFError):
        return False


def talk(session: Session, notes: Sequence[str], *, user_first: bool = False) -> None:
    """Chat in a terminal until the user leaves."""
    agent, screen = session.agent, session.screen
    title = Text(f"memgpt {memgpt.__version__}", "bold")
    screen.print(title.append(f" · {agent.name} · model {agent.config['model']} · {session.path}"))
    for note in notes:
        screen.print(Text(note, "green"))
    screen.print(Text("/help lists the commands, /exit leaves", "dim"))
    file = history_file()
    prompts: PromptSession[str] = PromptSession(
        history=FileHistory(str(file)) if file else InMemoryHistory(), completer=_Commands()
    )
    session.may_retry = _confirmed
    if not user_first:
        session.turn("The human has logged in", "system", "login")
    while not session.ended:
        try:
            line = prompts.prompt([("fg:ansigreen", "🧑 ")])
        except (KeyboardInterrupt, EOFError):
            break
        if not line.strip():
            screen.print(Text("An empty message cannot be sent; /help lists commands", "dim"))
        elif line.startswith("!"):
            screen.print(Text("Commands begin with '/', not '!'", "dim"))
        elif line.startswith("/"):
            execute(session, line)
        else:
            session.turn(line)
    screen.print(Text(f"Bye. {len(agent.recall):,} messages are in {session.path}", "dim"))


def _decoded(raw: bytes, number: int) -> str:
    raw = raw.rstrip(b"\r\n")
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        print(f"line {number}: not UTF-8; the bytes that are not were replaced", file=sys.stderr)
        return raw.decode("utf-8", "replace")


def read_lines(
    session: Session, notes: Sequence[str], first_line: bytes, rest: Iterable[bytes]
) -> int:
    """Take each line as a message and print each reply, until the lines end or one is /exit.

    Returns:
        The exit code: 1 where a line could not be answered.
    """
    failed = False
    for note in notes:
        print(note, file=sys.stderr)
    for number, raw in enumerate(chain([first_line], rest), 1):
        text = _decoded(raw, number)
        if text.startswith("/"):
            execute(session, text)
        elif text.strip():
            failed |= not _answer(session, text, number)
        if session.ended:
            break
    print(
        f"{session.messages:,} messages, {session.evictions:,} evictions ({session.evicted:,} "
        f"messages went into the summary), largest context {session.largest:,} of "
        f"{session.agent.context().budget.limit:,} tokens, {session.path}",
        file=sys.stderr,
    )
    return int(failed)


def _answer(session: Session, text: str, number: int) -> bool:
    try:
        response = session.send(text)
    except Exception as error:  # one line must not end the others: a provider may raise anything
        what = str(error) if isinstance(error, memgpt.Error) else f"{type(error).__name__}: {error}"
        print(f"line {number}: {' '.join(what.split())}", file=sys.stderr)
        return False
    print(response.text, flush=True)
    if not response.text:
        print(f"line {number}: no reply ({response.stop_reason})", file=sys.stderr)
    return bool(response.text)
