"""How often a timer has rung."""

import signal

from losses_play import play

rings = 0


def ring(*_: object) -> None:
    """Count."""
    global rings
    rings += 1


def draw(_: int) -> int:
    """Rings while some sums were made."""
    sum(number * number for number in range(20_000))
    return rings


signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.0017)
play(draw)
signal.setitimer(signal.ITIMER_REAL, 0)
