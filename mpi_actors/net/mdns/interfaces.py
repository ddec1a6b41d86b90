"""Which interfaces mDNS is spoken on, and how nothing is heard on others."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import sys
from collections.abc import Iterable

from zeroconf import Zeroconf

from ..addresses import Address

logger = logging.getLogger(__name__)

_GROUP = ("224.0.0.251", 5353)
_LOOPBACK = "127.0.0.1"
# Linux's numbers, which the socket module does not have
_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29


def multicast_interfaces(addresses: Iterable[Address]) -> list[str]:
    """The numbers, of those listened on, whose interfaces can do multicast.

    Raises:
        OSError: there are none; says why.
    """
    usable: list[str] = []
    reasons: list[str] = []
    # multicast over ::1 does not work on Linux; over 127.0.0.1 it reaches the same programs
    for number in dict.fromkeys(_LOOPBACK if a.is_loopback else a.host for a in addresses):
        try:
            _try_multicast(number)
        except OSError as error:
            reasons.append(f"{number}: {error.strerror or error}")
        else:
            usable.append(number)
    if not usable:
        raise OSError("; ".join(reasons) or "no address to announce")
    for reason in reasons:
        logger.info("no mDNS on %s", reason)
    return usable


def confine(core: Zeroconf, *, near: bool) -> None:
    """Hear only the interfaces that were chosen.

    zeroconf listens on the wildcard address, and Linux then hands it what arrives for the group on any
    interface where any program has joined it, and what is sent to this machine alone.

    Raises:
        OSError: nothing can be sent on any interface.
    """
    if not core.engine.senders:
        raise OSError("no interface took part")
    if sys.platform != "linux":
        return
    for reader in core.engine.readers:
        # older kernels lack some of these, or reserve them for root
        with contextlib.suppress(OSError):
            reader.sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        if reader.is_ipv6:
            with contextlib.suppress(OSError):
                reader.sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)
        if near:
            with contextlib.suppress(OSError):
                reader.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")


def _try_multicast(number: str) -> None:
    if ipaddress.ip_address(number).version == 6:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind((number, 0))
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        interface = socket.inet_aton(number)
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(_GROUP[0]) + interface)
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
        probe.connect(_GROUP)  # sends nothing, but needs a route
