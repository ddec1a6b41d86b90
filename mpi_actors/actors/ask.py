"""Ask an actor and wait for its answer: the question carries the channel for the reply."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import trio

from ..errors import MailboxClosed, NoReply
from .dead_letters import DeadLetters, Reason
from .mailbox import Mailbox

M = TypeVar("M")
T = TypeVar("T")


class Reply(Generic[T]):
    """Takes one answer, from the actor that was asked or whomever it hands this on to.

    Made by `ask`, carried in a frozen message.
    """

    __slots__ = ("_abandoned", "_address", "_dead_letters", "_error", "_settled", "_value")

    def __init__(self, address: str, dead_letters: DeadLetters) -> None:
        self._address = address
        self._dead_letters = dead_letters
        self._settled = trio.Event()
        self._abandoned = False
        self._value: tuple[T, ...] = ()
        self._error: Exception | None = None

    def __repr__(self) -> str:
        return f"<Reply from {self._address!r}{' (settled)' if self.settled else ''}>"

    @property
    def settled(self) -> bool:
        """Whether an answer would be useless: there is one already, or the asker has left."""
        return self._abandoned or self._settled.is_set()

    def send(self, value: T) -> bool:
        """Answer. Never waits. False: it came too late, or second, and is a dead letter."""
        if self.settled:
            self._dead_letters.record(f"asker of {self._address}", value, Reason.LATE)
            return False
        self._value = (value,)
        self._settled.set()
        return True

    def refuse(self, error: Exception | None = None) -> bool:
        """Give no answer: the asker gets `error` raised, by default `NoReply`. Never waits.

        False: it came too late, or second, and is a dead letter.
        """
        if error is None:
            error = NoReply(f"{self._address} refused the question")
        if self.settled:
            self._dead_letters.record(f"asker of {self._address}", error, Reason.LATE)
            return False
        self._error = error
        self._settled.set()
        return True

    def _dropped(self, reason: str) -> None:
        """The question became a dead letter; unless it was answered before, it never will be."""
        if not self.settled:
            self.refuse(NoReply(f"{self._address} dropped the question: {reason}"))

    async def _wait(self) -> None:
        await self._settled.wait()

    def _conclude(self, deadline: float) -> T:
        if self._error is not None:
            raise self._error
        if not self._value:
            raise NoReply(f"{self._address} did not answer within {deadline:g} s")
        return self._value[0]


async def ask(
    box: Mailbox[M], question: Callable[[Reply[T]], M], *, deadline: float, control: bool = False
) -> T:
    """Send `question(reply)` to `box` and wait for what is sent to that reply.

    Args:
        box: whom to ask.
        question: makes the message, given the reply to put into it.
        deadline: seconds, for delivering the question and for the answer together.
        control: ask through the control box, ahead of data.

    Raises:
        NoReply: no answer in time; or the question was dropped: the actor has gone, its control box is
            full, or it failed with the question in hand.
        Exception: whatever the actor refused the question with.
    """
    reply: Reply[T] = Reply(box.name, box.dead_letters)
    message = question(reply)
    try:
        with box.if_dropped(message, reply._dropped), trio.move_on_after(deadline):
            # A message that is not delivered settles the reply through `if_dropped`.
            if control:
                box.post(message)
            else:
                with suppress(MailboxClosed):
                    await box.tell(message)
            await reply._wait()
        return reply._conclude(deadline)
    finally:
        reply._abandoned = True
