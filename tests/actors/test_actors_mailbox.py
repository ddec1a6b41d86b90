"""The mailbox: order, back-pressure, cancellation, closing, dead letters."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from mpi_actors.actors import DeadLetters, Mailbox
from mpi_actors.errors import MailboxClosed


def drain(box: Mailbox[int]) -> list[int]:
    """Take all messages that can be read without waiting."""
    found = []
    while True:
        try:
            found.append(box.next_nowait())
        except trio.WouldBlock:
            return found


@given(st.lists(st.booleans(), max_size=30))
def test_control_comes_first_and_each_box_keeps_its_order(kinds: list[bool]) -> None:
    """The actor reads all of control, then all of data, each in the order sent."""
    box: Mailbox[int] = Mailbox("m")
    for number, is_control in enumerate(kinds):
        assert box.post(number) if is_control else box.tell_nowait(number)
    control = [number for number, is_control in enumerate(kinds) if is_control]
    data = [number for number, is_control in enumerate(kinds) if not is_control]
    assert control + data == drain(box)


async def test_a_full_data_box_makes_tellers_wait_and_serves_them_in_order() -> None:
    """Tasks in `tell` are served in the order in which they came; a later one does not overtake."""
    box: Mailbox[int] = Mailbox("m", capacity=1)
    await box.tell(0)
    async with trio.open_nursery() as nursery:
        for number in (1, 2, 3):
            nursery.start_soon(box.tell, number)
            await wait_all_tasks_blocked()
        assert box.statistics().tellers == 3
        assert box.next_nowait() == 0
        assert not box.tell_nowait(99)
        assert [await box.next() for _ in range(3)] == [1, 2, 3]
    assert drain(box) == []


async def test_a_cancelled_tell_delivers_nothing() -> None:
    """The message of a `tell` that was cancelled while it waited never arrives."""
    box: Mailbox[int] = Mailbox("m", capacity=1)
    await box.tell(0)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(box.tell, 1)
            await wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught
    assert drain(box) == [0]


async def test_a_teller_that_was_let_in_is_not_cancelled() -> None:
    """A message is delivered or `tell` is cancelled, never both."""
    box: Mailbox[int] = Mailbox("m", capacity=1)
    await box.tell(0)
    told = False

    async def teller() -> None:
        nonlocal told
        await box.tell(1)
        told = True

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(teller)
            await wait_all_tasks_blocked()
            assert box.next_nowait() == 0
            scope.cancel()
    assert told
    assert drain(box) == [1]


@pytest.mark.parametrize("when", ["before", "with"])
async def test_a_cancelled_next_loses_nothing(when: str) -> None:
    """A message that arrives at the time of a cancellation is taken or stays in its box."""
    box: Mailbox[int] = Mailbox("m")
    taken: list[int] = []

    async def reader() -> None:
        taken.append(await box.next())

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader)
            if when == "with":
                await wait_all_tasks_blocked()
            box.tell_nowait(7)
            scope.cancel()
    assert taken + drain(box) == [7]


async def test_every_waiting_reader_gets_one_message() -> None:
    """Each message wakes a reader, also when several wait."""
    box: Mailbox[int] = Mailbox("m")
    taken: list[int] = []

    async def reader() -> None:
        taken.append(await box.next())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        nursery.start_soon(reader)
        await wait_all_tasks_blocked()
        box.post(1)
        await box.tell(2)
    assert sorted(taken) == [1, 2]


async def test_the_message_of_a_teller_that_is_let_in_wakes_a_reader() -> None:
    """With more readers than room, each message still wakes a reader."""
    box: Mailbox[int] = Mailbox("m", capacity=1)
    taken: list[int] = []

    async def reader() -> None:
        taken.append(await box.next())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        nursery.start_soon(reader)
        await wait_all_tasks_blocked()
        box.tell_nowait(1)
        await box.tell(2)  # full: the reader that was woken has not run yet
        await wait_all_tasks_blocked()
        assert taken == [1, 2]


async def test_control_passes_a_full_data_box() -> None:
    """Unread data blocks neither `post` nor the reading of control."""
    box: Mailbox[int] = Mailbox("m", capacity=1)
    await box.tell(1)
    assert box.post(2)
    assert drain(box) == [2, 1]


async def test_what_does_not_fit_is_a_dead_letter() -> None:
    """A full box refuses at once, and the dead letter has address, type and reason."""
    dead = DeadLetters()
    box: Mailbox[int] = Mailbox("m", capacity=1, control_capacity=1, dead_letters=dead)
    assert [box.tell_nowait(1), box.tell_nowait(2)] == [True, False]
    assert [box.post(3), box.post(4)] == [True, False]
    [count] = dead.report().counts
    assert (count.address, count.kind, count.reason, count.count) == ("m", "int", "mailbox full", 2)
    assert box.statistics().dropped == 2


async def test_closing_wakes_everybody_and_drops_everything() -> None:
    """Waiting `tell` and `next` raise MailboxClosed; unread messages and theirs are dead letters."""
    full: Mailbox[int] = Mailbox("full", capacity=1)
    empty: Mailbox[int] = Mailbox("empty")
    await full.tell(1)
    full.post(2)

    async def expect_closed(box: Mailbox[int], tell: bool) -> None:
        with pytest.raises(MailboxClosed):
            await (box.tell(3) if tell else box.next())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_closed, full, True)
        nursery.start_soon(expect_closed, empty, False)
        await wait_all_tasks_blocked()
        full.close()
        empty.close()
    full.close()
    assert full.dead_letters.total == 3
    with pytest.raises(MailboxClosed):
        await full.tell(4)
    assert not full.post(5)
    assert not full.tell_nowait(6)
    with pytest.raises(MailboxClosed):
        full.next_nowait()
    assert full.statistics().dropped == 6
    assert full.closed


async def test_iteration_ends_when_the_mailbox_closes() -> None:
    """`async for` over a mailbox that closes ends without an error."""
    box: Mailbox[int] = Mailbox("m")
    taken: list[int] = []

    async def reader() -> None:
        taken.extend([message async for message in box])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        await box.tell(1)
        await wait_all_tasks_blocked()
        box.close()
    assert taken == [1]


async def test_a_halt_ends_iteration_but_not_next_and_keeps_messages() -> None:
    """After `halt`, `async for` ends at once, `next` still works, and no message is dropped."""
    box: Mailbox[int] = Mailbox("m")
    by_next: list[int] = []

    async def loop() -> None:
        async for _ in box:
            raise AssertionError("nothing was sent yet")

    async def by_hand() -> None:
        by_next.append(await box.next())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop)
        nursery.start_soon(by_hand)
        await wait_all_tasks_blocked()
        box.halt()
        await wait_all_tasks_blocked()
        box.tell_nowait(1)
    box.tell_nowait(2)
    assert [message async for message in box] == []
    assert by_next == [1]
    assert drain(box) == [2]


async def test_a_reopened_mailbox_takes_messages_again() -> None:
    """After `reopen`, `tell` and iteration work as for a new mailbox."""
    box: Mailbox[int] = Mailbox("m")
    box.halt()
    box.close()
    box.reopen()
    await box.tell(1)
    async for message in box:
        assert message == 1
        break


async def test_the_message_in_hand_is_dropped_once_and_only_while_in_hand() -> None:
    """A message is in hand until the next is asked for; a failure makes a dead letter of it."""
    box: Mailbox[int] = Mailbox("m")
    await box.tell(1)
    assert await box.next() == 1
    box.drop_in_hand()
    box.drop_in_hand()
    assert box.statistics().dropped == 1
    await box.tell(2)
    assert await box.next() == 2
    with trio.move_on_after(0):
        await box.next()
    box.drop_in_hand()
    assert box.statistics().dropped == 1


async def test_statistics_tell_how_full_it_is() -> None:
    """Each attribute counts what its name says."""
    box: Mailbox[int] = Mailbox("m", capacity=5, control_capacity=7)
    for number in range(3):
        await box.tell(number)
    box.post(9)
    box.post(10)
    await box.next()
    seen = box.statistics()
    assert (seen.name, seen.data, seen.capacity, seen.control, seen.control_capacity) == ("m", 3, 5, 1, 7)
    assert (seen.tellers, seen.taken, seen.dropped, seen.closed) == (0, 1, 0, False)


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0)])
def test_a_mailbox_holds_at_least_one(sizes: tuple[int, int]) -> None:
    """A capacity of 0 is refused when the mailbox is made."""
    with pytest.raises(ValueError, match="at least one"):
        Mailbox("m", capacity=sizes[0], control_capacity=sizes[1])


@pytest.mark.parametrize("operation", ["tell", "next"])
async def test_waiting_calls_are_checkpoints(operation: str) -> None:
    """`tell` and `next` can be cancelled and let other tasks run, even if they need not wait."""
    box: Mailbox[int] = Mailbox("m")
    box.tell_nowait(0)
    with trio.testing.assert_checkpoints():
        await (box.tell(1) if operation == "tell" else box.next())
    before = box.statistics()
    with trio.CancelScope() as scope:
        scope.cancel()
        await (box.tell(1) if operation == "tell" else box.next())
    assert scope.cancelled_caught
    assert before == box.statistics()
