"""The predefined operations."""

from __future__ import annotations

from .operation import OP_NULL as OP_NULL
from .operation import predefined

MAX = predefined("MAX")
MIN = predefined("MIN")
SUM = predefined("SUM")
PROD = predefined("PROD")
LAND = predefined("LAND")
BAND = predefined("BAND")
LOR = predefined("LOR")
BOR = predefined("BOR")
LXOR = predefined("LXOR")
BXOR = predefined("BXOR")
MAXLOC = predefined("MAXLOC")
MINLOC = predefined("MINLOC")
REPLACE = predefined("REPLACE")
NO_OP = predefined("NO_OP")
