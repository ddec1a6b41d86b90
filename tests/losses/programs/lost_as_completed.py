"""The order in which futures end."""

import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from losses_play import play


def task(number: int) -> int:
    """Take a moment."""
    time.sleep(0.0005)
    return number


def draw(_: int) -> list[int]:
    """The order of six."""
    with ThreadPoolExecutor(6) as pool:
        return [future.result() for future in as_completed([pool.submit(task, n) for n in range(6)])]


play(draw)
