"""Collective operations on real ranks, against a model in one process."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from collective_model import Call, Split, draw, expected, groups
from mpi_worlds import run_world


def on_rank(program: list[Split | Call], seed: int) -> list[Any]:
    """One rank of a world. It imports MPI itself: importing MPI initializes it."""
    from collective_player import play

    return play(program, seed)


def check(program: list[Split | Call], size: int, seed: int) -> None:
    """Run a program and compare what each rank received in each call with the model."""
    made = groups(program, size)
    calls = [step for step in program if isinstance(step, Call)]
    for world, results in enumerate(run_world(size, on_rank, program, seed)):
        assert len(results) == len(calls)
        for call, result in zip(calls, results, strict=True):
            group = next(group for group in made[call.where] if world in group)
            assert result == expected(call, group, group.index(world)), (world, group, call)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_random_collectives_on_random_trees_of_communicators_give_what_the_model_gives(
    size: int, seed: int
) -> None:
    """60 random steps: every rank receives in every call what the model computes."""
    check(draw(Random(100 * size + seed), size, 60), size, seed)


LONG = ["Bcast", "Allgather", "Alltoall", "Allreduce", "Reduce", "Reduce_scatter", "Scan"]


@pytest.mark.parametrize("name", LONG)
def test_long_messages_arrive_whole(name: str) -> None:
    """Buffers of 240 kB arrive whole in each of the three modes."""
    modes = ("blocking", "nonblocking", "persistent")
    program: list[Split | Call] = [
        Call(0, name, 30_003, number, mode, number == 1, False, False, number)
        for number, mode in enumerate(modes)
    ]
    check(program, 3, 0)


def many_at_once(number: int) -> list[int]:
    """One rank of `test_many_requests_of_one_communicator_are_kept_apart`."""
    from array import array

    from mpi_actors import MPI

    world = MPI.COMM_WORLD
    rank, size = world.Get_rank(), world.Get_size()
    buffers = [array("q", [rank + i]) for i in range(number)]
    requests = [world.Iallreduce(MPI.IN_PLACE, buffer) for buffer in buffers]
    barrier = world.Ibarrier()
    order = list(range(number))
    Random(rank).shuffle(order)
    for i in order:
        requests[i].Wait()
    barrier.Wait()
    return [buffer[0] - size * i for i, buffer in enumerate(buffers)]


def test_many_requests_of_one_communicator_are_kept_apart() -> None:
    """50 requests at once, completed in another order at each rank, do not exchange their data."""
    for sums in run_world(4, many_at_once, 50):
        assert sums == [6] * 50


def in_other_orders() -> list[list[int]]:
    """One rank of `test_persistent_operations_may_be_started_in_other_orders_elsewhere`."""
    from array import array

    from mpi_actors import MPI

    world = MPI.COMM_WORLD
    rank = world.Get_rank()
    given, got = array("q", [0]), [array("q", [0]) for _ in range(4)]
    ops = (MPI.SUM, MPI.MAX) * 2
    requests = [world.Allreduce_init(given, into, op) for into, op in zip(got, ops, strict=True)]
    results = []
    for turn in range(3):
        given[0] = rank + turn
        order = list(range(4))
        Random(10 * rank + turn).shuffle(order)
        for place in order:
            requests[place].Start()
        MPI.Request.Waitall([requests[place] for place in reversed(order)])
        results.append([into[0] for into in got])
    for request in requests:
        request.Free()
    return results


def test_persistent_operations_may_be_started_in_other_orders_elsewhere() -> None:
    """Requests match by the order in which they were made, not by that of their starts."""
    expected_results = [[3 + 3 * turn, 2 + turn] * 2 for turn in range(3)]
    assert run_world(3, in_other_orders) == [expected_results] * 3


def freed_before_the_start() -> list[int]:
    """One rank of `test_what_is_freed_may_still_be_used_by_persistent_operations`."""
    from array import array

    from mpi_actors import MPI

    def add(a: Any, b: Any, datatype: Any) -> None:
        into = memoryview(b).cast("B").cast("i")
        for place, value in enumerate(memoryview(a).cast("B").cast("i")):
            into[place] += value

    world = MPI.COMM_WORLD
    rank = world.Get_rank()
    memory, result = array("i", [rank] * 4), array("i", [rank] * 2)
    datatype, op = MPI.INT.Create_vector(2, 1, 2).Commit(), MPI.Op.Create(add)
    pair = MPI.INT.Create_contiguous(2).Commit()
    bcast = world.Bcast_init([memory, 1, datatype])
    requests = [bcast, world.Allreduce_init(MPI.IN_PLACE, [result, 1, pair], op)]
    for freed in (datatype, op, pair):
        freed.Free()
    MPI.Prequest.Startall(requests)
    MPI.Request.Waitall(requests)
    return [*memory, *result]


def test_what_is_freed_may_still_be_used_by_persistent_operations() -> None:
    """A request keeps the datatypes and the operation that the program has freed since."""
    assert run_world(2, freed_before_the_start) == [[0, 0, 0, 0, 1, 1], [0, 1, 0, 1, 1, 1]]


def bad_calls() -> list[Any]:
    """One rank of `test_wrong_arguments_are_found_before_anything_is_sent`."""
    from array import array

    from mpi_actors import MPI

    world, null = MPI.COMM_WORLD, MPI.COMM_NULL
    size = world.Get_size()
    one, two = array("q", [1]), array("q", [1, 2])
    freed = world.Dup()
    freed.Free()
    calls: list[Callable[[], object]] = [
        lambda: world.Bcast(one, size),
        lambda: world.Bcast(one, -1),
        lambda: world.bcast(1, size),
        lambda: world.Reduce(one, two[:1], MPI.SUM, MPI.ROOT),
        lambda: world.Bcast(MPI.IN_PLACE, 0),
        lambda: world.Allgather(one, MPI.IN_PLACE),
        lambda: world.Allreduce(one, two[:1], MPI.OP_NULL),
        lambda: world.allreduce(1, MPI.OP_NULL),
        lambda: world.Allreduce([one, 1, MPI.DOUBLE], [two, 1, MPI.DOUBLE], MPI.BAND),
        lambda: null.Barrier(),
        lambda: null.bcast(1),
        lambda: freed.Barrier(),
        lambda: freed.Ibarrier(),
        lambda: world.Allgather(two, array("q", [0] * size)),
        lambda: world.Allgather(one, array("q", [0] * 2 * size)),
        lambda: world.Allreduce(one, two),
        lambda: world.Allreduce([one, 1, MPI.DOUBLE], two[:1]),
        lambda: world.Bcast(b"read-only", (world.Get_rank() + 1) % size),
        lambda: world.scatter([1] * (size + 1), world.Get_rank()),
        lambda: world.Reduce_scatter(one, one, [1] * (size + 1)),
    ]
    outcome: list[Any] = []
    for call in calls:
        try:
            call()
        except MPI.Exception as error:
            outcome.append(error.Get_error_class())
        except (TypeError, ValueError, BufferError) as error:
            outcome.append(type(error).__name__)
        else:
            outcome.append("nothing")
    world.Barrier()
    return outcome


def test_wrong_arguments_are_found_before_anything_is_sent() -> None:
    """Each wrong call raises its error at all ranks, and the next operation works."""
    from mpi_actors.mpi.constants import ERR_BUFFER, ERR_COMM, ERR_COUNT, ERR_OP, ERR_ROOT, ERR_TRUNCATE

    classes = [ERR_ROOT] * 4 + [ERR_BUFFER] * 2 + [ERR_OP] * 3 + [ERR_COMM] * 4 + [ERR_TRUNCATE, ERR_COUNT]
    wrong = [*classes, "ValueError", "ValueError", "BufferError", "ValueError", "ValueError"]
    assert run_world(2, bad_calls) == [wrong, wrong]


def different_ones() -> Any:
    """One rank of `test_members_in_different_operations_get_an_error`."""
    from mpi_actors import MPI

    world = MPI.COMM_WORLD
    buffer = bytearray(8)
    try:
        if world.Get_rank() == 0:
            world.Bcast(buffer, 0)
        else:
            world.Barrier()
    except MPI.Exception as error:
        return error.Get_error_class(), str(error)
    return None


def test_members_in_different_operations_get_an_error() -> None:
    """A rank that receives a message of another operation raises an error that names both."""
    from mpi_actors.mpi.constants import ERR_OTHER

    told = run_world(2, different_ones)[1]
    assert told is not None
    assert told[0] == ERR_OTHER
    assert "Barrier" in told[1]
    assert "Bcast" in told[1]


def user_errors() -> Any:
    """One rank of `test_what_a_users_operation_raises_comes_out_of_the_call`."""
    from mpi_actors import MPI

    def broken(a: Any, b: Any, datatype: Any) -> None:
        raise LookupError("no such sum")

    world = MPI.COMM_WORLD
    op = MPI.Op.Create(broken)
    if world.Get_rank() == 0:
        with pytest.raises(LookupError):
            world.Reduce(bytearray(1), bytearray(1), op, 0)
        with pytest.raises(LookupError):
            world.Ireduce(bytearray(1), bytearray(1), op, 0).Wait()
        return "raised"
    world.Reduce(bytearray(1), None, op, 0)
    world.Ireduce(bytearray(1), None, op, 0).Wait()
    return "sent"


def test_what_a_users_operation_raises_comes_out_of_the_call() -> None:
    """The program sees its own exception at the rank that combined, and the others go on."""
    assert run_world(2, user_errors) == ["raised", "sent"]
