"""Where an incarnation reports to its job's coordinator, whatever its program speaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs

from ..errors import MpiActorsError
from ..ids import COORDINATOR, PeerId, Rank
from ..lanes.router import Router
from ..process.exit import Exit
from ..programs.program import Order, Running
from ..replay.endpoint import Endpoint
from ..wire.messages import MAX_LINE, MAX_NAME, MAX_TEXT, RankBroke, RankExited, RankStderr, ToCoordinator
from ..wire.reports import Report, encode_report

_STDERR_TAIL = 40
"""Last lines of standard error that the coordinator gets with the news of a failure: enough for a
traceback."""
_MAX_STDERR_LINE = 8192
"""Characters kept of each of those lines."""
_MAX_STDERR = 32_000
"""Characters of all those lines: half of what a text field of a message holds."""
_MAX_LONG_TEXT = 60_000
"""Characters of a traceback or of a reason: a little less than a text field of a message holds."""


@attrs.frozen
class Ending:
    """How a program ended."""

    code: int
    """The exit code as a shell would give it, 0 to 255."""
    description: str
    """For people, such as `exit code 3`."""
    killed: bool = False
    """Whether the process was killed from outside, which counts as a loss."""
    aborted: bool = False
    """Whether the program ended the whole job, as `MPI_Abort` does."""
    traceback: str = ""
    """The traceback of the program, when it is known."""

    @property
    def well(self) -> bool:
        """Whether the program has done its work."""
        return not (self.code or self.killed or self.aborted)

    @classmethod
    def of(cls, exit: Exit) -> Ending:
        """Return the ending of a program of which only the process's exit is known."""
        code = exit.code if exit.code is not None else 128 + (exit.signal or 9) % 128
        return cls(code, exit.describe(), killed=exit.killed)


class Desk:
    """Reports of one incarnation: numbered ones on its lane to the coordinator, and control messages.

    Args:
        order: what the incarnation runs.
        endpoint: the incarnation's endpoint.
        router: carries the messages.
        coordinator: the peer where the job's coordinator is.
        on_broken: called once, when the incarnation cannot go on.
    """

    def __init__(
        self,
        order: Order,
        endpoint: Endpoint,
        router: Router,
        coordinator: PeerId,
        on_broken: Callable[[], None],
    ) -> None:
        self.order = order
        self.endpoint = endpoint
        self.router = router
        self._coordinator = coordinator
        self._on_broken = on_broken
        self._stderr: deque[str] = deque(maxlen=_STDERR_TAIL)
        self.broken: MpiActorsError | None = None
        """Why the incarnation cannot go on; None while it can."""

    def tell(self, message: ToCoordinator) -> None:
        """Send a control message to the coordinator."""
        self.router.tell(self._coordinator, message)

    def log(self, report: Report) -> None:
        """Send a numbered report. The coordinator drops what an earlier incarnation has reported already.

        Raises:
            SendLogFull: the log of reports is full.
        """
        lane = self.endpoint.send(COORDINATOR, encode_report(report))
        self.router.mark_ready(self.endpoint, lane)

    def break_off(self, error: MpiActorsError, name: str = "") -> None:
        """Tell the coordinator, once, why neither this incarnation nor another can go on.

        Args:
            error: the reason.
            name: the error's name for people; "" for that of its class.
        """
        if self.broken is None:
            self.broken = error
            order = self.order
            name = name or type(error).__name__
            text = f"rank {order.rank}: {name}: {error}"
            self.tell(
                RankBroke(order.job, order.rank, order.incarnation, name[:MAX_NAME], text[:_MAX_LONG_TEXT])
            )
            self._on_broken()

    def end(self, ending: Ending) -> None:
        """Tell the coordinator that the program has ended."""
        order = self.order
        self.tell(
            RankExited(
                job=order.job,
                rank=order.rank,
                incarnation=order.incarnation,
                killed=ending.killed,
                code=ending.code,
                reports=self.endpoint.lane(COORDINATOR).outgoing.count,
                description=ending.description[:MAX_LINE],
                stderr="\n".join(self._stderr)[-_MAX_STDERR:],
                traceback=ending.traceback[-_MAX_LONG_TEXT:],
                aborted=ending.aborted,
            )
        )

    async def read_errors(self, program: Running) -> None:
        """Send what the program writes to standard error to the coordinator, until it ends."""
        order = self.order
        while text := await program.errors():
            for line in text.splitlines():
                self._stderr.append(line[:_MAX_STDERR_LINE])
            for start in range(0, len(text), MAX_TEXT):
                await self.router.room(self._coordinator)
                part = text[start : start + MAX_TEXT]
                self.tell(RankStderr(order.job, order.rank, order.incarnation, part))

    def lanes(self) -> str:
        """Return the numbers of messages sent and received so far, by rank, for people."""
        lanes = ", ".join(
            f"{_name(there)}: {s.sent} sent ({s.unsent} on hold), {s.received} received ({s.waiting} unread)"
            for there, lane in sorted(self.endpoint.lanes.items())
            if (s := lane.statistics()) and (s.sent or s.received)
        )
        return f"messages by rank: {lanes or 'none'}"


def _name(there: Rank) -> str:
    return "log" if there == COORDINATOR else str(there)
