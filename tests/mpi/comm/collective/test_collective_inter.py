"""Collective operations between two groups, on real ranks, against the results that the standard demands."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from mpi_worlds import run_world


def block(world: int, part: int, count: int) -> list[int]:
    """The numbers that a rank sends as a block."""
    return [1000 * world + 10 * part + i for i in range(count)]


class Side:
    """One rank's view of the two groups."""

    def __init__(self, cut: int) -> None:
        from mpi_actors import MPI

        world = MPI.COMM_WORLD
        self.mpi = MPI
        self.world, size = world.Get_rank(), world.Get_size()
        self.first = self.world < cut
        self.local = list(range(cut) if self.first else range(cut, size))
        self.remote = list(range(cut, size) if self.first else range(cut))
        group = world.Split(int(self.first))
        assert isinstance(group, MPI.Intracomm)
        self.group = group
        self.comm = self.group.Create_intercomm(0, world, self.remote[0])
        self.rank = self.comm.Get_rank()

    def root(self, of_first: bool, place: int) -> int:
        """The argument `root` of this rank when the root is rank `place` of one group."""
        if self.first != of_first:
            return place
        return self.mpi.ROOT if self.rank == place else self.mpi.PROC_NULL

    def call(self, form: str, name: str, *arguments: Any) -> None:
        """Do an operation in one of its three forms, and wait until it is complete."""
        if form == "plain":
            getattr(self.comm, name)(*arguments)
        elif form == "I":
            getattr(self.comm, "I" + name.lower())(*arguments).Wait()
        else:
            request = getattr(self.comm, name + "_init")(*arguments)
            request.Start()
            request.Wait()
            request.Free()


def total(worlds: list[int], count: int) -> list[int]:
    """The sum of the blocks of some ranks."""
    return [sum(column) for column in zip(*(block(world, 0, count) for world in worlds), strict=True)]


def parts(data: array[int], lengths: list[int]) -> list[list[int]]:
    """Cut data into consecutive blocks of these lengths."""
    return [data[sum(lengths[:i]) : sum(lengths[: i + 1])].tolist() for i in range(len(lengths))]


def rooted(cut: int, form: str, count: int) -> None:
    """One rank of `test_rooted_operations_cross_over`; every rank of each group is the root in turn."""
    side = Side(cut)
    for of_first in (True, False):
        group = side.local if side.first == of_first else side.remote
        others = side.remote if side.first == of_first else side.local
        for place, root_world in enumerate(group):
            root = side.root(of_first, place)
            here, sending = root == side.mpi.ROOT, root >= 0
            buffer = array("q", block(root_world, 0, count) if here else [-1] * count)
            side.call(form, "Bcast", buffer if here or sending else None, root)
            assert buffer.tolist() == (block(root_world, 0, count) if here or sending else [-1] * count)

            for name in ("Gather", "Gatherv"):
                lengths = [count + (other if name == "Gatherv" else 0) for other in range(len(others))]
                got = array("q", [-1] * sum(lengths))
                own = array("q", block(side.world, place, lengths[side.rank])) if sending else None
                into = [got, lengths if name == "Gatherv" else count, side.mpi.INT64_T] if here else None
                side.call(form, name, own, into, root)
                if here:
                    blocks = [block(other, place, n) for other, n in zip(others, lengths, strict=True)]
                    assert parts(got, lengths) == blocks

            for name in ("Scatter", "Scatterv"):
                lengths = [count + (other if name == "Scatterv" else 0) for other in range(len(others))]
                given = array("q", [x for i, n in enumerate(lengths) for x in block(root_world, i, n)])
                out = [given, lengths if name == "Scatterv" else count, side.mpi.INT64_T] if here else None
                got = array("q", [-1] * lengths[side.rank]) if sending else array("q")
                side.call(form, name, out, got if sending else None, root)
                if sending:
                    assert got.tolist() == block(root_world, side.rank, lengths[side.rank])

            own = array("q", block(side.world, 0, count)) if sending else None
            result = array("q", [-1] * count) if here else None
            side.call(form, "Reduce", own, result, side.mpi.SUM, root)
            if here:
                assert result is not None
                assert result.tolist() == total(others, count)


