"""One incarnation of a rank on its host: its program, its endpoint, and what goes on between them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import trio

from .actors import Mailbox
from .config import Settings
from .errors import BadProgramLine, MpiActorsError, SendLogFull, UnknownInterpreter
from .ids import COORDINATOR, JobId, PeerId, Rank
from .messages import (
    MAX_TEXT,
    RankBroke,
    RankExited,
    RankPreparing,
    RankRefused,
    RankStarted,
    RankState,
    RankStderr,
    StartRank,
    ToCoordinator,
)
from .process.exit import Exit
from .process.program import Launcher, Order, Program
from .process.stdio import Command, Log, Req, Reset, Send
from .replay.endpoint import Endpoint
from .reports import LogReport, ResetReport, encode_report
from .router import Attachment, Router

logger = logging.getLogger(__name__)

_STDERR_TAIL = 40
_STDERR_LINE = 8192
_SAY_AGAIN = 1.0
"""Seconds after which the coordinator is told again that the program is being installed."""
_INSTALLATIONS = 3
"""So often an interpreter is installed that is removed again before its process has started."""


@attrs.frozen
class AskState:
    """What is this rank doing?"""

    question: int
    sender: PeerId


class Incarnation:
    """The actor of one incarnation: starts the program, serves it, reports its end, then keeps its endpoint.

    The endpoint stays in service after the program's end, since others may need its messages again. So the
    actor ends only when it is stopped.
    """

    def __init__(
        self,
        order: StartRank,
        coordinator: PeerId,
        *,
        launcher: Launcher,
        router: Router,
        settings: Settings,
        daemon_pid: int,
        changed: Callable[[], None],
        spill_directory: str | None = None,
    ) -> None:
        self.order = Order(
            job=JobId(order.job),
            rank=order.rank,
            incarnation=order.incarnation,
            size=order.size,
            program=order.program,
            args=order.args,
        )
        self._coordinator = coordinator
        self._launcher = launcher
        self._router = router
        self._daemon_pid = daemon_pid
        self._say_again = min(_SAY_AGAIN, settings.timing.start_rank / 4)
        self._changed = changed
        self._endpoint = Endpoint(
            self.order.job, order.rank, order.incarnation, settings.lanes, spill_directory=spill_directory
        )
        self._delivered = trio.Event()
        self._broken: MpiActorsError | None = None
        self._broken_seen = trio.Event()
        self._stderr: deque[str] = deque(maxlen=_STDERR_TAIL)
        self._since = 0.0
        self._installing = False
        self.running = False
        """Its program runs, or is about to."""

    async def run(self, mailbox: Mailbox[AskState]) -> None:
        """The actor."""
        self.running = True
        self._since = trio.current_time()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._answer_questions, mailbox)
                await self._serve()
                await trio.sleep_forever()
        finally:
            self.running = False
            self._router.detach(self._endpoint)
            self._endpoint.close()

    # --- the program's life -------------------------------------------------------------------------------

    async def _serve(self) -> None:
        order = self.order
        try:
            async with self._launched() as program:
                self._router.attach(Attachment(self._endpoint, self._on_delivered, self._on_broken))
                self._tell(
                    RankStarted(order.job, order.rank, order.incarnation, program.pid, self._daemon_pid)
                )
                exit = await self._converse(program)
        except Exception as error:
            # whatever it is, the coordinator must know
            self.running = False
            cause = _innermost(error)
            if not isinstance(cause, MpiActorsError):
                logger.error("%s failed on this peer", order, exc_info=error)
            text = f"{type(cause).__name__}: {cause}"
            self._tell(RankRefused(order.job, order.rank, order.incarnation, text[:4096]))
            return
        self.running = False
        self._changed()
        if exit is not None:
            self._report(exit)

    @asynccontextmanager
    async def _launched(self) -> AsyncIterator[Program]:
        """The program, which is installed first if need be."""
        async with AsyncExitStack() as stack:
            for left in reversed(range(_INSTALLATIONS)):
                if self.order.program not in self._launcher.interpreters():
                    await self._install()
                try:
                    program = await stack.enter_async_context(self._launcher.launch(self.order))
                except UnknownInterpreter:
                    # it may have made room for another one between its installation and now
                    if not left:
                        raise
                else:
                    break
            yield program

    async def _install(self) -> None:
        self._installing = True
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._say_preparing)
                await self._launcher.ensure(self.order.program)
                nursery.cancel_scope.cancel()
        finally:
            self._installing = False

    async def _say_preparing(self) -> None:
        order = self.order
        while True:
            text = f"installing {order.program}"
            self._tell(RankPreparing(order.job, order.rank, order.incarnation, text))
            await trio.sleep(self._say_again)

    async def _converse(self, program: Program) -> Exit | None:
        """Serve the program until it has ended, or until its endpoint is broken (then None)."""
        exit: Exit | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._feed, program)
            nursery.start_soon(self._watch_broken, program)
            async with trio.open_nursery() as readers:
                readers.start_soon(self._read_errors, program)
                try:
                    while commands := await program.commands():
                        self._obey(commands)
                except (BadProgramLine, SendLogFull) as error:
                    self._on_broken(error)
                exit = await program.wait()
            nursery.cancel_scope.cancel()
        if self._broken is None and exit is not None and exit.ok:
            try:
                self._endpoint.finish()
            except MpiActorsError as error:
                self._on_broken(error)
        return exit if self._broken is None else None

    def _obey(self, commands: list[Command]) -> None:
        endpoint = self._endpoint
        for command in commands:
            match command:
                case Send(rank, payload):
                    lane = endpoint.send(rank, payload)
                case Log(payload):
                    lane = endpoint.send(COORDINATOR, encode_report(LogReport(payload)))
                case Reset(rank):
                    lane = endpoint.send(COORDINATOR, encode_report(ResetReport(rank)))
                case Req(rank):
                    endpoint.request(rank)
                    self._delivered.set()
                    continue
            self._router.ready(endpoint, lane)

    async def _feed(self, program: Program) -> None:
        while True:
            answer = self._endpoint.answer()
            if answer is None:
                self._since = trio.current_time()
                self._delivered = trio.Event()
                await self._delivered.wait()
                continue
            lane, payload = answer
            self._router.ready(self._endpoint, lane)
            await program.deliver(payload)

    async def _read_errors(self, program: Program) -> None:
        order = self.order
        while text := await program.errors():
            for line in text.splitlines():
                self._stderr.append(line[:_STDERR_LINE])
            for start in range(0, len(text), MAX_TEXT):
                await self._router.room(self._coordinator)
                part = text[start : start + MAX_TEXT]
                self._tell(RankStderr(order.job, order.rank, order.incarnation, part))

    async def _watch_broken(self, program: Program) -> None:
        await self._broken_seen.wait()
        program.kill()

    # --- news ---------------------------------------------------------------------------------------------

    def _on_delivered(self, source: Rank) -> None:
        if source == self._endpoint.waiting_for:
            self._delivered.set()

    def _on_broken(self, error: MpiActorsError) -> None:
        if self._broken is None:
            self._broken = error
            self._broken_seen.set()
            order = self.order
            text = f"rank {order.rank}: {type(error).__name__}: {error}"
            self._tell(
                RankBroke(order.job, order.rank, order.incarnation, type(error).__name__, text[:60_000])
            )

    def _report(self, exit: Exit) -> None:
        order = self.order
        self._tell(
            RankExited(
                job=order.job,
                rank=order.rank,
                incarnation=order.incarnation,
                killed=exit.killed,
                code=exit.code if exit.code is not None else 128 + (exit.signal or 9) % 128,
                reports=self._endpoint.lane(COORDINATOR).outgoing.count,
                description=exit.describe(),
                stderr="\n".join(self._stderr)[-32_000:],
            )
        )

    async def _answer_questions(self, mailbox: Mailbox[AskState]) -> None:
        async for ask in mailbox:
            self._router.tell(ask.sender, self._state(ask.question))

    def _state(self, question: int) -> RankState:
        order, endpoint = self.order, self._endpoint
        seconds = trio.current_time() - self._since
        source = endpoint.waiting_for
        if not self.running:
            doing = "has ended"
        elif self._installing:
            doing = f"installs {order.program}, for {seconds:.1f} s"
        elif source is not None:
            doing = f"waits for a message from rank {source}, for {seconds:.1f} s"
        else:
            doing = "computes"
        lanes = ", ".join(
            f"{'log' if there == COORDINATOR else there}: {s.sent} sent ({s.unsent} on hold), "
            f"{s.received} received ({s.waiting} unread)"
            for there, lane in sorted(endpoint.lanes.items())
            if (s := lane.statistics()) and (s.sent or s.received)
        )
        text = f"{doing}; messages by rank: {lanes or 'none'}"
        return RankState(order.job, order.rank, order.incarnation, question, text[:60_000])

    def _tell(self, message: ToCoordinator) -> None:
        self._router.tell(self._coordinator, message)


def _innermost(error: Exception) -> Exception:
    """What nurseries have wrapped in groups."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
