"""The broker of lanes on one peer: which rank wants a lane to which other rank, and which has one."""

from __future__ import annotations

import itertools
import logging
import socket
from collections import deque
from collections.abc import Callable, Iterator

import attrs
import trio

from ..actors import Mailbox
from ..config import MIB
from ..errors import BadFrame
from ..ids import Incarnation, JobId, PeerId, Rank
from ..net.link import Link
from ..wire.channel import ChannelKind, ChannelMessage
from ..wire.frame import Frame, FrameKind
from .flow import Opening
from .router import Router
from .tunnel import Tunnel, TunnelEnds

logger = logging.getLogger(__name__)

_SOCKET_BUFFER = MIB
"""Bytes that each socket may hold, as far as the system allows: a large message needs fewer switches between
the ranks."""
_RETRY = 1.0
"""Seconds until the broker tries again to make lanes for which the system had no descriptors."""
_MAX_REFUSALS = 1000
"""Refusals that wait for one link; older ones are dropped, because the other end repeats what it wants."""


@attrs.define(eq=False)
class Client:
    """The process of a rank on this peer, as the broker sees it."""

    job: JobId
    rank: Rank
    incarnation: Incarnation
    size: int
    """The number of ranks in the job."""
    post: Callable[[ChannelMessage, socket.socket | None], None]
    """Sends the process a message, and the socket if there is one, which it then owns. Never raises."""
    wanted: set[Rank] = attrs.field(factory=set)
    """Ranks to which the process wants lanes that the broker cannot yet make."""
    crossing: set[Rank] = attrs.field(factory=set)
    """Ranks on this peer that have asked for their lane to this one: this rank may ask too before its end of
    that lane has reached it, and must then not get a second lane."""


@attrs.frozen(eq=False)
class _Refusals:
    """Frames for one link that refuse tunnels which do not exist here."""

    frames: deque[Frame] = attrs.field(factory=lambda: deque(maxlen=_MAX_REFUSALS))

    def next_frame(self, link: Link, most: int) -> Frame | None:
        return self.frames.popleft() if self.frames else None


