"""Who uses which interpreter, and when one was last used."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

import trio

from ..content.store.database import Database, Installed
from ..errors import DiskFull, StoreDamaged

WRITE_INTERVAL = 60.0
"""Seconds for which the use of one interpreter is not written to the database again."""

_log = logging.getLogger(__name__)


class UsageCounter:
    """Counts users, and remembers last uses in memory at once and in the database now and then.

    Args:
        clock: Unix time.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._users: Counter[str] = Counter()
        self._last: dict[str, float] = {}
        self._written: dict[str, float] = {}

    def __getitem__(self, name: str) -> int:
        """How many use an interpreter now."""
        return self._users[name]

    def begin(self, name: str) -> None:
        """One more uses it."""
        self._users[name] += 1
        self._last[name] = self._clock()

    def end(self, name: str) -> None:
        """One less uses it."""
        self._users[name] -= 1
        self._last[name] = self._clock()

    def forget(self, name: str) -> None:
        """It is not installed any more."""
        self._last.pop(name, None)
        self._written.pop(name, None)

    def last_use(self, row: Installed) -> float | None:
        """When it was last used, in Unix time; None if never."""
        return self._last.get(row.name, row.last_use)

    def used_at(self, row: Installed) -> float:
        """The last use; the installation if there has been none since."""
        return max(row.used_at, self._last.get(row.name, row.used_at))

    async def write(self, database: Database, name: str) -> None:
        """Write its last use, unless that was done lately. Trouble is logged: a job need not fail for it."""
        last = self._last.get(name)
        if last is None or not self._is_due(name):
            return
        self._written[name] = last
        try:
            await trio.to_thread.run_sync(database.record_use, name, last)
        except (DiskFull, StoreDamaged) as error:
            _log.warning("the last use of %s is not remembered: %s", name, error)

    async def write_all(self, database: Database) -> None:
        """Write what `write` left out, as far as it is due."""
        for name, last in list(self._last.items()):
            if last != self._written.get(name):
                await self.write(database, name)

    def _is_due(self, name: str) -> bool:
        written = self._written.get(name)
        return written is None or not 0 <= self._clock() - written < WRITE_INTERVAL
