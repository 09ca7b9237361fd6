"""``memgpt server``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import dataclass

import memgpt
from memgpt._server import ServerLimits
from memgpt.cli.run import make_folder

__all__ = ["ServerFlags", "serve"]


@dataclass(frozen=True)
class ServerFlags:
    """The flags of ``memgpt server``; None: as the library has it."""

    host: str
    port: int
    db: str | None
    token: str | None
    allow_host: list[str]
    allow_local_tools: bool
    log: bool
    durability: str
    max_body: int | None
    max_header: int | None
    max_connections: int | None
    turn_threads: int | None
    request_timeout: float | None
    idle_timeout: float | None
    stop_timeout: float | None

    def limits(self) -> ServerLimits:
        given = {
            "body_bytes": self.max_body,
            "header_bytes": self.max_header,
            "connections": self.max_connections,
            "turns": self.turn_threads,
            "request_timeout_s": self.request_timeout,
            "idle_timeout_s": self.idle_timeout,
            "stop_timeout_s": self.stop_timeout,
        }
        return ServerLimits(**{name: value for name, value in given.items() if value is not None})  # pyright: ignore[reportArgumentType]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def serve(flags: ServerFlags) -> int:
    """Serve until a signal says to stop."""
    # A token on the command line can be read by everybody on this machine.
    token = flags.token if flags.token is not None else os.environ.get("MEMGPT_SERVER_TOKEN")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        path = flags.db if flags.db is not None else str(make_folder() / "agents.db")
        with (
            memgpt.open(path, durability=flags.durability) as home,
            home.serve(
                flags.host,
                flags.port,
                token=token or None,
                allowed_hosts=flags.allow_host,
                allow_local_tools=flags.allow_local_tools,
                limits=flags.limits(),
                log=_say if flags.log else None,
            ) as server,
        ):
            print(f"memgpt server is listening on {server.url}", flush=True)
            stop.wait()
    except memgpt.Error as error:
        print(f"memgpt: {error}", file=sys.stderr)
        return 2
    return 0
