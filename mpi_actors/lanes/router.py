"""The router: from the links of other peers to the mailboxes and endpoints of this peer, and back.

A data frame goes to the endpoint of the rank that it names, or to that rank's tunnel, or out on a link to the
rank's host. When two hosts cannot reach each other, the link to the coordinator carries the frame, and the
coordinator passes it on. A control message goes to the mailbox of the job's coordinator or of this peer's
host of ranks. The router counts what it cannot deliver and goes on. When a peer sends what it has no right to
send, the router raises an error, and that peer loses its connection.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import get_args

import attrs
import trio

from ..actors import DeadLetters, Mailbox
from ..errors import BadFrame, Impostor, ReplayDivergence
from ..ids import COORDINATOR, Incarnation, JobId, JobRank, PeerId, Rank
from ..net.link import FrameSource, Link
from ..replay.endpoint import Endpoint
from ..replay.lane import Lane
from ..wire.fields import LostRank
from ..wire.frame import TUNNEL_KINDS, Frame, FrameKind
from ..wire.messages import ChoicesStable, ControlMessage, ToCoordinator, ToHost
from .choices import JobChoices
from .news import FromPeer, HostNews
from .reporting import ChoiceKeeper
from .routes import Attachment, JobView, LaneKeeper, Location

logger = logging.getLogger(__name__)

_TO_HOST = get_args(ToHost)
_TO_COORDINATOR = get_args(ToCoordinator)
_WHOLE_MESSAGE = 1 << 40
"""Bytes: more than any message has. Within this peer, a message need not be cut into pieces."""


@attrs.frozen
class _Outlet:
    """A lane that has something to send. The link that leads to the lane's other end pulls its frames."""

    router: Router = attrs.field(eq=False)
    view: JobView = attrs.field(eq=False)
    lane: Lane = attrs.field(eq=False)
    key: tuple[JobRank, Rank, Incarnation]

    def next_frame(self, link: Link, most: int) -> Frame | None:
        """Return the lane's next frame; None if the lane's path no longer uses this link."""
        if self.router.link_for(self.view, self.lane.there) is not link:
            return None
        if self.view.choices.active and (frame := self.view.choices.ahead(link, most)) is not None:
            return frame
        return self.lane.next_frame(most)


