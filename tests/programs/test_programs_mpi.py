"""Programs that speak MPI, as processes: what the starter gives them, their output, their end."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio
from process_harness import DEADLINE, python, read_all

from mpi_actors.errors import BadManifest, UnknownInterpreter
from mpi_actors.ids import JobId
from mpi_actors.process import Warden
from mpi_actors.process.warden import CHANNEL
from mpi_actors.programs.command import SHIM, mpi_spec
from mpi_actors.programs.processes import ProcessStarter
from mpi_actors.programs.program import ChannelTalk, Order
from mpi_actors.wire.channel import ChannelKind, ChannelMessage
from mpi_actors.wire.script import ScriptProgram

ORDER = Order(job=JobId("a" * 16), rank=0, incarnation=2, size=3, program="script")
HAND_RANK = str(Path(__file__).parent.parent / "support" / "hand_rank.py")


class Empty:
    """A depot without interpreters, but perhaps the directory of one."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory

    def interpreters(self) -> tuple[str, ...]:
        return ("kept",) if self._directory else ()

    def could_install(self) -> tuple[str, ...]:
        return ()

    async def ensure(self, name: str) -> None:
        raise UnknownInterpreter(name)

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[Path]:
        assert self._directory is not None
        yield self._directory


def without_boot(directory: Path) -> str:
    """A Python for scripts that runs them as they are, without booting the rank library."""
    path = directory / "python"
    path.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} "$@"\n')
    path.chmod(0o700)
    return str(path)


@asynccontextmanager
async def started(
    warden: Warden, directory: Path, *args: str, stdin: bytes | None = None, order: Order = ORDER
) -> AsyncIterator[ChannelTalk]:
    """A hand-made rank as a script, in that directory."""
    script = ScriptProgram(
        name="script", argv=(HAND_RANK, *args), cwd=str(directory), python=without_boot(directory),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "/mine", "EXTRA": "yes"}, umask=0o027,
    )  # fmt: skip

    async def given() -> AsyncIterator[bytes]:
        assert stdin is not None
        yield stdin

    inputs = {} if stdin is None else {"script": given}
    starter = ProcessStarter(warden, Empty(), directory, scripts={"script": script}, inputs=inputs)
    with trio.fail_after(DEADLINE):
        async with starter.start(order) as program:
            assert isinstance(program, ChannelTalk)
            yield program


@attrs.define
class Output:
    """What a program writes, read by tasks."""

    program: ChannelTalk
    lines: list[bytes] = attrs.field(factory=list)
    errors: bytes = b""

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.program.feed)
            nursery.start_soon(self.program.channel.write)
            nursery.start_soon(self._read_errors)
            while lines := await self.program.lines():
                self.lines += lines
            nursery.cancel_scope.cancel()

    async def _read_errors(self) -> None:
        while text := await self.program.errors():
            self.errors += text


async def ended(program: ChannelTalk) -> ChannelMessage:
    """Wait until the program says that it has ended."""
    (message,) = await program.channel.receive()
    assert message.kind is ChannelKind.ENDED
    return message


async def test_a_program_is_given_a_channel(warden: Warden) -> None:
    """The channel is one more descriptor, and the only one; it works both ways."""
    say = f"import os, socket; s = socket.socket(fileno={CHANNEL}); s.send(s.recv(9))"
    process = await warden.spawn(python(f"{say}; print(os.listdir('/proc/self/fd'))"), channel=True)
    assert process.channel is not None
    with trio.fail_after(DEADLINE):
        process.channel.send(b"both ways")
        await trio.lowlevel.wait_readable(process.channel)
        assert process.channel.recv(100) == b"both ways"
        assert eval(await read_all(process.stdout)) == ["0", "1", "2", "3", "4"]
        assert (await process.wait()).ok
    process.close()
    assert process.channel.fileno() == -1


async def test_many_programs_have_channels_of_their_own(warden: Warden) -> None:
    """Also when they start together with programs that have none."""
    say = f"import socket; socket.socket(fileno={CHANNEL}).send(str(__import__('os').getpid()).encode())"
    with trio.fail_after(DEADLINE):
        for _ in range(3):
            plain = await warden.spawn(python("print(1)"))
            process = await warden.spawn(python(say), channel=True)
            assert process.channel is not None
            await process.wait()
            assert process.channel.recv(100) == b"%d" % process.pid
            assert await read_all(plain.stdout) == b"1\n"
            process.close()
            plain.close()


