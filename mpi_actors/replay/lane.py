"""A lane: both directions of the traffic between an incarnation here and another rank, as frames."""

from __future__ import annotations

import struct
from collections.abc import Callable

import attrs

from ..config import LaneLimits
from ..errors import BadFrame, ReplayDivergence
from ..ids import Incarnation, JobId, Rank
from ..wire.frame import MAX_CHUNK, Frame, FrameKind
from .incoming import Incoming, Verdict
from .log import SendLog
from .outgoing import Outgoing
from .sequence import DIGEST_SIZE, divergence

BEGINNING = 1024
"""Bytes of a report that go with its digest: as much of a line as anybody reads."""
_CONFIRMED = struct.Struct("<Q")
"""The payload of a RESUME: how many messages of the receiver's incarnation were compared or delivered."""

OnOther = Callable[[Rank, Incarnation, int, bytes], None]
"""Called with a rank, its new incarnation, the number of a report that is not what it was, and the report's
beginning."""


@attrs.frozen
class LaneStatistics:
    """The counts of a lane at one moment."""

    sent: int
    """Messages numbered so far …"""
    unsent: int
    """… and how many of them are not sent to the other side's present incarnation."""
    received: int
    """Messages delivered so far …"""
    waiting: int
    """… and how many of them the program has not taken."""


class Lane:
    """One rank's side of the traffic with another rank.

    The router calls `next_frame` when it can write, so that nothing is queued twice and overtaken news is
    never sent. It gives the other side's frames to `receive`.

    Args:
        job: the job of both ranks.
        here: this rank.
        here_incarnation: its incarnation.
        there: the other rank.
        log: where the endpoint keeps what it has sent.
        limits: see `Incoming`.
        compare: see `Incoming`.
        beginning: bytes of a message that go with its digest.
        on_other: called when a message is not what it was; None if that is an error.
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
        beginning: int = 0,
        on_other: OnOther | None = None,
    ) -> None:
        self.job = job
        self.here = here
        self.here_incarnation = here_incarnation
        self.there = there
        self.there_incarnation: Incarnation | None = None
        self.outgoing = Outgoing(log, beginning)
        self.incoming = Incoming(limits, compare=compare)
        self._beginning = beginning
        self._on_other = on_other
        self._resume_due = False
        """This side owes the other one a RESUME, which says what was delivered here …"""
        self._ask = False
        """… and which asks for the same in return."""
        self._resyncing = False
        """A frame was missing, and the other side has to go back; its next frame that fits ends this."""
        self._checking = False
        """The program has ended: the other side has to say that it has compared everything …"""
        self._asked = False
        """… and was asked to."""

    def connect(self, incarnation: Incarnation) -> None:
        """Agree on where to go on, with an incarnation that is new or has a new path."""
        if self.there_incarnation != incarnation:
            self.outgoing.forget()
            self.incoming.confirmed = 0
        self.there_incarnation = incarnation
        self.outgoing.close()
        self.incoming.drop_partial()
        self._resume_due = self._ask = True
        self._resyncing = self._asked = False

    def close(self) -> None:
        """Send nothing more, as the log is about to be closed."""
        self.there_incarnation = None

    def check(self) -> None:
        """The program has ended: see that the other side compares what it had from earlier incarnations."""
        self._checking = True

    @property
    def compared(self) -> bool:
        """Whether the other side has done so."""
        return self.there_incarnation is not None and self.outgoing.compared

    @property
    def _check_due(self) -> bool:
        return self._checking and not self._asked and self.outgoing.told and not self.outgoing.compared

    @property
    def ready(self) -> bool:
        """Whether there is something to send."""
        return self.there_incarnation is not None and (
            self._resume_due or self.incoming.credit_due or self.outgoing.ready or self._check_due
        )

    def next_frame(self, most: int = MAX_CHUNK) -> Frame | None:
        """Return the next frame to send, with at most `most` bytes of payload; None if there is nothing."""
        if self.there_incarnation is None:
            return None
        if self._resume_due or self._check_due:
            self._asked = self._asked or self._check_due
            ask, self._resume_due, self._ask = self._ask or self._asked, False, False
            seq, position = self.incoming.expected, self.incoming.position
            return self._frame(
                FrameKind.RESUME, seq=seq, offset=self.incoming.grant(), total=position, ask=ask,
                payload=_CONFIRMED.pack(self.incoming.confirmed),
            )  # fmt: skip
        if self.incoming.credit_due:
            return self._frame(FrameKind.CREDIT, offset=self.incoming.grant())
        piece = self.outgoing.next_piece(most)
        if piece is None:
            return None
        kind = FrameKind.DIGEST if piece.is_digest else FrameKind.DATA
        return self._frame(kind, piece.seq, piece.offset, piece.total, piece.payload)

    def receive(self, frame: Frame) -> bool:
        """Take a frame from the other side's present incarnation.

        Return whether it delivered a message, or confirmed one that was delivered before.

        Raises:
            BadFrame: the frame contradicts itself or what came before, or exceeds a limit.
            ReplayDivergence: the other rank's new incarnation sent something else than its old one.
        """
        if frame.kind is FrameKind.DATA:
            verdict = self.incoming.on_data(frame.seq, frame.offset, frame.total, frame.payload)
        elif frame.kind is FrameKind.DIGEST:
            verdict = self._compare(frame)
        else:
            if frame.kind is FrameKind.RESUME:
                if len(frame.payload) != _CONFIRMED.size:
                    raise BadFrame(f"a RESUME with {len(frame.payload)} bytes")
                (confirmed,) = _CONFIRMED.unpack(frame.payload)
                self._asked = False
                self.outgoing.on_resume(frame.seq, frame.offset, frame.total, confirmed)
                self._resume_due = self._resume_due or frame.ask
            else:
                self.outgoing.on_credit(frame.offset)
            return False
        if verdict is Verdict.GAP:
            # say so once: frames still under way do not fit either, and each answer would start anew
            self._resume_due = self._resume_due or not self._resyncing
            self._resyncing = True
        elif verdict is not Verdict.REPEAT:
            self._resyncing = False
        return verdict in (Verdict.DELIVERED, Verdict.CONFIRMED)

    def send(self, payload: bytes) -> None:
        """Number a message and log it. It leaves when the other side has room.

        Raises:
            SendLogFull: a limit of the endpoint's log is reached.
        """
        self.outgoing.append(payload)

    def take(self) -> bytes | None:
        """Return the next delivered message, or None if there is none."""
        return self.incoming.take()

    def statistics(self) -> LaneStatistics:
        """Return the counts, for people."""
        return LaneStatistics(
            self.outgoing.count, self.outgoing.unsent, self.incoming.expected, self.incoming.queued
        )

    def _compare(self, frame: Frame) -> Verdict:
        mark, beginning = frame.payload[:DIGEST_SIZE], bytes(frame.payload[DIGEST_SIZE:])
        if len(beginning) > self._beginning:
            raise BadFrame(f"a digest of {len(frame.payload)} bytes; digests have {DIGEST_SIZE}")
        try:
            return self.incoming.on_digest(frame.seq, mark)
        except ReplayDivergence:
            if self._on_other is None:
                raise divergence(self.here, self.there, frame.src_incarnation, frame.seq) from None
            self._on_other(self.there, frame.src_incarnation, frame.seq, beginning)
            return Verdict.CONFIRMED

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
