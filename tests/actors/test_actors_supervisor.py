"""The supervisor: strategies, kinds of restart, intensity, orderly stop."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from actors_puppets import Boom, Puppets, running
from trio.testing import MockClock, wait_all_tasks_blocked

from mpi_actors.actors import (
    Backoff,
    ChildSpec,
    ChildState,
    Intensity,
    Mailbox,
    Restart,
    Strategy,
    Supervisor,
    current_actor,
)
from mpi_actors.errors import (
    DuplicateChild,
    MailboxClosed,
    RestartIntensityExceeded,
    SupervisorStopped,
    UnknownChild,
)

MANY = Intensity(1000, 1)


async def test_children_start_in_order_and_stop_in_reverse() -> None:
    """`started()` comes after the last child is up; at the end all mailboxes are closed."""
    puppets = Puppets()
    supervisor = Supervisor("sup", children=puppets.specs("abc"))
    async with running(supervisor):
        assert puppets.events == ["+a", "+b", "+c"]
        assert supervisor.snapshot().running
        puppets.events.clear()
    assert puppets.events == ["-c", "-b", "-a"]
    assert not supervisor.snapshot().running
    assert all(box.closed for box in puppets.boxes.values())


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.ONE_FOR_ONE, "-b +b"),
        (Strategy.REST_FOR_ONE, "-b -d -c +b +c +d"),
        (Strategy.ONE_FOR_ALL, "-b -d -c -a +a +b +c +d"),
    ],
    ids=lambda value: value.value if isinstance(value, Strategy) else "",
)
async def test_each_strategy_restarts_its_group(strategy: Strategy, expected: str) -> None:
    """Exactly the children of the group stop in reverse order and start in order, once."""
    puppets = Puppets()
    async with running(Supervisor("sup", strategy=strategy, children=puppets.specs("abcd"))):
        assert await puppets.do("b") == expected


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_siblings_that_crash_together_cause_one_restart(strategy: Strategy) -> None:
    """Each child of the group starts once more, not twice, whichever crash was noticed first."""
    puppets = Puppets()
    supervisor = Supervisor("sup", strategy=strategy, children=puppets.specs("abc"), intensity=MANY)
    async with running(supervisor):
        for generation in range(1, 10):
            await puppets.do("ab")
            assert [child.generation for child in supervisor.snapshot().children] == [generation] * 3


async def test_siblings_that_crash_together_count_as_one_restart() -> None:
    """In a one-for-all group, the restart for the first crash covers the second crash."""
    puppets = Puppets()
    supervisor = Supervisor(
        "sup", strategy=Strategy.ONE_FOR_ALL, children=puppets.specs("abc"), intensity=Intensity(1, 1)
    )
    async with running(supervisor):
        await puppets.do("abc")
        assert supervisor.snapshot().restarts == 1


@pytest.mark.parametrize(
    ("restart", "order", "again"),
    [
        (Restart.PERMANENT, "return", True),
        (Restart.PERMANENT, "crash", True),
        (Restart.TRANSIENT, "return", False),
        (Restart.TRANSIENT, "crash", True),
        (Restart.TEMPORARY, "return", False),
        (Restart.TEMPORARY, "crash", False),
    ],
)
async def test_the_kind_of_restart(restart: Restart, order: str, again: bool) -> None:
    """A child restarts as its kind says; one that does not has gone, and its mailbox is closed."""
    puppets = Puppets()
    supervisor = Supervisor("sup", children=[puppets.spec("a", restart=restart), puppets.spec("b")])
    async with running(supervisor):
        assert await puppets.do("a", order) == ("-a +a" if again else "-a")
        assert again == (not puppets.boxes["a"].closed)
        assert again == ("a" in {child.id for child in supervisor.snapshot().children})


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_a_group_restart_revives_no_temporary_child(strategy: Strategy) -> None:
    """A temporary sibling stops with its group and does not come back, whether it ran or not."""
    puppets = Puppets()
    children = [
        puppets.spec("a"),
        puppets.spec("t", restart=Restart.TEMPORARY),
        puppets.spec("u", restart=Restart.TEMPORARY),
        puppets.spec("n", restart=Restart.TRANSIENT),
        puppets.spec("x", restart=Restart.TRANSIENT),
    ]
    async with running(Supervisor("sup", strategy=strategy, children=children)):
        await puppets.do("un", "return")
        assert await puppets.do("a") == "-a -x -t +a +x"
        assert puppets.boxes["t"].closed


async def test_a_transient_child_that_returns_while_its_group_is_stopped_for_another_is_not_revived() -> None:
    """A normal end in the same moment as a sibling's crash is still a normal end."""
    puppets = Puppets()
    for _ in range(10):  # trio picks the order of simultaneous tasks at random
        children = [puppets.spec("a"), puppets.spec("n", restart=Restart.TRANSIENT)]
        async with running(Supervisor("sup", strategy=Strategy.ONE_FOR_ALL, children=children)):
            puppets.order("a", "crash")
            puppets.order("n", "return")
            await wait_all_tasks_blocked()
            assert puppets.boxes["n"].closed
            assert puppets.live == {"a"}


