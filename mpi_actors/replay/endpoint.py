"""What sends and receives for one incarnation: a lane to each other rank, and the program's requests."""

from __future__ import annotations

from collections import deque

from ..config import LaneLimits
from ..errors import BadProgramLine
from ..ids import COORDINATOR, Incarnation, JobId, Rank, Seat
from ..wire.frame import Frame
from .lane import Lane
from .log import SendLog
from .sequence import shortfall


class Endpoint:
    """All lanes of one incarnation (or of a job's coordinator), and the program's unanswered requests."""

    def __init__(
        self,
        job: JobId,
        rank: Rank,
        incarnation: Incarnation,
        limits: LaneLimits | None = None,
        *,
        spill_directory: str | None = None,
    ) -> None:
        self.job = job
        self.rank = rank
        self.incarnation = incarnation
        self._limits = limits or LaneLimits()
        self.log = SendLog(self._limits, directory=spill_directory)
        self.lanes: dict[Rank, Lane] = {}
        self._requests: deque[Rank] = deque()
        self.finished = False
        """The program has ended well: it will send nothing more."""

    @property
    def seat(self) -> Seat:
        """The place that this endpoint serves."""
        return Seat(self.job, self.rank)

    def lane(self, there: Rank) -> Lane:
        """The lane to a rank, made when first asked for."""
        lane = self.lanes.get(there)
        if lane is None:
            lane = self.lanes[there] = Lane(
                self.job, self.rank, self.incarnation, there, self.log, self._limits,
                compare=self.rank != COORDINATOR,
            )  # fmt: skip
        return lane

    def connect(self, there: Rank, incarnation: Incarnation) -> Lane:
        """Rank `there` is (now) this incarnation, or has a new path."""
        lane = self.lane(there)
        lane.connect(incarnation)
        return lane

    def send(self, there: Rank, payload: bytes) -> Lane:
        """Number a message to a rank; returns its lane, which may now have something to send.

        Raises:
            SendLogFull: the log is at its limit.
        """
        lane = self.lane(there)
        lane.send(payload)
        return lane

    def receive(self, frame: Frame) -> bool:
        """Take a frame for this endpoint; True when it delivered a message.

        Raises:
            BadFrame: the frame makes no sense.
            ReplayDivergence: a rank's new incarnation is not what its old one was.
        """
        delivered = self.lane(frame.src).receive(frame)
        if self.finished:
            self._check_complete(frame.src)
        return delivered

    def finish(self) -> None:
        """The program has ended well.

        Raises:
            ReplayDivergence: an earlier incarnation had sent more than this one did.
        """
        self.finished = True
        for there in self.lanes:
            self._check_complete(there)

    def request(self, source: Rank) -> None:
        """The program asks for the next message from `source`; answers come in the order of the requests.

        Raises:
            BadProgramLine: too many requests are unanswered.
        """
        if len(self._requests) >= self._limits.requests:
            raise BadProgramLine(
                f"{len(self._requests)} requests without an answer are the limit: wait for answers first"
            )
        self._requests.append(source)

    @property
    def waiting_for(self) -> Rank | None:
        """The rank whose message the program waits for, if it waits."""
        return self._requests[0] if self._requests else None

    def answer(self) -> tuple[Lane, bytes] | None:
        """The message that answers the oldest request, if it is there."""
        if not self._requests:
            return None
        lane = self.lane(self._requests[0])
        payload = lane.take()
        if payload is None:
            return None
        self._requests.popleft()
        return lane, payload

    def close(self) -> None:
        """Give memory and files back."""
        for lane in self.lanes.values():
            lane.close()
        self.log.close()

    def _check_complete(self, there: Rank) -> None:
        missing = self.lane(there).outgoing.missing
        if missing and there != COORDINATOR:
            raise shortfall(self.rank, there, missing)
