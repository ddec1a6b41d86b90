"""Reduction operations: MPI.Op, the predefined operations, and the kernels that reduce memory.

The package knows datatypes and their memory; it may not know communicators or schedules. From the bottom up:

- `objects`: the predefined operations on Python objects;
- `elements`: the kind of number that the items of a datatype are;
- `validity`: which predefined operation works on which kind of data;
- `plain`: kernels in plain Python;
- `arrays`: kernels that use numpy;
- `kernels`: picks the kernel;
- `state`: an operation itself, which several handles may share;
- `user`: operations that programs define, on buffers;
- `operation`: the class MPI.Op;
- `predefined`: MPI.SUM and the other constants.
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
