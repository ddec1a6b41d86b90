"""A process that speaks lines over standard input and output."""

from __future__ import annotations

import trio

from ..process.exit import Exit
from ..process.warden import Process
from ..wire.splitter import LineSplitter
from ..wire.stdio import Command, encode_message, parse
from .lines import MAX_ERROR_LINE, PipeReader, TextCutter

_READ_SIZE = 256 * 1024
"""Bytes of one read of standard output: messages may be large, and large reads cost less for each byte."""


class StdioProgram:
    """See `program.StdioTalk`.

    Args:
        process: its streams are ours alone.
        size: how many ranks the job has.
        max_line: bytes of the longest line of its standard output.
    """

    def __init__(self, process: Process, size: int, max_line: int) -> None:
        self._process = process
        self._size = size
        self._splitter = LineSplitter(max_line)
        self._errors = PipeReader(process.stderr, TextCutter(MAX_ERROR_LINE))
        self._ended = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def commands(self) -> list[Command]:
        """See `StdioTalk.commands`."""
        while not self._ended:
            data = await _read(self._process.stdout, _READ_SIZE)
            if data:
                lines = self._splitter.feed(data)
            else:
                self._ended = True
                # drop the half line of a killed program: its next incarnation writes the whole line
                exit = await self._process.wait()
                lines = [] if exit.killed else self._splitter.end()
            if lines:
                return [parse(line, self._size) for line in lines]
        return []

    async def errors(self) -> bytes:
        """See `Running.errors`."""
        return b"".join(await self._errors.next() or self._errors.rest())

    async def deliver(self, payload: bytes) -> None:
        """See `StdioTalk.deliver`."""
        try:
            await self._process.stdin.send_all(encode_message(payload))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the program has closed its standard input, or has ended, which `wait` tells

    async def wait(self) -> Exit:
        """See `Running.wait`."""
        return await self._process.wait()

    def kill(self) -> None:
        """See `Running.kill`."""
        self._process.kill()


async def _read(stream: trio.abc.ReceiveStream, most: int) -> bytes:
    try:
        return bytes(await stream.receive_some(most))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return b""
