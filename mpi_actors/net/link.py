"""A link: one control and one data stream to a peer, each with one reader and one writer task.

Everybody else talks to these tasks through queues. The data writer pulls frames from whoever is ready, turn
by turn, and gathers small ones into one write; so nothing is queued here that could be overtaken, and one
slow rank does not hold up the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import attrs
import trio

from ..errors import ConnectionLost, MpiActorsError, TooMuchRelayed
from ..ids import PeerId
from ..wire.codec import ControlDecoder, encode
from ..wire.frame import HEADER_SIZE, MAX_FRAME, Frame, FrameDecoder
from ..wire.messages import ControlMessage, Goodbye
from .pairing import StreamPair

MOST_FORWARDED = 256 * 1024 * 1024
"""Bytes that may wait on their way between two other hosts, unless told otherwise."""

_LEAST_PIECE = 4096
"""A write is not filled up with payload pieces smaller than this."""
_MAX_QUEUED = 16 * 1024 * 1024
"""Control bytes that may wait to be written; a peer that takes none of them is cut off."""
_LITTLE = 64 * 1024
_LAST_WORDS = 0.5
"""Seconds for a goodbye to be read when something else tells first that the connection has ended."""
_READ = 1024 * 1024


class FrameSource(Protocol):
    """Somebody with frames to send."""

    def next_frame(self, link: Link, most: int) -> Frame | None:
        """The next frame for this link with at most `most` bytes of payload, or None when there is none."""
        ...


@attrs.frozen
class LinkStatistics:
    """What went over a link."""

    sent: int
    """Bytes of frames written."""
    received: int
    """Bytes of frames read."""
    writes: int
    """Writes that these bytes took."""


class Link:
    """See the module's text.

    Args:
        pair: the streams; the link closes them.
        on_control: called with each control message, in order. May raise ProtocolError.
        on_frame: called with each data frame, in order. May raise ProtocolError.
        most_forwarded: bytes of other links' frames that may wait.
    """

    def __init__(
        self,
        pair: StreamPair,
        *,
        on_control: Callable[[ControlMessage], None],
        on_frame: Callable[[Frame, PeerId], None],
        most_forwarded: int = MOST_FORWARDED,
    ) -> None:
        self._pair = pair
        self._on_control = on_control
        self._on_frame = on_frame
        self._control: deque[bytes] = deque()
        self._control_bytes = 0
        self._ready: dict[FrameSource, None] = {}
        self._forwarded: deque[Frame] = deque()
        self._forwarded_bytes = 0
        self._most_forwarded = most_forwarded
        self._control_wake = trio.Event()
        self._data_wake = trio.Event()
        self._drained = trio.Event()
        self._scope = trio.CancelScope()
        self._closing = False
        self._sent = self._received = self._writes = 0
        self.end: Exception | None = None
        """Why the link ended; None after a clean end."""

    @property
    def remote(self) -> PeerId:
        """The peer at the other side."""
        return self._pair.remote

    @property
    def dialled(self) -> bool:
        """Did this side open the link?"""
        return self._pair.dialled

    def statistics(self) -> LinkStatistics:
        """Counts, for people and benchmarks."""
        return LinkStatistics(self._sent, self._received, self._writes)

    def send_control(self, message: ControlMessage) -> None:
        """Queue a control message; never waits. A peer that reads nothing loses the link.

        Raises:
            BadMessage: the message is too large.
        """
        data = encode(message)
        if self._control_bytes + len(data) > _MAX_QUEUED:
            self.abort(ConnectionLost("the peer does not read its control messages"))
            return
        self._control.append(data)
        self._control_bytes += len(data)
        self._control_wake.set()

    async def room(self) -> None:
        """Wait until no more than a little is queued, or the link has ended."""
        while self._control_bytes > _LITTLE and not self._scope.cancel_called:
            await self._drained.wait()

    def mark_ready(self, source: FrameSource) -> None:
        """`source` has frames to send; it is asked when its turn comes."""
        self._ready[source] = None
        self._data_wake.set()

    def forward(self, frame: Frame) -> None:
        """Queue a frame of another link. Credit between the two ranks bounds how many there are …

        Raises:
            TooMuchRelayed: … unless somebody does not keep to it.
        """
        if self._forwarded_bytes > self._most_forwarded:
            raise TooMuchRelayed(f"{self._forwarded_bytes} bytes wait to be relayed to {self.remote}")
        self._forwarded.append(frame)
        self._forwarded_bytes += len(frame.payload) + HEADER_SIZE
        self._data_wake.set()

    def goodbye(self, reason: str, *, retry: bool = True) -> None:
        """End the link on purpose: tell the peer, write what is queued, close."""
        if not self._closing:
            self.send_control(Goodbye(reason, retry))
            self._closing = True
            self._control_wake.set()

    def abort(self, error: Exception | None) -> None:
        """End the link at once."""
        if not self._scope.cancel_called:
            self.end = error
        self._scope.cancel()
        self._drained.set()

    async def run(self) -> None:
        """Pump until the link ends, for whatever reason (`end` tells); closes the streams. Never raises."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    for pump in (self._read_control, self._write_control, self._read_data, self._write_data):
                        nursery.start_soon(self._guard, pump)
        finally:
            self.abort(self.end)  # whoever waits for room must not wait on
            await self._pair.aclose()

    async def _guard(self, pump: Callable[[], object]) -> None:
        try:
            await pump()  # type: ignore[misc]
        except MpiActorsError as error:
            if isinstance(error, ConnectionLost) and pump != self._read_control:
                # the other side may have said goodbye before it closed, and that is yet to be read
                await trio.sleep(_LAST_WORDS)
            self.abort(error)

    async def _read_control(self) -> None:
        decoder = ControlDecoder()
        while data := await self._pair.control.receive_some(_READ):
            for message in decoder.feed(data):
                self._on_control(message)
        raise ConnectionLost("the connection ended without a goodbye")

    async def _read_data(self) -> None:
        decoder = FrameDecoder()
        while data := await self._pair.data.receive_some(_READ):
            self._received += len(data)
            for frame in decoder.feed(data):
                self._on_frame(frame, self.remote)
        raise ConnectionLost("the connection ended without a goodbye")

    async def _write_control(self) -> None:
        while True:
            if not self._control:
                if self._closing:
                    self.abort(None)
                self._control_wake = trio.Event()
                await self._control_wake.wait()
            batch = b"".join(self._control)
            self._control.clear()
            self._control_bytes = 0
            self._drained.set()
            self._drained = trio.Event()
            await self._pair.control.send_all(batch)

    async def _write_data(self) -> None:
        while True:
            data = self._gather()
            if not data:
                self._data_wake = trio.Event()
                await self._data_wake.wait()
                continue
            await self._pair.data.send_all(data)
            self._sent += len(data)
            self._writes += 1

    def _gather(self) -> bytes:
        parts: list[bytes | memoryview] = []
        room = MAX_FRAME
        while room >= HEADER_SIZE + _LEAST_PIECE or room == MAX_FRAME:
            frame = self._next_frame(room - HEADER_SIZE)
            if frame is None:
                break
            parts += (frame.header(), frame.payload)
            room -= HEADER_SIZE + len(frame.payload)
        return b"".join(parts)

    def _next_frame(self, most: int) -> Frame | None:
        if self._forwarded and len(self._forwarded[0].payload) <= most:
            relayed = self._forwarded.popleft()
            self._forwarded_bytes -= len(relayed.payload) + HEADER_SIZE
            return relayed
        while self._ready:
            source = next(iter(self._ready))
            del self._ready[source]
            frame = source.next_frame(self, most)
            if frame is not None:
                self._ready[source] = None
                return frame
        return None
