"""What goes from a shelf by itself, and what the store keeps for it."""

from __future__ import annotations

import logging

import attrs

from ..content.store.database import Installed
from ..content.store.disk import reason
from .retention import Retention
from .shelf import Shelf

_log = logging.getLogger(__name__)


@attrs.frozen
class Cleared:
    """What `Depot.collect` removed."""

    interpreters: tuple[str, ...]
    """Those that nobody had used for long."""
    size: int
    """Bytes of their files."""
    versions: tuple[str, ...]
    """What the store had kept, to serve it to others, of interpreters that are not installed any more."""


async def expire(shelf: Shelf, retention: Retention, before: float) -> tuple[Installed, ...]:
    """Delete what was last used before some Unix time, but what is pinned or in use; returns what went.

    What cannot be deleted is logged.

    Raises:
        StoreDamaged: the database cannot be read or written.
        DiskFull: there is no room for a change of the database.
    """
    await shelf.refresh()  # others may have unpinned something a moment ago
    gone = []
    for row in list(shelf.records.installed.values()):
        if shelf.usage.used_at(row) <= before:
            try:
                if await shelf.evict(row.name):
                    gone.append(row)
            except OSError as error:
                _log.warning("cannot delete %s: %s", row.name, reason(error))
    await retention.settle()
    return tuple(gone)


async def collect(shelf: Shelf, retention: Retention, before: float) -> Cleared:
    """`expire`, and let the store go of all that is not installed any more.

    Raises:
        StoreDamaged: the database cannot be read or written.
        DiskFull: there is no room for a change of the database.
    """
    gone = await expire(shelf, retention, before)
    released = await retention.reconcile() | {row.version for row in gone}
    return Cleared(
        interpreters=tuple(row.name for row in gone),
        size=sum(row.size for row in gone),
        versions=tuple(sorted(released - shelf.versions())),
    )
