"""What one block means: a piece of a file, a directory, a part of a large directory, or a symbolic link.

Blocks come from strangers. What a block says is checked here as far as one block allows; `walk` and `visit`
check what two blocks say of each other.
"""

from __future__ import annotations

import attrs

from ...errors import BadBlock, ContentRefused
from . import dagpb, hamt, protobuf, unixfs
from .cid import Cid
from .dagpb import DagLink, is_node
from .limits import MAX_BLOCK
from .path import flaw_of_entry
from .unixfs import NodeKind

MAX_TARGET = 4095
"""Bytes of a symbolic link's target at most: file systems take no longer ones."""
HEAD_SIZE = 32
"""Bytes at the beginning of a block that `leaf_size` looks at: all that stands before a file's bytes."""
_MAX_TAIL = 16
"""Bytes that may follow a file's bytes in its block: the size of the file, once again."""


@attrs.frozen
class Leaf:
    """A file, or a piece of one, that is in one block."""

    data: bytes | memoryview

    @property
    def size(self) -> int:
        """How many bytes of the file there are."""
        return len(self.data)


@attrs.frozen
class FilePiece:
    """A piece of a file, in a block of its own."""

    cid: Cid
    size: int
    """Bytes of the file in that block and all below it, as the branch above says."""


@attrs.frozen
class Branch:
    """A file, or a piece of one: its bytes are `data`, and then those of each child in turn."""

    children: tuple[FilePiece, ...]
    """Never empty."""
    size: int
    """Bytes of the file in this block and all below it: `data`, and what the block says of its children."""
    data: bytes | memoryview = b""
    stored: int = 0
    """Bytes of this block and all blocks below it, as its maker says."""


@attrs.frozen
class Directory:
    """A directory in one block."""

    links: tuple[DagLink, ...]
    """The entries. Their names can be used for files, and no two are equal."""
    stored: int = 0
    """See `Branch.stored`."""


@attrs.frozen
class ShardLink:
    """What is at one position of a shard: an entry, or a further shard if `link` has no name."""

    position: int
    link: DagLink


@attrs.frozen
class Shard:
    """The root of a large directory, or one of the shards below it. Call `check_places` before use."""

    links: tuple[ShardLink, ...]
    fanout: int
    """How many positions there are."""
    stored: int = 0
    """See `Branch.stored`."""


@attrs.frozen
class Symlink:
    """A symbolic link."""

    target: str
    """The target, which is not checked: it may lead anywhere. It is never empty."""


Meaning = Leaf | Branch | Directory | Shard | Symlink


def interpret(cid: Cid, block: bytes | memoryview) -> Meaning:
    """Return what a block means. The caller has checked that the block has that identifier.

    Raises:
        BadBlock: the block makes no sense.
        ContentRefused: the block makes sense, but cannot be put on a disk as a file, directory or link.
    """
    if len(block) > MAX_BLOCK:
        raise BadBlock(f"the block {cid} has {len(block)} bytes; more than {MAX_BLOCK} are not taken")
    if not is_node(cid):
        return Leaf(block)
    try:
        return _interpret_node(block)
    except BadBlock as error:
        raise BadBlock(f"the block {cid} makes no sense: {error}") from None
    except ContentRefused as error:
        raise ContentRefused(f"what is in the block {cid} is refused: {error}") from None


def _interpret_node(block: bytes | memoryview) -> Meaning:
    node = dagpb.decode(block)
    data = unixfs.decode(node.data)
    stored = len(block) + sum(link.tsize for link in node.links)
    match data.kind:
        case NodeKind.FILE | NodeKind.RAW:
            return _file(node, data, stored)
        case NodeKind.DIRECTORY:
            return _directory(node, data, stored)
        case NodeKind.SHARD:
            return _shard(node, data, stored)
        case NodeKind.SYMLINK:
            return _symlink(node, data)
        case _:
            raise ContentRefused("it is neither a file nor a directory, but metadata of one")


