"""A process that speaks MPI: a channel to its daemon, lines of output, standard input."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import trio

from ..process.exit import Exit
from ..process.warden import Process
from .channel import Channel
from .lines import MAX_ERROR_LINE, LineCutter, PipeReader, TextCutter


class MpiProgram:
    """See `program.ChannelTalk`.

    Args:
        process: a process that was spawned with a channel.
        max_line: bytes of the longest line of its standard output.
        stdin: opens what the program reads from its standard input; None for nothing.
    """

    def __init__(
        self, process: Process, max_line: int, stdin: Callable[[], AsyncIterator[bytes]] | None = None
    ) -> None:
        assert process.channel is not None
        self._process = process
        self._stdin = stdin
        self._output = PipeReader(process.stdout, LineCutter(max_line))
        self._errors = PipeReader(process.stderr, TextCutter(MAX_ERROR_LINE))
        self._finished = trio.Event()
        self._said_end = trio.Event()
        """The program has said that it is at its end."""
        self.channel = Channel(process.channel)
        """The daemon's end of the channel."""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def lines(self) -> list[bytes]:
        """See `ChannelTalk.lines`."""
        lines = await self._output.next()
        if not lines and self._output.pending:
            # drop the half line of a killed program: its next incarnation writes the whole line, with the
            # number that this half would have had
            whole = await self._is_at_its_end()
            rest = self._output.rest()
            lines = rest if whole else []
        if not lines:
            self._finished.set()
        return lines

    async def _is_at_its_end(self) -> bool:
        """Wait until the program is at its end, and return whether nobody has killed it."""
        killed = False
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                nonlocal killed
                exit = await self._process.wait()
                killed = exit.killed and not self._said_end.is_set()
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            await self._said_end.wait()  # its process may stay, though it has closed its output
            nursery.cancel_scope.cancel()
        return not killed

    async def errors(self) -> bytes:
        """See `Running.errors`."""
        return b"".join(await self._errors.next() or self._errors.rest())

    async def settle(self) -> None:
        """See `ChannelTalk.settle`."""
        self._said_end.set()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._output.settle)
            nursery.start_soon(self._errors.settle)
        if self._output.ended:
            await (
                self._finished.wait()
            )  # a half line may be left at the end of the output: `lines` returns it

    async def feed(self) -> None:
        """See `ChannelTalk.feed`."""
        try:
            if self._stdin is not None:
                async for data in self._stdin():
                    await self._process.stdin.send_all(data)
            await self._process.stdin.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the program has closed its standard input, or has ended, which `wait` tells

    async def wait(self) -> Exit:
        """See `Running.wait`."""
        return await self._process.wait()

    def kill(self) -> None:
        """See `Running.kill`."""
        self._process.kill()
