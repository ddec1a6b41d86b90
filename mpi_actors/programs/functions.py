"""Async functions as programs, for pools that live in one process under a test's clock.

async def echo(rank: RankContext) -> None:
    if rank.rank == 0:
        await rank.send(1, "hello")
        await rank.log(await rank.receive(1))
    else:
        await rank.send(0, await rank.receive(0))
"""

from __future__ import annotations

import signal
import traceback
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import attrs
import trio

from ..actors import Bell
from ..errors import BadProgramLine, UnknownInterpreter
from ..process.exit import Exit
from ..wire.fields import HostKind
from ..wire.stdio import Command, LogText, Req, Reset, Send
from .program import Order, Program

_MAX_ANSWERS = 256
"""Messages that wait until the program receives them: a host delivers one for each request of the program."""


class RankContext:
    """What a program that is an async function sees of its job.

    Attributes:
        order: what the host asked for.
        rank: this rank.
        size: how many ranks the job has.
        args: the job's arguments.
    """

    def __init__(self, order: Order) -> None:
        self.order = order
        self.rank = order.rank
        self.size = order.size
        self.args = order.args
        self._said: deque[Command] = deque()
        self._speak = Bell()
        self._ended = False
        self._complaints: list[bytes] = []
        """Text for standard error that nobody has read."""
        self._complain, self._complained = Bell(), Bell()
        self._answer_to, self._answers = trio.open_memory_channel[bytes](_MAX_ANSWERS)

    async def send(self, rank: int, text: str | bytes) -> None:
        """Send a message to a rank. This does not wait for the receiver."""
        await self._say(Send(rank, _bytes(text)))

    async def receive(self, rank: int) -> str:
        """Wait for the next message of that rank, as text."""
        return (await self.receive_bytes(rank)).decode()

    async def receive_bytes(self, rank: int) -> bytes:
        """Wait for the next message of that rank."""
        await self._say(Req(rank))
        return await self._answers.receive()

    async def log(self, text: str) -> None:
        """Log a line."""
        await self._say(LogText(_bytes(text)))

    async def complain(self, text: str | bytes) -> None:
        """Write to standard error, and wait until somebody has read that, as for room in a pipe."""
        self._complaints.append(_bytes(text))
        self._complain.ring()
        while self._complaints:
            await self._complained.wait()

    async def reset(self, rank: int) -> None:
        """Ask that another incarnation take over a rank."""
        await self._say(Reset(rank))

    async def _say(self, command: Command) -> None:
        if not isinstance(command, LogText) and not 0 <= command.rank < self.size:
            raise BadProgramLine(f"{command}: a rank must be from 0 to {self.size - 1}")
        self._said.append(command)
        self._speak.ring()
        await trio.lowlevel.checkpoint()


ProgramFunction = Callable[[RankContext], Awaitable[None]]


class FunctionStarter:
    """Starts async functions by name, in tasks of this process.

    A function that raises has failed by itself, with exit code 1 and the traceback on standard error. `kill`
    cancels a function, as SIGKILL would end a process.
    """

    kind = HostKind()
    """See `ProgramStarter.kind`."""

    def __init__(self, functions: Mapping[str, ProgramFunction], kind: HostKind | None = None) -> None:
        self._functions = dict(functions)
        self.kind = kind or HostKind()
        self._running: dict[tuple[str, int], FunctionProgram] = {}
        self._pids = 0

    def interpreters(self) -> tuple[str, ...]:
        """See `ProgramStarter.interpreters`."""
        return tuple(sorted(self._functions))

    def installable(self) -> tuple[str, ...]:
        """See `ProgramStarter.installable`: nothing needs to be installed."""
        return ()

    async def ensure(self, program: str) -> None:
        """See `ProgramStarter.ensure`.

        Raises:
            UnknownInterpreter: there is no function of that name.
        """
        await trio.lowlevel.checkpoint()
        if program not in self._functions:
            raise UnknownInterpreter(f"no program named {program!r} here")

    def kill(self, job: str, rank: int) -> bool:
        """Kill a running program, as `kill -9` would. Return whether it runs here."""
        program = self._running.get((job, rank))
        if program is not None:
            program.kill()
        return program is not None

    @asynccontextmanager
    async def start(self, order: Order) -> AsyncIterator[Program]:
        """See `ProgramStarter.start`.

        Raises:
            UnknownInterpreter: there is no function of that name.
        """
        function = self._functions.get(order.program)
        if function is None:
            raise UnknownInterpreter(f"no program named {order.program!r} here")
        self._pids += 1
        program = FunctionProgram(order, self._pids)
        key = (order.job, order.rank)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(program.run, function)
            self._running[key] = program
            try:
                yield program
            finally:
                if self._running.get(key) is program:
                    del self._running[key]
                program.kill()


_KILLED = Exit(signal=signal.SIGKILL)


@attrs.define(eq=False)
class FunctionProgram:
    """One run of an async function. Its end is that of a killed process until the function has ended
    itself."""

    order: Order
    pid: int
    _context: RankContext = attrs.field(init=False)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _exit: Exit = _KILLED
    _ended: trio.Event = attrs.field(factory=trio.Event)
    _error: str = ""

    def __attrs_post_init__(self) -> None:
        self._context = RankContext(self.order)

    async def run(self, function: ProgramFunction) -> None:
        """Run the function to its end."""
        try:
            with self._scope:
                try:
                    await function(self._context)
                    self._exit = Exit(code=0)
                except Exception:  # noqa: BLE001 - a program may raise anything
                    self._error = traceback.format_exc()
                    self._exit = Exit(code=1)
        finally:
            self._context._ended = True
            self._context._speak.ring()
            self._context._complain.ring()
            self._ended.set()

    async def commands(self) -> list[Command]:
        """See `StdioTalk.commands`."""
        context = self._context
        while not context._said:
            if context._ended:
                return []
            await context._speak.wait()
        said = list(context._said)
        context._said.clear()
        return said

    async def errors(self) -> bytes:
        """See `Running.errors`."""
        context = self._context
        while not context._complaints and not context._ended:
            await context._complain.wait()
        text = b"".join(context._complaints)
        context._complaints.clear()
        context._complained.ring()
        if not text:
            await self._ended.wait()
            text, self._error = self._error.encode(errors="backslashreplace"), ""
        return text

    async def deliver(self, payload: bytes) -> None:
        """See `StdioTalk.deliver`."""
        await self._context._answer_to.send(payload)

    async def wait(self) -> Exit:
        """See `Running.wait`."""
        await self._ended.wait()
        return self._exit

    def kill(self) -> None:
        """See `Running.kill`."""
        self._scope.cancel()


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
