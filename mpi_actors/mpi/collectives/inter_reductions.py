"""Reductions between two groups: each group gets the combined contributions of the other.

Each group reduces its contributions to its first rank, which sends the result to the other group. See
`inter` for how members and roots are named.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..constants import PROC_NULL, ROOT
from ..engine.schedule import Box, Schedule
from .choose import bcast, reduce_into
from .object_reductions import Cell, Combine, Dumps, Loads, reduce_to_first, set_cell
from .objects import bcast_object, set_value
from .scatter import scatter_linear
from .steps import ReducerFor, fresh, slices


def inter_reduce(
    s: Schedule,
    rank: int,
    local_size: int,
    remote_size: int,
    buf: memoryview | None,
    reducer_for: ReducerFor,
    itemsize: int,
    commutative: bool,
    root: int,
) -> None:
    """Combine the contributions of the other group into the root's `buf`.

    In the other group `buf` is a contribution, which stays as it is; None for the others of the root's group.
    """
    if root == ROOT:
        assert buf is not None
        s.recv(local_size, buf)
    elif root != PROC_NULL:
        assert buf is not None
        out = fresh(len(buf)) if rank == 0 else None
        reduce_into(s, rank, local_size, buf, out, reducer_for, itemsize, commutative, 0)
        if out is not None:
            s.send(local_size + root, out)
    s.fence()


def inter_allreduce(
    s: Schedule,
    rank: int,
    local_size: int,
    remote_size: int,
    buf: memoryview,
    recv: memoryview,
    reducer_for: ReducerFor,
    itemsize: int,
    commutative: bool,
) -> None:
    """Combine the contributions of the other group into `recv`. `buf`, the rank's own, stays as it is."""
    out = fresh(len(buf)) if rank == 0 else None
    reduce_into(s, rank, local_size, buf, out, reducer_for, itemsize, commutative, 0)
    if out is not None:
        s.send(local_size, out)
        s.recv(local_size, recv)
        s.fence()
    bcast(s, rank, local_size, recv, 0)


def inter_reduce_scatter(
    s: Schedule,
    rank: int,
    local_size: int,
    remote_size: int,
    buf: memoryview,
    counts: Sequence[int],
    recv: memoryview,
    reducer_for: ReducerFor,
    itemsize: int,
    commutative: bool,
) -> None:
    """Combine the contributions of the other group; `counts[i]` items go into the `recv` of local rank i.

    `buf`, the rank's own contribution, stays as it is. Both groups have the same number of items.
    """
    out = fresh(len(buf)) if rank == 0 else None
    reduce_into(s, rank, local_size, buf, out, reducer_for, itemsize, commutative, 0)
    parts = None
    if out is not None:
        sizes = [count * itemsize for count in counts]
        came = fresh(sum(sizes))
        parts = slices(came, sizes)
        s.send(local_size, out)
        s.recv(local_size, came)
        s.fence()
    scatter_linear(s, rank, local_size, parts, recv, 0)


def inter_reduce_objects(
    s: Schedule,
    rank: int,
    local_size: int,
    remote_size: int,
    cell: Cell,
    combine: Combine,
    dumps: Dumps,
    loads: Loads,
    root: int,
) -> None:
    """Combine the objects of the other group into the root's cell."""
    if root == ROOT:
        box = Box()
        s.recv(local_size, box)
        s.fence()
        set_cell(s, cell, lambda: loads(box.value))
    elif root != PROC_NULL:
        reduce_to_first(s, rank, local_size, cell, combine, dumps, loads)
        if rank == 0:
            out = Box()
            set_value(s, out, lambda: dumps(cell.value))
            s.send(local_size + root, out)
            s.fence()


def inter_allreduce_objects(
    s: Schedule,
    rank: int,
    local_size: int,
    remote_size: int,
    cell: Cell,
    combine: Combine,
    dumps: Dumps,
    loads: Loads,
) -> None:
    """Combine the objects of the other group into every cell of this one."""
    reduce_to_first(s, rank, local_size, cell, combine, dumps, loads)
    box = Box()
    if rank == 0:
        out = Box()
        set_value(s, out, lambda: dumps(cell.value))
        s.send(local_size, out)
        s.recv(local_size, box)
        s.fence()
    bcast_object(s, rank, local_size, box, 0)
    set_cell(s, cell, lambda: loads(box.value))
