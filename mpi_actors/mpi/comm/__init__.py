"""Communicators.

`state` is what one is, `handle` what a program holds. `send`, `receive`, `exchange`, `objects`, `probe` and
`bsend` are the point-to-point calls; `buffered` is what the last ones attach. `constructors`, `intra` and
`inter` make communicators: `lineage` says how, `agreement` asks the other members. `collective_…` and
`neighbor_…` are collective operations, `topology…` neighbours. `communicator` puts them together, `world`
makes the predefined ones.
"""

from .communicator import Comm as Comm
from .communicator import Intercomm as Intercomm
from .communicator import Intracomm as Intracomm
from .handle import CommHandle as CommHandle
from .locks import _comm_lock as _comm_lock
from .locks import _comm_lock_table as _comm_lock_table
from .point.buffered import Attach_buffer as Attach_buffer
from .point.buffered import Detach_buffer as Detach_buffer
from .point.buffered import Flush_buffer as Flush_buffer
from .point.buffered import Iflush_buffer as Iflush_buffer
from .private import _commctx_inter as _commctx_inter
from .private import _commctx_intra as _commctx_intra
from .state import CommState as CommState
from .world import COMM_NULL as COMM_NULL
from .world import COMM_SELF as COMM_SELF
from .world import COMM_WORLD as COMM_WORLD
