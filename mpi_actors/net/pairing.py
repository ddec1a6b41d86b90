"""Makes a pair of two streams of one peer: a control stream and a data stream, with the same token.

The dialling side opens both, and writes their kinds and the token in their preambles. The accepting side
joins them. It closes a stream that sends no preamble, or a wrong one, with a named error, and counts that.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import trio

from ..config import PeerLimits, Timing
from ..errors import BadPreamble, ConnectionLost, HelloTimeout, ProtocolError, TooManyStreams
from ..ids import PeerId
from ..wire.preamble import PREAMBLE_SIZE, TOKEN_SIZE, Preamble, StreamKind
from .transport import ByteStream, Transport

logger = logging.getLogger(__name__)

_MOST_UNPAIRED = 16
"""Streams of one peer that may wait for their pair: few, so that one peer cannot keep the others out."""
_MOST_UNGREETED = 8
"""Links of one peer that may wait for its hello. Two peers that dial each other at once need two."""


@attrs.frozen
class StreamPair:
    """The two streams of a link."""

    remote: PeerId
    control: ByteStream
    data: ByteStream
    dialled: bool
    """Whether this side opened the streams."""

    async def aclose(self) -> None:
        """Close both streams. Never raises."""
        await self.control.aclose()
        await self.data.aclose()


async def open_pair(transport: Transport, peer: PeerId) -> StreamPair:
    """Open both streams to a connected peer.

    Raises:
        DialFailed: the peer cannot be reached over its connection.
        ConnectionLost: the connection ended meanwhile.
    """
    token = secrets.token_bytes(TOKEN_SIZE)
    streams: list[ByteStream] = []
    try:
        for kind in (StreamKind.CONTROL, StreamKind.DATA):
            stream = await transport.open_stream(peer)
            streams.append(stream)
            await stream.send_all(Preamble(kind, token).encode())
    except BaseException:
        # also when cancelled: no half of a pair stays open
        for stream in streams:
            await stream.aclose()
        raise
    return StreamPair(peer, streams[0], streams[1], dialled=True)


class Pairing:
    """Joins incoming streams to pairs."""

    def __init__(self, timing: Timing | None = None, limits: PeerLimits | None = None) -> None:
        self._timing = timing or Timing()
        self._limits = limits or PeerLimits()
        self._waiting: dict[tuple[PeerId, bytes], _Half] = {}
        self._reading: Counter[PeerId] = Counter()
        self._greeting: Counter[PeerId] = Counter()
        self.errors: Counter[str] = Counter()
        """How many streams and links were refused, by the name of the error."""

    async def accept(self, stream: ByteStream) -> StreamPair | None:
        """Take an incoming stream; return the pair if the stream is its second half.

        For the first half, wait until the pair ends, and return None. For a stream that breaks the rules, log
        and count its error, and return None. The caller then closes the stream.
        """
        unpaired = [*self._reading.elements(), *(remote for remote, _ in self._waiting)]
        of_this = unpaired.count(stream.remote)
        if len(unpaired) >= self._limits.max_pending or of_this >= _MOST_UNPAIRED:
            many = f"{len(unpaired)} streams, {of_this} of them of this peer, wait for their pair"
            self._refuse(stream, TooManyStreams(many))
            return None
        self._reading[stream.remote] += 1
        try:
            preamble = await self._preamble(stream)
        except (ProtocolError, ConnectionLost) as error:
            self._refuse(stream, error)
            return None
        finally:
            self._reading[stream.remote] -= 1
            self._reading = +self._reading
        key = (stream.remote, preamble.token)
        other = self._waiting.pop(key, None)
        if other is None:
            await self._wait(key, _Half(stream, preamble.kind))
            return None
        if other.kind is preamble.kind:
            other.abandon()
            self._refuse(stream, BadPreamble("both streams of a pair are of the same kind"))
            return None
        other.met.set()
        control, data = (
            (stream, other.stream) if preamble.kind is StreamKind.CONTROL else (other.stream, stream)
        )
        return _Joined(stream.remote, control, data, False, other.done)

    @contextmanager
    def greeting(self, peer: PeerId) -> Iterator[None]:
        """Count a link of that peer as not greeted until the block ends.

        Raises:
            TooManyStreams: too many links are not greeted.
        """
        of_all, of_this = self._greeting.total(), self._greeting[peer]
        if of_all >= self._limits.max_links or of_this >= _MOST_UNGREETED:
            self.errors["TooManyStreams"] += 1
            raise TooManyStreams(f"{of_all} links, {of_this} of them of this peer, wait for their hello")
        self._greeting[peer] += 1
        try:
            yield
        finally:
            self._greeting[peer] -= 1
            self._greeting = +self._greeting

    async def _wait(self, key: tuple[PeerId, bytes], half: _Half) -> None:
        self._waiting[key] = half
        try:
            with trio.move_on_after(self._timing.hello):
                await half.met.wait()
        finally:
            if self._waiting.get(key) is half:
                del self._waiting[key]
        if not half.met.is_set():
            self._refuse(half.stream, HelloTimeout("the other stream of its pair never came"))
        elif not half.refused:
            # the transport closes the stream when this task ends, so stay as long as the pair is in use
            await half.done.wait()

    async def _preamble(self, stream: ByteStream) -> Preamble:
        data = b""
        with trio.move_on_after(self._timing.hello):
            while len(data) < PREAMBLE_SIZE:
                got = await stream.receive_some(PREAMBLE_SIZE - len(data))
                if not got:
                    raise ConnectionLost("a stream ended before it said what it is")
                data += got
            return Preamble.decode(data)
        raise HelloTimeout(f"a stream did not say what it is within {self._timing.hello:g} s")

    def _refuse(self, stream: ByteStream, error: Exception) -> None:
        self.errors[type(error).__name__] += 1
        logger.warning("a stream of %s was refused: %s: %s", stream.remote, type(error).__name__, error)


@attrs.define(eq=False)
class _Half:
    stream: ByteStream
    kind: StreamKind
    met: trio.Event = attrs.field(factory=trio.Event)
    done: trio.Event = attrs.field(factory=trio.Event)
    refused: bool = False

    def abandon(self) -> None:
        self.refused = True
        self.met.set()


@attrs.frozen
class _Joined(StreamPair):
    _done: trio.Event

    async def aclose(self) -> None:
        self._done.set()
        await super().aclose()
