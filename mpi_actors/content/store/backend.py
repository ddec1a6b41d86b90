"""The interface of every place for content: our own store and an IPFS daemon both have it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal, Protocol

import attrs

from ..formats.cid import Cid
from ..formats.limits import TreeLimits
from ..formats.path import ContentPath

PUBLISHED = "published"
"""The owner of pins on what a person has published."""

EntryKind = Literal["file", "directory", "link"]


@attrs.frozen
class DirectoryEntry:
    """One entry of a directory, as `ContentBackend.list` returns it."""

    name: str
    cid: Cid
    kind: EntryKind
    size: int
    """Bytes: of a file; of all files below a directory; of a link's target."""


@attrs.frozen
class Added:
    """One file, directory or link that was published."""

    cid: Cid
    path: str
    """Its path, which begins with the published directory's own name, as `ipfs add -r` prints it."""
    size: int
    """Bytes: of a file; of all files below a directory; 0 for a link."""


@attrs.frozen
class TransferProgress:
    """How far a publication or fetch is."""

    done: int
    """Bytes that are done."""
    total: int | None = None
    """Bytes in all; None while that is not known."""


@attrs.frozen
class Collected:
    """What `ContentBackend.collect` removed."""

    blocks: int
    """How many blocks."""
    size: int
    """Bytes of these blocks."""


OnProgress = Callable[[TransferProgress], None]
"""Takes a report on progress. Backends call it in trio's thread, no more often than a person can see."""
OnAdded = Callable[[Added], None]
"""Takes each entry that was published. Backends call it in trio's thread."""


class ContentBackend(Protocol):
    """Content, by its identifier. Every call ends within a time of its own, and can be cancelled.

    Every call may raise BackendUnavailable when an IPFS daemon does not answer, DiskFull when the disk has no
    room, and StoreDamaged when our own store cannot be read or written.
    """

    @property
    def description(self) -> str:
        """The backend in words, such as `the IPFS daemon at … (kubo 0.39.0)` or `the embedded store in …`."""
        ...

    async def publish(
        self,
        directory: Path,
        *,
        cid_version: int = 0,
        owner: str = PUBLISHED,
        on_added: OnAdded | None = None,
        on_progress: OnProgress | None = None,
    ) -> Cid:
        """Add a directory as `ipfs add -r` does, without hidden entries, and return its root.

        Args:
            directory: what to publish.
            cid_version: of the identifiers, 0 or 1; see `formats.importer`.
            owner: for whom the root is pinned.
            on_added: is called with each entry that was published, the root last.
            on_progress: is called now and then with the bytes of files that were read.

        Raises:
            BadStore: the directory does not exist, cannot be read, changes meanwhile, or holds devices or
                pipes.
        """
        ...

    async def block(self, cid: Cid) -> bytes:
        """Return one block, whose hash has been checked; get it from others if it is not here.

        Raises:
            ContentMissing: no provider has it.
        """
        ...

    async def resolve(self, path: ContentPath) -> Cid:
        """Return the identifier of what is at a path. Only the directories on the way are fetched.

        Raises:
            ContentMissing: no provider has a directory on the way, or there is no such entry.
            ContentRefused: a directory on the way makes no sense, or has a name that cannot be used.
            NotADirectory: there is a file or link on the way.
        """
        ...

    async def list(self, cid: Cid) -> tuple[DirectoryEntry, ...]:
        """Return the entries of a directory, sorted by name.

        Raises:
            ContentMissing: no provider has the directory.
            ContentRefused: the directory goes over a limit, or has a name that cannot be used.
            NotADirectory: it is a file or link.
        """
        ...

    async def fetch(
        self,
        cid: Cid,
        destination: Path,
        *,
        limits: TreeLimits | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Put a file or directory at `destination`, entirely or not at all.

        Args:
            cid: what to fetch.
            destination: where to put it; nothing may exist there.
            limits: on the tree; by default those of `TreeLimits()`.
            on_progress: is called now and then with the bytes of blocks that are here.

        Raises:
            ContentMissing: no provider has all of it. Blocks that came are kept, so a later call goes on.
            ContentRefused: the tree goes over a limit, or would write outside of its directory.
            FileExistsError: `destination` exists.
            OSError: `destination` cannot be written.
        """
        ...

    async def pin(self, cid: Cid, owner: str) -> None:
        """Keep a tree until the same owner calls `unpin`. What is missing of it is fetched.

        Raises:
            ContentMissing: no provider has all of it.
        """
        ...

    async def pin_blocks(self, cids: Collection[Cid], owner: str) -> None:
        """Keep these blocks for `owner`, without what is below them, and no other blocks kept in this way.

        Call this with no blocks to end it.

        Raises:
            ContentMissing: no provider has one of them.
        """
        ...

    async def unpin(self, cid: Cid, owner: str) -> bool:
        """Undo `pin`; return False if that owner had not pinned the tree."""
        ...

    async def pins(self) -> dict[Cid, frozenset[str]]:
        """Return the roots of all trees that `pin` keeps, and the owners of each."""
        ...

    async def forget(self, cid: Cid) -> None:
        """Remove the blocks of one tree that nothing pinned needs."""
        ...

    async def collect(self) -> Collected:
        """Remove all blocks that nothing pinned needs; an IPFS daemon runs its own garbage collection."""
        ...
