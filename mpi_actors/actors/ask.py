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
    """The channel for one answer. `ask` makes it, and a frozen message carries it.

    The actor that was asked answers, or passes the reply on to another that does.
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
        """Whether an answer is no longer of use: one was given already, or the asker has left."""
        return self._abandoned or self._settled.is_set()

    def send(self, value: T) -> bool:
        """Answer without waiting; return False if the answer became a dead letter: it was late or second."""
        if self.settled:
            self._dead_letters.record(f"asker of {self._address}", value, Reason.LATE)
            return False
        self._value = (value,)
        self._settled.set()
        return True

    def refuse(self, error: Exception | None = None) -> bool:
        """Answer with an error, which `ask` raises; by default `NoReply`. Never waits.

        Return False if the answer is late or not the first: then it is a dead letter.
        """
        if error is None:
            error = NoReply(f"{self._address} refused the question")
        if self.settled:
            self._dead_letters.record(f"asker of {self._address}", error, Reason.LATE)
            return False
        self._error = error
        self._settled.set()
        return True

    def _on_dropped(self, reason: str) -> None:
        """Refuse the question, which has become a dead letter, unless it was answered before."""
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
    """Send `question(reply)` to `box`, wait for an answer to that reply, and return it.

    Args:
        box: the mailbox of the actor to ask.
        question: makes the message that carries a given reply.
        deadline: seconds, for the delivery of the question and the answer together.
        control: send the question to the control box, ahead of data.

    Raises:
        NoReply: there was no answer in time; or the question was dropped: the actor has gone, its control box
            is full, or it failed while it dealt with the question.
        Exception: the error with which the actor refused the question.
    """
    reply: Reply[T] = Reply(box.name, box.dead_letters)
    message = question(reply)
    try:
        with box.if_dropped(message, reply._on_dropped), trio.move_on_after(deadline):
            # if the message is not delivered, `if_dropped` refuses the reply
            if control:
                box.post(message)
            else:
                with suppress(MailboxClosed):
                    await box.tell(message)
            await reply._wait()
        return reply._conclude(deadline)
    finally:
        reply._abandoned = True
