"""Rank 0 echoes through rank 1, which fails after its first answer, half of the time, at random.

Randomness may decide whether a program fails, but never what it sends. One run in 2048 fails eleven times in
a row, which is once more than a rank may. Alone (n = 1), rank 0 is its own partner. Arguments: [count],
default 3: how many echoes.
"""

import os
import sys

n, rank, args = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
count = int(args[0]) if args else 3
partner = 1 % n


def log(text: str) -> None:
    print(f"Log,{text}", flush=True)


def send(to: int, text: str) -> None:
    print(f"Send,{to},{text}", flush=True)


def receive(source: int) -> str:
    print(f"Req,{source}", flush=True)
    return input()


for number in range(1, count + 1):
    if rank == 0:
        send(partner, f"echo {number}")
    if rank == partner:
        send(0, receive(0))
        if number == 1 and os.urandom(1)[0] % 2:
            sys.exit("random_reset: failing, on purpose")
    if rank == 0:
        log(receive(partner))
