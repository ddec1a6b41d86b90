"""One installation at a time, from the store to the shelf, and what has become of those that failed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import suppress

import attrs
import trio

from ..content.store.database import Failure
from ..content.store.disk import reason
from ..errors import BadStore, CannotSpawn, ContentError, InstallFailed, StoreDamaged, WardenLost
from ..process import Warden
from .install import InitLimits, Unfit, made_ready
from .retention import Retention
from .shelf import NoRoom, Shelf
from .sources.source import InterpreterSource

RETRY_AFTER = 60.0
"""Seconds for which what has failed for a reason that passes is not offered again."""

_PASSING = (InstallFailed, BadStore, ContentError, StoreDamaged, CannotSpawn, WardenLost, OSError)

_log = logging.getLogger(__name__)


@attrs.frozen
class _Trouble:
    """A failure that need not happen again. Times are trio's."""

    detail: str
    since: float
    until: float


class Installer:
    """Installs interpreters of `source` on `shelf`.

    Args:
        source: where they come from.
        warden: runs `init.py`.
        shelf: where they go.
        retention: is settled after each installation.
        limits: of `init.py`.
        clock: Unix time.
    """

    def __init__(
        self,
        source: InterpreterSource,
        warden: Warden,
        shelf: Shelf,
        retention: Retention,
        limits: InitLimits,
        clock: Callable[[], float],
    ) -> None:
        self.source = source
        self._retention = retention
        self.current: str | None = None
        """Which is being installed now."""
        self._warden = warden
        self._shelf = shelf
        self._limits = limits
        self._clock = clock
        self._troubles: dict[str, _Trouble] = {}
        self.one_at_a_time = trio.Lock()
        """Held during an installation."""

    def failure(self, name: str) -> str | None:
        """Why an interpreter could not be installed the last time; None if nobody has tried, or it was."""
        return self._lasting(name) or (self._troubles[name].detail if name in self._troubles else None)

    def promising(self) -> tuple[str, ...]:
        """Those that are not installed and that `install` would not refuse at once, sorted."""
        now = trio.current_time()
        return tuple(
            name
            for name in self.source.names()
            if name not in self._shelf.records.installed
            and name not in self._shelf.records.unwanted
            and self._lasting(name) is None
            and (name not in self._troubles or self._troubles[name].until <= now)
            and not self._shelf.shortage(self.source.size(name))
        )

    async def install(
        self,
        name: str,
        *,
        again: bool = False,
        make_room: bool = True,
        chosen: bool = False,
        pin: bool = False,
    ) -> bool:
        """Install one that the store has; False if it is installed already. Waits for other installations.

        When cancelled, nothing of it is left, or it is installed entirely.

        Args:
            name: which.
            again: try again what has failed.
            make_room: delete others if need be.
            chosen: a person has asked for it.
            pin: it shall stay.

        Raises:
            NoRoom: there is not enough, whatever goes.
            InstallFailed: it could not be installed; the text has the last output of its `init.py`.
        """
        asked = trio.current_time()
        try:
            async with self.one_at_a_time:
                if name in self._shelf.records.installed:
                    return False
                if not again:
                    self._refuse(name, asked)
                self.current = name
                try:
                    await self._attempt(name, make_room=make_room, chosen=chosen, pin=pin)
                finally:
                    self.current = None
                    self._shelf.notice()
        finally:
            # when cancelled, a later one does it
            await self._retention.settle()
        return True

    async def fill(self) -> None:
        """Install what fits into the free room, smallest first; see `Depot.fill`."""
        for name in sorted(self.source.names(), key=lambda name: (self.source.size(name), name)):
            records = self._shelf.records
            if records.chosen:
                return
            if name in self.promising():
                with suppress(NoRoom):
                    self._shelf.check_room(self.source.size(name), make=False)
                    await self._install_or_log(name, make_room=False)

    async def install_pinned(self) -> None:
        """Install what is pinned and is not installed, in the place of others if need be."""
        for name in sorted(self._shelf.records.pinned.intersection(self.promising())):
            await self._install_or_log(name, make_room=True)

    async def _install_or_log(self, name: str, *, make_room: bool) -> None:
        try:
            await self.install(name, make_room=make_room)
        except InstallFailed as error:
            _log.warning("%s", error)

    async def _attempt(self, name: str, *, make_room: bool, chosen: bool, pin: bool) -> None:
        shelf, version, size = self._shelf, self.source.version(name), self.source.size(name)

        def check_room(new_size: int, when: str) -> None:
            nonlocal size
            size = new_size
            shelf.check_room(size, when, make=make_room)

        trouble = f"cannot install {name}"
        try:
            shelf.check_room(size, make=make_room)
        except NoRoom as error:
            raise NoRoom(f"{trouble}: {error}") from error
        try:
            async with made_ready(
                self.source, name, shelf.folder, self._warden, self._limits, check_room
            ) as ready:
                await shelf.put_in(
                    name, version, ready.size, ready.program, chosen=chosen, pin=pin, make_room=make_room
                )
        except Unfit as error:
            await self._remember(Failure(name, version, str(error), self._clock()))
            raise InstallFailed(f"{trouble}: {error}") from error
        except NoRoom as error:
            # it is larger than its store says, or others have become indispensable meanwhile
            self._trouble(name, str(error), math.inf if size > shelf.max_size else RETRY_AFTER)
            raise NoRoom(f"{trouble}: {error}") from error
        except _PASSING as error:
            text = reason(error)
            self._trouble(name, text, RETRY_AFTER)
            raise InstallFailed(f"{trouble}: {text}") from error
        self._troubles.pop(name, None)

    def _refuse(self, name: str, asked: float) -> None:
        """Raises what a person has decided, what has failed before, or while others waited for the same."""
        detail = self._lasting(name)
        if name in self._shelf.records.unwanted:
            detail = "somebody has deleted it here; `add` brings it back"
        trouble = self._troubles.get(name)
        if detail is None and trouble is not None and trouble.since >= asked:
            detail = trouble.detail
        if detail is not None:
            raise InstallFailed(f"cannot install {name}: {detail}")

    def _lasting(self, name: str) -> str | None:
        """The remembered failure, unless it was of another version."""
        failure = self._shelf.records.failures.get(name)
        if failure is None or failure.version != self.source.version(name):
            return None
        return failure.detail

    async def _remember(self, failure: Failure) -> None:
        self._troubles.pop(failure.name, None)
        try:
            await self._shelf.change(self._shelf.database.record_failure, failure)
        except (ContentError, StoreDamaged) as error:
            _log.warning("it is not remembered that %s cannot be installed: %s", failure.name, error)
            self._trouble(failure.name, failure.detail, math.inf)
        self._retention.note(failure.version)  # it was fetched for nothing

    def _trouble(self, name: str, detail: str, seconds: float) -> None:
        now = trio.current_time()
        self._troubles[name] = _Trouble(detail, now, now + seconds)
