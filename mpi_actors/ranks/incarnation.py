"""One incarnation of a rank on its host: its program is started, served and its end reported."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import attrs
import trio

from ..actors import Mailbox
from ..config import Settings
from ..errors import MpiActorsError, UnknownInterpreter, leaf
from ..ids import JobId, PeerId, Rank
from ..lanes import LaneBroker
from ..lanes.router import Router
from ..lanes.routes import Attachment
from ..programs.program import ChannelTalk, Launcher, Order, Program
from ..replay.endpoint import Endpoint
from ..wire.messages import RankIsUp, RankPreparing, RankRefused, RankState, StartRank
from .desk import Desk, Ending
from .mpi import MpiConversation
from .stdio import StdioConversation

logger = logging.getLogger(__name__)

_SAY_AGAIN = 1.0
"""Seconds after which the coordinator is told again that the program is being installed."""
_MOST_ASKED = 100
"""Questions that wait for one answer."""
_INSTALLATIONS = 3
"""So often an interpreter is installed that is removed again before its process has started."""


@attrs.frozen
class AskState:
    """What is this rank doing?"""

    question: int
    sender: PeerId


@attrs.frozen
class Noted:
    """The coordinator has recorded the choice of this incarnation."""

    incarnation: int


RankNews = AskState | Noted
"""What an incarnation takes."""


class ProgramConversation(Protocol):
    """What is said with one program."""

    async def run(self) -> Ending | None:
        """Serve it until it is gone; how it ended, if that has not been told."""
        ...

    def delivered(self, source: Rank) -> None:
        """A message of that rank can be taken from the endpoint."""
        ...

    async def state(self) -> str:
        """What the program does now."""
        ...


class RankActor:
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
        lanes: LaneBroker,
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
            processor=order.processor or os.uname().nodename,
        )
        self._launcher = launcher
        self._router = router
        self._lanes = lanes
        self._daemon_pid = daemon_pid
        self._say_again = min(_SAY_AGAIN, settings.timing.start_rank / 4)
        self._flush = settings.timing.flush
        self._changed = changed
        self._endpoint = Endpoint(
            self.order.job, order.rank, order.incarnation, settings.lanes, spill_directory=spill_directory
        )
        self._desk = Desk(self.order, self._endpoint, router, coordinator, self._broken)
        self._program: Program | None = None
        self._conversation: ProgramConversation | None = None
        self._asked: set[AskState] = set()
        self._asking = trio.Event()
        self._since = 0.0
        self._installing = False
        self.running = False
        """Its program runs, or is about to."""

    async def run(self, mailbox: Mailbox[RankNews]) -> None:
        """The actor."""
        self.running = True
        self._since = trio.current_time()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hear, mailbox)
                nursery.start_soon(self._answer_questions)
                await self._serve()
                await trio.sleep_forever()
        finally:
            self.running = False
            self._router.detach(self._endpoint)
            self._endpoint.close()

    # --- the program's life -------------------------------------------------------------------------------

    async def _serve(self) -> None:
        order, desk = self.order, self._desk
        try:
            async with self._launched() as program:
                self._program = program
                conversation = self._conversation = self._begin(program)
                mpi = isinstance(program, ChannelTalk)
                pids = (program.pid, self._daemon_pid)
                desk.tell(RankIsUp(order.job, order.rank, order.incarnation, *pids, mpi, order.processor))
                ending = await conversation.run()
        except Exception as error:
            # whatever it is, the coordinator must know
            self.running = False
            cause = leaf(error)
            if not isinstance(cause, MpiActorsError):
                logger.error("%s failed on this peer", order, exc_info=error)
            text = f"{type(cause).__name__}: {cause}"
            desk.tell(RankRefused(order.job, order.rank, order.incarnation, text[:4096]))
            return
        self._ended()
        if ending is not None:
            desk.end(ending)

    def _begin(self, program: Program) -> ProgramConversation:
        conversation: ProgramConversation
        if isinstance(program, ChannelTalk):
            conversation = MpiConversation(
                self._desk, program, self._lanes, flush=self._flush, ended=self._ended
            )
        else:
            conversation = StdioConversation(self._desk, program)
        self._router.attach(
            Attachment(
                self._endpoint,
                conversation.delivered,
                self._desk.break_off,
                reports_only=isinstance(program, ChannelTalk),
            )
        )
        return conversation

    def _ended(self) -> None:
        self.running = False
        self._changed()

    def _broken(self) -> None:
        if self._program is not None:
            self._program.kill()

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
            self._desk.tell(RankPreparing(order.job, order.rank, order.incarnation, text))
            await trio.sleep(self._say_again)

    # --- questions ----------------------------------------------------------------------------------------

    async def _hear(self, mailbox: Mailbox[RankNews]) -> None:
        async for news in mailbox:
            match news:
                case AskState() if len(self._asked) < _MOST_ASKED:
                    self._asked.add(news)
                    self._asking.set()
                case Noted(incarnation) if incarnation == self.order.incarnation:
                    if isinstance(self._conversation, MpiConversation):
                        self._conversation.noted()

    async def _answer_questions(self) -> None:
        order = self.order
        while True:
            await self._asking.wait()
            self._asking = trio.Event()
            text = await self._state()
            asked, self._asked = self._asked, set()
            for ask in asked:
                state = RankState(order.job, order.rank, order.incarnation, ask.question, text[:60_000])
                self._router.tell(ask.sender, state)

    async def _state(self) -> str:
        seconds = trio.current_time() - self._since
        if not self.running:
            doing = "has ended"
        elif self._installing:
            doing = f"installs {self.order.program}, for {seconds:.1f} s"
        elif self._conversation is None:
            doing = "starts its process"
        else:
            return await self._conversation.state()
        return f"{doing}; {self._desk.lanes()}"
