"""One end of a tunnel: a socket whose other end a rank has, and frames to and from another daemon."""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Callable

import attrs
import trio

from ..ids import Incarnation, JobId, Rank
from ..net.link import Link
from ..wire.frame import Frame, FrameKind
from .flow import Flow, Opening

_SAY_AGAIN = 0.05
"""Seconds after which our number is said again; doubled each time …"""
_SAY_AGAIN_MOST = 2.0
"""… up to this."""


@attrs.frozen
class TunnelEnds:
    """Whose ends a tunnel has."""

    job: JobId
    here: Rank
    here_incarnation: Incarnation
    there: Rank
    there_incarnation: Incarnation

    def frame(
        self,
        kind: FrameKind,
        seq: int,
        total: int,
        offset: int = 0,
        payload: bytes = b"",
        *,
        ask: bool = False,
    ) -> Frame:
        """A frame from here to there."""
        return Frame(
            kind, self.job, self.here, self.there, self.here_incarnation, self.there_incarnation,
            seq, offset, total, payload, ask,
        )  # fmt: skip


class Tunnel:
    """Bytes are read from the socket only when the link can write them, and only as far as the other daemon
    has room: a rank that reads slowly holds up those alone that send to it.

    Args:
        ends: the two ranks.
        number: larger than that of any tunnel before, in this daemon.
        link: the way to the other daemon. With another way, this is over.
        sock: our end of a Unix socket pair; it becomes the tunnel's.
        closed: called once, when it is over.
    """

    def __init__(
        self, ends: TunnelEnds, number: int, link: Link, sock: socket.socket, closed: Callable[[Tunnel], None]
    ) -> None:
        self.ends = ends
        self.link = link
        self.flow = Flow(number)
        sock.setblocking(False)
        self._socket = sock
        self._on_closed = closed
        self._readable = False
        self._drained = trio.Event()
        self._answered = trio.Event()
        self._pending: deque[memoryview] = deque()
        self._unwritten = trio.Event()
        self._draining = False
        self._said = False
        self._close_due = False
        self._closed = trio.Event()

    @property
    def alive(self) -> bool:
        """Bytes can go both ways, as far as is known here."""
        if self._closed.is_set() or self._draining:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        return not poll.poll(0)

    async def run(self) -> None:
        """Carry bytes until it is closed."""
        async with trio.open_nursery() as nursery:
            for task in (self._watch, self._write, self._introduce):
                nursery.start_soon(task)
            await self._closed.wait()
            nursery.cancel_scope.cancel()

    def close(self) -> None:
        """It is over; the other end is told, if the link still exists. What is unwritten is lost."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._pending.clear()
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        self._close_due = self._said
        self._on_closed(self)
        self.schedule()

    def schedule(self) -> None:
        """There may be something to send."""
        self.link.mark_ready(self)

    # --- to the other daemon ------------------------------------------------------------------------------

    def next_frame(self, link: Link, most: int) -> Frame | None:
        """See `FrameSource`."""
        flow, ends = self.flow, self.ends
        if link is not self.link:
            return None
        if self._closed.is_set():
            return self._last_frame()
        if flow.open_due:
            flow.open_due, self._said = False, True
            grant, ask = flow.grant(), not flow.answered
            return ends.frame(FrameKind.TUNNEL_OPEN, flow.mine, flow.theirs, grant, ask=ask)
        if flow.credit_due:
            return ends.frame(FrameKind.TUNNEL_CREDIT, flow.mine, flow.theirs, flow.grant())
        if self._draining or not self._readable or flow.room <= 0:
            return None
        try:
            data = self._socket.recv(min(most, flow.room))
        except BlockingIOError:
            self._readable = False
            self._drained.set()
            return None
        except OSError:
            data = b""
        if not data:
            self.close()
            return self._last_frame()
        position, flow.sent = flow.sent, flow.sent + len(data)
        return ends.frame(FrameKind.TUNNEL_DATA, flow.mine, flow.theirs, position, data)

    def _last_frame(self) -> Frame | None:
        if not self._close_due:
            return None
        self._close_due = False
        return self.ends.frame(FrameKind.TUNNEL_CLOSE, self.flow.mine, self.flow.theirs)

    # --- from the other daemon ----------------------------------------------------------------------------

    def opened(self, frame: Frame) -> Opening:
        """The other end says its number.

        Raises:
            BadFrame: it has none.
        """
        verdict = self.flow.opened(frame)
        self._heard()
        return verdict

    def receive(self, frame: Frame) -> None:
        """Take a DATA, CREDIT or CLOSE frame that names both ends.

        Raises:
            BadFrame: it makes no sense.
        """
        if frame.kind is FrameKind.TUNNEL_CLOSE:
            self._drain()
        elif frame.kind is FrameKind.TUNNEL_CREDIT:
            self.flow.credited(frame)
            self._heard()
        elif self._draining:
            return
        elif not self.flow.arrived(frame):
            self.close()
        else:
            self._put(memoryview(frame.payload))
            self._heard()

    def _heard(self) -> None:
        if self.flow.answered:
            self._answered.set()
        self.schedule()

    def _put(self, data: memoryview) -> None:
        if not self._pending:
            data = data[self._send(data) :]
        if data and not self._closed.is_set():
            self._pending.append(data)
            self._unwritten.set()

    def _send(self, data: memoryview) -> int:
        try:
            count = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.close()  # the rank has closed its end
            return 0
        self.flow.taken(count)
        return count

    def _drain(self) -> None:
        """The other end is over: the rank gets what has come so far, and then the end."""
        self._draining = True
        self._said = False
        if not self._pending:
            self.close()
        else:
            # who writes here is not to wait for us
            self._socket.shutdown(socket.SHUT_RD)

    # --- tasks --------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Wait until there is something to read, again and again."""
        while not (self._draining or self._closed.is_set()):
            try:
                await trio.lowlevel.wait_readable(self._socket)
            except trio.ClosedResourceError:
                return
            self._readable = True
            self._drained = trio.Event()
            self.schedule()
            await self._drained.wait()

    async def _write(self) -> None:
        """Write what could not be written at once."""
        while not self._closed.is_set():
            if not self._pending:
                if self._draining:
                    self.close()
                self._unwritten = trio.Event()
                await self._unwritten.wait()
                continue
            try:
                await trio.lowlevel.wait_writable(self._socket)
            except trio.ClosedResourceError:
                return
            while self._pending and (count := self._send(self._pending[0])):
                rest = self._pending.popleft()[count:]
                if rest:
                    self._pending.appendleft(rest)
            if self.flow.credit_due:
                self.schedule()

    async def _introduce(self) -> None:
        """Say our number until the other end has heard it: its daemon may not yet know whom it is from."""
        pause = _SAY_AGAIN
        while not self.flow.answered:
            with trio.move_on_after(pause):
                await self._answered.wait()
            self.flow.open_due |= not self.flow.answered
            self.schedule()
            pause = min(2 * pause, _SAY_AGAIN_MOST)
