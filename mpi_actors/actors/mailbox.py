"""A mailbox: the address of an actor, which outlives the actor's restarts.

It has two boxes. The *data* box is bounded: a task in `tell` waits while it is full (back-pressure). The
*control* box takes what must not wait behind data: death notices, cancels, acknowledgements. `post` never
waits, and the actor reads control before data.
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
"""Messages that the data box holds by default: few, so that senders soon feel a slow actor."""

CONTROL_CAPACITY = 4096
"""Messages that the control box holds by default: more than a live actor leaves unread."""


@attrs.frozen
class MailboxStatistics:
    """A mailbox at one moment."""

    name: str
    data: int
    """Messages that wait in the data box."""
    capacity: int
    """Messages that the data box can hold."""
    control: int
    """Messages that wait in the control box."""
    control_capacity: int
    """Messages that the control box can hold."""
    tellers: int
    """Tasks that wait in `tell` because the data box is full."""
    taken: int
    """Messages that the actor has taken so far."""
    dropped: int
    """Messages that became dead letters so far."""
    closed: bool


@attrs.define(eq=False)
class _Teller:
    """A task that waits in `tell` for room."""

    task: trio.lowlevel.Task
    refused: bool = False


class Mailbox(Generic[M]):
    """The address of an actor that takes messages of type `M`, and the box from which the actor reads.

    Args:
        name: the address for people: in logs, dead letters and the console.
        capacity: messages that the data box can hold, at least 1.
        control_capacity: messages that the control box can hold, at least 1.
        dead_letters: counts dropped messages; by default the mailbox has a count of its own.

    Raises:
        ValueError: a capacity is less than 1.
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
        """Whether the actor has gone for good."""
        return self._closed

    def statistics(self) -> MailboxStatistics:
        """Return how full the mailbox is, and what went through it."""
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

    # --- for senders ---------------------------------------------------------------------------------------

    async def tell(self, message: M) -> None:
        """Put `message` into the data box. Wait while it is full; senders that wait are served in order.

        When this is cancelled, the message was not delivered.

        Raises:
            MailboxClosed: the actor has gone for good, before this call or during it.
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
        """Put `message` into the data box; return False if it became a dead letter (full or closed)."""
        return self._put(message, self._data, self._capacity)

    def post(self, message: M) -> bool:
        """Put `message` into the control box; return False if it became a dead letter (full or closed)."""
        return self._put(message, self._control, self._control_capacity)

    @contextmanager
    def if_dropped(self, message: M, act: Callable[[str], object]) -> Iterator[None]:
        """In this block, call `act(reason)` if this very `message` becomes a dead letter here."""
        self._if_dropped[id(message)] = act
        try:
            yield
        finally:
            self._if_dropped.pop(id(message), None)

    # --- for the actor ------------------------------------------------------------------------------------

    def next_nowait(self) -> M:
        """Take the next message: control first, in order within each box.

        Raises:
            trio.WouldBlock: there is no message now.
            MailboxClosed: there is no message, and no more will come.
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
        """Wait for the next message and take it: control first, in order within each box.

        When this is cancelled, no message was taken. An actor that asks for the next message has dealt with
        the one before.

        Raises:
            MailboxClosed: there is no message, and no more will come.
        """
        self._hand = ()
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return self.next_nowait()
            except trio.WouldBlock:
                await self._readers.park()

    def __aiter__(self) -> Mailbox[M]:
        """Iterate over messages, as `next` returns them, until the mailbox closes or the actor must stop.

        An actor that must stop leaves its unread messages to its next generation. If it has to deal with them
        first, or waits for goodbyes, it goes on with `next` and `next_nowait`.
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

    # --- for the supervisor --------------------------------------------------------------------------------

    def close(self) -> None:
        """Refuse all messages from now on, because the actor has gone for good. Idempotent.

        Unread messages, and those of tasks that wait in `tell`, become dead letters.
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
        """Take messages, and let `async for` run, for a new generation of the actor."""
        self._closed = False
        self._halted = False
        self._hand = ()

    def halt(self) -> None:
        """End the `async for` of the actor over this mailbox, because it must stop. Unread messages stay."""
        self._halted = True
        self._readers.unpark_all()

    def drop_in_hand(self) -> None:
        """Make a dead letter of the message that the actor was dealing with when it failed.

        The message is not delivered again: it may have made the actor fail.
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
        # move the message here, not when the teller wakes: so no other sender can overtake it
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
