"""Collective operations as schedules: functions that add one rank's steps to a `Schedule`. No I/O.

Arguments are the schedule, the rank and the size of the group, then memory: contiguous bytes and blocks of
them. Ranks are indices of the members of the schedule. The package may not know communicators, datatypes or
operations: it gets bytes and functions that combine bytes. From the bottom up:

- `kinds`: a number and a name for each collective operation;
- `steps`: types and small steps that all algorithms share;
- `trees`: binomial trees;
- `framing`: several payloads in one message;
- `barrier`, `bcast`, `gather`, `scatter`, `allgather`, `alltoall`: the algorithms that move data;
- `halving`: reduce-scatter among a power of two of ranks;
- `reduce`, `allreduce`, `reduce_scatter`, `scan`: the algorithms that combine data;
- `choose`: which of these algorithms an operation uses;
- `objects`: operations on payloads in boxes, whose size only the sender knows;
- `object_reductions`: reductions of Python objects;
- `inter`: operations between two groups that move data;
- `inter_reductions`: reductions between two groups;
- `neighbor`: exchange with the neighbours of a topology.
"""

from __future__ import annotations

from .choose import allgather as allgather
from .choose import allgatherv as allgatherv
from .choose import allreduce as allreduce
from .choose import alltoall as alltoall
from .choose import alltoallv as alltoallv
from .choose import barrier as barrier
from .choose import bcast as bcast
from .choose import exscan as exscan
from .choose import gather as gather
from .choose import gatherv as gatherv
from .choose import reduce as reduce
from .choose import reduce_scatter as reduce_scatter
from .choose import scan as scan
from .choose import scatter as scatter
from .choose import scatterv as scatterv
from .inter import inter_allgather as inter_allgather
from .inter import inter_allgather_objects as inter_allgather_objects
from .inter import inter_allgatherv as inter_allgatherv
from .inter import inter_alltoall as inter_alltoall
from .inter import inter_alltoall_objects as inter_alltoall_objects
from .inter import inter_alltoallv as inter_alltoallv
from .inter import inter_barrier as inter_barrier
from .inter import inter_bcast as inter_bcast
from .inter import inter_bcast_object as inter_bcast_object
from .inter import inter_gather as inter_gather
from .inter import inter_gather_objects as inter_gather_objects
from .inter import inter_gatherv as inter_gatherv
from .inter import inter_scatter as inter_scatter
from .inter import inter_scatter_objects as inter_scatter_objects
from .inter import inter_scatterv as inter_scatterv
from .inter_reductions import inter_allreduce as inter_allreduce
from .inter_reductions import inter_allreduce_objects as inter_allreduce_objects
from .inter_reductions import inter_reduce as inter_reduce
from .inter_reductions import inter_reduce_objects as inter_reduce_objects
from .inter_reductions import inter_reduce_scatter as inter_reduce_scatter
from .kinds import *  # noqa: F403
from .neighbor import neighbor_allgather as neighbor_allgather
from .neighbor import neighbor_allgather as neighbor_allgatherv  # noqa: F401
from .neighbor import neighbor_alltoall as neighbor_alltoall
from .neighbor import neighbor_alltoall as neighbor_alltoallv  # noqa: F401
from .neighbor import neighbor_alltoall as neighbor_alltoallw  # noqa: F401
from .object_reductions import Cell as Cell
from .object_reductions import allreduce_objects as allreduce_objects
from .object_reductions import exscan_objects as exscan_objects
from .object_reductions import reduce_objects as reduce_objects
from .object_reductions import scan_objects as scan_objects
from .objects import allgather_objects as allgather_objects
from .objects import alltoall_objects as alltoall_objects
from .objects import bcast_object as bcast_object
from .objects import gather_objects as gather_objects
from .objects import scatter_objects as scatter_objects
