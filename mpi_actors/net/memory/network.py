"""A network inside one process, for trio's mock clock: real streams, and faults on command.

It keeps the contract of `net.transport` and has no tasks of its own: data carries the time at which it
arrives, and a receiver sleeps until then. Given the seed, the mock clock and the order in which trio runs
tasks that are ready at once (pytest-trio and hypothesis fix it), it does the same each time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from itertools import combinations, count, product

import trio

from ...errors import BadAddress
from ...ids import PeerId
from .arrivals import MemoryPath
from .stream import MemoryStream, PeerLife
from .transport import MemoryTransport

_ADDRESS = re.compile(r"/memory/([0-9]{1,9})(?:/p2p/([^/\s]+))?")


class MemoryNetwork:
    """The network that a number of `MemoryTransport`s share.

    Args:
        latency: seconds from sender to receiver, or a function of (sender, receiver) that gives them.
        bandwidth: bytes per second from each peer to each other one; None for no limit.
        seed: decides where reads are cut short and where a killed peer's last bytes end.
        capacity: bytes on the way or unread in each direction of a stream; then the sender waits.
        short_reads: the probability, 0 … 1, that `receive_some` returns only a part of the next piece.
        dial_timeout: seconds after which `connect` and `open_stream` give up.

    Faults take effect at once, on open streams too. They name peers, and those on a link (`cut`, `delay`)
    outlast the peers' deaths. Call them inside `trio.run`.
    """

    def __init__(
        self,
        latency: float | Callable[[PeerId, PeerId], float] = 0.001,
        bandwidth: float | None = None,
        seed: int = 0,
        *,
        capacity: int = 1 << 20,
        short_reads: float = 0.0,
        dial_timeout: float = 5.0,
    ) -> None:
        self.dial_timeout = dial_timeout
        self._latency = latency
        self._bandwidth = bandwidth
        self._seed = seed
        self._capacity = capacity
        self._short_reads = short_reads
        self._peers: list[PeerId] = []
        self._transports: dict[PeerId, MemoryTransport] = {}
        self._links: dict[tuple[PeerId, PeerId], MemoryPath] = {}
        self._connections = count()

    def transport(self, peer: PeerId) -> MemoryTransport:
        """The transport of `peer`: always the same one, until the peer is killed; then a fresh one.

        A peer keeps its address through all its lives, as a daemon that is started again does.
        """
        found = self._transports.get(peer)
        if found is None or found.node.dead:
            if found is None:
                self._peers.append(peer)
                address = f"/memory/{len(self._peers)}/p2p/{peer}"
            else:
                address = found.node.address
            found = MemoryTransport(self, PeerLife(peer, address))
            self._transports[peer] = found
        return found

    # --- faults -------------------------------------------------------------------------------------------

    def kill(self, peer: PeerId) -> None:
        """End a peer like SIGKILL.

        The others see its streams end after the latency, cut off anywhere; whoever dials it fails. What
        it awaits itself raises `ConnectionLost`, its handlers are cancelled and its `run` returns. Its
        other tasks are its owner's, who cancels them.
        """
        self._node(peer).kill()
        self._ring()

    def freeze(self, peer: PeerId) -> None:
        """Stop a peer like SIGSTOP: its awaits on the network wait, and the others see only silence.

        What it had sent before still arrives. Its clock, unlike a stopped process's, goes on.
        """
        node = self._node(peer)
        node.frozen = not node.dead

    def thaw(self, peer: PeerId) -> None:
        """End `freeze`: whatever waited goes on."""
        self._node(peer).thaw()
        self._ring()

    def cut(self, a: PeerId, b: PeerId) -> None:
        """Let nothing pass between two peers, either way, until `heal`; neither sees an end."""
        for link in self._both_ways(a, b):
            link.block(trio.current_time())

    def heal(self, a: PeerId, b: PeerId) -> None:
        """End a `cut`, or that part of a `partition`; what was held is now on its way."""
        for link in self._both_ways(a, b):
            link.unblock(trio.current_time())
        self._ring()

    def partition(self, groups: Iterable[Collection[PeerId]]) -> None:
        """Cut each peer of a group from those of the other groups; peers in no group keep all links."""
        for one, other in combinations([list(group) for group in groups], 2):
            for a, b in product(one, other):
                self.cut(a, b)

    def heal_all(self) -> None:
        """End every `cut` and `partition`."""
        for link in self._links.values():
            link.unblock(trio.current_time())
        self._ring()

    def break_connections(self, a: PeerId, b: PeerId) -> None:
        """Reset the connection between two peers with all its streams, at both sides; new dials work."""
        for near, far in ((a, b), (b, a)):
            for end in list(self._node(near).ends):
                if end.remote == far:
                    end.reset()

    def delay(self, a: PeerId, b: PeerId, seconds: float) -> None:
        """From now on, let whatever is sent between two peers take `seconds` longer than the latency."""
        for link in self._both_ways(a, b):
            link.delay = seconds

    # --- for the transports -------------------------------------------------------------------------------

    def find(self, address: str) -> tuple[PeerLife | None, PeerId | None]:
        """Who is at `address`, if anybody, and who ought to be, if it says so.

        Raises:
            BadAddress: the text is no address of this network.
        """
        parts = _ADDRESS.fullmatch(address)
        if parts is None:
            raise BadAddress(f"{address!r} is no address like /memory/7/p2p/<peer id>")
        wanted = None if parts[2] is None else PeerId(parts[2])
        number = int(parts[1])
        found = 1 <= number <= len(self._peers)
        return (self._node(self._peers[number - 1]) if found else None), wanted

    async def travel(self, sender: PeerLife, receiver: PeerLife, waiting: PeerLife) -> None:
        """Wait as long as one small packet takes; `waiting` is whose task this is.

        Raises:
            ConnectionLost: `waiting` was killed meanwhile.
        """
        link = self._link(sender.peer, receiver.peer)
        while True:
            while link.blocked:
                await waiting.bell.park()
                waiting.check()
            await trio.sleep_until(link.stamp(0, trio.current_time()))
            waiting.check()
            if not link.blocked:
                return

    def join(self, a: PeerLife, b: PeerLife) -> None:
        """Connect two peers that are not connected, or no longer."""
        old = [node.connections.pop(far.peer, None) for node, far in ((a, b), (b, a))]
        for end in old:
            if end is not None:
                end.close()
        a.connections[b.peer], b.connections[a.peer] = self.open(a, b, next(self._connections))

    def open(self, a: PeerLife, b: PeerLife, connection: int) -> tuple[MemoryStream, MemoryStream]:
        """A new stream over a connection: its end at `a`, its end at `b`."""
        here, there = MemoryStream(a, b.peer, connection), MemoryStream(b, a.peer, connection)
        make = (self._capacity, self._short_reads, self._seed)
        forth = self._link(a.peer, b.peer).open_pipe(there.wake, *make)
        back = self._link(b.peer, a.peer).open_pipe(here.wake, *make)
        here.attach(there, inbound=back, outbound=forth)
        there.attach(here, inbound=forth, outbound=back)
        return here, there

    def _node(self, peer: PeerId) -> PeerLife:
        """The newest life of `peer`, be it over or not even begun."""
        found = self._transports.get(peer)
        return self.transport(peer).node if found is None else found.node

    def _link(self, sender: PeerId, receiver: PeerId) -> MemoryPath:
        link = self._links.get((sender, receiver))
        if link is None:
            link = MemoryPath(
                lambda: self._seconds(sender, receiver), self._bandwidth, f"{sender}/{receiver}"
            )
            self._links[sender, receiver] = link
        return link

    def _both_ways(self, a: PeerId, b: PeerId) -> tuple[MemoryPath, MemoryPath]:
        if a == b:
            raise ValueError(f"{a} has no link to itself")
        return self._link(a, b), self._link(b, a)

    def _seconds(self, sender: PeerId, receiver: PeerId) -> float:
        return self._latency(sender, receiver) if callable(self._latency) else self._latency

    def _ring(self) -> None:
        """Let all who wait for the end of a fault look again."""
        for transport in self._transports.values():
            transport.node.bell.unpark_all()
