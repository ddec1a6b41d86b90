"""How often a test for a message says no before it says yes."""

from losses_play import comm, play, rank, size


def draw(step: int) -> int:
    """Tests that found nothing."""
    request = comm.irecv(source=(rank - 1) % size, tag=5)
    comm.send(step, (rank + 1) % size, tag=5)
    tests = 0
    while not request.test()[0]:
        tests += 1
    return tests


play(draw)
