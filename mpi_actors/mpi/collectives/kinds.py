"""Numbers and names of the collective operations.

Each message of a collective operation carries its number, by which a rank finds out that another one is in a
different operation. The numbers are part of the format of frames.
"""

from __future__ import annotations

from ..engine.schedule import name_kinds

KIND_BARRIER = 1
KIND_BCAST = 2
KIND_GATHER = 3
KIND_GATHERV = 4
KIND_SCATTER = 5
KIND_SCATTERV = 6
KIND_ALLGATHER = 7
KIND_ALLGATHERV = 8
KIND_ALLTOALL = 9
KIND_ALLTOALLV = 10
KIND_ALLTOALLW = 11
KIND_REDUCE = 12
KIND_ALLREDUCE = 13
KIND_REDUCE_SCATTER = 14
KIND_REDUCE_SCATTER_BLOCK = 15
KIND_SCAN = 16
KIND_EXSCAN = 17
KIND_NEIGHBOR_ALLGATHER = 18
KIND_NEIGHBOR_ALLGATHERV = 19
KIND_NEIGHBOR_ALLTOALL = 20
KIND_NEIGHBOR_ALLTOALLV = 21
KIND_NEIGHBOR_ALLTOALLW = 22
KIND_BCAST_OBJECT = 23
KIND_GATHER_OBJECTS = 24
KIND_SCATTER_OBJECTS = 25
KIND_ALLGATHER_OBJECTS = 26
KIND_ALLTOALL_OBJECTS = 27
KIND_REDUCE_OBJECTS = 28
KIND_ALLREDUCE_OBJECTS = 29
KIND_SCAN_OBJECTS = 30
KIND_EXSCAN_OBJECTS = 31
KIND_NEIGHBOR_OBJECTS = 32
KIND_COMMUNICATOR = 33

KIND_NAMES = {
    0: "a schedule of no particular kind",
    KIND_BARRIER: "Barrier",
    KIND_BCAST: "Bcast",
    KIND_GATHER: "Gather",
    KIND_GATHERV: "Gatherv",
    KIND_SCATTER: "Scatter",
    KIND_SCATTERV: "Scatterv",
    KIND_ALLGATHER: "Allgather",
    KIND_ALLGATHERV: "Allgatherv",
    KIND_ALLTOALL: "Alltoall",
    KIND_ALLTOALLV: "Alltoallv",
    KIND_ALLTOALLW: "Alltoallw",
    KIND_REDUCE: "Reduce",
    KIND_ALLREDUCE: "Allreduce",
    KIND_REDUCE_SCATTER: "Reduce_scatter",
    KIND_REDUCE_SCATTER_BLOCK: "Reduce_scatter_block",
    KIND_SCAN: "Scan",
    KIND_EXSCAN: "Exscan",
    KIND_NEIGHBOR_ALLGATHER: "Neighbor_allgather",
    KIND_NEIGHBOR_ALLGATHERV: "Neighbor_allgatherv",
    KIND_NEIGHBOR_ALLTOALL: "Neighbor_alltoall",
    KIND_NEIGHBOR_ALLTOALLV: "Neighbor_alltoallv",
    KIND_NEIGHBOR_ALLTOALLW: "Neighbor_alltoallw",
    KIND_BCAST_OBJECT: "bcast",
    KIND_GATHER_OBJECTS: "gather",
    KIND_SCATTER_OBJECTS: "scatter",
    KIND_ALLGATHER_OBJECTS: "allgather",
    KIND_ALLTOALL_OBJECTS: "alltoall",
    KIND_REDUCE_OBJECTS: "reduce",
    KIND_ALLREDUCE_OBJECTS: "allreduce",
    KIND_SCAN_OBJECTS: "scan",
    KIND_EXSCAN_OBJECTS: "exscan",
    KIND_NEIGHBOR_OBJECTS: "neighbor_allgather or neighbor_alltoall",
    KIND_COMMUNICATOR: "a constructor of communicators",
}
"""The names of the methods that programs call."""

name_kinds(KIND_NAMES)
