"""Reduction operations: MPI.Op, the predefined ones, and the kernels that reduce memory.

`elements` and `validity` say what is defined for which datatype; `plain` and `arrays` are the kernels, of
which `kernels` picks one; `operation` is the class, `state` what its handles share.
"""

from __future__ import annotations

from .operation import Op as Op
from .plain import Reducer as Reducer
from .predefined import BAND as BAND
from .predefined import BOR as BOR
from .predefined import BXOR as BXOR
from .predefined import LAND as LAND
from .predefined import LOR as LOR
from .predefined import LXOR as LXOR
from .predefined import MAX as MAX
from .predefined import MAXLOC as MAXLOC
from .predefined import MIN as MIN
from .predefined import MINLOC as MINLOC
from .predefined import NO_OP as NO_OP
from .predefined import OP_NULL as OP_NULL
from .predefined import PROD as PROD
from .predefined import REPLACE as REPLACE
from .predefined import SUM as SUM

Op.__module__ = __name__  # where pickle finds the constants
