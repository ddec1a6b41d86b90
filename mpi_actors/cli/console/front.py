"""What works a console: lines from a file or a pipe. `terminal` has the front for a person."""

from __future__ import annotations

from typing import Protocol

import trio

from ..output.outbox import OutputPiece
from ..output.streams import read_lines, write_pieces
from .console import Console


class Front(Protocol):
    """Reads commands, and shows what the console says. The application runs one front."""

    async def run(self, console: Console) -> None:
        """Read commands and let the console execute them, until the input ends or the person leaves."""
        ...

    async def write(self, pieces: list[OutputPiece]) -> None:
        """Show pieces; return when they are shown.

        Raises:
            OSError: the output is lost; BrokenPipeError if nobody reads it any more.
        """
        ...

    def on_ctrl_c(self) -> bool:
        """A person pressed Ctrl-C while no command ran. Return whether the front could use the key."""
        ...

    def restore(self) -> None:
        """Set the terminal as it was before: the process ends now."""
        ...


class LineFront:
    """Commands from standard input that is not a terminal."""

    async def run(self, console: Console) -> None:
        """See `Front.run`: execute lines until `exit` or the end of the input; then wait for the jobs."""
        async for line in read_lines():
            await console.execute(line)
            if console.leaving:
                break
        await console.finish()

    async def write(self, pieces: list[OutputPiece]) -> None:
        """See `Front.write`."""
        await trio.to_thread.run_sync(write_pieces, pieces, abandon_on_cancel=True)

    def on_ctrl_c(self) -> bool:
        """See `Front.on_ctrl_c`: here Ctrl-C is a signal like others, which ends the daemon."""
        return False

    def restore(self) -> None:
        """See `Front.restore`: there is nothing to do."""
