"""A link: one control and one data stream to a peer, each with one reader and one writer task.

Other tasks talk to these four through queues. The writer of the data stream asks each source that has frames
for one in turn, and gathers small frames into one write. So frames do not wait here, where later ones could
not overtake them, and one slow rank does not delay the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import attrs
import trio

from ..actors import Bell
from ..errors import ConnectionLost, MpiActorsError, TooMuchRelayed
from ..ids import PeerId
from ..wire.codec import ControlDecoder, encode
from ..wire.frame import HEADER_SIZE, MAX_FRAME, Frame, FrameDecoder
from ..wire.messages import ControlMessage, Goodbye
from .pairing import StreamPair

MOST_FORWARDED = 256 * 1024 * 1024
"""Bytes of frames that may wait here on their way between other hosts: the credit of 64 pairs of ranks."""

_LEAST_PIECE = 4096
"""Bytes of payload for which a write still has to have room: smaller pieces cost more than they carry."""
_MAX_CONTROL = 16 * 1024 * 1024
"""Bytes of control messages that may wait to be written. A peer that does not read them loses its link."""
_ROOM_BELOW = 64 * 1024
"""Bytes of waiting control messages up to which `room` returns at once: one write takes them all."""
_GOODBYE_DEADLINE = 0.5
"""Seconds in which the peer's goodbye may still be read, after another task saw that the connection ended."""
_READ_BYTES = 1024 * 1024
"""Bytes that one call receives at most: several of the largest frames."""


class FrameSource(Protocol):
    """Something that has frames to send."""

    def next_frame(self, link: Link, most: int) -> Frame | None:
        """Return the next frame for this link, of at most `most` bytes of payload; None if it has none."""
        ...


@attrs.frozen
class LinkStatistics:
    """What this side has sent and received over a link."""

    sent: int
    """Bytes of frames written."""
    received: int
    """Bytes of frames read."""
    writes: int
    """Calls in which the bytes of `sent` were written."""


class Link:
    """A link to one peer; see the module's text. `run` must be running.

    Args:
        pair: the streams. The link closes them.
        on_control: called with each control message, in order. It may raise ProtocolError.
        on_frame: called with each data frame and its sender, in order. It may raise ProtocolError.
        most_forwarded: bytes of frames of other links that may wait.
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
        self._control_bell = Bell()  # there is a control message, or the link closes
        self._data_bell = Bell()  # there is a frame
        self._room_bell = Bell()  # control messages were written, or the link ends
        self._scope = trio.CancelScope()
        self._closing = False
        self._sent = self._received = self._writes = 0
        self.end: Exception | None = None
        """Why the link ended; None after a clean end."""

    @property
    def remote(self) -> PeerId:
        """The peer at the other end."""
        return self._pair.remote

    @property
    def dialled(self) -> bool:
        """Whether this side opened the link."""
        return self._pair.dialled

    def statistics(self) -> LinkStatistics:
        """Return counts, for people and benchmarks."""
        return LinkStatistics(self._sent, self._received, self._writes)

    def send_control(self, message: ControlMessage) -> None:
        """Queue a control message without waiting. A peer that reads none loses the link.

        Raises:
            BadMessage: the message is too large.
        """
        data = encode(message)
        if self._control_bytes + len(data) > _MAX_CONTROL:
            self.abort(ConnectionLost("the peer does not read its control messages"))
            return
        self._control.append(data)
        self._control_bytes += len(data)
        self._control_bell.ring()

    async def room(self) -> None:
        """Wait until few control messages are queued, or the link has ended."""
        while self._control_bytes > _ROOM_BELOW and not self._scope.cancel_called:
            await self._room_bell.wait()

    def mark_ready(self, source: FrameSource) -> None:
        """Note that `source` has frames to send. The link asks it for them when its turn comes."""
        self._ready[source] = None
        self._data_bell.ring()

    def forward(self, frame: Frame) -> None:
        """Queue a frame that came over another link.

        Raises:
            TooMuchRelayed: too many bytes wait. The credit between ranks bounds them, so a host ignores it.
        """
        if self._forwarded_bytes > self._most_forwarded:
            raise TooMuchRelayed(f"{self._forwarded_bytes} bytes wait to be relayed to {self.remote}")
        self._forwarded.append(frame)
        self._forwarded_bytes += len(frame.payload) + HEADER_SIZE
        self._data_bell.ring()

    def goodbye(self, reason: str, *, retry: bool = True) -> None:
        """End the link in good order: queue a goodbye, write all control messages, close."""
        if not self._closing:
            self.send_control(Goodbye(reason, retry))
            self._closing = True
            self._control_bell.ring()

    def abort(self, error: Exception | None) -> None:
        """End the link at once; `error` says why."""
        if not self._scope.cancel_called:
            self.end = error
        self._scope.cancel()
        self._room_bell.ring()

    async def run(self) -> None:
        """Send and receive until the link ends (`end` tells why); then close the streams. Never raises."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    for pump in (self._read_control, self._write_control, self._read_data, self._write_data):
                        nursery.start_soon(self._guard, pump)
        finally:
            self.abort(self.end)  # tasks that wait in `room` must go on
            await self._pair.aclose()

    async def _guard(self, pump: Callable[[], object]) -> None:
        try:
            await pump()  # type: ignore[misc]
        except MpiActorsError as error:
            if isinstance(error, ConnectionLost) and pump != self._read_control:
                # the peer may have said goodbye before it closed; let `_read_control` read that
                await trio.sleep(_GOODBYE_DEADLINE)
            self.abort(error)

    async def _read_control(self) -> None:
        decoder = ControlDecoder()
        while data := await self._pair.control.receive_some(_READ_BYTES):
            for message in decoder.feed(data):
                self._on_control(message)
        raise ConnectionLost("the connection ended without a goodbye")

    async def _read_data(self) -> None:
        decoder = FrameDecoder()
        while data := await self._pair.data.receive_some(_READ_BYTES):
            self._received += len(data)
            for frame in decoder.feed(data):
                self._on_frame(frame, self.remote)
        raise ConnectionLost("the connection ended without a goodbye")

    async def _write_control(self) -> None:
        while True:
            if not self._control:
                if self._closing:
                    self.abort(None)
                await self._control_bell.wait()
            batch = b"".join(self._control)
            self._control.clear()
            self._control_bytes = 0
            self._room_bell.ring()
            await self._pair.control.send_all(batch)

    async def _write_data(self) -> None:
        while True:
            data = self._gather()
            if not data:
                await self._data_bell.wait()
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
