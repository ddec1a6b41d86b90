"""Installs interpreters, one at a time, from the store to the shelf, and remembers which ones failed."""

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
from .install import InitLimits, Unfit, prepare_program
from .retention import Retention
from .shelf import NoRoom, Shelf
from .sources.source import InterpreterSource

RETRY_AFTER = 60.0
"""Seconds after which an interpreter that failed for a passing reason may be tried again: time for the reason
to pass, without attempts all the time."""

_PASSING = (InstallFailed, BadStore, ContentError, StoreDamaged, CannotSpawn, WardenLost, OSError)

_log = logging.getLogger(__name__)


@attrs.frozen
class _Trouble:
    """A failure for a reason that may pass. Times are on trio's clock."""

    detail: str
    since: float
    until: float
    """When the interpreter may be tried again."""


class Installer:
    """Installs interpreters of `source` on `shelf`.

    Args:
        source: the store that has the interpreters.
        warden: runs `init.py`.
        shelf: gets the interpreters.
        retention: is settled after each installation.
        limits: on `init.py`.
        clock: tells the Unix time.
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
        """Name of the interpreter that is being installed now; None if none is."""
        self._warden = warden
        self._shelf = shelf
        self._limits = limits
        self._clock = clock
        self._troubles: dict[str, _Trouble] = {}
        self.one_at_a_time = trio.Lock()
        """Held during an installation."""

    def failure(self, name: str) -> str | None:
        """Return why the last attempt to install an interpreter failed; None if there is no such failure."""
        return self._lasting(name) or (self._troubles[name].detail if name in self._troubles else None)

    def promising(self) -> tuple[str, ...]:
        """Return the names, sorted, of what is not installed and `install` would not refuse at once."""
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
        """Install an interpreter of the store; return False if it is installed already.

        Waits for other installations. When cancelled, the interpreter is installed entirely, or nothing of it
        is left.

        Args:
            name: the interpreter's name.
            again: try even if an earlier attempt has failed, or a person has deleted it.
            make_room: delete other interpreters if that is needed.
            chosen: a person has asked for it.
            pin: pin it as well.

        Raises:
            NoRoom: there is not enough room, whatever goes.
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
                    self._shelf.notify()
        finally:
            # if this is cancelled, a later `settle` does the work
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
        """Install what is pinned and is not installed; delete other interpreters if that is needed."""
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
            async with prepare_program(
                self.source, name, shelf.folder, self._warden, self._limits, check_room
            ) as ready:
                await shelf.put_in(
                    name, version, ready.size, ready.program, chosen=chosen, pin=pin, make_room=make_room
                )
        except Unfit as error:
            await self._remember(Failure(name, version, str(error), self._clock()))
            raise InstallFailed(f"{trouble}: {error}") from error
        except NoRoom as error:
            # it is larger than its store says, or others have been pinned or used meanwhile
            self._trouble(name, str(error), math.inf if size > shelf.max_size else RETRY_AFTER)
            raise NoRoom(f"{trouble}: {error}") from error
        except _PASSING as error:
            text = reason(error)
            self._trouble(name, text, RETRY_AFTER)
            raise InstallFailed(f"{trouble}: {text}") from error
        self._troubles.pop(name, None)

    def _refuse(self, name: str, asked: float) -> None:
        """Refuse an interpreter that a person has deleted, that has failed before, or failed since `asked`.

        Raises:
            InstallFailed: it is refused; the text says why.
        """
        detail = self._lasting(name)
        if name in self._shelf.records.unwanted:
            detail = "somebody has deleted it here; `add` brings it back"
        trouble = self._troubles.get(name)
        if detail is None and trouble is not None and trouble.since >= asked:
            detail = trouble.detail
        if detail is not None:
            raise InstallFailed(f"cannot install {name}: {detail}")

    def _lasting(self, name: str) -> str | None:
        """Return the failure that the database remembers, unless it was of another version."""
        failure = self._shelf.records.failures.get(name)
        if failure is None or failure.version != self.source.version(name):
            return None
        return failure.detail

    async def _remember(self, failure: Failure) -> None:
        self._troubles.pop(failure.name, None)
        try:
            await self._shelf.change(self._shelf.database.record_failure, failure)
        except (ContentError, StoreDamaged) as error:
            _log.warning("cannot remember that %s cannot be installed: %s", failure.name, error)
            self._trouble(failure.name, failure.detail, math.inf)
        self._retention.note(failure.version)  # what was fetched is not needed any more

    def _trouble(self, name: str, detail: str, seconds: float) -> None:
        now = trio.current_time()
        self._troubles[name] = _Trouble(detail, now, now + seconds)
