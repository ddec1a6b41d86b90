"""The two halves of the traffic with a partner in a job whose ranks are never run again (`--no-replay`).

Nothing is logged, digested or compared. Only what waits to leave is kept. So a message that was under way
when a lane broke is gone, which ends the job by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...replay.sequence import Running, unkept
from . import frames
from .delivery import hand_over
from .frames import AHEAD, DATA, DIGEST, HEADER, HEADER_SIZE, MARK, SYNC
from .inlet import CREDIT_STEP, MESSAGE_COST, WINDOW, Inlet
from .marks import Marked
from .matching import Arrival
from .outlet import ANNOUNCED, ANSWER, Outlet
from .transfer import SYNCHRONOUS, Sending, copy_of

if TYPE_CHECKING:
    from .home import Home
    from .partner import Partner
    from .schedule import Data
    from .stream import Stream

pack_header = HEADER.pack

_NO_MARK = bytes(16)
"""Stands for the mark in a DIGEST, which here only asks whether a synchronous send was matched."""


class PlainOutlet(Outlet):
    """What goes to one partner, without a log. The engine's lock is held in all calls."""

    __slots__ = ("_count",)

    def __init__(self, engine: Home, partner: Partner) -> None:
        super().__init__(engine, partner)
        self._count = 0

    @property
    def count(self) -> int:
        """See `Outlet.count`."""
        return self._count

    def quick(self, context: int, tag: int, note: int, payload: bytes) -> bool:
        """See `Outlet.quick`."""
        stream = self.partner.stream
        if not self.direct or stream is None or stream.queue or self.outstanding > WINDOW:
            return False
        seq, size = self._count, len(payload)
        frame = pack_header(DATA, note, AHEAD if self.holes else 0, tag, context, seq, size) + payload
        self._count = self.cursor = seq + 1
        self.outstanding += size + MESSAGE_COST
        try:
            count = stream.sock.send(frame)
        except BlockingIOError:
            count = 0
        except OSError as error:
            self.partner.on_stream_lost(stream, f"cannot write: {error.strerror}")
            return True
        if count != len(frame):
            stream.write(memoryview(frame)[count:])
        return True

    def _next(self) -> int:
        self._count += 1
        return self._count - 1

    def _own(self, sending: Sending) -> None:
        """Keep nothing: what has left is not sent again."""

    def _let_go(self, sending: Sending) -> None:
        """Let the program go on with a copy, as long as such copies have room; else it waits."""
        log = self.log
        if not sending.done and log.memory + sending.size <= log.quickly:
            log.memory += sending.size
            sending.data = copy_of(sending.data)
            sending.finish()

    def _finish(self, sending: Sending) -> None:
        self.pending.pop(sending.seq, None)
        sending.data = b""
        if sending.done:
            self.log.memory -= sending.size  # `_let_go` has counted it
        else:
            sending.finish()

    def _prove(self, sending: Sending) -> None:
        """The receiver has the message or its announcement: ask what the sender waits for."""
        if sending.mode != SYNCHRONOUS:
            sending.stage = ANNOUNCED
            return
        sending.stage = ANSWER
        if self.partner.stream is not None:
            header = pack_header(
                DIGEST, sending.note, sending.flags, sending.number, sending.context, sending.seq, MARK.size
            )
            self.partner.stream.write(header + MARK.pack(_NO_MARK, sending.size))

    def _send_body(self, stream: Stream, seq: int) -> None:
        self.engine.give_up(unkept(self.engine.rank, self.partner.rank, seq))

    def resume(self, expected: int, beyond: tuple[int, ...], *, fresh: bool) -> None:
        """See `Outlet.resume`. What has left and is not there is lost."""
        here = frozenset(beyond)
        for seq in range(expected, self._count):
            if seq not in here and seq not in self.pending and seq not in self.holes:
                self.engine.give_up(unkept(self.engine.rank, self.partner.rank, seq))
        self.numbers.reopen(expected, beyond)
        self.outstanding = 0
        self.cursor = min(self.pending, default=self._count)
        self.direct = False
        self.refill()

    def _resend(self, seq: int) -> None:
        sending = self.pending.get(seq)
        if sending is not None:
            self._transmit(sending)


class PlainInlet(Inlet):
    """What comes from one partner, not compared with anything. The engine's lock is held in all calls."""

    __slots__ = ()

    def on_data(self, note: int, flags: int, tag: int, context: int, seq: int, frame: memoryview) -> None:
        """See `Inlet.on_data`."""
        numbers = self.numbers
        view = frame[HEADER_SIZE:]
        if seq == numbers.expected and not numbers.beyond and not self.arrivals:
            numbers.expected = seq + 1
        elif not self.take(Marked(note, flags & SYNC, tag, context, len(view)), flags, seq, view):
            return
        queue = self.posted.get(context)
        if queue:
            rank = self.rank
            for at, receive in enumerate(queue):
                if (receive.want_source == rank or receive.want_source < 0) and (
                    receive.want_tag == tag or receive.want_tag < 0
                ):
                    del queue[at]
                    self.consumed += len(view) + MESSAGE_COST
                    if self.consumed > CREDIT_STEP:
                        self.say_credit()
                    if flags & SYNC:
                        self.partner.say(frames.MATCHED, seq)
                    hand_over(receive, rank, tag, note, view)
                    return
        arrival = Arrival(self.rank, context, tag, note, len(view), seq)
        arrival.body = bytearray(view)
        arrival.complete = True
        arrival.sync = bool(flags & SYNC)
        self.engine.matching.keep(arrival)

    def mark(self, marked: Marked, seq: int, payload: Data) -> bytes:
        """Return nothing: marks are not compared."""
        return b""

    def running(self, arrival: Arrival) -> Running | None:
        """Return None: nothing takes the bytes as they come."""
        return None
