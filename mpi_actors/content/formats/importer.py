"""Bytes to blocks, as `ipfs add -r` makes them, bit for bit.

With identifiers of version 0 it does what `ipfs add -r` does by default: the pieces of a file are nodes. With
version 1 it is `ipfs add -r --cid-version 1 --raw-leaves`: they are plain bytes. Checked against Kubo 0.39.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from . import dagpb, hamt, protobuf, unixfs
from .cid import AnyBytes, Cid, Codec
from .dagpb import DagLink, DagNode
from .limits import CHUNK, LINKS
from .path import flaw_of_entry

Put = Callable[[Cid, bytes], None]
"""Takes one block; those that a block links to come before it."""


@attrs.frozen
class Built:
    """A file, directory or link whose blocks have all been put."""

    cid: Cid
    size: int
    """Bytes of the file, or of all files below the directory; 0 for a link."""
    tsize: int
    """Bytes of all its blocks, one that occurs twice counted twice."""


class FileBuilder:
    """Makes the blocks of one file from its bytes as they come, and holds a few blocks' worth at most.

    The tree is balanced: all pieces are equally far from the root, even if a node then has a single link.
    """

    def __init__(self, put: Put, *, cid_version: int = 0, chunk: int = CHUNK, links: int = LINKS) -> None:
        """
        Args:
            put: takes the blocks.
            cid_version: 0 or 1.
            chunk: bytes of the file in one block.
            links: the most links of one node, 2 or more.
        """
        self._put = put
        self._version = cid_version
        self._chunk = chunk
        self._links = links
        self._held = bytearray()  # grows to a chunk once, and is used again
        self._fill = 0
        self._levels: list[list[_Part]] = [[]]  # of each level of the tree, the parts that have no parent yet

    def add(self, data: AnyBytes) -> None:
        """Take the next bytes of the file. They are copied, so that a buffer can be used again."""
        chunk, at = self._chunk, 0
        with memoryview(data) as view:
            if self._fill:
                at = self._hold(view[: chunk - self._fill])
                if self._fill < chunk:
                    return
                self._leaf(self._held)
                self._fill = 0
            while len(view) - at >= chunk:
                self._leaf(data if len(view) == chunk else view[at : at + chunk])
                at += chunk
            self._hold(view[at:])

    def _hold(self, data: memoryview) -> int:
        if not self._held:
            self._held = bytearray(self._chunk)
        self._held[self._fill : self._fill + len(data)] = data
        self._fill += len(data)
        return len(data)

    def finish(self) -> Built:
        """Make what blocks are left; the builder cannot be used any more."""
        if self._fill or self._levels == [[]]:
            self._leaf(memoryview(self._held)[: self._fill])
        number = 0
        while number < len(self._levels) - 1 or len(self._levels[number]) > 1:
            if self._levels[number]:
                self._branch(number)
            number += 1
        (root,) = self._levels[number]
        return Built(root.link.cid, root.size, root.link.tsize)

    def _leaf(self, data: AnyBytes) -> None:
        if self._version == 0:
            self._append(0, _put_block(_leaf_node(data), self._put, Codec.DAG_PB, 0), len(data))
        else:
            self._append(0, _put_block(bytes(data), self._put, Codec.RAW, self._version), len(data))

    def _append(self, number: int, link: DagLink, size: int) -> None:
        self._levels[number].append(_Part(link, size))
        if len(self._levels[number]) == self._links:
            self._branch(number)

    def _branch(self, number: int) -> None:
        parts = self._levels[number]
        self._levels[number] = []
        if number + 1 == len(self._levels):
            self._levels.append([])
        sizes = tuple(part.size for part in parts)
        size = sum(sizes)
        data = unixfs.Data(kind=unixfs.NodeKind.FILE, filesize=size, blocksizes=sizes)
        node = DagNode(tuple(part.link for part in parts), unixfs.encode(data))
        self._append(number + 1, _put_node(node, self._put, self._version), size)


@attrs.frozen
class _Part:
    """A node or piece of a file, with all below it."""

    link: DagLink
    size: int
    """Bytes of the file."""


def build_directory(entries: Mapping[str, Built], put: Put, *, cid_version: int = 0) -> Built:
    """Make a directory of what has been made before; a large one gets many blocks, see `hamt`.

    Raises:
        ValueError: a name cannot be an entry's name, see `flaw_of_entry`.
        ContentRefused: see `hamt.build`.
    """
    for name in entries:
        if flaw := flaw_of_entry(name):
            raise ValueError(f"the name {name!r} {flaw}")
    links = [DagLink(built.cid, name, built.tsize) for name, built in entries.items()]
    if hamt.is_sharded(entries, cid_version):
        link = hamt.build(links, lambda node: _put_node(node, put, cid_version))
    else:
        links.sort(key=lambda link: link.name.encode())
        data = unixfs.encode(unixfs.Data(kind=unixfs.NodeKind.DIRECTORY))
        link = _put_node(DagNode(tuple(links), data), put, cid_version)
    return Built(link.cid, sum(built.size for built in entries.values()), link.tsize)


def build_symlink(target: str, put: Put, *, cid_version: int = 0) -> Built:
    """Make a symbolic link."""
    data = unixfs.encode(unixfs.Data(kind=unixfs.NodeKind.SYMLINK, data=target.encode()))
    link = _put_node(DagNode(data=data), put, cid_version)
    return Built(link.cid, 0, link.tsize)


def _put_node(node: DagNode, put: Put, version: int) -> DagLink:
    link = _put_block(dagpb.encode(node), put, Codec.DAG_PB, version)
    return attrs.evolve(link, tsize=link.tsize + sum(below.tsize for below in node.links))


def _put_block(block: bytes, put: Put, codec: Codec, version: int) -> DagLink:
    cid = Cid.of(block, codec, version)
    put(cid, block)
    return DagLink(cid, "", len(block))


def _leaf_node(data: AnyBytes) -> bytes:
    """What `dagpb` and `unixfs` make of a piece of a file; its bytes are copied once, not five times."""
    size = len(data)
    if not size:
        return dagpb.encode(DagNode(data=unixfs.encode(unixfs.Data(kind=unixfs.NodeKind.FILE, filesize=0))))
    inner_head = protobuf.encode_number(1, unixfs.NodeKind.FILE) + _head(2, size)
    inner_tail = protobuf.encode_number(3, size)
    head = _head(1, len(inner_head) + size + len(inner_tail))
    return b"".join((head, inner_head, data, inner_tail))


def _head(field: int, size: int) -> bytes:
    """What stands before the bytes of a field."""
    return protobuf.encode_varint(field << 3 | protobuf.BYTES) + protobuf.encode_varint(size)
