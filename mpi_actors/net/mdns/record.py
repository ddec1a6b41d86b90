"""What a peer announces by mDNS, and which records of others are believed. Pure.

The format is that of https://github.com/libp2p/specs/blob/master/discovery/mdns.md: one TXT record with a
string `dnsaddr=<multiaddr>/p2p/<id>` for each address. Peers of a pool add a string `mpi-actors-pool=<pool>`,
which tells them from other libp2p programs.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator

from ...errors import BadAddress
from ...ids import PeerId
from ..addresses import Address, parse

MAX_ADDRESSES = 10
"""Addresses in a record at most, written or read: so a record fits into one packet."""

MAX_RECORD = 4096
"""The longest TXT record that is read, in bytes: more than our own longest."""

MAX_STRING = 255
"""The longest string in a TXT record, in bytes (RFC 1035, section 3.3)."""

_ADDRESS = b"dnsaddr"
_POOL = b"mpi-actors-pool"


def own_addresses(local: PeerId, addresses: Iterable[str]) -> tuple[Address, ...]:
    """Return those of this peer's addresses that others can dial: IP numbers, ending in `/p2p/<local>`."""
    found = map(_usable, addresses)
    return tuple(address for address in found if address is not None and address.peer == local)


def worth_announcing(addresses: Iterable[Address]) -> tuple[Address, ...]:
    """Return which of this peer's addresses a record announces: loopback ones only if there are no others."""
    found = tuple(addresses)
    far = tuple(address for address in found if not address.is_loopback)
    return (far or found)[:MAX_ADDRESSES]


def write_record(addresses: Iterable[Address], pool: str) -> bytes:
    """Return the TXT record that announces `addresses` as those of a member of `pool`."""
    strings = [_ADDRESS + b"=" + str(address).encode() for address in addresses]
    strings.append(_POOL + b"=" + _pool_value(pool))
    return b"".join(bytes([len(string)]) + string for string in strings)


def read_record(record: bytes, *, local: PeerId, pool: str, near: bool) -> tuple[str, ...]:
    """Return the addresses of the peer that sent a TXT record; none if the record is ignored.

    A record is ignored unless its peer is of this pool, is another than this one, and is the same in all
    usable addresses. Host names are not usable: a stranger must not make this peer ask a name server.

    Args:
        record: the TXT record.
        local: this peer's own identity.
        pool: the name of this pool.
        near: whether all records come from this machine. If not, loopback addresses are not believed: with
            them a stranger could make this peer dial services of its own machine.
    """
    if len(record) > MAX_RECORD:
        return ()
    pools: list[bytes] = []
    found: dict[Address, None] = {}
    for key, value in _pairs(record):
        if key == _POOL:
            pools.append(value)
        elif key == _ADDRESS and len(found) < MAX_ADDRESSES:
            # bytes that are not ASCII become a character that no address has
            address = _usable(value.decode("ascii", "replace"))
            if address is not None and (near or not address.is_loopback):
                found[address] = None
    peers = {address.peer for address in found}
    if pools[:1] != [_pool_value(pool)] or len(peers) != 1 or local in peers:
        return ()
    return tuple(str(address) for address in found)


def _usable(text: str) -> Address | None:
    try:
        address = parse(text)
    except BadAddress:
        return None
    if not address.is_ip or address.peer is None:
        return None
    # ::ffff:127.0.0.1 reaches loopback, too
    mapped = getattr(ipaddress.ip_address(address.host), "ipv4_mapped", None)
    return address if mapped is None else None


def _pairs(record: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys, in lower case, and values; skip strings without `=` (RFC 6763, section 6.4)."""
    at = 0
    while at < len(record):
        end = at + 1 + record[at]
        if end > len(record):
            return
        key, equals, value = record[at + 1 : end].partition(b"=")
        if equals:
            yield key.lower(), value
        at = end


def _pool_value(pool: str) -> bytes:
    raw = pool.encode()
    if len(_POOL) + 1 + len(raw) <= MAX_STRING:
        return raw
    return hashlib.sha256(raw).hexdigest().encode()
