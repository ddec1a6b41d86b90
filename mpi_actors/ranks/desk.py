"""Where an incarnation reports to its job's coordinator, whatever its program speaks."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from ..actors import Bell
from ..errors import MpiActorsError
from ..ids import COORDINATOR, PeerId, Rank
from ..lanes.router import Router
from ..process.exit import Exit
from ..programs.program import Order, Running
from ..replay.endpoint import Endpoint
from ..replay.stderr import StderrSender
from ..wire.fields import MAX_LINE, MAX_NAME, MAX_STDERR
from ..wire.messages import RankBroke, RankExited, RankStderr, StderrTaken, ToCoordinator
from ..wire.reports import Report, encode_report

_STDERR_TAIL = 40
"""Last lines of standard error that the coordinator gets with the news of a failure: enough for a
traceback."""
_MAX_TAIL = 32_000
"""Bytes of all those lines: half of what a text field of a message holds."""
_MOST_UNSENT = 1024 * 1024
"""Bytes of reports that may wait to be sent before the program has to wait: less than the lane's window."""
_ASK_AFTER = 1.0
"""Seconds without news after which to ask the coordinator what of standard error has arrived: losses are
rare, and nobody reads much faster than that."""
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
    silent: bool = False
    """Whether a process that speaks MPI is gone, with exit code 0, and its program has not said so."""

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
        self._tail = b""
        self._errors = StderrSender(MAX_STDERR)
        self._errors_changed = Bell()
        self._reports = endpoint.lane(COORDINATOR).outgoing
        self._reports.on_progress = self._on_reports_sent
        self._reports_sent = Bell()
        self.broken: MpiActorsError | None = None
        """Why the incarnation cannot go on; None while it can."""

    def tell(self, message: ToCoordinator) -> None:
        """Send a control message to the coordinator."""
        self.router.tell(self._coordinator, message)

    def log(self, report: Report) -> None:
        """Send a numbered report. The coordinator drops what an earlier incarnation has reported already.

        Raises:
            SendLogFull: the log of reports is full.
            LineTooLong: the report is longer than a message may be.
        """
        lane = self.endpoint.send(COORDINATOR, encode_report(report))
        self.router.mark_ready(self.endpoint, lane)

    async def room(self) -> None:
        """Wait until few reports wait to be sent: the program waits, too, if nobody shows what it writes."""
        while self._reports.backlog > _MOST_UNSENT and not self._errors.ended:
            await self._reports_sent.wait()

    def _on_reports_sent(self) -> None:
        if self._reports.backlog <= _MOST_UNSENT:
            self._reports_sent.ring()

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
        choices = self.router.choices_of(order.job)
        self.tell(
            RankExited(
                job=order.job,
                rank=order.rank,
                incarnation=order.incarnation,
                killed=ending.killed,
                code=ending.code,
                reports=self.endpoint.lane(COORDINATOR).outgoing.count,
                description=ending.description[:MAX_LINE],
                stderr=_last_lines(self._tail),
                traceback=ending.traceback[-_MAX_LONG_TEXT:],
                aborted=ending.aborted,
                errors=self._errors.end,
                choices=choices.position(order.rank) if choices is not None else 0,
                silent=ending.silent,
            )
        )

    # --- standard error -----------------------------------------------------------------------------------

    async def read_errors(self, program: Running) -> None:
        """Take what the program writes to standard error, to its end. If nobody shows that, it waits."""
        errors = self._errors
        while data := await program.errors():
            self._tail = (self._tail + data)[-_MAX_TAIL:]
            errors.write(data)
            self._errors_changed.ring()
            while not errors.has_room:
                await self._errors_changed.wait()

    async def watch(self, program: Running) -> None:
        """Wait for the program's end: what its pipes hold is then taken, even if nobody shows it."""
        await program.wait()
        self.on_program_ended()

    async def send_errors(self) -> None:
        """Send the coordinator what `read_errors` takes, again where it was lost, until cancelled."""
        order, errors = self.order, self._errors
        while True:
            if errors.unsent:
                await self.router.room(self._coordinator)
                piece = errors.next_piece()
            elif errors.waiting and await self._nothing_taken():
                piece = (errors.question, b"")
            else:
                piece = None
                if not errors.waiting:
                    await self._errors_changed.wait()
            if piece is not None:
                self.tell(RankStderr(order.job, order.rank, order.incarnation, *piece))
                self._errors_changed.ring()

    async def _nothing_taken(self) -> bool:
        """Wait for news of standard error; return whether none came in time."""
        with trio.move_on_after(_ASK_AFTER) as silence:
            await self._errors_changed.wait()
        return silence.cancelled_caught

    def on_stderr_taken(self, taken: StderrTaken) -> None:
        """The coordinator has taken some of standard error, or lacks some."""
        self._errors.on_taken(taken.taken, taken.again)
        self._errors_changed.ring()

    def on_program_ended(self) -> None:
        """The program has ended, if its process has not."""
        self._errors.ended = True
        self._errors_changed.ring()
        self._reports_sent.ring()

    async def errors_sent(self) -> None:
        """Wait until all that was read of standard error is sent."""
        while self._errors.unsent:
            await self._errors_changed.wait()

    def unread(self) -> str:
        """Return, for people, that the program may have to wait for a reader of its output; "" if not."""
        unread = "" if self._errors.has_room else f"{self._errors.waiting} bytes of standard error"
        if self._reports.backlog > _MOST_UNSENT:
            unread += (" and " if unread else "") + f"{self._reports.backlog} bytes of output"
        return f"; its last {unread} wait for somebody to read" if unread else ""

    def lanes(self) -> str:
        """Return the numbers of messages sent and received so far, by rank, for people."""
        lanes = ", ".join(
            f"{_name(there)}: {s.sent} sent ({s.unsent} on hold), {s.received} received ({s.waiting} unread)"
            for there, lane in sorted(self.endpoint.lanes.items())
            if (s := lane.statistics()) and (s.sent or s.received)
        )
        return f"messages by rank: {lanes or 'none'}"


def _last_lines(tail: bytes) -> str:
    """Return whole lines at the end of a text of which `_MAX_TAIL` bytes were kept."""
    if len(tail) == _MAX_TAIL:
        tail = tail[tail.find(b"\n") + 1 :]
    return "\n".join(tail.decode(errors="replace").removesuffix("\n").split("\n")[-_STDERR_TAIL:])


def _name(there: Rank) -> str:
    return "log" if there == COORDINATOR else str(there)
