"""What a rank's host needs of a program and its starter, whether a process or an async function runs it."""

from __future__ import annotations

import hashlib
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

import attrs

from ..config import ReplayOptions
from ..ids import Incarnation, JobId, Rank
from ..process.exit import Exit
from ..replay.page import Page
from ..wire.fields import HostKind
from ..wire.stdio import Command
from .channel import Channel


@attrs.frozen(kw_only=True)
class Order:
    """What a host asks a starter for: which program to run as which rank."""

    job: JobId
    rank: Rank
    incarnation: Incarnation
    size: int
    program: str
    args: tuple[str, ...] = ()
    processor: str = ""
    """The host name that the program must see; empty: the host's own."""

    replay: ReplayOptions = attrs.field(factory=ReplayOptions)
    secret: bytes = attrs.field(default=b"", repr=False)
    """The job's secret."""
    choices: bytes = b""
    """What earlier incarnations chose, which this one must choose again; see `replay.choices`."""
    page: Page | None = attrs.field(default=None, eq=False, repr=False)
    """The memory in which the program records its choices, filled with `choices`; the host closes it. None if
    nothing is recorded."""

    @property
    def entropy(self) -> bytes:
        """The secret from which the rank's random numbers without a seed come; each rank has its own."""
        return hashlib.blake2b(b"rank %d" % self.rank, key=self.secret, digest_size=32).digest()

    @property
    def seed(self) -> int:
        """A number below 2**32 for the hashes of texts and for random numbers. The job's secret and the rank
        fix it: so an ordinary program does the same in each incarnation, and strangers cannot guess it."""
        text = f"seed {self.job} {self.rank}".encode()
        return int.from_bytes(hashlib.blake2b(text, key=self.secret, digest_size=4).digest(), "little")


class Running(Protocol):
    """A program that was started; it may have ended."""

    @property
    def pid(self) -> int:
        """The process id."""
        ...

    async def errors(self) -> bytes:
        """Wait for what the program writes next to standard error: whole lines, but for one that is very long
        or the last. Empty bytes are the end."""
        ...

    async def wait(self) -> Exit:
        """Wait until the program has ended, and return how."""
        ...

    def kill(self) -> None:
        """End the program at once."""
        ...


class StdioTalk(Running, Protocol):
    """A program that speaks lines over standard input and output."""

    async def commands(self) -> list[Command]:
        """Wait for the program's next commands, one or more. An empty list is the end.

        Raises:
            BadProgramLine: the program wrote a line that is not a command.
        """
        ...

    async def deliver(self, payload: bytes) -> None:
        """Hand the program the message that it asked for; do nothing if it has closed its standard input."""
        ...


@runtime_checkable
class ChannelTalk(Running, Protocol):
    """A program that speaks MPI, over lanes that its channel brings. Its standard output is a log."""

    @property
    def channel(self) -> Channel:
        """The daemon's end of the program's channel. The starter closes it."""
        ...

    async def lines(self) -> list[bytes]:
        """Wait for the next lines of standard output, one or more, with their ends. An empty list is the end.

        Only what a program has written last before its own end, or before `settle`, may lack an end.

        Raises:
            LineTooLong: a line is longer than the limit.
        """
        ...

    async def settle(self) -> None:
        """Wait until `lines` and `errors` have returned all that the program has written so far.

        Other tasks must call those two in loops meanwhile.
        """
        ...

    async def feed(self) -> None:
        """Write the program's standard input, to the end; return early if the program closes it."""
        ...


Program = StdioTalk | ChannelTalk
"""A program of either sort."""


class ProgramStarter(Protocol):
    """Starts programs by name."""

    @property
    def kind(self) -> HostKind:
        """What the last bits of the programs' results depend on."""
        ...

    def interpreters(self) -> tuple[str, ...]:
        """Return the names of the programs that can be started here now."""
        ...

    def installable(self) -> tuple[str, ...]:
        """Return the names of the programs that can be started after `ensure`, but not now."""
        ...

    async def ensure(self, program: str) -> None:
        """Wait until a program can be started. This may take minutes, and can be cancelled.

        Raises:
            UnknownInterpreter: there is no program of that name here, and none can be installed.
            InstallFailed: the program cannot be installed; the text says why.
        """
        ...

    def start(self, order: Order) -> AbstractAsyncContextManager[Program]:
        """Start a program. When the context ends, the program has ended and nothing of it is left.

        Raises:
            UnknownInterpreter: there is no program of that name here.
            CannotSpawn: the operating system refused to start the process.
            WardenLost: the warden, which starts processes, died meanwhile.
        """
        ...
