"""The numbers of threads."""

import threading

from losses_play import play


def draw(_: int) -> tuple[int, int]:
    """Of this one, and of a new one."""
    numbers = [threading.get_native_id()]
    thread = threading.Thread(target=lambda: numbers.append(threading.get_native_id()))
    thread.start()
    thread.join()
    return numbers[0], numbers[1]


play(draw)
