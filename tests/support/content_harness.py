"""What several tests of content share: identifiers, known results of Kubo, and a place for blocks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from mpi_actors.content.formats import dagpb, unixfs
from mpi_actors.content.formats.cid import Cid, Codec

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors_unixfs.json").read_text())
"""What Kubo makes of files and directories."""

CIDS = st.builds(
    lambda digest, codec, version: Cid(codec if version else Codec.DAG_PB, digest, version),
    st.binary(min_size=32, max_size=32),
    st.sampled_from(Codec),
    st.sampled_from([0, 1]),
)


def content(size: int) -> bytes:
    """Return the bytes of a known file."""
    return hashlib.shake_128(str(size).encode()).digest(size)


def large_name(number: int, width: int) -> str:
    """Return the name of an entry in a known large directory."""
    return hashlib.sha256(str(number).encode()).hexdigest().ljust(width, "-")


class Blocks(dict[Cid, bytes]):
    """Takes blocks; checks that each has its identifier, and comes after those that it links to."""

    def put(self, cid: Cid, block: bytes) -> None:
        """Take one block."""
        assert type(block) is bytes
        assert cid.matches(block)
        if cid.codec is Codec.DAG_PB:
            assert all(link.cid in self for link in dagpb.decode(block).links)
        self[cid] = block

    def read(self, cid: Cid) -> bytes:
        """Return the bytes of a file."""
        if cid.codec is Codec.RAW:
            return self[cid]
        node = dagpb.decode(self[cid])
        return bytes(unixfs.decode(node.data).data) + b"".join(self.read(link.cid) for link in node.links)

    def stored(self, cid: Cid) -> int:
        """Return the bytes of a block and all blocks below it."""
        links = dagpb.decode(self[cid]).links if cid.codec is Codec.DAG_PB else ()
        return len(self[cid]) + sum(self.stored(link.cid) for link in links)
