"""The control messages between any two daemons: greeting, heartbeat, what each offers. Sans-I/O."""

from __future__ import annotations

from typing import Annotated

import attrs
import msgspec

from .fields import Addresses, Count, HostKind, Line, Name, Number
from .registry import numbered


@numbered(1)
@attrs.frozen
class Capacity:
    """What a peer offers now. It sends this again when that changes."""

    interpreters: Annotated[tuple[Name, ...], msgspec.Meta(max_length=10_000)] = ()
    slots: Number = 0
    running: Number = 0
    full: bool = False
    """Whether the peer takes no more ranks at all."""
    kind: HostKind = attrs.field(factory=HostKind)


@numbered(2)
@attrs.frozen
class Hello:
    """The first message on a link, both ways."""

    pool: Name
    instance: Name
    """A name that the daemon makes at each start: it tells a restarted peer from a second connection."""
    agent: Name
    """The program and its version, for people."""
    addresses: Addresses
    capacity: Capacity


@numbered(3)
@attrs.frozen
class Accepted:
    """The peer with the smaller id has chosen this link: both sides use it from now on."""


@numbered(4)
@attrs.frozen
class Goodbye:
    """The sender closes this link on purpose. A link that ends without a goodbye has failed."""

    reason: Line
    retry: bool = True
    """Whether dialling again may help; it does not where the sender is in another pool, for instance."""


@numbered(5)
@attrs.frozen
class Ping:
    """A heartbeat."""

    nonce: Count


@numbered(6)
@attrs.frozen
class Pong:
    """The answer to a heartbeat. The time between the two is the link's latency."""

    nonce: Count


@attrs.frozen
class PeerAddress:
    """Where a peer can be dialled."""

    peer: Name
    addresses: Addresses


@numbered(7)
@attrs.frozen
class KnownPeers:
    """Peers that the sender is connected to, so that the receiver can dial them too."""

    peers: Annotated[tuple[PeerAddress, ...], msgspec.Meta(max_length=1_024)]


MAX_STOCK = 4096
"""Names in one list of a `Stock`: a full list of identifiers fits into one control message."""

Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=MAX_STOCK)]


@numbered(8)
@attrs.frozen
class Stock:
    """What a peer could install, and what content it serves. It sends this again when that changes."""

    installable: Names = ()
    """Interpreters that the peer has not installed, and would install for a job."""
    holds: Names = ()
    """Identifiers, as text, of the content that the peer has whole and serves."""
    addresses: Addresses = ()
    """Addresses that serve this content too, such as those of the sender's IPFS daemon."""
