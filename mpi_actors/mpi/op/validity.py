"""Which predefined operation works on which kind of data (MPI 4.1, sections 6.9.2 and 6.9.4)."""

from __future__ import annotations

from ..constants import ERR_OP
from ..errors.exception import Exception as MPIException
from .elements import BYTE, COMPLEX, FLOATING, FORTRAN, INTEGER, LOGICAL, MULTI, PAIR, Element

ORDERED = frozenset((INTEGER, FORTRAN, MULTI, FLOATING))
NUMBERS = ORDERED | {COMPLEX}
TRUTHS = frozenset((INTEGER, FORTRAN, LOGICAL))
"""The standard does not list Fortran integers here; MPI libraries allow them, and their meaning is clear."""
BITS = frozenset((INTEGER, FORTRAN, MULTI, BYTE))
EVERYTHING = NUMBERS | TRUTHS | BITS | {PAIR}

VALID: dict[str, frozenset[str]] = {
    "MAX": ORDERED,
    "MIN": ORDERED,
    "SUM": NUMBERS,
    "PROD": NUMBERS,
    "LAND": TRUTHS,
    "LOR": TRUTHS,
    "LXOR": TRUTHS,
    "BAND": BITS,
    "BOR": BITS,
    "BXOR": BITS,
    "MAXLOC": frozenset({PAIR}),
    "MINLOC": frozenset({PAIR}),
    "REPLACE": EVERYTHING,
    "NO_OP": EVERYTHING,
}
"""The kinds of data on which each operation works."""


def check(operation: str, element: Element) -> None:
    """Check that an operation is defined for elements of a kind.

    Raises:
        MPI.Exception: ERR_OP, if it is not.
    """
    if element.kind not in VALID[operation]:
        raise MPIException(ERR_OP, f"{operation} is not defined for data of kind {element.kind}")
