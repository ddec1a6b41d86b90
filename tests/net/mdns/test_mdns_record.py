"""What mDNS announces, what is believed, and how much is remembered. No network."""

from __future__ import annotations

import base58
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from zeroconf import ServiceInfo

from mpi_actors.ids import PeerId
from mpi_actors.net.addresses import Address, parse
from mpi_actors.net.mdns.record import (
    MAX_ADDRESSES,
    MAX_RECORD,
    own_addresses,
    read_record,
    worth_announcing,
    write_record,
)
from mpi_actors.net.mdns.sightings import Sightings


def peer(key: bytes) -> PeerId:
    """Return the peer id of a 32-byte Ed25519 public key."""
    return PeerId(base58.b58encode(bytes.fromhex("002408011220") + key).decode())


def txt(*strings: bytes) -> bytes:
    """Make a TXT record of these strings."""
    return b"".join(bytes([len(string)]) + string for string in strings)


ME, OTHER, THIRD = (peer(bytes([number]) * 32) for number in (1, 2, 3))
FAR = f"/ip4/192.0.2.7/tcp/4001/p2p/{OTHER}"
NEAR = f"/ip4/127.0.0.1/tcp/4001/p2p/{OTHER}"
OURS = b"mpi-actors-pool=blue"


def said(text: str) -> bytes:
    """Return the string that announces one address."""
    return b"dnsaddr=" + text.encode()


def read(record: bytes, *, near: bool = False) -> tuple[str, ...]:
    """Read a record as a member of the pool blue."""
    return read_record(record, local=ME, pool="blue", near=near)


def numbers() -> SearchStrategy[Address]:
    """Generate addresses of `OTHER` that can be dialled."""
    hosts = st.one_of(
        st.ip_addresses(v=4).map(lambda number: ("ip4", number)),
        st.ip_addresses(v=6).map(lambda number: ("ip6", number)),
    ).filter(lambda host: not host[1].is_unspecified and getattr(host[1], "ipv4_mapped", None) is None)
    return st.builds(
        lambda host, port: Address(host[0], str(host[1]), port, OTHER), hosts, st.integers(1, 65535)
    )


@given(st.lists(numbers(), min_size=1, max_size=20, unique=True), st.text(max_size=255))
def test_what_one_writes_another_of_the_pool_reads(addresses: list[Address], pool: str) -> None:
    """No address is lost, and a record fits into a packet with room for the rest."""
    announced = worth_announcing(own_addresses(OTHER, map(str, addresses)))
    record = write_record(announced, pool)
    assert read_record(record, local=ME, pool=pool, near=True) == tuple(map(str, announced))
    assert read_record(record, local=ME, pool=pool + "x", near=True) == ()
    assert read_record(record, local=OTHER, pool=pool, near=True) == ()
    assert 0 < len(announced) <= MAX_ADDRESSES
    assert len(record) <= 1300 + len(pool.encode())


def fragments() -> SearchStrategy[bytes]:
    """Generate strings as a stranger might send: nearly right, or anything."""
    likely = [said(FAR), said(NEAR), OURS, b"mpi-actors-pool=red", b"dnsaddr", b"=", b"dnsaddr="]
    return st.one_of(st.sampled_from(likely), st.binary(max_size=255), numbers().map(lambda a: said(str(a))))


@given(st.binary() | st.lists(fragments(), max_size=40).map(lambda parts: txt(*parts)), st.booleans())
@example(txt(OURS, said(FAR)) * 2, False)
def test_whatever_is_said_what_is_believed_is_well_formed(record: bytes, near: bool) -> None:
    """Any record gives no error, but a bounded number of usable addresses, all of one other peer."""
    found = [parse(text) for text in read(record, near=near)]
    assert len(found) <= MAX_ADDRESSES
    assert len({address.peer for address in found}) == min(len(found), 1)
    for address in found:
        assert address.is_ip
        assert address.peer not in (None, ME)
        assert near or not address.is_loopback


