"""The server: the Letta V1 API over a home, on a socket or in this process."""

from __future__ import annotations

import atexit
import json
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from memgpt import _core
from memgpt._carry import Carry
from memgpt._text import checked_flag, checked_number, checked_seconds, checked_text
from memgpt.errors import ConfigError, Error
from memgpt.llm import Embedder, LLMProvider, to_core_embedder, to_core_provider

if TYPE_CHECKING:
    from memgpt.home import Home

__all__ = ["Server", "ServerLimits", "core_server"]


@dataclass(frozen=True)
class ServerLimits:
    """What a server takes at most.

    Args:
        body_bytes: of a request's body; larger ones are refused (413).
        header_bytes: of its header (431).
        connections: that are open at once; more are closed.
        request_timeout_s: seconds for a request to come in whole.
        idle_timeout_s: seconds that a connection may wait for its next request.
        stop_timeout_s: seconds that turns which are under way have when the server stops; then they
            are cancelled.
        turns: threads that turns run on. One that waits for a hosted model's answer takes none.
        requests: threads that everything else is answered on.
        queued: requests that wait for a thread; more are refused (503).
        tool_timeout_s: seconds that a call of a tool from source may take. Clients give up after 60
            by default: less lets them see why it was stopped.
    """

    body_bytes: int = 16 << 20
    header_bytes: int = 32 << 10
    connections: int = 4096
    request_timeout_s: float = 30.0
    idle_timeout_s: float = 300.0
    stop_timeout_s: float = 10.0
    turns: int = 16
    requests: int = 4
    queued: int = 4096
    tool_timeout_s: float = 30.0

    def _core(self) -> _core.ServerLimits:
        limits = _core.ServerLimits()
        for name in ("body_bytes", "header_bytes", "connections", "turns", "requests", "queued"):
            value = getattr(self, name)
            setattr(limits, name, checked_number(value, name, ConfigError, low=1, high=1 << 40))
        for name in ("request_timeout_s", "idle_timeout_s", "stop_timeout_s"):
            setattr(limits, name, checked_seconds(getattr(self, name), name))
        return limits


def _derived(request: str) -> str:
    """Name, description and schema of a tool that a client sent, as JSON."""
    from memgpt._tool_source import derive

    given = json.loads(request)
    spec = derive(
        given["source_code"],
        source_type=given.get("source_type") or "python",
        args_json_schema=given.get("args_json_schema"),
        json_schema=given.get("json_schema"),
    )
    schema = {
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters,
    }
    return json.dumps(schema, ensure_ascii=False)


def _run(
    source: str, name: str, arguments: str, environment: str, schema: str, *, seconds: float
) -> tuple[bool, str, list[str], list[str], str]:
    """Call a tool that a client sent, in a sandbox."""
    from memgpt._sandbox import Limits, run_source
    from memgpt._sandbox_secrets import hide

    variables = json.loads(environment)
    try:
        result = run_source(
            source,
            name,
            json.loads(arguments),
            schema=json.loads(schema) if schema else None,
            environment=variables,
            limits=Limits(seconds=seconds),
        )
    except Error as error:  # there is no sandbox, or it cannot be handed over
        return True, str(error), [], [], ""
    result = hide(result, variables)
    failed = result.status != "success"
    return failed, result.value, result.stdout, result.stderr, result.json


def core_server(
    home: Home,
    *,
    host: str = "127.0.0.1",
    port: int = 8283,
    token: str | None = None,
    allowed_hosts: Sequence[str] = (),
    allow_local_tools: bool = False,
    limits: ServerLimits | None = None,
    models: Mapping[str, LLMProvider | type[LLMProvider]] | None = None,
    embedders: Mapping[str, Embedder | type[Embedder]] | None = None,
    log: Callable[[str], None] | None = None,
) -> _core.CoreServer:
    """The core's server of a home, not listening yet."""
    from memgpt import __version__

    options = _core.ServerOptions()
    options.host = checked_text(host, "host")
    options.port = checked_number(port, "port", ConfigError, low=0, high=65535)
    options.token = checked_text(token, "token") if token is not None else ""
    if token is not None and not token.strip():
        raise ConfigError("the token is empty: give a long random text, or none at all")
    options.allowed_hosts = [checked_text(name, "a host's name") for name in allowed_hosts]
    options.allow_local_tools = checked_flag(allow_local_tools, "allow_local_tools")
    limits = limits or ServerLimits()
    options.limits = limits._core()
    seconds = checked_seconds(limits.tool_timeout_s, "tool_timeout_s")
    options.version = __version__
    options.models = {
        checked_text(handle, "a model's handle"): to_core_provider(model)
        for handle, model in (models or {}).items()
    }
    options.embedders = {
        checked_text(handle, "an embedder's handle"): _some(to_core_embedder(embedder))
        for handle, embedder in (embedders or {}).items()
    }
    if log is not None:
        options.set_log(log)
    options.set_derive(_derived)
    options.set_run(partial(_run, seconds=seconds))
    carry = Carry(home)
    options.set_carry(carry.write, carry.read, carry.fill)
    server = _core.CoreServer(home._core, options)
    _running.add(server)
    return server


def _some(embedder: Any) -> Any:
    if embedder is None:
        raise ConfigError("an embedder of the server may not be None")
    return embedder


_running: weakref.WeakSet[_core.CoreServer] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """Before Python ends its threads."""
    for server in list(_running):
        server.stop()


class Server:
    """A server that listens. Use :meth:`memgpt.Home.serve`; ``with`` stops it at the end."""

    def __init__(self, home: Home, **options: Any) -> None:
        self._core = core_server(home, **options)
        self._home = home  # stays open as long as it is served
        self._core.listen()

    @property
    def url(self) -> str:
        """Where it listens: the ``base_url`` of a client."""
        return self._core.url

    @property
    def port(self) -> int:
        return self._core.port

    def stop(self) -> None:
        """Take no more requests, and answer those that are under way: turns have the seconds of
        ``ServerLimits.stop_timeout_s``, and are cancelled then. What was acknowledged is in the
        journal."""
        self._core.stop()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<memgpt.Server {self.url}>"
