"""How many ranks use which interpreter, and when each was last used."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

import trio

from ..content.store.database import Database, Installed
from ..errors import DiskFull, StoreDamaged

WRITE_INTERVAL = 60.0
"""Seconds between two writes of one interpreter's last use to the database: many short jobs should not cost
many writes, and the exact second does not matter for what is deleted after days."""

_log = logging.getLogger(__name__)


class UsageCounter:
    """Counts users, and remembers last uses: in memory at once, in the database now and then.

    Args:
        clock: tells the Unix time.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._users: Counter[str] = Counter()
        self._last: dict[str, float] = {}
        self._written: dict[str, float] = {}

    def __getitem__(self, name: str) -> int:
        """How many ranks use an interpreter now."""
        return self._users[name]

    def begin(self, name: str) -> None:
        """Count one more user."""
        self._users[name] += 1
        self._last[name] = self._clock()

    def end(self, name: str) -> None:
        """Count one user less."""
        self._users[name] -= 1
        self._last[name] = self._clock()

    def forget(self, name: str) -> None:
        """Forget the last use of an interpreter that is not installed any more."""
        self._last.pop(name, None)
        self._written.pop(name, None)

    def last_use(self, row: Installed) -> float | None:
        """Return the Unix time of an interpreter's last use; None if there was none."""
        return self._last.get(row.name, row.last_use)

    def used_at(self, row: Installed) -> float:
        """Return the Unix time of the last use; that of the installation if there was no use since."""
        return max(row.used_at, self._last.get(row.name, row.used_at))

    async def write(self, database: Database, name: str) -> None:
        """Write an interpreter's last use to the database, unless that was done lately.

        Trouble with the database is logged: a job need not fail because of it.
        """
        last = self._last.get(name)
        if last is None or not self._is_due(name):
            return
        self._written[name] = last
        try:
            await trio.to_thread.run_sync(database.record_use, name, last)
        except (DiskFull, StoreDamaged) as error:
            _log.warning("the last use of %s is not remembered: %s", name, error)

    async def write_all(self, database: Database) -> None:
        """Write the last uses that `write` left out, as far as they are due."""
        for name, last in list(self._last.items()):
            if last != self._written.get(name):
                await self.write(database, name)

    def _is_due(self, name: str) -> bool:
        written = self._written.get(name)
        return written is None or not 0 <= self._clock() - written < WRITE_INTERVAL
