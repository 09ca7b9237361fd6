"""The ways to send an agent a message: whole or as a stream, on this thread or beside an event
loop."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterator

from memgpt import _core
from memgpt._async import send_async
from memgpt._calls import (
    Call,
    CoreHandle,
    call_chain,
    check_loop_is_free,
    check_not_inside,
    in_call,
)
from memgpt._response import Response
from memgpt._stream import Event, OnEvent, stream, stream_async
from memgpt._text import checked_text
from memgpt.errors import Reentrant
from memgpt.transcript import microseconds

__all__ = ["Sending"]


class Prepared:
    """A send whose arguments were checked."""

    def __init__(self, agent: Sending, arguments: tuple[str, str, str, str, int | None]) -> None:
        self._agent = agent
        self._arguments = arguments

    def __call__(self, call: Call, on_event: OnEvent | None = None) -> Response:
        self._agent._renew()
        core = self._agent._core
        return Response(core.send(*self._arguments, call.cancellation, on_event))

    def begin(self, on_event: OnEvent | None) -> _core.CoreTurn:
        """The same in parts, between which its thread is free."""
        self._agent._renew()
        return self._agent._core.begin_send(*self._arguments, on_event)


class Sending(CoreHandle):
    """What an agent is sent by."""

    def _renew(self) -> None:
        """Bind anew what was defined anew, in a notebook's cell say, before a turn begins."""

    def send(
        self,
        text: str,
        *,
        role: str = "user",
        name: str = "",
        time: dt.datetime | str | None = None,
    ) -> Response:
        """Send a message and let the agent act until it is done.

        Args:
            text: the message.
            role: ``user``; ``system``; or ``assistant``: what the agent is to have said.
            name: the speaker, where there are several.
            time: when it was said; now by default.

        Raises:
            InvalidInput: for an empty message or text that UTF-8 cannot store.
            MessageTooLarge: where the window can never hold it; the agent stays usable.
            Unbound: where the model or another part is only known by name.
        """
        return self._send(text, role=role, name=name, time=time)

    async def send_async(
        self,
        text: str,
        *,
        role: str = "user",
        name: str = "",
        time: dt.datetime | str | None = None,
    ) -> Response:
        """``send()`` without blocking the event loop.

        The turn runs on pool threads; ``async def`` tools and providers are awaited on this loop.
        Sends to one agent are taken in the order in which they were called, however long that
        takes. Any number of agents whose models are on servers share eight threads: while a server
        thinks, a turn needs none. Of turns whose model is written in Python, which keep their
        thread, 256 run at once. Both are beside turns that tools of other turns send; tools that
        wait for what a task outside of them sends can fill these. In a coroutine await this, for a
        plain ``send()`` there blocks its loop. Cancelling it ends the turn at its next wait; what
        was committed stays, and the agent takes the next message.

        Args:
            text: the message.
            role: ``user``; ``system``; or ``assistant``: what the agent is to have said.
            name: the speaker, where there are several.
            time: when it was said; now by default.

        Raises:
            Reentrant: inside of a tool of this agent.
            Exception: what ``send()`` raises.
        """
        check_not_inside(self._own, "a tool cannot send to the agent that called it")
        # What is wrong with the arguments is said at once, not when the turn comes.
        send = self._prepared(text, role=role, name=name, time=time)
        return Response(await send_async(self._own, send))

    def stream(
        self,
        text: str,
        *,
        role: str = "user",
        name: str = "",
        time: dt.datetime | str | None = None,
    ) -> Iterator[Event]:
        """``send()``, with all that happens as it happens: ``for event in agent.stream("Hi")``.

        The turn runs on a thread while you iterate. Leaving the loop before its end (``break``, an
        exception, Ctrl-C) ends the turn at its next wait; what was committed stays, and the agent
        takes the next message.

        Args:
            text: the message.
            role: ``user``; ``system``; or ``assistant``: what the agent is to have said.
            name: the speaker, where there are several.
            time: when it was said; now by default.

        Yields:
            :class:`memgpt.Event`; the last has the type ``"done"`` and the ``response``. Pieces of
            text are provisional until their ``"message"`` comes: only that is in the journal.

        Raises:
            Exception: what ``send()`` raises, from the iteration.
        """
        return self._stream(text, role=role, name=name, time=time)

    def _stream(
        self,
        text: str,
        *,
        role: str = "user",
        name: str = "",
        time: dt.datetime | str | None = None,
        type: str = "",
    ) -> Iterator[Event]:
        self._check_may_stream()
        send = self._prepared(text, role=role, name=name, time=time, type=type)
        check_loop_is_free(self._own)
        return stream(self._own, send)

    def _check_may_stream(self) -> None:
        """Its turn is on another thread than the one of a tool: there the core would wait."""
        if any(call.agent == self._own.key for call in call_chain()):
            raise Reentrant(
                f'agent "{self._own.name}" is in the middle of a send() of this same call chain; a '
                "tool cannot send to the agent that called it"
            )

    def stream_async(
        self,
        text: str,
        *,
        role: str = "user",
        name: str = "",
        time: dt.datetime | str | None = None,
    ) -> AsyncIterator[Event]:
        """``stream()`` without blocking the event loop: ``async for event in ...``."""
        self._check_may_stream()
        send = self._prepared(text, role=role, name=name, time=time)
        return stream_async(self._own, send)

    def _send(
        self,
        text: str,
        *,
        role: str = "user",
        name: str = "",
        time: dt.datetime | str | None = None,
        type: str = "",
    ) -> Response:
        check_not_inside(self._own, "a tool cannot send to the agent that called it")
        send = self._prepared(text, role=role, name=name, time=time, type=type)
        check_loop_is_free(self._own)
        call = Call(self._own.key, None)
        return in_call(call, lambda: send(call))

    def _prepared(
        self,
        text: str,
        *,
        role: str,
        name: str,
        time: dt.datetime | str | None,
        type: str = "",
    ) -> Prepared:
        arguments = (
            checked_text(text, "the message"),
            checked_text(role, "the role"),
            type,
            checked_text(name, "the name"),
            microseconds(time),
        )
        return Prepared(self, arguments)
