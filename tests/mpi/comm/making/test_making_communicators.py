"""Communicators: their members, their separation from one another, and what is left after `Free`."""

from __future__ import annotations

import contextlib
import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpi_worlds import WorldFailed, run_world

import mpi_actors.mpi.comm  # noqa: F401  # the forked ranks then find it imported

# --- trees of communicators ------------------------------------------------------------------------------

step = st.one_of(
    st.tuples(st.just("dup")),
    st.tuples(st.just("split"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("create"), st.integers(1, 3)),
    st.tuples(st.just("create_group"), st.integers(1, 3)),
    st.tuples(st.just("back")),
)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4), st.lists(step, min_size=1, max_size=8))
def test_trees_of_communicators_are_what_a_model_says(size: int, steps: list[tuple[Any, ...]]) -> None:
    """After random steps every communicator has the members, in the order, that the model computes."""
    everything = run_world(size, _grow, steps)
    for rank in range(size):
        assert everything[rank] == _model(size, steps, rank)


def _grow(steps: list[tuple[Any, ...]]) -> list[list[int]]:
    """Carry out the steps. Return the members' world ranks after each step, as messages around a ring tell
    them.

    A rank that is not in a new communicator goes on with one of its own. All contexts must differ.
    """
    from mpi_actors import MPI

    stack = [MPI.COMM_WORLD]
    seen = {MPI.COMM_WORLD._h.context, MPI.COMM_SELF._h.context}
    trace = []
    for what, *arguments in steps:
        comm = stack[-1]
        if what == "back":
            if len(stack) > 1:
                stack.pop().Free()
            comm = stack[-1]
        else:
            comm = _child(comm, what, *arguments) or MPI.COMM_SELF.Dup()
            assert comm._h.context not in seen
            seen.add(comm._h.context)
            stack.append(comm)
        right, left = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
        members = [MPI.COMM_WORLD.rank]
        for _ in range(comm.size - 1):
            members.append(comm.sendrecv(members[-1], right, 0, None, left, 0))
        turned = members[: comm.rank + 1][::-1] + members[comm.rank + 1 :][::-1]
        trace.append(turned)
    return trace


def _child(comm: Any, what: str, *arguments: Any) -> Any:
    from mpi_actors import MPI

    if what == "dup":
        return comm.Dup()
    if what == "split":
        colors, reverse = arguments
        return comm.Split(comm.rank % colors, -comm.rank if reverse else comm.rank)
    group = comm.group.Incl(range(0, comm.size, arguments[0]))
    if what == "create":
        return comm.Create(group)
    return comm.Create_group(group, 3) if group.rank != MPI.UNDEFINED else MPI.COMM_NULL


def _model(size: int, steps: list[tuple[Any, ...]], rank: int) -> list[list[int]]:
    stack = [list(range(size))]
    trace = []
    for what, *arguments in steps:
        members = stack[-1]
        if what == "back":
            if len(stack) > 1:
                stack.pop()
        elif what == "dup":
            stack.append(members)
        elif what == "split":
            colors, reverse = arguments
            mine = members[members.index(rank) % colors :: colors]
            stack.append(mine[::-1] if reverse else mine)
        else:
            part = members[:: arguments[0]]
            stack.append(part if rank in part else [rank])
        trace.append(stack[-1])
    return trace


def test_messages_of_one_communicator_are_not_received_in_another() -> None:
    """A receive on the duplicate takes the duplicate's message, although the other one came first."""
    assert run_world(2, _apart) == [None, ["dup", "world"]]


def _apart() -> list[str] | None:
    from mpi_actors import MPI

    world = MPI.COMM_WORLD
    dup = world.Dup()
    if world.rank == 0:
        world.send("world", 1)
        dup.send("dup", 1)
        return None
    return [dup.recv(), world.recv()]


