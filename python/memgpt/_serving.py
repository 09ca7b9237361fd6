"""A home as a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from memgpt._server import Server, ServerLimits
    from memgpt.home import Home
    from memgpt.llm import Embedder, LLMProvider

__all__ = ["Serving"]


class Serving:
    """What a home can do as a server."""

    def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 8283,
        *,
        token: str | None = None,
        allowed_hosts: Sequence[str] = (),
        allow_local_tools: bool = False,
        limits: ServerLimits | None = None,
        models: Mapping[str, LLMProvider | type[LLMProvider]] | None = None,
        embedders: Mapping[str, Embedder | type[Embedder]] | None = None,
        log: Callable[[str], None] | None = None,
    ) -> Server:
        """Serve this home's agents to clients of the Letta V1 API, on threads of its own.

        Args:
            host: the address to listen on; one that other machines can reach needs a ``token``.
            port: 0 for any that is free; ``server.url`` tells which.
            token: what clients have to send, as ``api_key`` or ``token``.
            allowed_hosts: names by which clients may call the server, beside this machine's own.
            allow_local_tools: run tools that clients send as source also without a token. They run
                in a sandbox, or not at all.
            limits: of requests, connections and time.
            models: providers of this program, by the handles that clients give.
            embedders: the same of embedders.
            log: is called with one JSON object, as text, for each request that was answered.

        Raises:
            ConfigError: for an address that cannot be listened on, or that needs a token.
        """
        from memgpt._server import Server

        return Server(
            cast("Home", self),
            host=host,
            port=port,
            token=token,
            allowed_hosts=allowed_hosts,
            allow_local_tools=allow_local_tools,
            limits=limits,
            models=models,
            embedders=embedders,
            log=log,
        )
