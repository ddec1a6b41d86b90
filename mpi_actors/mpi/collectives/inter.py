"""Collective operations that move data between two groups, as on an intercommunicator.

The members of a schedule are the local group and then the remote one, so remote rank r is member
`local_size + r`, on both sides. A rooted operation has its root in one group: the root calls with ROOT, the
others of its group with PROC_NULL, and the other group with the root's rank. Silva, Silva: Implementing
MPI-2 extended collective operations. EuroPVM/MPI 1999.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..constants import PROC_NULL, ROOT
from ..engine.schedule import Box, Schedule
from .bcast import bcast_binomial
from .choose import bcast
from .steps import NOTHING
from .trees import children, parent

Place = TypeVar("Place", memoryview, Box)


def inter_barrier(s: Schedule, rank: int, local_size: int, remote_size: int) -> None:
    """Let no rank leave before all of the other group have entered: the first ranks tell each other."""
    below = children(rank, local_size)
    for child in below:
        s.recv(child, NOTHING)
    s.fence()
    if rank:
        s.send(parent(rank), NOTHING)
        s.recv(parent(rank), NOTHING)
    else:
        s.send(local_size, NOTHING)
        s.recv(local_size, NOTHING)
    s.fence()
    for child in below:
        s.send(child, NOTHING)
    s.fence()


def inter_bcast(
    s: Schedule, rank: int, local_size: int, remote_size: int, buf: memoryview, root: int
) -> None:
    """Send the root's bytes to all of the other group, through that group's first rank."""
    if root == ROOT:
        s.send(local_size, buf)
    elif root != PROC_NULL:
        if rank == 0:
            s.recv(local_size + root, buf)
            s.fence()
        bcast(s, rank, local_size, buf, 0)
    s.fence()


def inter_bcast_object(
    s: Schedule, rank: int, local_size: int, remote_size: int, box: Box, root: int
) -> None:
    """Send the payload in the root's box to all of the other group; see `inter_bcast`."""
    if root == ROOT:
        s.send(local_size, box)
    elif root != PROC_NULL:
        if rank == 0:
            s.recv(local_size + root, box)
            s.fence()
        bcast_binomial(s, rank, local_size, box, 0)
    s.fence()


def inter_gather(
    s: Schedule,
    rank: int,
    local_size: int,
    remote_size: int,
    send: Place | None,
    blocks: Sequence[Place] | None,
    root: int,
) -> None:
    """Bring a block of any size, `send`, from each of the other group into the root's `blocks`."""
    if root == ROOT:
        assert blocks is not None
        for source, block in enumerate(blocks):
            s.recv(local_size + source, block)
    elif root != PROC_NULL:
        assert send is not None
        s.send(local_size + root, send)
    s.fence()


def inter_scatter(
    s: Schedule,
    rank: int,
    local_size: int,
    remote_size: int,
    blocks: Sequence[Place] | None,
    recv: Place | None,
    root: int,
) -> None:
    """Bring the root's `blocks`, of any sizes, into the `recv` of each of the other group."""
    if root == ROOT:
        assert blocks is not None
        for dest, block in enumerate(blocks):
            s.send(local_size + dest, block)
    elif root != PROC_NULL:
        assert recv is not None
        s.recv(local_size + root, recv)
    s.fence()


def inter_alltoall(
    s: Schedule,
    rank: int,
    local_size: int,
    remote_size: int,
    send_blocks: Sequence[Place],
    recv_blocks: Sequence[Place],
) -> None:
    """Send a block of any size to each of the other group and receive one from each, all at once."""
    for i in range(remote_size):
        source = (rank + i) % remote_size
        s.recv(local_size + source, recv_blocks[source])
    for i in range(remote_size):
        dest = (rank + i) % remote_size
        s.send(local_size + dest, send_blocks[dest])
    s.fence()


def inter_allgather(
    s: Schedule, rank: int, local_size: int, remote_size: int, send: Place, blocks: Sequence[Place]
) -> None:
    """Receive a block of any size from each of the other group, and send one block to all of them."""
    inter_alltoall(s, rank, local_size, remote_size, [send] * remote_size, blocks)


inter_gatherv = inter_gather
inter_scatterv = inter_scatter
inter_allgatherv = inter_allgather
inter_alltoallv = inter_alltoall
inter_gather_objects = inter_gather
inter_scatter_objects = inter_scatter
inter_allgather_objects = inter_allgather
inter_alltoall_objects = inter_alltoall
