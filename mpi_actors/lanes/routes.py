"""What a router knows and tells: places of ranks, endpoints in service, messages and who sent them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from ..errors import MpiActorsError
from ..ids import Incarnation, JobId, PeerId, Rank
from ..replay.endpoint import Endpoint
from ..wire.frame import Frame
from ..wire.messages import ControlMessage


@attrs.frozen
class FromPeer:
    """A control message and who sent it: what a mailbox of this peer gets."""

    sender: PeerId
    message: ControlMessage


@attrs.frozen
class PeerGone:
    """A peer is no longer connected."""

    peer: PeerId
    reason: str


HostNews = FromPeer | PeerGone
"""What this peer's host takes."""


@attrs.frozen
class Location:
    """Where a rank sits now."""

    incarnation: Incarnation
    peer: PeerId


@attrs.define
class JobView:
    """What this peer knows of a job that it takes part in."""

    coordinator: PeerId
    places: dict[Rank, Location]
    endpoints: dict[Rank, Attachment] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Attachment:
    """An endpoint of this peer, and whom to tell of its news."""

    endpoint: Endpoint
    on_delivered: Callable[[Rank], None]
    """A message from that rank can be taken."""
    on_broken: Callable[[MpiActorsError], None]
    """The endpoint cannot go on."""
    reports_only: bool = False
    """It speaks with the coordinator, and with no other rank."""


class LaneKeeper(Protocol):
    """Who deals with tunnels, and is told what concerns them."""

    def placed(self, job: JobId, rank: Rank, incarnation: Incarnation) -> None:
        """A rank has a new incarnation."""
        ...

    def paths_changed(self) -> None:
        """A link came or went."""
        ...

    def closed(self, job: JobId) -> None:
        """A job is over."""
        ...

    def take(self, frame: Frame, sender: PeerId, direct: bool) -> str | None:
        """A frame has come, `direct` from the host of its source; returns why it was dropped, if it was."""
        ...
