"""The real network: libp2p over TCP, noise and yamux."""

from __future__ import annotations

import errno
import logging
import socket
from collections import defaultdict
from collections.abc import Sequence
from typing import cast

from . import unused  # noqa: F401  # isort: skip - before libp2p itself
import attrs
import trio
from libp2p import new_host
from libp2p.abc import INetStream
from libp2p.crypto.keys import KeyPair
from libp2p.crypto.x25519 import create_new_key_pair as new_noise_key
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.utils.address_validation import get_available_interfaces
from multiaddr import Multiaddr

from ...config import DEFAULT_LISTEN
from ...errors import CannotListen, DialFailed, leaf
from ...ids import PeerId
from ..addresses import Address, expand_wildcard, is_peer_id, parse, parse_listen
from ..transport import STREAM, Accept, ByteStream
from . import quirks
from .dial import dial
from .identity import peer_id
from .stream import Libp2pStream

logger = logging.getLogger(__name__)

_Streams = defaultdict[PeerId, set[Libp2pStream]]


def build_host(key_pair: KeyPair) -> BasicHost:
    """Make a libp2p host that speaks noise and yamux only, with every work-around in place."""
    quirks.apply()
    noise = Noise(key_pair, noise_privkey=new_noise_key().private_key)
    host = new_host(
        key_pair=key_pair,
        sec_opt={NOISE: noise},  # by default the library accepts plaintext, too
        muxer_opt={TProtocol(YAMUX): quirks.SafeYamux},
        connection_config=quirks.connection_config(),
        disable_identify_address_discovery=True,
    )
    assert isinstance(host, BasicHost)
    quirks.guard_handlers(host)
    quirks.forget_identify(host)
    swarm = cast(Swarm, host.get_network())
    quirks.forget_auto_connect(swarm)
    quirks.release_inbound(swarm)
    return host