# --- intercommunicators ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3, 4])
def test_intercommunicators_speak_to_the_other_side(size: int) -> None:
    """Sizes, messages, duplicates, merged groups and mpi4py's private duplicates are right on both sides."""
    everything = run_world(size, _between)
    low = list(range(size // 2))
    high = list(range(size // 2, size))
    for rank, (local, remote, heard, merged, dup_heard, private) in enumerate(everything):
        mine, theirs = (low, high) if rank in low else (high, low)
        assert (local, remote) == (len(mine), len(theirs))
        assert heard == dup_heard == theirs[0]
        assert merged == high + low
        assert private == (0, rank in low, len(mine))


def _between() -> Any:
    from mpi_actors import MPI
    from mpi_actors.mpi.comm import _commctx_inter

    world = MPI.COMM_WORLD
    half = world.size // 2
    low = world.rank < half
    local = world.Split(int(low))
    assert isinstance(local, MPI.Intracomm)
    inter = local.Create_intercomm(0, world, half if low else 0, 7)
    heard = [_hear(world, comm) for comm in (inter, inter.Dup())]
    merged = inter.Merge(low)
    members = merged.group.Translate_ranks()
    other, tag, own, first = _commctx_inter(inter)
    assert other != inter
    return local.size, inter.remote_size, heard[0], members, heard[1], (tag, first, own.size)


def _hear(world: Any, inter: Any) -> int:
    """Send the world rank of each side's leader to all processes of the other side; return what came."""
    requests = []
    if inter.rank == 0:
        requests = [inter.isend(world.rank, rank) for rank in range(inter.remote_size)]
    heard: int = inter.recv(source=0)
    for request in requests:
        request.wait()
    return heard


def test_groups_alone_make_communicators() -> None:
    """Create_from_group and Create_from_groups need no parent; COMM_NULL elsewhere."""
    assert run_world(3, _from_groups) == [([0, 2], 1), (None, 2), ([0, 2], 1)]


def _from_groups() -> tuple[list[int] | None, int]:
    from mpi_actors import MPI

    world = MPI.COMM_WORLD
    ends, middle = world.group.Incl([0, 2]), world.group.Incl([1])
    comm = MPI.Intracomm.Create_from_group(ends)
    mine, theirs = (middle, ends) if world.rank == 1 else (ends, middle)
    inter = MPI.Intercomm.Create_from_groups(mine, 0, theirs, 0)
    _hear(world, inter)
    members = comm.group.Translate_ranks() if comm else None
    return members, inter.remote_size


def test_splitting_an_intercommunicator_leaves_those_with_an_opposite() -> None:
    """A process whose color nobody on the other side gives gets COMM_NULL."""
    assert run_world(3, _split_inter) == [(1, 1), None, (1, 1)]


def _split_inter() -> tuple[int, int] | None:
    from mpi_actors import MPI

    world = MPI.COMM_WORLD
    low = world.rank < 2
    local = world.Split(int(low))
    assert isinstance(local, MPI.Intracomm)
    inter = local.Create_intercomm(0, world, 2 if low else 0)
    part = inter.Split(inter.rank)
    if not part:
        return None
    assert isinstance(part, MPI.Intercomm)
    return part.size, part.remote_size


def test_a_leader_that_finds_nobody_fails_all_of_its_group() -> None:
    """The leader's error is raised at all processes of its group: none waits for ever."""
    assert run_world(2, _no_leader) == ["ERR_RANK", "ERR_RANK"]


def _no_leader() -> str:
    from mpi_actors import MPI

    try:
        MPI.COMM_WORLD.Create_intercomm(0, MPI.COMM_SELF, 5)
    except MPI.Exception as error:
        return "ERR_RANK" if error == MPI.ERR_RANK else str(error)
    return "nothing"


# --- handles ---------------------------------------------------------------------------------------------


def test_handles_are_equal_pickled_by_name_and_null_once_freed() -> None:
    """Constants pickle to themselves, copies equal them, and a freed communicator raises errors."""
    assert run_world(1, _handles) == [True]


def _handles() -> bool:
    from mpi_actors import MPI

    world = MPI.COMM_WORLD
    for constant in (world, MPI.COMM_SELF, MPI.COMM_NULL):
        assert pickle.loads(pickle.dumps(constant)) is constant
        assert copy.copy(constant) is constant
        other = pickle.loads(pickle.dumps(type(constant)(constant)))
        assert other is not constant
        assert other == constant
        assert type(constant).fromhandle(constant.handle) == constant
    dup = world.Dup()
    with pytest.raises(ValueError, match="pickle"):
        pickle.dumps(dup)
    also = MPI.Comm.fromint(dup.toint())
    assert type(also) is MPI.Intracomm
    assert also == dup != world
    dup.Free()
    assert dup == MPI.COMM_NULL
    with pytest.raises(MPI.Exception):
        also.Get_size()
    with pytest.raises(MPI.Exception):
        also.send(1, 0)
    with pytest.raises(TypeError):
        hash(world)
    with pytest.raises(TypeError):
        MPI.Intercomm(world)
    copied = MPI.Intracomm(world)
    copied.free()
    assert not copied
    world.free()
    assert world
    return True


def test_subclasses_make_their_own_kind_when_duplicated() -> None:
    """Dup returns the program's own class, Split the library's class."""
    assert run_world(1, _subclass) == [True]


def _subclass() -> bool:
    from mpi_actors import MPI

    class Mine(MPI.Intracomm):
        def __new__(cls, comm: Any = None) -> Any:
            return super().__new__(cls, comm and comm.Dup())

    comm = Mine(MPI.COMM_WORLD)
    assert comm != MPI.COMM_WORLD
    assert type(comm.Dup()) is Mine
    assert type(comm.Split()) is MPI.Intracomm
    return True


def test_attributes_hints_and_names() -> None:
    """Dup copies attributes and hints, but not the name; `Free` calls the delete function once."""
    assert run_world(1, _properties) == [["copied", "deleted", "deleted"]]


def _properties() -> list[str]:
    from mpi_actors import MPI

    events = []

    def copy_fn(comm: Any, keyval: int, value: Any) -> Any:
        events.append("copied")
        return value + 1

    comm = MPI.COMM_WORLD.Dup()
    keyval = MPI.Comm.Create_keyval(copy_fn, lambda comm, keyval, value: events.append("deleted"))
    comm.Set_attr(keyval, 1)
    comm.info = MPI.Info.Create({"hint": "yes"})
    comm.name = "mine"
    dup = comm.Dup()
    assert (dup.Get_attr(keyval), dup.name, dup.info.Get("hint")) == (2, "", "yes")
    assert comm.Dup_with_info(MPI.Info.Create()).info.Get("hint") is None
    events.remove("copied")
    dup.Free()
    comm.Free()
    assert MPI.COMM_WORLD.Get_attr(MPI.TAG_UB) >= 32767
    return events


# --- error handlers --------------------------------------------------------------------------------------


def test_error_handlers_of_the_program_are_called_and_the_error_is_raised() -> None:
    """A duplicate inherits the handler until it is given another one."""
    assert run_world(1, _handler) == [[("ERR_RANK", True), ("ERR_TAG", True)]]


def _handler() -> list[tuple[str, bool]]:
    from mpi_actors import MPI

    seen = []
    names = {MPI.ERR_RANK: "ERR_RANK", MPI.ERR_TAG: "ERR_TAG"}
    comm = MPI.COMM_SELF.Dup()
    comm.Set_errhandler(MPI.Comm.Create_errhandler(lambda c, code: seen.append((names[code], c == comm))))
    child = comm.Dup()
    with pytest.raises(MPI.Exception):
        comm.send(0, 5)
    with pytest.raises(MPI.Exception):
        comm.Irecv(bytearray(1), 0, -9)
    child.Set_errhandler(MPI.ERRORS_RETURN)
    with pytest.raises(MPI.Exception):
        child.send(0, 5)
    return seen


def test_locks_by_name() -> None:
    """A name stands for one lock; mpi4py's private duplicate is freed with its communicator."""
    assert run_world(1, _locks) == [True]


def _locks() -> bool:
    from mpi_actors import MPI
    from mpi_actors.mpi.comm import _comm_lock, _comm_lock_table, _commctx_intra

    comm = MPI.COMM_SELF.Dup()
    assert _comm_lock_table(comm) == {}
    with _comm_lock(comm, "x"):
        assert not _comm_lock(comm, "x").acquire(blocking=False)
    assert list(_comm_lock_table(comm)) == ["x"]
    (first, tag), (second, next_tag) = _commctx_intra(comm), _commctx_intra(comm)
    assert first == second != comm
    assert next_tag != tag
    comm.Free()
    with pytest.raises(MPI.Exception):
        first.Get_rank()
    return True


@pytest.mark.parametrize("name", ["Revoke", "Shrink", "Get_failed"])
def test_absent_methods_say_that_they_are_absent(name: str) -> None:
    """Methods for lost ranks raise NotImplementedError with their name."""
    from mpi_actors.mpi.comm import COMM_WORLD

    with pytest.raises(NotImplementedError, match=name):
        getattr(COMM_WORLD, name)()


@pytest.mark.parametrize("handler", ["ERRORS_ARE_FATAL", "ERRORS_ABORT"])
def test_fatal_errors_end_the_job_and_returned_ones_do_not(handler: str) -> None:
    """ERRORS_ARE_FATAL and ERRORS_ABORT end the process with the error's code as its status."""
    assert run_world(1, _fatal, "ERRORS_RETURN") == ["went on"]
    with pytest.raises(WorldFailed, match="rank 0 ended with status 6"):
        run_world(1, _fatal, handler)


def _fatal(handler: str) -> str:
    from mpi_actors import MPI

    assert MPI.ERR_RANK == 6
    MPI.COMM_WORLD.Set_errhandler(getattr(MPI, handler))
    with contextlib.suppress(MPI.Exception):
        MPI.COMM_WORLD.send(0, 5)
    return "went on"


def communicators_that_come_and_go() -> int:
    """Make, use and free many communicators. Return the number of queues that the engine then has."""
    from mpi_actors import MPI
    from mpi_actors.mpi.engine import engine

    world = MPI.COMM_WORLD
    for _ in range(50):
        comm = world.Dup()
        comm.sendrecv(comm.rank, (comm.rank + 1) % comm.size)
        assert comm.allreduce(1) == comm.size
        comm.Free()
    world.Barrier()
    matching = engine().matching
    return len(matching.posted) + len(matching.unexpected)


def test_freed_communicators_leave_no_queues() -> None:
    """Programs may make and free any number of communicators: only the queues of COMM_WORLD remain."""
    assert max(run_world(3, communicators_that_come_and_go)) <= 4