def _file(node: dagpb.DagNode, data: unixfs.Data, stored: int) -> Leaf | Branch:
    if len(data.blocksizes) != len(node.links):
        raise BadBlock(f"it gives {len(data.blocksizes)} sizes for {len(node.links)} pieces of a file")
    size = len(data.data) + sum(data.blocksizes)
    if data.filesize not in (None, size):
        raise BadBlock(f"it says that it is {data.filesize} bytes of a file, and that its pieces are {size}")
    if not node.links:
        return Leaf(data.data)
    if data.kind is NodeKind.RAW:
        raise BadBlock("a plain piece of a file has no pieces of its own")
    children = tuple(
        FilePiece(link.cid, each) for link, each in zip(node.links, data.blocksizes, strict=True)
    )
    return Branch(children, size, data.data, stored)


def _directory(node: dagpb.DagNode, data: unixfs.Data, stored: int) -> Directory:
    if data.data or data.blocksizes:
        raise BadBlock("a directory has no bytes of its own")
    _check_names([link.name for link in node.links])
    return Directory(node.links, stored)


def _shard(node: dagpb.DagNode, data: unixfs.Data, stored: int) -> Shard:
    if data.hash_type != hamt.HASH_TYPE or data.fanout is None:
        raise BadBlock(f"a large directory needs the hash {hamt.HASH_TYPE:#x} and a number of positions")
    hamt.bits_of(data.fanout)
    links = []
    for link in node.links:
        position, name = hamt.split_name(link.name, data.fanout)
        links.append(ShardLink(position, attrs.evolve(link, name=name)))
    if tuple(each.position for each in links) != hamt.decode_positions(data.data, data.fanout):
        raise BadBlock("the links of a large directory are not where it says that they are")
    _check_names([each.link.name for each in links if each.link.name])
    return Shard(tuple(links), data.fanout, stored)


def _symlink(node: dagpb.DagNode, data: unixfs.Data) -> Symlink:
    if node.links:
        raise BadBlock("a symbolic link has no pieces")
    raw = bytes(data.data)
    if not raw or b"\0" in raw or len(raw) > MAX_TARGET:
        raise ContentRefused("the target of a symbolic link is empty, too long or has a NUL in it")
    try:
        return Symlink(raw.decode())
    except UnicodeDecodeError:
        raise ContentRefused("the target of a symbolic link is not UTF-8") from None


def _check_names(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        flaw = "is there twice" if name in seen else flaw_of_entry(name)
        if flaw is not None:
            raise ContentRefused(f"the name {name[:80]!r} {flaw}")
        seen.add(name)


def stored_size(it: Meaning, block: bytes | memoryview) -> int:
    """Return the bytes of a block and all blocks below it, as its maker says.

    Args:
        it: what the block means.
        block: the block.
    """
    return it.stored if isinstance(it, Branch | Directory | Shard) else len(block)


def check_places(shard: Shard, trail: tuple[int, ...]) -> None:
    """Check that each name in a shard hashes to its place, so that no two names in the directory are equal.

    Args:
        shard: what to check.
        trail: the positions that lead to the shard from the directory's root.

    Raises:
        BadBlock: a name is at a wrong place, or the shard is empty without being the root.
    """
    if trail and not shard.links:
        raise BadBlock("a part of a large directory is empty")
    for each in shard.links:
        place = (*trail, each.position)
        if not each.link.name:
            hamt.position(0, len(trail) + 1, shard.fanout)  # there is a level below this one
            continue
        hashed = hamt.hash_of(each.link.name)
        if any(hamt.position(hashed, level, shard.fanout) != here for level, here in enumerate(place)):
            raise BadBlock(f"the name {each.link.name[:80]!r} is at a wrong place in a large directory")


def leaf_size(head: bytes, length: int) -> int | None:
    """Return how many bytes of a file a node has, if its beginning proves that it is a `Leaf`; else None.

    Args:
        head: the first `HEAD_SIZE` bytes of the block.
        length: bytes of the whole block.
    """
    try:
        rest, at = protobuf.decode_varint(head, 1)
        if head[:1] != b"\x0a" or at + rest != length or head[at : at + 3] not in _PIECES:
            return None  # the node may have links, or may not be a piece of a file
        size, at = protobuf.decode_varint(head, at + 3)
    except BadBlock:
        return None
    return size if 0 <= length - at - size <= _MAX_TAIL else None


_PIECES = (b"\x08\x02\x12", b"\x08\x00\x12")
"""How the data of a leaf begins: its kind (FILE or RAW), and the key of the field with the file's bytes."""
