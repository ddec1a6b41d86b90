"""A lane: both directions between one incarnation here and another rank, as frames."""

from __future__ import annotations

import attrs

from ..config import LaneLimits
from ..errors import ReplayDivergence
from ..ids import Incarnation, JobId, Rank
from ..wire.frame import MAX_CHUNK, Frame, FrameKind
from .incoming import Incoming, Verdict
from .log import SendLog
from .outgoing import Outgoing
from .sequence import divergence


@attrs.frozen
class LaneStatistics:
    """A lane at one moment."""

    sent: int
    """Messages numbered so far."""
    unsent: int
    """Of these, not yet sent to the other side's present incarnation."""
    received: int
    """Messages delivered so far."""
    waiting: int
    """Of these, not yet taken by the program."""


class Lane:
    """One rank's side of the traffic with another rank.

    It is pulled: whoever can write asks `next_frame` for the next thing to send, so that nothing is queued
    twice and news that is overtaken is never sent. It is told: `receive` takes frames of the other side.
    """

    def __init__(
        self,
        job: JobId,
        here: Rank,
        here_incarnation: Incarnation,
        there: Rank,
        log: SendLog,
        limits: LaneLimits | None = None,
        *,
        compare: bool = True,
    ) -> None:
        self.job = job
        self.here = here
        self.here_incarnation = here_incarnation
        self.there = there
        self.there_incarnation: Incarnation | None = None
        self.outgoing = Outgoing(log)
        self.incoming = Incoming(limits, compare=compare)
        self._resume_due = False
        self._ask = False
        self._resyncing = False

    def connect(self, incarnation: Incarnation) -> None:
        """The other rank is (now) this incarnation, or there is a new path to it: agree on where to go on."""
        if self.there_incarnation != incarnation:
            self.outgoing.forget()
        self.there_incarnation = incarnation
        self.outgoing.close()
        self.incoming.interrupted()
        self._resume_due = self._ask = True
        self._resyncing = False

    def close(self) -> None:
        """Send nothing more, whoever still asks: the log is about to go."""
        self.there_incarnation = None

    @property
    def ready(self) -> bool:
        """Is there something to send?"""
        return self.there_incarnation is not None and (
            self._resume_due or self.incoming.credit_due or self.outgoing.ready
        )

    def next_frame(self, most: int = MAX_CHUNK) -> Frame | None:
        """The next frame to send, with at most `most` bytes of payload; None when there is nothing."""
        if self.there_incarnation is None:
            return None
        if self._resume_due:
            ask, self._resume_due, self._ask = self._ask, False, False
            seq, position = self.incoming.expected, self.incoming.position
            return self._frame(
                FrameKind.RESUME, seq=seq, offset=self.incoming.grant(), total=position, ask=ask
            )
        if self.incoming.credit_due:
            return self._frame(FrameKind.CREDIT, offset=self.incoming.grant())
        piece = self.outgoing.next_piece(most)
        if piece is None:
            return None
        kind = FrameKind.DIGEST if piece.is_digest else FrameKind.DATA
        return self._frame(kind, piece.seq, piece.offset, piece.total, piece.payload)

    def receive(self, frame: Frame) -> bool:
        """Take a frame from the other side's present incarnation; True when a message was delivered.

        Raises:
            BadFrame: the frame makes no sense.
            ReplayDivergence: the other rank's new incarnation sent something else than its old one.
        """
        if frame.kind is FrameKind.DATA:
            verdict = self.incoming.data(frame.seq, frame.offset, frame.total, frame.payload)
        elif frame.kind is FrameKind.DIGEST:
            verdict = self._compare(frame)
        else:
            if frame.kind is FrameKind.RESUME:
                self.outgoing.resume(frame.seq, frame.offset, frame.total)
                self._resume_due = self._resume_due or frame.ask
            else:
                self.outgoing.grant(frame.offset)
            return False
        if verdict is Verdict.GAP:
            # once: what is still under way will not fit either, and each answer starts anew
            self._resume_due = self._resume_due or not self._resyncing
            self._resyncing = True
        elif verdict is not Verdict.REPEAT:
            self._resyncing = False
        return verdict is Verdict.DELIVERED

    def send(self, payload: bytes) -> None:
        """Number a message and keep it; it goes out when the other side has room.

        Raises:
            SendLogFull: the endpoint's log is at its limit.
        """
        self.outgoing.append(payload)

    def take(self) -> bytes | None:
        """The next delivered message, or None."""
        return self.incoming.take()

    def statistics(self) -> LaneStatistics:
        """Counts, for people."""
        return LaneStatistics(
            self.outgoing.count, self.outgoing.unsent, self.incoming.expected, self.incoming.queued
        )

    def _compare(self, frame: Frame) -> Verdict:
        try:
            return self.incoming.repeat(frame.seq, frame.payload)
        except ReplayDivergence:
            raise divergence(self.here, self.there, frame.src_incarnation, frame.seq) from None

    def _frame(
        self,
        kind: FrameKind,
        seq: int = 0,
        offset: int = 0,
        total: int = 0,
        payload: bytes | memoryview = b"",
        *,
        ask: bool = False,
    ) -> Frame:
        assert self.there_incarnation is not None
        return Frame(
            kind, self.job, self.here, self.there, self.here_incarnation, self.there_incarnation,
            seq, offset, total, payload, ask,
        )  # fmt: skip
