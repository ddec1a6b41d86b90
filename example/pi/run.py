"""Pi as the integral of 4 / (1 + x^2) from 0 to 1, by the midpoint rule with the steps dealt to all ranks.

Rank 0 adds the parts in rank order and logs pi and its error. Arguments: [steps], default 1000000.
"""

import math
import sys

n, rank, args = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
steps = int(args[0]) if args else 1_000_000
width = 1.0 / steps


def log(text: str) -> None:
    print(f"Log,{text}", flush=True)


def send(to: int, text: str) -> None:
    print(f"Send,{to},{text}", flush=True)


def receive(source: int) -> str:
    print(f"Req,{source}", flush=True)
    return input()


def height(step: int) -> float:
    x = (step + 0.5) * width
    return 4.0 / (1.0 + x * x)


# fsum, because sum() rounds differently since Python 3.12, and a lost rank may start again under another.
part = width * math.fsum(height(step) for step in range(rank, steps, n))
if rank == 0:
    pi = part
    for other in range(1, n):
        pi += float(receive(other))
    log(f"pi is {pi:.12f}, error {abs(pi - math.pi):.1e}")
else:
    send(0, repr(part))
