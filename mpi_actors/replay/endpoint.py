"""The endpoint of one incarnation: a lane to each other rank, and the program's requests for messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from ..config import LaneLimits
from ..errors import BadProgramLine, LineTooLong
from ..ids import COORDINATOR, Incarnation, JobId, JobRank, Rank
from ..wire.frame import Frame
from .lane import BEGINNING, Lane, OnOther
from .log import SendLog
from .sequence import shortfall


class Endpoint:
    """All lanes of one incarnation (or of a job's coordinator), and the program's unanswered requests.

    Args:
        job: the job.
        rank: the rank that it serves, or COORDINATOR.
        incarnation: the rank's incarnation.
        limits: of messages, windows, the log and requests.
        spill_directory: where the log's file is made; None for the system's directory.
        compare: whether what comes again is compared.
        on_other: called when a report is not what it was; for a job's coordinator.
    """

    def __init__(
        self,
        job: JobId,
        rank: Rank,
        incarnation: Incarnation,
        limits: LaneLimits | None = None,
        *,
        spill_directory: str | None = None,
        compare: bool = True,
        on_other: OnOther | None = None,
    ) -> None:
        self.job = job
        self.rank = rank
        self.incarnation = incarnation
        self._limits = limits or LaneLimits()
        self.log = SendLog(self._limits, directory=spill_directory)
        self._compare = compare
        self._on_other = on_other
        self.lanes: dict[Rank, Lane] = {}
        self._checking: set[Rank] = set()
        """The ranks that have not yet said that they have compared everything."""
        self._requests: deque[Rank] = deque()
        """The ranks of whose messages the program waits, in the order in which it asked."""
        self.finished = False
        """The program has ended well, and sends nothing more."""
        self.on_compared: Callable[[], None] | None = None
        """Called, after the program's end, when `uncompared` may have changed."""

    @property
    def job_rank(self) -> JobRank:
        """The job and rank that this endpoint serves."""
        return JobRank(self.job, self.rank)

    def lane(self, there: Rank) -> Lane:
        """Return the lane to a rank; the first call makes it."""
        lane = self.lanes.get(there)
        if lane is None:
            lane = self.lanes[there] = Lane(
                self.job, self.rank, self.incarnation, there, self.log, self._limits,
                compare=self._compare,
                beginning=BEGINNING if COORDINATOR in (self.rank, there) else 0,
                on_other=self._on_other,
            )  # fmt: skip
        return lane

    def connect(self, there: Rank, incarnation: Incarnation) -> Lane:
        """Agree on where to go on with an incarnation of rank `there` that is new or has a new path."""
        lane = self.lane(there)
        lane.connect(incarnation)
        return lane

    def send(self, there: Rank, payload: bytes) -> Lane:
        """Number and log a message to a rank; return the lane to it, which may now have something to send.

        Raises:
            SendLogFull: a limit of the log is reached.
            LineTooLong: the message is longer than messages may be.
        """
        if len(payload) > self._limits.message:
            raise LineTooLong(
                f"the program wrote a message of {len(payload)} bytes; the limit is {self._limits.message}"
            )
        lane = self.lane(there)
        lane.send(payload)
        return lane

    def receive(self, frame: Frame) -> bool:
        """Take a frame for this endpoint; return whether it delivered a message, or confirmed one.

        Raises:
            BadFrame: the frame contradicts itself or what came before, or exceeds a limit.
            ReplayDivergence: a new incarnation sent something else than the one before, or less.
        """
        delivered = self.lane(frame.src).receive(frame)
        if self.finished:
            self._check_complete(frame.src)
            if self.on_compared is not None:
                self.on_compared()
        return delivered

    def finish(self, others: Iterable[Rank] = ()) -> None:
        """Note that the program has ended well.

        Args:
            others: the ranks that are to compare what earlier incarnations have sent them; see `uncompared`.

        Raises:
            ReplayDivergence: an earlier incarnation had sent more than this one.
        """
        self.finished = True
        for there in others:
            if there != self.rank:
                self.lane(there).check()
                self._checking.add(there)
        for there in self.lanes:
            self._check_complete(there)

    @property
    def uncompared(self) -> Rank | None:
        """A rank that has not yet said that it has had the same from this incarnation; None if there is none.

        A rank that is being replaced, too, says so as soon as it is there again.
        """
        self._checking = {there for there in self._checking if not self.lane(there).compared}
        return min(self._checking, default=None)

    def request(self, source: Rank) -> None:
        """Note that the program asks for the next message from `source`. Answers have the order of requests.

        Raises:
            BadProgramLine: too many requests are unanswered.
        """
        if len(self._requests) >= self._limits.requests:
            raise BadProgramLine(
                f"at most {len(self._requests)} requests may be without an answer: wait for answers first"
            )
        self._requests.append(source)

    @property
    def waiting_for(self) -> Rank | None:
        """The rank whose message the program waits for, if it waits."""
        return self._requests[0] if self._requests else None

    def answer(self) -> tuple[Lane, bytes] | None:
        """Return the message that answers the oldest request, and its lane; None if it has not come."""
        if not self._requests:
            return None
        lane = self.lane(self._requests[0])
        payload = lane.take()
        if payload is None:
            return None
        self._requests.popleft()
        return lane, payload

    def close(self) -> None:
        """Close all lanes, and the log."""
        for lane in self.lanes.values():
            lane.close()
        self.log.close()

    def _check_complete(self, there: Rank) -> None:
        missing = self.lane(there).outgoing.missing
        if missing and there != COORDINATOR:
            raise shortfall(self.rank, there, missing)
