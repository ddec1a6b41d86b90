"""A line on a terminal that tells how far it is; nothing at all elsewhere."""

from __future__ import annotations

import shutil
import sys


class Progress:
    """`name ####---- 40 % test_…`, rewritten in place on standard error."""

    _WIDTH = 24

    def __init__(self, name: str, total: int) -> None:
        self._name = name
        self._total = total
        self._shown = sys.stderr.isatty()

    def __call__(self, done: int, what: str) -> None:
        """So many are done, and this one runs."""
        if self._shown:
            part = min(done / max(self._total, 1), 1)
            bar = "#" * round(part * self._WIDTH)
            line = f"{self._name} {bar:-<{self._WIDTH}} {part:4.0%} {what}"
            sys.stderr.write(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}")
            sys.stderr.flush()

    def close(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\033[K")