async def test_what_a_script_is_given(warden: Warden, nursery: trio.Nursery, tmp_path: Path) -> None:
    """It gets its caller's directory, environment and umask, the shim before its own path, and who it is."""
    order = attrs.evolve(ORDER, args=("a b", "c"))
    async with started(warden, tmp_path, "about", "first", order=order) as program:
        output = Output(program)
        nursery.start_soon(output.run)
        await ended(program)
        await program.settle()
        said = dict(line.decode().rstrip("\n").partition(" ")[::2] for line in output.lines)
        assert said["MPI_ACTORS_CHANNEL"] == str(CHANNEL)
        assert said["MPI_ACTORS_SEED"] == said["PYTHONHASHSEED"] == str(order.seed)
        assert [said[f"MPI_ACTORS_{name}"] for name in ("JOB", "RANK", "SIZE", "INCARNATION")] == [
            "a" * 16, "0", "3", "2",
        ]  # fmt: skip
        assert said["PYTHONPATH"] == f"{SHIM}:/mine"
        assert (said["HOME"], said["EXTRA"]) == ("None", "yes")
        assert (said["args"], said["cwd"], said["umask"]) == ("first a b c", str(tmp_path), "0o27")
        assert said["open"] == "0 1 2 3"
        program.channel.post(ChannelMessage(ChannelKind.RELEASE))
        assert (await program.wait()).ok


async def test_input_and_output(warden: Warden, nursery: trio.Nursery, tmp_path: Path) -> None:
    """All of the input arrives; a last line without an end counts once the program has ended."""
    async with started(warden, tmp_path, "copy", stdin=b"one\ntwo\n" * 100_000) as program:
        output = Output(program)
        nursery.start_soon(output.run)
        await ended(program)
        await program.settle()
        assert b"".join(output.lines) == (b"one\ntwo\n" * 100_000)[:-1]
        assert output.errors == b"err two"


async def test_input_is_for_rank_0(warden: Warden, nursery: trio.Nursery, tmp_path: Path) -> None:
    """Other ranks read nothing."""
    order = attrs.evolve(ORDER, rank=1)
    async with started(warden, tmp_path, "copy", stdin=b"one\n", order=order) as program:
        output = Output(program)
        nursery.start_soon(output.run)
        assert (await program.wait()).code == 1, "there is no last line"


@pytest.mark.parametrize(("role", "lines"), [("half", [b"whole\n"]), ("silent", [b"whole\n", b"hal"])])
async def test_half_a_line_of_a_killed_program_is_dropped(
    warden: Warden, nursery: trio.Nursery, tmp_path: Path, role: str, lines: list[bytes]
) -> None:
    """Its next incarnation writes the whole line under the same number. When the program ends by itself it
    counts."""
    async with started(warden, tmp_path, role) as program:
        output = Output(program)
        await output.run()
        assert output.lines == lines
        assert (await program.wait()).killed == (role == "half")


async def test_interpreters_say_that_they_speak_mpi(warden: Warden, tmp_path: Path) -> None:
    """Their manifest does. They run in a copy, with a clean environment, and the rank library boots them."""
    store = tmp_path / "store"
    store.mkdir()
    (store / "run.py").write_text("print('hello')")
    (store / "mpi-actors.toml").write_text('protocol = "mpi"')
    starter = ProcessStarter(warden, Empty(store), tmp_path / "scratch")
    order = attrs.evolve(ORDER, program="kept", size=1, incarnation=0, args=("x",))
    spec = mpi_spec(order, tmp_path, starter._limits)
    assert spec.argv[1:] == ("-m", "mpi_actors.mpi.boot", "run.py", "x")
    assert spec.env["PYTHONPATH"] == str(SHIM)
    assert spec.env["HOME"] == str(tmp_path / "home")
    with trio.fail_after(DEADLINE):
        async with starter.start(order) as program:
            assert isinstance(program, ChannelTalk)
            assert await program.lines() == [b"hello\n"]
        (store / "mpi-actors.toml").write_text('protocol = "smoke"')
        with pytest.raises(BadManifest):
            async with starter.start(order):
                pass
    assert list((tmp_path / "scratch").iterdir()) == []


def test_seeds_come_from_the_jobs_secret() -> None:
    """Nobody can guess them from a job's id; each rank of each job has its own, in each incarnation."""
    order = Order(job=JobId("0123456789abcdef"), rank=1, incarnation=0, size=4, program="p", secret=b"s" * 32)
    others = [
        attrs.evolve(order, rank=2),
        attrs.evolve(order, job=JobId("0123456789abcdee")),
        attrs.evolve(order, secret=b"t" * 32),
    ]
    assert attrs.evolve(order, incarnation=3).seed == order.seed
    assert len({each.seed for each in (order, *others)}) == 4
    assert all(0 <= each.seed < 2**32 for each in others)
