"""Children that do what a test tells them, and a record of what they did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from mpi_actors.actors import ChildSpec, Exited, Mailbox, Supervisor, current_actor


class Boom(Exception):
    """The error with which a puppet fails."""


class Puppets:
    """Makes specs of puppets: each obeys "crash" and "return" in its mailbox."""

    def __init__(self) -> None:
        self.events: list[str] = []
        """`+id` for each start and `-id` for each end, in order."""
        self.live: set[str] = set()
        self.boxes: dict[str, Mailbox[str]] = {}
        self.made: list[ChildSpec[Any]] = []
        self.goodbyes: dict[str, float] = {}
        """Seconds that a puppet takes to end when it is asked to stop."""

    def spec(self, id: str, **settings: Any) -> ChildSpec[Any]:
        """Make the spec of a puppet of that id."""
        spec: ChildSpec[str] = ChildSpec(id=id, run=self._run, **settings)
        self.boxes[id] = spec.mailbox
        self.made.append(spec)
        return spec

    def specs(self, ids: str, **settings: Any) -> list[ChildSpec[Any]]:
        """Make a spec for each letter."""
        return [self.spec(id, **settings) for id in ids]

    def open_boxes(self) -> set[str]:
        """Return the ids of puppets whose mailbox is open."""
        return {id for id, box in self.boxes.items() if not box.closed}

    def order(self, id: str, order: str) -> None:
        """Give a puppet an order."""
        assert self.boxes[id].post(order)

    async def do(self, orders: str, what: str = "crash") -> str:
        """Give each of those puppets the same order at once; return what happened until all was quiet."""
        self.events.clear()
        for id in orders:
            self.order(id, what)
        return await self.quiet()

    async def quiet(self) -> str:
        """Wait until all tasks have come to rest; return the events since the last call, in one line."""
        await wait_all_tasks_blocked()
        seen = " ".join(self.events)
        self.events.clear()
        return seen

    async def _run(self, box: Mailbox[str]) -> None:
        id = current_actor().id
        assert id not in self.live, "two runs of one child at once"
        self.live.add(id)
        self.events.append(f"+{id}")
        try:
            async for order in box:
                if order == "crash":
                    raise Boom(id)
                if order == "return":
                    return
            if id in self.goodbyes:
                await trio.sleep(self.goodbyes[id])
        finally:
            self.live.remove(id)
            self.events.append(f"-{id}")


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[trio.Nursery]:
    """Run the supervisor during the block, and stop it in an orderly way at its end."""
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        yield nursery
        supervisor.stop()


def note(exited: Exited) -> Exited:
    """Return the notice itself as the death-watch message."""
    return exited


def read(box: Mailbox[Exited]) -> list[tuple[str, int, str, bool]]:
    """Take all notices from a watcher's mailbox: id, generation, reason, gone."""
    found: list[tuple[str, int, str, bool]] = []
    while True:
        try:
            exited = box.next_nowait()
        except trio.WouldBlock:
            return found
        found.append((exited.id, exited.generation, exited.reason.value, exited.gone))