IGNORED = {
    "nothing": b"",
    "no pool": txt(said(FAR)),
    "another pool": txt(said(FAR), b"mpi-actors-pool=red"),
    "another pool first": txt(b"mpi-actors-pool=red", OURS, said(FAR)),
    "a longer pool": txt(said(FAR), OURS + b"x"),
    "no address": txt(OURS),
    "ourselves": txt(OURS, said(f"/ip4/192.0.2.7/tcp/1/p2p/{ME}")),
    "two peers": txt(OURS, said(FAR), said(f"/ip4/192.0.2.7/tcp/1/p2p/{THIRD}")),
    "no peer": txt(OURS, said("/ip4/192.0.2.7/tcp/4001")),
    "a name": txt(OURS, said(f"/dns4/a.example/tcp/4001/p2p/{OTHER}")),
    "a wildcard": txt(OURS, said(f"/ip4/0.0.0.0/tcp/4001/p2p/{OTHER}")),
    "port 0": txt(OURS, said(f"/ip4/192.0.2.7/tcp/0/p2p/{OTHER}")),
    "another transport": txt(OURS, said(f"/ip4/192.0.2.7/udp/4001/quic-v1/p2p/{OTHER}")),
    "loopback from afar": txt(OURS, said(NEAR)),
    "loopback in disguise": txt(OURS, said(f"/ip6/::ffff:127.0.0.1/tcp/22/p2p/{OTHER}")),
    "not ASCII": txt(OURS, said(FAR) + "é".encode(), said(FAR) + b"\xff"),
    "cut off": txt(OURS, said(FAR))[:-1],
    "too long": txt(OURS, said(FAR)) + txt(b"x" * 255) * (MAX_RECORD // 256),
}


@pytest.mark.parametrize("record", IGNORED.values(), ids=IGNORED.keys())
def test_hostile_and_foreign_records_are_ignored(record: bytes) -> None:
    """Such records give no address."""
    assert read(record) == ()


def test_what_is_good_is_taken_from_among_what_is_not() -> None:
    """Unknown or repeated strings and unusable addresses do not spoil a record; keys have no case."""
    shouted = b"DnsAddr=" + FAR.encode()
    record = txt(b"id=x", said(NEAR), b"", shouted, b"MPI-Actors-Pool=blue", b"\xff\0", said(FAR))
    assert read(record) == (FAR,)


def test_only_so_many_addresses_are_read() -> None:
    """Addresses beyond MAX_ADDRESSES in a record are not read."""
    many = [f"/ip4/192.0.2.{number}/tcp/1/p2p/{OTHER}" for number in range(MAX_ADDRESSES + 5)]
    assert read(txt(OURS, *map(said, many))) == tuple(many[:MAX_ADDRESSES])


def test_loopback_is_announced_only_when_there_is_nothing_else() -> None:
    """On another machine of the network, a loopback address would name that machine."""
    useless = [f"/ip4/0.0.0.0/tcp/1/p2p/{OTHER}", f"/ip4/192.0.2.1/tcp/1/p2p/{ME}"]
    own = own_addresses(OTHER, [NEAR, *useless, FAR])
    assert own == (parse(NEAR), parse(FAR))
    assert worth_announcing(own) == (parse(FAR),)
    assert worth_announcing([parse(NEAR)]) == (parse(NEAR),)


def test_other_libp2p_programs_read_our_record() -> None:
    """The first `dnsaddr` is an address, also for programs that read one value of each key."""
    record = write_record([parse(FAR)], "blue")
    info = ServiceInfo("_p2p._udp.local.", "a._p2p._udp.local.", properties=record)
    assert info.properties[b"dnsaddr"] == FAR.encode()


services = st.sampled_from("abcdef")


@given(st.lists(st.tuples(st.sampled_from(["seen", "gone", "take", "renew"]), services, st.integers(0, 2))))
def test_sightings_are_reported_once_each_until_renewed(steps: list[tuple[str, str, int]]) -> None:
    """A sighting is reported once, if it was not withdrawn; at most `most` are remembered."""
    sightings = Sightings(most=4)
    known: dict[str, tuple[str, ...]] = {}
    news: set[str] = set()
    for step, service, number in steps:
        if step == "seen":
            addresses = (f"{service}{number}",)
            fresh = known.get(service) != addresses and (service in known or len(known) < 4)
            assert sightings.on_announced(service, addresses) == fresh
            if fresh:
                known[service] = addresses
                news.add(service)
        elif step == "gone":
            sightings.on_withdrawn(service)
            known.pop(service, None)
            news.discard(service)
        elif step == "renew":
            sightings.renew()
            news = set(known)
        else:
            taken = sightings.take(number)
            assert len(taken) == min(number, len(news))
            assert all(known[addresses[0][0]] == addresses for addresses in taken)
            news -= {addresses[0][0] for addresses in taken}
    assert {addresses[0][0] for addresses in sightings.take(99)} == news


def test_who_waits_longest_is_reported_first() -> None:
    """A service that changes all the time does not delay the report of others."""
    sightings = Sightings()
    for service, address in [("a", "1"), ("b", "1"), ("a", "2")]:
        assert sightings.on_announced(service, (address,))
    assert sightings.take(1) == [("2",)]
    assert sightings.take(1) == [("1",)]
