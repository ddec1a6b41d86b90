"""C's generator of random numbers, seeded by the clock that C sees."""

import ctypes

from losses_play import play

libc = ctypes.CDLL(None)
libc.srand(libc.time(None) * 1_000_003 ^ libc.getpid())

play(lambda _: libc.rand())
