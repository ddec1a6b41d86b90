"""Sends blocks to an IPFS daemon, many in one call, as archives (CAR, version 1).

The IPFS daemon's own `add` answers while it reads, and the client library reads the answer only after it has
sent everything: with many files, both would wait for each other for ever. So the blocks are made here, as
`ipfs add` makes them, and the IPFS daemon checks and stores them.
Source: https://ipld.io/specs/transport/car/carv1/.
"""

from __future__ import annotations

from collections.abc import Callable

from ...errors import BackendUnavailable
from ..formats.cid import Cid
from ..formats.protobuf import encode_varint
from .rpc import Item, Rpc

BATCH_SIZE = 32 * 1024 * 1024
"""Bytes of blocks in one call, or one block more: the IPFS daemon writes as many at once, and smaller calls
are slower."""

EMPTY_BLOCK = b""
"""The block of an empty file: one IPFS daemon never gets it from another, so we have to send it."""

_OPTIONS = {
    "pin-roots": "false",
    "stats": "true",
    "fast-provide-root": "false",  # the root that an archive's head names is just its first block
}
_MAP_OF_2, _ARRAY_OF_1, _CID_TAG, _BYTES = b"\xa2", b"\x81", b"\xd8\x2a", b"\x58"


def archive_head(root: Cid) -> bytes:
    """Return the beginning of an archive, which has to name one root."""
    named = b"\0" + root.raw  # DAG-CBOR wants a byte before it that says "no base"
    roots = b"\x65roots" + _ARRAY_OF_1 + _CID_TAG + _BYTES + bytes((len(named),)) + named
    head = _MAP_OF_2 + roots + b"\x67version\x01"
    return encode_varint(len(head)) + head


class Batch:
    """Collects blocks for one call."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._seen: set[Cid] = set()
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Whether the batch is worth a call."""
        return self._size >= BATCH_SIZE

    @property
    def is_empty(self) -> bool:
        """Whether the batch has no blocks."""
        return not self._seen

    def add(self, cid: Cid, block: bytes) -> None:
        """Take a block, unless it is in the batch already."""
        if cid in self._seen:
            return
        if not self._seen:
            self._pieces.append(archive_head(cid))
        self._seen.add(cid)
        self._pieces += (encode_varint(len(cid.raw) + len(block)) + cid.raw, block)
        self._size += len(block)

    async def send(self, rpc: Rpc) -> None:
        """Store the blocks in the IPFS daemon.

        Raises:
            BackendUnavailable: the IPFS daemon did not store all of them.
            DiskFull: the IPFS daemon's disk has no room for them.
        """
        counts: list[object] = []
        await rpc.stream("/dag/import", on_item=_stats(counts), options=_OPTIONS, body=self._pieces)
        if counts != [len(self._seen)]:
            raise BackendUnavailable(
                f"the IPFS daemon at {rpc.address} did not store all blocks. Is its disk full? See its log."
            )


def _stats(counts: list[object]) -> Callable[[Item], bool]:
    def take(item: Item) -> bool:
        stats = item.get("Stats")
        if isinstance(stats, dict):
            counts.append(stats.get("BlockCount"))
        return True

    return take
