"""Fortran types by what they can hold, or by their size (MPI 4.1, section 19.1.9)."""

from __future__ import annotations

from ..constants import (
    COMBINER_F90_COMPLEX,
    COMBINER_F90_INTEGER,
    COMBINER_F90_REAL,
    ERR_ARG,
    TYPECLASS_COMPLEX,
    TYPECLASS_INTEGER,
    TYPECLASS_LOGICAL,
    TYPECLASS_REAL,
    UNDEFINED,
)
from ..errors.exception import Exception as MPIException
from ..handle import Handle
from .definition import Definition
from .registry import NAMED

INTEGERS = ((2, 1), (4, 2), (9, 4), (18, 8), (38, 16))
"""Decimal digits that integers hold, and the integers' bytes."""

REALS = ((3, 4, 2), (6, 37, 4), (15, 307, 8), (33, 4931, 16))
"""Decimal digits and exponents that numbers of IEEE 754 hold, and the numbers' bytes."""

CLASSES = {
    TYPECLASS_LOGICAL: "LOGICAL",
    TYPECLASS_INTEGER: "INTEGER",
    TYPECLASS_REAL: "REAL",
    TYPECLASS_COMPLEX: "COMPLEX",
}
"""The beginning of the names of the types of each class."""

_made: dict[tuple[str, int, int], Definition] = {}
"""By name of the model, digits and exponent: the standard asks for one object for one question."""


def _parametrized(name: str, combiner: int, params: dict[str, int]) -> Definition:
    """Return the datatype for some parameters; the same object for the same parameters."""
    key = (name, params.get("p", 0), params["r"])
    found = _made.get(key)
    if found is None:
        model: Definition = NAMED[name]._require()
        found = Definition(model.layout, combiner, dict(params), parts=((1, model),), predefined=True)
        found.char, found.typestr, found.code = model.char, model.typestr, model.typestr
        _made[key] = found
    return found


def f90_integer(r: int) -> Definition:
    """Return the datatype of `selected_int_kind(r)`; ERR_ARG if there is none."""
    for digits, size in INTEGERS:
        if r <= digits:
            return _parametrized(f"INTEGER{size}", COMBINER_F90_INTEGER, {"r": r})
    raise MPIException(ERR_ARG, f"no integers of {r} digits")


def f90_real(kind: str, p: int, r: int) -> Definition:
    """Return the datatype of `selected_real_kind(p, r)` for the kind "REAL" or "COMPLEX".

    One of `p` and `r` may be UNDEFINED.

    Raises:
        MPI.Exception: ERR_ARG, if both are, or there is no such type.
    """
    if p == r == UNDEFINED:
        raise MPIException(ERR_ARG, "neither digits nor exponent are given")
    complex_ = kind == "COMPLEX"
    combiner = COMBINER_F90_COMPLEX if complex_ else COMBINER_F90_REAL
    for digits, exponent, size in REALS:
        if p <= digits and r <= exponent:
            return _parametrized(f"{kind}{2 * size if complex_ else size}", combiner, {"p": p, "r": r})
    raise MPIException(ERR_ARG, f"no real numbers of {p} digits and exponents up to {r}")


def match_size(typeclass: int, size: int) -> Handle:
    """Return the type of a class (TYPECLASS_…) with `size` bytes; ERR_ARG if there is none."""
    found: Handle | None = NAMED.get(f"{CLASSES.get(typeclass)}{size}")
    if found is None:
        raise MPIException(ERR_ARG, f"no type of class {typeclass} has {size} bytes")
    return found
