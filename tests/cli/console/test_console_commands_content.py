"""The console's commands on interpreters and content, on content in memory."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import trio
from console_content import ECHO, INTERPRETERS, ROOT, RUN, FakeBackend
from trio.testing import wait_all_tasks_blocked

from mpi_actors.cli.console.app import register_commands
from mpi_actors.cli.console.console import Console
from mpi_actors.cli.output.outbox import Outbox, OutputPiece
from mpi_actors.content.store.backend import TransferProgress
from mpi_actors.daemon.real import RealDaemon
from mpi_actors.depot.listing import InterpreterEntry
from mpi_actors.errors import InterpreterInUse, UnknownInterpreter
from mpi_actors.events import EventBus
from mpi_actors.ids import PeerId

register_commands()
PEER = PeerId("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")


class FakeDepot:
    """See `Depot`. It installs and removes nothing, and notes what it was asked for."""

    def __init__(self, entries: list[InterpreterEntry]) -> None:
        self.entries = entries
        self.trouble = ""
        self.done: list[str] = []

    def listing(self) -> list[InterpreterEntry]:
        return self.entries

    async def add(self, name: str) -> bool:
        self._note("add", name)
        return name != "echo"

    async def delete(self, name: str) -> None:
        if name == "busy":
            raise InterpreterInUse("busy is in use")
        self._note("del", name)

    async def pin(self, name: str) -> bool:
        new = f"pin {name}" not in self.done
        self._note("pin", name)
        return new

    async def unpin(self, name: str) -> bool:
        self._note("unpin", name)
        return f"pin {name}" in self.done

    async def collect(self) -> SimpleNamespace:
        return SimpleNamespace(interpreters=("old",))

    def _note(self, what: str, name: str) -> None:
        if name == "nothing":
            raise UnknownInterpreter(f"no interpreter {name!r} is installed here")
        self.done.append(f"{what} {name}")


class Scene:
    """A console on a fake daemon, and what the console said."""

    def __init__(self, backend: FakeBackend | None, *, quiet: bool = False) -> None:
        self.depot = FakeDepot(list(INTERPRETERS))
        self.source: object = None
        self._pieces: list[OutputPiece] = []
        prepared = trio.Event()
        prepared.set()
        transport = SimpleNamespace(addresses=("/ip4/192.0.2.1/tcp/1",))
        self.real = SimpleNamespace(
            depot=self.depot, backend=backend, prepared=prepared,
            content_lines=("embedded, since so", "root x"),
            daemon=SimpleNamespace(local=PEER, pool="ours", transport=transport, jobs={}),
            source=None, store_path="QmStore",
        )  # fmt: skip
        self.outbox = Outbox(EventBus())
        self.console = Console(cast(RealDaemon, self.real), self.outbox, quiet=quiet, interactive=False)

    async def write(self, pieces: list[OutputPiece]) -> None:
        """See `outbox.Write`."""
        await trio.lowlevel.checkpoint()
        self._pieces += pieces

    async def said(self) -> tuple[list[str], list[str]]:
        """Return the lines since the last call: those on standard output, and those on standard error."""
        await self.outbox.drained()
        pieces, self._pieces = self._pieces, []
        texts = ["".join(piece.text for piece in pieces if piece.error == error) for error in (False, True)]
        return texts[0].splitlines(), texts[1].splitlines()

    async def do(self, line: str) -> tuple[list[str], list[str]]:
        """Execute a line; return what the console said."""
        await self.console.execute(line)
        return await self.said()


@pytest.fixture
async def scene(nursery: trio.Nursery) -> Scene:
    """Return a console on a fake backend."""
    made = Scene(FakeBackend())
    nursery.start_soon(made.outbox.pump, made.write)
    return made


async def test_the_greeting_tells_which_backend_it_is(scene: Scene) -> None:
    """It also shows the store's root, as the daemon tells it."""
    scene.console.greet()
    out, err = await scene.said()
    assert err == []
    assert out[1:4] == ["pool ours, no store of interpreters", "embedded, since so", "root x"]
    for source, text in (
        (SimpleNamespace(opened=False), "its store is not opened yet"),
        (SimpleNamespace(opened=True, names=lambda: ("echo",)), "1 interpreter in the store"),
        (SimpleNamespace(opened=True, names=lambda: ("echo", "pi")), "2 interpreters in the store"),
    ):
        scene.real.source = source
        scene.console.greet()
        out, _ = await scene.said()
        assert out[1] == f"pool ours, {text}"


async def test_list(scene: Scene) -> None:
    """`list` shows interpreters, or a directory, or says why there are no interpreters."""
    out, err = await scene.do("list")
    assert err == []
    assert out[0].split() == ["name", "size", "state", "last", "use", "pinned", "in", "use"]
    assert [line.split()[0] for line in out[1:]] == ["echo", "words", "init.py", "no"]
    out, _ = await scene.do(f"list {ROOT}/echo")
    assert out[1].endswith("1.2 kB  run.py")
    scene.depot.entries = []
    assert await scene.do("list") == (["no interpreters: start this peer with -ipfs-store STORE"], [])
    scene.real.source = object()
    assert await scene.do("list") == (["no interpreters yet: the store is being opened"], [])
    scene.depot.trouble = "nobody has it"
    assert await scene.do("list") == (["no interpreters yet: nobody has it"], [])


