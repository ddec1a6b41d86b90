"""Lets the store keep what is installed, to serve it to others, and let go of everything else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

import trio

from ..errors import MpiActorsError
from .sources.source import InterpreterSource

_log = logging.getLogger(__name__)


class Retention:
    """Makes the versions that a store keeps equal to those that are installed.

    What fails is logged, and a later `settle` tries it again; so it does after a cancelled one.

    Args:
        source: the store; None if there is none.
        wanted: returns the versions that are installed now.
    """

    def __init__(self, source: InterpreterSource | None, wanted: Callable[[], Collection[str]]) -> None:
        self._source = source
        self._wanted = wanted
        self._unsettled: set[str] = set()
        self._unknown = False  # whether we have to ask what the store keeps
        self._one_at_a_time = trio.Lock()

    def note(self, version: str) -> None:
        """Let the next `settle` see to a version that was installed, removed, or fetched without success."""
        self._unsettled.add(version)

    async def settle(self) -> None:
        """Keep the noted versions that are installed, and let go of the noted versions that are not."""
        if self._source is None or not (self._unsettled or self._unknown):
            return
        async with self._one_at_a_time:
            if self._unknown:
                await self._compare(self._source)
            for version in sorted(self._unsettled):
                await self._settle(self._source, version)

    async def reconcile(self) -> frozenset[str]:
        """Do what `settle` does for all versions, noted or not; return those that the store let go of."""
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
            _log.warning("cannot learn what the store keeps for others, will try again: %s", error)
            return frozenset()
        self._unknown = False
        wanted = frozenset(self._wanted())
        self._unsettled |= retained ^ wanted
        return retained - wanted

    async def _settle(self, source: InterpreterSource, version: str) -> None:
        self._unsettled.discard(version)  # an installation or deletion meanwhile notes it again
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
