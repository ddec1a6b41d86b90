"""Two threads send, in whatever order; the neighbour prints what came in which order."""

import threading
import time

from losses_play import PAUSE, STEPS, comm, rank, saw, size

left, right = (rank - 1) % size, (rank + 1) % size


def send(letter: str) -> None:
    """Send in each step."""
    for step in range(STEPS):
        comm.send(f"{letter}{step}", right)
        time.sleep(PAUSE / 2)


threads = [threading.Thread(target=send, args=(letter,)) for letter in "ab"]
for thread in threads:
    thread.start()
for step in range(2 * STEPS):
    saw(f"{rank}.{step}", comm.recv(source=left))
    time.sleep(PAUSE / 2)
for thread in threads:
    thread.join()
comm.Barrier()
