"""Scatter: a block from the root to each rank."""

from __future__ import annotations

from collections.abc import Sequence

from ..engine.schedule import Schedule
from .steps import copy, fresh
from .trees import children, parent, subtree


def scatter_linear(
    s: Schedule, rank: int, size: int, blocks: Sequence[memoryview] | None, recv: memoryview, root: int
) -> None:
    """The root sends to each rank; blocks of any sizes.

    For long blocks, and where only the root knows the sizes.
    """
    if rank != root:
        s.recv(root, recv)
    else:
        assert blocks is not None
        for dest, block in enumerate(blocks):
            if dest != root:
                s.send(dest, block)
        copy(s, recv, blocks[root])
    s.fence()


def scatter_binomial(
    s: Schedule, rank: int, size: int, blocks: Sequence[memoryview] | None, recv: memoryview, root: int
) -> None:
    """Down a binomial tree, the blocks of a subtree in one message; log2(size) rounds; short equal blocks.

    Chan, Heimlich, Purkayastha, van de Geijn: Collective communication: theory, practice, and experience.
    Concurrency and Computation 19(13), 2007, section 4.
    """
    block = len(recv)
    place = (rank - root) % size
    below = reversed(children(place, size))
    if place == 0:
        assert blocks is not None
        for child in below:
            held = [blocks[(child + i + root) % size] for i in range(subtree(child, size))]
            s.send((child + root) % size, tuple(held))
        copy(s, recv, blocks[root])
    elif place & 1:
        s.recv((parent(place) + root) % size, recv)
    else:
        view = fresh(block * subtree(place, size))
        s.recv((parent(place) + root) % size, view)
        s.fence()
        for child in below:
            start = (child - place) * block
            s.send((child + root) % size, view[start : start + block * subtree(child, size)])
        copy(s, recv, view[:block])
    s.fence()