class Router:
    """See the module's text.

    Args:
        local: this peer.
        orders: the mailbox of this peer's host of ranks.
        dead_letters: counts the messages that cannot be delivered.
    """

    def __init__(
        self, local: PeerId, orders: Mailbox[HostNews], dead_letters: DeadLetters | None = None
    ) -> None:
        self.local = local
        self.dead_letters = dead_letters or DeadLetters()
        self._orders = orders
        self._jobs: dict[JobId, JobView] = {}
        self._coordinators: dict[JobId, Callable[[FromPeer], None]] = {}
        self._links: dict[PeerId, Link] = {}
        self.choices = ChoiceKeeper(self._links.get, self.tell)
        """Sees that recorded choices reach their coordinators. Its `run` must be running."""
        self._flushing = False
        self._local_ready: deque[_Outlet] = deque()
        self.dropped: Counter[str] = Counter()
        """The number of frames that were not delivered, by reason: fenced, early, no such rank here …"""
        self.lanes: LaneKeeper | None = None
        """The keeper of the tunnels, once there is one."""

    # --- jobs and their places ----------------------------------------------------------------------------

    def open_job(self, job: JobId, coordinator: PeerId) -> None:
        """Take part in a job.

        Raises:
            Impostor: this peer takes part in it already, under another coordinator.
        """
        view = self._jobs.get(job)
        if view is None:
            choices = self.choices.open(job, coordinator)
            self._jobs[job] = JobView(coordinator, {COORDINATOR: Location(0, coordinator)}, choices)
        elif view.coordinator != coordinator:
            raise Impostor(f"job {job} is coordinated by {view.coordinator}, not by {coordinator}")

    def jobs_of(self, coordinator: PeerId) -> tuple[JobId, ...]:
        """Return the jobs that this peer takes part in and that `coordinator` coordinates."""
        return tuple(job for job, view in self._jobs.items() if view.coordinator == coordinator)

    def coordinator_of(self, job: JobId) -> PeerId | None:
        """Return who coordinates the job, if this peer takes part in it."""
        view = self._jobs.get(job)
        return view.coordinator if view else None

    def close_job(self, job: JobId) -> None:
        """Forget a job that is over. Nothing reaches its endpoints any more."""
        self._jobs.pop(job, None)
        self.choices.close(job)
        if self.lanes is not None:
            self.lanes.on_job_closed(job)

    def place(self, job: JobId, rank: Rank, incarnation: Incarnation, peer: PeerId) -> None:
        """Note the place of a rank's new incarnation, and fence older ones. Ignore news of older ones."""
        view = self._jobs.get(job)
        if view is None:
            return
        known = view.places.get(rank)
        if known is not None and known.incarnation >= incarnation:
            return
        view.places[rank] = Location(incarnation, peer)
        view.choices.on_placed(rank, incarnation, peer)
        for attachment in view.endpoints.values():
            self._connect(view, attachment, rank)
        self._flush()
        if self.lanes is not None:
            self.lanes.on_rank_placed(job, rank, incarnation)

    def seal(self, job: JobId, lost: Iterable[LostRank]) -> None:
        """Take nothing more of these incarnations, and send them nothing."""
        view = self._jobs.get(job)
        if view is None:
            return
        for each in lost:
            place = view.places.get(each.rank)
            if place is not None and place.incarnation <= each.incarnation:
                view.places[each.rank] = attrs.evolve(place, lost=True)
        if self.lanes is not None:
            self.lanes.on_paths_changed()

    def choices_of(self, job: JobId) -> JobChoices | None:
        """Return the recorded choices of a job that this peer takes part in."""
        view = self._jobs.get(job)
        return view.choices if view else None

    def place_of(self, job: JobId, rank: Rank) -> Location | None:
        """Return where a rank sits now, as far as this peer has heard."""
        view = self._jobs.get(job)
        return view.places.get(rank) if view else None

    def places(self, job: JobId) -> Iterator[tuple[Rank, Location]]:
        """Return where each rank sits, of those that this peer has heard of."""
        view = self._jobs.get(job)
        return iter([pair for pair in view.places.items() if pair[0] != COORDINATOR] if view else [])

    def attach(self, attachment: Attachment) -> None:
        """Put an endpoint of this peer into service, and connect it with every rank that has a place."""
        endpoint = attachment.endpoint
        view = self._jobs[endpoint.job]
        view.endpoints[endpoint.rank] = attachment
        for rank in tuple(view.places):
            self._connect(view, attachment, rank)
        self._flush()

    def detach(self, endpoint: Endpoint) -> None:
        """Take an endpoint out of service. Idempotent."""
        view = self._jobs.get(endpoint.job)
        attachment = view.endpoints.get(endpoint.rank) if view else None
        if view is not None and attachment is not None and attachment.endpoint is endpoint:
            del view.endpoints[endpoint.rank]

    # --- links --------------------------------------------------------------------------------------------

    def on_link_up(self, link: Link) -> None:
        """There is a link to a peer: restart the lanes that lead there on it."""
        self._links[link.remote] = link
        self._path_changed(link.remote)

    def on_link_down(self, link: Link) -> None:
        """A link is gone: lanes that used it go by way of the coordinator, or wait."""
        if self._links.get(link.remote) is link:
            del self._links[link.remote]
            self.choices.on_link_down(link.remote)
            self._path_changed(link.remote)

    def path(self, job: JobId, rank: Rank) -> Link | None:
        """Return the link on the way to a rank of another peer; None when there is no way now."""
        view = self._jobs.get(job)
        return self.link_for(view, rank) if view else None

    def link_for(self, view: JobView, rank: Rank) -> Link | None:
        """Return the link on the way to a rank of another peer; None when there is no way now."""
        place = view.places.get(rank)
        if place is None or place.peer == self.local or place.lost:
            return None
        return self._links.get(place.peer) or self._links.get(view.coordinator)

    # --- control messages ---------------------------------------------------------------------------------

    def serve(self, job: JobId, take: Callable[[FromPeer], None]) -> None:
        """Pass what hosts tell the job's coordinator to `take`, which may raise Impostor."""
        self._coordinators[job] = take

    def stop_serving(self, job: JobId) -> None:
        """Pass no more messages to the job's coordinator."""
        self._coordinators.pop(job, None)

    def tell(self, peer: PeerId, message: ToHost | ToCoordinator) -> bool:
        """Send a control message to a peer, or to this one; return False (and count it) if that is not
        connected.

        Raises:
            BadMessage: the message is too large.
            Impostor: the message is for this peer, which has no right to say that.
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

    def send(self, peer: PeerId, source: FrameSource) -> None:
        """Have the link to a peer ask for frames of `source`; do nothing if there is none."""
        if (link := self._links.get(peer)) is not None:
            link.mark_ready(source)

    async def room(self, peer: PeerId) -> None:
        """Wait until few messages are queued for that peer. For senders of many messages that can wait."""
        link = self._links.get(peer)
        if link is not None:
            await link.room()
        else:
            await trio.lowlevel.checkpoint()

    def dispatch(self, sender: PeerId, message: ControlMessage) -> None:
        """Put a job's control message into the mailbox of its receiver.

        Raises:
            Impostor: the sender has no right to send it.
        """
        if isinstance(message, _TO_HOST):
            coordinator = self.coordinator_of(JobId(message.job))
            if coordinator is not None and coordinator != sender:
                raise Impostor(f"it gives orders for job {message.job}, which {coordinator} coordinates")
            if isinstance(message, ChoicesStable):
                if (choices := self.choices_of(JobId(message.job))) is not None:
                    choices.on_stable(message.positions)
                return
            self._orders.post(FromPeer(sender, message))
        elif isinstance(message, _TO_COORDINATOR):
            take = self._coordinators.get(JobId(message.job))
            if take is None:
                self.dead_letters.record(f"job {message.job}", message, "no such job here")
            else:
                take(FromPeer(sender, message))
        else:
            self.dead_letters.record(f"peer {sender}", message, "not for a job")

    # --- data frames --------------------------------------------------------------------------------------

    def mark_ready(self, endpoint: Endpoint, lane: Lane) -> None:
        """Send what a lane of this peer may have to send."""
        view = self._jobs.get(endpoint.job)
        if view is not None:
            self._schedule(view, endpoint, lane)
            self._flush()

    def route(self, frame: Frame, sender: PeerId) -> None:
        """Deliver a frame that has come from a peer, or pass it on.

        Raises:
            Impostor: the sender is neither the host of the frame's source rank nor the coordinator.
            BadFrame: the frame contradicts itself or what came before, or exceeds a limit.
            TooMuchRelayed: the sender has this peer pass on more than credit allows.
        """
        view = self._jobs.get(frame.job)
        if view is None:
            self.dropped["no such job"] += 1
            return
        if frame.kind is FrameKind.CHOICES:
            view.choices.receive(frame, sender)
            return
        source = view.places.get(frame.src)
        if source is None or frame.src_incarnation > source.incarnation:
            self.dropped["early"] += 1
            return
        if frame.src_incarnation < source.incarnation or source.lost:
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
        elif self.lanes is not None and (reason := self.lanes.on_frame(frame, sender, direct)) is not None:
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
        """The link to `peer` has come up or gone down: restart the lanes that use it or used it."""
        for view in self._jobs.values():
            for rank, place in view.places.items():
                relayed = view.coordinator == peer and place.peer not in self._links
                if place.peer == self.local or not (place.peer == peer or relayed):
                    continue
                for attachment in view.endpoints.values():
                    self._connect(view, attachment, rank)
        self._flush()
        if self.lanes is not None:
            self.lanes.on_paths_changed()

    def _schedule(self, view: JobView, endpoint: Endpoint, lane: Lane) -> None:
        if not lane.ready:
            return
        outlet = _Outlet(self, view, lane, (endpoint.job_rank, lane.there, endpoint.incarnation))
        place = view.places.get(lane.there)
        if place is not None and place.peer == self.local:
            self._local_ready.append(outlet)
        elif (link := self.link_for(view, lane.there)) is not None:
            link.mark_ready(outlet)
        # without a path the lane waits: `on_link_up` or `place` restarts it

    def _flush(self) -> None:
        """Move frames between endpoints of this peer until none is left that may be sent."""
        if self._flushing:
            return
        self._flushing = True
        try:
            while self._local_ready:
                outlet = self._local_ready.popleft()
                frame = outlet.lane.next_frame(_WHOLE_MESSAGE)
                if frame is not None:
                    self._deliver(outlet.view, frame, self.local)
                    if outlet.lane.ready:
                        self._local_ready.append(outlet)
        finally:
            self._flushing = False
