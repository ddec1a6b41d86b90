"""Collective operations on Python objects: their pickles travel, and each receiver gets a copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import collectives
from ...collectives import Cell
from ...constants import ERR_OP, ROOT
from ...engine.schedule import Box, Schedule
from ...errors.exception import Exception as MPIException
from ...op import SUM, Op
from ...pickles.messages import dumps, loads
from ..errors import handled, report_and_raise
from ..locks import serialized
from ..state import CommState
from .blocks import is_root
from .call import CollectiveCalls, execute
from .inter import check_root, sizes
from .movements import barrier
from .quick import quick_barrier

ObjectOp = Op | Callable[[Any, Any], Any]
"""What combines two objects: an operation, or a function that may change and return the first."""


class ObjectCollectives(CollectiveCalls):
    """barrier, bcast, gather, scatter, allgather, alltoall, reduce, allreduce.

    The operations of MPI 4.1, sections 6.3 to 6.9, on objects. Between two groups `root` is ROOT, PROC_NULL
    or a rank of the other group, and each process receives what the other group has.
    """

    __slots__ = ()

    def barrier(self) -> None:
        """Wait until every process has called this (between two groups: every process of the other)."""
        try:
            if quick_barrier(self._h):
                return
        except MPIException as error:
            report_and_raise(self, error)
        self._run(barrier)

    @handled
    @serialized("bcast")
    def bcast(self, obj: Any, root: int = 0) -> Any:
        """Send the root's object to all ranks. Return it at each rank."""
        state = self._live()
        schedule = Schedule(collectives.KIND_BCAST_OBJECT)
        if state.remote is not None:
            check_root(state, root)
            box = Box(dumps(obj) if root == ROOT else b"")
            collectives.inter_bcast_object(schedule, *sizes(state), box, root)
            execute(state, schedule)
            return loads(box.value) if root >= 0 else None
        box = Box(dumps(obj) if is_root(state, root) else b"")
        collectives.bcast_object(schedule, state.rank, len(state.members), box, root)
        execute(state, schedule)
        return loads(box.value)

    @handled
    def gather(self, sendobj: Any, root: int = 0) -> list[Any] | None:
        """Return the objects of all ranks, by rank, at the root; None at the other ranks."""
        state = self._live()
        schedule = Schedule(collectives.KIND_GATHER_OBJECTS)
        if state.remote is not None:
            check_root(state, root)
            mine = Box(dumps(sendobj)) if root >= 0 else None
            boxes = [Box() for _ in state.remote] if root == ROOT else None
            collectives.inter_gather_objects(schedule, *sizes(state), mine, boxes, root)
        else:
            boxes = [Box() for _ in state.members] if is_root(state, root) else None
            mine = Box(dumps(sendobj))
            collectives.gather_objects(schedule, state.rank, len(state.members), mine, boxes, root)
        execute(state, schedule)
        return None if boxes is None else [loads(box.value) for box in boxes]

    @handled
    def scatter(self, sendobj: Sequence[Any] | None, root: int = 0) -> Any:
        """Send object i of the root's list to rank i. Return this rank's object.

        Raises:
            ValueError: The root gives more or fewer objects than there are ranks.
        """
        state = self._live()
        schedule = Schedule(collectives.KIND_SCATTER_OBJECTS)
        mine = Box()
        if state.remote is not None:
            check_root(state, root)
            boxes = boxed(sendobj, len(state.remote)) if root == ROOT else None
            collectives.inter_scatter_objects(schedule, *sizes(state), boxes, mine, root)
            execute(state, schedule)
            return loads(mine.value) if root >= 0 else None
        boxes = boxed(sendobj, len(state.members)) if is_root(state, root) else None
        collectives.scatter_objects(schedule, state.rank, len(state.members), boxes, mine, root)
        execute(state, schedule)
        return loads(mine.value)

    @handled
    def allgather(self, sendobj: Any) -> list[Any]:
        """Return the objects of all ranks, by rank, at every rank."""
        state = self._live()
        schedule = Schedule(collectives.KIND_ALLGATHER_OBJECTS)
        mine = Box(dumps(sendobj))
        if state.remote is not None:
            boxes = [Box() for _ in state.remote]
            collectives.inter_allgather_objects(schedule, *sizes(state), mine, boxes)
        else:
            boxes = [mine if rank == state.rank else Box() for rank in range(len(state.members))]
            collectives.allgather_objects(schedule, state.rank, len(boxes), boxes)
        execute(state, schedule)
        return [loads(box.value) for box in boxes]

    @handled
    def alltoall(self, sendobj: Sequence[Any] | None) -> list[Any]:
        """Send object i to rank i. Return the objects that the ranks have sent to this one, by rank.

        Raises:
            ValueError: There are more or fewer objects than ranks.
        """
        state = self._live()
        return exchange(state, sendobj)

    @handled
    def reduce(self, sendobj: Any, op: ObjectOp = SUM, root: int = 0) -> Any:
        """Combine the objects of all ranks, in their order. Return the result at the root, else None."""
        state = self._live()
        schedule, cell = Schedule(collectives.KIND_REDUCE_OBJECTS), Cell(sendobj)
        combine = combining(op)
        if state.remote is not None:
            check_root(state, root)
            collectives.inter_reduce_objects(schedule, *sizes(state), cell, combine, dumps, loads, root)
            execute(state, schedule)
            return cell.value if root == ROOT else None
        here = is_root(state, root)
        size = len(state.members)
        collectives.reduce_objects(schedule, state.rank, size, cell, combine, dumps, loads, root)
        execute(state, schedule)
        return cell.value if here else None

    @handled
    def allreduce(self, sendobj: Any, op: ObjectOp = SUM) -> Any:
        """Combine the objects of all ranks, in the order of ranks. Return the result at every rank."""
        state = self._live()
        schedule, cell = Schedule(collectives.KIND_ALLREDUCE_OBJECTS), Cell(sendobj)
        combine = combining(op)
        if state.remote is not None:
            collectives.inter_allreduce_objects(schedule, *sizes(state), cell, combine, dumps, loads)
        else:
            size = len(state.members)
            collectives.allreduce_objects(schedule, state.rank, size, cell, combine, dumps, loads)
        execute(state, schedule)
        return cell.value


