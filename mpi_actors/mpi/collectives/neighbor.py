"""Exchange with the neighbours of a topology."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..engine.schedule import Box, Schedule

Place = TypeVar("Place", memoryview, Box)


def neighbor_alltoall(
    s: Schedule,
    sources: Sequence[int | None],
    destinations: Sequence[int | None],
    send_blocks: Sequence[Place],
    recv_blocks: Sequence[Place],
) -> None:
    """Send a block to each destination and receive one from each source, all at once; any sizes.

    A rank may be a neighbour several times: it receives the blocks for it in their order. None or a negative
    number stands for no neighbour: its block is neither sent nor written to. Hoefler, Traeff: Sparse
    collective operations for MPI. HIPS, 2009.
    """
    for source, into in zip(sources, recv_blocks, strict=True):
        if source is not None and source >= 0:
            s.recv(source, into)
    for dest, block in zip(destinations, send_blocks, strict=True):
        if dest is not None and dest >= 0:
            s.send(dest, block)
    s.fence()


def neighbor_allgather(
    s: Schedule,
    sources: Sequence[int | None],
    destinations: Sequence[int | None],
    send_block: Place,
    recv_blocks: Sequence[Place],
) -> None:
    """Send one block to all destinations and receive one from each source."""
    neighbor_alltoall(s, sources, destinations, [send_block] * len(destinations), recv_blocks)
