"""Multiaddrs as this project uses them: `/ip4|ip6|dns|dns4|dns6/HOST/tcp/PORT[/p2p/ID]`, and nothing else.

Pure: no sockets, no name lookups, no libp2p.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NoReturn

import attrs

from ..errors import BadAddress
from ..ids import PeerId

EXAMPLE = "/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
"""The example of a good address in error texts."""

MAX_LENGTH = 512
"""The longest address that is read, in characters: a name of 253 and an id of 60 fit well."""

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_HOST_KINDS = ("ip4", "ip6", "dns", "dns4", "dns6")
_LABEL = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"
_DNS_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\.?")


@attrs.frozen
class Address:
    """Where a peer can be reached and, if `peer` is set, which peer must answer."""

    kind: str
    """One of `ip4`, `ip6`, `dns`, `dns4` and `dns6`."""
    host: str
    port: int
    peer: PeerId | None = None

    def __str__(self) -> str:
        text = f"/{self.kind}/{self.host}/tcp/{self.port}"
        return text if self.peer is None else f"{text}/p2p/{self.peer}"

    @property
    def is_ip(self) -> bool:
        """Whether the host is an IP number, not a name."""
        return self.kind in ("ip4", "ip6")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address. Of names, only `localhost` counts."""
        if self.is_ip:
            return ipaddress.ip_address(self.host).is_loopback
        return self.host.rstrip(".").lower() == "localhost"

    @property
    def is_wildcard(self) -> bool:
        """Whether the address stands for all of a machine (`0.0.0.0`, `::`): to listen on, not to dial."""
        return self.is_ip and ipaddress.ip_address(self.host).is_unspecified

    def of(self, peer: PeerId) -> Address:
        """Return the same address with the identity that must answer."""
        return attrs.evolve(self, peer=peer)


def parse(text: str) -> Address:
    """Read an address to dial.

    Raises:
        BadAddress: the text is not an address, or nobody can be dialled there (a wildcard, port 0).
    """
    address = _parse(text)
    if address.is_wildcard:
        _refuse(text, f"{address.host} means every address of a machine; give one of them")
    if address.port == 0:
        _refuse(text, "port 0 cannot be dialled")
    return address


def parse_listen(text: str) -> Address:
    """Read an address to listen on: an IP number of this machine, port 0 for any free port, no `/p2p`.

    Raises:
        BadAddress: the text is not such an address.
    """
    address = _parse(text, example="/ip4/127.0.0.1/tcp/4001")
    if address.peer is not None or not address.is_ip:
        _refuse(text, "to listen, give an IP number and a port", example="/ip4/127.0.0.1/tcp/4001")
    return address


def expand_wildcard(address: Address, machine: Iterable[str]) -> tuple[Address, ...]:
    """Return the addresses for which `address` stands on a machine with the IP numbers `machine`.

    An address that is not a wildcard stands for itself. Loopback comes last. Link-local numbers, which need a
    zone, are left out.
    """
    if not address.is_wildcard:
        return (address,)
    version = 4 if address.kind == "ip4" else 6
    numbers = {ipaddress.ip_address(number.split("%")[0]) for number in machine}
    fit = [n for n in numbers if n.version == version and not n.is_link_local and not n.is_unspecified]
    fit.sort(key=lambda number: (number.is_loopback, int(number)))
    return tuple(attrs.evolve(address, host=str(number)) for number in fit)


def is_peer_id(text: str) -> bool:
    """Return whether `text` is a peer id in base58: a multihash of a public key, identity or SHA-256."""
    if not 40 <= len(text) <= 60 or any(char not in _BASE58 for char in text):
        return False
    number = 0
    for char in text:
        number = number * 58 + _BASE58.index(char)
    zeros = len(text) - len(text.lstrip("1"))
    raw = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    return len(raw) >= 2 and raw[0] in (0x00, 0x12) and raw[1] == len(raw) - 2


def _parse(text: str, *, example: str = EXAMPLE) -> Address:
    if len(text) > MAX_LENGTH:
        _refuse(text[:40] + "…", "it is too long", example=example)
    parts = text.strip().split("/")
    if len(parts) not in (5, 7) or parts[0] or parts[1] not in _HOST_KINDS or parts[3] != "tcp":
        _refuse(text, "expected /ip4, /ip6 or /dns, then /tcp, then perhaps /p2p", example=example)
    kind, host, port_text = parts[1], parts[2], parts[4]
    if not (port_text.isascii() and port_text.isdigit() and len(port_text) <= 5 and int(port_text) < 65536):
        _refuse(text, f"{port_text!r} is not a port between 0 and 65535", example=example)
    if kind in ("ip4", "ip6"):
        host = _number(text, kind, host, example)
    elif not _DNS_NAME.fullmatch(host):
        _refuse(text, f"{host!r} is not a host name", example=example)
    peer = None
    if len(parts) == 7:
        if parts[5] != "p2p" or not is_peer_id(parts[6]):
            _refuse(text, "after the port only /p2p/ and a peer id may follow", example=example)
        peer = PeerId(parts[6])
    return Address(kind, host, int(port_text), peer)


def _number(text: str, kind: str, host: str, example: str) -> str:
    try:
        number = (ipaddress.IPv4Address if kind == "ip4" else ipaddress.IPv6Address)(host)
    except ValueError:
        _refuse(text, f"{host!r} is no {kind} number", example=example)
    if isinstance(number, ipaddress.IPv6Address) and number.scope_id is not None:
        _refuse(text, "an ip6 number with a zone is not supported", example=example)
    return str(number)


def _refuse(text: str, why: str, *, example: str = EXAMPLE) -> NoReturn:
    raise BadAddress(f"{text!r} is not a usable address: {why}. Example: {example}") from None