class ObjectScans(CollectiveCalls):
    """scan and exscan, which only intracommunicators have: MPI 4.1, section 6.11, on objects."""

    __slots__ = ()

    @handled
    def scan(self, sendobj: Any, op: ObjectOp = SUM) -> Any:
        """Combine the objects of ranks 0 to this one. Return the result."""
        return self._scan(collectives.KIND_SCAN_OBJECTS, collectives.scan_objects, sendobj, op)

    @handled
    def exscan(self, sendobj: Any, op: ObjectOp = SUM) -> Any:
        """Combine the objects of the ranks below this one. Return the result; None at rank 0."""
        return self._scan(collectives.KIND_EXSCAN_OBJECTS, collectives.exscan_objects, sendobj, op)

    def _scan(self, kind: int, add: Callable[..., None], sendobj: Any, op: ObjectOp) -> Any:
        state = self._live()
        schedule, cell = Schedule(kind), Cell(sendobj)
        add(schedule, state.rank, len(state.members), cell, combining(op), dumps, loads)
        execute(state, schedule)
        return cell.value


def exchange(state: CommState, objects: Sequence[Any] | None) -> list[Any]:
    """Send an object to each rank (of the other group) and return the objects that they send, by rank."""
    schedule = Schedule(collectives.KIND_ALLTOALL_OBJECTS)
    size = len(state.peers)
    given, boxes = boxed(objects, size), [Box() for _ in range(size)]
    if state.remote is not None:
        collectives.inter_alltoall_objects(schedule, *sizes(state), given, boxes)
    else:
        collectives.alltoall_objects(schedule, state.rank, size, given, boxes)
    execute(state, schedule)
    return [loads(box.value) for box in boxes]


def boxed(objects: Sequence[Any] | None, count: int) -> list[Box]:
    """Pickle the objects to send, which must be `count`; no objects at all means None for each rank.

    Raises:
        ValueError: There are more or fewer objects.
    """
    items = [None] * count if objects is None else list(objects)
    if len(items) != count:
        raise ValueError(f"expected {count} objects, got {len(items)}")
    return [Box(dumps(item)) for item in items]


def combining(op: ObjectOp) -> Callable[[Any, Any], Any]:
    """The function of two objects that an operation stands for.

    Raises:
        TypeError: `op` is neither an operation nor a function.
        MPI.Exception: ERR_OP, for the null operation.
    """
    if isinstance(op, Op) and not op:
        raise MPIException(ERR_OP, "MPI.OP_NULL combines nothing")
    if not callable(op):
        raise TypeError(f"expected an MPI.Op or a function, got {type(op).__name__}")
    return op
