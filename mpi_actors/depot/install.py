"""One installation up to the point at which it could be offered: fetch, check, run `init.py`, check again."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from ..content.store.disk import disk_full, is_full, tells_full
from ..errors import BadStore, ContentRefused, DiskFull, InstallFailed
from ..process import Warden
from .files import WORKPLACE, make_workplace, remove_or_log, size_after_init, size_of_fetched
from .initialise import run_init
from .sources.source import InterpreterSource


class Unfit(InstallFailed):
    """It is the interpreter's own fault, so that it would fail again."""


@attrs.frozen
class InitLimits:
    """What an `init.py` may take."""

    seconds: float
    output: int
    """Bytes."""
    file_size: int
    """Bytes of each file."""


@attrs.frozen
class Ready:
    """A program whose `init.py` has agreed."""

    program: Path
    size: int
    """Bytes in its files."""


@asynccontextmanager
async def made_ready(
    source: InterpreterSource,
    name: str,
    folder: Path,
    warden: Warden,
    limits: InitLimits,
    check_room: Callable[[int, str], None],
) -> AsyncIterator[Ready]:
    """Inside, the program is in a directory of its own below `folder`, to be moved to its place.

    When this ends, is cancelled or raises, nothing is left but what was moved.

    Args:
        source: where it comes from.
        name: which.
        folder: where to work; on the disk to which it will be moved.
        warden: runs `init.py`.
        limits: of `init.py`.
        check_room: is called with the size, in bytes, once it is known and when it may have changed, and with
            words that say when that was; may raise.

    Raises:
        Unfit: it holds what is refused, or its `init.py` refused, took too long or wrote too much; the text
            has the last of its output.
        InstallFailed: `init.py` was killed by somebody else.
        DiskFull: the disk is full.
        BadStore: the store has changed.
        ContentError: it cannot be fetched, now.
        CannotSpawn: the operating system refused to run `init.py`.
        WardenLost: the warden's process died meanwhile, or does not run.
        OSError: it cannot be written.
    """
    workplace = folder / f"{WORKPLACE}{secrets.token_hex(8)}"
    program, home = workplace / "program", workplace / "home"
    try:
        await trio.to_thread.run_sync(make_workplace, workplace, home)
        await _fetch(source, name, program)
        size = await _measured(size_of_fetched, program)
        check_room(size, "")
        await _initialise(warden, program, home, limits)
        size = await _measured(size_after_init, program)
        check_room(size, " after init.py ran")
        yield Ready(program, size)
    except OSError as error:
        if tells_full(error):
            raise disk_full(folder) from error
        raise
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(remove_or_log, workplace)


async def _fetch(source: InterpreterSource, name: str, program: Path) -> None:
    try:
        await source.fetch(name, program)
    except ContentRefused as error:
        raise Unfit(str(error)) from error


async def _measured(measure: Callable[[Path], int], program: Path) -> int:
    try:
        return await trio.to_thread.run_sync(measure, program)
    except (BadStore, InstallFailed) as error:
        raise Unfit(str(error)) from error


async def _initialise(warden: Warden, program: Path, home: Path, limits: InitLimits) -> None:
    outcome = await run_init(
        warden,
        program,
        home,
        seconds=limits.seconds,
        output_limit=limits.output,
        file_size=limits.file_size,
    )
    if outcome.ok:
        return
    # init.py itself cannot say it in a way that we know
    if await trio.to_thread.run_sync(is_full, home):
        raise DiskFull(f"{disk_full(home.parent.parent)} ({outcome.describe()})")
    blameless = outcome.flaw is None and outcome.exit.killed  # for want of memory, say
    raise (InstallFailed if blameless else Unfit)(outcome.describe())