def unrooted(cut: int, form: str, count: int) -> None:
    """One rank of `test_operations_of_all_with_all_cross_over`."""
    side = Side(cut)
    there, here = len(side.remote), len(side.local)
    side.comm.Barrier()
    side.comm.Ibarrier().Wait()
    for name in ("Allgather", "Allgatherv"):
        vector = name == "Allgatherv"
        lengths = [count + (other if vector else 0) for other in range(there)]
        got = array("q", [-1] * sum(lengths))
        own = array("q", block(side.world, 0, count + (side.rank if vector else 0)))
        side.call(form, name, own, [got, lengths if vector else count, side.mpi.INT64_T])
        blocks = [block(other, 0, n) for other, n in zip(side.remote, lengths, strict=True)]
        assert parts(got, lengths) == blocks
    for name in ("Alltoall", "Alltoallv"):
        vector = name == "Alltoallv"
        lengths = [count + (side.rank + other if vector else 0) for other in range(there)]
        got = array("q", [-1] * sum(lengths))
        own = array("q", [x for i, n in enumerate(lengths) for x in block(side.world, i, n)])
        counts = lengths if vector else count
        side.call(form, name, [own, counts, side.mpi.INT64_T], [got, counts, side.mpi.INT64_T])
        assert parts(got, lengths) == [
            block(other, side.rank, n) for other, n in zip(side.remote, lengths, strict=True)
        ]
    out = array("q", block(side.world, 0, count))
    result = array("q", [-1] * count)
    side.call(form, "Allreduce", out, result, side.mpi.SUM)
    assert result.tolist() == total(side.remote, count)
    all_of_it = here * there * count  # the same number on both sides
    out = array("q", block(side.world, 0, all_of_it))
    whole = total(side.remote, all_of_it)
    each = all_of_it // here
    result = array("q", [-1] * each)
    side.call(form, "Reduce_scatter_block", out, result, side.mpi.SUM)
    assert result.tolist() == whole[side.rank * each : side.rank * each + each]
    lengths = [each + (1 if place == 0 else 0) - (1 if place == here - 1 else 0) for place in range(here)]
    result = array("q", [-1] * lengths[side.rank])
    side.call(form, "Reduce_scatter", out, result, lengths, side.mpi.SUM)
    assert result.tolist() == parts(array("q", whole), lengths)[side.rank]


def objects(cut: int) -> None:
    """One rank of `test_objects_cross_over`."""
    side = Side(cut)
    comm, remote = side.comm, side.remote
    comm.barrier()
    for of_first in (True, False):
        group = side.local if side.first == of_first else side.remote
        others = side.remote if side.first == of_first else side.local
        for place, root_world in enumerate(group):
            root = side.root(of_first, place)
            here, sending = root == side.mpi.ROOT, root >= 0
            assert comm.bcast({"root": side.world}, root) == ({"root": root_world} if sending else None)
            assert comm.gather((side.world,), root) == ([(other,) for other in others] if here else None)
            blocks = [(side.world, i) for i in range(len(others))] if here else None
            assert comm.scatter(blocks, root) == ((root_world, side.rank) if sending else None)
            reduced = comm.reduce(f"<{side.world}>", side.mpi.SUM, root)
            assert reduced == ("".join(f"<{other}>" for other in others) if here else None)
        with pytest.raises(side.mpi.Exception) as wrong:
            comm.reduce(1, side.mpi.SUM, len(remote))
        assert wrong.value.Get_error_class() == side.mpi.ERR_ROOT
    assert comm.allgather([side.world]) == [[other] for other in remote]
    sent = [(side.world, i) for i in range(len(remote))]
    assert comm.alltoall(sent) == [(other, side.rank) for other in remote]
    assert comm.allreduce(f"<{side.world}>", side.mpi.SUM) == "".join(f"<{other}>" for other in remote)


CUTS = [(2, 1), (3, 1), (4, 2), (5, 2)]
FORMS = ["plain", "I", "_init"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("size", "cut"), CUTS)
def test_rooted_operations_cross_over(size: int, cut: int, form: str) -> None:
    """What the root of one group sends reaches the other group, and what that sends reaches the root."""
    run_world(size, rooted, cut, form, 3)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("size", "cut"), CUTS)
def test_operations_of_all_with_all_cross_over(size: int, cut: int, form: str) -> None:
    """Each process receives what the other group has, not its own group."""
    run_world(size, unrooted, cut, form, 3)


def test_long_messages_cross_over() -> None:
    """Buffers of 160 kB arrive whole, too."""
    run_world(3, rooted, 1, "plain", 20_000)
    run_world(3, unrooted, 1, "plain", 20_000)


@pytest.mark.parametrize(("size", "cut"), CUTS)
def test_objects_cross_over(size: int, cut: int) -> None:
    """The same holds for Python objects; a wrong root raises ERR_ROOT."""
    run_world(size, objects, cut)
