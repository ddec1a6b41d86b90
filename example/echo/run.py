"""Rank 0 sends a text to rank 1, which sends it back; rank 0 logs what came back.

Alone (n = 1), rank 0 is its own partner. Arguments: the text; several are joined with spaces.
"""

import sys

n, rank, args = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
partner = 1 % n
sys.stdin.reconfigure(newline="\n")  # the text may hold a carriage return, which would end a line here


def log(text: str) -> None:
    print(f"Log,{text}", flush=True)


def send(to: int, text: str) -> None:
    print(f"Send,{to},{text}", flush=True)


def receive(source: int) -> str:
    print(f"Req,{source}", flush=True)
    return input()


if rank == 0:
    send(partner, " ".join(args))
if rank == partner:
    send(0, receive(0))
if rank == 0:
    log(receive(partner))
