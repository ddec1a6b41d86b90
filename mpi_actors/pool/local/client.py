"""The launcher's end of the control protocol: sends requests to a daemon, and receives its events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio

from ...errors import DaemonEnded
from ...events import Event
from ...wire.control import (
    MAX_LINE,
    Answer,
    ControlRequest,
    decode_answer,
    decode_event,
    encode_request,
    take_value,
)
from ...wire.splitter import LineSplitter

T = TypeVar("T")

_BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError)
_READ_BYTES = 256 * 1024
"""Bytes that one call receives: what the daemon sends in one write."""
_MAX_WAITING = 1000
"""Requests that may wait to be written. A daemon that does not read loses further requests of `post`."""


class ControlClient:
    """The control protocol with one daemon. `run` must be running.

    Args:
        control: the socket of requests and answers.
        events: the socket of events.
        on_event: awaited with the time (seconds since 1970) of each event and the event, in order. Meanwhile
            further events wait, but answers do not.
    """

    def __init__(
        self,
        control: trio.SocketStream,
        events: trio.SocketStream,
        on_event: Callable[[float, Event], Awaitable[None]],
    ) -> None:
        self._control = control
        self._events = events
        self._on_event = on_event
        self._last_id = 0
        self._asked: dict[int, trio.MemorySendChannel[Answer]] = {}
        self._send_line, self._lines = trio.open_memory_channel[bytes](_MAX_WAITING)
        self.ended = trio.Event()
        """Set when no more answers and events will come."""

    async def run(self) -> None:
        """Serve until the daemon has closed its sockets, or this is cancelled.

        After that, calls that wait raise `DaemonEnded`.

        Raises:
            BadMessage: the daemon sent something that is not an answer or event.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                async with trio.open_nursery() as readers:
                    readers.start_soon(self._read_answers)
                    readers.start_soon(self._read_events)
                nursery.cancel_scope.cancel()
        finally:
            self.ended.set()
            for asker in self._asked.values():
                asker.close()

    async def ask(self, request: ControlRequest[T]) -> T:
        """Send a request, and return the answer.

        Raises:
            MpiActorsError: the error that the daemon raised, with the same class.
            DaemonEnded: the daemon has ended.
        """
        self._last_id += 1
        id = self._last_id
        sender, receiver = trio.open_memory_channel[Answer](1)
        self._asked[id] = sender
        try:
            if self.ended.is_set():
                raise DaemonEnded("the daemon has ended")
            await self._send_line.send(encode_request(id, request))
            return take_value(await receiver.receive(), request)
        except (trio.EndOfChannel, trio.BrokenResourceError):
            raise DaemonEnded("the daemon ended before it answered") from None
        finally:
            del self._asked[id]

    def post(self, request: ControlRequest[Any]) -> None:
        """Send a request without waiting for an answer. It is dropped if the daemon cannot take it."""
        self._last_id += 1
        try:
            self._send_line.send_nowait(encode_request(self._last_id, request))
        except (trio.WouldBlock, *_BROKEN):
            return

    def hang_up(self) -> None:
        """Close the sockets, which makes the daemon stop in an orderly way. Idempotent."""
        for stream in (self._control, self._events):
            stream.socket.close()

    async def _write(self) -> None:
        with self._lines:
            async for line in self._lines:
                try:
                    await self._control.send_all(line)
                except _BROKEN:
                    return  # the tasks that read see the end, too

    async def _read_answers(self) -> None:
        async def take(line: bytes) -> None:
            answer = decode_answer(line)
            asker = self._asked.get(answer.id)
            if asker is not None:
                asker.send_nowait(answer)

        await _each_line(self._control, take)

    async def _read_events(self) -> None:
        async def take(line: bytes) -> None:
            await self._on_event(*decode_event(line))

        await _each_line(self._events, take)


async def _each_line(stream: trio.SocketStream, take: Callable[[bytes], Awaitable[None]]) -> None:
    splitter = LineSplitter(MAX_LINE)
    while True:
        try:
            data = await stream.receive_some(_READ_BYTES)
        except _BROKEN:
            return
        if not data:
            return
        for line in splitter.feed(bytes(data)):
            await take(line)
