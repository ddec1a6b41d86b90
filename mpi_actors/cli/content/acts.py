"""What people do to content, from the command line and at the console."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from ...content.formats.cid import Cid
from ...content.formats.path import ContentPath
from ...content.store.backend import PUBLISHED, ContentBackend, DirectoryEntry, OnProgress
from ...errors import ContentError, UsageError

PERSON = "person"
"""The owner of a pin that a person made by command."""


@attrs.frozen
class Fetched:
    """What `fetch` fetched."""

    cid: Cid
    """The identifier of the content."""
    place: Path
    """Where the content is now."""


def destination(content: ContentPath, to: Path) -> Path:
    """Return where content goes that is fetched to `to`: below its own name if `to` is a directory.

    Raises:
        UsageError: the place is taken already, or its directory is missing.
    """
    try:
        place = to / (content.names[-1] if content.names else str(content.root)) if to.is_dir() else to
        if os.path.lexists(place):
            raise UsageError(f"{str(place)!r} exists already: remove it, or name another place")
        if not place.parent.is_dir():
            raise UsageError(f"there is no directory {str(place.parent)!r} to put it into: make it first")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UsageError(f"cannot write {str(to)!r}: {_reason(error)}") from error
    return place


async def fetch(
    backend: ContentBackend, content: ContentPath, to: Path, on_progress: OnProgress | None = None
) -> Fetched:
    """Fetch content to `destination`, entirely or not at all.

    Raises:
        UsageError: the destination cannot be used.
        ContentError: the content cannot be found or fetched, or the disk cannot be written.
    """
    place = destination(content, to)
    cid = await backend.resolve(content)
    try:
        await backend.fetch(cid, place, on_progress=on_progress)
    except FileExistsError as error:
        raise UsageError(f"{str(place)!r} exists already: remove it, or name another place") from error
    except OSError as error:
        raise ContentError(f"cannot write {str(place)!r}: {_reason(error)}") from error
    return Fetched(cid, place)


async def entries(backend: ContentBackend, content: ContentPath) -> tuple[DirectoryEntry, ...]:
    """Return the entries of a directory in IPFS.

    Raises:
        ContentError: nothing is there, or it is not a directory.
    """
    return await backend.list(await backend.resolve(content))


async def pin(backend: ContentBackend, content: ContentPath) -> Cid:
    """Fetch content, and keep it; return its identifier.

    Raises:
        ContentError: the content cannot be found or fetched.
    """
    cid = await backend.resolve(content)
    await backend.pin(cid, PERSON)
    return cid


async def unpin(backend: ContentBackend, content: ContentPath) -> Cid:
    """Undo `pin`, and the pin that publishing made; return the identifier of the content.

    Raises:
        UsageError: the content is not pinned, or is pinned only for this peer's own interpreters.
        ContentError: the content cannot be found.
    """
    cid = await backend.resolve(content)
    owners = (await backend.pins()).get(cid, frozenset())
    if not owners:
        raise UsageError(f"{content} is not pinned here")
    of_people = owners & {PERSON, PUBLISHED}
    if not of_people:
        raise UsageError(f"{content} stays: it is a store or an installed interpreter of this peer")
    for owner in sorted(of_people):
        await backend.unpin(cid, owner)
    return cid


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
