"""Programs that speak the channel by hand, as tasks of this process, for pools under a test's clock."""

from __future__ import annotations

import array
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import attrs
import trio

from mpi_actors.actors import Bell
from mpi_actors.process.exit import Exit
from mpi_actors.programs.channel import Channel
from mpi_actors.programs.functions import FunctionStarter
from mpi_actors.programs.program import Order, Program
from mpi_actors.wire.channel import ChannelDecoder, ChannelKind, ChannelMessage

_ROOM = socket.CMSG_SPACE(16 * 4)
"""Bytes for the descriptors that one message may bring: 16, as in real ranks."""


class PuppetRank:
    """What a puppet sees of its job. Only one task may use it."""

    def __init__(self, order: Order, sock: socket.socket, program: PuppetProgram) -> None:
        self.order = order
        self.rank = order.rank
        self.socket = sock
        self.heard: list[ChannelMessage] = []
        self._program = program
        self._decoder = ChannelDecoder()
        self._descriptors: list[int] = []
        self._lanes: dict[int, trio.SocketStream] = {}
        self._open: list[trio.SocketStream] = []

    def print(self, line: str) -> None:
        """Write a line to standard output."""
        self._program.write(line.encode())

    async def say(self, kind: ChannelKind, rank: int = 0, *, number: int = 0, text: str = "") -> None:
        """Send a message to the daemon."""
        data = memoryview(ChannelMessage(kind, rank, number=number, text=text).encode())
        while data:
            await trio.lowlevel.wait_writable(self.socket)
            data = data[self.socket.send(data) :]

    async def hear(self, kind: ChannelKind) -> ChannelMessage:
        """Wait for a message of that kind; keep others in `heard`."""
        seen = len(self.heard)
        while not (found := [m for m in self.heard[seen:] if m.kind is kind]):
            await self._read()
        return found[0]

    async def lane(self, rank: int) -> trio.SocketStream:
        """Ask for a lane to that rank, and wait for it."""
        await self.say(ChannelKind.WANT, rank)
        while rank not in self._lanes:
            await self._read()
        return self._lanes.pop(rank)

    async def given(self, rank: int) -> trio.SocketStream:
        """Wait for a lane that the other rank asks for."""
        while rank not in self._lanes:
            await self._read()
        return self._lanes.pop(rank)

    def close(self) -> None:
        """Close all lanes."""
        for lane in self._open:
            lane.socket.close()

    async def end(self) -> None:
        """End well, and wait until the job is over."""
        await self.say(ChannelKind.ENDED)
        await self.hear(ChannelKind.RELEASE)

    async def _read(self) -> None:
        await trio.lowlevel.wait_readable(self.socket)
        data, ancillary, _, _ = self.socket.recvmsg(65536, _ROOM)
        for _, _, raw in ancillary:
            self._descriptors += array.array("i", raw)
        if not data:
            raise EOFError("the channel is closed")
        for message in self._decoder.feed(data):
            if message.kind is ChannelKind.LANE:
                lane = _stream(socket.socket(fileno=self._descriptors.pop(0)))
                self._lanes[message.rank] = lane
                self._open.append(lane)
            self.heard.append(message)


def _stream(sock: socket.socket) -> trio.SocketStream:
    sock.setblocking(False)
    return trio.SocketStream(trio.socket.from_stdlib_socket(sock))


Puppet = Callable[[PuppetRank], Awaitable[None]]


@attrs.define(eq=False)
class PuppetProgram:
    """One run of a puppet, which may raise SystemExit with an exit code."""

    order: Order
    pid: int
    channel: Channel
    _lines: list[bytes] = attrs.field(factory=list)
    _bell: Bell = attrs.field(factory=Bell)
    _settled: trio.Event = attrs.field(factory=trio.Event)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _ended: trio.Event = attrs.field(factory=trio.Event)
    _exit: Exit = attrs.field(default=Exit(signal=9))

    def write(self, line: bytes) -> None:
        """The puppet writes a line, given without its end."""
        self._lines.append(line + b"\n")
        self._bell.ring()

    async def run(self, puppet: Puppet, sock: socket.socket) -> None:
        """Run it to its end."""
        rank = PuppetRank(self.order, sock, self)
        with sock, contextlib.closing(rank), self._scope:
            try:
                await puppet(rank)
                self._exit = Exit(0)
            except SystemExit as error:
                self._exit = Exit(error.code if isinstance(error.code, int) else 1)
        self._ended.set()
        self._bell.ring()

    async def lines(self) -> list[bytes]:
        """See `ChannelTalk.lines`."""
        while not self._lines:
            self._settled.set()
            if self._ended.is_set():
                return []
            await self._bell.wait()
        lines, self._lines = self._lines, []
        return lines

    async def settle(self) -> None:
        """See `ChannelTalk.settle`."""
        if self._lines:
            self._settled = trio.Event()
        await self._settled.wait()

    async def feed(self) -> None:
        """Read nothing."""

    async def errors(self) -> bytes:
        """Write nothing to standard error."""
        await self._ended.wait()
        return b""

    async def wait(self) -> Exit:
        """See `Running.wait`."""
        await self._ended.wait()
        return self._exit

    def kill(self) -> None:
        """See `Running.kill`."""
        self._scope.cancel()


class PuppetStarter(FunctionStarter):
    """Starts puppets by name."""

    def __init__(self, puppets: Mapping[str, Puppet]) -> None:
        super().__init__(dict.fromkeys(puppets, _never))
        self._puppets = puppets
        self.programs: dict[tuple[str, int], PuppetProgram] = {}

    def kill(self, job: str, rank: int) -> bool:
        """See `FunctionStarter.kill`."""
        program = self.programs.get((job, rank))
        if program is not None:
            program.kill()
        return program is not None

    @asynccontextmanager
    async def start(self, order: Order) -> AsyncIterator[Program]:
        """See `ProgramStarter.start`."""
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        program = PuppetProgram(order, 100 + order.rank, Channel(near))
        key = (order.job, order.rank)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(program.run, self._puppets[order.program], far)
            self.programs[key] = program
            try:
                yield program
            finally:
                if self.programs.get(key) is program:
                    del self.programs[key]
                program.kill()
                program.channel.close()


async def _never(_: object) -> None:
    raise AssertionError("puppets run in its place")
