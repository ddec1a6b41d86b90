"""What is written to standard error depends on the process: a rank that runs again writes it again."""

import os
import sys

from losses_play import play, rank


def draw(step: int) -> int:
    """A step that nobody else is told anything unusual of."""
    print(f"saw process.{rank} {os.getpid()}", file=sys.stderr, flush=True)
    return step


play(draw)
