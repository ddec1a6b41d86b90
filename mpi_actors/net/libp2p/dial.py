"""Dialling a peer: a TCP connection, upgraded to noise and yamux, handed to the swarm.

The library's own dialling is not used, for four reasons. It tries only the first address that it ever heard
of a peer, so it does not find one that came back on another port. It tries four times. It refuses a peer that
failed within the last 60 s. It cannot dial an address without a peer id.
"""

from __future__ import annotations

import socket

from . import unused  # noqa: F401  # isort: skip - before libp2p itself
import trio
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.swarm import Swarm

from ...errors import DialFailed
from ...ids import PeerId
from ..addresses import Address
from .quirks import reason

_FAMILIES = {
    "ip4": socket.AF_INET,
    "ip6": socket.AF_INET6,
    "dns": socket.AF_UNSPEC,
    "dns4": socket.AF_INET,
    "dns6": socket.AF_INET6,
}


async def dial(swarm: Swarm, target: Address, local: PeerId) -> PeerId:
    """Connect `swarm`, whose identity is `local`, to the peer at `target`; return the identity that answered.

    Raises:
        DialFailed: nobody answered, or another peer than `target.peer`, or `local` itself.
    """
    try:
        stream = await _open(target)
    except OSError as error:
        raise DialFailed(f"{target}: {reason(error)}") from error
    raw = RawConnection(TrioTCPStream(stream), True)
    handed_over = False
    try:
        # not the library's `upgrade_security`: that must know before who will answer
        security = swarm.upgrader.security_multistream
        secured = await security.secure_outbound(raw, None)  # type: ignore[arg-type]
        answered_id = secured.get_remote_peer()
        answered = PeerId(answered_id.to_base58())
        if answered == local:
            raise DialFailed(f"{target}: that is this peer itself")
        if target.peer not in (None, answered):
            raise DialFailed(f"{target}: another peer answers there, {answered}")
        if any(not known.is_closed for known in swarm.get_connections(answered_id)):
            return answered  # connected already, by another address
        muxed = await swarm.upgrader.upgrade_connection(secured, answered_id)
        await swarm.add_conn(muxed, direction="outbound")
        handed_over = True
        return answered
    except DialFailed:
        raise
    except Exception as error:
        raise DialFailed(f"{target}: not a libp2p peer with noise and yamux: {reason(error)}") from error
    finally:
        if not handed_over:
            with trio.CancelScope(shield=True):
                await raw.close()


async def _open(target: Address) -> trio.SocketStream:
    found = await trio.socket.getaddrinfo(
        target.host, target.port, family=_FAMILIES[target.kind], type=socket.SOCK_STREAM
    )
    failure: OSError = OSError("no such host")
    for *_, place in found:
        try:
            return await trio.open_tcp_stream(str(place[0]), target.port)
        except OSError as error:
            failure = error
    raise failure
