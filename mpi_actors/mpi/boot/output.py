"""What a rank prints leaves it. So what its program has chosen is recorded before.

Lines that are on somebody's screen must be those of the next incarnation, too. What a program writes past
Python's streams, by `os.write` or from C, is not seen here; if it differs, the comparison of lines finds it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any


class RecordedOutput(FileIO):
    """A descriptor for output.

    Args:
        fd: stays open when this object goes.
        name: what the program sees as the file's name.
        before: is called before each write.
    """

    def __init__(self, fd: int, name: str, before: Callable[[], None]) -> None:
        super().__init__(fd, "wb", closefd=False)
        self.name = name
        self._before = before

    def write(self, data: Any, /) -> int:
        """See `io.RawIOBase.write`."""
        self._before()
        return super().write(data)


def record_before_output(before: Callable[[], None]) -> None:
    """Call a function before standard output and standard error are written."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if type(stream) is not TextIOWrapper:
            continue  # it was closed before the program began
        stream.flush()
        raw = RecordedOutput(stream.fileno(), f"<{name}>", before)
        unbuffered = isinstance(stream.buffer, FileIO)
        ours: Any = TextIOWrapper(
            raw if unbuffered else BufferedWriter(raw),
            encoding=stream.encoding,
            errors=stream.errors,
            newline="\n",
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        ours.mode = "w"
        setattr(sys, name, ours)
        setattr(sys, f"__{name}__", ours)
