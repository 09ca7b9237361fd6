"""An httpx transport that talks to the kernel in this process: no server, no port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from memgpt import _core
from memgpt._server import core_server

if TYPE_CHECKING:
    from memgpt.home import Home

__all__ = ["letta_transport"]


def letta_transport(home: Home, **options: Any) -> Any:
    """A transport with which a client of the Letta API talks to a home in this process::

        client = letta_client.Letta(
            base_url="http://memgpt", http_client=httpx.Client(transport=letta_transport(home))
        )

    It gives the same answers as :meth:`memgpt.Home.serve`, for ``httpx.Client`` and
    ``httpx.AsyncClient``. ``close()`` of the client ends it, and leaves the home open. Tools that
    are sent as source run in their sandbox without a token: only this program can have sent them.

    Args:
        home: an open home.
        options: ``models``, ``embedders`` and ``limits`` as of :meth:`memgpt.Home.serve`.

    Returns:
        An ``httpx.BaseTransport`` that is an ``httpx.AsyncBaseTransport``, too.

    Raises:
        ImportError: where httpx is not installed; the clients bring it.
    """
    import asyncio

    import httpx

    server = core_server(home, allow_local_tools=True, **options)

    def ask(request: httpx.Request, body: bytes) -> _core.LocalAnswer:
        headers = [(name.decode().lower(), value.decode()) for name, value in request.headers.raw]
        return server.handle(request.method, request.url.raw_path.decode(), headers, body)

    class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __init__(self, answer: _core.LocalAnswer) -> None:
            self._answer = answer

        def __iter__(self) -> Iterator[bytes]:
            while (piece := self._answer.next()) is not None:
                yield piece

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while (piece := await asyncio.to_thread(self._answer.next)) is not None:
                yield piece

        def close(self) -> None:
            self._answer.close()

        async def aclose(self) -> None:
            self._answer.close()

    class LettaTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = ask(request, request.read())
            status, headers = answer.head()
            return httpx.Response(status, headers=headers, stream=Pieces(answer))

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = ask(request, await request.aread())
            status, headers = await asyncio.to_thread(answer.head)
            return httpx.Response(status, headers=headers, stream=Pieces(answer))

        def close(self) -> None:
            server.stop()

        async def aclose(self) -> None:
            await asyncio.to_thread(server.stop)

    return LettaTransport()
