"""One incarnation of a rank on its host: it starts a program, serves it, and reports its end."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
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
from ..programs.program import ChannelTalk, Order, Program, ProgramStarter
from ..replay.endpoint import Endpoint
from ..replay.page import Page
from ..wire.fields import MAX_LINE
from ..wire.messages import (
    AskChoices,
    ChoiceNoted,
    RankIsUp,
    RankPreparing,
    RankRefused,
    RankState,
    StartRank,
    StderrTaken,
)
from .desk import Desk, Ending
from .mpi import MpiConversation
from .stdio import StdioConversation

logger = logging.getLogger(__name__)

_PREPARING_EVERY = 1.0
"""Seconds between two messages to the coordinator that the program is still being installed."""
_MAX_ASKED = 100
"""Questions that may wait for an answer; the host ignores more."""
_MAX_INSTALLATIONS = 3
"""Times that an interpreter is installed when it is removed again before its process has started, as happens
in a depot that is too small."""
_MAX_STATE = 60_000
"""Characters of an answer: a little less than a text field of a message holds."""


@attrs.frozen
class AskState:
    """Asks what this rank does."""

    question: int
    """The number that the answer carries."""
    sender: PeerId
    """The peer that gets the answer."""


RankNews = AskState | ChoiceNoted | StderrTaken
"""The messages that an incarnation takes."""


class ProgramConversation(Protocol):
    """Everything that the daemon says to one program and hears from it."""

    async def run(self) -> Ending | None:
        """Serve the program until it is gone; return how it ended, if the coordinator does not know that."""
        ...

    def on_delivered(self, source: Rank) -> None:
        """A message of that rank can be taken from the endpoint."""
        ...

    async def state(self) -> str:
        """Return what the program does now, for people."""
        ...


class RankActor:
    """The actor of one incarnation: starts the program, serves it, reports its end, then keeps its endpoint.

    The endpoint stays in service after the program's end, because other ranks may need its messages again. So
    the actor ends only when it is stopped.

    Args:
        order: what to run.
        coordinator: the peer where the job's coordinator is.
        starter: starts the program.
        router: carries messages.
        lanes: gives lanes to a program that speaks MPI.
        settings: of this peer.
        daemon_pid: this daemon's process id, for people.
        on_ended: called when the program has ended.
        spill_directory: where a large log of sent messages goes; None for the system's temporary directory.
    """

    def __init__(
        self,
        order: StartRank,
        coordinator: PeerId,
        *,
        starter: ProgramStarter,
        router: Router,
        lanes: LaneBroker,
        settings: Settings,
        daemon_pid: int,
        on_ended: Callable[[], None],
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
            replay=order.replay,
            secret=order.secret,
            choices=order.choices,
        )
        self._starter = starter
        self._router = router
        self._lanes = lanes
        self._daemon_pid = daemon_pid
        self._preparing_every = min(_PREPARING_EVERY, settings.timing.start_rank / 4)
        self._flush = settings.timing.flush
        self._on_ended = on_ended
        self._endpoint = Endpoint(
            self.order.job, order.rank, order.incarnation, settings.lanes, spill_directory=spill_directory
        )
        choices = router.choices_of(self.order.job)
        assert choices is not None, "the host takes part in the job"
        self._choices = choices
        self._desk = Desk(self.order, self._endpoint, router, coordinator, self._on_broken)
        self._program: Program | None = None
        self._conversation: ProgramConversation | None = None
        self._asked: set[AskState] = set()
        self._question_came = trio.Event()
        """Set while there is a question without an answer."""
        self._since = 0.0
        self._preparing = ""
        """What is done before the program can start."""
        self._recorded = order.recorded
        """Bytes that the program must choose again."""
        self.running = False
        """Whether the program runs, or is about to run."""

    async def run(self, mailbox: Mailbox[RankNews]) -> None:
        """The actor: it ends only when it is stopped."""
        self.running = True
        self._since = trio.current_time()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._take_news, mailbox)
                nursery.start_soon(self._answer_questions)
                nursery.start_soon(self._desk.send_errors)
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
            async with self._started() as program:
                self._program = program
                conversation = self._conversation = self._begin(program)
                mpi = isinstance(program, ChannelTalk)
                pids = (program.pid, self._daemon_pid)
                desk.tell(RankIsUp(order.job, order.rank, order.incarnation, *pids, mpi, order.processor))
                ending = await conversation.run()
        except Exception as error:
            # the coordinator must know of any error, or it would wait for this rank
            self.running = False
            cause = leaf(error)
            if not isinstance(cause, MpiActorsError):
                logger.error("%s failed on this peer", order, exc_info=error)
            text = f"{type(cause).__name__}: {cause}"
            desk.tell(RankRefused(order.job, order.rank, order.incarnation, text[:MAX_LINE]))
            return
        self._on_program_ended()
        if ending is not None:
            with trio.move_on_after(self._flush):
                await desk.errors_sent()
            desk.end(ending)

    def _begin(self, program: Program) -> ProgramConversation:
        conversation: ProgramConversation
        if isinstance(program, ChannelTalk):
            conversation = MpiConversation(
                self._desk, program, self._lanes, flush=self._flush, on_ended=self._on_program_ended
            )
        else:
            conversation = StdioConversation(self._desk, program)
        self._router.attach(
            Attachment(
                self._endpoint,
                conversation.on_delivered,
                self._desk.break_off,
                reports_only=isinstance(program, ChannelTalk),
            )
        )
        return conversation

    def _on_program_ended(self) -> None:
        self.running = False
        self._on_ended()

    def _on_broken(self) -> None:
        if self._program is not None:
            self._program.kill()

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[Program]:
        """Start the program, after its installation if it is not installed."""
        async with AsyncExitStack() as stack:
            if self._recorded > len(self.order.choices):
                await self._prepare("fetching what it must choose again", self._fetch_choices)
            order = attrs.evolve(self.order, page=stack.enter_context(self._recording()))
            for left in reversed(range(_MAX_INSTALLATIONS)):
                if self.order.program not in self._starter.interpreters():
                    await self._prepare(f"installing {order.program}", self._install)
                try:
                    program = await stack.enter_async_context(self._starter.start(order))
                except UnknownInterpreter:
                    # the depot may have removed it again, to make room for another one
                    if not left:
                        raise
                else:
                    break
            if order.page is not None and isinstance(program, ChannelTalk):
                self._choices.attach(
                    order.rank, order.incarnation, order.page, len(order.choices), self._desk.break_off
                )
            yield program

    @contextmanager
    def _recording(self) -> Iterator[Page | None]:
        """Make the memory for what the program chooses, and read it once more when the process is gone.

        Raises:
            PageFull: the system has no memory for it.
        """
        order = self.order
        if not order.replay.replay:
            yield None
            return
        with closing(Page.create(order.choices)) as page:
            try:
                yield page
            finally:
                self._choices.detach(order.rank, order.incarnation)

    async def _install(self) -> None:
        await self._starter.ensure(self.order.program)

    async def _fetch_choices(self) -> None:
        order = self.order
        which = order.rank, order.incarnation
        self._choices.recovered.expect(*which, order.choices)
        self._desk.tell(AskChoices(order.job, *which, len(order.choices)))
        choices = await self._choices.recovered.wait(*which, self._recorded)
        self.order = attrs.evolve(order, choices=choices)

    async def _prepare(self, text: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do what must be done before the program can start, and tell the coordinator meanwhile."""
        self._preparing = text
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._say_preparing, text)
                await work()
                nursery.cancel_scope.cancel()
        finally:
            self._preparing = ""

    async def _say_preparing(self, text: str) -> None:
        order = self.order
        while True:
            self._desk.tell(RankPreparing(order.job, order.rank, order.incarnation, text))
            await trio.sleep(self._preparing_every)

    # --- questions ----------------------------------------------------------------------------------------

    async def _take_news(self, mailbox: Mailbox[RankNews]) -> None:
        async for news in mailbox:
            match news:
                case AskState() if len(self._asked) < _MAX_ASKED:
                    self._asked.add(news)
                    self._question_came.set()
                case StderrTaken() if news.incarnation == self.order.incarnation:
                    self._desk.on_stderr_taken(news)
                case ChoiceNoted() if news.incarnation == self.order.incarnation:
                    if isinstance(self._conversation, MpiConversation):
                        self._conversation.on_choice_recorded()

    async def _answer_questions(self) -> None:
        order = self.order
        while True:
            await self._question_came.wait()
            self._question_came = trio.Event()
            text = await self._state()
            asked, self._asked = self._asked, set()
            for ask in asked:
                state = RankState(order.job, order.rank, order.incarnation, ask.question, text[:_MAX_STATE])
                self._router.tell(ask.sender, state)

    async def _state(self) -> str:
        seconds = trio.current_time() - self._since
        if not self.running:
            doing = "has ended"
        elif self._preparing:
            doing = f"is {self._preparing}, for {seconds:.1f} s"
        elif self._conversation is None:
            doing = "starts its process"
        else:
            waiting = self._choices.waiting()
            return await self._conversation.state() + (f"; {waiting}" if waiting else "")
        return f"{doing}; {self._desk.lanes()}"
