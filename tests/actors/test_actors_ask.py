"""`ask` sends a question and returns its answer."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from mpi_actors.actors import Mailbox, Reply, ask
from mpi_actors.errors import NoReply


@attrs.frozen
class Question:
    """Any question."""

    number: int
    reply: Reply[str]


async def asked(box: Mailbox[Question], *, control: bool = False) -> str:
    """Ask, with a deadline of 5 virtual seconds."""
    return await ask(box, lambda reply: Question(1, reply), deadline=5, control=control)


@pytest.mark.parametrize("control", [False, True])
async def test_the_answer_comes_back(autojump_clock: trio.testing.MockClock, control: bool) -> None:
    """`ask` returns what the actor sends to the reply; the question goes to the chosen box."""
    box: Mailbox[Question] = Mailbox("m")

    async def actor() -> None:
        await wait_all_tasks_blocked()
        waiting = box.statistics()
        assert (waiting.control if control else waiting.data) == 1
        question = await box.next()
        assert question.reply.send(f"answer {question.number}")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor)
        answer = await asked(box, control=control)
    assert answer == "answer 1"


async def test_a_refusal_is_raised_at_the_asker(autojump_clock: trio.testing.MockClock) -> None:
    """`refuse(error)` makes `ask` raise that very error; `refuse()` makes it raise NoReply."""
    box: Mailbox[Question] = Mailbox("m")
    error = ValueError("bad question")

    async def actor() -> None:
        assert (await box.next()).reply.refuse(error)
        assert (await box.next()).reply.refuse()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor)
        with pytest.raises(ValueError, match="bad question") as caught:
            await asked(box)
        assert error is caught.value
        with pytest.raises(NoReply, match="refused"):
            await asked(box)


async def test_no_answer_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """After the deadline `ask` raises NoReply; an answer that comes later is a dead letter."""
    box: Mailbox[Question] = Mailbox("m")
    start = trio.current_time()
    with pytest.raises(NoReply, match="within 5 s"):
        await asked(box)
    assert trio.current_time() - start == 5
    question = box.next_nowait()
    assert question.reply.settled
    assert not question.reply.send("late")
    assert not question.reply.refuse()
    assert [letter.kind for letter in box.dead_letters.report().recent] == ["str", "NoReply"]


async def test_the_deadline_covers_delivery(autojump_clock: trio.testing.MockClock) -> None:
    """A full data box does not keep the asker beyond the deadline; the question is not delivered."""
    box: Mailbox[Question] = Mailbox("m", capacity=1)
    filler = Question(0, Reply("nobody", box.dead_letters))
    await box.tell(filler)
    with pytest.raises(NoReply):
        await asked(box)
    assert filler is box.next_nowait()
    with pytest.raises(trio.WouldBlock):
        box.next_nowait()


async def test_only_the_first_answer_counts(autojump_clock: trio.testing.MockClock) -> None:
    """A second answer returns False and is a dead letter."""
    box: Mailbox[Question] = Mailbox("m")

    async def actor() -> None:
        reply = (await box.next()).reply
        assert [reply.send("one"), reply.send("two")] == [True, False]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor)
        assert await asked(box) == "one"
    assert box.dead_letters.total == 1


@pytest.mark.parametrize("how", ["closed before", "closed after", "in hand", "control full"])
async def test_a_dropped_question_is_answered_at_once(
    autojump_clock: trio.testing.MockClock, how: str
) -> None:
    """When a question becomes a dead letter, `ask` raises at once, before the deadline."""
    box: Mailbox[Question] = Mailbox("m", control_capacity=1)
    start = trio.current_time()

    async def asker(control: bool) -> None:
        with pytest.raises(NoReply, match="dropped"):
            await asked(box, control=control)
        assert start == trio.current_time()

    async with trio.open_nursery() as nursery:
        if how == "closed before":
            box.close()
        if how == "control full":
            box.post(Question(0, Reply("nobody", box.dead_letters)))
        nursery.start_soon(asker, how == "control full")
        await wait_all_tasks_blocked()
        if how == "closed after":
            box.close()
        if how == "in hand":
            await box.next()
            box.drop_in_hand()


async def test_an_answer_given_before_the_actor_failed_stands(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """An actor that answered and then fails has answered all the same."""
    box: Mailbox[Question] = Mailbox("m")

    async def actor() -> None:
        (await box.next()).reply.send("in time")
        box.drop_in_hand()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor)
        assert await asked(box) == "in time"


async def test_a_cancelled_asker_leaves_nothing_waiting(autojump_clock: trio.testing.MockClock) -> None:
    """A cancelled `ask` ends, and the actor can see that nobody waits for the answer."""
    box: Mailbox[Question] = Mailbox("m")
    with trio.move_on_after(1) as scope:
        await asked(box)
    assert scope.cancelled_caught
    assert box.next_nowait().reply.settled
