"""Async functions as programs, for pools that live in one process under a test's clock.

async def echo(rank: RankContext) -> None:
    if rank.rank == 0:
        await rank.send(1, "hello")
        rank.log(await rank.receive(1))
    else:
        await rank.send(0, await rank.receive(0))
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import attrs
import trio

from ..errors import BadProgramLine, UnknownInterpreter
from ..process.exit import Exit
from ..wire.stdio import Command, LogText, Req, Reset, Send
from .program import Order, Program

_SIGKILL = 9


class RankContext:
    """What an async function that is a program sees of its job."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.rank = order.rank
        self.size = order.size
        self.args = order.args
        self._said: deque[Command] = deque()
        self._speak = trio.Event()
        self._ended = False
        self._answer_to, self._answers = trio.open_memory_channel[bytes](256)

    async def send(self, rank: int, text: str | bytes) -> None:
        """Send a message; never waits for its receiver."""
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

    async def reset(self, rank: int) -> None:
        """Ask that another incarnation take over that rank."""
        await self._say(Reset(rank))

    async def _say(self, command: Command) -> None:
        if not isinstance(command, LogText) and not 0 <= command.rank < self.size:
            raise BadProgramLine(f"{command}: a rank must be from 0 to {self.size - 1}")
        self._said.append(command)
        self._speak.set()
        await trio.lowlevel.checkpoint()


ProgramFunction = Callable[[RankContext], Awaitable[None]]


class FunctionLauncher:
    """Starts async functions by name, in tasks of this process.

    A function that raises has failed by itself (exit code 1, the traceback on standard error); `kill` cancels
    it, as SIGKILL would end a process.
    """

    def __init__(self, functions: Mapping[str, ProgramFunction]) -> None:
        self._functions = dict(functions)
        self._running: dict[tuple[str, int], FunctionProgram] = {}
        self._pids = 0

    def interpreters(self) -> tuple[str, ...]:
        """The names that can be launched here now."""
        return tuple(sorted(self._functions))

    def installable(self) -> tuple[str, ...]:
        """None: what there is can be launched."""
        return ()

    async def ensure(self, program: str) -> None:
        """See `Launcher.ensure`."""
        await trio.lowlevel.checkpoint()
        if program not in self._functions:
            raise UnknownInterpreter(f"no program named {program!r} here")

    def kill(self, job: str, rank: int) -> bool:
        """Kill a running program, as somebody else's `kill -9` would; False when it does not run here."""
        program = self._running.get((job, rank))
        if program is not None:
            program.kill()
        return program is not None

    @asynccontextmanager
    async def launch(self, order: Order) -> AsyncIterator[Program]:
        """See `Launcher.launch`."""
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


@attrs.define(eq=False)
class FunctionProgram:
    """One run of an async function."""

    order: Order
    pid: int
    _context: RankContext = attrs.field(init=False)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _exit: Exit | None = None
    _ended: trio.Event = attrs.field(factory=trio.Event)
    _error: str = ""

    def __attrs_post_init__(self) -> None:
        self._context = RankContext(self.order)

    async def run(self, function: ProgramFunction) -> None:
        """Run it to its end."""
        exit = Exit(signal=_SIGKILL)
        try:
            with self._scope:
                try:
                    await function(self._context)
                    exit = Exit(code=0)
                except Exception:  # noqa: BLE001 - a program may raise anything
                    self._error = traceback.format_exc()
                    exit = Exit(code=1)
        finally:
            self._exit = exit
            self._context._ended = True
            self._context._speak.set()
            self._ended.set()

    async def commands(self) -> list[Command]:
        """See `StdioTalk.commands`."""
        context = self._context
        while not context._said:
            if context._ended:
                return []
            context._speak = trio.Event()
            await context._speak.wait()
        said = list(context._said)
        context._said.clear()
        return said

    async def errors(self) -> str:
        """See `Running.errors`."""
        await self._ended.wait()
        text, self._error = self._error, ""
        return text

    async def deliver(self, payload: bytes) -> None:
        """See `StdioTalk.deliver`."""
        await self._context._answer_to.send(payload)

    async def wait(self) -> Exit:
        """See `Running.wait`."""
        await self._ended.wait()
        assert self._exit is not None
        return self._exit

    def kill(self) -> None:
        """See `Running.kill`."""
        self._scope.cancel()


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
