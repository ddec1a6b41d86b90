"""The interpreters that this peer offers: what is installed, what goes, and when."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import trio

from ..config import DEFAULT_KEEP, DEFAULT_MAX_SIZE
from ..content.store.database import Database
from ..content.store.disk import unusable
from ..errors import BadStore, ContentError, DiskFull, InstallFailed, StoreDamaged
from ..process import Warden
from . import upkeep
from .chores import Chore, Chores
from .install import InitLimits
from .installer import Installer
from .listing import InterpreterEntry as InterpreterEntry
from .listing import installed_entry
from .retention import Retention
from .shelf import Shelf
from .sources.source import InterpreterSource
from .upkeep import Cleared as Cleared
from .usage import WRITE_INTERVAL

FOLDER = "interpreters"
"""Name of the directory in a daemon's directory in which interpreters are installed, and nothing else is."""

_LOOK_INTERVAL = 5.0
"""Seconds between looks at what other processes have changed: a person who pins something waits for it."""
_REOPEN_INTERVAL = 15.0
"""Seconds until a store that could not be opened is tried again: a peer that has it may have come."""
_EXPIRE_INTERVAL = 3600.0
"""Seconds between deletions of what nobody has used for long: an hour more or less does not matter."""

_log = logging.getLogger(__name__)


