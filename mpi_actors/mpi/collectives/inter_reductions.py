"""Reductions between two groups: each group gets what the other one has, combined.

Contributions are reduced to the first rank of their group, which sends the result across. See `inter` for how
members and roots are named.
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
    """At the root the contributions of the other group; `buf` is the root's result, or a contribution.

    A contribution is not written to; None at the companions of the root.
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
    """In `recv` the contributions of the other group; `buf`, one's own, is not written to."""
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
    """The contributions of the other group, `counts[i]` items of them for local rank i, in its `recv`.

    `buf`, one's own, is not written to. Both groups have as many items.
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
    """The objects of the other group, combined, in the root's cell."""
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
    """The objects of the other group, combined, in every cell."""
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
