"""Gather: a block from each rank to the root."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..engine.schedule import Schedule
from .steps import assign_all, copy, fresh, slices
from .trees import children, parent, subtree


def gather_linear(
    s: Schedule, rank: int, size: int, send: memoryview, blocks: Sequence[memoryview] | None, root: int
) -> None:
    """Each rank sends to the root, which receives each block where it belongs; blocks of any sizes.

    For long blocks, and where only the root knows the sizes.
    """
    if rank != root:
        s.send(root, send)
    else:
        assert blocks is not None
        for source, block in enumerate(blocks):
            if source != root:
                s.recv(source, block)
        copy(s, blocks[root], send)
    s.fence()


def gather_binomial(
    s: Schedule, rank: int, size: int, send: memoryview, blocks: Sequence[memoryview] | None, root: int
) -> None:
    """Up a binomial tree, the blocks of a subtree in one message; log2(size) rounds; short equal blocks.

    Chan, Heimlich, Purkayastha, van de Geijn: Collective communication: theory, practice, and experience.
    Concurrency and Computation 19(13), 2007, section 4.
    """
    block = len(send)
    place = (rank - root) % size
    held = fresh(block * subtree(place, size)) if place == 0 or not place & 1 else send
    if held is not send:
        copy(s, held[:block], send)
        for child in children(place, size):
            start = (child - place) * block
            s.recv((child + root) % size, held[start : start + block * subtree(child, size)])
        s.fence()
    if place:
        s.send((parent(place) + root) % size, held)
        s.fence()
    else:
        assert blocks is not None
        targets = [blocks[(place + root) % size] for place in range(size)]
        s.compute(partial(assign_all, targets, slices(held, [block] * size)))
        s.fence()
