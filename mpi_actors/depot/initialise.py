"""Runs an interpreter's `init.py`, which decides whether this peer can offer the interpreter."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import attrs
import trio

from ..process import Exit, Process, ProcessSpec, ResourceLimits, Warden, clean_environment
from ..process.limits import clean_path

_TAIL_SIZE = 4096
"""Bytes of the end of the output that are kept: about a screen, to be shown when `init.py` fails."""
_DRAIN_TIME = 2.0
"""Seconds to read the rest of the output after the end of `init.py`: the pipe holds at most a few KiB."""


@attrs.frozen
class InitOutcome:
    """How a run of `init.py` went."""

    exit: Exit
    flaw: str | None
    """Which limit it went over, as words to follow "init.py"; None if it went over none."""
    output: str
    """The end of what it wrote to standard output and standard error, as printable text."""

    @property
    def ok(self) -> bool:
        """Whether this peer can offer the interpreter."""
        return self.exit.ok and self.flaw is None

    def describe(self) -> str:
        """Return how it ended, and after a colon the output if there is any."""
        end = f"init.py {self.flaw}" if self.flaw else f"init.py ended: {self.exit.describe()}"
        return f"{end}: {self.output}" if self.output else end


async def run_init(
    warden: Warden, program: Path, home: Path, *, seconds: float, output_limit: int, file_size: int
) -> InitOutcome:
    """Run `python3 init.py` in `program`. However this ends, no process of it runs afterwards.

    Args:
        warden: runs it.
        program: a copy of the interpreter, which is the working directory.
        home: a directory for temporary files.
        seconds: after which it is killed.
        output_limit: bytes of output after which it is killed.
        file_size: bytes that each file that it writes may have.

    Raises:
        CannotSpawn: the operating system refused to run it.
        WardenLost: the warden's process died meanwhile, or does not run.
    """
    python = shutil.which("python3", path=clean_path()) or sys.executable
    spec = ProcessSpec(
        argv=(python, "init.py"),
        cwd=str(program),
        env=clean_environment(home=str(home), seed=0),
        limits=ResourceLimits(file_size=file_size),
    )
    process = await warden.spawn(spec)
    output = _Output(output_limit)
    in_time = False
    try:
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(output.collect, process, process.stdout)
                nursery.start_soon(output.collect, process, process.stderr)
                await process.stdin.aclose()
                await process.wait()
                in_time = True
                nursery.cancel_scope.deadline = trio.current_time() + _DRAIN_TIME
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            end = await process.wait()
        process.close()
    flaw = None
    if output.size > output_limit:
        flaw = f"wrote more than {output_limit} bytes"
    elif not in_time:
        flaw = f"did not end within {seconds:g} s"
    return InitOutcome(end, flaw, printable(bytes(output.tail)))


class _Output:
    """Keeps the end of what a program writes, and counts all of it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.size = 0
        self.tail = bytearray()

    async def collect(self, process: Process, stream: trio.abc.ReceiveStream) -> None:
        """Read a stream to its end. If there is too much output, kill the program."""
        async for data in stream:
            self.size += len(data)
            self.tail += data
            del self.tail[:-_TAIL_SIZE]
            if self.size > self._limit:
                process.kill()
                return


def printable(output: bytes) -> str:
    """Return output of a stranger's program as text that is safe to show on a terminal."""
    text = output.decode(errors="replace").replace("\r\n", "\n").strip()
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)
