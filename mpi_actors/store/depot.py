"""The interpreters that this peer has installed, and their installation from a store."""

from __future__ import annotations

import functools
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeVar

import attrs
import trio

from ..errors import (
    BadStore,
    CannotSpawn,
    DepotUnusable,
    InstallFailed,
    InterpreterInUse,
    UnknownInterpreter,
    WardenLost,
)
from ..process import Warden
from ..process.removal import remove
from . import records, tree
from .directory import missing_files
from .initialise import run_init
from .records import RECORDS_NAME, Record
from .source import InterpreterSource

FOLDER = "interpreters"
"""Where in a daemon's directory interpreters are installed. All that is in it is the depot's."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@attrs.frozen
class Entry:
    """One interpreter, for `list`."""

    name: str
    size: int
    """Bytes: as installed, or in the store."""
    state: Literal["installed", "failed", "available"]
    """`failed`: it could not be installed; `available`: it is in the store, and nobody has tried."""
    in_use: int = 0
    """How many use it now."""
    detail: str = ""
    """Why it failed, with the last output of its `init.py`, or why it cannot be installed now."""


class Depot:
    """Installs interpreters below `directory`, and says which there are. Call `prepare` first.

    Args:
        directory: the daemon's; interpreters go to `interpreters/<name>` in it.
        source: where they come from; None to offer what is installed already.
        warden: runs `init.py`.
        max_size: bytes that all installed interpreters may have together.
        init_timeout: seconds that an `init.py` may take.
        init_output_limit: bytes that an `init.py` may write to its output.
        changed: called whenever `interpreters()` has changed.
    """

    def __init__(
        self,
        directory: Path,
        source: InterpreterSource | None,
        warden: Warden,
        *,
        max_size: int = 10_000_000,
        init_timeout: float = 60.0,
        init_output_limit: int = 1_000_000,
        changed: Callable[[], None],
    ) -> None:
        self._folder = directory.absolute() / FOLDER
        self._source = source
        self._warden = warden
        self._max_size = max_size
        self._init_timeout = init_timeout
        self._init_output_limit = init_output_limit
        self._changed = changed
        self._installed: dict[str, Record] = {}
        self._failed: dict[str, str] = {}
        self._in_use: Counter[str] = Counter()
        self._installing = trio.Lock()  # one installation at a time
        self._committing = trio.Lock()  # held for the moment in which files and records change

    # --- what there is

    def interpreters(self) -> tuple[str, ...]:
        """The names of those that are installed, sorted."""
        return tuple(sorted(self._installed))

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[Path]:
        """The interpreter's directory, which is not deleted inside the context.

        Raises:
            UnknownInterpreter: it is not installed; the text names those that are.
        """
        self._record(name)
        self._in_use[name] += 1
        try:
            yield self._folder / name
        finally:
            self._in_use[name] -= 1

    def listing(self) -> list[Entry]:
        """All that are installed, or in the store, or both, sorted by name."""
        in_store = () if self._source is None else self._source.names()
        return [self._entry(name) for name in sorted({*self._installed, *in_store})]

    def _entry(self, name: str) -> Entry:
        record = self._installed.get(name)
        if record is not None:
            return Entry(name, record.size, "installed", self._in_use[name])
        assert self._source is not None
        size = self._source.size(name)
        if name in self._failed:
            return Entry(name, size, "failed", detail=self._failed[name])
        return Entry(name, size, "available", detail=self._shortage(size) or "")

    def _record(self, name: str) -> Record:
        record = self._installed.get(name)
        if record is None:
            raise UnknownInterpreter(
                f"no interpreter {name!r} is installed here. Installed: {_listed(self._installed)}"
            )
        return record

    def _shortage(self, size: int) -> str | None:
        """Why so many bytes cannot be installed; None if they can."""
        free = self._max_size - _total(self._installed)
        if size <= free:
            return None
        return f"it needs {size} bytes, {max(0, free)} of {self._max_size} are free"

    # --- changes

    async def prepare(self) -> None:
        """Take up what is installed, then install all of the store that fits, smallest first.

        Removed is what an installation left that was interrupted, what the store has no longer or in another
        version (if there is a store), what was changed from outside, and what exceeds `max_size`. What cannot
        be installed is logged, and told by `listing`.

        Raises:
            DepotUnusable: the directory cannot be made, read or written.
        """
        async with self._installing, self._committing:
            source = self._source
            versions = None if source is None else {name: source.version(name) for name in source.names()}
            try:
                self._installed = await _in_thread(_take_up, self._folder, versions, self._max_size)
            except OSError as error:
                raise DepotUnusable(_reason(error)) from error
            if self._installed:
                self._changed()
        if source is None:
            return
        for name in sorted(source.names(), key=lambda name: (source.size(name), name)):
            try:
                await self.add(name)
            except InstallFailed as error:
                _log.warning("%s", error)

    async def add(self, name: str) -> bool:
        """Install an interpreter; False if it was installed already. Waits for other installations.

        When cancelled, nothing of it is left, or it is installed entirely.

        Raises:
            InstallFailed: the store has none of that name, there is no room, or `init.py` refused, went on
                for too long or wrote too much; the text has the last of its output.
        """
        async with self._installing:
            if name in self._installed:
                return False
            source = self._source
            if source is None or name not in source.names():
                has = "there is no store" if source is None else f"the store has {_listed(source.names())}"
                raise InstallFailed(f"cannot install {name!r}: {has}")
            shortage = self._shortage(source.size(name))
            if shortage is not None:
                raise InstallFailed(f"cannot install {name}: {shortage}. Delete others, or raise the limit.")
            try:
                await self._install(source, name)
            except InstallFailed as error:
                self._failed[name] = str(error)
                raise InstallFailed(f"cannot install {name}: {error}") from error
            except (BadStore, CannotSpawn, WardenLost, OSError) as error:
                self._failed[name] = _reason(error)
                raise InstallFailed(f"cannot install {name}: {_reason(error)}") from error
            return True

    async def delete(self, name: str) -> None:
        """Remove an interpreter. It can be added again.

        Raises:
            UnknownInterpreter: it is not installed; the text names those that are.
            InterpreterInUse: a job uses it now.
            DepotUnusable: its files cannot be removed; it stays installed.
        """
        async with self._committing:
            record = self._record(name)
            if self._in_use[name]:
                raise InterpreterInUse(f"{name} is in use by a job. Try again when the job has ended.")
            del self._installed[name]  # at once, so that nobody begins to use it
            self._changed()
            with trio.CancelScope(shield=True):
                try:
                    aside = await _in_thread(_take_out, self._folder, name, dict(self._installed))
                except OSError as error:
                    self._installed[name] = record
                    self._changed()
                    raise DepotUnusable(f"cannot delete {name}: {_reason(error)}") from error
                await _in_thread(_remove_or_log, aside)

    async def _install(self, source: InterpreterSource, name: str) -> None:
        workplace = self._folder / f".new-{secrets.token_hex(8)}"
        program, home = workplace / "program", workplace / "home"
        try:
            await _in_thread(_make, workplace, home)
            await source.fetch(name, program)
            self._check_room(await _in_thread(_checked_size, program))
            outcome = await run_init(
                self._warden,
                program,
                home,
                seconds=self._init_timeout,
                output_limit=self._init_output_limit,
                file_size=self._max_size,
            )
            if not outcome.ok:
                raise InstallFailed(outcome.describe())
            size = await _in_thread(_size_after_init, program)
            self._check_room(size, ", after init.py ran")
            await self._commit(name, program, Record(source.version(name), size))
        finally:
            with trio.CancelScope(shield=True):
                await _in_thread(_remove_or_log, workplace)

    def _check_room(self, size: int, when: str = "") -> None:
        shortage = self._shortage(size)
        if shortage is not None:
            raise InstallFailed(shortage + when)

    async def _commit(self, name: str, program: Path, record: Record) -> None:
        async with self._committing:
            installed = {**self._installed, name: record}
            # cancelled before the thread starts or not at all, so files and memory agree
            await _in_thread(_put_in, self._folder, name, program, installed)
            self._installed = installed
            self._failed.pop(name, None)
            self._changed()


# --- work on files, in threads


async def _in_thread(function: Callable[..., _T], *args: object) -> _T:
    return await trio.to_thread.run_sync(functools.partial(function, *args))


def _take_up(folder: Path, versions: Mapping[str, str] | None, max_size: int) -> dict[str, Record]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    recorded = records.load(folder / RECORDS_NAME)
    kept: dict[str, Record] = {}
    # smallest first, as they were installed
    for name, record in sorted(recorded.items(), key=lambda item: (item[1].size, item[0])):
        wanted = versions is None or versions.get(name) == record.version
        if wanted and _total(kept) + record.size <= max_size and _is_whole(folder / name, record):
            kept[name] = record
    if kept != recorded:
        records.save(folder / RECORDS_NAME, kept)
    for path in list(folder.iterdir()):
        if path.name not in kept and path.name != RECORDS_NAME:
            _remove_or_log(path)
    return kept


def _is_whole(place: Path, record: Record) -> bool:
    try:
        return _size_after_init(place) == record.size
    except (BadStore, InstallFailed, OSError):
        return False


def _remove_or_log(path: Path) -> None:
    try:
        remove(path)
    except OSError as error:
        _log.warning("cannot remove %s, will try again at the next start: %s", path, _reason(error))


def _make(workplace: Path, home: Path) -> None:
    workplace.mkdir(mode=0o700)
    home.mkdir(mode=0o700)


def _checked_size(program: Path) -> int:
    """The size of what was fetched, whatever its source has checked."""
    size = tree.size_of(tree.scan(program))
    _require_files(program)
    return size


def _size_after_init(program: Path) -> int:
    size = tree.measure(program)
    _require_files(program)
    return size


def _require_files(program: Path) -> None:
    missing = missing_files(program)
    if missing:
        raise InstallFailed(f"it has no {' and no '.join(missing)}")


def _put_in(folder: Path, name: str, program: Path, installed: Mapping[str, Record]) -> None:
    place = folder / name
    remove(place)  # not recorded, so it is what an earlier attempt left
    program.rename(place)
    records.save(folder / RECORDS_NAME, installed)


def _take_out(folder: Path, name: str, installed: Mapping[str, Record]) -> Path:
    """The records come first: what is not recorded is not installed, whatever files there are."""
    records.save(folder / RECORDS_NAME, installed)
    return (folder / name).rename(folder / f".old-{secrets.token_hex(8)}")


# --- words


def _total(installed: Mapping[str, Record]) -> int:
    return sum(record.size for record in installed.values())


def _listed(names: Mapping[str, object] | tuple[str, ...]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
