"""Multiaddrs: which are read, which are refused, and what the error says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.errors import BadAddress
from mpi_actors.ids import PeerId
from mpi_actors.net.addresses import EXAMPLE, Address, expand_wildcard, is_peer_id, parse, parse_listen

PEER = PeerId(EXAMPLE.rsplit("/", 1)[1])

GOOD = [
    ("/ip4/127.0.0.1/tcp/4001", Address("ip4", "127.0.0.1", 4001)),
    (EXAMPLE, Address("ip4", "192.0.2.7", 4001, PEER)),
    (f"/ip6/::1/tcp/1/p2p/{PEER}", Address("ip6", "::1", 1, PEER)),
    ("/ip6/2001:DB8:0::1/tcp/65535", Address("ip6", "2001:db8::1", 65535)),
    ("/dns/a.example/tcp/80", Address("dns", "a.example", 80)),
    ("/dns4/localhost/tcp/80", Address("dns4", "localhost", 80)),
    ("/dns6/node-1.a.example./tcp/80", Address("dns6", "node-1.a.example.", 80)),
    ("  /ip4/127.0.0.1/tcp/4001\n", Address("ip4", "127.0.0.1", 4001)),
]

BAD = [
    ("", "expected /ip4"),
    ("127.0.0.1:4001", "expected /ip4"),
    ("/ip4/127.0.0.1", "expected /ip4"),
    ("/ip4/127.0.0.1/udp/4001", "expected /ip4"),
    ("/ip4/127.0.0.1/udp/4001/quic-v1", "expected /ip4"),
    ("/ip4/127.0.0.1/tcp/4001/ws", "expected /ip4"),
    (f"/p2p/{PEER}", "expected /ip4"),
    ("/dnsaddr/a.example/tcp/1", "expected /ip4"),
    ("x/ip4/127.0.0.1/tcp/4001", "expected /ip4"),
    (f"/ip4/1.2.3.4/tcp/1/p2p/{PEER}/p2p-circuit", "expected /ip4"),
    ("/ip4/127.0.0.256/tcp/1", "no ip4 number"),
    ("/ip4/::1/tcp/1", "no ip4 number"),
    ("/ip4/localhost/tcp/1", "no ip4 number"),
    ("/ip6/127.0.0.1/tcp/1", "no ip6 number"),
    ("/ip6/fe80::1%eth0/tcp/1", "zone"),
    ("/dns/-a.example/tcp/1", "not a host name"),
    ("/dns/a b/tcp/1", "not a host name"),
    ("/dns//tcp/1", "not a host name"),
    ("/ip4/1.2.3.4/tcp/65536", "not a port"),
    ("/ip4/1.2.3.4/tcp/-1", "not a port"),
    ("/ip4/1.2.3.4/tcp/", "not a port"),
    ("/ip4/1.2.3.4/tcp/１", "not a port"),
    ("/ip4/1.2.3.4/tcp/1/p2p/QmNope", "peer id"),
    (f"/ip4/1.2.3.4/tcp/1/p2p/{PEER[:-1]}", "peer id"),
    (f"/ip4/1.2.3.4/tcp/1/http/{PEER}", "peer id"),
    ("/ip4/0.0.0.0/tcp/4001", "every address"),
    ("/ip4/1.2.3.4/tcp/0", "port 0"),
    ("/ip4/" * 1000, "too long"),
]


@pytest.mark.parametrize(("text", "address"), GOOD)
def test_good_addresses_are_read(text: str, address: Address) -> None:
    """Every form that the project uses is read, and IP numbers get their usual form."""
    assert parse(text) == address


@pytest.mark.parametrize(("text", "why"), BAD)
def test_bad_addresses_are_refused(text: str, why: str) -> None:
    """The error says what is wrong, in one line, and shows an example."""
    with pytest.raises(BadAddress, match=why) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    assert "Example: /ip4/" in str(caught.value)


@given(st.text(max_size=80) | st.from_regex(r"/(ip4|ip6|dns)/[^/]{0,9}/tcp/[^/]{0,6}(/p2p/[^/]{0,9})?"))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text is read or raises BadAddress, and what was read is written in the same way."""
    try:
        address = parse(text)
    except BadAddress:
        return
    assert parse(str(address)) == address


@pytest.mark.parametrize("text", ["/ip4/127.0.0.1/tcp/0", "/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/4001"])
def test_listening_may_use_wildcards_and_port_0(text: str) -> None:
    """A peer may listen on any port, and on all addresses of the machine."""
    assert str(parse_listen(text)) == text


@pytest.mark.parametrize("text", [EXAMPLE, "/dns4/localhost/tcp/1"])
def test_listening_needs_a_number_without_a_peer(text: str) -> None:
    """A name or a peer id is refused in a listening address."""
    with pytest.raises(BadAddress, match="to listen, give an IP number"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("/ip4/127.8.8.8/tcp/1", True),
        ("/ip6/::1/tcp/1", True),
        ("/dns/LocalHost./tcp/1", True),
        ("/ip4/10.0.0.1/tcp/1", False),
        ("/dns/localhost.example/tcp/1", False),
    ],
)
def test_loopback_is_known(text: str, loopback: bool) -> None:
    """`is_loopback` is true of addresses that only this machine can reach."""
    assert parse(text).is_loopback is loopback


def test_wildcards_stand_for_the_machines_numbers() -> None:
    """Each IP number of the right version is listed, loopback last, link-local never."""
    machine = ["127.0.0.1", "10.0.0.2", "169.254.1.1", "::1", "fe80::1%eth0", "2001:db8::1", "10.0.0.2"]
    ip4 = [str(a) for a in expand_wildcard(parse_listen("/ip4/0.0.0.0/tcp/5"), machine)]
    ip6 = [str(a) for a in expand_wildcard(parse_listen("/ip6/::/tcp/5"), machine)]
    assert ip4 == ["/ip4/10.0.0.2/tcp/5", "/ip4/127.0.0.1/tcp/5"]
    assert ip6 == ["/ip6/2001:db8::1/tcp/5", "/ip6/::1/tcp/5"]


def test_a_number_stands_for_itself() -> None:
    """An address that is not a wildcard is not changed."""
    address = parse_listen("/ip4/127.0.0.1/tcp/5")
    assert expand_wildcard(address, ["10.0.0.2"]) == (address,)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (PEER, True),
        ("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", True),
        ("16Uiu2HAm3Qxw8Jx1fH8kVgqP3kHk3mGKn3vXnX3Jg4YxZp5xkQ4p", True),
        (PEER[:-1], False),
        (PEER.replace("D", "0"), False),
        ("", False),
        ("1" * 52, False),
    ],
)
def test_peer_ids_are_told_from_other_text(text: str, good: bool) -> None:
    """Only a well-formed multihash in base58 is a peer id."""
    assert is_peer_id(text) is good
