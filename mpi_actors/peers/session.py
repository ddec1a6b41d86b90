"""One connected peer, as an actor: greeting, heartbeats, news, death.

Two peers that dial each other at the same time make two links. The peer with the smaller id decides which
link counts, and says so with `Accepted`; the other peer waits for that message. So both use the same link.
"""

from __future__ import annotations

from typing import Protocol

import trio

from ..actors import Mailbox, current_actor
from ..config import Timing
from ..errors import ConnectionLost, DifferentPool, HelloTimeout, OutOfTurn, ProtocolError
from ..ids import PeerId
from ..net.detector import Detector
from ..net.link import Link
from ..net.pairing import StreamPair
from ..wire.frame import Frame
from ..wire.messages import Accepted, Capacity, ControlMessage, Goodbye, Hello, KnownPeers, Ping, Pong, Stock
from .roster import PeerRecord

GOODBYE_TIME = 0.5
"""Seconds that a session has to send its goodbye when it is stopped: enough for one message on a link that
works; a link that hangs must not delay the daemon's end."""

_MAX_PINGS = 64
"""Pings that wait for their answers; the time of an older ping is forgotten."""

_SMOOTHING = 8
"""The latest measurement has one part in this many of the smoothed latency, as in TCP (RFC 6298)."""


class SessionOwner(Protocol):
    """What a session asks of the daemon around it, and whom it tells what happens."""

    local: PeerId

    def hello(self) -> Hello:
        """Return what this peer says of itself."""
        ...

    def present(self, peer: PeerId) -> PeerRecord | None:
        """Return the peer's record, if a session with it is up already."""
        ...

    def on_peer_up(self, record: PeerRecord) -> None:
        """A session is up: the peer counts from now on."""
        ...

    def on_peer_down(self, record: PeerRecord, reason: str) -> None:
        """A session that was up has ended."""
        ...

    def on_capacity(self, record: PeerRecord) -> None:
        """The peer's slots or interpreters have changed."""
        ...

    def on_stock(self, record: PeerRecord, before: Stock) -> None:
        """The peer could install something else than before, or has other content."""
        ...

    def on_job_message(self, sender: PeerId, message: ControlMessage) -> None:
        """A control message about a job has come. May raise ProtocolError."""
        ...

    def on_frame(self, frame: Frame, sender: PeerId) -> None:
        """A data frame has come. May raise ProtocolError."""
        ...

    def on_peers_known(self, peers: KnownPeers) -> None:
        """The peer told the addresses of other peers."""
        ...

    def on_protocol_error(self, peer: PeerId, error: ProtocolError) -> None:
        """A peer broke the protocol, and lost its link."""
        ...


