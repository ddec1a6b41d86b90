"""Starts programs as processes: interpreters in a private copy, scripts where they lie."""

from __future__ import annotations

import functools
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import trio

from ..config import LaneLimits
from ..errors import CannotSpawn
from ..process.host_kind import host_kind
from ..process.limits import ResourceLimits
from ..process.removal import remove
from ..process.spec import ProcessSpec
from ..process.warden import Process, Warden
from ..wire.fields import HostKind
from ..wire.script import ScriptProgram
from ..wire.stdio import MAX_COMMAND
from .command import mpi_spec, script_spec, stdio_spec
from .manifest import protocol_of
from .mpi import MpiProgram
from .program import Order, Program
from .stdio import StdioProgram

logger = logging.getLogger(__name__)

MAX_LINE = LaneLimits().message + MAX_COMMAND
"""Bytes of the longest line that a program may write by default: the largest message and its command."""


class InstalledPrograms(Protocol):
    """What a starter needs of the depot, where interpreters are installed."""

    def interpreters(self) -> tuple[str, ...]:
        """Return the names of the installed interpreters."""
        ...

    def could_install(self) -> tuple[str, ...]:
        """Return the names of those that are not installed and that `ensure` would install."""
        ...

    async def ensure(self, name: str) -> None:
        """Install an interpreter if it is not installed.

        Raises:
            UnknownInterpreter: there is no interpreter of that name.
            InstallFailed: the interpreter cannot be installed.
        """
        ...

    def using(self, name: str) -> AbstractAsyncContextManager[Path]:
        """Give the interpreter's directory, which stays installed and unchanged inside the context.

        Raises:
            UnknownInterpreter: there is no interpreter of that name.
        """
        ...


class ProcessStarter:
    """Starts interpreters of a depot, and scripts.

    An interpreter that speaks lines runs as `python3 run.py <n> <rank> <args…>`; `mpi_actors.mpi.boot` runs a
    program that speaks MPI.

    Args:
        warden: spawns the processes.
        depot: where interpreters are installed.
        scratch: a directory for the private copies that processes run in.
        limits: of each process.
        max_line: bytes of the longest line that a program may write.
        scripts: the programs that are scripts, by name. A script hides an interpreter of the same name. The
            caller may add more later.
        inputs: functions that open the standard input of rank 0, by the name of a program that speaks MPI.
            Each incarnation calls one, and reads from the beginning. A program that has none when it starts
            reads nothing.
    """

    def __init__(
        self,
        warden: Warden,
        depot: InstalledPrograms,
        scratch: Path,
        *,
        limits: ResourceLimits | None = None,
        max_line: int = MAX_LINE,
        scripts: Mapping[str, ScriptProgram] | None = None,
        inputs: Mapping[str, Callable[[], AsyncIterator[bytes]]] | None = None,
    ) -> None:
        self._warden = warden
        self._depot = depot
        self._scratch = scratch
        self._limits = limits or ResourceLimits()
        self._max_line = max_line
        self._scripts = scripts if scripts is not None else {}
        self._inputs = inputs if inputs is not None else {}

    @property
    def kind(self) -> HostKind:
        """See `ProgramStarter.kind`."""
        return host_kind()

    def interpreters(self) -> tuple[str, ...]:
        """See `ProgramStarter.interpreters`."""
        return tuple(sorted({*self._depot.interpreters(), *self._scripts}))

    def installable(self) -> tuple[str, ...]:
        """See `ProgramStarter.installable`."""
        return self._depot.could_install()

    async def ensure(self, program: str) -> None:
        """See `ProgramStarter.ensure`."""
        if program not in self._scripts:
            await self._depot.ensure(program)

    @asynccontextmanager
    async def start(self, order: Order) -> AsyncIterator[Program]:
        """See `ProgramStarter.start`."""
        script = self._scripts.get(order.program)
        if script is not None:
            async with self._speaking_mpi(order, script_spec(order, script)) as program:
                yield program
            return
        # the process runs in a copy; "in use" lasts as long as the process, since a job uses the interpreter
        async with self._depot.using(order.program) as source, self._copy(order, source) as directory:
            if await trio.to_thread.run_sync(protocol_of, directory / "program") == "mpi":
                async with self._speaking_mpi(order, mpi_spec(order, directory, self._limits)) as program:
                    yield program
                return
            process = await self._warden.spawn(stdio_spec(order, directory, self._limits))
            async with _ended(process):
                yield StdioProgram(process, order.size, self._max_line)

    @asynccontextmanager
    async def _speaking_mpi(self, order: Order, spec: ProcessSpec) -> AsyncIterator[MpiProgram]:
        stdin = self._inputs.get(order.program) if order.rank == 0 else None
        page = None if order.page is None else order.page.fd
        process = await self._warden.spawn(spec, channel=True, page=page)
        async with _ended(process):
            program = MpiProgram(process, self._max_line, stdin)
            try:
                yield program
            finally:
                program.channel.close()

    @asynccontextmanager
    async def _copy(self, order: Order, source: Path) -> AsyncIterator[Path]:
        directory = self._scratch / f"{order.job}-{order.rank}-{order.incarnation}"
        try:
            await _in_thread(_prepare, source, directory)
            yield directory
        finally:
            with trio.CancelScope(shield=True):
                await _in_thread(_remove_or_log, directory)


@asynccontextmanager
async def _ended(process: Process) -> AsyncIterator[None]:
    try:
        yield
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        process.close()


def _prepare(source: Path, directory: Path) -> None:
    try:
        # a killed daemon may have left a directory of the same name
        remove(directory)
        directory.mkdir(parents=True, mode=0o700)
        (directory / "home").mkdir(mode=0o700)
        shutil.copytree(source, directory / "program", symlinks=True)
    except (OSError, shutil.Error) as error:
        raise CannotSpawn(f"cannot prepare {directory}: {error}") from error


def _remove_or_log(directory: Path) -> None:
    try:
        remove(directory)
    except OSError as error:
        logger.warning("what a program left in %s cannot be removed: %s", directory, error)


async def _in_thread(function: Callable[..., object], *args: object) -> None:
    await trio.to_thread.run_sync(functools.partial(function, *args))
