"""The daemon's end of the channel to a rank that speaks MPI: messages both ways, and descriptors to the rank.

`wire.channel` has the messages.
"""

from __future__ import annotations

import array
import errno
import socket
from collections import deque

import attrs
import trio

from ..actors import Bell
from ..errors import BadMessage
from ..wire.channel import ChannelDecoder, ChannelKind, ChannelMessage

MAX_WAITING = 10_000
"""Messages that a rank may leave unread: far more than a rank that reads ever leaves."""

_READ_SIZE = 64 * 1024
"""Bytes of one read: ranks say little, so that one read takes all that has come."""
_DESCRIPTOR_RETRY = 0.01
"""Seconds until the next attempt to send a descriptor that the kernel refused, because other receivers have
too many unread ones (ETOOMANYREFS): short, since nothing tells when that ends."""


@attrs.define(eq=False)
class _Waiting:
    message: ChannelMessage
    lane: socket.socket | None = None


class Channel:
    """See the module's text. A channel owns its socket, and the lanes that it has not sent yet.

    Args:
        sock: a Unix stream socket that does not block.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._decoder = ChannelDecoder()
        self._waiting: deque[_Waiting] = deque()
        self._wake = Bell()
        self._closed = False

    async def receive(self) -> list[ChannelMessage]:
        """Wait for the rank's next messages, one or more. An empty list is the end.

        Raises:
            ProtocolError: the rank sent bytes that are not a message.
        """
        while not self._closed:
            try:
                await trio.lowlevel.wait_readable(self._socket)
                data = self._socket.recv(_READ_SIZE)
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError):
                return []
            if not data:
                return []
            if messages := self._decoder.feed(data):
                return messages
        return []

    def post(self, message: ChannelMessage, lane: socket.socket | None = None) -> None:
        """Queue a message for the rank, and with a LANE message the lane, which the channel then owns.

        This never waits. A newer lane to the same rank, or newer COMPANY, replaces an unsent older one.

        Raises:
            BadMessage: the rank does not read: too many messages wait for it.
        """
        if self._closed:
            if lane is not None:
                lane.close()
            return
        if message.kind in (ChannelKind.LANE, ChannelKind.COMPANY):
            self._drop_older(message)
        self._waiting.append(_Waiting(message, lane))
        self._wake.ring()
        if len(self._waiting) > MAX_WAITING:
            raise BadMessage(f"the program has left {MAX_WAITING} messages of its daemon unread")

    async def write(self) -> None:
        """Send what `post` queues, until either end closes the channel or the caller cancels this."""
        while not self._closed:
            if not self._waiting:
                await self._wake.wait()
                continue
            waiting = self._waiting.popleft()
            try:
                await self._send(waiting)
            except (OSError, trio.ClosedResourceError):
                return
            finally:
                if waiting.lane is not None:
                    waiting.lane.close()

    def close(self) -> None:
        """Close the channel and the lanes that it has not sent. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._wake.ring()
        for waiting in self._waiting:
            if waiting.lane is not None:
                waiting.lane.close()
        self._waiting.clear()
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()

    def _drop_older(self, newer: ChannelMessage) -> None:
        for waiting in self._waiting:
            old = waiting.message
            if old.kind is newer.kind and (old.rank == newer.rank or old.kind is ChannelKind.COMPANY):
                self._waiting.remove(waiting)
                if waiting.lane is not None:
                    waiting.lane.close()
                return

    async def _send(self, waiting: _Waiting) -> None:
        data = memoryview(waiting.message.encode())
        rights = []
        if waiting.lane is not None:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [waiting.lane.fileno()]))]
        while data:
            try:
                sent = self._socket.sendmsg([data], rights)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._socket)
            except OSError as error:
                if error.errno != errno.ETOOMANYREFS:
                    raise
                await trio.sleep(_DESCRIPTOR_RETRY)
            else:
                data, rights = data[sent:], []
