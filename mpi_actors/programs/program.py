"""What a rank's host needs of a running program, whatever runs it: a process or an async function."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

import attrs

from ..ids import Incarnation, JobId, Rank
from ..process.exit import Exit
from ..wire.stdio import Command
from .channel import Channel


@attrs.frozen(kw_only=True)
class Order:
    """Which program to run as which rank."""

    job: JobId
    rank: Rank
    incarnation: Incarnation
    size: int
    program: str
    args: tuple[str, ...] = ()
    processor: str = ""
    """What the program is told its host is called."""

    @property
    def seed(self) -> int:
        """Fixed by job and rank, so that an ordinary program does the same in each incarnation."""
        return (int(self.job, 16) + 0x9E3779B97F4A7C15 * (self.rank + 1)) % 2**32


class Running(Protocol):
    """A program that runs, or has ended."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    async def errors(self) -> str:
        """Wait for what it writes to standard error next, whole lines; "" is the end."""
        ...

    async def wait(self) -> Exit:
        """Wait for its end."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class StdioTalk(Running, Protocol):
    """A program that speaks lines over standard input and output."""

    async def commands(self) -> list[Command]:
        """Wait for what it says next, one or more commands; an empty list is the end.

        Raises:
            BadProgramLine: it said something that is none.
        """
        ...

    async def deliver(self, payload: bytes) -> None:
        """Hand it the message that it asked for. Does nothing when the program takes no more."""
        ...


@runtime_checkable
class ChannelTalk(Running, Protocol):
    """A program that speaks MPI: over lanes, which it gets by its channel; its standard output is a log."""

    @property
    def channel(self) -> Channel:
        """Our end of its channel. The program closes it."""
        ...

    async def lines(self) -> list[bytes]:
        """Wait for the next lines of its standard output, one or more; an empty list is the end.

        After `settle` the last one may lack its end.

        Raises:
            LineTooLong: a line is longer than the limit.
        """
        ...

    async def settle(self) -> None:
        """Wait until what it has written so far, lines and errors, has been asked for: `lines` and `errors`
        are to be called in loops meanwhile, by other tasks."""
        ...

    async def feed(self) -> None:
        """Give it its standard input, to the end. Returns early when it takes no more."""
        ...


Program = StdioTalk | ChannelTalk
"""A program, of either sort."""


class Launcher(Protocol):
    """Starts programs by name."""

    def interpreters(self) -> tuple[str, ...]:
        """The names that can be launched here now."""
        ...

    def installable(self) -> tuple[str, ...]:
        """The names that cannot be launched yet, but after `ensure`."""
        ...

    async def ensure(self, program: str) -> None:
        """Make a program launchable; at once if it is. It may take minutes, and can be cancelled.

        Raises:
            UnknownInterpreter: there is none of that name here, nor to be had.
            InstallFailed: it cannot be installed; the text says why.
        """
        ...

    def launch(self, order: Order) -> AbstractAsyncContextManager[Program]:
        """Start a program; on leaving the context it is ended, and nothing of it is left.

        Raises:
            UnknownInterpreter: there is none of that name here.
            CannotSpawn: the operating system refused.
            WardenLost: the helper process died meanwhile.
        """
        ...
