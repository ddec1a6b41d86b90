"""The router: between the streams of peers and the mailboxes and endpoints of this one.

Data frames go to the endpoint of the rank they name, or to its tunnel, or out on the link that leads to its
host: the host's own, or the coordinator's when there is none (two hosts that cannot reach each other).
Control messages go to the mailbox of the job's coordinator or of this peer's ranks. What fits nowhere is
counted, never a crash; what comes from a peer that has no right to it is an error that costs the peer its
connection.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import get_args

import attrs
import trio

from ..actors import DeadLetters, Mailbox
from ..errors import BadFrame, Impostor, ReplayDivergence
from ..ids import COORDINATOR, Incarnation, JobId, PeerId, Rank, Seat
from ..net.link import Link
from ..replay.endpoint import Endpoint
from ..replay.lane import Lane
from ..wire.frame import TUNNEL_KINDS, Frame
from ..wire.messages import ControlMessage, ToCoordinator, ToHost
from .routes import Attachment, FromPeer, HostNews, JobView, LaneKeeper, Location

logger = logging.getLogger(__name__)

_TO_HOST = get_args(ToHost)
_TO_COORDINATOR = get_args(ToCoordinator)
_WHOLE = 1 << 40


@attrs.frozen
class _Outlet:
    """A lane with something to send; pulled by the link that leads to its other end."""

    router: Router = attrs.field(eq=False)
    view: JobView = attrs.field(eq=False)
    lane: Lane = attrs.field(eq=False)
    key: tuple[Seat, Rank, Incarnation]

    def next_frame(self, link: Link, most: int) -> Frame | None:
        """The lane's next frame, unless its path leads elsewhere by now."""
        if self.router.link_for(self.view, self.lane.there) is not link:
            return None
        return self.lane.next_frame(most)