class LaneBroker:
    """Gives lanes to the ranks of this peer. Its `run` is an actor: tunnels live only while that runs.

    Args:
        router: knows where ranks sit, and which links lead there.
        cores: the number of processors that the ranks here may keep busy.
    """

    def __init__(self, router: Router, *, cores: int) -> None:
        self._router = router
        self._cores = cores
        self._running = 0
        """Ranks that run on this host, of all jobs."""
        self._clients: dict[JobId, dict[Rank, Client]] = {}
        self._tunnels: dict[tuple[JobId, Rank, Rank], Tunnel] = {}
        self._refusals: dict[PeerId, _Refusals] = {}
        self._numbers = itertools.count(1)
        self._nursery: trio.Nursery | None = None
        self._failed = trio.Event()
        """Set when a lane could not be made since the last attempt."""
        router.lanes = self

    async def run(self, _: Mailbox[object]) -> None:
        """Serve tunnels until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._router.choices.run)
            try:
                self._try_all_lanes()
                while True:
                    await self._failed.wait()
                    await trio.sleep(_RETRY)
                    self._failed = trio.Event()
                    self._try_all_lanes()
            finally:
                self._nursery = None
                for tunnel in tuple(self._tunnels.values()):
                    tunnel.close()

    @property
    def tunnels(self) -> int:
        """The number of tunnels now."""
        return len(self._tunnels)

    # --- ranks of this peer -------------------------------------------------------------------------------

    def attach(self, client: Client) -> None:
        """Take a rank's process that can be reached now, and give lanes to the ranks that waited for it."""
        ranks = self._clients.setdefault(client.job, {})
        if client.rank in ranks:
            self.detach(ranks[client.rank])
        self._clients.setdefault(client.job, {})[client.rank] = client
        for rank, place in self._router.places(client.job):
            if place.incarnation > 0 and rank != client.rank:
                client.post(ChannelMessage(ChannelKind.PLACED, rank, place.incarnation), None)
        client.post(self._running_news(), None)
        self._try_lanes_to(client.job, client.rank)

    def detach(self, client: Client) -> None:
        """Drop a process that is gone, and its tunnels. Idempotent."""
        ranks = self._clients.get(client.job, {})
        if ranks.get(client.rank) is not client:
            return
        del ranks[client.rank]
        for other in ranks.values():
            other.crossing.discard(client.rank)
        if not ranks:
            del self._clients[client.job]
        for tunnel in self._tunnels_of(client.job):
            if tunnel.ends.here == client.rank:
                tunnel.close()

    def want(self, client: Client, rank: Rank) -> None:
        """Give a rank of this peer a lane to another rank, now or as soon as that is possible.

        A rank that asks while its end of such a lane is already on its way to it gets no second lane.
        """
        if rank in client.crossing:
            client.crossing.discard(rank)
        elif 0 <= rank < client.size and rank != client.rank:
            client.wanted.add(rank)
            self._try_lane(client, rank)

    def drop(self, job: JobId, rank: Rank, other: Rank) -> bool:
        """End the lane between two ranks, for a test; they get another one.

        Return whether one of them is here. Between two ranks of this peer, a new lane takes the place of the
        old one, of which the broker holds no end.
        """
        ranks = self._clients.get(job, {})
        client, partner = ranks.get(rank), ranks.get(other)
        if client is not None and partner is not None:
            crossing = (client.rank in partner.crossing, partner.rank in client.crossing)
            self._join(client, partner)
            for one, two, was in ((partner, client, crossing[0]), (client, partner, crossing[1])):
                if (
                    not was
                ):  # they had asked for nothing, so nothing that they ask for later is answered by this
                    one.crossing.discard(two.rank)
            return True
        for here, there in ((rank, other), (other, rank)):
            tunnel = self._tunnels.get((job, here, there))
            if tunnel is not None:
                tunnel.close()
        return client is not None or partner is not None

    def on_running_changed(self, running: int) -> None:
        """Tell the ranks here how many ranks run on this host now."""
        if running != self._running:
            self._running = running
            for ranks in self._clients.values():
                for client in ranks.values():
                    client.post(self._running_news(), None)

    def _running_news(self) -> ChannelMessage:
        return ChannelMessage(ChannelKind.COMPANY, self._running, number=self._cores)

    # --- what the router tells: `LaneKeeper` --------------------------------------------------------------

    def on_rank_placed(self, job: JobId, rank: Rank, incarnation: Incarnation) -> None:
        """A rank has a new incarnation: close the tunnels to older ones."""
        for tunnel in self._tunnels_of(job):
            if tunnel.ends.there == rank and tunnel.ends.there_incarnation != incarnation:
                tunnel.close()
        if incarnation > 0:
            for client in tuple(self._clients.get(job, {}).values()):
                if client.rank != rank:
                    client.post(ChannelMessage(ChannelKind.PLACED, rank, incarnation), None)
        self._try_lanes_to(job, rank)

    def on_paths_changed(self) -> None:
        """A link has come up or gone down: close the tunnels that used it or would now use it."""
        for tunnel in tuple(self._tunnels.values()):
            if self._router.path(tunnel.ends.job, tunnel.ends.there) is not tunnel.link:
                tunnel.close()
        self._try_all_lanes()

    def on_job_closed(self, job: JobId) -> None:
        """A job is over: drop its ranks."""
        for client in tuple(self._clients.get(job, {}).values()):
            self.detach(client)

    def on_frame(self, frame: Frame, sender: PeerId, direct: bool) -> str | None:
        """Take a frame of a tunnel that ends here; return why it is dropped, if so.

        Args:
            frame: from the newest incarnation of its source.
            sender: the peer that sent it to this one.
            direct: whether that peer is the host of the frame's source.

        Raises:
            BadFrame: the frame breaks the tunnel's rules, and its direct sender is to blame.
        """
        client = self._clients.get(frame.job, {}).get(frame.dst)
        if client is None or frame.dst_incarnation > client.incarnation:
            return "early"  # an OPEN frame is sent again
        if frame.dst_incarnation < client.incarnation:
            return "fenced"
        if frame.src >= client.size or frame.src == client.rank:
            return "no such rank"
        tunnel = self._tunnels.get((frame.job, frame.dst, frame.src))
        try:
            if frame.kind is FrameKind.TUNNEL_OPEN:
                self._on_open(client, tunnel, frame)
            elif tunnel is not None and _concerns(frame, tunnel):
                tunnel.receive(frame)
            elif frame.kind is not FrameKind.TUNNEL_CLOSE:
                self._refuse(frame)
        except BadFrame:
            if direct:
                raise
            if tunnel is not None:
                tunnel.close()
            return "bad"
        return None

    # --- inside -------------------------------------------------------------------------------------------

    def _tunnels_of(self, job: JobId) -> Iterator[Tunnel]:
        return iter([tunnel for key, tunnel in self._tunnels.items() if key[0] == job])

    def _on_open(self, client: Client, tunnel: Tunnel | None, frame: Frame) -> None:
        if tunnel is not None:
            if tunnel.on_open(frame) is not Opening.NEWER:
                return
            tunnel.close()
        if frame.total:
            self._refuse(frame)  # it answers an end that is over
            return
        link = self._router.path(frame.job, frame.src)
        if link is not None:
            fresh = self._open(client, frame.src, frame.src_incarnation, link)
            if fresh is not None:
                fresh.on_open(frame)

    def _refuse(self, frame: Frame) -> None:
        """Tell the other end that the frame's tunnel does not exist here."""
        link = self._router.path(frame.job, frame.src)
        if link is not None:
            refusals = self._refusals.setdefault(link.remote, _Refusals())
            ends = TunnelEnds(frame.job, frame.dst, frame.dst_incarnation, frame.src, frame.src_incarnation)
            refusals.frames.append(ends.frame(FrameKind.TUNNEL_CLOSE, 0, frame.seq))
            link.mark_ready(refusals)

    def _try_all_lanes(self) -> None:
        for job in tuple(self._clients):
            for client in tuple(self._clients.get(job, {}).values()):
                for rank in tuple(client.wanted):
                    self._try_lane(client, rank)

    def _try_lanes_to(self, job: JobId, rank: Rank) -> None:
        """Make lanes to that rank, about which something has changed, if ranks want them."""
        for client in tuple(self._clients.get(job, {}).values()):
            if rank in client.wanted:
                self._try_lane(client, rank)

    def _try_lane(self, client: Client, rank: Rank) -> None:
        """Give `client` the lane to `rank` that it wants, if both ends can be reached now."""
        place = self._router.place_of(client.job, rank)
        if place is None or place.lost:
            return
        if place.peer == self._router.local:
            other = self._clients.get(client.job, {}).get(rank)
            if other is not None and other.incarnation == place.incarnation:
                self._join(client, other)
            return
        tunnel = self._tunnels.get((client.job, client.rank, rank))
        if tunnel is not None and tunnel.alive:
            client.wanted.discard(rank)
        elif (link := self._router.path(client.job, rank)) is not None:
            if tunnel is not None:
                tunnel.close()
            self._open(client, rank, place.incarnation, link)

    def _join(self, client: Client, other: Client) -> None:
        """Make a lane between two ranks of this peer, of which `client` has asked for it."""
        pair = self._pair()
        if pair is None:
            return
        for one, two, end in ((client, other, pair[0]), (other, client, pair[1])):
            one.post(ChannelMessage(ChannelKind.LANE, two.rank, two.incarnation), end)
        if client.rank not in other.wanted:
            other.crossing.add(client.rank)
        client.crossing.discard(other.rank)
        client.wanted.discard(other.rank)
        other.wanted.discard(client.rank)

    def _open(self, client: Client, rank: Rank, incarnation: Incarnation, link: Link) -> Tunnel | None:
        choices = self._router.choices_of(client.job)
        if self._nursery is None or choices is None:
            return None
        pair = self._pair()
        if pair is None:
            client.wanted.add(rank)
            return None
        ends = TunnelEnds(client.job, client.rank, client.incarnation, rank, incarnation)
        tunnel = Tunnel(ends, next(self._numbers), link, pair[0], self._forget, choices)
        self._tunnels[client.job, client.rank, rank] = tunnel
        client.wanted.discard(rank)
        self._nursery.start_soon(self._serve, tunnel, name=f"tunnel {ends}")
        client.post(ChannelMessage(ChannelKind.LANE, rank, incarnation, flag=True), pair[1])
        tunnel.schedule()
        return tunnel

    async def _serve(self, tunnel: Tunnel) -> None:
        try:
            await tunnel.run()
        except Exception:
            logger.exception("%s failed", tunnel.ends)
        finally:
            tunnel.close()

    def _forget(self, tunnel: Tunnel) -> None:
        key = (tunnel.ends.job, tunnel.ends.here, tunnel.ends.there)
        if self._tunnels.get(key) is tunnel:
            del self._tunnels[key]

    def _pair(self) -> tuple[socket.socket, socket.socket] | None:
        """Return a new socket pair; None, with another attempt later, when the system has no descriptors."""
        try:
            pair = socket.socketpair()
        except OSError as error:
            logger.warning("no lane can be made for now: %s", error.strerror)
            self._failed.set()
            return None
        for end in pair:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
        return pair


def _concerns(frame: Frame, tunnel: Tunnel) -> bool:
    """Return whether the frame is from the other end of this tunnel, and for this end."""
    if tunnel.ends.there_incarnation != frame.src_incarnation:
        return False
    if frame.kind is FrameKind.TUNNEL_CLOSE:
        # the other side may know only one of the two numbers
        return frame.total == tunnel.flow.mine or (frame.total == 0 and frame.seq == tunnel.flow.theirs)
    return tunnel.flow.names(frame)
