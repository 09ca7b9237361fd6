"""``memgpt run``: finds the texts, opens the agent, and hands over to a way of chatting."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import TextIO

import memgpt
from memgpt._configuration import setting
from memgpt.cli import ModelFlags, RunOptions
from memgpt.llm import to_core_provider

__all__ = ["folder", "history_file", "make_folder", "open_agent", "run", "stock_text"]

_SHELVES = {"persona": "personas", "human": "humans"}


def folder() -> Path:
    """Where a user's database, personas, humans and prompt history are."""
    return Path(os.environ.get("MEMGPT_HOME") or Path.home() / ".memgpt").expanduser()


def make_folder() -> Path:
    """:func:`folder`, made if it is not there, readable by its owner only.

    Raises:
        memgpt.ConfigError: where it cannot be made.
    """
    try:
        path = folder()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise memgpt.ConfigError(
            f"cannot make the folder for agents: {error}; set MEMGPT_HOME, or give --db PATH"
        ) from error
    return path


def history_file() -> Path | None:
    """Where what was typed at the prompt is kept; None where it cannot be."""
    try:
        path = make_folder() / "history"
        writable = os.access(path if path.exists() else path.parent, os.W_OK)
    except (memgpt.Error, OSError):
        return None
    return path if writable else None


def _decoded(data: bytes, kind: str, source: str) -> str:
    try:
        return data.decode("utf-8-sig").rstrip()
    except UnicodeDecodeError as error:
        raise memgpt.ConfigError(
            f"--{kind} {source} is not UTF-8 (byte {error.start}); save it as UTF-8"
        ) from error


def _shelf_names(kind: str) -> Iterator[str]:
    for shelf in (folder() / _SHELVES[kind], resources.files("memgpt.cli") / _SHELVES[kind]):
        if shelf.is_dir():
            yield from (f.name[:-4] for f in shelf.iterdir() if f.name.endswith(".txt"))


def stock_text(kind: str, given: str) -> str:
    """The text that ``--persona`` or ``--human`` means.

    Args:
        kind: ``persona`` or ``human``.
        given: a name in the user's folder or among the shipped texts, or the path of a file.

    Raises:
        memgpt.ConfigError: where there is no such text, or it cannot be read.
    """
    try:
        if given and os.path.basename(given) == given:
            for shelf in (folder(), resources.files("memgpt.cli")):
                file = shelf / _SHELVES[kind] / f"{given}.txt"
                if file.is_file():
                    return _decoded(file.read_bytes(), kind, str(file))
        if given and os.path.exists(given):
            return _decoded(Path(given).read_bytes(), kind, given)
        names = ", ".join(sorted(set(_shelf_names(kind))))
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, memgpt.Error):
            raise
        raise memgpt.ConfigError(f"cannot read --{kind} {given}: {error}") from error
    raise memgpt.ConfigError(
        f"there is no {kind} {given!r}; there are {names}, or give the path of a text file"
    )


def default_model() -> str:
    """The model of a new agent: a hosted one where there is a key for it."""
    if setting("OPENAI_API_KEY").strip():
        return f"openai/{setting('OPENAI_MODEL') or 'gpt-4.1'}"
    return "offline"


def given_model(options: ModelFlags) -> str | dict[str, str] | None:
    """What the flags say of the model; None where they say nothing.

    Raises:
        memgpt.ConfigError: for an address without a model, or one that cannot be.
        memgpt.MissingKey: where the model needs a key.
    """
    model = _named_model(options)
    if model is not None and (key := to_core_provider(model).missing_key):
        raise memgpt.MissingKey(f"--model {options.model} needs a key: set {key}")
    return model


def _named_model(options: ModelFlags) -> str | dict[str, str] | None:
    more = {"endpoint": options.model_endpoint, "endpoint_type": options.model_endpoint_type}
    more = {name: value for name, value in more.items() if value is not None}
    if not more:
        return options.model
    if options.model is None:
        raise memgpt.ConfigError("--model-endpoint needs --model, the name that its server knows")
    return {"model": options.model, **more}


