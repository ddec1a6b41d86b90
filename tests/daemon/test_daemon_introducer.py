"""How an IPFS daemon and the peers of the pool find each other, under a clock of our own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from pool_scenes import eventually
from trio.testing import MockClock

from mpi_actors.daemon.introducer import Introducer
from mpi_actors.errors import ContentError, DialFailed
from mpi_actors.ids import PeerId
from mpi_actors.peers.roster import PeerRecord, Roster
from mpi_actors.wire.messages import Capacity


@attrs.define
class Node:
    """An IPFS daemon that can be dialled at `here`, and that reaches what is in `reachable`."""

    here: tuple[str, ...] | None = ("/ip4/1.2.3.4/tcp/4001",)
    reachable: set[str] = attrs.field(factory=set)
    dialled: list[str] = attrs.field(factory=list)

    async def addresses(self) -> tuple[str, ...]:
        """Where it is, if it says so."""
        await trio.lowlevel.checkpoint()
        if self.here is None:
            raise ContentError("it does not say")
        return self.here

    async def dial(self, address: str) -> None:
        """Try to reach an address."""
        await trio.lowlevel.checkpoint()
        self.dialled.append(address)
        if address not in self.reachable:
            raise DialFailed(address)


class Scene:
    """An introducer, and how often the addresses of its IPFS daemon changed."""

    def __init__(self, node: Node) -> None:
        self.roster, self.changes, self.event = Roster(), 0, trio.Event()
        self.introducer = Introducer(
            node, self.roster, next_change=lambda: self.event, on_addresses_changed=self.on_addresses_changed
        )

    def on_addresses_changed(self) -> None:
        """Count the changes."""
        self.changes += 1

    def change(self) -> None:
        """Tell the introducer that something has changed."""
        self.event.set()
        self.event = trio.Event()

    def join(self, name: str, *addresses: str) -> None:
        """A peer becomes present."""
        link: Any = None
        capacity = Capacity((), 0, 0, False)
        self.roster.add(
            PeerRecord(
                peer=PeerId(name), link=link, instance=name, agent="", addresses=addresses,
                capacity=capacity, capacity_sent=capacity, since=0.0,
            )
        )  # fmt: skip
        self.change()


@asynccontextmanager
async def running(node: Node) -> AsyncIterator[Scene]:
    """An introducer at work."""
    scene = Scene(node)
    mailbox: Any = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.introducer.run, mailbox)
        yield scene
        nursery.cancel_scope.cancel()


async def test_each_address_of_a_peer_is_tried_until_one_answers(autojump_clock: MockClock) -> None:
    """A peer that was reached is not dialled again."""
    node = Node(reachable={"b"})
    async with running(node) as scene:
        scene.join("ann", "a", "b", "c")
        await eventually(lambda: node.dialled == ["a", "b"])
        await trio.sleep(200)
        assert node.dialled == ["a", "b"]


async def test_a_peer_that_cannot_be_reached_is_tried_again(autojump_clock: MockClock) -> None:
    """Every minute, without any news."""
    node = Node()
    async with running(node) as scene:
        scene.join("ann", "a")
        await trio.sleep(119)
        assert node.dialled == ["a", "a"]
        node.reachable.add("a")
        await trio.sleep(200)
        assert node.dialled == ["a", "a", "a"]


async def test_new_addresses_are_told_once(autojump_clock: MockClock) -> None:
    """And when the IPFS daemon does not say where it is, the last that it said still count."""
    node = Node()
    async with running(node) as scene:
        await trio.sleep(1)
        scene.change()
        await trio.sleep(1)
        assert (scene.introducer.addresses, scene.changes) == (node.here, 1)
        last, node.here = node.here, None
        await trio.sleep(61)
        assert (scene.introducer.addresses, scene.changes) == (last, 1)
        node.here = ("elsewhere",)
        await trio.sleep(61)
        assert (scene.introducer.addresses, scene.changes) == (("elsewhere",), 2)
