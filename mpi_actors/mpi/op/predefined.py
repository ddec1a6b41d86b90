"""The predefined operations."""

from __future__ import annotations

from .operation import Op, constants
from .state import PREDEFINED


def _constant(name: str) -> Op:
    op = constants[name] = Op()
    op._s = PREDEFINED[name]
    op._constant = True
    return op


OP_NULL = _constant("OP_NULL")
MAX = _constant("MAX")
MIN = _constant("MIN")
SUM = _constant("SUM")
PROD = _constant("PROD")
LAND = _constant("LAND")
BAND = _constant("BAND")
LOR = _constant("LOR")
BOR = _constant("BOR")
LXOR = _constant("LXOR")
BXOR = _constant("BXOR")
MAXLOC = _constant("MAXLOC")
MINLOC = _constant("MINLOC")
REPLACE = _constant("REPLACE")
NO_OP = _constant("NO_OP")
