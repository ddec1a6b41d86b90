"""How large a tree from a stranger may be."""

from __future__ import annotations

import attrs

CHUNK = 256 * 1024
"""Bytes of a file in one block."""
LINKS = 174
"""Links from one node of a large file to the next."""
MAX_BLOCK = 2 * 1024 * 1024
"""Bytes of one block: what bitswap carries, and no more than IPFS itself makes."""


@attrs.frozen(kw_only=True)
class TreeLimits:
    """Limits on one tree of files and directories."""

    size: int = 2**63 - 1
    """Bytes of all its files."""
    entries: int = 100_000
    """Files, directories and links."""
    depth: int = 64
    """Directories inside one another."""
