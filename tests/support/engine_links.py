"""What travels between the daemons of `engine_world`."""

from __future__ import annotations

from collections import deque

import attrs
from engine_sockets import SimSocket

from mpi_actors.ids import JobId, PeerId
from mpi_actors.wire.frame import Frame

JOB = JobId("00c0ffee00c0ffee")
HOME = 0
"""The host of the coordinator, which is never lost."""

Place = tuple[int, int]
"""An incarnation and its host."""


def name_of(host: int) -> PeerId:
    """The name of a host."""
    return PeerId(f"host{host}")


@attrs.frozen
class TunnelBytes:
    """Bytes of a rank for another; none: the tunnel's end."""

    tunnel: Tunnel
    data: bytes


@attrs.frozen
class Report:
    """What a process has told the coordinator: a line with its number, or its end."""

    rank: int
    incarnation: int
    kind: str
    number: int
    text: str


Item = Frame | TunnelBytes | Report


@attrs.define(eq=False)
class SimLink:
    """One direction of a link: items arrive in order."""

    far: int
    items: deque[Item] = attrs.field(factory=deque)
    up: bool = True

    @property
    def remote(self) -> PeerId:
        """See `Link.remote`."""
        return name_of(self.far)

    def put(self, item: Item) -> None:
        """Send an item."""
        if self.up:
            self.items.append(item)


@attrs.define(eq=False)
class Tunnel:
    """One end of a tunnel, at one host."""

    socket: SimSocket
    here: tuple[int, int]
    """The rank here and its incarnation …"""
    there: tuple[int, int]
    """… and those at the other end."""
    far: int
    twin: Tunnel | None = None
    held: bytes = b""
    """Bytes that wait until what must go ahead of them has left."""
    pending: bytearray = attrs.field(factory=bytearray)
    """Bytes for the rank here."""
    drains: bool = False
    """The other end is over: the rank gets what is pending."""
    closed: bool = False

    def close(self) -> None:
        """The rank here sees the end."""
        self.closed = True
        self.socket.close()

    def schedule(self) -> None:
        """See `Waiter`: the world asks again anyway."""


def number_of(peer: PeerId) -> int:
    """The number of a host."""
    return int(peer.removeprefix("host"))
