"""Makes blocks of files, directories and links: the same blocks, bit for bit, as `ipfs add -r`.

With version 0 of identifiers, the pieces of a file are nodes, as `ipfs add -r` makes them by default. With
version 1 they are plain bytes, as with `ipfs add -r --cid-version 1 --raw-leaves`. Checked against Kubo 0.39.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from . import dagpb, hamt, protobuf, unixfs
from .cid import AnyBytes, Cid, Codec
from .dagpb import DagLink, DagNode
from .limits import CHUNK, LINKS
from .path import flaw_of_entry

Put = Callable[[Cid, bytes], object]
"""Takes one block. Blocks that it links to have been put before."""


@attrs.frozen
class Built:
    """A file, directory or link whose blocks have all been put."""

    cid: Cid
    size: int
    """Bytes of the file, or of all files below the directory; 0 for a link."""
    tsize: int
    """Bytes of all its blocks; a block that occurs twice counts twice."""


class FileBuilder:
    """Makes the blocks of one file while its bytes come, and holds only a few blocks of bytes.

    The tree is balanced: all pieces are equally far from the root, even if a node then has a single link.
    """

    def __init__(self, put: Put, *, cid_version: int = 0, chunk: int = CHUNK, links: int = LINKS) -> None:
        """
        Args:
            put: takes the blocks.
            cid_version: of the identifiers, 0 or 1.
            chunk: bytes of the file in one block.
            links: the most links of one node, 2 or more.
        """
        self._put = put
        self._version = cid_version
        self._chunk = chunk
        self._links = links
        self._held = bytearray()  # grows to a chunk once, and is used again
        self._fill = 0
        self._levels: list[list[_Part]] = [[]]  # for each level of the tree, the parts without a parent yet

    def add(self, data: AnyBytes) -> None:
        """Take the next bytes of the file. They are copied, so the caller may use its buffer again."""
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
        """Make the last blocks, and return the file. The builder cannot be used afterwards."""
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
    """A block of a file, with all blocks below it."""

    link: DagLink
    size: int
    """Bytes of the file in these blocks."""


def build_directory(entries: Mapping[str, Built], put: Put, *, cid_version: int = 0) -> Built:
    """Make a directory of entries that have been made before. A large one gets many blocks, see `hamt`.

    Args:
        entries: what is in the directory, by name.
        put: takes the blocks.
        cid_version: of the identifiers, 0 or 1.

    Raises:
        ValueError: a name cannot be the name of an entry, see `flaw_of_entry`.
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
    """Make a symbolic link to `target`."""
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
    """Return what `dagpb` and `unixfs` make of a piece of a file, but copy its bytes once, not five times."""
    size = len(data)
    if not size:
        return dagpb.encode(DagNode(data=unixfs.encode(unixfs.Data(kind=unixfs.NodeKind.FILE, filesize=0))))
    inner_head = protobuf.encode_number(1, unixfs.NodeKind.FILE) + protobuf.head_of_bytes(2, size)
    inner_tail = protobuf.encode_number(3, size)
    head = protobuf.head_of_bytes(1, len(inner_head) + size + len(inner_tail))
    return b"".join((head, inner_head, data, inner_tail))