class Depot:
    """Installs interpreters below `directory`, and says which there are. Call `prepare` first.

    Args:
        directory: the daemon's directory; interpreters go to `interpreters/<name>` in it.
        source: the store; None to offer only what is installed already.
        warden: runs `init.py`.
        max_size: bytes that all installed interpreters may have together. An interpreter that is being
            installed needs room on the disk besides: nothing is deleted before it is sure to be installed.
        init_timeout: seconds that an `init.py` may take.
        init_output_limit: bytes that an `init.py` may write to its output.
        keep: seconds after its last use at which an interpreter is deleted; infinity for never.
        database: remembers everything; None for `store.db` in `directory`.
        clock: tells the Unix time.
        on_change: is called whenever `interpreters()` or `could_install()` has changed.
    """

    def __init__(
        self,
        directory: Path,
        source: InterpreterSource | None,
        warden: Warden,
        *,
        max_size: int = DEFAULT_MAX_SIZE,
        init_timeout: float = 60.0,
        init_output_limit: int = 1_000_000,
        keep: float = DEFAULT_KEEP,
        database: Database | None = None,
        clock: Callable[[], float] = time.time,
        on_change: Callable[[], None],
    ) -> None:
        self._source = source
        self._keep = keep
        self._clock = clock
        self._on_change = on_change
        self._retention = Retention(source, lambda: self._shelf.versions())
        self._shelf = Shelf(
            directory.absolute() / FOLDER, database, max_size, clock, self._tell, self._retention.note
        )
        limits = InitLimits(seconds=init_timeout, output=init_output_limit, file_size=max_size)
        self._installer = (
            None if source is None else Installer(source, warden, self._shelf, self._retention, limits, clock)
        )
        self._trouble = ""
        self._adopted = False
        self._told: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._seen: int | None = None
        self._opening = trio.Lock()
        self._chores = Chores(
            [
                Chore("look at what is pinned", _LOOK_INTERVAL, self._look),
                Chore("open the store", _REOPEN_INTERVAL, self._reopen),
                Chore("keep what is installed for others", WRITE_INTERVAL, self._write),
                Chore("delete what has expired", _EXPIRE_INTERVAL, self.expire),
            ]
        )

    # --- what there is

    @property
    def trouble(self) -> str:
        """Why the store could not be opened; empty if it is open, or was not tried."""
        return self._trouble

    def interpreters(self) -> tuple[str, ...]:
        """Return the names of the interpreters that are installed, sorted."""
        return tuple(self._shelf.rows())

    def could_install(self) -> tuple[str, ...]:
        """Return the names of the interpreters that `ensure` would try to install, sorted.

        Interpreters that have failed here, or that a person has deleted, are left out; those that failed for
        a passing reason are left out for a minute.
        """
        return self._installer.promising() if self._installer is not None and self._adopted else ()

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[Path]:
        """Enter a context in which an interpreter is not deleted; yield its directory.

        Raises:
            UnknownInterpreter: it is not installed; the text names those that are.
        """
        shelf = self._shelf
        shelf.row(name)
        shelf.usage.begin(name)
        try:
            self._tell()
            await shelf.usage.write(shelf.database, name)
            yield shelf.folder / name
        finally:
            shelf.usage.end(name)
            self._tell()
            with trio.CancelScope(shield=True):
                await shelf.usage.write(shelf.database, name)

    def listing(self) -> list[InterpreterEntry]:
        """Return all interpreters that are installed, or in the store, or both, sorted by name."""
        in_store = () if self._source is None else self._source.names()
        return [self._entry(name) for name in sorted({*self._shelf.rows(), *in_store})]

    def _entry(self, name: str) -> InterpreterEntry:
        usage, pinned = self._shelf.usage, name in self._shelf.records.pinned
        row = self._shelf.rows().get(name)
        if row is not None:
            return installed_entry(row, pinned=pinned, in_use=usage[name], last_use=usage.last_use(row))
        assert self._installer is not None
        size, failure = self._installer.source.size(name), self._installer.failure(name)
        if name == self._installer.current:
            return InterpreterEntry(name, size, "installing", pinned=pinned)
        if failure is not None:
            return InterpreterEntry(name, size, "failed", detail=failure, pinned=pinned)
        return InterpreterEntry(name, size, "available", detail=self._shelf.shortage(size), pinned=pinned)

    def _tell(self) -> None:
        now = (self.interpreters(), self.could_install())
        if now != self._told:
            self._told = now
            self._on_change()

    # --- the start

    async def prepare(self, *, fill: bool = True) -> None:
        """Take up what is installed, open the store, then install what is pinned, and what fits if `fill`.

        These are removed: what an interrupted installation or deletion left; what the store has in another
        version, or not any more; what was changed from outside; and what exceeds `max_size`, the least
        recently used first. If an interpreter cannot be installed, that is logged, and `listing` says why. If
        the store cannot be opened, that is logged, `trouble` says why, and `housekeep` tries again.

        Raises:
            DepotUnusable: the directory cannot be made, read or written.
            StoreDamaged: the database cannot be read or written.
            BadStore: what was found is not a store.
        """
        source = self._source
        with unusable("take up what is installed"):
            async with self._installer.one_at_a_time if self._installer else nullcontext():
                # an open store knows what it has, see `open`; for one that is not, its name must do
                sure = source is None or self._adopted or not source.opened
                self._adopted = False
                await self._shelf.take_up(None if source is None else source.pool, sure=sure)
            await self._try_open()
            await self._shelf.shrink()
        await self._retention.settle()
        await self._install_pinned()
        if fill:
            await self.fill()

    async def open(self) -> None:
        """Learn what the store has, and remove what it does not have any more. Idempotent.

        Raises:
            ContentError: no peer that has the store can be reached now; or the disk is full.
            BadStore: what was found is not a store.
            StoreDamaged: the database cannot be read or written.
        """
        source = self._source
        if source is None:
            return
        async with self._opening:
            if self._adopted:
                return
            await source.open()
            await self._shelf.adopt(source.pool, {name: source.version(name) for name in source.names()})
            self._adopted = True
            self._trouble = ""
            self._tell()
        await self._retention.reconcile()

    async def _try_open(self) -> bool:
        try:
            await self.open()
        except ContentError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.warning("cannot open the store: %s", error)
            return False
        return True

    async def fill(self) -> None:
        """Install what fits into the free room, the smallest first, without deleting anything.

        Nothing happens once a person has added an interpreter: from then on, persons choose. Interpreters
        that have failed, or that a person has deleted, are left out. If an interpreter cannot be installed,
        that is logged, and `listing` says why.
        """
        if self._installer is not None and self._adopted:
            await self._installer.fill()

    async def _install_pinned(self) -> None:
        if self._installer is not None and self._adopted:
            await self._installer.install_pinned()

    # --- what people and jobs ask for

    async def add(self, name: str) -> bool:
        """Install an interpreter because a person says so; return False if it was installed already.

        If it needs room, the least recently used interpreters that are neither pinned nor in use are deleted.
        Waits for other installations. What has failed before is tried again. When cancelled, the interpreter
        is installed entirely, or nothing of it is left.

        Raises:
            InstallFailed: the store has none of that name or cannot be reached, there is no room, or
                `init.py` refused, took too long or wrote too much; the text has the last of its output.
        """
        installer = await self._require(name)
        try:
            await self._shelf.change(self._shelf.database.choose, name)
        except (StoreDamaged, DiskFull) as error:
            raise InstallFailed(f"cannot install {name}: {error}") from error
        return installer is not None and await installer.install(name, again=True, chosen=True)

    async def ensure(self, name: str) -> None:
        """Install an interpreter because a job needs it; return at once if it is installed.

        This is like `add`, with two differences: what has failed before, or was deleted by a person, is not
        tried again; and nothing remembers that a person wants it.

        Raises:
            InstallFailed: see `add`; or it has failed before, or a person has deleted it.
        """
        installer = await self._require(name)
        if installer is not None:
            await installer.install(name)

    async def pin(self, name: str) -> bool:
        """Keep an interpreter until `unpin`; install it if it is not installed.

        Return False if it was pinned already.

        Raises:
            InstallFailed: see `add`; the interpreter is not pinned then.
            DepotUnusable: the disk is full.
            StoreDamaged: the database cannot be read or written.
        """
        while True:
            with unusable(f"pin {name}"):
                pinned = await self._shelf.pin(name)
            if pinned is not None:
                return pinned
            installer = await self._require(name)
            if installer is not None and await installer.install(name, again=True, pin=True):
                return True

    async def unpin(self, name: str) -> bool:
        """Undo `pin`; return False if the interpreter was not pinned.

        Raises:
            DepotUnusable: the disk is full.
            StoreDamaged: the database cannot be read or written.
        """
        with unusable(f"unpin {name}"):
            return await self._shelf.change(self._shelf.database.unpin, name)

    async def delete(self, name: str) -> None:
        """Remove an interpreter because a person says so, pinned or not.

        A person can add it again; `fill` leaves it alone.

        Raises:
            UnknownInterpreter: it is not installed; the text names those that are.
            InterpreterInUse: a job uses it now.
            DepotUnusable: its files cannot be removed; it stays installed.
            StoreDamaged: the database cannot be read or written.
        """
        with unusable(f"delete {name}"):
            await self._shelf.delete(name)
        await self._retention.settle()

    async def _require(self, name: str) -> Installer | None:
        """Return the installer for an interpreter; None if it is installed.

        Raises:
            InstallFailed: there is no store, or it cannot be opened, or has no such interpreter.
        """
        if name in self._shelf.rows():
            return None
        installer = self._installer
        if installer is None:
            raise InstallFailed(f"cannot install {name!r}: there is no store")
        try:
            await self.open()
        except (ContentError, BadStore, StoreDamaged) as error:
            raise InstallFailed(f"cannot install {name!r}: {error}") from error
        names = installer.source.names()
        if name not in names:
            raise InstallFailed(f"cannot install {name!r}: the store has {', '.join(names) or 'nothing'}")
        return installer

    # --- what goes by itself

    async def expire(self, now: float | None = None) -> tuple[str, ...]:
        """Delete what was not used for `keep` seconds and is neither pinned nor in use; return the names.

        Args:
            now: the Unix time; None to ask the clock.

        Raises:
            DepotUnusable: the disk is full.
            StoreDamaged: the database cannot be read or written.
        """
        before = (self._clock() if now is None else now) - self._keep
        with unusable("delete what has expired"):
            return tuple(row.name for row in await upkeep.expire(self._shelf, self._retention, before))

    async def collect(self) -> Cleared:
        """Delete what has expired, and let the store let go of what is not installed any more.

        Raises:
            DepotUnusable: the disk is full.
            StoreDamaged: the database cannot be read or written.
        """
        with unusable("delete what has expired"):
            return await upkeep.collect(self._shelf, self._retention, self._clock() - self._keep)

    def wake(self) -> None:
        """Let `housekeep` do everything at once: a peer has come that may have the store."""
        self._chores.wake()

    async def housekeep(self) -> None:
        """Keep the depot in order until cancelled. Call `prepare` first.

        It deletes what has expired, follows what other processes pin, and tries again what failed: to open
        the store, to install what is pinned, and to let the store keep what is installed. Trouble is logged.

        Raises:
            BadStore: what was found is not a store.
        """
        await self._chores.run()

    async def _look(self) -> None:
        # the number first: a change in between is seen the next time
        changes = await trio.to_thread.run_sync(self._shelf.database.changes)
        if changes != self._seen:
            await self._shelf.refresh()
            self._seen = changes
        await self._install_pinned()
        self._tell()  # an interpreter that failed may be tried again by now

    async def _reopen(self) -> None:
        if not self._adopted and await self._try_open():
            await self.fill()

    async def _write(self) -> None:
        await self._retention.settle()
        await self._shelf.usage.write_all(self._shelf.database)
