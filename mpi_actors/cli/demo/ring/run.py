"""A token goes round a ring of ranks. Each rank changes it, so that the answer depends on every hop.

Arguments: the number of rounds, and the seconds that each hop takes.
"""

import hashlib
import sys
import time

n, rank = int(sys.argv[1]), int(sys.argv[2])
rounds, delay = int(sys.argv[3]), float(sys.argv[4])
before, after = (rank - 1) % n, (rank + 1) % n


def say(*fields: object) -> None:
    """Print one line of the protocol between a program and its host."""
    print(*fields, sep=",", flush=True)


def receive() -> str:
    """Return the next message from the rank before this one."""
    say("Req", before)
    return input()


def hop(token: str) -> str:
    """Return the token as this rank passes it on."""
    time.sleep(delay)
    return hashlib.sha256(f"{rank} {token}".encode()).hexdigest()[:16]


token = "start"
for number in range(1, rounds + 1):
    if rank == 0:
        say("Send", after, token)
        token = hop(receive())
        say("Log", f"round {number}: {token}")
    else:
        say("Send", after, hop(receive()))
