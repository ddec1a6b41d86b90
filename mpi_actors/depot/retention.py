"""Keeping in the store what is installed, to serve it to others, and letting go of what is not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

import trio

from ..errors import MpiActorsError
from .sources.source import InterpreterSource

_log = logging.getLogger(__name__)


class Retention:
    """Makes what a source retains the versions that are installed.

    What does not work is logged, and done by a later `settle`; the same holds for one that is cancelled.

    Args:
        source: the store; None if there is none.
        wanted: tells the installed versions, at any moment.
    """

    def __init__(self, source: InterpreterSource | None, wanted: Callable[[], Collection[str]]) -> None:
        self._source = source
        self._wanted = wanted
        self._unsettled: set[str] = set()
        self._unknown = False  # what is retained is to be asked for
        self._one_at_a_time = trio.Lock()

    def note(self, version: str) -> None:
        """A version was installed, or removed, or fetched for nothing: `settle` shall see to it."""
        self._unsettled.add(version)

    async def settle(self) -> None:
        """Retain what was noted and is installed, release what was noted and is not."""
        if self._source is None or not (self._unsettled or self._unknown):
            return
        async with self._one_at_a_time:
            if self._unknown:
                await self._compare(self._source)
            for version in sorted(self._unsettled):
                await self._settle(self._source, version)

    async def reconcile(self) -> frozenset[str]:
        """Do that for all versions, noted or not; returns those that were released."""
        if self._source is None:
            return frozenset()
        self._unknown = True
        async with self._one_at_a_time:
            leftovers = await self._compare(self._source)
        await self.settle()
        return leftovers - self._unsettled

    async def _compare(self, source: InterpreterSource) -> frozenset[str]:
        try:
            retained = await source.retained()
        except (MpiActorsError, OSError) as error:
            _log.warning("what the store keeps for others cannot be told, will try again: %s", error)
            return frozenset()
        self._unknown = False
        wanted = frozenset(self._wanted())
        self._unsettled |= retained ^ wanted
        return retained - wanted

    async def _settle(self, source: InterpreterSource, version: str) -> None:
        self._unsettled.discard(version)  # whoever installs or deletes it meanwhile notes it again
        settled = False
        try:
            if version in self._wanted():
                await source.retain(version)
            else:
                await source.release(version)
            settled = True
        except (MpiActorsError, OSError) as error:
            _log.warning("the store did not keep or let go of %s, will try again: %s", version, error)
        finally:
            if not settled:
                self._unsettled.add(version)
