"""Deletes what nobody has used for long, and lets the store let go of what is not installed any more."""

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
    """Names of those that nobody had used for long."""
    size: int
    """Bytes of their files."""
    versions: tuple[str, ...]
    """Versions that are not installed any more, and that the store had kept to serve them to others."""


async def expire(shelf: Shelf, retention: Retention, before: float) -> tuple[Installed, ...]:
    """Delete interpreters that were last used before a Unix time, unless pinned or in use; return them.

    What cannot be deleted is logged.

    Args:
        shelf: has the interpreters.
        retention: is settled afterwards.
        before: the Unix time.

    Raises:
        StoreDamaged: the database cannot be read or written.
        DiskFull: the disk has no room for a change of the database.
    """
    await shelf.refresh()  # another process may have pinned something a moment ago
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
    """Do what `expire` does, and let the store let go of all that is not installed any more.

    Raises:
        StoreDamaged: the database cannot be read or written.
        DiskFull: the disk has no room for a change of the database.
    """
    gone = await expire(shelf, retention, before)
    released = await retention.reconcile() | {row.version for row in gone}
    return Cleared(
        interpreters=tuple(row.name for row in gone),
        size=sum(row.size for row in gone),
        versions=tuple(sorted(released - shelf.versions())),
    )
