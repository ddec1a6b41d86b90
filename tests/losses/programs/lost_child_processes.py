"""What processes of `multiprocessing` say of themselves."""

import multiprocessing
import os

from losses_play import play


def ask(number: int) -> int:
    """Run in a child."""
    return os.getpid() + number


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        play(lambda step: pool.map(ask, [step, step]))
