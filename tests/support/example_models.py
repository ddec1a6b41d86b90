"""What the mpi4py examples print, worked out in one process without them."""

from __future__ import annotations

import hashlib
from array import array

MODULUS = 2**31 - 1


def stencil(size: int, steps: int) -> list[str]:
    """The lines of example/stencil, for any number of ranks."""
    edge = [0.0] * (size + 2)
    plate = [[100.0] * (size + 2), *(list(edge) for _ in range(size)), list(edge)]
    said = []
    for step in range(1, steps + 1):
        new = [list(row) for row in plate]
        for i in range(1, size + 1):
            for j in range(1, size + 1):
                new[i][j] = 0.25 * (plate[i - 1][j] + plate[i + 1][j] + plate[i][j - 1] + plate[i][j + 1])
        change = max(abs(new[i][j] - plate[i][j]) for i in range(1, size + 1) for j in range(1, size + 1))
        plate = new
        if step % 20 == 0 or step == steps:
            said.append(f"step {step}: change {change:.6f}")
    whole = b"".join(array("d", row).tobytes() for row in plate[1:-1])
    return [*said, f"answer: {hashlib.sha256(whole).hexdigest()[:16]}"]


def collectives(n: int, size: int, rounds: int) -> list[str]:
    """The lines of example/mpi_collectives on n ranks."""
    world = [[(7919 * (rank + 1) + 104_729 * i) % MODULUS for i in range(size)] for rank in range(n)]
    said = []
    for number in range(1, rounds + 1):
        root = number % n
        total = [sum(column) for column in zip(*world, strict=True)]
        most = [max(column) for column in zip(*world, strict=True)]
        sums = [[sum(numbers[other::n]) % MODULUS for other in range(n)] for numbers in world]
        theirs = [sum(sums[source][rank] for source in range(n)) % MODULUS for rank in range(n)]
        so_far = [sum(theirs[: rank + 1]) for rank in range(n)]
        before = [sum(sum(sums[other]) % MODULUS for other in range(rank)) for rank in range(n)]
        all_shares = sum(number * rank + before[rank] for rank in range(n))
        world = [
            [
                (a + 3 * b + c + d + all_shares + so_far[rank]) % MODULUS
                for a, b, c, d in zip(world[rank], world[root], total, most, strict=True)
            ]
            for rank in range(n)
        ]
        digests = [hashlib.sha256(array("q", numbers).tobytes()).hexdigest() for numbers in world]
        said.append(f"round {number}: {hashlib.sha256(''.join(digests).encode()).hexdigest()[:16]}")
    return said


def collatz(start: int) -> int:
    """How many numbers the Collatz sequence from `start` to 1 has."""
    return 1 if start == 1 else 1 + collatz(3 * start + 1 if start % 2 else start // 2)
