"""The command line. What a command needs is imported when it runs, so that --help is quick."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ModelFlags", "RunOptions", "main", "quietly", "speak_utf8"]


@dataclass(frozen=True)
class ModelFlags:
    """The flags that say which model, and where it is."""

    model: str | None = None
    model_endpoint: str | None = None
    model_endpoint_type: str | None = None
    context_window: int | None = None


@dataclass(frozen=True)
class RunOptions(ModelFlags):
    """The flags of ``memgpt run``."""

    agent: str = "memgpt"
    persona: str | None = None
    human: str | None = None
    db: str | None = None
    stream: bool = False
    first: bool = False


def _parser() -> argparse.ArgumentParser:
    from memgpt import __version__

    parser = argparse.ArgumentParser(
        prog="memgpt", description="Agents with lasting memory, on this machine."
    )
    parser.add_argument("--version", action="version", version=f"memgpt {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="chat with an agent",
        description="Chat with an agent. In a terminal you are asked for messages; from a pipe "
        "each line is a message; with nothing at all on standard input a demo is played.",
        epilog="MEMGPT_HOME names the folder for the database, your personas and your humans; "
        "it is ~/.memgpt by default. The file `config` in it may hold keys: a line [environment], "
        "and below it OPENAI_API_KEY = ...",
    )
    run.add_argument(
        "--agent", metavar="NAME", default="memgpt", help="which agent; made on first use (memgpt)"
    )
    run.add_argument(
        "--persona", metavar="NAME|FILE.txt", help="who the agent is: a stock text or your own"
    )
    run.add_argument(
        "--human", metavar="NAME|FILE.txt", help="what the agent knows of you to begin with"
    )
    _add_model(run)
    run.add_argument(
        "--stream", action="store_true", help="show what the model writes while it writes it"
    )
    run.add_argument("--db", metavar="PATH", help="the database (MEMGPT_HOME/agents.db)")
    run.add_argument("--first", action="store_true", help="you speak first, not the agent")
    _add_carry(commands)
    _add_benchmark(commands)
    _add_server(commands)
    doctor = commands.add_parser(
        "doctor",
        help="see whether a database is sound",
        description="See whether a database is sound; changes nothing without --rebuild, which "
        "also brings a file of an older memgpt up to date.",
        epilog="Exit codes: 0 it is sound, 1 there are problems, 2 it cannot be opened.",
    )
    doctor.add_argument("file", metavar="FILE", nargs="?", help="it (MEMGPT_HOME/agents.db)")
    doctor.add_argument(
        "--rebuild", action="store_true", help="drop what is derived, to be made again, and look"
    )
    doctor.add_argument("--replay", action="store_true", help="replay every agent, too")
    return parser


def _add_model(command: argparse.ArgumentParser) -> None:
    """The flags of :class:`ModelFlags`."""
    command.add_argument(
        "--model",
        metavar="HANDLE",
        help="the language model: offline, or SERVICE/NAME such as openai/gpt-4.1 or "
        "ollama/llama3.1 (openai/gpt-4.1, or OPENAI_MODEL, where OPENAI_API_KEY is set; else "
        "offline)",
    )
    command.add_argument(
        "--model-endpoint", metavar="URL", help="of a server of your own; --model is its model"
    )
    command.add_argument(
        "--model-endpoint-type",
        metavar="SERVICE",
        help="what such a server is: openai (the default), azure, llama.cpp, vllm, ollama ...",
    )
    command.add_argument(
        "--context-window", metavar="N", type=int, help="tokens that the model may see at once"
    )


def _add_benchmark(commands: Any) -> None:
    bench = commands.add_parser(
        "benchmark",
        help="see whether a model can drive MemGPT",
        description="Give a model a dozen short tasks, one for each thing that MemGPT needs, and "
        "see which of its calls are valid, repaired or failed. Nothing is kept.",
        epilog="Exit codes: 0 it can, if with repairs, 1 it cannot, 2 it could not be asked, "
        "130 it was broken off by Ctrl-C.",
    )
    _add_model(bench)
    bench.add_argument(
        "--n-tries", metavar="N", type=int, default=1, help="how often each task is tried (1)"
    )
    bench.add_argument("--json", action="store_true", help="all figures, for a program")


def _add_server(commands: Any) -> None:
    server = commands.add_parser(
        "server",
        help="serve the agents to clients of the Letta API",
        description="Serve the agents of a database over the Letta V1 API, to letta-client and "
        "@letta-ai/letta-client of both generations. Ctrl-C or SIGTERM stops it: turns that are "
        "under way come to their end first.",
        epilog="Exit codes: 0 it was stopped, 2 it could not begin.",
    )
    server.add_argument("--host", default="127.0.0.1", help="the address (127.0.0.1)")
    server.add_argument("--port", type=int, default=8283, help="the port; 0 for any (8283)")
    server.add_argument("--db", metavar="PATH", help="the database (MEMGPT_HOME/agents.db)")
    server.add_argument(
        "--token",
        metavar="TEXT",
        help="what clients must send; needed for any address but this machine's own "
        "(MEMGPT_SERVER_TOKEN)",
    )
    server.add_argument(
        "--allow-host", metavar="NAME", action="append", default=[], help="a name of this server"
    )
    server.add_argument(
        "--allow-local-tools",
        action="store_true",
        help="run tools that clients send as source, in a sandbox, without a token, too",
    )
    server.add_argument("--log", action="store_true", help="a JSON line on stderr for each request")
    server.add_argument(
        "--durability", choices=("full", "process"), default="full", help="see memgpt.open (full)"
    )
    for name, text in (
        ("max-body", "bytes of a request's body (16777216)"),
        ("max-header", "bytes of its header (32768)"),
        ("max-connections", "connections at once (4096)"),
        ("turn-threads", "threads that turns run on (16)"),
    ):
        server.add_argument(f"--{name}", metavar="N", type=int, help=text)
    for name, text in (
        ("request-timeout", "seconds for a request to come in whole (30)"),
        ("idle-timeout", "seconds between two requests of a connection (300)"),
        ("stop-timeout", "seconds that turns have when the server stops (10)"),
    ):
        server.add_argument(f"--{name}", metavar="S", type=float, help=text)


def _add_carry(commands: Any) -> None:
    """The commands ``export`` and ``import``."""
    export = commands.add_parser(
        "export",
        help="write an agent to a file",
        description="Write everything that an agent is to one file: memory, history, tools, "
        "configuration, never keys. A file that ends in .af is one for Letta.",
    )
    export.add_argument("name", metavar="NAME", help="which agent")
    export.add_argument("file", metavar="FILE", help="where to")
    export.add_argument(
        "--overwrite", action="store_true", help="take the place of an export that is there"
    )
    bring = commands.add_parser(
        "import",
        help="take in an agent from a file",
        description="Take in an agent that `memgpt export` wrote, or Letta (FILE.af). The file is "
        "checked first, and nothing in it is executed.",
    )
    bring.add_argument("file", metavar="FILE", help="which file")
    bring.add_argument("--name", metavar="NAME", help="what the agent is called here")
    for command in (export, bring):
        command.add_argument("--db", metavar="PATH", help="the database (MEMGPT_HOME/agents.db)")
        command.epilog = "Exit codes: 0 it is done, 2 it is not, and nothing was changed."


def speak_utf8() -> None:
    """A terminal or pipe that cannot show a character gets a question mark, not a traceback."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this program
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def quietly(work: Callable[[], int]) -> int:
    """Run a command; a reader that went away and Ctrl-C end it without a traceback."""
    try:
        code = work()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Python flushes stdout once more on its way out; let that go nowhere.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"memgpt: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments; those of the process by default.

    Returns:
        The exit code: 0, 1 where a line from a pipe could not be answered or a file is not sound,
        or 2 where something could not be set up.
    """
    speak_utf8()
    parser = _parser()
    arguments = vars(parser.parse_args(argv))
    command = arguments.pop("command")
    if command is None:
        parser.print_help()
        return 0
    if command == "doctor":
        from memgpt.cli.doctor import DoctorOptions, doctor

        return quietly(lambda: doctor(DoctorOptions(**arguments)))
    if command == "benchmark":
        from memgpt.cli.benchmark import BenchmarkOptions, benchmark

        return quietly(lambda: benchmark(BenchmarkOptions(**arguments)))
    if command == "server":
        from memgpt.cli.server import ServerFlags, serve

        return quietly(lambda: serve(ServerFlags(**arguments)))
    if command in ("export", "import"):
        from memgpt.cli.carry import CarryOptions, carry

        return quietly(lambda: carry(CarryOptions(command=command, **arguments)))
    from memgpt.cli.run import run

    return quietly(lambda: run(RunOptions(**arguments)))
