"""MPI in pure Python, with the interface of mpi4py: `from mpi_actors import MPI`.

In a rank of a job, `mpi4py.MPI` is this very module, so programs written for mpi4py run as they are.
Methods whose names begin with an upper-case letter send and receive buffers (NumPy arrays, array.array, bytes
…); those in lower case send and receive Python objects:

    comm = MPI.COMM_WORLD
    if comm.rank == 0:
        comm.Send(array, dest=1, tag=7)
        comm.send({"any": "object"}, dest=1)

Communicators: Comm, Intracomm, Intercomm, Cartcomm, Graphcomm, Distgraphcomm; COMM_WORLD and COMM_SELF.
Waiting: Request, Prequest, Grequest, Message, Status. Data: Datatype, Op, buffer, pickle. The rest: Group,
Info, Errhandler, Session, Exception. Win (one-sided communication) and File (parallel I/O) are only names:
their calls raise NotImplementedError, as do dynamic processes, ports and partitioned communication.

Importing this module initializes MPI, unless `mpi4py.rc` says otherwise. A process that no daemon started is
a job of one rank.
"""

from __future__ import annotations

from collections.abc import Sequence as _Sequence

from .mpi import environment as _environment
from .mpi.comm import COMM_NULL as COMM_NULL
from .mpi.comm import COMM_SELF as COMM_SELF
from .mpi.comm import COMM_WORLD as COMM_WORLD
from .mpi.comm import Attach_buffer as Attach_buffer
from .mpi.comm import Comm as Comm
from .mpi.comm import Detach_buffer as Detach_buffer
from .mpi.comm import Flush_buffer as Flush_buffer
from .mpi.comm import Iflush_buffer as Iflush_buffer
from .mpi.comm import Intercomm as Intercomm
from .mpi.comm import Intracomm as Intracomm
from .mpi.comm import _comm_lock as _comm_lock
from .mpi.comm import _comm_lock_table as _comm_lock_table
from .mpi.comm import _commctx_inter as _commctx_inter
from .mpi.comm import _commctx_intra as _commctx_intra
from .mpi.comm.point.message import MESSAGE_NO_PROC as MESSAGE_NO_PROC
from .mpi.comm.point.message import MESSAGE_NULL as MESSAGE_NULL
from .mpi.comm.point.message import Message as Message
from .mpi.comm.topocomms import Cartcomm as Cartcomm
from .mpi.comm.topocomms import Distgraphcomm as Distgraphcomm
from .mpi.comm.topocomms import Graphcomm as Graphcomm
from .mpi.comm.topocomms import Topocomm as Topocomm
from .mpi.comm.topology.dims import compute_dims as _compute_dims
from .mpi.constants import *  # noqa: F403
from .mpi.datatypes import BOTTOM as BOTTOM
from .mpi.datatypes import BUFFER_AUTOMATIC as BUFFER_AUTOMATIC
from .mpi.datatypes import IN_PLACE as IN_PLACE
from .mpi.datatypes import Aint_add as Aint_add
from .mpi.datatypes import Aint_diff as Aint_diff
from .mpi.datatypes import Alloc_mem as Alloc_mem
from .mpi.datatypes import BottomType as BottomType
from .mpi.datatypes import BufferAutomaticType as BufferAutomaticType
from .mpi.datatypes import Datatype as Datatype
from .mpi.datatypes import Free_mem as Free_mem
from .mpi.datatypes import Get_address as Get_address
from .mpi.datatypes import InPlaceType as InPlaceType
from .mpi.datatypes import _typealign as _typealign
from .mpi.datatypes import _typecode as _typecode
from .mpi.datatypes import _typedict as _typedict
from .mpi.datatypes import _typedict_c as _typedict_c
from .mpi.datatypes import _typedict_f as _typedict_f
from .mpi.datatypes import buffer as buffer
from .mpi.datatypes.predefined import DATATYPE_NULL as DATATYPE_NULL
from .mpi.datatypes.predefined import NAMED as _NAMED
from .mpi.dynamic.ports import Close_port as Close_port
from .mpi.dynamic.ports import Lookup_name as Lookup_name
from .mpi.dynamic.ports import Open_port as Open_port
from .mpi.dynamic.ports import Publish_name as Publish_name
from .mpi.dynamic.ports import Unpublish_name as Unpublish_name
from .mpi.environment import Finalize as Finalize
from .mpi.environment import Get_abi_fortran_info as Get_abi_fortran_info
from .mpi.environment import Get_abi_info as Get_abi_info
from .mpi.environment import Get_abi_version as Get_abi_version
from .mpi.environment import Get_hw_resource_info as Get_hw_resource_info
from .mpi.environment import Get_library_version as Get_library_version
from .mpi.environment import Get_version as Get_version
from .mpi.environment import Init as Init
from .mpi.environment import Init_thread as Init_thread
from .mpi.environment import Is_finalized as Is_finalized
from .mpi.environment import Is_initialized as Is_initialized
from .mpi.environment import Is_thread_main as Is_thread_main
from .mpi.environment import Pcontrol as Pcontrol
from .mpi.environment import Query_thread as Query_thread
from .mpi.environment import Wtick as Wtick
from .mpi.environment import Wtime as Wtime
from .mpi.environment import _set_abort_status as _set_abort_status
from .mpi.environment import get_vendor as get_vendor
from .mpi.errhandler import ERRHANDLER_NULL as ERRHANDLER_NULL
from .mpi.errhandler import ERRORS_ABORT as ERRORS_ABORT
from .mpi.errhandler import ERRORS_ARE_FATAL as ERRORS_ARE_FATAL
from .mpi.errhandler import ERRORS_RETURN as ERRORS_RETURN
from .mpi.errhandler import Errhandler as Errhandler
from .mpi.errors.exception import Add_error_class as Add_error_class
from .mpi.errors.exception import Add_error_code as Add_error_code
from .mpi.errors.exception import Add_error_string as Add_error_string
from .mpi.errors.exception import Exception as Exception
from .mpi.errors.exception import Get_error_class as Get_error_class
from .mpi.errors.exception import Get_error_string as Get_error_string
from .mpi.errors.exception import Remove_error_class as Remove_error_class
from .mpi.errors.exception import Remove_error_code as Remove_error_code
from .mpi.errors.exception import Remove_error_string as Remove_error_string
from .mpi.group import GROUP_EMPTY as GROUP_EMPTY
from .mpi.group import GROUP_NULL as GROUP_NULL
from .mpi.group import Group as Group
from .mpi.info import INFO_ENV as INFO_ENV
from .mpi.info import INFO_NULL as INFO_NULL
from .mpi.info import Info as Info
from .mpi.io.file import FILE_NULL as FILE_NULL
from .mpi.io.file import File as File
from .mpi.io.file import Register_datarep as Register_datarep
from .mpi.memory_of import _addressof as _addressof
from .mpi.memory_of import _handleof as _handleof
from .mpi.memory_of import _sizeof as _sizeof
from .mpi.op import BAND as BAND
from .mpi.op import BOR as BOR
from .mpi.op import BXOR as BXOR
from .mpi.op import LAND as LAND
from .mpi.op import LOR as LOR
from .mpi.op import LXOR as LXOR
from .mpi.op import MAX as MAX
from .mpi.op import MAXLOC as MAXLOC
from .mpi.op import MIN as MIN
from .mpi.op import MINLOC as MINLOC
from .mpi.op import NO_OP as NO_OP
from .mpi.op import OP_NULL as OP_NULL
from .mpi.op import PROD as PROD
from .mpi.op import REPLACE as REPLACE
from .mpi.op import SUM as SUM
from .mpi.op import Op as Op
from .mpi.pickles.pickle import Pickle as Pickle
from .mpi.pickles.pickle import pickle as pickle
from .mpi.processor import Get_processor_name as Get_processor_name
from .mpi.requests.generalized import Grequest as Grequest
from .mpi.requests.request import REQUEST_NULL as REQUEST_NULL
from .mpi.requests.request import Prequest as Prequest
from .mpi.requests.request import Request as Request
from .mpi.rma.window import WIN_NULL as WIN_NULL
from .mpi.rma.window import Win as Win
from .mpi.session import SESSION_NULL as SESSION_NULL
from .mpi.session import Session as Session
from .mpi.status import Status as Status

