"""One connected peer, as an actor: greeting, heartbeats, capacity, death.

Two peers that dial each other at once make two links. The one with the smaller id decides which counts, by
`Accepted`; the other waits for it. So both sides always count the same one.
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


class Company(Protocol):
    """What a peer's session needs of the daemon around it."""

    local: PeerId

    def hello(self) -> Hello:
        """What we say of ourselves."""
        ...

    def present(self, peer: PeerId) -> PeerRecord | None:
        """The peer's record, if a session with it is up already."""
        ...

    def came(self, record: PeerRecord) -> None:
        """A session is up: the peer counts from now on."""
        ...

    def went(self, record: PeerRecord, reason: str) -> None:
        """A session that was up has ended."""
        ...

    def changed(self, record: PeerRecord) -> None:
        """The peer offers something else than before."""
        ...

    def stocked(self, record: PeerRecord, before: Stock) -> None:
        """The peer could install something else, or has other content than before."""
        ...

    def hear(self, sender: PeerId, message: ControlMessage) -> None:
        """A control message about a job. May raise ProtocolError."""
        ...

    def frame(self, frame: Frame, sender: PeerId) -> None:
        """A data frame. May raise ProtocolError."""
        ...

    def tell_of(self, peers: KnownPeers) -> None:
        """The peer knows others."""
        ...

    def turned_away(self, peer: PeerId, error: ProtocolError) -> None:
        """A peer broke the protocol, and lost its link."""
        ...


class PeerSession:
    """The actor of one link."""

    def __init__(self, pair: StreamPair, company: Company, timing: Timing) -> None:
        self._company = company
        self._timing = timing
        self._link = Link(pair, on_control=self._on_control, on_frame=self._on_frame)
        self._hello: Hello | None = None
        self._said: Hello | None = None
        self._record: PeerRecord | None = None
        self.settled = trio.Event()
        """Set when the session is up, or is known not to come up."""
        self._detector = Detector(timing, trio.current_time())
        self._pings: dict[int, float] = {}
        self._parting = ""
        self.retry = True
        """False when to dial that peer again would be in vain."""
        self.ended = trio.Event()
        """Set by whoever holds the session when nothing of it is left."""
        self.was_up = False

    @property
    def remote(self) -> PeerId:
        """The peer at the other side."""
        return self._link.remote

    @property
    def reason(self) -> str:
        """Why the session ended, in words."""
        if self._parting:
            return self._parting
        return str(self._link.end) if self._link.end else "this peer said goodbye"

    async def run(self, _: Mailbox[object]) -> None:
        """The actor: until the link ends."""
        actor = current_actor()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, nursery.cancel_scope)
                nursery.start_soon(self._say_goodbye, actor.stopping)
                self._said = self._company.hello()
                self._link.send_control(self._said)
                with trio.move_on_after(self._timing.hello):
                    await self.settled.wait()
                if self._record is None:
                    if self._parting:
                        await trio.sleep(self._timing.hello)  # for the goodbye to be taken
                        self._link.abort(None)
                    else:
                        self._link.abort(HelloTimeout(f"no greeting within {self._timing.hello:g} s"))
                await self._beat()
        finally:
            self._down()
            if isinstance(self._link.end, ProtocolError):
                self._company.turned_away(self._link.remote, self._link.end)
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
            self._pings.pop(nonce - 64, None)
            self._link.send_control(Ping(nonce))
            await trio.sleep(self._timing.heartbeat)

    # --- what the peer says -------------------------------------------------------------------------------

    def _on_frame(self, frame: Frame, sender: PeerId) -> None:
        self._detector.seen(trio.current_time())
        if self._record is not None:
            self._company.frame(frame, sender)

    def _on_control(self, message: ControlMessage) -> None:
        if self._parting:
            return
        now = trio.current_time()
        match message:
            case Ping(nonce):
                self._detector.heard(now)
                self._link.send_control(Pong(nonce))
            case Pong(nonce):
                if (sent := self._pings.pop(nonce, None)) is not None:
                    self._measure(now - sent)
            case Hello():
                self._detector.seen(now)
                self._greet(message)
            case Accepted():
                self._accepted()
            case Goodbye(reason, retry):
                self._part(f"it said goodbye: {reason}", retry=retry)
            case _ if self._record is None:
                raise OutOfTurn(f"{type(message).__name__} before the greeting")
            case Capacity():
                self._record.capacity = message
                self._company.changed(self._record)
            case Stock():
                before, self._record.stock = self._record.stock, message
                self._company.stocked(self._record, before)
            case KnownPeers():
                self._company.tell_of(message)
            case _:
                self._company.hear(self._link.remote, message)

    def _measure(self, seconds: float) -> None:
        if self._record is not None:
            old = self._record.latency
            self._record.latency = old + (seconds - old) / 8 if old else seconds

    def _greet(self, hello: Hello) -> None:
        if self._hello is not None:
            raise OutOfTurn("a second hello")
        self._hello = hello
        ours = self._said
        assert ours is not None
        remote = self._link.remote
        if hello.pool != ours.pool:
            error = DifferentPool(f"it is of the pool {hello.pool}, this peer of {ours.pool}")
            self._company.turned_away(remote, error)
            self._link.goodbye(f"different pools: yours is {hello.pool}, mine {ours.pool}", retry=False)
            self._part(str(error), retry=False, ours=True)
            return
        if self._company.local > remote:
            return  # the smaller one decides
        present = self._company.present(remote)
        if present is not None and present.instance == hello.instance:
            self._link.goodbye("there is a link between us already")
            self._part("there was a link already", ours=True)
            return
        self._link.send_control(Accepted())
        self._up(present)

    def _accepted(self) -> None:
        if self._hello is None or self._record is not None or self._company.local < self._link.remote:
            raise OutOfTurn("Accepted by the wrong side, or twice, or before the hello")
        self._up(self._company.present(self._link.remote))

    def _up(self, old: PeerRecord | None) -> None:
        assert self._hello is not None
        assert self._said is not None
        if old is not None:
            # the other side has lost the old link, or was started anew, before we noticed
            self._company.went(old, "it connected anew")
            old.link.abort(ConnectionLost("replaced by a new link"))
        self._record = PeerRecord(
            peer=self._link.remote,
            link=self._link,
            instance=self._hello.instance,
            agent=self._hello.agent,
            addresses=self._hello.addresses,
            capacity=self._hello.capacity,
            announced=self._said.capacity,
            since=trio.current_time(),
        )
        self.was_up = True
        self.settled.set()
        self._company.came(self._record)

    def _part(self, reason: str, *, retry: bool = True, ours: bool = False) -> None:
        self._parting = reason
        self.retry = retry
        self.settled.set()
        if not ours:
            # ours goes on until the goodbye is written
            self._link.abort(None)

    def _down(self) -> None:
        record, self._record = self._record, None
        if record is not None and self._company.present(record.peer) is record:
            self._company.went(record, self.reason)
