"""The broker of lanes on one peer: who wants one to whom, and who has one."""

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

_BUFFER = MIB
"""Of each socket, as far as the system allows."""
_AGAIN = 1.0
"""Seconds until lanes are made that could not be made for want of descriptors."""
_MOST_REFUSALS = 1000


@attrs.define(eq=False)
class Client:
    """A rank's process on this peer, as the broker sees it."""

    job: JobId
    rank: Rank
    incarnation: Incarnation
    size: int
    post: Callable[[ChannelMessage, socket.socket | None], None]
    """Tell it something; takes over the socket. Never raises."""
    wanted: set[Rank] = attrs.field(factory=set)
    """To whom it wants lanes that it cannot have yet."""
    crossing: set[Rank] = attrs.field(factory=set)
    """The ranks on this peer that asked for their lane to it first: it may ask too, before it has got it."""


@attrs.frozen(eq=False)
class _Refusals:
    """Frames to one peer about tunnels that do not exist here."""

    frames: deque[Frame] = attrs.field(factory=lambda: deque(maxlen=_MOST_REFUSALS))

    def next_frame(self, link: Link, most: int) -> Frame | None:
        return self.frames.popleft() if self.frames else None


class LaneBroker:
    """See the module's text. Its `run` is an actor: tunnels live only while that runs.

    Args:
        router: knows where ranks are, and which links lead there.
        cores: processors that the ranks here may keep busy.
    """

    def __init__(self, router: Router, *, cores: int) -> None:
        self._router = router
        self._cores = cores
        self._company = 0
        self._clients: dict[JobId, dict[Rank, Client]] = {}
        self._tunnels: dict[tuple[JobId, Rank, Rank], Tunnel] = {}
        self._refusals: dict[PeerId, _Refusals] = {}
        self._numbers = itertools.count(1)
        self._nursery: trio.Nursery | None = None
        self._short = trio.Event()
        router.lanes = self

    async def run(self, _: Mailbox[object]) -> None:
        """Serve tunnels until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                self._settle_all()
                while True:
                    await self._short.wait()
                    await trio.sleep(_AGAIN)
                    self._short = trio.Event()
                    self._settle_all()
            finally:
                self._nursery = None
                for tunnel in tuple(self._tunnels.values()):
                    tunnel.close()

    @property
    def tunnels(self) -> int:
        """How many there are now."""
        return len(self._tunnels)

    # --- ranks of this peer -------------------------------------------------------------------------------

    def attach(self, client: Client) -> None:
        """A rank's process can be told things; others that waited for it get their lanes."""
        ranks = self._clients.setdefault(client.job, {})
        if client.rank in ranks:
            self.detach(ranks[client.rank])
        self._clients.setdefault(client.job, {})[client.rank] = client
        for rank, place in self._router.places(client.job):
            if place.incarnation > 0 and rank != client.rank:
                client.post(ChannelMessage(ChannelKind.PLACED, rank, place.incarnation), None)
        client.post(self._company_news(), None)
        self._settle(client.job, client.rank)

    def detach(self, client: Client) -> None:
        """The process is gone, and its lanes with it. Idempotent."""
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
        """A rank of this peer needs a lane to another one; it gets it now, or when that is there.

        It may say so while one is on its way to it already: then it gets no second one.
        """
        if rank in client.crossing:
            client.crossing.discard(rank)
        elif 0 <= rank < client.size and rank != client.rank:
            client.wanted.add(rank)
            self._satisfy(client, rank)

    def company(self, running: int) -> None:
        """So many ranks run on this host now."""
        if running != self._company:
            self._company = running
            for ranks in self._clients.values():
                for client in ranks.values():
                    client.post(self._company_news(), None)

    def _company_news(self) -> ChannelMessage:
        return ChannelMessage(ChannelKind.COMPANY, self._company, number=self._cores)

    # --- what the router tells: `LaneKeeper` --------------------------------------------------------------

    def placed(self, job: JobId, rank: Rank, incarnation: Incarnation) -> None:
        """A rank has a new incarnation: lanes to older ones are over."""
        for tunnel in self._tunnels_of(job):
            if tunnel.ends.there == rank and tunnel.ends.there_incarnation != incarnation:
                tunnel.close()
        if incarnation > 0:
            for client in tuple(self._clients.get(job, {}).values()):
                if client.rank != rank:
                    client.post(ChannelMessage(ChannelKind.PLACED, rank, incarnation), None)
        self._settle(job, rank)

    def paths_changed(self) -> None:
        """A link came or went: tunnels whose way it was, or would be now, are over."""
        for tunnel in tuple(self._tunnels.values()):
            if self._router.path(tunnel.ends.job, tunnel.ends.there) is not tunnel.link:
                tunnel.close()
        self._settle_all()

    def closed(self, job: JobId) -> None:
        """A job is over."""
        for client in tuple(self._clients.get(job, {}).values()):
            self.detach(client)

    def take(self, frame: Frame, sender: PeerId, direct: bool) -> str | None:
        """A frame for a tunnel that ends here has come; returns why it was dropped, if it was.

        Args:
            frame: of the present incarnation of its source.
            sender: who brought it.
            direct: that is the host of its source.

        Raises:
            BadFrame: it makes no sense, and its sender is to blame.
        """
        client = self._clients.get(frame.job, {}).get(frame.dst)
        if client is None or frame.dst_incarnation > client.incarnation:
            return "early"  # openings are said again
        if frame.dst_incarnation < client.incarnation:
            return "fenced"
        if frame.src >= client.size or frame.src == client.rank:
            return "no such rank"
        tunnel = self._tunnels.get((frame.job, frame.dst, frame.src))
        try:
            if frame.kind is FrameKind.TUNNEL_OPEN:
                self._opened(client, tunnel, frame, sender)
            elif tunnel is not None and _concerns(frame, tunnel):
                tunnel.receive(frame)
            elif frame.kind is not FrameKind.TUNNEL_CLOSE:
                self._refuse(frame, sender)
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

    def _opened(self, client: Client, tunnel: Tunnel | None, frame: Frame, sender: PeerId) -> None:
        if tunnel is not None:
            if tunnel.opened(frame) is not Opening.NEWER:
                return
            tunnel.close()
        if frame.total:
            self._refuse(frame, sender)  # it answers to an end that is over
            return
        link = self._router.path(frame.job, frame.src)
        if link is not None:
            fresh = self._open(client, frame.src, frame.src_incarnation, link)
            if fresh is not None:
                fresh.opened(frame)

    def _refuse(self, frame: Frame, sender: PeerId) -> None:
        link = self._router.path(frame.job, frame.src)
        if link is not None:
            refusals = self._refusals.setdefault(link.remote, _Refusals())
            ends = TunnelEnds(frame.job, frame.dst, frame.dst_incarnation, frame.src, frame.src_incarnation)
            refusals.frames.append(ends.frame(FrameKind.TUNNEL_CLOSE, 0, frame.seq))
            link.mark_ready(refusals)

    def _settle_all(self) -> None:
        for job in tuple(self._clients):
            for client in tuple(self._clients.get(job, {}).values()):
                for rank in tuple(client.wanted):
                    self._satisfy(client, rank)

    def _settle(self, job: JobId, rank: Rank) -> None:
        """Something has changed about that rank."""
        for client in tuple(self._clients.get(job, {}).values()):
            if rank in client.wanted:
                self._satisfy(client, rank)

    def _satisfy(self, client: Client, rank: Rank) -> None:
        place = self._router.place_of(client.job, rank)
        if place is None:
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
        """Make a lane between two ranks of this peer, one of which has asked for it."""
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
        if self._nursery is None:
            return None
        pair = self._pair()
        if pair is None:
            client.wanted.add(rank)
            return None
        ends = TunnelEnds(client.job, client.rank, client.incarnation, rank, incarnation)
        tunnel = Tunnel(ends, next(self._numbers), link, pair[0], self._forget)
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
        try:
            pair = socket.socketpair()
        except OSError as error:
            logger.warning("no lane can be made for now: %s", error.strerror)
            self._short.set()
            return None
        for end in pair:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        return pair


def _concerns(frame: Frame, tunnel: Tunnel) -> bool:
    if tunnel.ends.there_incarnation != frame.src_incarnation:
        return False
    if frame.kind is FrameKind.TUNNEL_CLOSE:
        # the other side may know only one of both numbers: what it refuses, or what it never heard of
        return frame.total == tunnel.flow.mine or (frame.total == 0 and frame.seq == tunnel.flow.theirs)
    return tunnel.flow.names(frame)
