"""Rank 0 sends a numbered message to every other rank, gets each back and logs it, `count` times.

Arguments: [count], default 3.
"""

import sys

n, rank, args = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
count = int(args[0]) if args else 3


def log(text: str) -> None:
    print(f"Log,{text}", flush=True)


def send(to: int, text: str) -> None:
    print(f"Send,{to},{text}", flush=True)


def receive(source: int) -> str:
    print(f"Req,{source}", flush=True)
    return input()


for number in range(1, count + 1):
    if rank != 0:
        send(0, receive(0))
        continue
    for other in range(1, n):
        send(other, f"message {number} to rank {other}")
    for other in range(1, n):
        log(receive(other))
if rank == 0:
    log(f"{count * (n - 1)} echoes came back")
