"""One stream: a connected socket to another rank's process, with its write queue and its reader.

No call here waits: what the socket does not take is queued, and what has not come is read another time.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import TYPE_CHECKING

from ...errors import BadFrame, LaneBroken, ProtocolError, ReplayDivergence
from .frames import BODY, DATA, HEADER, HEADER_SIZE, WITH_PAYLOAD

if TYPE_CHECKING:
    from ...replay.sequence import Running
    from .matching import Arrival
    from .partner import Partner
    from .transfer import Sending

_BUFFER_SIZE = 16 * 1024
"""Bytes read at a time. The rest of a message that is longer is read directly to where it belongs …"""
_MOST_PIECE = 512 * 1024
"""… at most this many bytes at a time, so that they are in the processor's cache when they are digested."""
_MOST_PARTS = 500
"""Pieces given to one sendmsg call. Linux takes 1024 (IOV_MAX)."""
_MOST_PAYLOAD = 16 * 1024 * 1024
"""Bytes of the longest payload of a frame that is not a message: room for any greeting (`MOST_BEYOND`)."""

unpack_header = HEADER.unpack_from

Item = tuple[list[memoryview], "Sending | None"]
"""What is left to write of a frame, and the send that is complete when all of it is written."""


class Stream:
    """A stream to a partner.

    Args:
        partner: the rank at the other end.
        sock: connected. It becomes non-blocking, and the stream closes it.
        relay: daemons carry the bytes: a spinning thread would take the processor from them.
    """

    __slots__ = (
        "closed", "flushing", "left", "more", "on_data", "partner", "queue", "recv_into", "relay", "rx",
        "sink", "sink_at", "sink_mark", "sink_view", "sock", "view", "watched",
    )  # fmt: skip

    def __init__(self, partner: Partner, sock: socket.socket, relay: bool) -> None:
        sock.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, 4 * 1024 * 1024)
        self.partner = partner
        self.sock = sock
        # bound once: each message makes these calls
        self.recv_into = sock.recv_into
        self.on_data = partner.inlet.on_data
        self.more = False
        """There may be more to read than the last read has brought."""
        self.relay = relay
        self.queue: deque[Item] = deque()
        self.rx = bytearray(_BUFFER_SIZE)
        self.view = memoryview(self.rx)
        self.left = 0
        """Bytes at the beginning of the buffer that belong to a frame whose rest has not come."""
        self.sink: Arrival | None = None
        """The message whose bytes are being read directly to where they belong."""
        self.sink_view = memoryview(b"")
        self.sink_mark: Running | None = None
        self.sink_at = 0
        self.closed = False
        self.flushing = False
        self.watched = False
        """There is more to write as soon as the socket takes some."""

    # --- writing ------------------------------------------------------------------------------------------

    def write(self, *parts: bytes | bytearray | memoryview, sending: Sending | None = None) -> None:
        """Write a frame after what is queued. `sending`: the send whose bytes the frame carries, if any."""
        if self.closed:
            return
        idle = not self.queue and not self.flushing
        self.queue.append(([memoryview(part) for part in parts if len(part)], sending))
        if idle:
            self.flush()

    def copy(self, sending: Sending) -> None:
        """Copy what is left to write of a send: its memory will change."""
        for parts, owner in self.queue:
            if owner is sending:
                parts[:] = [memoryview(bytes(part)) for part in parts]

    def flush(self) -> bool:
        """Write what the socket takes now; watch for room for the rest. Return whether it took anything."""
        self.flushing = True
        wrote = self._flush()
        self.flushing = False
        if not self.closed and bool(self.queue) != self.watched:
            self.watched = not self.watched
            self.partner.engine.watch(self)
        return wrote

    def _flush(self) -> bool:
        wrote = False
        queue = self.queue
        while not self.closed:
            if not queue and not self.partner.outlet.refill():
                break
            if not queue:
                continue
            parts, sending = queue[0]
            try:
                if len(parts) == 1:
                    count = self.sock.send(parts[0])
                else:
                    count = self.sock.sendmsg(parts[:_MOST_PARTS])
            except BlockingIOError:
                return wrote
            except OSError as error:
                self.partner.on_stream_lost(self, f"cannot write: {error.strerror}")
                return wrote
            wrote = True
            while parts and count >= len(parts[0]):
                count -= len(parts[0])
                del parts[0]
            if parts:
                parts[0] = parts[0][count:]
                continue
            queue.popleft()
            if sending is not None:
                self.partner.outlet.on_written(sending)
        return wrote

    # --- reading ------------------------------------------------------------------------------------------

    def read(self) -> bool:
        """Read once; return False if nothing had come. `more` tells whether to read again at once."""
        try:
            if self.sink is not None:
                count = self.sock.recv_into(self.sink_view[self.sink_at : self.sink_at + _MOST_PIECE])
                self.more = True
            elif self.left:
                count = self.sock.recv_into(self.view[self.left :])
                self.more = True
            else:
                count = self.recv_into(self.rx)
                self.more = False
                if count >= HEADER_SIZE and self.partner.greeted:
                    # often the bytes are one whole message and nothing else
                    kind, note, flags, tag, context, seq, length = unpack_header(self.rx)
                    if kind == DATA and length == count - HEADER_SIZE:
                        self.on_data(note, flags, tag, context, seq, self.view[:count])
                        return True
        except BlockingIOError:
            self.more = False
            return False
        except OSError as error:
            self.partner.on_stream_lost(self, f"cannot read: {error.strerror}")
            return True
        except ProtocolError as error:
            self.partner.on_protocol_error(self, error)
            return True
        except (ReplayDivergence, LaneBroken) as error:
            self.partner.engine.give_up(error)
        if not count:
            self.partner.on_stream_lost(self, "the other end closed it")
            return True
        try:
            if self.sink is not None:
                self._on_sink_read(self.sink, count)
            else:
                self.more |= self.left + count == len(self.rx)
                self._parse(self.left + count)
        except ProtocolError as error:
            self.partner.on_protocol_error(self, error)
        except (ReplayDivergence, LaneBroken) as error:
            self.partner.engine.give_up(error)
        return True

    def _on_sink_read(self, arrival: Arrival, count: int) -> None:
        at = self.sink_at
        self.sink_at += count
        if self.sink_mark is not None:
            self.sink_mark.update(self.sink_view[at : self.sink_at])
        if self.sink_at == len(self.sink_view):
            self.sink = None
            self.sink_view = memoryview(b"")
            self.partner.inlet.on_filled(arrival, self.sink_mark)

    def _parse(self, end: int) -> None:
        at = 0
        rx, view, partner = self.rx, self.view, self.partner
        inlet = partner.inlet
        while end - at >= HEADER_SIZE:
            kind, note, flags, tag, context, seq, length = unpack_header(rx, at)
            start = at + HEADER_SIZE
            stop = start + length if kind in WITH_PAYLOAD else start
            if kind == DATA and partner.greeted:
                if stop <= end:
                    inlet.on_data(note, flags, tag, context, seq, view[at:stop])
                else:
                    self._pour(inlet.begin(note, flags, tag, context, seq, length), start, end)
                    at = end
                    break
            elif kind == BODY and partner.greeted:
                arrival = inlet.on_body(note, flags, tag, context, seq, length)
                if length:
                    self._pour(arrival, start, min(stop, end))
                else:
                    inlet.on_filled(arrival)
                if stop > end:
                    at = end
                    break
            elif stop > end:
                if length > _BUFFER_SIZE - HEADER_SIZE:
                    self._grow(length)
                    view = self.view
                break
            else:
                partner.on_frame(kind, flags, tag, context, note, seq, length, view[start:stop])
            if self.closed:
                return
            at = stop
        if at and at < end:
            view[: end - at] = bytes(view[at:end])
        self.left = end - at

    def _grow(self, length: int) -> None:
        """Make room for a greeting that is longer than the buffer."""
        if length > _MOST_PAYLOAD:
            raise BadFrame(f"a frame on a lane has {length} bytes; at most {_MOST_PAYLOAD} are allowed")
        if len(self.rx) < length + HEADER_SIZE:
            rx = bytearray(length + HEADER_SIZE + _BUFFER_SIZE)
            rx[: len(self.rx)] = self.rx
            self.rx, self.view = rx, memoryview(rx)

    def _pour(self, arrival: Arrival, start: int, end: int) -> None:
        """Put the first part of a message where it belongs; the rest follows in the stream."""
        body = arrival.body
        assert body is not None
        target = memoryview(body)
        part = end - start
        target[:part] = self.view[start:end]
        if part == len(target):
            self.partner.inlet.on_filled(arrival)
        else:
            self.sink, self.sink_view, self.sink_at = arrival, target, part
            self.sink_mark = self.partner.inlet.running(arrival)
            if self.sink_mark is not None:
                self.sink_mark.update(target[:part])
            self.more = True

    def pour_into(self, arrival: Arrival) -> None:
        """Read the rest of a message into its new body, if this stream is reading it."""
        if self.sink is arrival:
            assert arrival.body is not None
            self.sink_view = memoryview(arrival.body)

    def close(self) -> None:
        """Close the socket. What is queued is not sent."""
        if not self.closed:
            self.closed = True
            self.partner.engine.unwatch(self)
            self.queue.clear()
            self.sink = None
            self.sink_view = memoryview(b"")
            self.sock.close()
