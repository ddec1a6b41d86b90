"""Rank 0 echoes through rank 1, asks for another incarnation of rank 1, and echoes again.

The new incarnation starts from the beginning and is sent the first message again; what it answers to that
is not delivered twice. Alone (n = 1), rank 0 is its own partner. Arguments: none.
"""

import sys

n, rank = int(sys.argv[1]), int(sys.argv[2])
partner = 1 % n


def log(text: str) -> None:
    print(f"Log,{text}", flush=True)


def send(to: int, text: str) -> None:
    print(f"Send,{to},{text}", flush=True)


def receive(source: int) -> str:
    print(f"Req,{source}", flush=True)
    return input()


for text in ("before the reset", "after the reset"):
    if rank == 0:
        send(partner, text)
    if rank == partner:
        send(0, receive(0))
    if rank == 0:
        log(receive(partner))
        if text == "before the reset":
            print(f"Reset,{partner}", flush=True)
