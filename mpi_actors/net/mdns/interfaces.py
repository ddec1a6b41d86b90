"""The network interfaces on which mDNS is spoken, and how to hear nothing on others."""

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

_GROUP = ("224.0.0.251", 5353)  # RFC 6762, section 3
_LOOPBACK = "127.0.0.1"
_IP_MULTICAST_ALL = 49
"""Linux's number for the socket option: Python's socket module lacks it."""
_IPV6_MULTICAST_ALL = 29
"""Linux's number for the socket option: Python's socket module lacks it."""


def multicast_interfaces(addresses: Iterable[Address]) -> list[str]:
    """Return the IP numbers, of those in `addresses`, whose interfaces can do multicast.

    Raises:
        OSError: no interface can; the text says why.
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

    zeroconf listens on the wildcard address. Linux then passes to it what arrives for the group on each
    interface where any program has joined the group, and what is sent to this machine alone.

    Args:
        core: hears and sends.
        near: hear only this machine.

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
        probe.connect(_GROUP)  # this sends nothing, but fails without a route
