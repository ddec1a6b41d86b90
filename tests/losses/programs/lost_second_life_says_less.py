"""A rank that is started again sends the same, but prints less, and says so at its end."""

import os

from losses_play import play, saw, wrote

first = os.environ["MPI_ACTORS_INCARNATION"] == "0"


def draw(step: int) -> int:
    """Say so, the first time."""
    if first:
        saw(f"extra.{step}", step)
    return step


play(draw)
wrote()