async def test_the_address_outlives_a_restart() -> None:
    """The next generation of a failed child reads the messages to it, in order."""
    taken: list[tuple[int, int]] = []

    async def actor(box: Mailbox[int]) -> None:
        async for number in box:
            if number == 0:
                raise Boom
            taken.append((current_actor().generation, number))

    spec = ChildSpec(id="a", run=actor)
    async with running(Supervisor("sup", children=[spec])):
        for number in (1, 0, 2, 3):
            await spec.mailbox.tell(number)
        await wait_all_tasks_blocked()
    assert taken == [(0, 1), (1, 2), (1, 3)]
    [letter] = spec.mailbox.dead_letters.report().recent
    assert letter.reason == "in hand when its actor failed or was cancelled"


async def test_a_message_in_hand_when_its_actor_is_cancelled_is_a_dead_letter() -> None:
    """A cancelled actor had not dealt with its message; one that returned had."""

    async def actor(box: Mailbox[float]) -> None:
        await trio.sleep(await box.next())
        await current_actor().stopping.wait()

    for seconds, dropped in ((math.inf, 1), (0, 0)):
        spec = ChildSpec(id="a", run=actor, shutdown=0 if seconds else math.inf)
        async with running(Supervisor("sup", children=[spec])):
            await spec.mailbox.tell(seconds)
            await wait_all_tasks_blocked()
        assert spec.mailbox.statistics().dropped == dropped


async def test_no_run_inherits_the_context_of_whoever_caused_it() -> None:
    """Neither the next generation of a child nor children that it starts see its context variables."""
    mood: ContextVar[str] = ContextVar("mood", default="fresh")
    seen: list[str] = []

    async def actor(box: Mailbox[int]) -> None:
        seen.append(mood.get())
        mood.set("spoilt")
        if current_actor().id == "a" and current_actor().generation == 0:
            await supervisor.start_child(ChildSpec(id="b", run=actor))
            raise Boom
        await box.next()

    supervisor = Supervisor("sup", children=[ChildSpec(id="a", run=actor)])
    async with running(supervisor):
        await wait_all_tasks_blocked()
    assert seen == ["fresh"] * 3


async def test_exceeding_the_intensity_fails_upwards(autojump_clock: MockClock) -> None:
    """After one restart too many all children stop in reverse order; the last failure is the cause."""
    puppets = Puppets()
    supervisor = Supervisor("sup", children=puppets.specs("abc"), intensity=Intensity(2, 10))

    async def crashes() -> None:
        for _ in range(2):
            await puppets.do("b")
            await trio.sleep(4)
        assert puppets.live == set("abc")
        await puppets.do("b")
        assert puppets.live == set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(crashes)
        with pytest.raises(RestartIntensityExceeded, match="Boom: b") as caught:
            await supervisor.run()
    assert isinstance(caught.value.__cause__, Boom)
    assert "'b' (generation 2)" in str(caught.value)
    assert puppets.live == set()
    assert all(box.closed for box in puppets.boxes.values())


