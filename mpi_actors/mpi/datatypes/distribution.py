"""Layouts of parts of multidimensional arrays: subarrays, and blocks of distributed arrays.

The rules are those of MPI 4.1, sections 5.1.3 and 5.1.4. The functions take one dimension after the other,
the one with the smallest stride first; the layout so far is the element of the next dimension.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..constants import (
    DISTRIBUTE_BLOCK,
    DISTRIBUTE_CYCLIC,
    DISTRIBUTE_DFLT_DARG,
    DISTRIBUTE_NONE,
    ERR_ARG,
    ORDER_C,
    ORDER_FORTRAN,
)
from ..errors.exception import Exception as MPIException
from .layout import EMPTY, Layout, assembled, repeated, resized


def fastest_first(ndims: int, order: int) -> Sequence[int]:
    """Return the dimensions, the one with the smallest stride first; ERR_ARG for an unknown order."""
    if order not in (ORDER_C, ORDER_FORTRAN):
        raise MPIException(ERR_ARG, f"{order} is neither ORDER_C nor ORDER_FORTRAN")
    return range(ndims) if order == ORDER_FORTRAN else range(ndims - 1, -1, -1)


def subarray(
    element: Layout, sizes: Sequence[int], subsizes: Sequence[int], starts: Sequence[int], order: int
) -> Layout:
    """Return the layout of consecutive indices of each dimension; its bounds are those of the whole array.

    Raises:
        MPI.Exception: ERR_ARG, if the part is not in the array, or the order is unknown.
    """
    if not sizes:
        raise MPIException(ERR_ARG, "an array without dimensions")
    layout, stride = element, element.extent
    for axis in fastest_first(len(sizes), order):
        size, subsize, start = sizes[axis], subsizes[axis], starts[axis]
        if not (1 <= subsize <= size and 0 <= start <= size - subsize):
            raise MPIException(ERR_ARG, f"{subsize} from {start} on: dimension {axis} has {size}")
        layout = assembled([(start * stride, repeated(layout, subsize, stride))])
        stride *= size
    return resized(layout, 0, stride)


def coordinates(rank: int, psizes: Sequence[int]) -> list[int]:
    """Return the coordinates of a rank in the grid of processes, which is in C order."""
    place: list[int] = []
    for psize in reversed(psizes):
        rank, coordinate = divmod(rank, psize)
        place.append(coordinate)
    return place[::-1]


def darray(
    element: Layout,
    size: int,
    rank: int,
    gsizes: Sequence[int],
    distribs: Sequence[int],
    dargs: Sequence[int],
    psizes: Sequence[int],
    order: int,
) -> tuple[Layout, int]:
    """Return the layout of a rank's elements of a distributed array, and how many they are.

    See `TypeConstructors.Create_darray` for the arguments.

    Raises:
        MPI.Exception: ERR_ARG, if the arguments contradict each other, or a distribution is unknown.
    """
    processes = 1
    for psize in psizes:
        processes *= psize
    if not gsizes or processes != size or not 0 <= rank < size or min(gsizes) < 1 or min(psizes) < 1:
        raise MPIException(ERR_ARG, f"rank {rank} of {size} has no part of an array of {gsizes} on {psizes}")
    place = coordinates(rank, psizes)
    layout, stride, elements = element, element.extent, 1
    for axis in fastest_first(len(gsizes), order):
        pieces = _pieces(gsizes[axis], distribs[axis], dargs[axis], psizes[axis], place[axis])
        layout, count = _placed(layout, stride, *pieces)
        elements *= count
        stride *= gsizes[axis]
    return resized(layout, 0, stride), elements


def _pieces(gsize: int, distrib: int, darg: int, psize: int, place: int) -> tuple[int, int, int, int]:
    """Return which indices of a dimension a process has: the first, how many together, the step, the end."""
    if distrib == DISTRIBUTE_NONE:
        if psize != 1:
            raise MPIException(ERR_ARG, f"a dimension is not distributed, but has {psize} processes")
        return 0, gsize, gsize, gsize
    if distrib not in (DISTRIBUTE_BLOCK, DISTRIBUTE_CYCLIC):
        raise MPIException(ERR_ARG, f"{distrib} is not a distribution (DISTRIBUTE_…)")
    block = darg
    if darg == DISTRIBUTE_DFLT_DARG:
        block = 1 if distrib == DISTRIBUTE_CYCLIC else -(-gsize // psize)
    if block < 1 or (distrib == DISTRIBUTE_BLOCK and block * psize < gsize):
        raise MPIException(ERR_ARG, f"blocks of {block} for {gsize} elements on {psize} processes")
    return place * block, block, psize * block, gsize


def _placed(layout: Layout, stride: int, start: int, block: int, step: int, end: int) -> tuple[Layout, int]:
    whole = max(0, (end - block - start) // step + 1)
    parts: list[tuple[int, Layout]] = []
    if whole:
        together = repeated(layout, block, stride)
        parts.append((start * stride, repeated(together, whole, step * stride)))
    rest = max(0, min(block, end - (start + whole * step)))
    if rest:
        parts.append(((start + whole * step) * stride, repeated(layout, rest, stride)))
    return (assembled(parts) if parts else EMPTY), whole * block + rest
