"""A new incarnation whose program has ended is compared with what every other rank has, before it says so."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from engine_scenes import Program, Scene

from mpi_actors.errors import ReplayDivergence
from mpi_actors.mpi.engine import SYNCHRONOUS, Transfer
from mpi_actors.mpi.engine.engine import Engine

Steps = Generator[list[Transfer], None, list[bytes]]


def sends(first: bytes, later: bytes | None) -> Program:
    """A rank that sends rank 0 a message; another one, or none, in its later incarnations."""

    def run(engine: Engine) -> Steps:
        payload = later if engine.incarnation else first
        yield [engine.isend(0, 4, 1, payload)] if payload is not None else []
        return []

    return run


def takes(count: int) -> Program:
    """A rank that receives so many messages of rank 1."""

    def run(engine: Engine) -> Steps:
        got = [engine.irecv(1, 4, 1, None) for _ in range(count)]
        yield got
        return [bytes(each.payload or b"") for each in got]

    return run


@contextmanager
def scene(*programs: Program) -> Iterator[Scene]:
    """A scene in which all programs have ended once."""
    it = Scene(list(programs))
    try:
        it.finish()
        yield it
    finally:
        it.close()


def end(it: Scene, rank: int) -> None:
    """End the rank's program as `report_end` does, while the others are served."""
    partners = [partner for partner in it.engines[rank].partners if partner.rank != rank]
    for _ in range(10_000):
        for _ in range(3 * it.size):
            it.step()
        with it.engines[rank].lock:
            left = [partner for partner in partners if not partner.ask_to_compare()]
            if not left:
                return
    raise AssertionError("no end")


def test_an_equal_life_ends() -> None:
    """All ranks say that they have compared it, also one that it has never spoken to."""
    with scene(takes(1), sends(b"pay 100", b"pay 100"), takes(0)) as it:
        it.kill(1)
        end(it, 1)
        assert all(partner.compared for partner in it.engines[1].partners if partner.rank != 1)


def test_a_life_that_sends_nothing_is_caught_by_lanes_that_it_never_asked_for() -> None:
    """The first life's message was acted upon."""
    with scene(takes(1), sends(b"pay 100", None)) as it:
        it.kill(1)
        with pytest.raises(ReplayDivergence, match="1 messages to rank 0 short"):
            end(it, 1)


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
def test_no_digest_is_under_way_at_the_end(cut: bool) -> None:
    """The other rank finds the difference before it says that it has compared everything."""
    with scene(takes(1), sends(b"pay 100", b"pay 200")) as it:
        it.kill(1)
        if cut:
            it.wants.append((0, 1))
            it.step()
            it.cut(0, 1)
        with pytest.raises(ReplayDivergence, match="is not what it had sent before"):
            end(it, 1)


def test_a_partner_that_is_replaced_is_waited_for() -> None:
    """It has nothing of earlier incarnations: it only has to be there."""
    with scene(takes(1), sends(b"a", b"a")) as it:
        it.kill(1)
        it.kill(0)
        end(it, 1)
        assert it.engines[1].partners[0].compared


def waits_on(engine: Engine, transfer: Transfer) -> bool:
    """Return whether a call that waits for a message of rank 1 would go on."""
    with engine.lock:
        return engine.partners[1].has_brought(transfer)


def test_who_waits_for_a_life_that_has_ended_is_told() -> None:
    """The later life has ended without a message that another rank waits for: that can never come."""
    with scene(takes(1), sends(b"a", b"a"), takes(0)) as it:
        other = it.engines[2]
        receive = other.irecv(1, 4, 1, None)
        it.kill(1)
        assert not waits_on(other, receive)
        end(it, 1)
        assert other.partners[1].quits
        with pytest.raises(ReplayDivergence, match="has ended, but rank 2 waits for another message from it"):
            waits_on(other, receive)
        it.kill(1)
        assert not waits_on(other, receive)


def test_a_life_that_has_ended_may_still_owe_messages_of_collective_operations() -> None:
    """Its process goes on with those that it has begun."""
    with scene(takes(0), sends(b"a", b"a"), takes(0)) as it:
        other = it.engines[2]
        receive = other.irecv(1, 5, 1, None)
        it.kill(1)
        it.engines[1].outlets[2].reserve()
        end(it, 1)
        assert not waits_on(other, receive)


@pytest.mark.parametrize("size", [1, 2_000_000], ids=["sent at once", "announced"])
def test_a_life_that_receives_less_than_a_synchronous_sender_knows_is_caught(size: int) -> None:
    """The sender went on because its message was received: that cannot be taken back."""

    def sends_synchronously(engine: Engine) -> Steps:
        yield [engine.isend(1, 4, 1, b"x" * size, SYNCHRONOUS)]
        return []

    def takes_once(engine: Engine) -> Steps:
        got = [] if engine.incarnation == 1 else [engine.irecv(0, 4, 1, None)]
        yield got
        return []

    with scene(sends_synchronously, takes_once) as it:
        it.kill(1)
        with pytest.raises(ReplayDivergence, match="ended without receiving message number 0 of rank 0"):
            end(it, 1)
        it.kill(1)
        end(it, 1)
