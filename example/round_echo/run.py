"""A token goes round the ring 0 -> 1 -> ... -> n-1 -> 0; rank 0 logs each round and the answer.

At each hop the rank that receives the token replaces it with the SHA-256 of its rank and the token, so the
answer depends on every hop and on their order. Arguments: [rounds] [delay], default 1 and 0; `delay` is how
long each hop takes at least, in seconds, for runs that are to last.
"""

import hashlib
import sys
import time

n, rank, args = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
rounds = int(args[0]) if args else 1
delay = float(args[1]) if len(args) > 1 else 0.0
before, after = (rank - 1) % n, (rank + 1) % n


def log(text: str) -> None:
    print(f"Log,{text}", flush=True)


def send(to: int, text: str) -> None:
    print(f"Send,{to},{text}", flush=True)


def receive(source: int) -> str:
    print(f"Req,{source}", flush=True)
    return input()


def hop(token: str) -> str:
    time.sleep(delay)
    return hashlib.sha256(f"{rank} {token}".encode()).hexdigest()


token = "start"
for number in range(1, rounds + 1):
    if rank == 0:
        send(after, token)
        token = hop(receive(before))
        log(f"round {number} of {rounds}: {token[:16]}")
    else:
        send(after, hop(receive(before)))
if rank == 0:
    log(f"answer: {token}")
