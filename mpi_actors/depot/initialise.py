"""Running an interpreter's `init.py`, which decides whether this peer can offer it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import attrs
import trio

from ..process import Exit, Process, ProcessSpec, ResourceLimits, Warden, clean_environment
from ..process.limits import clean_path

_TAIL_SIZE = 4096  # bytes of the output that are kept
_DRAIN_TIME = 2.0  # seconds for the rest of the output to arrive once nobody is left who could write it


@attrs.frozen
class InitOutcome:
    """How a run of `init.py` went."""

    exit: Exit
    flaw: str | None
    """Which limit it went over; None if none."""
    output: str
    """The last of what it wrote to both streams, printable."""

    @property
    def ok(self) -> bool:
        """This peer can offer the interpreter."""
        return self.exit.ok and self.flaw is None

    def describe(self) -> str:
        """The end, and after a colon the output if there is any."""
        end = f"init.py {self.flaw}" if self.flaw else f"init.py ended: {self.exit.describe()}"
        return f"{end}: {self.output}" if self.output else end


async def run_init(
    warden: Warden, program: Path, home: Path, *, seconds: float, output_limit: int, file_size: int
) -> InitOutcome:
    """Run `python3 init.py` in `program`; when this returns, raises or is cancelled, nothing of it runs.

    Args:
        warden: runs it.
        program: a copy of the interpreter, its working directory.
        home: a directory for its temporary files.
        seconds: time after which it is killed.
        output_limit: bytes of output after which it is killed.
        file_size: bytes that no file of its may exceed.

    Raises:
        CannotSpawn: the operating system refused.
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
    """The end of what a program writes, and the size of all of it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.size = 0
        self.tail = bytearray()

    async def collect(self, process: Process, stream: trio.abc.ReceiveStream) -> None:
        """Read to the end, or until there was too much; then the program is killed."""
        async for data in stream:
            self.size += len(data)
            self.tail += data
            del self.tail[:-_TAIL_SIZE]
            if self.size > self._limit:
                process.kill()
                return


def printable(output: bytes) -> str:
    """Output of a stranger's program as text that a terminal can be given."""
    text = output.decode(errors="replace").replace("\r\n", "\n").strip()
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)
