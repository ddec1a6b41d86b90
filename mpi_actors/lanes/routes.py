"""What the router knows: places of ranks, and endpoints in service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from ..errors import MpiActorsError
from ..ids import Incarnation, JobId, PeerId, Rank
from ..replay.endpoint import Endpoint
from ..wire.frame import Frame
from .choices import JobChoices


@attrs.frozen
class Location:
    """Where a rank sits now."""

    incarnation: Incarnation
    peer: PeerId
    lost: bool = False
    """Whether the coordinator has given this incarnation up: nothing of it is taken any more."""


@attrs.define
class JobView:
    """What this peer knows of a job that it takes part in."""

    coordinator: PeerId
    """The peer where the job's coordinator is."""
    places: dict[Rank, Location]
    """Where each rank sits, as far as this peer has heard."""
    choices: JobChoices
    """The recorded choices that this peer knows."""
    endpoints: dict[Rank, Attachment] = attrs.field(factory=dict)
    """The endpoints that are in service on this peer."""


@attrs.frozen(eq=False)
class Attachment:
    """An endpoint of this peer, and the functions to call at its news."""

    endpoint: Endpoint
    on_delivered: Callable[[Rank], None]
    """Called when a message of that rank can be taken, or was confirmed by the rank's new incarnation."""
    on_broken: Callable[[MpiActorsError], None]
    """Called when the endpoint cannot go on."""
    reports_only: bool = False
    """Whether it talks only with the coordinator, as that of a rank that speaks MPI does."""


class LaneKeeper(Protocol):
    """What the router tells the one that keeps the tunnels."""

    def on_rank_placed(self, job: JobId, rank: Rank, incarnation: Incarnation) -> None:
        """A rank has a new incarnation."""
        ...

    def on_paths_changed(self) -> None:
        """A link to a peer has come up or gone down."""
        ...

    def on_job_closed(self, job: JobId) -> None:
        """A job is over."""
        ...

    def on_frame(self, frame: Frame, sender: PeerId, direct: bool) -> str | None:
        """Take a frame of a tunnel, `direct` if its source's host sent it; return why it is dropped, or
        None."""
        ...
