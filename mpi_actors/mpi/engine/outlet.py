"""The sending half of the traffic with one partner: numbers, log, and how each message leaves.

Small messages leave at once and are done; large ones are announced, and leave when the receiver pulls them.
If the receiver has a message from an earlier incarnation of this rank, a digest leaves in its place, which
proves that the message is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import SendLogFull
from ...replay.log import Stored
from ...replay.sequence import SentNumbers
from .frames import AHEAD, ANNOUNCE, BODY, DATA, DIGEST, HAD, HEADER, HEADER_SIZE, MARK, SYNC
from .inlet import MESSAGE_COST, WINDOW
from .marks import Marked
from .transfer import STANDARD, SYNCHRONOUS, Sending, copy_of

if TYPE_CHECKING:
    from .home import Home
    from .partner import Partner
    from .schedule import Bytes, Data
    from .stream import Stream

EAGER = 1024 * 1024
"""Bytes of the longest message that leaves unasked. For a longer one a round trip costs less than a copy."""
MOST_QUICK = 16 * 1024
"""Bytes of the longest message for `Outlet.quick`, which copies it: that costs less than a `Sending`."""
_MOST_QUEUED = 64
"""Frames queued at a time of what is sent again over a new stream, so that the log is read bit by bit."""

pack_header = HEADER.pack

Record = bytes | tuple[int, int, int, int, Stored]
"""A logged message: its DATA frame, if that left at once; else context, tag, note, flags, payload."""

HELD, WRITING, ANNOUNCED, ANSWER = range(4)
"""Stages of a `Sending`: not sent, being written, waiting to be pulled, waiting to be matched."""


class Outlet:
    """What goes to one partner. The engine's lock is held in all calls."""

    __slots__ = (
        "cursor", "direct", "engine", "holes", "log", "matched", "numbers", "outstanding", "partner",
        "pending", "proof", "records", "wanted",
    )  # fmt: skip

    def __init__(self, engine: Home, partner: Partner) -> None:
        self.engine = engine
        self.partner = partner
        self.log = engine.log
        self.numbers = SentNumbers()
        self.records: list[Record | None] = []
        """The log, by message number; None: reserved, or not logged yet."""
        self.matched: set[int] = set()
        """Numbers of synchronous messages that a receive of the partner has matched, in any of its lives."""
        self.holes: set[int] = set()
        """Numbers that are reserved for messages which are still to be posted."""
        self.pending: dict[int, Sending] = {}
        """Messages, by number, whose senders wait or whose bytes are still in the program's memory."""
        self.cursor = 0
        """Messages below this number have left, as far as they can."""
        self.direct = False
        """All messages have left: the next one may leave at once."""
        self.outstanding = 0
        """Bytes sent unasked, less those for which the receiver has given credit."""
        self.proof = 0
        """Messages below this number may be with the receiver from an earlier incarnation: send digests."""
        self.wanted: set[int] = set()
        """Numbers of messages that the receiver pulled before this incarnation has sent them."""

    @property
    def count(self) -> int:
        """How many messages have numbers."""
        return len(self.records)

    # --- new messages -------------------------------------------------------------------------------------

    def quick(self, context: int, tag: int, note: int, payload: bytes) -> bool:
        """Send a small message if nothing stands in the way; return False if the caller has to use `post`."""
        records = self.records
        seq = len(records)
        stream = self.partner.stream
        if not self.direct or seq < self.proof or stream is None or stream.queue or self.outstanding > WINDOW:
            return False
        size = len(payload)
        frame = pack_header(DATA, note, AHEAD if self.holes else 0, tag, context, seq, size) + payload
        log = self.log
        memory = log.memory + size
        if memory <= log.quickly and log.count < log.most_messages:
            # what `add` does, without its call
            log.memory = memory
            log.count += 1
            records.append(frame)
        else:
            records.append((context, tag, note, 0, self._log(payload)))
        self.cursor = seq + 1
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

    def reserve(self) -> int:
        """Return the number of a message that will be posted later."""
        seq = self._next()
        self.holes.add(seq)
        return seq

    def _next(self) -> int:
        """Return the number of the next message."""
        self.records.append(None)
        return len(self.records) - 1

    def post(self, sending: Sending, seq: int = -1) -> None:
        """Send a message; its transfer may finish later. `seq`: its reserved number; -1 for the next one."""
        if seq < 0:
            seq = self._next()
        else:
            self.holes.discard(seq)
        sending.seq = seq
        self.pending[seq] = sending
        if self.direct:
            self.cursor = self.count
            self._transmit(sending)
        elif self.numbers.open and seq < self.cursor:
            self._transmit(sending)
        elif sending.size <= EAGER and sending.mode != SYNCHRONOUS:
            self._let_go(sending)

    def _transmit(self, sending: Sending) -> None:
        stream = self.partner.stream
        seq, size = sending.seq, sending.size
        if stream is None:
            return
        if seq < self.numbers.limit and self.numbers.has(seq):
            self._prove(sending)
            return
        note, tag, context = sending.note, sending.number, sending.context
        if size <= EAGER and self.outstanding <= WINDOW:
            self.outstanding += size + MESSAGE_COST
            sending.stage = WRITING
            header = pack_header(DATA, note, sending.flags | self._ahead(seq), tag, context, seq, size)
            stream.write(header, *parts_of(sending.data), sending=sending)
            return
        sending.stage = ANNOUNCED
        flags = sending.flags | self._ahead(seq)
        stream.write(pack_header(ANNOUNCE, note, flags, tag, context, seq, size))
        if size <= EAGER and sending.mode != SYNCHRONOUS:
            self._let_go(sending)

    def _ahead(self, seq: int) -> int:
        return AHEAD if self.holes and min(self.holes) < seq else 0

    def _prove(self, sending: Sending) -> None:
        """Send the digest of a message that the receiver has, or of which it has the announcement."""
        seq = sending.seq
        self._own(sending)
        self._write_digest(seq)
        if seq in self.wanted:
            self.wanted.discard(seq)
            self.on_pulled(seq)
        elif sending.mode != SYNCHRONOUS:
            self._finish(sending)
        else:
            sending.stage = ANSWER

    def _write_digest(self, seq: int) -> None:
        record, stream = self.records[seq], self.partner.stream
        assert record is not None
        if stream is not None:
            context, tag, note, flags, payload = self._read(record)
            mark = Marked(note, flags, tag, context, len(payload)).mark(seq, payload)
            header = pack_header(DIGEST, note, flags, tag, context, seq, MARK.size)
            stream.write(header + MARK.pack(mark, len(payload)))

    # --- what becomes of messages -------------------------------------------------------------------------

    def on_written(self, sending: Sending) -> None:
        """The stream has written a frame with the bytes of this send."""
        self._own(sending)
        if sending.stage == WRITING and sending.mode == SYNCHRONOUS:
            sending.stage = ANSWER
        else:
            self._finish(sending)

    def on_matched(self, seq: int) -> None:
        """The receiver has matched a message, or has all of it."""
        self.matched.add(seq)
        sending = self.pending.get(seq)
        if sending is not None and sending.stage in (ANSWER, ANNOUNCED):
            self._own(sending)
            self._finish(sending)

    def on_pulled(self, seq: int) -> None:
        """The receiver pulls the body of a message."""
        stream = self.partner.stream
        if stream is None:
            return
        sending = self.pending.get(seq)
        if sending is not None:
            if sending.stage == WRITING:
                return  # it was pulled twice: by a greeting, and by the answer to a digest
            sending.stage = WRITING
            if sending.mode == SYNCHRONOUS:
                sending.mode = STANDARD  # a receive has matched it
                self.matched.add(seq)
            header = pack_header(
                BODY, sending.note, sending.flags, sending.number, sending.context, seq, sending.size
            )
            stream.write(header, *parts_of(sending.data), sending=sending)
            return
        self._send_body(stream, seq)

    def _send_body(self, stream: Stream, seq: int) -> None:
        """Send the body of a message for which the program does not wait."""
        record = self.records[seq] if seq < len(self.records) else None
        if record is None:
            self.wanted.add(seq)
            return
        context, tag, note, flags, payload = self._read(record)
        stream.write(pack_header(BODY, note, flags, tag, context, seq, len(payload)), payload)

    def abandon(self, sending: Sending) -> None:
        """Nobody waits for this send any more: it goes on with a copy, since its memory may change."""
        if sending.done or sending.seq < 0:
            return
        sending.data = copy_of(sending.data)
        if self.partner.stream is not None:
            self.partner.stream.copy(sending)
        self._own(sending)

    def _own(self, sending: Sending) -> None:
        """Log the bytes: from now on the program may change its memory."""
        seq = sending.seq
        if self.records[seq] is None:
            stored = self._log(sending.data)
            self.records[seq] = (sending.context, sending.number, sending.note, sending.flags, stored)

    def _let_go(self, sending: Sending) -> None:
        """Let the program go on, although the message has not left."""
        self._own(sending)
        self._finish(sending)

    def _log(self, data: Data) -> Stored:
        try:
            return self.log.add(data)
        except SendLogFull as error:
            self.engine.give_up(error)

    def _read(self, record: Record) -> tuple[int, int, int, int, bytes | memoryview]:
        """Return context, tag, note, flags and payload of a logged message."""
        if isinstance(record, bytes):
            _, note, flags, tag, context, _, _ = HEADER.unpack_from(record)
            return context, tag, note, flags & SYNC, record[HEADER_SIZE:]
        context, tag, note, flags, stored = record
        return context, tag, note, flags, self.log.read(stored)

    def _finish(self, sending: Sending) -> None:
        self.pending.pop(sending.seq, None)
        sending.data = b""
        sending.finish()

    # --- streams ------------------------------------------------------------------------------------------

    def resume(self, expected: int, beyond: tuple[int, ...], *, fresh: bool) -> None:
        """Go on over a new stream, after the partner's greeting.

        Args:
            expected: the partner has all messages below this number …
            beyond: … and these.
            fresh: the partner is another incarnation than before.
        """
        if fresh:
            self.numbers.forget()
            self.wanted.clear()
            self.proof = 0
        self.numbers.reopen(expected, beyond)
        if fresh:
            # an incarnation after the first: the partner has these from an earlier one
            self.proof = self.numbers.limit if self.engine.incarnation else 0
        self.outstanding = 0
        self.cursor = 0 if self.proof or self.pending else self.numbers.known
        self.direct = False
        self.refill()

    def suspend(self) -> None:
        """Hold all messages back: the stream is gone."""
        self.numbers.close()
        self.direct = False
        for sending in self.pending.values():
            sending.stage = HELD

    def refill(self) -> bool:
        """Queue some of what has to be sent again; return whether anything was queued."""
        stream = self.partner.stream
        if self.direct or stream is None or not self.numbers.open:
            return False
        began = self.cursor
        while self.cursor < self.count and len(stream.queue) < _MOST_QUEUED and self.partner.stream is stream:
            seq = self.cursor
            self.cursor += 1
            self._resend(seq)
        if self.partner.stream is not stream:
            return False  # it broke meanwhile: all wait for the next one, and its greeting
        if self.cursor >= self.count:
            self.direct = True
            self.partner.answer_check()
        return self.cursor > began and bool(stream.queue)

    def _resend(self, seq: int) -> None:
        sending = self.pending.get(seq)
        known = self.numbers.has(seq)
        if sending is not None:
            if not known or seq < self.proof or self.records[seq] is None:
                self._transmit(sending)
            elif sending.mode == SYNCHRONOUS:
                sending.stage = ANSWER
                self._write_digest(seq)
            else:
                sending.stage = ANNOUNCED
            return
        record = self.records[seq]
        stream = self.partner.stream
        if record is None or stream is None:
            return
        if known:
            if seq < self.proof:
                self._write_digest(seq)
            if seq in self.wanted:
                self.wanted.discard(seq)
                self.on_pulled(seq)
            return
        context, tag, note, flags, payload = self._read(record)
        size = len(payload)
        flags |= self._ahead(seq) | (HAD if seq in self.matched else 0)
        if size <= EAGER and self.outstanding <= WINDOW:
            self.outstanding += size + MESSAGE_COST
            stream.write(pack_header(DATA, note, flags, tag, context, seq, size), payload)
        else:
            stream.write(pack_header(ANNOUNCE, note, flags, tag, context, seq, size))


def parts_of(data: Data) -> tuple[Bytes, ...]:
    """Return data as a tuple of pieces."""
    return data if type(data) is tuple else (data,)  # type: ignore[return-value]
