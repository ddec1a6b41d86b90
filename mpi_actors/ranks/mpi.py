"""The conversation with a program that speaks MPI: its messages go by lanes that it gets here.

Its standard output is reported by lines, with numbers: a new incarnation's repeats are dropped. It says
itself how it ends. One that has ended well lives on, since others may need its messages again.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import trio

from ..errors import BadMessage, LineTooLong, MpiActorsError, ProtocolError, SendLogFull
from ..ids import Rank
from ..lanes import Client, LaneBroker
from ..programs.program import ChannelTalk
from ..wire.channel import ChannelKind, ChannelMessage
from ..wire.messages import RankChose
from ..wire.reports import LogReport
from .desk import Desk, Ending

logger = logging.getLogger(__name__)

_GRACE = 1.0
"""Seconds for a program to leave that has said that it has failed, or that is told to leave."""
_ANSWER = 0.5
"""Seconds for a program to say what it does."""


class MpiConversation:
    """Serves one program of an incarnation.

    Args:
        desk: where its news go.
        program: what is served.
        lanes: where its lanes come from.
        flush: seconds for the last of its output to be read.
        ended: called when the program has ended, which its process outlives if it has ended well.
    """

    def __init__(
        self, desk: Desk, program: ChannelTalk, lanes: LaneBroker, *, flush: float, ended: Callable[[], None]
    ) -> None:
        order = desk.order
        self._desk = desk
        self._program = program
        self._lanes = lanes
        self._flush = flush
        self._on_ended = ended
        self._client = Client(order.job, order.rank, order.incarnation, order.size, self._post)
        self._ending: Ending | None = None
        self._choices = 0
        self._chose = False
        self._questions = 0
        self._answer = ""
        self._answered = trio.Event()

    async def run(self) -> Ending | None:
        """Serve it until its process is gone; None if its end has been told, or it was broken off."""
        program = self._program
        self._lanes.attach(self._client)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(program.feed)
                nursery.start_soon(program.channel.write)
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
            return Ending.of(exit)
        if not self._ending.well:
            return None
        # whatever it was, its messages are gone, and others may need them
        text = f"its process ended before the job did: {exit.describe()}"
        return Ending(137, text, killed=True)

    def delivered(self, source: Rank) -> None:
        """It gets no messages from its endpoint here."""

    def noted(self) -> None:
        """The coordinator knows that it makes choices that are not its own."""
        self._chose = True
        for _ in range(self._choices):
            self._post(ChannelMessage(ChannelKind.NOTED))
        self._choices = 0

    async def state(self) -> str:
        """What the program does, in its own words if it answers."""
        self._questions += 1
        self._answer, self._answered = "", trio.Event()
        self._post(ChannelMessage(ChannelKind.ASK, number=self._questions))
        with trio.move_on_after(_ANSWER):
            await self._answered.wait()
        return self._answer or "computes: it makes no call of MPI that could answer"

    # --- what it says -------------------------------------------------------------------------------------

    async def _read_errors(self, _: trio.Nursery) -> None:
        await self._desk.read_errors(self._program)

    async def _read_lines(self, _: trio.Nursery) -> None:
        try:
            while lines := await self._program.lines():
                for line in lines:
                    self._desk.log(LogReport(line))
        except (LineTooLong, SendLogFull) as error:
            self._desk.break_off(error)

    async def _read_channel(self, readers: trio.Nursery) -> None:
        try:
            while messages := await self._program.channel.receive():
                for message in messages:
                    ending = self._hear(message)
                    if ending is not None and self._ending is None:
                        self._ending = ending
                        readers.start_soon(self._conclude, ending)
        except ProtocolError as error:
            self._desk.break_off(error)

    def _hear(self, message: ChannelMessage) -> Ending | None:
        number, text = message.number, message.text
        match message.kind:
            case ChannelKind.READY:
                logger.debug("%s is ready", self._desk.order)
            case ChannelKind.WANT:
                self._lanes.want(self._client, message.rank)
            case ChannelKind.CHOICE:
                self._choice(text)
            case ChannelKind.STATE:
                if number == self._questions:
                    self._answer = text[:50_000]
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

    def _choice(self, what: str) -> None:
        if self._chose:
            # that it does is all that is recorded, and once is enough
            self._post(ChannelMessage(ChannelKind.NOTED))
            return
        self._choices += 1
        if self._choices == 1:
            order = self._desk.order
            self._desk.tell(RankChose(order.job, order.rank, order.incarnation, what[:4096]))

    async def _conclude(self, ending: Ending) -> None:
        """Its end is told when all that it wrote before has been."""
        with trio.move_on_after(self._flush):
            await self._program.settle()
        if self._desk.broken is None:
            self._desk.end(ending)
        self._on_ended()
        if not ending.well:
            with trio.move_on_after(_GRACE):
                await self._program.wait()
            self._program.kill()

    # --- what it is told ----------------------------------------------------------------------------------

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
    """As the system would give it; nothing but 0 becomes 0."""
    return number % 256 or (1 if number else 0)
