"""Limits on trees and blocks from strangers, and a budget that keeps a tree within them while it is read."""

from __future__ import annotations

import attrs

from ...errors import ContentRefused

CHUNK = 256 * 1024
"""Bytes of a file in one block, as `ipfs add` cuts files."""
LINKS = 174
"""Links of one node of a large file, as `ipfs add` makes them."""
MAX_BLOCK = 2 * 1024 * 1024
"""Bytes of one block at most: bitswap carries no larger ones, and IPFS makes none."""
MIN_PIECE = 256
"""Bytes that the pieces of a tree's files must have on average, once a tree has more pieces than it may have
entries: tiny pieces make a small tree cost much work."""
MAX_LEVELS = 64
"""Branches below one another in one file at most: with two links each, enough for any file."""


@attrs.frozen(kw_only=True)
class TreeLimits:
    """Limits on one tree of files and directories."""

    size: int = 2**63 - 1
    """Bytes of all files together."""
    entries: int = 100_000
    """Files, directories and links together."""
    depth: int = 64
    """Directories inside one another."""


class Budget:
    """Counts what has been found in one tree while it is read, and refuses the tree once it is too much.

    What occurs twice counts twice.

    Args:
        limits: on the whole tree.
    """

    def __init__(self, limits: TreeLimits) -> None:
        self._limits = limits
        self.size = 0
        """Bytes of all files."""
        self.entries = 0
        """Files, directories and links."""
        self.pieces = 0
        """Pieces of those files that have more than one."""

    def add(self, *, size: int = 0, entries: int = 0, pieces: int = 0) -> None:
        """Count more bytes, entries and pieces. Count the size of a whole file before its pieces.

        Raises:
            ContentRefused: the tree has more than the limits allow.
        """
        self.size += size
        self.entries += entries
        self.pieces += pieces
        if self.size > self._limits.size:
            raise ContentRefused(f"it has more than {self._limits.size} bytes of files, the limit here")
        if self.entries > self._limits.entries:
            raise ContentRefused(f"it has more than {self._limits.entries} entries, the limit here")
        if (self.pieces - self._limits.entries) * MIN_PIECE > self.size:
            raise ContentRefused(
                f"its files are made of too many pieces: {self.pieces} for {self.size} bytes. "
                f"Publish it with pieces of at least {MIN_PIECE} bytes."
            )

    def check_depth(self, depth: int) -> None:
        """Check how many directories are inside one another.

        Raises:
            ContentRefused: there are too many.
        """
        if depth > self._limits.depth:
            raise ContentRefused(
                f"it has more than {self._limits.depth} directories inside one another, the limit here"
            )


def check_level(level: int) -> None:
    """Check how many branches are below one another in a file; see `MAX_LEVELS`.

    Raises:
        ContentRefused: there are too many.
    """
    if level > MAX_LEVELS:
        raise ContentRefused(f"a file in it has more than {MAX_LEVELS} levels of pieces")
