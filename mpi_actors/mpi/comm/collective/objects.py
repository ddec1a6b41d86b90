"""Collective operations on Python objects: what travels is their pickles, and everybody gets a copy."""

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
from ..errors import handled, raised
from ..locks import serialized
from ..state import CommState
from .blocks import is_root
from .call import CollectiveCalls, execute
from .inter import check_root, sizes
from .movements import barrier
from .quick import quick_barrier

Combine = Op | Callable[[Any, Any], Any]


class ObjectCollectives(CollectiveCalls):
    """barrier, bcast, gather, scatter, allgather, alltoall, reduce, allreduce.

    Between two groups `root` is ROOT, PROC_NULL or a rank of the other group, and what comes is the other
    group's.
    """

    __slots__ = ()

    def barrier(self) -> None:
        """Wait until every process of the group has come here."""
        try:
            if quick_barrier(self._h):
                return
        except MPIException as error:
            raised(self, error)
        self._run(barrier)

    @handled
    @serialized("bcast")
    def bcast(self, obj: Any, root: int = 0) -> Any:
        """The root's object, to all."""
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
        """The objects of all, by rank, at the root; None elsewhere."""
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
        """One of the root's objects to each, by rank.

        Raises:
            ValueError: at the root, there are not as many objects as ranks.
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
        """The objects of all, by rank, at all."""
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
        """Send object i to rank i, and get one from it.

        Raises:
            ValueError: there are not as many objects as ranks.
        """
        state = self._live()
        return exchange(state, sendobj)

    @handled
    def reduce(self, sendobj: Any, op: Combine = SUM, root: int = 0) -> Any:
        """The objects of all, combined in the order of ranks, at the root; None elsewhere.

        `op` is an operation, or a function of two objects, which may change and return the first.
        """
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
    def allreduce(self, sendobj: Any, op: Combine = SUM) -> Any:
        """The objects of all, combined in the order of ranks, at all; see `reduce`."""
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
    """scan and exscan, which only intracommunicators have."""

    __slots__ = ()

    @handled
    def scan(self, sendobj: Any, op: Combine = SUM) -> Any:
        """The objects of the ranks up to and with this one, combined; see `reduce`."""
        return self._scan(collectives.KIND_SCAN_OBJECTS, collectives.scan_objects, sendobj, op)

    @handled
    def exscan(self, sendobj: Any, op: Combine = SUM) -> Any:
        """The objects of the ranks before this one, combined; None at rank 0."""
        return self._scan(collectives.KIND_EXSCAN_OBJECTS, collectives.exscan_objects, sendobj, op)

    def _scan(self, kind: int, add: Callable[..., None], sendobj: Any, op: Combine) -> Any:
        state = self._live()
        schedule, cell = Schedule(kind), Cell(sendobj)
        add(schedule, state.rank, len(state.members), cell, combining(op), dumps, loads)
        execute(state, schedule)
        return cell.value


def exchange(state: CommState, objects: Sequence[Any] | None) -> list[Any]:
    """An object to each rank (of the other group), and one from it."""
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
    """Objects to send, which must be so many; None means None for each."""
    items = [None] * count if objects is None else list(objects)
    if len(items) != count:
        raise ValueError(f"expected {count} objects, got {len(items)}")
    return [Box(dumps(item)) for item in items]


def combining(op: Combine) -> Callable[[Any, Any], Any]:
    """A function of two objects; ERR_OP for a null operation."""
    if isinstance(op, Op) and not op:
        raise MPIException(ERR_OP, "MPI.OP_NULL combines nothing")
    if not callable(op):
        raise TypeError(f"expected an MPI.Op or a function, got {type(op).__name__}")
    return op
