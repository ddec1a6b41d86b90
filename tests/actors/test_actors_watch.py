"""Death-watch, nested supervisors, and the snapshots that a console shows."""

from __future__ import annotations

import pytest
import trio
from actors_puppets import Boom, Puppets, note, read, running
from trio.testing import MockClock, wait_all_tasks_blocked

from mpi_actors.actors import (
    Backoff,
    ChildSpec,
    ChildState,
    Exited,
    Intensity,
    Mailbox,
    Restart,
    Strategy,
    Supervisor,
)
from mpi_actors.errors import RestartIntensityExceeded, UnknownChild


async def test_a_watcher_hears_of_every_end() -> None:
    """Failed, normal and stopped ends are sent with their generation; the last notice has `gone` set."""
    puppets = Puppets()
    supervisor = Supervisor("sup", children=puppets.specs("a"))
    watcher: Mailbox[Exited] = Mailbox("watcher")
    async with running(supervisor):
        supervisor.watch("a", watcher, note)
        await puppets.do("a", "crash")
        await puppets.do("a", "return")
        await supervisor.stop_child("a")
        assert read(watcher) == [
            ("a", 0, "failed", False),
            ("a", 1, "normal", False),
            ("a", 2, "stopped", True),
        ]
        with pytest.raises(UnknownChild):
            supervisor.watch("a", watcher, note)
        await supervisor.start_child(puppets.spec("a"))
        await puppets.do("a", "crash")
        assert read(watcher) == [], "the watch was of the child that has gone"


async def test_notices_carry_the_error() -> None:
    """The notice of a failure has the exception itself."""
    puppets = Puppets()
    supervisor = Supervisor("sup", children=puppets.specs("a", restart=Restart.TEMPORARY))
    watcher: Mailbox[Exited] = Mailbox("watcher")
    async with running(supervisor):
        supervisor.watch("a", watcher, note)
        await puppets.do("a")
        assert isinstance(watcher.next_nowait().error, Boom)


async def test_a_watcher_hears_of_group_restarts_and_the_end_of_all() -> None:
    """A sibling that stops for a group restart, or with its supervisor, is reported, too."""
    puppets = Puppets()
    supervisor = Supervisor("sup", strategy=Strategy.ONE_FOR_ALL, children=puppets.specs("ab"))
    watcher: Mailbox[Exited] = Mailbox("watcher")
    async with running(supervisor):
        supervisor.watch("b", watcher, note)
        await puppets.do("a")
    assert read(watcher) == [("b", 0, "stopped", False), ("b", 1, "stopped", True)]


async def test_a_child_that_goes_while_it_waits_for_its_restart_is_told_as_gone(
    autojump_clock: MockClock,
) -> None:
    """No watcher waits for ever for a child that does not come back from its backoff."""
    puppets = Puppets()
    supervisor = Supervisor("sup", children=puppets.specs("a", backoff=Backoff(first=10)))
    watcher: Mailbox[Exited] = Mailbox("watcher")
    async with running(supervisor):
        supervisor.watch("a", watcher, note)
        await puppets.do("a")
        await supervisor.stop_child("a")
    assert read(watcher) == [("a", 0, "failed", False), ("a", 0, "stopped", True)]


async def test_a_watcher_can_neither_block_nor_break_supervision(caplog: pytest.LogCaptureFixture) -> None:
    """Full or closed boxes get dead letters, a function that raises is logged, and restarts go on."""
    puppets = Puppets()
    supervisor = Supervisor("sup", children=puppets.specs("a"))
    full: Mailbox[Exited] = Mailbox("full", capacity=1, control_capacity=1)
    closed: Mailbox[Exited] = Mailbox("closed")
    broken: Mailbox[Exited] = Mailbox("broken")

    def bad(_: Exited) -> Exited:
        raise ValueError("cannot make a message")

    async with running(supervisor):
        for box in (full, closed):
            supervisor.watch("a", box, note)
        supervisor.watch("a", broken, bad)
        closed.close()
        for _ in range(3):
            assert await puppets.do("a") == "-a +a"
    assert full.statistics().dropped == 3
    assert closed.statistics().dropped == 1, "the watch of a closed mailbox ends"
    assert "cannot make a message" in caplog.text


