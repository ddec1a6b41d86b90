"""A store of interpreters in memory, and a warden whose programs end at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import attrs
import trio

from mpi_actors.errors import BackendUnavailable
from mpi_actors.process import Exit, ProcessSpec, Warden


@attrs.frozen
class Thing:
    """An interpreter of a `MemorySource`."""

    size: int
    """At least that of its `init`."""
    init: str = ""
    """See `QuickWarden`."""
    version: str = "1"


def nothing(where: str) -> None:
    """Do nothing at a step."""


class MemorySource:
    """An `InterpreterSource`. What it retains outlives it in `kept`, as the blocks of a store do."""

    def __init__(
        self,
        things: Mapping[str, Thing],
        kept: set[str] | None = None,
        *,
        pool: str = "pool",
        opened: bool = True,
        step: Callable[[str], None] = nothing,
    ) -> None:
        self.pool = pool
        self.opened = opened
        self.kept = set() if kept is None else kept
        self.down = ""
        """Why nothing works now; empty if all does."""
        self.fetched: list[str] = []
        self.trouble: Exception | None = None
        """What `fetch` raises after a part has come."""
        self._things = dict(things)
        self._step = step

    async def open(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.opened:
            return
        self._check()
        self._step("open")
        self.opened = True

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._things)) if self.opened else ()

    def size(self, name: str) -> int:
        return self._things[name].size

    def version(self, name: str) -> str:
        return f"{name}-{self._things[name].version}"

    async def fetch(self, name: str, directory: Path) -> None:
        self._check()
        self._step("fetch")
        self.fetched.append(name)
        await trio.to_thread.run_sync(self._write, self._things[name], directory)
        self._step("fetched")

    def _write(self, thing: Thing, directory: Path) -> None:
        directory.mkdir()
        (directory / "init.py").write_text(thing.init)
        if self.trouble is not None:
            raise self.trouble
        (directory / "run.py").write_text("x" * (thing.size - len(thing.init)))

    async def retain(self, version: str) -> None:
        await trio.lowlevel.checkpoint()
        self._check()
        self._step("retain")
        self.kept.add(version)
        self._step("retained")

    async def release(self, version: str) -> None:
        await trio.lowlevel.checkpoint()
        self._check()
        self._step("release")
        self.kept.discard(version)
        self._step("released")

    async def retained(self) -> frozenset[str]:
        await trio.lowlevel.checkpoint()
        self._check()
        return frozenset(self.kept)

    def _check(self) -> None:
        if self.down:
            raise BackendUnavailable(self.down)


class _Silence(trio.abc.ReceiveStream):
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        return b""

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class _Ended:
    """A process that has ended."""

    def __init__(self, end: Exit) -> None:
        self.stdin = self.stdout = self.stderr = _Silence()
        self._end = end

    async def wait(self) -> Exit:
        await trio.lowlevel.checkpoint()
        return self._end

    def kill(self) -> None:
        pass

    def close(self) -> None:
        pass


class QuickWarden:
    """Runs no `init.py`: one with the text `fail` ends with 1, `grow <n>` writes a file of n bytes."""

    async def spawn(self, spec: ProcessSpec) -> _Ended:
        await trio.lowlevel.checkpoint()
        return _Ended(await trio.to_thread.run_sync(_run, Path(spec.cwd)))


def _run(program: Path) -> Exit:
    match (program / "init.py").read_text().split():
        case ["fail"]:
            return Exit(code=1)
        case ["killed"]:
            return Exit(signal=9)
        case ["grow", size]:
            (program / "grown").write_bytes(b"x" * int(size))
    return Exit(code=0)


def quick_warden() -> Warden:
    """Return a `QuickWarden` where a real warden is expected."""
    return cast(Warden, QuickWarden())