class PeerSession:
    """The actor of one link.

    Args:
        pair: the two streams of the link.
        owner: what the session asks and tells.
        timing: the intervals and deadlines.
    """

    def __init__(self, pair: StreamPair, owner: SessionOwner, timing: Timing) -> None:
        self._owner = owner
        self._timing = timing
        self._link = Link(pair, on_control=self._on_control, on_frame=self._on_frame)
        self._hello: Hello | None = None
        """The other peer's greeting."""
        self._own_hello = owner.hello()
        """This peer's greeting."""
        self._record: PeerRecord | None = None
        """Set while the session is up."""
        self.settled = trio.Event()
        """Set when the session is up, or is known not to come up."""
        self._detector = Detector(timing, trio.current_time())
        self._pings: dict[int, float] = {}
        """When each unanswered ping was sent."""
        self._parting = ""
        """Why one side closes the link on purpose; "" while neither does."""
        self.retry = True
        """Whether it makes sense to dial that peer again."""
        self.ended = trio.Event()
        """Set by the session's holder when nothing of the session is left."""
        self.was_up = False
        """Whether the session has ever been up."""

    @property
    def remote(self) -> PeerId:
        """The peer at the other side."""
        return self._link.remote

    @property
    def reason(self) -> str:
        """Why the session ended, for people."""
        if self._parting:
            return self._parting
        return str(self._link.end) if self._link.end else "this peer said goodbye"

    async def run(self, _: Mailbox[object]) -> None:
        """The actor: serve the link until it ends."""
        actor = current_actor()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, nursery.cancel_scope)
                nursery.start_soon(self._say_goodbye, actor.stopping)
                self._link.send_control(self._own_hello)
                with trio.move_on_after(self._timing.hello):
                    await self.settled.wait()
                if self._record is None:
                    if self._parting:
                        await trio.sleep(self._timing.hello)  # time for the other side to read the goodbye
                        self._link.abort(None)
                    else:
                        self._link.abort(HelloTimeout(f"no greeting within {self._timing.hello:g} s"))
                await self._beat()
        finally:
            self._end()
            if isinstance(self._link.end, ProtocolError):
                self._owner.on_protocol_error(self._link.remote, self._link.end)
            self.settled.set()

    async def _pump(self, scope: trio.CancelScope) -> None:
        await self._link.run()
        scope.cancel()

    async def _say_goodbye(self, stopping: trio.Event) -> None:
        await stopping.wait()
        self._link.goodbye("it leaves the pool")

    async def _beat(self) -> None:
        nonce = 0
        while True:
            now = trio.current_time()
            if self._detector.check(now):
                silence = self._detector.silent_for(now)
                self._link.abort(ConnectionLost(f"no sign of life for {silence:.1f} s"))
            nonce += 1
            self._pings[nonce] = now
            self._pings.pop(nonce - _MAX_PINGS, None)
            self._link.send_control(Ping(nonce))
            await trio.sleep(self._timing.heartbeat)

    # --- what the peer says -------------------------------------------------------------------------------

    def _on_frame(self, frame: Frame, sender: PeerId) -> None:
        self._detector.on_traffic(trio.current_time())
        if self._record is not None:
            self._owner.on_frame(frame, sender)

    def _on_control(self, message: ControlMessage) -> None:
        if self._parting:
            return
        now = trio.current_time()
        match message:
            case Ping(nonce):
                self._detector.on_heartbeat(now)
                self._link.send_control(Pong(nonce))
            case Pong(nonce):
                if (sent := self._pings.pop(nonce, None)) is not None:
                    self._measure(now - sent)
            case Hello():
                self._detector.on_traffic(now)
                self._on_hello(message)
            case Accepted():
                self._on_accepted()
            case Goodbye(reason, retry):
                self._part(f"it said goodbye: {reason}", retry=retry)
            case _ if self._record is None:
                raise OutOfTurn(f"{type(message).__name__} before the greeting")
            case Capacity():
                self._record.capacity = message
                self._owner.on_capacity(self._record)
            case Stock():
                before, self._record.stock = self._record.stock, message
                self._owner.on_stock(self._record, before)
            case KnownPeers():
                self._owner.on_peers_known(message)
            case _:
                self._owner.on_job_message(self._link.remote, message)

    def _measure(self, seconds: float) -> None:
        if self._record is not None:
            old = self._record.latency
            self._record.latency = old + (seconds - old) / _SMOOTHING if old else seconds

    def _on_hello(self, hello: Hello) -> None:
        if self._hello is not None:
            raise OutOfTurn("a second hello")
        self._hello = hello
        remote = self._link.remote
        if hello.pool != self._own_hello.pool:
            pool = self._own_hello.pool
            error = DifferentPool(f"it belongs to the pool {hello.pool}, this peer to {pool}")
            self._owner.on_protocol_error(remote, error)
            self._link.goodbye(f"different pools: yours is {hello.pool}, mine {pool}", retry=False)
            self._part(str(error), retry=False, by_us=True)
            return
        if self._owner.local > remote:
            return  # the peer with the smaller id decides
        present = self._owner.present(remote)
        if present is not None and present.instance == hello.instance:
            self._link.goodbye("there is a link between us already")
            self._part("there was a link already", by_us=True)
            return
        self._link.send_control(Accepted())
        self._begin(hello, present)

    def _on_accepted(self) -> None:
        if self._hello is None or self._record is not None or self._owner.local < self._link.remote:
            raise OutOfTurn("Accepted by the wrong side, or twice, or before the hello")
        self._begin(self._hello, self._owner.present(self._link.remote))

    def _begin(self, hello: Hello, old: PeerRecord | None) -> None:
        """The session is up; `old` is the record of an earlier one that this peer believes to be up."""
        if old is not None:
            # the other side lost the old link or was started again, and this side has not noticed
            self._owner.on_peer_down(old, "it connected again")
            old.link.abort(ConnectionLost("replaced by a new link"))
        self._record = PeerRecord(
            peer=self._link.remote,
            link=self._link,
            instance=hello.instance,
            agent=hello.agent,
            addresses=hello.addresses,
            capacity=hello.capacity,
            capacity_sent=self._own_hello.capacity,
            since=trio.current_time(),
        )
        self.was_up = True
        self.settled.set()
        self._owner.on_peer_up(self._record)

    def _part(self, reason: str, *, retry: bool = True, by_us: bool = False) -> None:
        """One side closes the link on purpose: this one if `by_us`."""
        self._parting = reason
        self.retry = retry
        self.settled.set()
        if not by_us:
            # a link that this side closes goes on until its goodbye is written
            self._link.abort(None)

    def _end(self) -> None:
        record, self._record = self._record, None
        if record is not None and self._owner.present(record.peer) is record:
            self._owner.on_peer_down(record, self.reason)