async def test_the_error_is_raised_bare_after_all_have_stopped() -> None:
    """`run` raises RestartIntensityExceeded itself, not in a group, also when children are slow to stop."""
    puppets = Puppets()

    async def failing(_: Mailbox[int]) -> None:
        await trio.lowlevel.checkpoint()
        raise Boom("at once")

    children = [*puppets.specs("a"), ChildSpec(id="f", run=failing)]
    with pytest.raises(RestartIntensityExceeded, match="at once"):
        await Supervisor("sup", children=children, intensity=Intensity(0, 1)).run()
    assert puppets.events == ["+a", "-a"]


async def test_restarts_that_are_far_enough_apart_go_on_for_ever(autojump_clock: MockClock) -> None:
    """Only restarts within the period count, by trio's clock."""
    puppets = Puppets()
    async with running(Supervisor("sup", children=puppets.specs("a"), intensity=Intensity(1, 10))):
        for _ in range(20):
            await puppets.do("a")
            await trio.sleep(10.5)
        assert puppets.live == {"a"}


async def test_a_permanent_child_that_keeps_returning_exceeds_the_intensity() -> None:
    """A restart after a normal end counts, too; the error then has no cause and says why."""

    async def brief(_: Mailbox[int]) -> None:
        await trio.lowlevel.checkpoint()

    with pytest.raises(RestartIntensityExceeded, match="it returned") as caught:
        await Supervisor("sup", children=[ChildSpec(id="a", run=brief)]).run()
    assert caught.value.__cause__ is None


# --- orderly stop -----------------------------------------------------------------------------------------


def slow(ends: list[tuple[str, float]], takes: float) -> Callable[[Mailbox[int]], Awaitable[None]]:
    """Make an actor that takes `takes` seconds to stop, and records how and when it ended."""

    async def actor(box: Mailbox[int]) -> None:
        how = "cancelled"
        try:
            await current_actor().stopping.wait()
            await trio.sleep(takes)
            how = "graceful"
        finally:
            ends.append((how, trio.current_time()))

    return actor


