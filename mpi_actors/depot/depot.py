"""The interpreters that this peer offers: which are installed, which go, and when."""

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
"""Where in a daemon's directory interpreters are installed. All that is in it is the depot's."""

_LOOK_INTERVAL = 5.0  # seconds between looks at what other processes have changed
_REOPEN_INTERVAL = 15.0  # seconds until a store that could not be opened is tried again
_EXPIRE_INTERVAL = 3600.0  # seconds between deletions of what nobody has used for long

_log = logging.getLogger(__name__)


class Depot:
    """Installs interpreters below `directory`, and says which there are. Call `prepare` first.

    Args:
        directory: the daemon's; interpreters go to `interpreters/<name>` in it.
        source: where they come from; None to offer what is installed already.
        warden: runs `init.py`.
        max_size: bytes that all installed interpreters may have together. One that is being installed has
            its room besides, so that nothing is deleted for what cannot be installed in the end.
        init_timeout: seconds that an `init.py` may take.
        init_output_limit: bytes that an `init.py` may write to its output.
        keep: seconds after its last use at which an interpreter is deleted; infinity for never.
        database: where everything is remembered; None for `store.db` in `directory`.
        clock: the time of day, in Unix time.
        changed: called whenever `interpreters()` or `could_install()` has changed.
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
        changed: Callable[[], None],
    ) -> None:
        self._source = source
        self._keep = keep
        self._clock = clock
        self._changed = changed
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
        """Why the store could not be opened; empty if it is open, or nobody has tried."""
        return self._trouble

    def interpreters(self) -> tuple[str, ...]:
        """The names of those that are installed, sorted."""
        return tuple(self._shelf.rows())

    def could_install(self) -> tuple[str, ...]:
        """The names of those that `ensure` would try to install, as far as is known; sorted.

        Not one that has failed here, or that a person has deleted; what failed for a passing reason is left
        out for a minute.
        """
        return self._installer.promising() if self._installer is not None and self._adopted else ()

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[Path]:
        """The interpreter's directory, which is not deleted inside the context.

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
        """All that are installed, or in the store, or both, sorted by name."""
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
            self._changed()

    # --- the start

    async def prepare(self, *, fill: bool = True) -> None:
        """Take up what is installed, open the store, then install what is pinned, and what fits (`fill`).

        Removed is what an installation or deletion left that was interrupted, what the store has no longer or
        in another version, what was changed from outside, and, least recently used first, what exceeds
        `max_size`. What cannot be installed is logged, and told by `listing`. A store that cannot be opened
        is logged, told by `trouble`, and tried again by `housekeep`.

        Raises:
            DepotUnusable: the directory cannot be made, read or written.
            StoreDamaged: the database cannot be read or written.
            BadStore: what was found is no store.
        """
        source = self._source
        with unusable("take up what is installed"):
            async with self._installer.one_at_a_time if self._installer else nullcontext():
                # one that is open tells for sure, below; of another one the name must do
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
        """Learn what the store holds, and remove what it does not have any more. Idempotent.

        Raises:
            ContentError: nobody who has the store can be reached, now; or the disk is full.
            BadStore: it is no store.
            StoreDamaged: the database cannot be read or written.
            BadStore: what was found is no store.
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
        """Install what fits into the free room, smallest first; deletes nothing.

        Nothing happens once a person has added anything; what has failed, or was deleted by a person, is left
        out. What cannot be installed is logged, and told by `listing`.
        """
        if self._installer is not None and self._adopted:
            await self._installer.fill()

    async def _install_pinned(self) -> None:
        if self._installer is not None and self._adopted:
            await self._installer.install_pinned()

    # --- what people and jobs ask for

    async def add(self, name: str) -> bool:
        """Install an interpreter because a person says so; False if it was installed already.

        Least recently used ones that are neither pinned nor in use are deleted if need be. Waits for other
        installations. What has failed is tried again. When cancelled, nothing of it is left, or it is
        installed entirely.

        Raises:
            InstallFailed: the store has none of that name or cannot be reached, there is no room, or
                `init.py` refused, went on too long or wrote too much; the text has the last of its output.
        """
        installer = await self._require(name)
        try:
            await self._shelf.change(self._shelf.database.choose, name)
        except (StoreDamaged, DiskFull) as error:
            raise InstallFailed(f"cannot install {name}: {error}") from error
        return installer is not None and await installer.install(name, again=True, chosen=True)

    async def ensure(self, name: str) -> None:
        """Install an interpreter because a job needs it; returns at once if it is installed.

        As `add`, but neither what has failed nor what a person has deleted is tried again, and that a person
        wants it is not remembered.

        Raises:
            InstallFailed: see `add`; or it has failed before.
        """
        installer = await self._require(name)
        if installer is not None:
            await installer.install(name)

    async def pin(self, name: str) -> bool:
        """Keep an interpreter until `unpin`, whatever happens; one that is not installed yet is installed.

        False if it was pinned already.

        Raises:
            InstallFailed: see `add`; it is not pinned then.
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
        """Undo `pin`; False if it was not pinned.

        Raises:
            DepotUnusable: the disk is full.
            StoreDamaged: the database cannot be read or written.
        """
        with unusable(f"unpin {name}"):
            return await self._shelf.change(self._shelf.database.unpin, name)

    async def delete(self, name: str) -> None:
        """Remove an interpreter because a person says so, pinned or not.

        It can be added again; `fill` leaves it alone.

        Raises:
            UnknownInterpreter: it is not installed; the text names those that are.
            InterpreterInUse: a job uses it now.
            DepotUnusable: its files cannot be removed; it stays installed.
        """
        with unusable(f"delete {name}"):
            await self._shelf.delete(name)
        await self._retention.settle()

    async def _require(self, name: str) -> Installer | None:
        """Who can install it; None if it is installed.

        Raises:
            InstallFailed: nobody.
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
        """Delete what was not used for `keep` seconds, but what is pinned or in use; returns the names.

        Args:
            now: Unix time; None for that of the clock.

        Raises:
            DepotUnusable: the disk is full.
            StoreDamaged: the database cannot be read or written.
        """
        before = (self._clock() if now is None else now) - self._keep
        with unusable("delete what has expired"):
            return tuple(row.name for row in await upkeep.expire(self._shelf, self._retention, before))

    async def collect(self) -> Cleared:
        """Delete what has expired, and let the store go of what is not installed any more.

        Raises:
            DepotUnusable: the disk is full.
            StoreDamaged: the database cannot be read or written.
        """
        with unusable("delete what has expired"):
            return await upkeep.collect(self._shelf, self._retention, self._clock() - self._keep)

    def wake(self) -> None:
        """Let `housekeep` look around at once: somebody has come who may have the store."""
        self._chores.wake()

    async def housekeep(self) -> None:
        """After `prepare`, until cancelled: delete what has expired, follow other processes' pins, and try
        again to open the store, to install what is pinned, and to keep it for others. Trouble is logged.

        Raises:
            BadStore: what was found is no store.
        """
        await self._chores.run()

    async def _look(self) -> None:
        # the number first: what changes in between is seen the next time
        changes = await trio.to_thread.run_sync(self._shelf.database.changes)
        if changes != self._seen:
            await self._shelf.refresh()
            self._seen = changes
        await self._install_pinned()
        self._tell()  # some trouble may have passed

    async def _reopen(self) -> None:
        if not self._adopted and await self._try_open():
            await self.fill()

    async def _write(self) -> None:
        await self._retention.settle()
        await self._shelf.usage.write_all(self._shelf.database)
