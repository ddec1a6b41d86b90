"""DAG-PB: blocks with data and named links to other blocks. Such a block is a node.

Source: https://ipld.io/specs/codecs/dag-pb/spec/.
"""

from __future__ import annotations

import attrs

from ...errors import BadBlock, BadCid
from . import protobuf
from .cid import Cid, Codec


@attrs.frozen
class DagLink:
    """A link to another block."""

    cid: Cid
    name: str = ""
    tsize: int = 0
    """Bytes of that block and of all blocks below it, as the maker of the link says."""


@attrs.frozen
class DagNode:
    """One node."""

    links: tuple[DagLink, ...] = ()
    data: bytes | memoryview = b""
    """What `unixfs` encodes, for files and directories."""


def encode(node: DagNode) -> bytes:
    """Return the node as a block. The links stand before the data, as the format demands."""
    out = bytearray()
    for link in node.links:
        out += protobuf.encode_bytes(2, _encode_link(link))
    out += protobuf.encode_bytes(1, bytes(node.data))
    return bytes(out)


def _encode_link(link: DagLink) -> bytes:
    return (
        protobuf.encode_bytes(1, link.cid.raw)
        + protobuf.encode_bytes(2, link.name.encode())
        + protobuf.encode_number(3, link.tsize)
    )


def decode(block: bytes | memoryview) -> DagNode:
    """Return the node that a block encodes; its data is a view of the block.

    Raises:
        BadBlock: the block is not a node.
    """
    links: list[DagLink] = []
    data: memoryview | None = None
    for field, value in protobuf.fields(block):
        if field == 2:
            links.append(_decode_link(protobuf.as_bytes(value)))
        elif field == 1 and data is None:
            data = protobuf.as_bytes(value)
        else:
            raise BadBlock(f"field {field} must not be in a node, or not twice")
    return DagNode(tuple(links), b"" if data is None else data)


def _decode_link(view: memoryview) -> DagLink:
    found: dict[int, protobuf.Value] = {}
    for field, value in protobuf.fields(view):
        if field in found or field not in (1, 2, 3):
            raise BadBlock(f"field {field} must not be in a link, or not twice")
        found[field] = value
    if 1 not in found:
        raise BadBlock("a link has no identifier")
    try:
        cid = Cid.from_bytes(bytes(protobuf.as_bytes(found[1])))
    except BadCid as error:
        raise BadBlock(f"a link cannot be followed: {error}") from None
    return DagLink(cid, protobuf.as_text(found.get(2, memoryview(b""))), protobuf.as_number(found.get(3, 0)))


def is_node(cid: Cid) -> bool:
    """Whether the block with that identifier is a node; else it is plain bytes."""
    return cid.codec is Codec.DAG_PB
