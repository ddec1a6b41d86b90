"""How to spread processes over the dimensions of a grid: MPI_Dims_create (MPI 4.1, section 8.5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt, prod
from operator import index

from ...constants import ERR_ARG, ERR_DIMS
from ...errors.exception import Exception as MPIException


def compute_dims(nnodes: int, dims: int | Sequence[int]) -> list[int]:
    """Sizes of a grid of `nnodes` processes, as close to each other as possible.

    `dims` is the number of dimensions, or a list of sizes in which 0 stands for a size to be chosen. The
    chosen sizes do not increase from one dimension to the next.

    Raises:
        MPI.Exception: ERR_ARG, if there are no processes; ERR_DIMS, if a given size is negative or the given
            sizes do not divide `nnodes`.
    """
    if isinstance(dims, int) or not hasattr(dims, "__len__"):
        wanted = [0] * index(dims)  # type: ignore[arg-type]  # numpy's integers are not int
    else:
        wanted = [index(size) for size in dims]
    if nnodes < 1:
        raise MPIException(ERR_ARG, f"{nnodes} processes cannot be spread over a grid")
    if any(size < 0 for size in wanted):
        raise MPIException(ERR_DIMS, f"a dimension of {wanted} is negative")
    kept = prod(size for size in wanted if size)
    if nnodes % kept or (wanted and 0 not in wanted and kept != nnodes):
        raise MPIException(ERR_DIMS, f"{nnodes} processes do not fill a grid of {wanted}")
    chosen = iter(_balanced(nnodes // kept, wanted.count(0)))
    return [size or next(chosen) for size in wanted]


def _balanced(number: int, parts: int) -> list[int]:
    """Factors, none greater than the one before: of all such lists the lexicographically smallest.

    Träff and Lübbe (EuroMPI 2015) discuss what "as close as possible" should mean.
    """
    if parts == 0:
        return []
    small = [divisor for divisor in range(1, isqrt(number) + 1) if number % divisor == 0]
    divisors = [*small, *(number // divisor for divisor in reversed(small) if divisor * divisor != number)]
    factors = _split(number, parts, number, divisors)
    assert factors is not None  # number * 1 * … * 1 is always possible
    return factors


def _split(number: int, parts: int, most: int, divisors: Sequence[int]) -> list[int] | None:
    if parts == 1:
        return [number] if number <= most else None
    for divisor in divisors:
        if divisor > most:
            return None
        if divisor**parts < number or number % divisor:
            continue
        rest = _split(number // divisor, parts - 1, divisor, divisors)
        if rest is not None:
            return [divisor, *rest]
    return None
