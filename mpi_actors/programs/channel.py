"""The daemon's end of a rank's channel: messages both ways, and descriptors to the rank."""

from __future__ import annotations

import array
import errno
import socket
from collections import deque

import attrs
import trio

from ..errors import BadMessage
from ..wire.channel import ChannelDecoder, ChannelKind, ChannelMessage

MOST_WAITING = 10_000
"""Messages that a rank may leave unread."""

_READ = 64 * 1024
_AGAIN = 0.01
"""Seconds until descriptors are tried again of which too many were under way to those who do not read."""


@attrs.define(eq=False)
class _Waiting:
    message: ChannelMessage
    lane: socket.socket | None = None


class Channel:
    """See the module's text. It owns the socket, and the lanes that are yet to be handed over.

    Args:
        sock: a Unix stream socket that does not block.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._decoder = ChannelDecoder()
        self._waiting: deque[_Waiting] = deque()
        self._wake = trio.Event()
        self._closed = False

    async def receive(self) -> list[ChannelMessage]:
        """Wait for what the rank says next, one or more messages; an empty list is the end.

        Raises:
            ProtocolError: it said something that is no message.
        """
        while not self._closed:
            try:
                await trio.lowlevel.wait_readable(self._socket)
                data = self._socket.recv(_READ)
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
        """Tell the rank something; never waits. Takes over the lane, which goes with a LANE message.

        Of lanes to one rank, and of news of the host's company, only the newest are kept unread.

        Raises:
            BadMessage: the rank reads nothing: too many messages wait for it.
        """
        if self._closed:
            if lane is not None:
                lane.close()
            return
        if message.kind in (ChannelKind.LANE, ChannelKind.COMPANY):
            self._forget(message)
        self._waiting.append(_Waiting(message, lane))
        self._wake.set()
        if len(self._waiting) > MOST_WAITING:
            raise BadMessage(f"the program has left {MOST_WAITING} messages of its daemon unread")

    async def write(self) -> None:
        """Write what is posted until the channel is closed, at either end, or this is cancelled."""
        while not self._closed:
            if not self._waiting:
                self._wake = trio.Event()
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
        """Close it, and what was to be handed over. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._wake.set()
        for waiting in self._waiting:
            if waiting.lane is not None:
                waiting.lane.close()
        self._waiting.clear()
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()

    def _forget(self, newer: ChannelMessage) -> None:
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
                await trio.sleep(_AGAIN)
            else:
                data, rights = data[sent:], []
