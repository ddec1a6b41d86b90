"""The launcher's end of a control channel: asks a daemon, and hears its events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

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
_READ = 256 * 1024
_POSTED = 1000


class ControlClient:
    """One daemon's control channel. `run` must be running.

    Args:
        control: the socket of requests and answers.
        events: the socket of events.
        on_event: awaited with each event and its time (seconds since 1970), in order. Events wait meanwhile,
            answers do not.
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
        self._send_line, self._lines = trio.open_memory_channel[bytes](_POSTED)
        self.ended = trio.Event()
        """Set when there will be no more answers and events."""

    async def run(self) -> None:
        """Serve until the daemon has closed its ends, or this is cancelled; then everybody who waits gets
        `DaemonEnded`.

        Raises:
            BadMessage: the daemon writes what is no answer or event.
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
        """Ask, and wait for the answer.

        Raises:
            MpiActorsError: what the daemon raised, as the same class.
            DaemonEnded: it is gone.
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

    def post(self, request: ControlRequest[None]) -> None:
        """Ask without waiting for the answer. Harmless when the daemon is gone, or does not read."""
        self._last_id += 1
        try:
            self._send_line.send_nowait(encode_request(self._last_id, request))
        except (trio.WouldBlock, *_BROKEN):
            return

    def hang_up(self) -> None:
        """Close our ends, which makes the daemon stop in an orderly way. Idempotent."""
        for stream in (self._control, self._events):
            stream.socket.close()

    async def _write(self) -> None:
        with self._lines:
            async for line in self._lines:
                try:
                    await self._control.send_all(line)
                except _BROKEN:
                    return  # the readers see the end

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
            data = await stream.receive_some(_READ)
        except _BROKEN:
            return
        if not data:
            return
        for line in splitter.feed(bytes(data)):
            await take(line)
