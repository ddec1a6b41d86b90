"""Supervision under generated schedules, compared with a model of a few lines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import attrs
import trio
from actors_puppets import Puppets, note, read
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from mpi_actors.actors import Backoff, ChildSpec, Exited, Intensity, Mailbox, Restart, Strategy, Supervisor
from mpi_actors.errors import UnknownChild

MANY = Intensity(10_000, 1)


@attrs.frozen
class Start:
    """Add a child."""

    restart: Restart


@attrs.frozen
class Together:
    """These children (by their places) all crash, return or are stopped at the same moment."""

    what: str
    places: frozenset[int]


RESTARTS = st.sampled_from(Restart)
STEPS = st.lists(
    st.one_of(
        st.builds(Start, RESTARTS),
        st.builds(
            Together,
            st.sampled_from(["crash", "return", "stop"]),
            st.frozensets(st.integers(0, 5), min_size=1, max_size=3),
        ),
    ),
    max_size=12,
)


@attrs.define
class Model:
    """What must hold: the children in start order, with their kind and generation."""

    strategy: Strategy
    children: dict[str, tuple[Restart, int]] = attrs.field(factory=dict)

    def end(self, ids: Sequence[str], what: str) -> None:
        """End all of `ids` at one moment."""
        order = list(self.children)
        causes = [id for id in ids if self._comes_back(id, what)]
        for id in set(ids) - set(causes):
            del self.children[id]
        if not causes:
            return
        group = set(causes)
        if self.strategy is Strategy.REST_FOR_ONE:
            group = set(order[min(order.index(id) for id in causes) :])
        if self.strategy is Strategy.ONE_FOR_ALL:
            group = set(order)
        for id in group & set(self.children):
            restart, generation = self.children[id]
            if restart is Restart.TEMPORARY:
                del self.children[id]
            else:
                self.children[id] = (restart, generation + 1)

    def _comes_back(self, id: str, what: str) -> bool:
        restart, _ = self.children[id]
        if what == "stop" or restart is Restart.TEMPORARY:
            return False
        return restart is Restart.PERMANENT or what == "crash"


async def play(
    strategy: Strategy, first: Sequence[Restart], steps: Sequence[Start | Together], end: str
) -> None:
    """Run the schedule; after each step the supervisor must be in the state of the model."""
    puppets = Puppets()
    names = iter(f"c{number}" for number in range(1000))
    model = Model(strategy)
    specs = [puppets.spec(next(names), restart=restart) for restart in first]
    for spec in specs:
        model.children[spec.id] = (spec.restart, 0)
    supervisor = Supervisor("sup", strategy=strategy, intensity=MANY, children=specs)
    watcher: Mailbox[Exited] = Mailbox("watcher")
    gone: dict[str, int] = {}

    def check() -> None:
        seen = supervisor.snapshot().children
        assert {child.id: child.generation for child in seen} == {
            id: generation for id, (_, generation) in model.children.items()
        }
        assert [child.id for child in seen] == list(model.children)
        assert puppets.live == set(model.children)
        assert puppets.open_boxes() == set(model.children)
        for id, _, _, has_gone in read(watcher):
            gone[id] = gone.get(id, 0) + has_gone
        assert {id for id, count in gone.items() if count} == set(puppets.boxes) - set(model.children)

    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        for spec in specs:
            supervisor.watch(spec.id, watcher, note)
        for step in steps:
            if isinstance(step, Start):
                id = next(names)
                await supervisor.start_child(puppets.spec(id, restart=step.restart))
                supervisor.watch(id, watcher, note)
                model.children[id] = (step.restart, 0)
            else:
                ids = [id for place, id in enumerate(model.children) if place in step.places]
                for id in ids:
                    if step.what == "stop":
                        nursery.start_soon(supervisor.stop_child, id)
                    else:
                        puppets.order(id, step.what)
                model.end(ids, step.what)
            await puppets.quiet()
            check()
        puppets.events.clear()
        if end == "stop":
            supervisor.stop()
        else:
            nursery.cancel_scope.cancel()
    assert puppets.events == [f"-{id}" for id in reversed(model.children)]
    model.children.clear()
    check()
    assert all(count == 1 for count in gone.values()), "exactly one notice says that a child has gone"


def in_virtual_time(function: Callable[..., Awaitable[None]], *args: object) -> None:
    """Run with a clock of its own; at the end no task is left."""
    trio.run(function, *args, clock=MockClock(autojump_threshold=0))


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(Strategy), st.lists(RESTARTS, max_size=4), STEPS, st.sampled_from(["stop", "cancel"]))
def test_any_schedule_leaves_what_the_model_says(
    strategy: Strategy, first: list[Restart], steps: list[Start | Together], end: str
) -> None:
    """Whoever crashes, returns, is stopped or added, alone or together: the right children run, in order,
    in the right generation; their mailboxes are open and no others; all ends are told; the stop is orderly.
    """
    in_virtual_time(play, strategy, first, steps, end)


@attrs.frozen
class Kind:
    """What a child of a turbulent schedule is like."""

    restart: Restart
    shutdown: float
    backoff: float
    goodbye: float
    """Seconds that it takes to end after it was asked to."""


KINDS = st.builds(
    Kind,
    RESTARTS,
    st.sampled_from([0.0, 1.0, 3.0]),
    st.sampled_from([0.0, 1.0, 4.0]),
    st.sampled_from([0.0, 2.0]),
)
ORDERS = st.tuples(
    st.sampled_from(["crash", "return", "stop", "start"]), st.integers(0, 5), st.integers(0, 3)
)


async def storm(
    strategy: Strategy, kinds: Sequence[Kind], orders: Sequence[tuple[str, int, int]], end: str
) -> None:
    """Orders come at any time, also during graces and backoffs; then an orderly stop, or quiet."""
    puppets = Puppets()
    names = iter(f"c{number}" for number in range(1000))

    def spec(kind: Kind) -> ChildSpec[Any]:
        backoff = Backoff(first=kind.backoff) if kind.backoff else None
        made = puppets.spec(next(names), restart=kind.restart, shutdown=kind.shutdown, backoff=backoff)
        puppets.goodbyes[made.id] = kind.goodbye
        return made

    async def stop(id: str) -> None:
        with suppress(UnknownChild):  # it may go by itself before its turn comes
            await supervisor.stop_child(id)

    specs = [spec(kind) for kind in kinds]
    wanted = {made.id: made for made in specs}
    supervisor = Supervisor("sup", strategy=strategy, intensity=MANY, children=specs)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        for what, place, pause in orders:
            ids = [child.id for child in supervisor.snapshot().children]
            if what == "start":
                made = spec(kinds[place % len(kinds)])
                wanted[made.id] = made
                await supervisor.start_child(made)
            elif ids and what == "stop":
                id = ids[place % len(ids)]
                wanted.pop(id, None)
                nursery.start_soon(stop, id)
            elif ids:
                puppets.order(ids[place % len(ids)], what)
            if pause:
                await trio.sleep(pause - 0.5)
        if end == "quiet":
            await trio.sleep(1000)
            await puppets.quiet()
            permanent = {id for id, made in wanted.items() if made.restart is Restart.PERMANENT}
            assert permanent <= puppets.live
            assert puppets.live == {child.id for child in supervisor.snapshot().children}
            assert puppets.open_boxes() == puppets.live
        start = trio.current_time()
        if end == "cancel":
            nursery.cancel_scope.cancel()
        else:
            supervisor.stop()
    allowed = sum(made.shutdown for made in puppets.made)
    assert trio.current_time() - start <= allowed
    assert puppets.live == set()
    assert all(box.closed for box in puppets.boxes.values())


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(Strategy),
    st.lists(KINDS, min_size=1, max_size=4),
    st.lists(ORDERS, max_size=15),
    st.sampled_from(["stop", "cancel", "quiet"]),
)
def test_no_storm_breaks_a_supervisor(
    strategy: Strategy, kinds: list[Kind], orders: list[tuple[str, int, int]], end: str
) -> None:
    """With graces, goodbyes and backoffs in flight: every permanent child that nobody stopped runs in the
    end, no child ever runs twice at once, and the final stop ends all within the sum of the graces.
    """
    in_virtual_time(storm, strategy, kinds, orders, end)
