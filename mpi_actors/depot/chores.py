"""Things that are done again and again, one after the other, until cancelled."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import attrs
import trio

from ..errors import ContentError, DepotUnusable, StoreDamaged

_log = logging.getLogger(__name__)


@attrs.frozen
class Chore:
    """One thing to do now and then."""

    name: str
    """What is done, to follow "cannot"."""
    every: float
    """Seconds from its end to its next begin."""
    work: Callable[[], Awaitable[object]]
    """ContentError, StoreDamaged and DepotUnusable are logged, and it is done again at the next turn."""


class Chores:
    """Does each chore at once, and then whenever it is due."""

    def __init__(self, chores: Sequence[Chore]) -> None:
        self._chores = chores
        self._awake = trio.Event()
        self._trouble: dict[str, str] = {}

    def wake(self) -> None:
        """Do all of them now."""
        self._awake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        due = {chore.name: trio.current_time() for chore in self._chores}
        while True:
            for chore in self._chores:
                if due[chore.name] <= trio.current_time():
                    await self._do(chore)
                    due[chore.name] = trio.current_time() + chore.every
            with trio.move_on_at(min(due.values())):
                await self._awake.wait()
            if self._awake.is_set():
                self._awake = trio.Event()
                due = dict.fromkeys(due, trio.current_time())

    async def _do(self, chore: Chore) -> None:
        try:
            await chore.work()
        except (ContentError, StoreDamaged, DepotUnusable) as error:
            if str(error) != self._trouble.get(chore.name):  # once is enough
                _log.warning("cannot %s, will try again: %s", chore.name, error)
            self._trouble[chore.name] = str(error)
        else:
            self._trouble.pop(chore.name, None)
