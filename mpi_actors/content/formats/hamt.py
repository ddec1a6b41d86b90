"""Large directories: hash array mapped tries, whose parts ("shards") are nodes in blocks of their own.

The hash of a name says where the entry stands: its first bits choose a position in the root, the next bits a
position in the shard below, and so on, until the entry is alone at its position. The name of each link begins
with its position in hexadecimal; then follows the entry's name, or nothing if the link leads to a shard.
Source: https://specs.ipfs.tech/unixfs/, and boxo 0.35, which Kubo 0.39 is made of.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence

import attrs

from ...errors import BadBlock, ContentRefused
from . import unixfs
from .dagpb import DagLink, DagNode
from .murmur import murmur64

FANOUT = 256
"""Positions in each shard that is made here, as in IPFS."""
MAX_FANOUT = 1024
"""Positions in a shard that is read at most, as in IPFS."""
HASH_TYPE = 0x22
"""The number of `murmur64` in the table of multihashes: no other hash is in use."""
THRESHOLD = 256 * 1024
"""Bytes, as `is_sharded` estimates them, from which on IPFS shards a directory."""

_HASH_BITS = 64
"""Bits of a name's hash."""
_CID_SIZE = {0: 34, 1: 36}
"""Bytes of an identifier of each version."""

Store = Callable[[DagNode], DagLink]
"""Stores a node, and returns a link to it that has no name yet."""


def is_sharded(names: Iterable[str], cid_version: int) -> bool:
    """Whether IPFS shards a directory with entries of these names.

    The size is estimated as the bytes of all names and identifiers, without what the encoding adds.
    """
    size = _CID_SIZE[cid_version]
    return sum(len(name.encode()) + size for name in names) >= THRESHOLD


def in_order(names: Iterable[str]) -> list[str]:
    """Return the names in the order in which a sharded directory contains them."""
    return sorted(names, key=hash_of)


def hash_of(name: str) -> int:
    """Return the hash that places a name: an unsigned 64-bit number."""
    return murmur64(name.encode())


def bits_of(fanout: int) -> int:
    """Return how many bits of the hash each level uses.

    Raises:
        BadBlock: a shard cannot have that many positions: `fanout` is not a power of 2 from 8 to MAX_FANOUT.
    """
    if not 8 <= fanout <= MAX_FANOUT or fanout & fanout - 1:
        raise BadBlock(f"a large directory cannot have {fanout} positions in a node")
    return fanout.bit_length() - 1


def position(hashed: int, level: int, fanout: int = FANOUT) -> int:
    """Return the position of a name in the shard at a level; the root is level 0.

    Args:
        hashed: the name's hash, see `hash_of`.
        level: how many shards are above.
        fanout: how many positions each shard has.

    Raises:
        BadBlock: the hash has no bits left for that level, or `fanout` is refused by `bits_of`.
    """
    bits = bits_of(fanout)
    shift = _HASH_BITS - (level + 1) * bits
    if shift < 0:
        raise BadBlock("a large directory has more levels than its hash has bits for")
    return hashed >> shift & fanout - 1


def split_name(name: str, fanout: int = FANOUT) -> tuple[int, str]:
    """Split the name of a link in a shard into the position and the entry's name, which is "" for a shard.

    Raises:
        BadBlock: the name does not begin with a position.
    """
    size = _prefix_size(fanout)
    prefix, rest = name[:size], name[size:]
    try:
        found = int(prefix, 16)
    except ValueError:
        found = fanout
    if not 0 <= found < fanout or prefix != f"{found:0{size}X}":
        raise BadBlock(f"a link's name in a large directory begins with {prefix!r}, which is not a position")
    return found, rest


def _prefix_size(fanout: int) -> int:
    return len(f"{fanout - 1:X}")


def encode_positions(positions: Iterable[int]) -> bytes:
    """Return the bit field of a shard, which says which positions are taken; it has no zeros at its start."""
    field = 0
    for number in positions:
        field |= 1 << number
    return field.to_bytes((field.bit_length() + 7) // 8, "big")


def decode_positions(field: bytes | memoryview, fanout: int = FANOUT) -> tuple[int, ...]:
    """Return the positions that are taken, in order.

    Raises:
        BadBlock: the bit field is too large for the number of positions.
    """
    if len(field) > fanout // 8:
        raise BadBlock("the bit field of a large directory is too large")
    bits = int.from_bytes(field, "big")
    return tuple(number for number in range(fanout) if bits >> number & 1)


def build(links: Collection[DagLink], store: Store) -> DagLink:
    """Make and store the shards of a directory, the root last, and return a link to the root.

    Raises:
        ContentRefused: two names have the same hash, which does not happen by chance.
    """
    placed = sorted(((hash_of(link.name), link) for link in links), key=lambda pair: pair[0])
    for (one, first), (other, second) in itertools.pairwise(placed):
        if one == other:
            raise ContentRefused(
                f"the names {first.name!r} and {second.name!r} cannot be in one large directory: "
                "they have the same hash. Rename one of them."
            )
    return _build(placed, 0, store)


def _build(placed: Sequence[tuple[int, DagLink]], level: int, store: Store) -> DagLink:
    links: list[DagLink] = []
    positions: list[int] = []
    for number, together in itertools.groupby(placed, key=lambda pair: position(pair[0], level)):
        here = list(together)
        link = here[0][1] if len(here) == 1 else _build(here, level + 1, store)
        links.append(attrs.evolve(link, name=f"{number:02X}{link.name}"))
        positions.append(number)
    data = unixfs.Data(
        kind=unixfs.NodeKind.SHARD, data=encode_positions(positions), hash_type=HASH_TYPE, fanout=FANOUT
    )
    return store(DagNode(tuple(links), unixfs.encode(data)))
