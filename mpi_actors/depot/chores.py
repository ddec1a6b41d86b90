"""Repeats things now and then, one after the other, until cancelled."""

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
    """What it does, as words to follow "cannot"."""
    every: float
    """Seconds from its end to its next start."""
    work: Callable[[], Awaitable[object]]
    """Does it. ContentError, StoreDamaged and DepotUnusable are logged, and it is tried again when due."""


class Chores:
    """Does each chore at once, and then again whenever it is due."""

    def __init__(self, chores: Sequence[Chore]) -> None:
        self._chores = chores
        self._awake = trio.Event()
        self._trouble: dict[str, str] = {}

    def wake(self) -> None:
        """Do all chores now."""
        self._awake.set()

    async def run(self) -> None:
        """Do the chores until cancelled."""
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
            if str(error) != self._trouble.get(chore.name):  # log the same text only once
                _log.warning("cannot %s, will try again: %s", chore.name, error)
            self._trouble[chore.name] = str(error)
        else:
            self._trouble.pop(chore.name, None)
