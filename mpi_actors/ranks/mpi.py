"""The conversation with a program that speaks MPI: its messages go by lanes that it gets from the daemon.

The lines of its standard output are numbered reports, so that the coordinator drops what a new incarnation
repeats. The program says itself how it ends. The process of one that has ended well lives on, because other
ranks may need its messages again.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import attrs
import trio

from ..errors import BadMessage, LineTooLong, MpiActorsError, ProtocolError, SendLogFull
from ..ids import Rank
from ..lanes import Client, LaneBroker
from ..programs.program import ChannelTalk
from ..wire.channel import ChannelKind, ChannelMessage
from ..wire.fields import MAX_LINE
from ..wire.messages import RankChose, RankTouched
from ..wire.reports import LogReport
from .desk import Desk, Ending

logger = logging.getLogger(__name__)

_GRACE = 1.0
"""Seconds in which a process must end after its program said that it failed, or after it was released."""
_ANSWER_TIME = 0.5
"""Seconds in which a program must say what it does: it answers only during MPI calls, and people wait."""
_MAX_STATE = 50_000
"""Characters of that answer: less than the daemon passes on to the coordinator."""


class MpiConversation:
    """Serves one program of an incarnation.

    Args:
        desk: where the incarnation reports.
        program: the program to serve.
        lanes: gives the program its lanes.
        flush: seconds in which the last of the program's output must be read.
        on_ended: called when the program has ended; if it has ended well, its process still lives.
    """

    def __init__(
        self,
        desk: Desk,
        program: ChannelTalk,
        lanes: LaneBroker,
        *,
        flush: float,
        on_ended: Callable[[], None],
    ) -> None:
        order = desk.order
        self._desk = desk
        self._program = program
        self._lanes = lanes
        self._flush = flush
        self._on_ended = on_ended
        self._client = Client(order.job, order.rank, order.incarnation, order.size, self._post)
        self._ending: Ending | None = None
        self._choices_waiting = 0
        """Choices of the program whose record is not yet confirmed."""
        self._choice_recorded = False
        self._questions = 0
        self._answer = ""
        self._answered = trio.Event()

    async def run(self) -> Ending | None:
        """Serve the program until its process is gone.

        Return how it ended; None if the coordinator knows that already, or if the desk broke off.
        """
        program = self._program
        self._lanes.attach(self._client)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(program.feed)
                nursery.start_soon(program.channel.write)
                nursery.start_soon(self._desk.watch, program)
                async with trio.open_nursery() as readers:
                    for task in (self._read_errors, self._read_lines, self._read_channel):
                        readers.start_soon(task, readers)
                exit = await program.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._lanes.detach(self._client)
            if self._ending is not None and self._ending.well:
                await self._release()
        if self._desk.broken is not None:
            return None
        if self._ending is None:
            return attrs.evolve(Ending.of(exit), silent=exit.ok)
        if not self._ending.well:
            return None
        # the log of its messages is gone with the process, and other ranks may need it
        text = f"its process ended before the job did: {exit.describe()}"
        return Ending(137, text, killed=True)

    def on_delivered(self, source: Rank) -> None:
        """Do nothing: the program gets its messages by lanes, not from its endpoint in the daemon."""

    def on_choice_recorded(self) -> None:
        """The coordinator has recorded that the program makes choices that are not its own: let it go on."""
        self._choice_recorded = True
        for _ in range(self._choices_waiting):
            self._post(ChannelMessage(ChannelKind.NOTED))
        self._choices_waiting = 0

    async def state(self) -> str:
        """Return what the program does, for people; in its own words if it answers."""
        self._questions += 1
        self._answer, self._answered = "", trio.Event()
        self._post(ChannelMessage(ChannelKind.ASK, number=self._questions))
        with trio.move_on_after(_ANSWER_TIME):
            await self._answered.wait()
        answer = self._answer or "computes: it makes no call of MPI that could answer"
        return answer + self._desk.unread()

    # --- what the program says ------------------------------------------------------------------------------

    async def _read_errors(self, _: trio.Nursery) -> None:
        await self._desk.read_errors(self._program)

    async def _read_lines(self, _: trio.Nursery) -> None:
        try:
            while lines := await self._program.lines():
                for line in lines:
                    ended = line.endswith(b"\n")
                    self._desk.log(LogReport(line[:-1] if ended else line, ended))
                await self._desk.room()
        except (LineTooLong, SendLogFull) as error:
            self._desk.break_off(error)

    async def _read_channel(self, readers: trio.Nursery) -> None:
        try:
            while messages := await self._program.channel.receive():
                for message in messages:
                    ending = self._on_message(message)
                    if ending is not None and self._ending is None:
                        self._ending = ending
                        readers.start_soon(self._conclude, ending)
        except ProtocolError as error:
            self._desk.break_off(error)

    def _on_message(self, message: ChannelMessage) -> Ending | None:
        number, text = message.number, message.text
        match message.kind:
            case ChannelKind.READY:
                logger.debug("%s is ready", self._desk.order)
            case ChannelKind.WANT:
                self._lanes.want(self._client, message.rank)
            case ChannelKind.CHOICE:
                self._on_choice(text)
            case ChannelKind.TOUCHED:
                order = self._desk.order
                self._desk.tell(RankTouched(order.job, order.rank, order.incarnation, text[:MAX_LINE]))
            case ChannelKind.STATE:
                if number == self._questions:
                    self._answer = text[:_MAX_STATE]
                    self._answered.set()
            case ChannelKind.ENDED:
                code = _exit_code(number)
                return Ending(code, f"exit code {code}")
            case ChannelKind.FAILED:
                code = _exit_code(number) or 1
                if message.flag:
                    return Ending(code, f"it called MPI_Abort({code})", traceback=text, aborted=True)
                return Ending(code, f"exit code {code}", traceback=text)
            case ChannelKind.ABORT:
                return Ending(_exit_code(number), text or f"it called MPI_Abort({number})", aborted=True)
            case ChannelKind.BROKE:
                name, _, rest = text.removeprefix(f"rank {self._desk.order.rank}: ").partition(": ")
                self._desk.break_off(MpiActorsError(rest), name)
            case _:
                raise BadMessage(f"a program said {message.kind.name} on its channel")
        return None

    def _on_choice(self, what: str) -> None:
        if self._choice_recorded:
            # the record says only that the program makes choices, so one record is enough
            self._post(ChannelMessage(ChannelKind.NOTED))
            return
        self._choices_waiting += 1
        if self._choices_waiting == 1:
            order = self._desk.order
            self._desk.tell(RankChose(order.job, order.rank, order.incarnation, what[:MAX_LINE]))

    async def _conclude(self, ending: Ending) -> None:
        """Tell the coordinator the program's end after everything that the program wrote before."""
        self._desk.on_program_ended()
        with trio.move_on_after(self._flush):
            await self._program.settle()
            await self._desk.errors_sent()
        if self._desk.broken is None:
            self._desk.end(ending)
        self._on_ended()
        if not ending.well:
            with trio.move_on_after(_GRACE):
                await self._program.wait()
            self._program.kill()

    # --- messages to the program ----------------------------------------------------------------------------

    def _post(self, message: ChannelMessage, lane: socket.socket | None = None) -> None:
        try:
            self._program.channel.post(message, lane)
        except BadMessage as error:
            self._desk.break_off(error)

    async def _release(self) -> None:
        with trio.move_on_after(_GRACE, shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._program.channel.write)
                self._post(ChannelMessage(ChannelKind.RELEASE))
                await self._program.wait()
                nursery.cancel_scope.cancel()


def _exit_code(number: int) -> int:
    """Return the exit code as the operating system would give it; only 0 becomes 0."""
    return number % 256 or (1 if number else 0)
