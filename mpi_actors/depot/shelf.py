"""What is installed here: memory, database and files change together, one change at a time."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import trio

from ..content.store.database import DATABASE_NAME, Database, Installed, Records
from ..errors import DiskFull, InstallFailed, InterpreterInUse, UnknownInterpreter
from . import files, quota
from .quota import Tenant
from .usage import UsageCounter

_NOTHING = Records(
    installed={}, failures={}, unwanted=frozenset(), pinned=frozenset(), pool=None, chosen=False
)
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class NoRoom(InstallFailed):
    """The quota has no room for it now."""


class Shelf:
    """The installed interpreters in `folder`; call `take_up` first.

    Args:
        folder: has their files, and nothing else.
        database: remembers them; None for `store.db` beside `folder`.
        max_size: bytes that all may have together.
        clock: tells the Unix time.
        on_change: is called whenever anything here has changed.
        on_version: is called with each version that was installed or removed.
    """

    def __init__(
        self,
        folder: Path,
        database: Database | None,
        max_size: int,
        clock: Callable[[], float],
        on_change: Callable[[], None],
        on_version: Callable[[str], None],
    ) -> None:
        self.folder = folder
        self.max_size = max_size
        """Bytes that all may have together."""
        self.records = _NOTHING
        """What the database contained when we last looked."""
        self.offered = False
        """Whether it is sure that the pool's store has what is installed."""
        self.usage = UsageCounter(clock)
        self._database = database
        self._clock = clock
        self._on_change = on_change
        self._on_version = on_version
        self._leaving: set[str] = set()
        self._one_at_a_time = trio.Lock()

    def notify(self) -> None:
        """Report a change of something else that those who watch the shelf show, too."""
        self._on_change()

    @property
    def database(self) -> Database:
        """The database.

        Raises:
            RuntimeError: before `take_up`.
        """
        if self._database is None:
            raise RuntimeError("the depot is not prepared")
        return self._database

    # --- what there is

    def rows(self) -> dict[str, Installed]:
        """Return the interpreters that are offered, sorted by name."""
        if not self.offered:
            return {}
        return {name: row for name, row in self.records.installed.items() if name not in self._leaving}

    def row(self, name: str) -> Installed:
        """Return an interpreter that is offered.

        Raises:
            UnknownInterpreter: it is not installed; the text names those that are.
        """
        rows = self.rows()
        if name not in rows:
            installed = ", ".join(rows) or "nothing"
            raise UnknownInterpreter(f"no interpreter {name!r} is installed here. Installed: {installed}")
        return rows[name]

    def versions(self) -> frozenset[str]:
        """Return the versions that are installed, offered or not."""
        return frozenset(row.version for row in self.records.installed.values())

    def tenants(self) -> list[Tenant]:
        """Return what takes room, for `quota`."""
        return [
            Tenant(row.name, row.size, self.usage.used_at(row), self._held(row.name))
            for row in self.records.installed.values()
        ]

    def shortage(self, size: int) -> str:
        """Return why `size` bytes cannot be installed, whatever goes; empty if they can."""
        return quota.shortage(self.tenants(), size, self.max_size)

    def check_room(self, size: int, when: str = "", *, make: bool) -> None:
        """Check that there is room for `size` bytes.

        Args:
            size: bytes that are needed.
            when: when `size` was measured, as words with a space before them, for the error.
            make: whether others may be deleted to make room.

        Raises:
            NoRoom: there is not enough room.
        """
        free = quota.free_room(self.tenants(), self.max_size)
        if size <= free:
            return
        shortage = quota.shortage(self.tenants(), size, self.max_size, when)
        if shortage:
            raise NoRoom(shortage)
        if not make:
            raise NoRoom(f"it needs {size} bytes{when}, {max(0, free)} of {self.max_size} are free")

    def _held(self, name: str) -> str:
        if name in self.records.pinned:
            return "pinned"
        return "in use" if self.usage[name] else ""

    # --- changes: all raise StoreDamaged if the database cannot be used, and DiskFull

    async def take_up(self, pool: str | None, *, sure: bool) -> None:
        """Take up what an earlier run left. Remove what is incomplete or unknown.

        Args:
            pool: of the store; None if there is no store, and everything is offered.
            sure: whether what belongs to that pool can be offered at once.

        Raises:
            OSError: the directory cannot be made or read.
        """
        async with self._one_at_a_time:
            self.records = await _in_thread(self._take_up)
            self._leaving.clear()
            self.offered = pool is None or (sure and self.records.pool == pool)
        self._on_change()

    def _take_up(self) -> Records:
        files.make_folder(self.folder)
        if self._database is None:
            self._database = Database(self.folder.parent / DATABASE_NAME)
        return files.take_up(self.folder, self._database)

    async def adopt(self, pool: str, versions: Mapping[str, str]) -> None:
        """Remove what a pool's store does not have in the same version, and offer the rest.

        Args:
            pool: the pool's name.
            versions: of the interpreters in its store, by name.
        """
        async with self._one_at_a_time:
            self.records = await _in_thread(files.adopt, self.folder, self.database, pool, versions)
            self.offered = True  # `Retention.reconcile` lets the store let go of what went
        self._on_change()

    async def change(self, change: Callable[..., _T], *arguments: object) -> _T:
        """Call a method of the database that touches no files, and read the records again."""

        def work() -> tuple[_T, Records]:
            return change(*arguments), self.database.records()

        async with self._one_at_a_time:
            result, self.records = await _in_thread(work)
        self._on_change()
        return result

    async def refresh(self) -> None:
        """Read the records again: other processes may have changed them."""
        async with self._one_at_a_time:
            self.records = await _in_thread(self.database.records)
        self._on_change()

    async def pin(self, name: str) -> bool | None:
        """Pin an installed interpreter; return False if it is pinned already, None if it is not installed."""
        async with self._one_at_a_time:
            if name not in self.rows():
                return None
            pinned = await _in_thread(self.database.pin, name)
            self.records = await _in_thread(self.database.records)
        self._on_change()
        return pinned

    async def put_in(
        self, name: str, version: str, size: int, program: Path, *, chosen: bool, pin: bool, make_room: bool
    ) -> None:
        """Install a program that has been prepared.

        Args:
            name: the interpreter's name.
            version: its version.
            size: bytes of its files.
            program: the directory to move.
            chosen: whether a person has asked for it.
            pin: whether to pin it.
            make_room: whether others may be deleted to make room.

        Raises:
            NoRoom: there is not enough room, whatever goes.
            OSError: the program cannot be moved to its place.
        """
        async with self._one_at_a_time:
            self.check_room(size, make=make_room)
            while going := quota.make_room(self.tenants(), size, self.max_size).going:
                await self._take_out(going[0], by_person=False)
                self.check_room(size, make=make_room)  # the rest may be pinned or in use by now
            row = Installed(name, version, size, installed_at=self._clock(), chosen=chosen)
            self.records = await _in_thread(files.put_in, self.folder, self.database, row, program, pin)
            self._on_version(version)
        self._on_change()

    async def evict(self, name: str) -> bool:
        """Remove an interpreter, unless it is pinned, in use or not installed; return whether it was removed.

        Raises:
            OSError: its files cannot be removed; it stays installed.
        """
        async with self._one_at_a_time:
            if name not in self.records.installed or self._held(name):
                return False
            return await self._take_out(name, by_person=False)

    async def delete(self, name: str) -> None:
        """Remove an interpreter because a person says so.

        Raises:
            UnknownInterpreter: it is not installed; the text names those that are.
            InterpreterInUse: a job uses it now.
            OSError: its files cannot be removed; it stays installed.
        """
        async with self._one_at_a_time:
            self.row(name)
            if self.usage[name]:
                raise InterpreterInUse(f"{name} is in use by a job. Try again when the job has ended.")
            await self._take_out(name, by_person=True)

    async def shrink(self) -> None:
        """Remove the least recently used interpreters until the rest fits. Log it if the rest must stay.

        Raises:
            OSError: files cannot be removed.
        """
        async with self._one_at_a_time:
            while going := quota.make_room(self.tenants(), 0, self.max_size).going:
                await self._take_out(going[0], by_person=False)
        excess = -quota.free_room(self.tenants(), self.max_size)
        if excess > 0:
            held = ", ".join(tenant.name for tenant in self.tenants())
            _log.warning(
                "%d bytes more than allowed are installed, and stay: %s. Unpin some, or raise the limit.",
                excess,
                held,
            )

    async def _take_out(self, name: str, *, by_person: bool) -> bool:
        """Remove an interpreter; the caller holds the lock."""
        version = self.records.installed[name].version
        self._leaving.add(name)  # from now on, nobody may begin to use it
        self._on_change()
        stays = True
        try:
            self.records = await _in_thread(
                files.take_out, self.folder, self.database, name, by_person=by_person
            )
        except DiskFull:
            stays = False  # its files are gone nevertheless
            raise
        finally:
            if stays:
                self._leaving.discard(name)
            self._on_change()
        if name in self.records.installed:
            return False
        self.usage.forget(name)
        self._on_version(version)
        return True


async def _in_thread(function: Callable[..., _T], *arguments: object, **options: object) -> _T:
    return await trio.to_thread.run_sync(functools.partial(function, *arguments, **options))
