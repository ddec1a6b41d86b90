"""The clock, asked by C."""

import ctypes

from losses_play import play


class Timespec(ctypes.Structure):
    """As C has it."""

    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


libc = ctypes.CDLL(None)


def draw(_: int) -> int:
    """The nanoseconds."""
    now = Timespec()
    libc.clock_gettime(0, ctypes.byref(now))
    return int(now.nanoseconds)


play(draw)
