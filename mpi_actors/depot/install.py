"""Prepares one interpreter for installation: fetch it, check it, run its `init.py`, check it again."""

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
    """The installation failed through a fault of the interpreter itself: it would fail again."""


@attrs.frozen
class InitLimits:
    """What an `init.py` may use."""

    seconds: float
    """Seconds that it may run."""
    output: int
    """Bytes that it may write to its output."""
    file_size: int
    """Bytes that each of its files may have."""


@attrs.frozen
class Ready:
    """A program that can be installed: its `init.py` has agreed."""

    program: Path
    """Its directory, to be moved to its place."""
    size: int
    """Bytes in its files."""


@asynccontextmanager
async def prepare_program(
    source: InterpreterSource,
    name: str,
    folder: Path,
    warden: Warden,
    limits: InitLimits,
    check_room: Callable[[int, str], None],
) -> AsyncIterator[Ready]:
    """Prepare a program in a directory of its own below `folder`; inside, the caller moves it away.

    When the context ends, however it ends, everything is removed but what was moved.

    Args:
        source: the store that has the interpreter.
        name: the interpreter's name.
        folder: the directory to work in, on the disk to which the program will be moved.
        warden: runs `init.py`.
        limits: on `init.py`.
        check_room: is called whenever the size may have changed, with the size in bytes, and with words that
            say when it was measured; may raise.

    Raises:
        Unfit: the program has an entry that is refused, or its `init.py` refused, took too long or wrote too
            much; the text has the last of its output.
        InstallFailed: something outside of the program killed `init.py`.
        DiskFull: the disk is full.
        BadStore: the store has changed.
        ContentError: the program cannot be fetched now.
        CannotSpawn: the operating system refused to run `init.py`.
        WardenLost: the warden's process died meanwhile, or does not run.
        OSError: the program cannot be written.
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
    # an init.py that fails on a full disk cannot tell us so: look ourselves
    if await trio.to_thread.run_sync(is_full, home):
        raise DiskFull(f"{disk_full(home.parent.parent)} ({outcome.describe()})")
    blameless = outcome.flaw is None and outcome.exit.killed  # by the system when memory is short, perhaps
    raise (InstallFailed if blameless else Unfit)(outcome.describe())
