"""Lines on the terminal that depend on the process, and that no message depends on."""

import os

from losses_play import play, rank, saw


def draw(step: int) -> int:
    """Say who does it."""
    saw(f"process.{rank}", os.getpid())
    return step


play(draw)