async def test_unwatch_ends_it() -> None:
    """After `unwatch` no notice comes; a second call does nothing; other watchers are not affected."""
    puppets = Puppets()
    supervisor = Supervisor("sup", children=puppets.specs("a"))
    leaves: Mailbox[Exited] = Mailbox("leaves")
    stays: Mailbox[Exited] = Mailbox("stays")
    async with running(supervisor):
        supervisor.watch("a", leaves, note)
        supervisor.watch("a", stays, note)
        supervisor.unwatch("a", leaves)
        supervisor.unwatch("a", leaves)
        await puppets.do("a")
        assert read(leaves) == []
        assert read(stays) == [("a", 0, "failed", False)]


# --- nested -----------------------------------------------------------------------------------------------


def tree(puppets: Puppets, *, inner_restarts: int = 0) -> tuple[Supervisor, Supervisor]:
    """Make outer(x, inner(a, b), y), where the inner supervisor has the given intensity."""
    inner = Supervisor("inner", children=puppets.specs("ab"), intensity=Intensity(inner_restarts, 5))
    outer = Supervisor("outer", children=[*puppets.specs("x"), inner.as_child(), *puppets.specs("y")])
    return outer, inner


async def test_a_tree_starts_in_order_and_stops_in_reverse() -> None:
    """A nested supervisor's children are up before its next sibling starts, and stop when it does."""
    puppets = Puppets()
    outer, _ = tree(puppets)
    async with running(outer):
        assert await puppets.quiet() == "+x +a +b +y"
    assert puppets.events == ["-y", "-b", "-a", "-x"]
    assert all(box.closed for box in puppets.boxes.values())


async def test_a_nested_failure_is_handled_one_level_up() -> None:
    """The inner supervisor fails, the outer one restarts it, and the addresses below stay the same."""
    puppets = Puppets()
    outer, inner = tree(puppets)
    watcher: Mailbox[Exited] = Mailbox("watcher")
    async with running(outer):
        inner.watch("b", watcher, note)
        await puppets.quiet()
        puppets.boxes["b"].tell_nowait("kept for the next generation")
        puppets.order("b", "crash")
        assert await puppets.quiet() == "-b -a +a +b"
        assert not puppets.boxes["b"].closed
        assert puppets.boxes["b"].statistics().taken == 2
        assert outer.snapshot().restarts == 1
    assert read(watcher) == [
        ("b", 0, "failed", False),
        ("b", 1, "stopped", False),
        ("b", 1, "stopped", True),
    ]


async def test_intensity_passes_through_all_levels() -> None:
    """When every level has failed, the error at the top has the whole chain of causes."""
    puppets = Puppets()
    inner = Supervisor("inner", children=puppets.specs("a"), intensity=Intensity(0, 5))
    outer = Supervisor("outer", children=[inner.as_child()], intensity=Intensity(0, 5))
    puppets.boxes["a"].post("crash")
    with pytest.raises(RestartIntensityExceeded) as caught:
        await outer.run()
    chain = []
    error: BaseException | None = caught.value
    while error is not None:
        chain.append(type(error))
        error = error.__cause__
    assert chain == [RestartIntensityExceeded, RestartIntensityExceeded, Boom]
    assert puppets.boxes["a"].closed


async def test_each_run_begins_with_the_first_children() -> None:
    """After their supervisor's restart, first children are back even if they had gone; later ones are not."""
    puppets = Puppets()
    inner = Supervisor(
        "inner",
        children=[*puppets.specs("a"), puppets.spec("t", restart=Restart.TEMPORARY)],
        intensity=Intensity(0, 5),
    )
    async with running(Supervisor("outer", children=[inner.as_child()])):
        await inner.start_child(puppets.spec("d"))
        await puppets.do("t")
        assert puppets.open_boxes() == {"a", "d"}
        assert await puppets.do("a") == "-a -d +a +t"
        assert puppets.open_boxes() == {"a", "t"}
        assert [child.generation for child in inner.snapshot().children] == [1, 1]


