"""Interpreters as processes: what the starter asks of the depot, and what is left after their end."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio
from process_harness import DEADLINE

from mpi_actors.errors import InstallFailed, UnknownInterpreter
from mpi_actors.ids import JobId
from mpi_actors.process import Warden
from mpi_actors.programs.processes import ProcessStarter
from mpi_actors.programs.program import ChannelTalk, Order
from mpi_actors.wire.stdio import LogText

PROGRAM = "import sys; print('Log,ready', flush=True); sys.stdin.readline()"
ORDER = Order(job=JobId("a" * 16), rank=0, incarnation=0, size=1, program="wait")


@attrs.define
class Shelf:
    """Directories of interpreters, who uses them, and what could be installed."""

    directory: Path
    store: dict[str, str] = attrs.field(factory=dict)
    in_use: Counter[str] = attrs.field(factory=Counter)

    def interpreters(self) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in self.directory.iterdir()))

    def could_install(self) -> tuple[str, ...]:
        return tuple(sorted(self.store.keys() - {*self.interpreters()}))

    async def ensure(self, name: str) -> None:
        await trio.lowlevel.checkpoint()
        if name not in self.store:
            raise InstallFailed(f"the store has no {name}")
        (self.directory / name).mkdir()
        (self.directory / name / "run.py").write_text(self.store[name])

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[Path]:
        if name not in self.interpreters():
            raise UnknownInterpreter(name)
        self.in_use[name] += 1
        try:
            yield self.directory / name
        finally:
            self.in_use[name] -= 1


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A shelf that could install one program, which waits."""
    (tmp_path / "shelf").mkdir()
    return Shelf(tmp_path / "shelf", {"wait": PROGRAM})


@pytest.fixture
def starter(warden: Warden, shelf: Shelf, tmp_path: Path) -> ProcessStarter:
    """A starter of that shelf's programs."""
    return ProcessStarter(warden, shelf, tmp_path / "scratch")


async def test_an_interpreter_is_in_use_as_long_as_its_process_lives(
    starter: ProcessStarter, shelf: Shelf, tmp_path: Path
) -> None:
    """From before the copy is made until nothing of the process is left, though it runs in the copy."""
    await starter.ensure("wait")
    with trio.fail_after(DEADLINE):
        async with starter.start(ORDER) as program:
            assert not isinstance(program, ChannelTalk)
            assert await program.commands() == [LogText(b"ready")]
            assert shelf.in_use["wait"] == 1
            async with starter.start(attrs.evolve(ORDER, rank=1)):
                assert shelf.in_use["wait"] == 2
            program.kill()
            assert (await program.wait()).signal == 9
            assert shelf.in_use["wait"] == 1
    assert shelf.in_use["wait"] == 0
    assert not any((tmp_path / "scratch").iterdir())


async def test_a_cancelled_start_leaves_nothing(
    starter: ProcessStarter, shelf: Shelf, tmp_path: Path
) -> None:
    """No process, no copy, and no use of the interpreter is left."""
    await starter.ensure("wait")
    with trio.fail_after(DEADLINE), trio.CancelScope() as scope:
        async with starter.start(ORDER) as program:
            assert not isinstance(program, ChannelTalk)
            assert await program.commands() == [LogText(b"ready")]
            scope.cancel()
            await program.commands()
    assert scope.cancelled_caught
    assert shelf.in_use["wait"] == 0
    assert not any((tmp_path / "scratch").iterdir())


async def test_what_could_be_installed_is_what_the_depot_says(starter: ProcessStarter, shelf: Shelf) -> None:
    """The starter offers it, installs it on request, and repeats why it cannot."""
    assert (starter.interpreters(), starter.installable()) == ((), ("wait",))
    with pytest.raises(UnknownInterpreter):
        async with starter.start(ORDER):
            pass
    await starter.ensure("wait")
    assert (starter.interpreters(), starter.installable()) == (("wait",), ())
    with pytest.raises(InstallFailed, match="the store has no other"):
        await starter.ensure("other")