@attrs.define(eq=False)
class Libp2pTransport:
    """The libp2p host of a peer: a `net.transport.Transport`. All times are in seconds."""

    key_pair: KeyPair
    listen: Sequence[str] = DEFAULT_LISTEN
    """Where to listen: IP numbers of this machine; port 0 for any free port."""
    connect_timeout: float = 5.0
    """For a dial."""
    open_timeout: float = 5.0
    """For opening a stream. A peer that does not answer in time is disconnected."""
    disconnect_timeout: float = 3.0
    """For the good order of a connection's end."""
    linger: float = 0.5
    """For the other side to read what was sent before this side closed."""

    _served: dict[str, Accept] = attrs.field(factory=dict, init=False)
    _host: BasicHost | None = attrs.field(default=None, init=False)
    _nursery: trio.Nursery | None = attrs.field(default=None, init=False)
    _addresses: tuple[str, ...] = attrs.field(default=(), init=False)
    _streams: _Streams = attrs.field(factory=lambda: defaultdict(set), init=False)
    _finishing: _Streams = attrs.field(factory=lambda: defaultdict(set), init=False)
    _dialling: dict[str, trio.Lock] = attrs.field(factory=dict, init=False)

    @property
    def local(self) -> PeerId:
        """This peer's own identity."""
        return peer_id(self.key_pair)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where others can reach this peer; empty unless `run` is running."""
        return self._addresses

    async def run(
        self, accept: Accept, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Listen, and serve incoming streams until cancelled.

        Raises:
            CannotListen: a listening address is in use, or is not one of this machine.
            BadAddress: a listening address is not an address.
        """
        wanted = [parse_listen(text) for text in self.listen]
        for address in wanted:
            _check_free(address)
        failure: Exception | None = None
        try:
            await self._serve(accept, wanted, task_status)
        except* Exception as group:  # noqa: BLE001
            failure = leaf(group)
        if failure is not None:
            raise failure

    async def _serve(
        self, accept: Accept, wanted: Sequence[Address], task_status: trio.TaskStatus[None]
    ) -> None:
        host = build_host(self.key_pair)
        self._served[STREAM] = accept
        self._handle(host, *self._served)
        try:
            async with host.run([Multiaddr(str(address)) for address in wanted]):
                try:
                    found = [parse_listen(str(maddr)) for maddr in host.get_transport_addrs()]
                    if len(found) < len(wanted):
                        raise CannotListen(f"cannot listen on all of {', '.join(self.listen)}")
                    async with trio.open_nursery() as nursery:
                        self._nursery = await nursery.start(_shielded_nursery)
                        self._addresses = tuple(str(place.of(self.local)) for place in _reachable(found))
                        self._host = host
                        self._handle(host, *self._served)  # also protocols that were added meanwhile
                        task_status.started()
                        try:
                            await trio.sleep_forever()
                        finally:
                            await self._let_finish([s for held in self._finishing.values() for s in held])
                            background, self._nursery = self._nursery, None
                            background.cancel_scope.cancel()
                finally:
                    self._host = None
                    self._addresses = ()
                    with trio.CancelScope(shield=True):  # else the listener stays open
                        await host.close()
        finally:
            self._streams.clear()
            self._finishing.clear()

    def serve(self, protocol: str, accept: Accept) -> None:
        """From now on, serve incoming streams of another protocol, too."""
        self._served[protocol] = accept
        if self._host is not None:
            self._handle(self._host, protocol)

    def _handle(self, host: BasicHost, *protocols: str) -> None:
        for protocol in protocols:

            async def handler(net: INetStream, protocol: str = protocol) -> None:
                await self._accept(self._served[protocol], net)

            host.set_stream_handler(TProtocol(protocol), handler)

    def connected(self) -> tuple[PeerId, ...]:
        """Return the peers to which there is a connection, whichever side made it."""
        if self._host is None:
            return ()
        known = cast(Swarm, self._host.get_network()).connections
        return tuple(
            PeerId(peer.to_base58())
            for peer, connections in known.items()
            if any(not connection.is_closed for connection in connections)
        )

    async def _accept(self, accept: Accept, net: INetStream) -> None:
        remote = PeerId(net.muxed_conn.peer_id.to_base58())
        if len(self._streams[remote]) >= quirks.MAX_INBOUND_STREAMS:
            logger.warning("%s opened too many streams; one was refused", remote)
            await net.reset()
            return
        stream = self._adopt(net, remote)
        try:
            await accept(stream)
        except Exception:
            logger.exception("serving a stream from %s failed", remote)
        finally:
            await stream.aclose()

    def _adopt(self, net: INetStream, remote: PeerId) -> Libp2pStream:
        stream = Libp2pStream(net, remote, self._finish)
        self._streams[remote].add(stream)
        return stream

    def _finish(self, stream: Libp2pStream) -> None:
        """Tell the other side, in the background, that this side has closed a stream."""
        _drop(self._streams, stream)
        if self._nursery is not None:  # else all connections are closing
            self._finishing[stream.remote].add(stream)
            self._nursery.start_soon(self._finish_task, stream)

    async def _finish_task(self, stream: Libp2pStream) -> None:
        try:
            await stream.finish()
        finally:
            _drop(self._finishing, stream)

    async def _let_finish(self, streams: Sequence[Libp2pStream]) -> None:
        """Give the other side time to read what was sent on closed streams, before the connection ends."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + self.linger):
            for stream in streams:
                await stream.finished.wait()

    async def connect(self, address: str) -> PeerId:
        """Connect to the peer at `address`, unless that is so already; return the identity that answered.

        Raises:
            BadAddress: the text is not an address.
            DialFailed: nobody answered in time, or another peer did.
        """
        target = parse(address)
        if target.peer == self.local:
            raise DialFailed(f"{address}: that is this peer itself")
        host = self._running()
        key = target.peer or str(target)
        lock = self._dialling.setdefault(key, trio.Lock())
        try:
            # one at a time: two tasks that dial the same peer must not make two connections
            with trio.move_on_after(self.connect_timeout):
                async with lock:
                    if target.peer is not None and self._is_connected(target.peer):
                        return target.peer
                    return await dial(cast(Swarm, host.get_network()), target, self.local)
        finally:
            if not lock.locked() and self._dialling.get(key) is lock:
                del self._dialling[key]
        raise DialFailed(f"{address}: no answer within {self.connect_timeout:g} s")

    async def open_stream(self, peer: PeerId, protocol: str = STREAM) -> ByteStream:
        """Open a stream over the connection to `peer`.

        Raises:
            DialFailed: there is no usable connection to `peer` (one that does not answer in time is dropped),
                or `peer` does not speak `protocol`.
        """
        host = self._running()
        if not self._is_connected(peer):
            raise DialFailed(f"no connection to {peer}. Connect to its address first.")
        if len(self._streams[peer]) >= quirks.MAX_STREAMS:
            raise DialFailed(f"{quirks.MAX_STREAMS} streams to {peer} are open. Close some.")
        target = ID.from_string(peer)
        with trio.move_on_after(self.open_timeout):
            try:
                return self._adopt(await host.new_stream(target, [TProtocol(protocol)]), peer)
            except Exception as error:
                raise DialFailed(f"no stream to {peer}: {quirks.reason(error)}") from error
            finally:  # if the connection has just ended, the library dials, and blocks the peer if it fails
                cast(Swarm, host.get_network()).unblock_peer(target)
        await self.disconnect(peer)
        raise DialFailed(f"{peer} opened no stream within {self.open_timeout:g} s. It was disconnected.")

    async def disconnect(self, peer: PeerId) -> None:
        """Drop the connection to `peer`, if there is one, and all its streams. Never raises.

        What was sent on streams that are closed already still arrives, if the peer reads it within `linger`.
        """
        host = self._host
        with trio.CancelScope(shield=True):
            await trio.lowlevel.checkpoint()
            if host is None or not is_peer_id(peer):
                return
            await self._let_finish(tuple(self._finishing.get(peer, ())))
            with trio.move_on_after(self.disconnect_timeout):
                try:
                    await host.disconnect(ID.from_string(peer))
                except Exception as error:  # noqa: BLE001
                    logger.debug("disconnecting %s: %s", peer, quirks.reason(error))
            for stream in tuple(self._streams.pop(peer, ())):
                await stream.aclose()

    def _running(self) -> BasicHost:
        if self._host is None:
            raise DialFailed("the network is not running")
        return self._host

    def _is_connected(self, peer: PeerId) -> bool:
        if not is_peer_id(peer):
            return False
        known = self._running().get_network().get_connections(ID.from_string(peer))
        return any(not connection.is_closed for connection in known)


async def _shielded_nursery(task_status: trio.TaskStatus[trio.Nursery]) -> None:
    """Open a nursery whose tasks end only when the nursery itself is cancelled."""
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as nursery:
            task_status.started(nursery)
            await trio.sleep_forever()


def _check_free(address: Address) -> None:
    """Refuse a port that is in use: the library listens with SO_REUSEPORT, and would share it."""
    family = socket.AF_INET if address.kind == "ip4" else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # a port that only has old connections of an earlier run counts as free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address.host, address.port))
    except OSError as error:
        why = {
            errno.EADDRINUSE: f"port {address.port} is in use; choose another, or 0 for any free one",
            errno.EADDRNOTAVAIL: f"{address.host} is not an address of this machine",
            errno.EACCES: f"port {address.port} needs more rights; choose one above 1023",
        }.get(error.errno or 0, error.strerror)
        raise CannotListen(f"cannot listen on {address}: {why}") from error


def _reachable(found: Sequence[Address]) -> list[Address]:
    """Return where others can reach a listener: a wildcard stands for all IP numbers of the machine."""
    if not any(address.is_wildcard for address in found):
        return list(found)
    numbers = [maddr.value_for_protocol(maddr.protocols()[0].code) for maddr in get_available_interfaces(0)]
    machine = [number for number in numbers if number is not None]
    return [place for address in found for place in expand_wildcard(address, machine)]


def _drop(table: _Streams, stream: Libp2pStream) -> None:
    held = table.get(stream.remote)
    if held is not None:
        held.discard(stream)
        if not held:
            del table[stream.remote]
