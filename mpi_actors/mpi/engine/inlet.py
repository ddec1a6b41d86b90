"""The receiving half of the traffic with one other rank: each message once, matched, compared if repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadFrame, ReplayDivergence
from ...replay.sequence import DIGEST_SIZE, ReceivedNumbers, digest, divergence
from ..constants import ERR_OTHER, ERR_TRUNCATE
from . import frames
from .frames import SYNC
from .matching import Arrival
from .schedule import kind_name
from .transfer import Receive

if TYPE_CHECKING:
    from .home import Home
    from .partner import Partner

WINDOW = 8 * 1024 * 1024
"""Bytes that one rank sends another unasked; what is beyond is announced, and pulled when it is matched."""
MESSAGE_COST = 64
_CREDIT_STEP = WINDOW // 4
"""Bytes that were taken, after which the sender is told."""
MOST_MESSAGE = 1 << 40


class Inlet:
    """What came, and comes, from one rank."""

    __slots__ = ("arrivals", "consumed", "engine", "numbers", "partner", "posted", "rank")

    def __init__(self, engine: Home, partner: Partner) -> None:
        self.engine = engine
        self.partner = partner
        self.rank = partner.rank
        self.posted = engine.matching.posted
        self.numbers = ReceivedNumbers()
        self.arrivals: dict[int, Arrival] = {}
        """Messages whose bytes are not all here: announced, or being read."""
        self.consumed = 0

    # --- messages that come unasked -----------------------------------------------------------------------

    def on_data(self, note: int, flags: int, tag: int, context: int, seq: int, view: memoryview) -> None:
        """A whole message: `view` is not ours to keep."""
        numbers = self.numbers
        if seq == numbers.expected and not numbers.beyond and not self.arrivals:
            # as `accept` does it
            numbers.expected = seq + 1
            numbers.digests += digest(view, context ^ tag)
        elif seq in self.arrivals or numbers.has(seq):
            self._on_repeat(note, flags, tag, context, seq, view)
            return
        else:
            numbers.accept(seq, digest(view, context ^ tag))
        queue = self.posted.get(context)
        if queue:
            rank = self.rank
            for at, receive in enumerate(queue):
                if (receive.want_source == rank or receive.want_source < 0) and (
                    receive.want_tag == tag or receive.want_tag < 0
                ):
                    del queue[at]
                    self.consumed += len(view) + MESSAGE_COST
                    if self.consumed > _CREDIT_STEP:
                        self._return_credit(0)
                    if flags & SYNC:
                        self.partner.say(frames.MATCHED, seq)
                    hand_over(receive, rank, tag, note, view)
                    return
        arrival = Arrival(self.rank, context, tag, note, len(view), seq)
        arrival.body = bytearray(view)
        arrival.complete = True
        arrival.sync = bool(flags & SYNC)
        self.engine.matching.keep(arrival)

    def _on_repeat(self, note: int, flags: int, tag: int, context: int, seq: int, view: memoryview) -> None:
        """A message that is here already, or that was being read when the lane broke."""
        arrival = self.arrivals.get(seq)
        if arrival is None:
            if flags & SYNC:
                self.on_query(seq)
            return
        if arrival.pulled or arrival.size != len(view):
            raise BadFrame(f"message {seq} is sent again, and differs")
        self._place(arrival)
        assert arrival.body is not None
        memoryview(arrival.body)[:] = view
        self.on_filled(arrival)

    def begin(self, note: int, flags: int, tag: int, context: int, seq: int, length: int) -> Arrival:
        """A message of which only a part is here yet; returns it with memory for the whole.

        Raises:
            BadFrame: it makes no sense.
        """
        arrival = self.arrivals.get(seq)
        if arrival is None:
            if self.numbers.has(seq):
                # all of it was had before, and only the word of it got lost
                arrival = Arrival(self.rank, context, tag, note, length, seq)
                arrival.body = bytearray(length)
                return arrival
            if length > MOST_MESSAGE:
                raise BadFrame(f"a message of {length} bytes")
            arrival = self._add_arrival(note, flags, tag, context, seq, length)
            if arrival.receive is not None:
                self._return_credit(length)
        elif arrival.pulled or arrival.size != length:
            raise BadFrame(f"message {seq} is sent again, and differs")
        self._place(arrival)
        return arrival

    # --- messages that are pulled -------------------------------------------------------------------------

    def on_announced(self, note: int, flags: int, tag: int, context: int, seq: int, length: int) -> None:
        """A message waits at its sender."""
        arrival = self.arrivals.get(seq)
        if arrival.pulled if arrival is not None else self.numbers.has(seq):
            self.on_query(seq)
            return
        if arrival is None:
            arrival = self._add_arrival(note, flags, tag, context, seq, length)
        arrival.pulled = True
        self.numbers.accept(seq)
        if arrival.receive is not None:
            self.partner.say(frames.PULL, seq)

    def on_body(self, seq: int, length: int) -> Arrival:
        """The body of a message that was pulled begins; returns the message with memory for it.

        Raises:
            BadFrame: nobody asked for it.
        """
        arrival = self.arrivals.get(seq)
        if arrival is None or not arrival.pulled or arrival.receive is None or arrival.size != length:
            raise BadFrame(f"the body of message {seq}, {length} bytes, for which nobody asked")
        self._place(arrival)
        return arrival

    def on_filled(self, arrival: Arrival, mark: bytes = b"") -> None:
        """All bytes of a message are here. `mark` is their digest, if it is known already."""
        seq = arrival.seq
        if self.arrivals.pop(seq, None) is None:
            return  # a repeat
        arrival.complete = True
        assert arrival.body is not None
        mark = mark or digest(arrival.body, arrival.context ^ arrival.tag)
        if arrival.pulled:
            self.numbers.learn(seq, mark)
        else:
            self.numbers.accept(seq, mark)
        if arrival.receive is not None:
            self._complete(arrival, arrival.receive)

    # --- matching -----------------------------------------------------------------------------------------

    def match(self, arrival: Arrival, receive: Receive) -> None:
        """A receive takes a message that was waiting for one."""
        arrival.receive = receive
        receive.arrival = arrival
        if not arrival.pulled:
            self._return_credit(arrival.size)
            if arrival.sync:
                self.partner.say(frames.MATCHED, arrival.seq)
        if arrival.complete:
            self._complete(arrival, receive)
        elif arrival.pulled:
            self.partner.say(frames.PULL, arrival.seq)

    def on_query(self, seq: int) -> None:
        """The sender wants to know what has become of a message that we have."""
        arrival = self.arrivals.get(seq)
        if arrival is not None and arrival.pulled:
            if arrival.receive is not None:
                self.partner.say(frames.PULL, seq)
        elif not self._is_unmatched(seq):
            self.partner.say(frames.MATCHED, seq)

    def on_digest(self, flags: int, seq: int, given: bytes) -> None:
        """A message was sent again, by its digest.

        Raises:
            ReplayDivergence: it is not what it was.
            BadFrame: we do not have it.
        """
        if len(given) != DIGEST_SIZE or not self.numbers.has(seq):
            raise BadFrame(f"the digest of message {seq}, which is not here")
        try:
            self.numbers.check(seq, given)
        except ReplayDivergence:
            raise divergence(self.engine.rank, self.rank, self.partner.incarnation, seq) from None
        if flags & SYNC:
            self.on_query(seq)

    def resume(self) -> None:
        """There is a new lane: ask again for what was asked for."""
        for arrival in self.arrivals.values():
            if arrival.pulled and arrival.receive is not None:
                self.partner.say(frames.PULL, arrival.seq)

    # --- inside -------------------------------------------------------------------------------------------

    def _add_arrival(self, note: int, flags: int, tag: int, context: int, seq: int, length: int) -> Arrival:
        arrival = Arrival(self.rank, context, tag, note, length, seq)
        arrival.sync = bool(flags & SYNC)
        self.arrivals[seq] = arrival
        receive = self.engine.matching.arrive(self.rank, context, tag)
        if receive is None:
            self.engine.matching.keep(arrival)
        else:
            arrival.receive = receive
            receive.arrival = arrival
            if arrival.sync:
                self.partner.say(frames.MATCHED, seq)
        return arrival

    def _place(self, arrival: Arrival) -> None:
        """Memory for a message's bytes: the receiver's own when they fit."""
        receive = arrival.receive
        if receive is not None and receive.into is not None and len(receive.into) >= arrival.size:
            arrival.body = receive.into[: arrival.size]
        elif arrival.body is None or len(arrival.body) != arrival.size:
            arrival.body = bytearray(arrival.size)

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
            # it was read into its place
            receive.source, receive.tag, receive.count = arrival.source, arrival.tag, arrival.size
            judge(receive, arrival.note)
            receive.finish()
        else:
            hand_over(receive, arrival.source, arrival.tag, arrival.note, memoryview(body))

    def _return_credit(self, size: int) -> None:
        self.consumed += size + MESSAGE_COST
        if self.consumed > _CREDIT_STEP:
            self.partner.say(frames.CREDIT, 0, self.consumed)
            self.consumed = 0

    def _is_unmatched(self, seq: int) -> bool:
        """Is that message still in the queue of those that nobody has taken?"""
        return any(
            arrival.seq == seq and arrival.source == self.rank
            for queue in self.engine.matching.unexpected.values()
            for arrival in queue
        )


def hand_over(receive: Receive, source: int, tag: int, note: int, view: memoryview) -> None:
    """Complete a receive with a message's bytes, which are copied."""
    size = len(view)
    receive.source = source
    receive.tag = tag
    receive.count = size
    into = receive.into
    if into is None:
        receive.payload = bytearray(view)
    elif size == len(into):
        into[:] = view
    elif size < len(into):
        into[:size] = view
    else:
        into[:] = view[: len(into)]
        receive.count = len(into)
        receive.error = ERR_TRUNCATE
    if note != receive.note:
        judge(receive, note)
    receive.done = True
    if receive.on_done is not None:
        receive.on_done(receive)


def judge(receive: Receive, note: int) -> None:
    """Is it a message of the collective operation that the receiver is in?"""
    if note != receive.note:
        from ..errors.exception import Exception as MPIException

        receive.error = ERR_OTHER
        receive.exception = MPIException(
            ERR_OTHER,
            f"the ranks are in different collective operations: rank {receive.source} in "
            f"{kind_name(note)}, this rank in {kind_name(receive.note)}",
        )