memory = buffer
"""The name of `buffer` in older programs."""


def Compute_dims(nnodes: int, dims: int | _Sequence[int]) -> list[int]:
    """Return the sizes of a grid of `nnodes` processes, as near to each other as possible.

    Args:
        nnodes: how many processes the grid has.
        dims: the number of dimensions, or a list of their sizes, in which 0 stands for a size to choose.
    """
    return _compute_dims(nnodes, dims)


def _adopt(home: str) -> None:
    """Make `home` the module of all classes and functions: pickles find them by this name."""
    for thing in list(globals().values()):
        if getattr(thing, "__module__", "").startswith(("mpi_actors.", "mpi4py.")) and hasattr(
            thing, "__qualname__"
        ):
            thing.__module__ = home


globals().update(_NAMED)
# the datatypes by name, for type checkers and editors
PACKED: Datatype
BYTE: Datatype
AINT: Datatype
OFFSET: Datatype
COUNT: Datatype
CHAR: Datatype
WCHAR: Datatype
SIGNED_CHAR: Datatype
SHORT: Datatype
INT: Datatype
LONG: Datatype
LONG_LONG: Datatype
UNSIGNED_CHAR: Datatype
UNSIGNED_SHORT: Datatype
UNSIGNED: Datatype
UNSIGNED_LONG: Datatype
UNSIGNED_LONG_LONG: Datatype
FLOAT: Datatype
DOUBLE: Datatype
LONG_DOUBLE: Datatype
C_BOOL: Datatype
INT8_T: Datatype
INT16_T: Datatype
INT32_T: Datatype
INT64_T: Datatype
UINT8_T: Datatype
UINT16_T: Datatype
UINT32_T: Datatype
UINT64_T: Datatype
FLOAT16_T: Datatype
BFLOAT16_T: Datatype
C_COMPLEX: Datatype
C_DOUBLE_COMPLEX: Datatype
C_LONG_DOUBLE_COMPLEX: Datatype
CXX_BOOL: Datatype
CXX_FLOAT_COMPLEX: Datatype
CXX_DOUBLE_COMPLEX: Datatype
CXX_LONG_DOUBLE_COMPLEX: Datatype
CHARACTER: Datatype
LOGICAL: Datatype
INTEGER: Datatype
REAL: Datatype
DOUBLE_PRECISION: Datatype
COMPLEX: Datatype
DOUBLE_COMPLEX: Datatype
LOGICAL1: Datatype
LOGICAL2: Datatype
LOGICAL4: Datatype
LOGICAL8: Datatype
LOGICAL16: Datatype
INTEGER1: Datatype
INTEGER2: Datatype
INTEGER4: Datatype
INTEGER8: Datatype
INTEGER16: Datatype
REAL2: Datatype
REAL4: Datatype
REAL8: Datatype
REAL16: Datatype
COMPLEX4: Datatype
COMPLEX8: Datatype
COMPLEX16: Datatype
COMPLEX32: Datatype
SHORT_INT: Datatype
INT_INT: Datatype
LONG_INT: Datatype
FLOAT_INT: Datatype
DOUBLE_INT: Datatype
LONG_DOUBLE_INT: Datatype
FLOAT32_T: Datatype
FLOAT64_T: Datatype
C_FLOAT_COMPLEX: Datatype
UNSIGNED_INT: Datatype
SIGNED_SHORT: Datatype
SIGNED_INT: Datatype
SIGNED_LONG: Datatype
SIGNED_LONG_LONG: Datatype
BOOL: Datatype
SINT8_T: Datatype
SINT16_T: Datatype
SINT32_T: Datatype
SINT64_T: Datatype
F_BOOL: Datatype
F_INT: Datatype
F_FLOAT: Datatype
F_DOUBLE: Datatype
F_COMPLEX: Datatype
F_FLOAT_COMPLEX: Datatype
F_DOUBLE_COMPLEX: Datatype
TWOINT: Datatype
for _name in ("annotations", "GREATEST_TAG"):
    del globals()[_name]  # not names of the interface
__all__ = [_name for _name in globals() if not _name.startswith("_")]
_adopt(__name__)

_environment.begin()
