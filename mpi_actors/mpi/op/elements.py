"""What the items of predefined datatypes are to a reduction: integers, floating-point numbers, pairs …

The kinds are those of the standard's tables (MPI 4.1, section 6.9.2), which decide what operations are valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..constants import ERR_OP, ERR_TYPE
from ..datatypes.predefined import NAMED
from ..errors.exception import Exception as MPIException

if TYPE_CHECKING:
    from ..datatypes import Datatype

INTEGER = "C integer"
FORTRAN = "Fortran integer"
MULTI = "multi-language"
FLOATING = "floating point"
COMPLEX = "complex"
LOGICAL = "logical"
BYTE = "byte"
PAIR = "pair"


class Element(NamedTuple):
    """One item of a datatype: its kind, and its memory as a character of the struct module."""

    kind: str
    """One of the constants above."""
    code: str
    """The character of an integer ("bhiq", "BHIQ"), of a floating-point number ("efdg", where g is long
    double), of each of the two parts of a complex number, or of the value of a pair, which an int
    follows."""


SIGNED = "SIGNED_CHAR SHORT INT LONG LONG_LONG LONG_LONG_INT INT8_T INT16_T INT32_T INT64_T"
UNSIGNED = (
    "UNSIGNED_CHAR UNSIGNED_SHORT UNSIGNED UNSIGNED_INT UNSIGNED_LONG UNSIGNED_LONG_LONG "
    "UINT8_T UINT16_T UINT32_T UINT64_T"
)
KIND_OF: dict[str, str] = {}
"""The kind of each predefined datatype, by its name without "MPI_"."""
for _kind, _names in (
    (INTEGER, f"{SIGNED} {UNSIGNED}"),
    (FORTRAN, "INTEGER INTEGER1 INTEGER2 INTEGER4 INTEGER8"),
    (MULTI, "AINT OFFSET COUNT"),
    (FLOATING, "FLOAT DOUBLE LONG_DOUBLE REAL DOUBLE_PRECISION REAL2 REAL4 REAL8"),
    (FLOATING, "FLOAT16_T FLOAT32_T FLOAT64_T"),
    (COMPLEX, "C_COMPLEX C_FLOAT_COMPLEX C_DOUBLE_COMPLEX C_LONG_DOUBLE_COMPLEX COMPLEX DOUBLE_COMPLEX"),
    (COMPLEX, "CXX_FLOAT_COMPLEX CXX_DOUBLE_COMPLEX CXX_LONG_DOUBLE_COMPLEX COMPLEX4 COMPLEX8 COMPLEX16"),
    (LOGICAL, "C_BOOL CXX_BOOL LOGICAL LOGICAL1 LOGICAL2 LOGICAL4 LOGICAL8"),
    (BYTE, "BYTE"),
    (PAIR, "SHORT_INT 2INT INT_INT TWOINT LONG_INT FLOAT_INT DOUBLE_INT LONG_DOUBLE_INT"),
):
    KIND_OF.update(dict.fromkeys(_names.split(), _kind))

INTEGER_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}
FLOATING_CODES = {2: "e", 4: "f", 8: "d", 16: "g"}
"""The characters of integers and floating-point numbers, by their bytes."""
INT_SIZE = 4
"""Bytes of a C int: the index of a pair."""


def element_named(name: str, size: int) -> Element | None:
    """Return the element of the predefined datatype with a name (without "MPI_") and a size in bytes.

    Returns None if no predefined operation works on it.
    """
    kind = KIND_OF.get(name)
    if kind is None:
        return None
    codes = INTEGER_CODES
    if kind == FLOATING:
        codes = FLOATING_CODES
    elif kind == COMPLEX:
        codes, size = FLOATING_CODES, size // 2
    elif kind == PAIR:
        codes = FLOATING_CODES if name in ("FLOAT_INT", "DOUBLE_INT", "LONG_DOUBLE_INT") else INTEGER_CODES
        size -= INT_SIZE
    code = codes.get(size)
    if code is None:
        return None
    return Element(kind, code.upper() if kind in (LOGICAL, BYTE) or name in UNSIGNED.split() else code)


_elements: dict[int, Element] = {}
"""Elements by the identity of predefined datatypes, which live as long as the process."""


def _fill() -> None:
    for name in KIND_OF.keys() & NAMED.keys():
        datatype = NAMED[name]
        element = element_named(name, datatype.size)
        if element is not None:
            _elements[id(datatype)] = element


def element_of(datatype: Datatype) -> Element:
    """Return the element of a datatype that is predefined, or a duplicate of a predefined one.

    Raises:
        MPI.Exception: ERR_TYPE, if it is null; ERR_OP, if no predefined operation works on it.
    """
    element = _elements.get(id(datatype))
    if element is not None:
        return element
    if not _elements:
        _fill()
    if not datatype:
        raise MPIException(ERR_TYPE, "a null datatype cannot be reduced")
    basic = datatype._basic
    element = _elements.get(id(basic))
    if element is not None and basic is not None:
        if datatype.size == basic.size and datatype.extent == basic.extent:
            return element
        raise MPIException(ERR_OP, "predefined operations do not work on derived datatypes")
    name = datatype.Get_name() or "this datatype"
    raise MPIException(ERR_OP, f"predefined operations do not work on {name}")
