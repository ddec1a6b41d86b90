"""A mailbox: the address of an actor, which outlives the actor's restarts.

It has two boxes. *Data* is bounded, and whoever tells waits while it is full (back-pressure). *Control* is
for what must not wait behind data: death notices, cancels, acknowledgements. Posting never waits, and
control is read before data.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import attrs
import trio

from ..errors import MailboxClosed
from .dead_letters import DeadLetters, Reason

M = TypeVar("M")

DATA_CAPACITY = 64
"""Messages that the data box holds unless told otherwise."""

CONTROL_CAPACITY = 4096
"""Messages that the control box holds unless told otherwise; more than a live actor leaves unread."""


@attrs.frozen
class MailboxStatistics:
    """A mailbox at one moment."""

    name: str
    data: int
    """Messages that wait in the data box."""
    capacity: int
    """The most that the data box holds."""
    control: int
    """Messages that wait in the control box."""
    control_capacity: int
    """The most that the control box holds."""
    tellers: int
    """Tasks that wait in `tell` because the data box is full."""
    taken: int
    """Messages that were read so far."""
    dropped: int
    """Messages that became dead letters so far."""
    closed: bool


@attrs.define(eq=False)
class _Teller:
    """A task that waits for room."""

    task: trio.lowlevel.Task
    refused: bool = False


class Mailbox(Generic[M]):
    """The address of an actor that takes messages of type `M`, and the actor's own end of it.

    Args:
        name: the address as people read it: in logs, dead letters and the console.
        capacity: messages that the data box holds, at least 1.
        control_capacity: messages that the control box holds, at least 1.
        dead_letters: where dropped messages are counted; by default a count of this mailbox's own.
    """

    def __init__(
        self,
        name: str,
        *,
        capacity: int = DATA_CAPACITY,
        control_capacity: int = CONTROL_CAPACITY,
        dead_letters: DeadLetters | None = None,
    ) -> None:
        if capacity < 1 or control_capacity < 1:
            raise ValueError("a mailbox must hold at least one message of each sort")
        self.name = name
        self.dead_letters = DeadLetters() if dead_letters is None else dead_letters
        self._capacity = capacity
        self._control_capacity = control_capacity
        self._data: deque[M] = deque()
        self._control: deque[M] = deque()
        self._tellers: OrderedDict[_Teller, M] = OrderedDict()
        self._readers = trio.lowlevel.ParkingLot()
        self._hand: tuple[M, ...] = ()
        self._if_dropped: dict[int, Callable[[str], object]] = {}
        self._closed = False
        self._halted = False
        self._taken = 0
        self._dropped = 0

    def __repr__(self) -> str:
        return f"<Mailbox {self.name!r}{' closed' if self._closed else ''}>"

    @property
    def closed(self) -> bool:
        """Whether the owner has gone for good."""
        return self._closed

    def statistics(self) -> MailboxStatistics:
        """How full it is, and what went through it."""
        return MailboxStatistics(
            name=self.name,
            data=len(self._data),
            capacity=self._capacity,
            control=len(self._control),
            control_capacity=self._control_capacity,
            tellers=len(self._tellers),
            taken=self._taken,
            dropped=self._dropped,
            closed=self._closed,
        )

    # --- for those who have the address -------------------------------------------------------------------

    async def tell(self, message: M) -> None:
        """Put `message` into the data box, waiting while it is full. Those who wait are served in order.

        When it is cancelled, the message was not delivered.

        Raises:
            MailboxClosed: the owner has gone for good, before or while waiting.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            self._drop(message, Reason.CLOSED)
            raise self._closed_error()
        if len(self._data) < self._capacity:
            self._data.append(message)
            self._readers.unpark()
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        teller = _Teller(trio.lowlevel.current_task())
        self._tellers[teller] = message

        def abort(_: object) -> trio.lowlevel.Abort:
            del self._tellers[teller]
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if teller.refused:
            raise self._closed_error()

    def tell_nowait(self, message: M) -> bool:
        """Put `message` into the data box if it has room. False: it is a dead letter (full or closed)."""
        return self._put(message, self._data, self._capacity)

    def post(self, message: M) -> bool:
        """Put `message` into the control box. Never waits. False: it is a dead letter (full or closed)."""
        return self._put(message, self._control, self._control_capacity)

    @contextmanager
    def if_dropped(self, message: M, act: Callable[[str], object]) -> Iterator[None]:
        """While in this block, call `act(reason)` if that very `message` becomes a dead letter here."""
        self._if_dropped[id(message)] = act
        try:
            yield
        finally:
            self._if_dropped.pop(id(message), None)

    # --- for the actor ------------------------------------------------------------------------------------

    def next_nowait(self) -> M:
        """The next message: control first, in order within each box.

        Raises:
            trio.WouldBlock: there is none.
            MailboxClosed: there is none, and will be none.
        """
        if self._control:
            message = self._control.popleft()
        elif self._data:
            message = self._data.popleft()
            self._admit_teller()
        elif self._closed:
            raise self._closed_error()
        else:
            raise trio.WouldBlock
        self._hand = (message,)
        self._taken += 1
        return message

    async def next(self) -> M:
        """Wait for the next message: control first, in order within each box.

        When it is cancelled, no message was taken. Asking for the next message says that the one before
        has been dealt with.

        Raises:
            MailboxClosed: there is none, and will be none.
        """
        self._hand = ()
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return self.next_nowait()
            except trio.WouldBlock:
                await self._readers.park()

    def __aiter__(self) -> Mailbox[M]:
        """Messages as `next` gives them, until the mailbox closes or the actor is asked to stop.

        An actor that is asked to stop leaves its unread messages to its next generation. One that must
        deal with them first, or waits for goodbyes, goes on with `next` and `next_nowait`.
        """
        return self

    async def __anext__(self) -> M:
        self._hand = ()
        await trio.lowlevel.checkpoint()
        while not self._halted:
            try:
                return self.next_nowait()
            except trio.WouldBlock:
                await self._readers.park()
            except MailboxClosed:
                break
        raise StopAsyncIteration

    # --- for the owner, which is the supervisor -----------------------------------------------------------

    def close(self) -> None:
        """The actor has gone for good: refuse everything, and wake all who wait. Idempotent.

        Unread messages, and those of waiting tellers, become dead letters.
        """
        if self._closed:
            return
        self._closed = True
        unread = [*self._control, *self._data]
        self._control.clear()
        self._data.clear()
        tellers = list(self._tellers.items())
        self._tellers.clear()
        for teller, message in tellers:
            teller.refused = True
            trio.lowlevel.reschedule(teller.task)
            self._drop(message, Reason.CLOSED)
        for message in unread:
            self._drop(message, Reason.UNREAD)
        self._readers.unpark_all()

    def reopen(self) -> None:
        """A new generation begins: take messages (again), and let `async for` run (again)."""
        self._closed = False
        self._halted = False
        self._hand = ()

    def halt(self) -> None:
        """The actor is asked to stop: its `async for` over this mailbox ends. Unread messages stay."""
        self._halted = True
        self._readers.unpark_all()

    def drop_in_hand(self) -> None:
        """The actor failed: if it had taken a message and not asked for another, that is a dead letter.

        It is not delivered again, since it may be what made the actor fail.
        """
        hand, self._hand = self._hand, ()
        for message in hand:
            self._drop(message, Reason.IN_HAND)

    # ------------------------------------------------------------------------------------------------------

    def _put(self, message: M, box: deque[M], capacity: int) -> bool:
        if self._closed or len(box) >= capacity:
            self._drop(message, Reason.CLOSED if self._closed else Reason.FULL)
            return False
        box.append(message)
        self._readers.unpark()
        return True

    def _admit_teller(self) -> None:
        # The message is handed over here, not when the teller wakes: so nobody can jump the queue.
        if self._tellers:
            teller, message = self._tellers.popitem(last=False)
            self._data.append(message)
            trio.lowlevel.reschedule(teller.task)
            self._readers.unpark()

    def _drop(self, message: M, reason: Reason) -> None:
        self._dropped += 1
        self.dead_letters.record(self.name, message, reason)
        act = self._if_dropped.pop(id(message), None)
        if act is not None:
            act(reason)

    def _closed_error(self) -> MailboxClosed:
        return MailboxClosed(f"{self.name}: the actor behind this address has gone for good")
