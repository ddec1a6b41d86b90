"""Runs interpreters as processes: a private copy of the directory, a clean environment, three pipes."""

from __future__ import annotations

import functools
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import trio

from ..errors import CannotSpawn
from .exit import Exit
from .limits import ResourceLimits, clean_environment, interpreter_argv
from .program import Order, Program
from .removal import remove
from .script import ScriptProgram
from .spec import ProcessSpec
from .stdio import Command, LineSplitter, encode_message, parse
from .warden import Process, Warden

logger = logging.getLogger(__name__)

_READ = 256 * 1024
_ERROR_TEXT = 16 * 1024


class Installed(Protocol):
    """What a launcher needs of the place where interpreters are installed."""

    def interpreters(self) -> tuple[str, ...]:
        """Names of those that are offered."""
        ...

    def could_install(self) -> tuple[str, ...]:
        """Names of those that are not, and that `ensure` would install."""
        ...

    async def ensure(self, name: str) -> None:
        """Install an interpreter, unless it is.

        Raises:
            UnknownInterpreter: there is none of that name.
            InstallFailed: it cannot be installed.
        """
        ...

    def using(self, name: str) -> AbstractAsyncContextManager[Path]:
        """The interpreter's directory; it stays as it is, and installed, inside the context.

        Raises:
            UnknownInterpreter: there is none of that name.
        """
        ...


class ProcessLauncher:
    """Starts `python3 run.py <n> <rank> <args…>` for interpreters of a depot.

    Args:
        warden: spawns the processes.
        depot: where interpreters are installed.
        scratch: a directory for the private copies that processes run in.
        limits: of each process.
        max_line: bytes of the longest line that a program may write.
        scripts: programs that are no interpreters, by name. They come first. More may be added later.
    """

    def __init__(
        self,
        warden: Warden,
        depot: Installed,
        scratch: Path,
        *,
        limits: ResourceLimits | None = None,
        max_line: int = 64 * 1024 * 1024 + 32,
        scripts: Mapping[str, ScriptProgram] | None = None,
    ) -> None:
        self._warden = warden
        self._depot = depot
        self._scratch = scratch
        self._limits = limits or ResourceLimits()
        self._max_line = max_line
        self._scripts = scripts if scripts is not None else {}

    def interpreters(self) -> tuple[str, ...]:
        """The names that can be launched here now."""
        return self._depot.interpreters()

    def installable(self) -> tuple[str, ...]:
        """See `Launcher.installable`."""
        return self._depot.could_install()

    async def ensure(self, program: str) -> None:
        """See `Launcher.ensure`."""
        await self._depot.ensure(program)

    @asynccontextmanager
    async def launch(self, order: Order) -> AsyncIterator[Program]:
        """See `Launcher.launch`."""
        # for the whole life of the process, though it runs in a copy: in use means that a job uses it
        async with self._depot.using(order.program) as source, self._copy(order, source) as directory:
            process = await self._warden.spawn(self._spec(order, directory))
            try:
                yield StdioProgram(process, order.size, self._max_line)
            finally:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
                process.close()

    @asynccontextmanager
    async def _copy(self, order: Order, source: Path) -> AsyncIterator[Path]:
        directory = self._scratch / f"{order.job}-{order.rank}-{order.incarnation}"
        try:
            await _in_thread(_prepare, source, directory)
            yield directory
        finally:
            with trio.CancelScope(shield=True):
                await _in_thread(_remove_or_log, directory)

    def _spec(self, order: Order, directory: Path) -> ProcessSpec:
        return ProcessSpec(
            argv=interpreter_argv(order.size, order.rank, order.args),
            cwd=str(directory / "program"),
            env=clean_environment(
                {
                    "MPI_ACTORS_JOB": order.job,
                    "MPI_ACTORS_RANK": str(order.rank),
                    "MPI_ACTORS_SIZE": str(order.size),
                    "MPI_ACTORS_INCARNATION": str(order.incarnation),
                },
                home=str(directory / "home"),
                seed=order.seed,
            ),
            limits=self._limits,
        )


class StdioProgram:
    """A process that speaks the line protocol."""

    def __init__(self, process: Process, size: int, max_line: int) -> None:
        self._process = process
        self._size = size
        self._splitter = LineSplitter(max_line)
        self._error_tail = b""
        self._ended = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def commands(self) -> list[Command]:
        """See `Program.commands`."""
        while not self._ended:
            data = await _read(self._process.stdout, _READ)
            if data:
                lines = self._splitter.feed(data)
            else:
                self._ended = True
                lines = self._splitter.end()
            if lines:
                return [parse(line, self._size) for line in lines]
        return []

    async def errors(self) -> str:
        """See `Program.errors`. A line that never ends is cut."""
        while True:
            data = await _read(self._process.stderr, _ERROR_TEXT)
            text = self._error_tail + data
            end = len(text) if not data or len(text) >= _ERROR_TEXT else text.rfind(b"\n") + 1
            self._error_tail = text[end:]
            if end or not data:
                return text[:end].decode(errors="replace")

    async def deliver(self, payload: bytes) -> None:
        """See `Program.deliver`."""
        try:
            await self._process.stdin.send_all(encode_message(payload))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # it has closed its standard input, or ended: `wait` tells

    async def wait(self) -> Exit:
        """See `Program.wait`."""
        return await self._process.wait()

    def kill(self) -> None:
        """See `Program.kill`."""
        self._process.kill()


async def _read(stream: trio.abc.ReceiveStream, most: int) -> bytes:
    try:
        return bytes(await stream.receive_some(most))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return b""


def _prepare(source: Path, directory: Path) -> None:
    try:
        # one that a killed daemon left behind under the same name
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