async def test_names_and_content_are_told_apart(scene: Scene) -> None:
    """`pin` and `unpin` take both; an error in one does not keep them from doing the rest."""
    assert isinstance(scene.real.backend, FakeBackend)
    out, err = await scene.do(f"pin echo nothing {ROOT}/echo")
    assert out == ["pinned echo", f"pinned /ipfs/{ROOT}/echo"]
    assert err == ["error: no interpreter 'nothing' is installed here"]
    assert scene.real.backend.owners == {ECHO: {"person"}}
    out, err = await scene.do(f"unpin {ECHO} echo {ECHO}")
    assert out == [f"unpinned /ipfs/{ECHO}", "unpinned echo"]
    assert err == [f"error: /ipfs/{ECHO} is not pinned here"]
    assert scene.depot.done == ["pin echo", "unpin echo"]
    assert await scene.do("pin echo") == (["echo was pinned already"], [])
    assert await scene.do("unpin pi") == ([], ["error: pi is not pinned here"])


async def test_add_and_del(scene: Scene) -> None:
    """They say for each name what they did; an error in one does not keep them from doing the rest."""
    assert (await scene.do("add echo pi"))[0] == ["echo was installed already", "pi is installed"]
    assert await scene.do("del busy pi") == (["pi is removed"], ["error: busy is in use"])


async def test_gc(scene: Scene) -> None:
    """`gc` removes interpreters, then blocks if there is a backend."""
    assert await scene.do("gc") == (["removed the interpreter old", "removed 3 blocks, 786.4 kB"], [])
    scene.real.backend = None
    assert await scene.do("gc") == (["removed the interpreter old"], [])


async def test_publish_and_get(scene: Scene, tmp_path: Path) -> None:
    """They say what they did; `get` overwrites nothing."""
    out, err = await scene.do("publish store")
    assert err == []
    assert out[0] == f"added {RUN} store/echo/run.py"
    assert out[-1] == f"published store as {ROOT}"
    out, err = await scene.do(f"get {ROOT}/echo {tmp_path}")
    assert (out, err) == ([f"fetched /ipfs/{ROOT}/echo to {tmp_path}/echo"], [])
    assert (tmp_path / "echo").is_dir()
    out, [error] = await scene.do(f"get {ROOT}/echo {tmp_path}")
    assert out == []
    assert "exists already" in error


async def test_a_quiet_console_says_the_root_only(nursery: trio.Nursery) -> None:
    """The root is the answer to the command."""
    scene = Scene(FakeBackend(), quiet=True)
    nursery.start_soon(scene.outbox.pump, scene.write)
    assert await scene.do("publish store") == ([f"published store as {ROOT}"], [])
    assert await scene.do("pin echo") == ([], [])


@pytest.mark.parametrize(
    "line", ["publish store", f"get {ROOT} x", f"list {ROOT}", f"pin {ROOT}", f"unpin {ROOT}"]
)
async def test_without_a_backend_it_is_said_how_to_have_one(line: str, nursery: trio.Nursery) -> None:
    """A peer whose interpreters come from a directory has no backend; the error says how to get one."""
    scene = Scene(None)
    nursery.start_soon(scene.outbox.pump, scene.write)
    out, [error] = await scene.do(line)
    assert out == []
    assert "-ipfs-api embedded" in error


@pytest.mark.parametrize("line", ["publish stuck", "get {ROOT} {tmp}/stuck"])
async def test_an_interrupt_ends_what_takes_long(scene: Scene, line: str, tmp_path: Path) -> None:
    """The backend's call is cancelled, and the console goes on."""
    assert isinstance(scene.real.backend, FakeBackend)
    text = line.format(ROOT=ROOT, tmp=tmp_path)
    ended: list[bool] = []

    async def execute() -> None:
        ended.append(await scene.console.interruptible(partial(scene.console.execute, text)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(execute)
        await wait_all_tasks_blocked()
        assert scene.real.backend.busy == 1
        assert scene.console.interrupt()
    assert ended == [False]
    assert scene.real.backend.busy == 0
    assert (await scene.do("add pi"))[0] == ["pi is installed"]


async def test_list_does_not_wait_for_ever_and_others_do(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    """While interpreters are being installed, `list` shows them; the other commands wait for the end."""
    scene = Scene(FakeBackend())
    nursery.start_soon(scene.outbox.pump, scene.write)
    scene.real.prepared = trio.Event()
    scene.depot.entries = [InterpreterEntry("echo", 10, "installing")]
    out, _ = await scene.do("list")
    assert out[0].startswith("waiting for the interpreters")
    assert out[2].split() == ["echo", "10", "B", "installing"]
    nursery.start_soon(scene.console.execute, "add pi")
    await trio.sleep(1000)
    assert scene.depot.done == []
    scene.real.prepared.set()
    await trio.sleep(1)
    assert scene.depot.done == ["add pi"]


class SlowBackend(FakeBackend):
    """Takes a second for each megabyte."""

    async def _transfer(self, place: Path, on_progress: object) -> None:
        assert callable(on_progress)
        for done in range(13):
            on_progress(TransferProgress(done * 1_000_000, 12_000_000))
            await trio.sleep(1)


async def test_progress_is_a_line_now_and_then(nursery: trio.Nursery, autojump_clock: trio.abc.Clock) -> None:
    """There is no line for each piece, and no bar: it would disturb the prompt."""
    scene = Scene(SlowBackend())
    nursery.start_soon(scene.outbox.pump, scene.write)
    out, _ = await scene.do("publish store")
    assert [line for line in out if "%" in line] == [
        "publishing   41%  5 MB of 12 MB  1 MB/s  0:07 left",
        "publishing   83%  10 MB of 12 MB  1 MB/s  0:02 left",
    ]