class Router:
    """See the module's text.

    Args:
        local: this peer.
        hosting: the mailbox for what coordinators tell this peer as a host.
        dead_letters: where undeliverable messages are counted.
    """

    def __init__(
        self, local: PeerId, hosting: Mailbox[HostNews], dead_letters: DeadLetters | None = None
    ) -> None:
        self.local = local
        self.dead_letters = dead_letters or DeadLetters()
        self._hosting = hosting
        self._jobs: dict[JobId, JobView] = {}
        self._coordinators: dict[JobId, Callable[[FromPeer], None]] = {}
        self._links: dict[PeerId, Link] = {}
        self._flushing = False
        self._local_ready: deque[_Outlet] = deque()
        self.dropped: Counter[str] = Counter()
        """Frames that were not delivered, by reason: fenced, early, no such rank, no path …"""
        self.lanes: LaneKeeper | None = None
        """Who deals with tunnels, if anybody does."""

    # --- jobs and their places ----------------------------------------------------------------------------

    def open_job(self, job: JobId, coordinator: PeerId) -> None:
        """This peer takes part in a job.

        Raises:
            Impostor: it already does, under another coordinator.
        """
        view = self._jobs.get(job)
        if view is None:
            self._jobs[job] = JobView(coordinator, {COORDINATOR: Location(0, coordinator)})
        elif view.coordinator != coordinator:
            raise Impostor(f"job {job} is coordinated by {view.coordinator}, not by {coordinator}")

    def jobs_of(self, coordinator: PeerId) -> tuple[JobId, ...]:
        """The jobs that this peer takes part in and that peer coordinates."""
        return tuple(job for job, view in self._jobs.items() if view.coordinator == coordinator)

    def coordinator_of(self, job: JobId) -> PeerId | None:
        """Who coordinates the job, if this peer takes part in it."""
        view = self._jobs.get(job)
        return view.coordinator if view else None

    def close_job(self, job: JobId) -> None:
        """The job is over: forget it. Its endpoints are no longer reached."""
        self._jobs.pop(job, None)
        if self.lanes is not None:
            self.lanes.closed(job)

    def place(self, job: JobId, rank: Rank, incarnation: Incarnation, peer: PeerId) -> None:
        """A rank has a new incarnation; older ones are fenced from now on. Old news are ignored."""
        view = self._jobs.get(job)
        if view is None:
            return
        known = view.places.get(rank)
        if known is not None and known.incarnation >= incarnation:
            return
        view.places[rank] = Location(incarnation, peer)
        for attachment in view.endpoints.values():
            self._connect(view, attachment, rank)
        self._flush()
        if self.lanes is not None:
            self.lanes.placed(job, rank, incarnation)

    def place_of(self, job: JobId, rank: Rank) -> Location | None:
        """Where a rank sits now, as far as is known here."""
        view = self._jobs.get(job)
        return view.places.get(rank) if view else None

    def places(self, job: JobId) -> Iterator[tuple[Rank, Location]]:
        """Where all the ranks sit that are placed."""
        view = self._jobs.get(job)
        return iter([pair for pair in view.places.items() if pair[0] != COORDINATOR] if view else [])

    def attach(self, attachment: Attachment) -> None:
        """An endpoint of this peer goes into service: connect it with everybody placed so far."""
        endpoint = attachment.endpoint
        view = self._jobs[endpoint.job]
        view.endpoints[endpoint.rank] = attachment
        for rank in tuple(view.places):
            self._connect(view, attachment, rank)
        self._flush()

    def detach(self, endpoint: Endpoint) -> None:
        """An endpoint goes out of service. Idempotent."""
        view = self._jobs.get(endpoint.job)
        attachment = view.endpoints.get(endpoint.rank) if view else None
        if view is not None and attachment is not None and attachment.endpoint is endpoint:
            del view.endpoints[endpoint.rank]

    # --- links --------------------------------------------------------------------------------------------

    def link_up(self, link: Link) -> None:
        """There is a link to a peer: lanes that lead there start anew on it."""
        self._links[link.remote] = link
        self._path_changed(link.remote)

    def link_down(self, link: Link) -> None:
        """A link is gone; lanes that used it go by the coordinator, or wait."""
        if self._links.get(link.remote) is link:
            del self._links[link.remote]
            self._path_changed(link.remote)

    def path(self, job: JobId, rank: Rank) -> Link | None:
        """The link on the way to a rank of another peer; None when there is no way now."""
        view = self._jobs.get(job)
        return self.link_for(view, rank) if view else None

    def link_for(self, view: JobView, rank: Rank) -> Link | None:
        """The link on the way to a rank of another peer; None when there is no way now."""
        place = view.places.get(rank)
        if place is None or place.peer == self.local:
            return None
        return self._links.get(place.peer) or self._links.get(view.coordinator)

    # --- control messages ---------------------------------------------------------------------------------

    def serve(self, job: JobId, take: Callable[[FromPeer], None]) -> None:
        """What hosts tell the job's coordinator goes to `take`, which may raise Impostor."""
        self._coordinators[job] = take

    def stop_serving(self, job: JobId) -> None:
        """The job's coordinator takes no more messages."""
        self._coordinators.pop(job, None)

    def tell(self, peer: PeerId, message: ToHost | ToCoordinator) -> bool:
        """Send a control message to a peer, this one included; False (and counted) when it is not there.

        Raises:
            BadMessage: the message is too large.
        """
        if peer == self.local:
            self.dispatch(self.local, message)
            return True
        link = self._links.get(peer)
        if link is None:
            self.dead_letters.record(f"peer {peer}", message, "not connected")
            return False
        link.send_control(message)
        return True

    async def room(self, peer: PeerId) -> None:
        """Wait until little is queued for that peer: for what may be plenty and can wait."""
        link = self._links.get(peer)
        if link is not None:
            await link.room()
        else:
            await trio.lowlevel.checkpoint()

    def dispatch(self, sender: PeerId, message: ControlMessage) -> None:
        """Put a job's control message into the mailbox that it is for.

        Raises:
            Impostor: the sender has no right to say that.
        """
        if isinstance(message, _TO_HOST):
            coordinator = self.coordinator_of(JobId(message.job))
            if coordinator is not None and coordinator != sender:
                raise Impostor(f"it gives orders for job {message.job}, which {coordinator} coordinates")
            self._hosting.post(FromPeer(sender, message))
        elif isinstance(message, _TO_COORDINATOR):
            take = self._coordinators.get(JobId(message.job))
            if take is None:
                self.dead_letters.record(f"job {message.job}", message, "no such job here")
            else:
                take(FromPeer(sender, message))
        else:
            self.dead_letters.record(f"peer {sender}", message, "not for a job")

    # --- data frames --------------------------------------------------------------------------------------

    def ready(self, endpoint: Endpoint, lane: Lane) -> None:
        """A lane of this peer may have something to send."""
        view = self._jobs.get(endpoint.job)
        if view is not None:
            self._schedule(view, endpoint, lane)
            self._flush()

    def route(self, frame: Frame, sender: PeerId) -> None:
        """A frame has come from a peer: deliver it, or pass it on.

        Raises:
            Impostor: the sender is neither the host of the rank in whose name it speaks nor the coordinator.
            BadFrame: the frame makes no sense.
            TooMuchRelayed: it sends more by way of us than credit allows.
        """
        view = self._jobs.get(frame.job)
        if view is None:
            self.dropped["no such job"] += 1
            return
        source = view.places.get(frame.src)
        if source is None or frame.src_incarnation > source.incarnation:
            self.dropped["early"] += 1
            return
        if frame.src_incarnation < source.incarnation:
            self.dropped["fenced"] += 1
            return
        if sender not in (source.peer, view.coordinator):
            raise Impostor(f"it speaks for rank {frame.src} of job {frame.job}, which it does not host")
        if frame.kind in TUNNEL_KINDS:
            self._deliver_to_tunnel(view, frame, sender, direct=sender == source.peer)
        else:
            self._deliver(view, frame, sender)
            self._flush()

    def _deliver_to_tunnel(self, view: JobView, frame: Frame, sender: PeerId, *, direct: bool) -> None:
        place = view.places.get(frame.dst)
        if place is None or place.peer != self.local:
            self._pass_on(view, frame, sender)
        elif self.lanes is not None and (reason := self.lanes.take(frame, sender, direct)) is not None:
            self.dropped[reason] += 1

    def _deliver(self, view: JobView, frame: Frame, sender: PeerId) -> None:
        attachment = view.endpoints.get(frame.dst)
        if attachment is None:
            self._pass_on(view, frame, sender)
            return
        endpoint = attachment.endpoint
        if frame.dst_incarnation != endpoint.incarnation:
            self.dropped["fenced" if frame.dst_incarnation < endpoint.incarnation else "early"] += 1
            return
        lane = endpoint.lane(frame.src)
        if lane.there_incarnation != frame.src_incarnation:
            self.dropped["early"] += 1
            return
        try:
            if endpoint.receive(frame):
                attachment.on_delivered(frame.src)
        except ReplayDivergence as error:
            attachment.on_broken(error)
        except BadFrame as error:
            if sender not in (self.local, view.places[frame.src].peer):
                error = BadFrame(f"rank {frame.src} sent, by way of the coordinator: {error}")
            elif sender != self.local:
                raise
            attachment.on_broken(error)
        self._schedule(view, endpoint, lane)

    def _pass_on(self, view: JobView, frame: Frame, sender: PeerId) -> None:
        place = view.places.get(frame.dst)
        link = self._links.get(place.peer) if place else None
        if view.coordinator == self.local and link is not None and link.remote != sender:
            link.forward(frame)
        else:
            self.dropped["no such rank here"] += 1

    def _connect(self, view: JobView, attachment: Attachment, rank: Rank) -> None:
        endpoint = attachment.endpoint
        if attachment.reports_only and rank != COORDINATOR:
            return
        lane = endpoint.connect(rank, view.places[rank].incarnation)
        self._schedule(view, endpoint, lane)

    def _path_changed(self, peer: PeerId) -> None:
        """The link to `peer` came or went: start the lanes anew whose way leads or led over it."""
        for view in self._jobs.values():
            for rank, place in view.places.items():
                relayed = view.coordinator == peer and place.peer not in self._links
                if place.peer == self.local or not (place.peer == peer or relayed):
                    continue
                for attachment in view.endpoints.values():
                    self._connect(view, attachment, rank)
        self._flush()
        if self.lanes is not None:
            self.lanes.paths_changed()

    def _schedule(self, view: JobView, endpoint: Endpoint, lane: Lane) -> None:
        if not lane.ready:
            return
        outlet = _Outlet(self, view, lane, (endpoint.seat, lane.there, endpoint.incarnation))
        place = view.places.get(lane.there)
        if place is not None and place.peer == self.local:
            self._local_ready.append(outlet)
        elif (link := self.link_for(view, lane.there)) is not None:
            link.mark_ready(outlet)
        # else: when a path appears, link_up or place start the lane anew

    def _flush(self) -> None:
        """Hand frames between endpoints of this peer over until nobody has any left that may be sent."""
        if self._flushing:
            return
        self._flushing = True
        try:
            while self._local_ready:
                outlet = self._local_ready.popleft()
                frame = outlet.lane.next_frame(_WHOLE)
                if frame is not None:
                    self._deliver(outlet.view, frame, self.local)
                    if outlet.lane.ready:
                        self._local_ready.append(outlet)
        finally:
            self._flushing = False