async def test_stopping_a_nested_supervisor_closes_what_is_below() -> None:
    """When a supervisor has gone for good, so have all its children."""
    puppets = Puppets()
    outer, _ = tree(puppets)
    async with running(outer):
        await outer.stop_child("inner")
        assert puppets.live == {"x", "y"}
        assert puppets.boxes["a"].closed
        assert puppets.boxes["b"].closed


async def test_a_supervisor_runs_again_after_it_has_ended(autojump_clock: MockClock) -> None:
    """A second run starts the same children with the same addresses, and counts restarts from zero."""
    puppets = Puppets()
    children = [puppets.spec("a", backoff=Backoff(first=1)), *puppets.specs("b")]
    supervisor = Supervisor("sup", children=children, intensity=Intensity(1, 1000))
    for _ in range(2):
        async with running(supervisor):
            assert await puppets.quiet() == "+a +b"
            assert await puppets.do("a") == "-a"
            await trio.sleep(1.5)
            assert await puppets.quiet() == "+a"
            assert supervisor.snapshot().restarts == 1
            await supervisor.stop_child("b")
        assert await puppets.quiet() == "-b -a"
    async with running(supervisor):
        assert await puppets.quiet() == "+a +b"
        assert await puppets.do("b") == "-b +b", "stopping it in an earlier run was for that run"


async def test_a_later_child_that_waits_goes_with_its_supervisor(autojump_clock: MockClock) -> None:
    """A child that is forgotten while it waits for its restart leaves no open mailbox."""
    puppets = Puppets()
    inner = Supervisor("inner", children=puppets.specs("a"), intensity=Intensity(1, 5))
    async with running(Supervisor("outer", children=[inner.as_child()])):
        await inner.start_child(puppets.spec("d", backoff=Backoff(first=100)))
        await puppets.do("d")
        assert await puppets.do("a") == "-a +a"
        assert puppets.open_boxes() == {"a"}


# --- snapshot ---------------------------------------------------------------------------------------------


async def test_a_snapshot_shows_the_whole_tree(autojump_clock: MockClock) -> None:
    """Names, states, restarts, generations, errors and mailboxes, down through nested supervisors."""
    puppets = Puppets()
    outer, inner = tree(puppets, inner_restarts=3)
    assert {child.state for child in outer.snapshot().children} == {ChildState.IDLE}
    async with running(outer):
        await puppets.do("a")
        await puppets.do("a")
        await inner.start_child(puppets.spec("w", backoff=Backoff(first=9), restart=Restart.TRANSIENT))
        await puppets.do("w")
        puppets.boxes["w"].tell_nowait("later")
        seen = outer.snapshot()
        assert (seen.name, seen.strategy, seen.running, seen.restarts) == ("outer", "one for one", True, 0)
        assert [child.id for child in seen.children] == ["x", "inner", "y"]
        below = outer.snapshot().children[1].nested
        assert below is not None
        assert below == inner.snapshot()
        a, b, w = below.children
        assert (a.state, a.generation, a.restarts) == (ChildState.RUNNING, 2, 2)
        assert a.last_error == "actors_puppets.Boom: a"
        assert (b.state, b.generation, b.restarts, b.last_error) == (ChildState.RUNNING, 0, 0, "")
        assert (w.state, w.restart, w.mailbox.data) == (ChildState.WAITING, "transient", 1)
        assert below.restarts == 3
        assert seen.children[0].nested is None
    assert not inner.snapshot().running


@pytest.mark.parametrize("text", ["", "one\ntwo", "x" * 10_000, None])
async def test_errors_are_shown_in_one_short_line(text: str | None) -> None:
    """Whatever an exception's text is, or if it has none, one line of bounded length is kept."""

    class Odd(Exception):
        def __str__(self) -> str:
            if text is None:
                raise ValueError("no text")
            return text

    async def odd(box: Mailbox[int]) -> None:
        await box.next()
        raise Odd

    spec = ChildSpec(id="a", run=odd)
    supervisor = Supervisor("sup", children=[spec])
    async with running(supervisor):
        spec.mailbox.post(1)
        await wait_all_tasks_blocked()
        [child] = supervisor.snapshot().children
        assert child.generation == 1
        assert "Odd" in child.last_error
        assert "\n" not in child.last_error
        assert len(child.last_error) <= 300
