"""What goes on between an incarnation on its host and its job's coordinator, whatever its program speaks."""

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
from ..wire.messages import MAX_TEXT, RankBroke, RankExited, RankStderr, ToCoordinator
from ..wire.reports import Report, encode_report

_STDERR_TAIL = 40
_STDERR_LINE = 8192


@attrs.frozen
class Ending:
    """How a program ended."""

    code: int
    """As a shell would give it, 0 … 255."""
    description: str
    """Such as `exit code 3`."""
    killed: bool = False
    """Ended from outside: a loss."""
    aborted: bool = False
    """It ended the whole job."""
    traceback: str = ""

    @property
    def well(self) -> bool:
        """It has done its work."""
        return not (self.code or self.killed or self.aborted)

    @classmethod
    def of(cls, exit: Exit) -> Ending:
        """That of a program that said nothing more of it."""
        code = exit.code if exit.code is not None else 128 + (exit.signal or 9) % 128
        return cls(code, exit.describe(), killed=exit.killed)


class Desk:
    """Reports of one incarnation: numbered ones on its lane to the coordinator, and control messages.

    Args:
        broken: called once, when the incarnation cannot go on.
    """

    def __init__(
        self,
        order: Order,
        endpoint: Endpoint,
        router: Router,
        coordinator: PeerId,
        broken: Callable[[], None],
    ) -> None:
        self.order = order
        self.endpoint = endpoint
        self.router = router
        self._coordinator = coordinator
        self._on_broken = broken
        self._stderr: deque[str] = deque(maxlen=_STDERR_TAIL)
        self.broken: MpiActorsError | None = None
        """Why it cannot go on."""

    def tell(self, message: ToCoordinator) -> None:
        """Send a control message to the coordinator."""
        self.router.tell(self._coordinator, message)

    def log(self, report: Report) -> None:
        """Send a numbered report: a repeat of what an earlier incarnation reported is dropped.

        Raises:
            SendLogFull: there were too many.
        """
        lane = self.endpoint.send(COORDINATOR, encode_report(report))
        self.router.ready(self.endpoint, lane)

    def break_off(self, error: MpiActorsError, name: str = "") -> None:
        """The incarnation cannot go on, nor could another: tell why, once. `name` is the error's, if not its
        class's."""
        if self.broken is None:
            self.broken = error
            order = self.order
            name = name or type(error).__name__
            text = f"rank {order.rank}: {name}: {error}"
            self.tell(RankBroke(order.job, order.rank, order.incarnation, name[:255], text[:60_000]))
            self._on_broken()

    def end(self, ending: Ending) -> None:
        """The program has ended."""
        order = self.order
        self.tell(
            RankExited(
                job=order.job,
                rank=order.rank,
                incarnation=order.incarnation,
                killed=ending.killed,
                code=ending.code,
                reports=self.endpoint.lane(COORDINATOR).outgoing.count,
                description=ending.description[:4096],
                stderr="\n".join(self._stderr)[-32_000:],
                traceback=ending.traceback[-60_000:],
                aborted=ending.aborted,
            )
        )

    async def read_errors(self, program: Running) -> None:
        """Pass on what the program writes to standard error, to its end."""
        order = self.order
        while text := await program.errors():
            for line in text.splitlines():
                self._stderr.append(line[:_STDERR_LINE])
            for start in range(0, len(text), MAX_TEXT):
                await self.router.room(self._coordinator)
                part = text[start : start + MAX_TEXT]
                self.tell(RankStderr(order.job, order.rank, order.incarnation, part))

    def lanes(self) -> str:
        """The messages sent and received so far, by rank, in a few words."""
        lanes = ", ".join(
            f"{_name(there)}: {s.sent} sent ({s.unsent} on hold), {s.received} received ({s.waiting} unread)"
            for there, lane in sorted(self.endpoint.lanes.items())
            if (s := lane.statistics()) and (s.sent or s.received)
        )
        return f"messages by rank: {lanes or 'none'}"


def _name(there: Rank) -> str:
    return "log" if there == COORDINATOR else str(there)
