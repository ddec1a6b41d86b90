"""Where content is kept and found: one interface for our own store and for an IPFS daemon."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal, Protocol

import attrs

from ..formats.cid import Cid
from ..formats.limits import TreeLimits
from ..formats.path import ContentPath

PUBLISHED = "published"
"""The owner of pins on what a person published."""

EntryKind = Literal["file", "directory", "link"]


@attrs.frozen
class DirectoryEntry:
    """One entry of a directory, as `ContentBackend.list` tells it."""

    name: str
    cid: Cid
    kind: EntryKind
    size: int
    """Bytes of a file; of all files below a directory; of a link's target."""


@attrs.frozen
class Added:
    """One file, directory or link that was published."""

    cid: Cid
    path: str
    """Begins with the published directory's own name, as `ipfs add -r` prints it."""
    size: int
    """Bytes: of a file; of all files below a directory."""


@attrs.frozen
class TransferProgress:
    """How far a publication or fetch is."""

    done: int
    """Bytes."""
    total: int | None = None
    """Bytes in all; None while that is not known."""


@attrs.frozen
class Collected:
    """What `ContentBackend.collect` removed."""

    blocks: int
    size: int
    """Bytes."""


OnProgress = Callable[[TransferProgress], None]
OnAdded = Callable[[Added], None]
"""Both are called in trio's thread, progress not more often than a person can see."""


class ContentBackend(Protocol):
    """Content, by its identifier. Every call has a deadline of its own and can be cancelled.

    All raise BackendUnavailable when the daemon does not answer, and DiskFull when there is no room.
    """

    @property
    def description(self) -> str:
        """In words, such as `the IPFS daemon at … (kubo 0.39.0)` or `the embedded store in …`."""
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
        """Add a directory, without what is hidden in it, as `ipfs add -r` does; returns its root.

        It is pinned for `owner`.

        Raises:
            BadStore: it does not exist, cannot be read, changes meanwhile, or holds devices or pipes.
        """
        ...

    async def block(self, cid: Cid) -> bytes:
        """One block, verified.

        Raises:
            ContentMissing: nobody has it.
        """
        ...

    async def resolve(self, path: ContentPath) -> Cid:
        """What is at a path. Only directories on the way are fetched.

        Raises:
            ContentMissing: nobody has it, or there is no such entry.
            NotADirectory: something on the way is a file.
        """
        ...

    async def list(self, cid: Cid) -> tuple[DirectoryEntry, ...]:
        """The entries of a directory, sorted by name.

        Raises:
            ContentMissing: nobody has it.
            NotADirectory: it is a file.
            ContentRefused: it goes over a limit, or has names that are refused.
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
        """Put a file or directory at `destination`, which must not exist, entirely or not at all.

        Raises:
            ContentMissing: nobody has all of it. What came is kept, so that a later call goes on.
            ContentRefused: it goes over a limit, or would leave its directory.
            FileExistsError: `destination` exists.
            OSError: it cannot be written.
        """
        ...

    async def pin(self, cid: Cid, owner: str) -> None:
        """Keep all that is below `cid`, which is fetched if need be, until `unpin` of the same owner.

        Raises:
            ContentMissing: nobody has all of it.
        """
        ...

    async def pin_blocks(self, cids: Collection[Cid], owner: str) -> None:
        """Let these blocks, without what is below them, be all that `owner` keeps; none ends that.

        Raises:
            ContentMissing: nobody has one of them.
        """
        ...

    async def unpin(self, cid: Cid, owner: str) -> bool:
        """End `pin`; False if that owner had not pinned it."""
        ...

    async def pins(self) -> dict[Cid, frozenset[str]]:
        """What is pinned by `pin`, and by which owners."""
        ...

    async def forget(self, cid: Cid) -> None:
        """Remove the blocks below `cid` that nothing pinned needs. Nothing happens to others."""
        ...

    async def collect(self) -> Collected:
        """Remove all blocks that nothing pinned needs: in a daemon, its own garbage collection."""
        ...
