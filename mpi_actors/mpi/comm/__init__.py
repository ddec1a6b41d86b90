"""Communicators.

`state` is what one is, `handle` what a program holds; `send`, `receive`, `exchange`, `objects`, `probe` and
`bsend` are point-to-point calls, `buffered` what they attach; `constructors`, `intra` and `inter` make new ones, `lineage` says how and
`agreement` asks the other members; `collective_…` and `neighbor_…` are collective operations; `topology…`
neighbours. `communicator` puts them together and `world` makes the predefined ones.
"""

from .communicator import Comm as Comm
from .communicator import Intercomm as Intercomm
from .communicator import Intracomm as Intracomm
from .handle import CommHandle as CommHandle
from .locks import _comm_lock as _comm_lock
from .locks import _comm_lock_table as _comm_lock_table
from .locks import _commctx_inter as _commctx_inter
from .locks import _commctx_intra as _commctx_intra
from .state import CommState as CommState
from .world import COMM_NULL as COMM_NULL
from .world import COMM_SELF as COMM_SELF
from .world import COMM_WORLD as COMM_WORLD
