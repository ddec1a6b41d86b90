"""The order in which two threads put into a queue."""

import queue
import threading

from losses_play import play


def draw(_: int) -> str:
    """Twenty letters."""
    box: queue.Queue[str] = queue.Queue()

    def put(letter: str) -> None:
        for _ in range(10):
            box.put(letter)
            sum(range(500))

    threads = [threading.Thread(target=put, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    letters = "".join(box.get() for _ in range(20))
    for thread in threads:
        thread.join()
    return letters


play(draw)
