"""Which of two ways is taken depends on the clock, and so does how many messages there are."""

import time

from losses_play import comm, play, rank


def draw(_: int) -> str:
    """Even or odd milliseconds; one of the ways sends a message more to the rank itself."""
    if time.time_ns() // 1_000_000 % 2:
        comm.send("odd", rank)
        return str(comm.recv(source=rank))
    return "even"


play(draw)
