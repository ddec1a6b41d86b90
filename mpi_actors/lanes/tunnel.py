"""One end of a tunnel: a socket, whose other end a rank has, and frames to and from another daemon."""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Callable

import attrs
import trio

from ..actors import Bell
from ..ids import Incarnation, JobId, Rank
from ..net.link import Link
from ..wire.frame import Frame, FrameKind
from .choices import JobChoices
from .flow import Flow, Opening

_FIRST_REPEAT = 0.05
"""Seconds after which this end sends its number again: by then the other daemon has usually learned this
rank's place. The pause doubles each time …"""
_LONGEST_REPEAT = 2.0
"""… up to these seconds, so that a peer that hangs costs little."""


@attrs.frozen
class TunnelEnds:
    """The two incarnations that a tunnel connects, as its end on this host sees them."""

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
        """Return a frame from here to there."""
        return Frame(
            kind, self.job, self.here, self.there, self.here_incarnation, self.there_incarnation,
            seq, offset, total, payload, ask,
        )  # fmt: skip


class Tunnel:
    """Carries bytes between a rank here and a rank on another host.

    The tunnel reads from its socket only when the link can write and the other daemon has room. So a rank
    that reads slowly delays only those that send to it.

    Args:
        ends: the two incarnations.
        number: this end's number, larger than that of any tunnel before in this daemon.
        link: the way to the other daemon; the tunnel ends when another way takes its place.
        sock: one end of a Unix socket pair; the tunnel owns it from now on.
        on_closed: called once, when the tunnel is over.
        choices: what must go ahead of the rank's bytes.
    """

    def __init__(
        self,
        ends: TunnelEnds,
        number: int,
        link: Link,
        sock: socket.socket,
        on_closed: Callable[[Tunnel], None],
        choices: JobChoices,
    ) -> None:
        self.ends = ends
        self.link = link
        self.flow = Flow(number)
        sock.setblocking(False)
        self._socket = sock
        self._on_closed = on_closed
        self._choices = choices
        self._held = b""
        """Bytes of the rank that wait until what must go ahead of them has left."""
        self._readable = False
        """Whether the rank may have written something that is not yet read."""
        self._socket_empty = Bell()
        self._answered = trio.Event()
        self._pending: deque[memoryview] = deque()
        """Bytes for the rank that its socket has not yet taken."""
        self._unwritten = Bell()
        self._draining = False
        """The other end has closed: the rank still gets what is pending."""
        self._open_sent = False
        """The other daemon may know this end, so it must learn of the end's close."""
        self._close_due = False
        self._closed = trio.Event()

    @property
    def alive(self) -> bool:
        """Whether bytes can go both ways, as far as this daemon knows."""
        if self._closed.is_set() or self._draining:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        return not poll.poll(0)

    async def run(self) -> None:
        """Carry bytes until the tunnel is closed."""
        async with trio.open_nursery() as nursery:
            for task in (self._watch, self._write, self._repeat_open):
                nursery.start_soon(task)
            await self._closed.wait()
            nursery.cancel_scope.cancel()

    def close(self) -> None:
        """End the tunnel, and tell the other end if the link exists. Pending bytes are lost. Idempotent."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._pending.clear()
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        self._close_due = self._open_sent
        self._on_closed(self)
        self.schedule()

    def schedule(self) -> None:
        """Have the link ask for frames: there may be something to send."""
        self.link.mark_ready(self)

    # --- to the other daemon ------------------------------------------------------------------------------

    def next_frame(self, link: Link, most: int) -> Frame | None:
        """Return the next frame for `link`, with at most `most` bytes; see `FrameSource`."""
        flow, ends = self.flow, self.ends
        if link is not self.link:
            return None
        if self._closed.is_set():
            return self._last_frame()
        if flow.open_due:
            flow.open_due, self._open_sent = False, True
            grant, ask = flow.grant(), not flow.answered
            return ends.frame(FrameKind.TUNNEL_OPEN, flow.mine, flow.theirs, grant, ask=ask)
        if flow.credit_due:
            return ends.frame(FrameKind.TUNNEL_CREDIT, flow.mine, flow.theirs, flow.grant())
        if self._held:
            return self._data_frame(self._held, most)
        if self._draining or not self._readable or flow.room <= 0:
            return None
        if self._choices.active and self._choices.holds_up(link, self):
            return None
        try:
            data = self._socket.recv(min(most, flow.room))
        except BlockingIOError:
            self._readable = False
            self._socket_empty.ring()
            return None
        except OSError:
            data = b""
        if not data:
            self.close()
            return self._last_frame()
        return self._data_frame(data, most)

    def _data_frame(self, data: bytes, most: int) -> Frame:
        """Return the frame that must leave next: these bytes of the rank, or what must go ahead of them."""
        # the bytes are read before the choices, so that all choices before them are seen
        if self._choices.active and (frame := self._choices.ahead(self.link, most)) is not None:
            self._held = data
            return frame
        self._held, data = data[most:], data[:most]
        flow = self.flow
        position, flow.sent = flow.sent, flow.sent + len(data)
        return self.ends.frame(FrameKind.TUNNEL_DATA, flow.mine, flow.theirs, position, data)

    def _last_frame(self) -> Frame | None:
        if not self._close_due:
            return None
        self._close_due = False
        return self.ends.frame(FrameKind.TUNNEL_CLOSE, self.flow.mine, self.flow.theirs)

    # --- from the other daemon ----------------------------------------------------------------------------

    def on_open(self, frame: Frame) -> Opening:
        """Take an OPEN frame, which has the other end's number; return what the frame means.

        Raises:
            BadFrame: the frame has no number.
        """
        meaning = self.flow.on_open(frame)
        self._on_heard()
        return meaning

    def receive(self, frame: Frame) -> None:
        """Take a DATA, CREDIT or CLOSE frame of the other end.

        Raises:
            BadFrame: the frame has no bytes, or exceeds the credit.
        """
        if frame.kind is FrameKind.TUNNEL_CLOSE:
            self._drain()
        elif frame.kind is FrameKind.TUNNEL_CREDIT:
            self.flow.on_credit(frame)
            self._on_heard()
        elif self._draining:
            return
        elif not self.flow.on_data(frame):
            self.close()
        else:
            self._put(memoryview(frame.payload))
            self._on_heard()

    def _on_heard(self) -> None:
        if self.flow.answered:
            self._answered.set()
        self.schedule()

    def _put(self, data: memoryview) -> None:
        if not self._pending:
            data = data[self._send(data) :]
        if data and not self._closed.is_set():
            self._pending.append(data)
            self._unwritten.ring()

    def _send(self, data: memoryview) -> int:
        try:
            count = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.close()  # the rank has closed its end
            return 0
        self.flow.on_taken(count)
        return count

    def _drain(self) -> None:
        """The other end is over: the rank gets what has come so far, and then the end of the stream."""
        self._draining = True
        self._open_sent = False
        if not self._pending:
            self.close()
        else:
            # the rank must not wait until it can write: nobody reads from here any more
            self._socket.shutdown(socket.SHUT_RD)

    # --- tasks --------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Each time the rank has written something, have the link ask for it."""
        while not (self._draining or self._closed.is_set()):
            try:
                await trio.lowlevel.wait_readable(self._socket)
            except trio.ClosedResourceError:
                return
            self._readable = True
            self.schedule()
            await self._socket_empty.wait()

    async def _write(self) -> None:
        """Write the pending bytes when the socket can take them."""
        while not self._closed.is_set():
            if not self._pending:
                if self._draining:
                    self.close()
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

    async def _repeat_open(self) -> None:
        """Send OPEN until the other end answers: its daemon may not yet know this rank's place."""
        pause = _FIRST_REPEAT
        while not self.flow.answered:
            with trio.move_on_after(pause):
                await self._answered.wait()
            self.flow.open_due |= not self.flow.answered
            self.schedule()
            pause = min(2 * pause, _LONGEST_REPEAT)
