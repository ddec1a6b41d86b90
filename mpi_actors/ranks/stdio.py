"""The conversation with a program that speaks lines: its messages go through its endpoint in the daemon."""

from __future__ import annotations

import trio

from ..actors import Bell
from ..errors import BadProgramLine, MpiActorsError, SendLogFull
from ..ids import Rank
from ..programs.program import StdioTalk
from ..wire.reports import LogReport, ResetReport
from ..wire.stdio import Command, LogText, Req, Reset, Send
from .desk import Desk, Ending


class StdioConversation:
    """Serves one program of an incarnation.

    Args:
        desk: where the incarnation reports.
        program: the program to serve.
    """

    def __init__(self, desk: Desk, program: StdioTalk) -> None:
        self._desk = desk
        self._program = program
        self._endpoint = desk.endpoint
        self._delivered = Bell()
        self._compared = Bell()
        self._ended = False
        self._since = trio.current_time()
        """The time at which the program began to wait for a message."""

    async def run(self) -> Ending | None:
        """Serve the program until it has ended; return how, or None if its endpoint broke."""
        program, desk = self._program, self._desk
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._feed)
            nursery.start_soon(desk.watch, program)
            async with trio.open_nursery() as readers:
                readers.start_soon(desk.read_errors, program)
                try:
                    while commands := await program.commands():
                        self._obey(commands)
                        await desk.room()
                except (BadProgramLine, SendLogFull) as error:
                    desk.break_off(error)
                exit = await program.wait()
            nursery.cancel_scope.cancel()
        if desk.broken is None and exit.ok:
            try:
                await self._finish()
            except MpiActorsError as error:
                desk.break_off(error)
        return None if desk.broken is not None else Ending.of(exit)

    def on_delivered(self, source: Rank) -> None:
        """A message of that rank can be taken from the endpoint."""
        if source == self._endpoint.waiting_for:
            self._delivered.ring()

    async def _finish(self) -> None:
        """The program has ended well. If it ran again, wait until all ranks have compared what it sent."""
        order, endpoint = self._desk.order, self._endpoint
        endpoint.on_compared = self._compared.ring
        endpoint.finish(range(order.size) if order.incarnation else ())
        for lane in tuple(endpoint.lanes.values()):
            self._desk.router.mark_ready(endpoint, lane)
        self._ended = True
        while self._desk.broken is None and endpoint.uncompared is not None:
            await self._compared.wait()

    async def state(self) -> str:
        """Return what the program does, for people."""
        source = self._endpoint.waiting_for
        doing = "computes"
        if self._ended:
            rank = self._endpoint.uncompared
            doing = f"has ended, and waits until rank {rank} has compared what it sent before"
        elif source is not None:
            seconds = trio.current_time() - self._since
            doing = f"waits for a message from rank {source}, for {seconds:.1f} s"
        await trio.lowlevel.checkpoint()
        return f"{doing}; {self._desk.lanes()}{self._desk.unread()}"

    def _obey(self, commands: list[Command]) -> None:
        endpoint = self._endpoint
        for command in commands:
            match command:
                case Send(rank, payload):
                    self._desk.router.mark_ready(endpoint, endpoint.send(rank, payload))
                case LogText(payload):
                    self._desk.log(LogReport(payload))
                case Reset(rank):
                    self._desk.log(ResetReport(rank))
                case Req(rank):
                    endpoint.request(rank)
                    self._delivered.ring()

    async def _feed(self) -> None:
        while True:
            answer = self._endpoint.answer()
            if answer is None:
                self._since = trio.current_time()
                await self._delivered.wait()
                continue
            lane, payload = answer
            self._desk.router.mark_ready(self._endpoint, lane)
            await self._program.deliver(payload)