@pytest.mark.parametrize("by", ["stop", "cancel", "stop_child"])
@pytest.mark.parametrize(
    ("takes", "shutdown", "expected"),
    [
        (3, 5, ("graceful", 3)),
        (5, 3, ("cancelled", 3)),
        (3, 0, ("cancelled", 0)),
        (9, math.inf, ("graceful", 9)),
    ],
)
async def test_a_child_has_its_grace_and_no_more(
    autojump_clock: MockClock, by: str, takes: float, shutdown: float, expected: tuple[str, float]
) -> None:
    """A child that must stop may take `shutdown` seconds, however the stop came; then it is cancelled."""
    ends: list[tuple[str, float]] = []
    actor = slow(ends, takes)
    supervisor = Supervisor("sup", children=[ChildSpec(id="a", run=actor, shutdown=shutdown)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        await wait_all_tasks_blocked()
        start = trio.current_time()
        if by == "stop":
            supervisor.stop()
        elif by == "cancel":
            nursery.cancel_scope.cancel()
        else:
            await supervisor.stop_child("a")
            supervisor.stop()
    [(how, when)] = ends
    assert (how, when - start) == pytest.approx(expected)


async def test_a_cancelled_supervisor_stops_its_children_one_after_the_other(
    autojump_clock: MockClock,
) -> None:
    """A child is asked to stop only when those started after it, which may need it, have ended."""
    ends: list[tuple[str, float]] = []
    children: list[ChildSpec[Any]] = []
    for id in "abc":
        actor = slow(ends, 1)
        children.append(ChildSpec(id=id, run=actor, shutdown=5))
    with trio.move_on_after(10) as scope:
        start = trio.current_time()
        await Supervisor("sup", children=children).run()
    assert scope.cancelled_caught
    assert [round(when - start, 6) for _, when in ends] == [11, 12, 13]


async def test_an_actor_that_loops_over_its_mailbox_stops_gracefully() -> None:
    """`async for` ends when the actor must stop, so the actor needs no code for that."""
    ended: list[str] = []

    async def actor(box: Mailbox[int]) -> None:
        async for _ in box:
            pass
        ended.append("by itself")

    async with running(Supervisor("sup", children=[ChildSpec(id="a", run=actor, shutdown=5)])):
        await wait_all_tasks_blocked()
    assert ended == ["by itself"]


async def test_asking_twice_gives_no_more_time(autojump_clock: MockClock) -> None:
    """A second stop of the same child waits for the same deadline as the first."""
    ends: list[tuple[str, float]] = []
    actor = slow(ends, 100)
    supervisor = Supervisor("sup", children=[ChildSpec(id="a", run=actor, shutdown=4)])
    async with running(supervisor) as nursery:
        start = trio.current_time()
        nursery.start_soon(supervisor.stop_child, "a")
        await trio.sleep(3)
        await supervisor.stop_child("a")
    assert ends == [("cancelled", start + 4)]


async def test_a_failure_while_stopping_is_noted_and_goes_no_further(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error of a cancelled child, even in a group with Cancelled, is only logged."""

    async def clumsy(_: Mailbox[int]) -> None:
        async def task() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise Boom("in cleanup")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(task)
            await trio.sleep_forever()

    async with running(Supervisor("sup", children=[ChildSpec(id="a", run=clumsy)])):
        await wait_all_tasks_blocked()
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "sup/a failed" in record.getMessage()
    assert "in cleanup" in caplog.text


async def test_an_exception_group_from_a_childs_nursery_is_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A group of exceptions restarts the child like any exception, and is logged with a traceback."""
    runs: list[int] = []

    async def task() -> None:
        raise Boom("in a nursery")

    async def actor(_: Mailbox[int]) -> None:
        runs.append(current_actor().generation)
        if len(runs) == 1:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(task)
        await trio.sleep_forever()

    supervisor = Supervisor("sup", children=[ChildSpec(id="a", run=actor)])
    async with running(supervisor):
        await wait_all_tasks_blocked()
        assert "ExceptionGroup" in supervisor.snapshot().children[0].last_error
    assert runs == [0, 1]
    assert "Boom: in a nursery" in caplog.text


async def test_what_is_no_exception_passes_after_an_orderly_stop() -> None:
    """A KeyboardInterrupt in a child passes through the supervisor, after its siblings have stopped."""
    puppets = Puppets()

    async def interrupted(box: Mailbox[int]) -> None:
        await box.next()
        raise KeyboardInterrupt

    spec: ChildSpec[Any] = ChildSpec(id="k", run=interrupted)
    supervisor = Supervisor("sup", children=[*puppets.specs("ab"), spec])
    spec.mailbox.post(1)
    with pytest.raises(BaseExceptionGroup) as caught:
        await supervisor.run()
    interrupts, others = caught.value.split(KeyboardInterrupt)
    assert interrupts is not None
    assert others is None
    assert puppets.events == ["+a", "+b", "-b", "-a"]
    assert all(box.closed for box in [*puppets.boxes.values(), spec.mailbox])


# --- children come and go ---------------------------------------------------------------------------------


async def test_children_are_added_and_stopped_while_it_runs() -> None:
    """A new child starts at once and stops first; a stopped child has gone for good."""
    puppets = Puppets()
    supervisor = Supervisor("sup", strategy=Strategy.ONE_FOR_ALL, children=puppets.specs("a"))
    async with running(supervisor):
        assert await supervisor.start_child(puppets.spec("b")) is puppets.boxes["b"]
        await supervisor.start_child(puppets.spec("c"))
        assert puppets.live == set("abc")
        await supervisor.stop_child("b")
        assert puppets.boxes["b"].closed
        with pytest.raises(MailboxClosed):
            await puppets.boxes["b"].tell("hello")
        assert await puppets.do("a") == "-a -c +a +c"
    assert puppets.events == ["-c", "-a"]


async def test_a_stopped_child_can_be_added_again() -> None:
    """The same spec works again, and so does its address."""
    puppets = Puppets()
    spec = puppets.spec("a")
    supervisor = Supervisor("sup")
    async with running(supervisor):
        for _ in range(3):
            await supervisor.start_child(spec)
            await supervisor.stop_child("a")
        await supervisor.start_child(spec)
        assert await puppets.do("a") == "-a +a"


async def test_named_errors_for_what_cannot_be_done() -> None:
    """Unknown children, duplicates and a supervisor that does not run have errors of their own."""
    puppets = Puppets()
    supervisor = Supervisor("sup", children=puppets.specs("a"))
    with pytest.raises(SupervisorStopped):
        await supervisor.start_child(puppets.spec("z"))
    async with running(supervisor):
        with pytest.raises(DuplicateChild):
            await supervisor.start_child(ChildSpec(id="a", run=puppets._run))
        with pytest.raises(DuplicateChild):
            await supervisor.start_child(puppets.spec("b", mailbox=puppets.boxes["a"]))
        with pytest.raises(UnknownChild):
            await supervisor.stop_child("b")
        with pytest.raises(RuntimeError, match="is running"):
            await supervisor.run()
        with pytest.raises(RuntimeError, match="is running"):
            supervisor.close()
        assert puppets.live == {"a"}
        supervisor.stop()
        with pytest.raises(SupervisorStopped):
            await supervisor.start_child(puppets.spec("c"))
    with pytest.raises(DuplicateChild):
        Supervisor("sup", children=puppets.specs("aa"))


async def test_a_cancelled_stop_still_stops(autojump_clock: MockClock) -> None:
    """A caller of `stop_child` may give up; the child ends within its grace all the same."""
    ends: list[tuple[str, float]] = []
    actor = slow(ends, 100)
    supervisor = Supervisor("sup", children=[ChildSpec(id="a", run=actor, shutdown=4)])
    async with running(supervisor):
        with trio.move_on_after(1) as scope:
            await supervisor.stop_child("a")
        assert scope.cancelled_caught
        assert supervisor.snapshot().children[0].state is ChildState.STOPPING
        await trio.sleep(4)
        assert supervisor.snapshot().children == ()
    assert len(ends) == 1


async def test_a_slow_stop_keeps_nobody_from_being_supervised(autojump_clock: MockClock) -> None:
    """While one child stops slowly, another is restarted and a third added."""
    puppets = Puppets()
    actor = slow([], 50)
    supervisor = Supervisor(
        "sup", children=[ChildSpec(id="slow", run=actor, shutdown=100), *puppets.specs("a")]
    )
    async with running(supervisor) as nursery:
        nursery.start_soon(supervisor.stop_child, "slow")
        await wait_all_tasks_blocked()
        start = trio.current_time()
        assert await puppets.do("a") == "-a +a"
        await supervisor.start_child(puppets.spec("b"))
        assert trio.current_time() == start


async def test_a_child_may_stop_itself_and_start_siblings() -> None:
    """Calls from inside a child do not deadlock, and its siblings do not inherit its context."""
    puppets = Puppets()
    seen: list[str] = []

    async def sibling(_: Mailbox[int]) -> None:
        seen.append(current_actor().id)
        await trio.sleep_forever()

    async def actor(_: Mailbox[int]) -> None:
        await supervisor.start_child(ChildSpec(id="s", run=sibling))
        await supervisor.stop_child("a")

    supervisor = Supervisor("sup", children=[*puppets.specs("p"), ChildSpec(id="a", run=actor)])
    async with running(supervisor):
        await wait_all_tasks_blocked()
        assert [child.id for child in supervisor.snapshot().children] == ["p", "s"]
    assert seen == ["s"]
    with pytest.raises(LookupError):
        current_actor()


# --- readiness and backoff --------------------------------------------------------------------------------


async def test_a_sibling_waits_for_a_child_that_signals_ready(autojump_clock: MockClock) -> None:
    """The next child, and `started()`, wait until the child is up; so do restarts."""
    starts: list[tuple[str, float]] = []

    async def service(box: Mailbox[int]) -> None:
        await trio.sleep(3)
        current_actor().ready()
        starts.append(("service", trio.current_time()))
        await box.next()
        raise Boom

    async def client(_: Mailbox[int]) -> None:
        starts.append(("client", trio.current_time()))
        await trio.sleep_forever()

    first = ChildSpec(id="service", run=service, signals_ready=True)
    supervisor = Supervisor(
        "sup", strategy=Strategy.REST_FOR_ONE, children=[first, ChildSpec(id="client", run=client)]
    )
    async with running(supervisor) as nursery:
        assert [name for name, _ in starts] == ["service", "client"]
        first.mailbox.post(1)
        await wait_all_tasks_blocked()
        assert supervisor.snapshot().children[0].state is ChildState.STARTING
        assert supervisor.snapshot().children[1].state is ChildState.WAITING
        await trio.sleep(3.5)
        assert [name for name, _ in starts] == ["service", "client"] * 2
        assert nursery.child_tasks


async def test_a_child_that_fails_before_it_is_ready_does_not_lock_up_the_start() -> None:
    """It is restarted as often as the intensity allows; then `run` fails before `started()`."""

    async def hopeless(_: Mailbox[int]) -> None:
        await trio.lowlevel.checkpoint()
        raise Boom("no start")

    puppets = Puppets()
    children = [ChildSpec(id="h", run=hopeless, signals_ready=True), *puppets.specs("a")]
    supervisor = Supervisor("sup", strategy=Strategy.ONE_FOR_ALL, children=children)
    async with trio.open_nursery() as nursery:
        with pytest.raises(RestartIntensityExceeded, match="no start"):
            await nursery.start(supervisor.run)
    assert puppets.events == []


async def test_stopping_while_the_first_children_start_is_orderly() -> None:
    """A stop or a cancellation before a child is up does not wait for it to be up."""

    async def never_ready(_: Mailbox[int]) -> None:
        await trio.sleep_forever()

    puppets = Puppets()
    for how in ("stop", "cancel"):
        children = [*puppets.specs("a"), ChildSpec(id="n", run=never_ready, signals_ready=True)]
        supervisor = Supervisor("sup", children=[*children, *puppets.specs("b")])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervisor.run)
            assert await puppets.quiet() == "+a"
            if how == "stop":
                supervisor.stop()
            else:
                nursery.cancel_scope.cancel()
        assert puppets.events == ["-a"]
        puppets.events.clear()


async def test_backoff_delays_restarts_of_that_child_only(autojump_clock: MockClock) -> None:
    """Waits grow while the child keeps failing, begin again after a healthy run, and delay no sibling."""
    puppets = Puppets()
    backoff = Backoff(first=1, factor=3, longest=5, healthy=60)
    supervisor = Supervisor(
        "sup", children=[puppets.spec("a", backoff=backoff), *puppets.specs("b")], intensity=MANY
    )
    async with running(supervisor):
        for wait in (1, 3, 5, 5):
            assert await puppets.do("a") == "-a"
            assert supervisor.snapshot().children[0].state is ChildState.WAITING
            assert await puppets.do("b") == "-b +b"
            await trio.sleep(wait - 0.1)
            assert await puppets.quiet() == ""
            await trio.sleep(0.2)
            assert await puppets.quiet() == "+a"
        await trio.sleep(60)
        await puppets.do("a")
        await trio.sleep(1.1)
        assert await puppets.quiet() == "+a"


@pytest.mark.parametrize("how", ["stop_child", "stop", "group"])
async def test_a_child_in_backoff_can_be_overtaken(autojump_clock: MockClock, how: str) -> None:
    """While a child waits, it or its supervisor can be stopped, or a group restart takes it along, once."""
    puppets = Puppets()
    supervisor = Supervisor(
        "sup",
        strategy=Strategy.REST_FOR_ONE,
        children=[*puppets.specs("a"), puppets.spec("b", backoff=Backoff(first=10)), *puppets.specs("c")],
    )
    async with running(supervisor):
        assert await puppets.do("b") == "-b -c"
        if how == "stop_child":
            await supervisor.stop_child("b")
            await trio.sleep(11)
            assert await puppets.quiet() == "+c"
        if how == "group":
            assert await puppets.do("a") == "-a +a +b +c"
            await trio.sleep(11)
            assert await puppets.quiet() == ""
    assert "+b" not in puppets.events
    assert puppets.live == set()
