"""A network in one process, for trio's mock clock: real streams, and faults on command.

It keeps the contract of `net.transport` and has no tasks of its own: data carries the time at which it
arrives, and a receiver sleeps until then. It does the same each time, given the seed, the mock clock and the
order in which trio runs tasks that are ready at once (pytest-trio and hypothesis fix that order).
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
    """The network that some `MemoryTransport`s share.

    Args:
        latency: seconds from sender to receiver, or a function of (sender, receiver) that returns them.
        bandwidth: bytes per second from each peer to each other peer; None for no limit.
        seed: decides where short reads end, and where the last bytes of a killed peer end.
        capacity: bytes that may be on the way or unread in each direction of a stream; further ones wait at
            the sender.
        short_reads: the probability, 0 … 1, that `receive_some` returns only a part of the next piece.
        dial_timeout: seconds after which `connect` and `open_stream` give up.

    Faults take effect at once, also on open streams. Those between two peers (`cut`, `delay`) outlast the
    deaths of the peers. Call faults inside `trio.run`.
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
        self._paths: dict[tuple[PeerId, PeerId], MemoryPath] = {}
        self._connections = count()

    def transport(self, peer: PeerId) -> MemoryTransport:
        """Return the transport of `peer`: always the same one until the peer is killed, and then a new one.

        A peer keeps its address through all its lives, as a daemon does that is started again.
        """
        found = self._transports.get(peer)
        if found is None or found.life.dead:
            if found is None:
                self._peers.append(peer)
                address = f"/memory/{len(self._peers)}/p2p/{peer}"
            else:
                address = found.life.address
            found = MemoryTransport(self, PeerLife(peer, address))
            self._transports[peer] = found
        return found

    # --- faults -------------------------------------------------------------------------------------------

    def kill(self, peer: PeerId) -> None:
        """End a peer as SIGKILL does.

        The other peers see its streams end after the latency, cut off anywhere, and cannot dial it. The
        peer's own calls raise `ConnectionLost`, its handlers are cancelled and its `run` returns. The caller
        cancels the other tasks of that peer.
        """
        self._life(peer).kill()
        self._ring()

    def freeze(self, peer: PeerId) -> None:
        """Stop a peer as SIGSTOP does: its calls to the network wait, and the other peers hear nothing of it.

        What the peer had sent before still arrives. Unlike a stopped process's, its timeouts still pass.
        """
        life = self._life(peer)
        life.frozen = not life.dead

    def thaw(self, peer: PeerId) -> None:
        """End `freeze`: the calls that waited go on."""
        self._life(peer).thaw()
        self._ring()

    def cut(self, a: PeerId, b: PeerId) -> None:
        """Let nothing pass between two peers, either way, until `heal`. Their streams do not end."""
        for path in self._both_ways(a, b):
            path.block(trio.current_time())

    def heal(self, a: PeerId, b: PeerId) -> None:
        """End a `cut`, or the part of a `partition` between two peers. What was held leaves now."""
        for path in self._both_ways(a, b):
            path.unblock(trio.current_time())
        self._ring()

    def partition(self, groups: Iterable[Collection[PeerId]]) -> None:
        """Cut each peer of a group from those of the other groups. Peers in no group keep all connections."""
        for one, other in combinations([list(group) for group in groups], 2):
            for a, b in product(one, other):
                self.cut(a, b)

    def heal_all(self) -> None:
        """End every `cut` and `partition`."""
        for path in self._paths.values():
            path.unblock(trio.current_time())
        self._ring()

    def break_connections(self, a: PeerId, b: PeerId) -> None:
        """Reset the connection between two peers and all its streams, at both sides. They can dial again."""
        for near, far in ((a, b), (b, a)):
            for end in list(self._life(near).ends):
                if end.remote == far:
                    end.reset()

    def delay(self, a: PeerId, b: PeerId, seconds: float) -> None:
        """From now on, let what is sent between two peers take `seconds` longer than the latency."""
        for path in self._both_ways(a, b):
            path.delay = seconds

    # --- for the transports -------------------------------------------------------------------------------

    def find(self, address: str) -> tuple[PeerLife | None, PeerId | None]:
        """Return who is at `address` (None: nobody), and which peer the address names (None: none).

        Raises:
            BadAddress: the text is not an address of this network.
        """
        parts = _ADDRESS.fullmatch(address)
        if parts is None:
            raise BadAddress(f"{address!r} is no address like /memory/7/p2p/<peer id>")
        wanted = None if parts[2] is None else PeerId(parts[2])
        number = int(parts[1])
        found = 1 <= number <= len(self._peers)
        return (self._life(self._peers[number - 1]) if found else None), wanted

    async def travel(self, sender: PeerLife, receiver: PeerLife, waiting: PeerLife) -> None:
        """Wait as long as one small packet takes, in a task of the peer `waiting`.

        Raises:
            ConnectionLost: `waiting` was killed meanwhile.
        """
        path = self._path(sender.peer, receiver.peer)
        while True:
            while path.blocked:
                await waiting.bell.wait()
                waiting.check_alive()
            await trio.sleep_until(path.stamp(0, trio.current_time()))
            waiting.check_alive()
            if not path.blocked:
                return

    def join(self, a: PeerLife, b: PeerLife) -> None:
        """Connect two peers; a connection that only one of them still has is closed first."""
        old = [life.connections.pop(far.peer, None) for life, far in ((a, b), (b, a))]
        for end in old:
            if end is not None:
                end.close()
        a.connections[b.peer], b.connections[a.peer] = self.open(a, b, next(self._connections))

    def open(self, a: PeerLife, b: PeerLife, connection: int) -> tuple[MemoryStream, MemoryStream]:
        """Open a stream over a connection; return its end at `a` and its end at `b`."""
        here, there = MemoryStream(a, b.peer, connection), MemoryStream(b, a.peer, connection)
        make = (self._capacity, self._short_reads, self._seed)
        forth = self._path(a.peer, b.peer).open_pipe(there.wake, *make)
        back = self._path(b.peer, a.peer).open_pipe(here.wake, *make)
        here.attach(there, inbound=back, outbound=forth)
        there.attach(here, inbound=forth, outbound=back)
        return here, there

    def _life(self, peer: PeerId) -> PeerLife:
        """Return the newest life of `peer`, whether it is over or has not begun."""
        found = self._transports.get(peer)
        return self.transport(peer).life if found is None else found.life

    def _path(self, sender: PeerId, receiver: PeerId) -> MemoryPath:
        path = self._paths.get((sender, receiver))
        if path is None:
            path = MemoryPath(
                lambda: self._seconds(sender, receiver), self._bandwidth, f"{sender}/{receiver}"
            )
            self._paths[sender, receiver] = path
        return path

    def _both_ways(self, a: PeerId, b: PeerId) -> tuple[MemoryPath, MemoryPath]:
        if a == b:
            raise ValueError(f"{a} has no path to itself")
        return self._path(a, b), self._path(b, a)

    def _seconds(self, sender: PeerId, receiver: PeerId) -> float:
        return self._latency(sender, receiver) if callable(self._latency) else self._latency

    def _ring(self) -> None:
        """Wake all tasks that wait for the end of a fault."""
        for transport in self._transports.values():
            transport.life.bell.ring()