def _reopened(
    home: memgpt.Home,
    options: RunOptions,
    model: str | dict[str, str] | None,
    texts: dict[str, str],
) -> tuple[memgpt.Agent, list[str]]:
    """An agent that exists, and what there is to say about it."""
    agent = home.agent(options.agent, model=model, context_window=options.context_window)
    notes = [f"welcome back, {len(agent.recall):,} messages remembered", _who_answers(agent)]
    # Nothing of an agent that was local so far is sent anywhere until its user says so.
    if options.model is None and agent.config["model"] == "offline" != default_model():
        notes.append(f"there is a key: --model {default_model()} changes to a hosted model")
    for label, text in texts.items():
        if agent.memory[label].value == text:
            notes.append(f"{label} is that text already")
            continue
        agent.memory[label].value = text
        notes.append(f"{label} replaced by {getattr(options, label)}")
    if options.context_window is not None:
        notes.append(f"the context window is {options.context_window:,} tokens now")
    for part in agent.unbound:
        if part.startswith("model="):
            raise memgpt.ConfigError(
                f"the agent {options.agent!r} has a model of its own, {part}, which a program has "
                "to give, or --model with --model-endpoint; choose another with --model offline"
            )
        notes.append(f"not available here: {part}")
    if model is None and (key := to_core_provider(agent.config["model"]).missing_key):
        raise memgpt.MissingKey(
            f"the agent's model {agent.config['model']} needs a key: set {key}, or choose another "
            "with --model offline"
        )
    return agent, notes


def _who_answers(agent: memgpt.Agent) -> str:
    model = agent.config["model"]
    if model == "offline":
        return "model offline answers: small and rule-based; nothing leaves this machine"
    return f"model {model} answers"


def _memory(texts: dict[str, str]) -> memgpt.ChatMemory:
    memory = memgpt.ChatMemory()
    for label, text in texts.items():
        memory[label].value = text
    return memory


def open_agent(home: memgpt.Home, options: RunOptions) -> tuple[memgpt.Agent, list[str]]:
    """The agent that the flags name, made on first use.

    Returns:
        The agent, and what there is to tell the user about it.

    Raises:
        memgpt.Error: where the flags cannot work.
    """
    model = given_model(options)
    given = {"persona": options.persona, "human": options.human}
    texts = {kind: stock_text(kind, name) for kind, name in given.items() if name is not None}
    if options.agent in home.agents():
        return _reopened(home, options, model, texts)
    agent = home.create_agent(
        options.agent,
        memory=_memory(texts),
        model=model or default_model(),
        context_window=options.context_window,
    )
    return agent, [f"a new agent, {options.agent!r}", _who_answers(agent)]


def _chat(options: RunOptions) -> int:
    from memgpt.cli import chat

    stdin: TextIO | None = sys.stdin  # closed by some who start programs
    terminal = stdin is not None and stdin.isatty() and sys.stdout.isatty()
    lines: Iterable[bytes] = [] if terminal or stdin is None else stdin.buffer
    first_line = next(iter(lines), b"")
    if not terminal and not first_line:
        # Nothing at all on stdin, as in `make chat < /dev/null`: show what this is.
        from memgpt.cli import demo

        return demo.play(options)
    path = options.db if options.db is not None else str(make_folder() / "agents.db")
    with memgpt.open(path) as home:
        agent, notes = open_agent(home, options)
        session = chat.Session(agent, home.path, live=options.stream and terminal)
        if terminal:
            chat.talk(session, notes, user_first=options.first)
            return 0
        return chat.read_lines(session, notes, first_line, lines)


def run(options: RunOptions) -> int:
    """``memgpt run``.

    Returns:
        The exit code: 0, 1 where a line from a pipe could not be answered, or 2 where something
        could not be set up.
    """
    try:
        return _chat(options)
    except memgpt.Error as error:
        # What goes wrong in a chat is reported there; what comes here kept it from beginning.
        print(f"memgpt: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
