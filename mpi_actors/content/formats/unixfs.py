"""UnixFS: the data of a node, which says to what file or directory the node belongs.

Source: https://specs.ipfs.tech/unixfs/.
"""

from __future__ import annotations

import enum

import attrs

from ...errors import BadBlock
from . import protobuf

_MAX_PIECES = 65_536
"""Sizes of pieces in one node at most: a block of `MAX_BLOCK` bytes has no room for the links to more."""


class NodeKind(enum.IntEnum):
    """What a node is."""

    RAW = 0
    """A piece of a file, as old versions of IPFS wrote it."""
    DIRECTORY = 1
    FILE = 2
    """A file, or a piece of one."""
    METADATA = 3
    SYMLINK = 4
    SHARD = 5
    """A part of a large directory: see `hamt`."""


@attrs.frozen(kw_only=True)
class Data:
    """The data of a node, decoded."""

    kind: NodeKind
    data: bytes | memoryview = b""
    """A file's bytes, a link's target, a shard's bit field."""
    has_data: bool = False
    """Whether the field `data` is there: `encode` leaves it out when it is empty and this is false."""
    filesize: int | None = None
    """Bytes of the file in this node and all nodes below it."""
    blocksizes: tuple[int, ...] = ()
    """The same number for each piece that the node links to."""
    hash_type: int | None = None
    """Of a shard: the number of the hash that places names."""
    fanout: int | None = None
    """Of a shard: how many positions it has."""


def encode(data: Data) -> bytes:
    """Return the data as bytes, with the fields in the order in which IPFS writes them."""
    out = bytearray(protobuf.encode_number(1, data.kind))
    if data.data or data.has_data:
        out += protobuf.encode_bytes(2, bytes(data.data))
    if data.filesize is not None:
        out += protobuf.encode_number(3, data.filesize)
    for size in data.blocksizes:
        out += protobuf.encode_number(4, size)
    if data.hash_type is not None:
        out += protobuf.encode_number(5, data.hash_type)
    if data.fanout is not None:
        out += protobuf.encode_number(6, data.fanout)
    return bytes(out)


def decode(raw: bytes | memoryview) -> Data:
    """Decode the data of a node. Unknown fields (modes, times) are passed over.

    Raises:
        BadBlock: the bytes make no sense.
    """
    found: dict[int, protobuf.Value] = {}
    sizes: list[int] = []
    for field, value in protobuf.fields(raw):
        if field == 4:
            sizes.extend(_numbers(value))
            if len(sizes) > _MAX_PIECES:
                raise BadBlock(f"it has more than {_MAX_PIECES} pieces: no block has room for them")
        elif field in found:
            raise BadBlock(f"field {field} of a file or directory is there twice")
        else:
            found[field] = value
    if 1 not in found:
        raise BadBlock("it does not say whether it is a file or a directory")
    try:
        kind = NodeKind(protobuf.as_number(found[1]))
    except ValueError:
        raise BadBlock(f"it is of the unknown kind {found[1]!r}, neither file nor directory") from None
    return Data(
        kind=kind,
        data=protobuf.as_bytes(found[2]) if 2 in found else b"",
        has_data=2 in found,
        filesize=_number(found, 3),
        blocksizes=tuple(sizes),
        hash_type=_number(found, 5),
        fanout=_number(found, 6),
    )


def _number(found: dict[int, protobuf.Value], field: int) -> int | None:
    return protobuf.as_number(found[field]) if field in found else None


def _numbers(value: protobuf.Value) -> list[int]:
    """Return one number, or many in a row ("packed"): Protocol Buffers demand that readers take both."""
    if isinstance(value, int):
        return [value]
    numbers, at = [], 0
    while at < len(value):
        number, at = protobuf.decode_varint(value, at)
        numbers.append(number)
    return numbers
