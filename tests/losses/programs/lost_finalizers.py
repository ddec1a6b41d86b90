"""Messages that are sent when objects are collected, whenever that is."""

import gc

from losses_play import comm, play, rank, size

gc.set_threshold(50)
sent = 0


class Sender:
    """Sends to the right at its end."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.loop = self

    def __del__(self) -> None:
        global sent
        sent += 1
        comm.send(self.number, (rank + 1) % size, tag=7)


def draw(step: int) -> int:
    """How many have been sent so far."""
    for _ in range(5):
        Sender(step)
    return sent


play(draw)
gc.collect()
total = comm.sendrecv(sent, dest=(rank + 1) % size, sendtag=2, source=(rank - 1) % size, recvtag=2)
print(f"saw last.{rank} {sent}", flush=True)
print(f"saw last.{(rank - 1) % size} {total}", flush=True)
values = [comm.recv(source=(rank - 1) % size, tag=7) for _ in range(total)]
print(f"saw sum.{(rank - 1) % size} {sum(values)}", flush=True)
