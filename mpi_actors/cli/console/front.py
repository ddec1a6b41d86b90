"""What a console is worked by: lines of a file or pipe, or a person at a terminal."""

from __future__ import annotations

from typing import Protocol

import trio

from ..output.outbox import OutputPiece
from ..output.streams import read_lines, write_pieces
from .console import Console


class Front(Protocol):
    """Reads commands, and shows what the console says."""

    async def run(self, console: Console) -> None:
        """Have all commands executed, to the end."""
        ...

    async def write(self, pieces: list[OutputPiece]) -> None:
        """Show pieces; returns when they are shown.

        Raises:
            OSError: that is not possible any more.
        """
        ...

    def ctrl_c(self) -> bool:
        """Somebody pressed Ctrl-C while nothing was being done; whether that is seen to."""
        ...

    def restore(self) -> None:
        """Leave the terminal as it was: the process ends now."""
        ...


class LineFront:
    """Commands from standard input, which is no terminal."""

    async def run(self, console: Console) -> None:
        """See `Front.run`: until `exit` or the end of the input, then until the jobs have ended."""
        async for line in read_lines():
            await console.execute(line)
            if console.leaving:
                break
        await console.finish()

    async def write(self, pieces: list[OutputPiece]) -> None:
        """See `Front.write`."""
        await trio.to_thread.run_sync(write_pieces, pieces, abandon_on_cancel=True)

    def ctrl_c(self) -> bool:
        """See `Front.ctrl_c`: it is a signal like others."""
        return False

    def restore(self) -> None:
        """See `Front.restore`: there is nothing to do."""
