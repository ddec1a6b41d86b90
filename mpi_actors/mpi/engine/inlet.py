"""The receiving half of the traffic with one partner: each message is taken once, matched, compared if it is
repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadFrame, ReplayDivergence
from ...replay.sequence import ReceivedNumbers, Running, digest, divergence, gap, unreceived
from . import frames
from .delivery import hand_over, judge
from .frames import AHEAD, HAD, HEADER_SIZE, MARK, SYNC
from .marks import Marked
from .matching import Arrival
from .transfer import Receive

if TYPE_CHECKING:
    from .home import Home
    from .partner import Partner
    from .schedule import Data

WINDOW = 8 * 1024 * 1024
"""Bytes that one rank sends another unasked before any is received: what the receiver may have to keep.
Messages beyond are announced, and pulled when a receive matches them."""
MESSAGE_COST = 64
"""Bytes that a message takes of the window beside its payload: about what its object takes of memory."""
CREDIT_STEP = WINDOW // 4
"""Bytes received, after which the sender gets credit again: seldom enough to cost nothing, and long before
the window is used up."""
MOST_MESSAGE = 1 << 40
"""Bytes of the longest message: no machine has the memory for a longer one, so its length must be wrong."""


class Inlet:
    """What comes from one partner. The engine's lock is held in all calls."""

    __slots__ = ("arrivals", "consumed", "engine", "numbers", "partner", "posted", "rank")

    def __init__(self, engine: Home, partner: Partner) -> None:
        self.engine = engine
        self.partner = partner
        self.rank = partner.rank
        self.posted = engine.matching.posted
        self.numbers = ReceivedNumbers(compare=engine.replay)
        self.arrivals: dict[int, Arrival] = {}
        """Messages whose bytes are not all here, by number: announced, or being read."""
        self.consumed = 0
        """Bytes received since the sender last got credit."""

    # --- messages that come unasked -----------------------------------------------------------------------

    def on_data(self, note: int, flags: int, tag: int, context: int, seq: int, frame: memoryview) -> None:
        """A whole message came. `frame` has its header, too: the stream's buffer, valid during this call.

        Raises:
            ReplayDivergence: another message of that number is here.
            LaneBroken: the messages before are missing.
        """
        numbers = self.numbers
        view = frame[HEADER_SIZE:]
        if seq == numbers.expected and flags <= SYNC and not numbers.beyond and not self.arrivals:
            # what `accept` does, without its call; the frame is what a mark covers
            numbers.expected = seq + 1
            numbers.digests += digest(frame)
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
                    if receive.want_source < 0:
                        self.engine.choices.matched(receive.ordinal, rank)
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
        arrival.sync, arrival.had = bool(flags & SYNC), bool(flags & HAD)
        self.engine.matching.keep(arrival)

    def take(self, marked: Marked, flags: int, seq: int, view: memoryview) -> bool:
        """Take the number of a message that came whole; return False if the message has come before."""
        arrival = self.arrivals.get(seq)
        if arrival is not None:
            # it was being read when a stream broke, or was announced
            self._compare_envelopes(arrival, marked)
            self._place(arrival)[:] = view
            self.on_filled(arrival)
            return False
        if self.numbers.has(seq):
            self._compare_marks(seq, self.mark(marked, seq, view))
            if flags & SYNC:
                self.on_query(seq)
            return False
        self._check_gap(seq, flags)
        self.numbers.accept(seq, self.mark(marked, seq, view))
        return True

    def begin(self, note: int, flags: int, tag: int, context: int, seq: int, length: int) -> Arrival:
        """The first part of a message came: return the message with memory for the whole.

        Raises:
            BadFrame: it is too long.
            ReplayDivergence: another message of that number is here.
            LaneBroken: the messages before are missing.
        """
        arrival = self.arrivals.get(seq)
        if arrival is None:
            if length > MOST_MESSAGE:
                raise BadFrame(f"a message of {length} bytes")
            if self.numbers.has(seq):
                # only the answer to its sender got lost
                return self._repeat(note, flags, tag, context, seq, length)
            self._check_gap(seq, flags)
            arrival = self._add_arrival(note, flags, tag, context, seq, length)
            if arrival.receive is not None:
                self._return_credit(length)
        else:
            self._compare_envelopes(arrival, Marked(note, flags & SYNC, tag, context, length))
        self._place(arrival)
        return arrival

    # --- messages that are pulled -------------------------------------------------------------------------

    def on_announced(self, note: int, flags: int, tag: int, context: int, seq: int, length: int) -> None:
        """The partner announces a message, which waits there until it is pulled.

        Raises:
            BadFrame: it is too long.
            ReplayDivergence: another message of that number is here.
            LaneBroken: the messages before are missing.
        """
        arrival = self.arrivals.get(seq)
        if arrival is not None:
            self._compare_envelopes(arrival, Marked(note, flags & SYNC, tag, context, length))
        if arrival.pulled if arrival is not None else self.numbers.has(seq):
            self.on_query(seq)
            return
        if arrival is None:
            if length > MOST_MESSAGE:
                raise BadFrame(f"a message of {length} bytes")
            self._check_gap(seq, flags)
            arrival = self._add_arrival(note, flags, tag, context, seq, length)
        arrival.pulled = True
        self.numbers.accept(seq)
        if arrival.wanted:
            self.partner.say(frames.PULL, seq)

    def on_body(self, note: int, flags: int, tag: int, context: int, seq: int, length: int) -> Arrival:
        """The body of a message that was pulled begins: return the message with memory for it.

        Raises:
            BadFrame: no receive has pulled it.
            ReplayDivergence: another message of that number was announced.
        """
        arrival = self.arrivals.get(seq)
        if arrival is None and self.numbers.has(seq) and length <= MOST_MESSAGE:
            return self._repeat(note, flags, tag, context, seq, length)  # it was pulled twice
        if arrival is None or not (arrival.pulled and arrival.wanted):
            raise BadFrame(f"the body of message {seq}, {length} bytes, came, but no receive has pulled it")
        self._compare_envelopes(arrival, Marked(note, flags & SYNC, tag, context, length))
        self._place(arrival)
        return arrival

    def mark(self, marked: Marked, seq: int, payload: Data) -> bytes:
        """Return the mark of a message, see `marks`."""
        return marked.mark(seq, payload)

    def running(self, arrival: Arrival) -> Running | None:
        """Return what takes the bytes of a message as they come, for `on_filled`."""
        return arrival.marked().running(arrival.seq)

    def on_filled(self, arrival: Arrival, running: Running | None = None) -> None:
        """All bytes of a message are here.

        Args:
            arrival: the message.
            running: has taken the bytes; None: nothing has.

        Raises:
            ReplayDivergence: it is not what was here before, or not that of which a digest came.
        """
        seq = arrival.seq
        assert arrival.body is not None
        mark = running.digest() if running is not None else self.mark(arrival.marked(), seq, arrival.body)
        if self.arrivals.pop(seq, None) is None:
            # it is here for the second time
            self._compare_marks(seq, mark)
            if arrival.sync:
                self.on_query(seq)
            return
        arrival.complete = True
        if arrival.pulled:
            self._compare_marks(seq, mark)
        else:
            self.numbers.accept(seq, mark)
        if arrival.receive is not None:
            if arrival.sync:
                # not earlier: the sender may still be writing, and begins again if the stream breaks
                self.partner.say(frames.MATCHED, seq)
            self._complete(arrival, arrival.receive)

    # --- matching -----------------------------------------------------------------------------------------

    def match(self, arrival: Arrival, receive: Receive) -> None:
        """Give a message that was waiting to the receive that takes it."""
        arrival.receive = receive
        receive.arrival = arrival
        if not (arrival.pulled or arrival.told):
            self._return_credit(arrival.size)
        if arrival.complete:
            if arrival.sync:
                self.partner.say(frames.MATCHED, arrival.seq)
            self._complete(arrival, receive)
        elif arrival.pulled and not arrival.told:
            self.partner.say(frames.PULL, arrival.seq)

    def put_back(self, arrival: Arrival, receive: Receive) -> None:
        """Let a message wait again whose receive has been abandoned before all its bytes were here.

        The bytes that are in the receiver's memory are moved out of it, since the program uses it again.
        """
        arrival.receive = receive.arrival = None
        arrival.told = True
        body = arrival.body
        if type(body) is memoryview:
            arrival.body = bytearray(body)
            if self.partner.stream is not None:
                self.partner.stream.pour_into(arrival)
        self.engine.matching.put_back(arrival)

    def on_query(self, seq: int) -> None:
        """The partner asks what has become of a message that is here: answer if a receive matched it."""
        arrival = self.arrivals.get(seq)
        if arrival is not None and arrival.pulled:
            if arrival.wanted:
                self.partner.say(frames.PULL, seq)
        elif not self._is_unmatched(seq):
            self.partner.say(frames.MATCHED, seq)

    def on_digest(
        self, note: int, flags: int, tag: int, context: int, seq: int, payload: bytes | memoryview
    ) -> None:
        """A new incarnation of the partner sends a digest in place of a message that is here: compare.

        Raises:
            ReplayDivergence: the message differs from the one that is here (`divergence` says it in words).
            BadFrame: there is no such message here.
        """
        if len(payload) != MARK.size or not self.numbers.has(seq):
            raise BadFrame(f"the digest of message {seq} came, but the message is not here")
        mark, size = MARK.unpack(payload)
        arrival = self.arrivals.get(seq)
        if arrival is not None:
            self._compare_envelopes(arrival, Marked(note, flags & SYNC, tag, context, size))
        self._compare_marks(seq, mark)
        if arrival is None and flags & SYNC:
            self.on_query(
                seq
            )  # one whose bytes are not here was pulled by the greeting, if a receive wants it

    def resume(self) -> None:
        """Pull again, over a new stream, what has been pulled and has not come."""
        for arrival in self.arrivals.values():
            if arrival.pulled and arrival.wanted:
                self.partner.say(frames.PULL, arrival.seq)

    # --- inside -------------------------------------------------------------------------------------------

    def _compare_envelopes(self, arrival: Arrival, now: Marked) -> None:
        difference = arrival.marked().difference(now)
        if difference:
            raise self._divergence(arrival.seq, difference)

    def _compare_marks(self, seq: int, mark: bytes) -> None:
        try:
            self.numbers.check(seq, mark)
        except ReplayDivergence:
            raise self._divergence(seq) from None

    def _divergence(self, seq: int, difference: str = "") -> ReplayDivergence:
        return divergence(self.engine.rank, self.rank, self.partner.incarnation, seq, difference)

    def _check_gap(self, seq: int, flags: int) -> None:
        if seq > self.numbers.expected and not flags & AHEAD:
            raise gap(self.engine.rank, self.rank, seq, self.numbers.expected)

    def check_matched(self) -> None:
        """The program has ended: check that it has received what its earlier life had, as far as others know.

        Raises:
            ReplayDivergence: a synchronous message waits that a receive had matched.
        """
        for queue in self.engine.matching.unexpected.values():
            for arrival in queue:
                if arrival.had and arrival.source == self.rank:
                    raise unreceived(self.engine.rank, self.rank, arrival.seq)

    def _repeat(self, note: int, flags: int, tag: int, context: int, seq: int, length: int) -> Arrival:
        """Return memory for a message that is here already, so that the two can be compared."""
        arrival = Arrival(self.rank, context, tag, note, length, seq)
        arrival.body = bytearray(length)
        arrival.sync = bool(flags & SYNC)
        return arrival

    def _add_arrival(self, note: int, flags: int, tag: int, context: int, seq: int, length: int) -> Arrival:
        arrival = Arrival(self.rank, context, tag, note, length, seq)
        arrival.sync, arrival.had = bool(flags & SYNC), bool(flags & HAD)
        self.arrivals[seq] = arrival
        receive = self.engine.matching.arrive(self.rank, context, tag)
        if receive is None:
            self.engine.matching.keep(arrival)
        else:
            if receive.want_source < 0:
                self.engine.choices.matched(receive.ordinal, self.rank)
            arrival.receive = receive
            receive.arrival = arrival
        return arrival

    def _place(self, arrival: Arrival) -> memoryview:
        """Choose and return the memory for a message's bytes: the receiver's own if they fit."""
        receive, body = arrival.receive, arrival.body
        if receive is not None and receive.into is not None and len(receive.into) >= arrival.size:
            body = receive.into[: arrival.size]
        elif body is None or len(body) != arrival.size:
            body = bytearray(arrival.size)
        arrival.body = body
        return memoryview(body)

    def _complete(self, arrival: Arrival, receive: Receive) -> None:
        body = arrival.body
        assert body is not None
        receive.arrival = None
        if receive.into is None and type(body) is bytearray:
            receive.source, receive.tag, receive.count = arrival.source, arrival.tag, arrival.size
            receive.payload = body
            judge(receive, arrival.note)
            receive.finish()
        elif type(body) is memoryview:
            # the stream has read the bytes directly into the receiver's memory
            receive.source, receive.tag, receive.count = arrival.source, arrival.tag, arrival.size
            judge(receive, arrival.note)
            receive.finish()
        else:
            hand_over(receive, arrival.source, arrival.tag, arrival.note, memoryview(body))

    def _return_credit(self, size: int) -> None:
        self.consumed += size + MESSAGE_COST
        if self.consumed > CREDIT_STEP:
            self.say_credit()

    def say_credit(self) -> None:
        """Tell the sender what receives have taken."""
        self.partner.say(frames.CREDIT, 0, self.consumed)
        self.consumed = 0

    def _is_unmatched(self, seq: int) -> bool:
        """Return whether that message is still in the queue of those that no receive has taken."""
        return any(
            arrival.seq == seq and arrival.source == self.rank
            for queue in self.engine.matching.unexpected.values()
            for arrival in queue
        )
