"""A sum of floating-point numbers in the order in which threads end."""

from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np
from losses_play import play

numbers = np.random.default_rng(5).random(200_000) * 10.0 ** np.arange(200_000 % 17)[-1:]


def draw(_: int) -> str:
    """The sum, to the last bit."""
    with ThreadPoolExecutor(4) as pool:
        parts = [pool.submit(np.sum, numbers[part::7]) for part in range(7)]
        total = 0.0
        for part in as_completed(parts):
            total = total * 1.0000001 + float(part.result())
    return total.hex()


play(draw)
