"""Installing, using, deleting and taking up interpreters, with real programs."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
import trio
from store_harness import (
    DEADLINE,
    EXAMPLES,
    Changes,
    Clock,
    depot_of,
    detail,
    interpreter,
    on_disk,
    remembered,
    states,
    write,
)

from mpi_actors.depot.depot import FOLDER, Depot
from mpi_actors.depot.sources.directory import DirectoryStore, single
from mpi_actors.errors import DepotUnusable, InstallFailed, InterpreterInUse, UnknownInterpreter
from mpi_actors.ids import JobId
from mpi_actors.process import Warden
from mpi_actors.programs.processes import ProcessStarter
from mpi_actors.programs.program import ChannelTalk, Order
from mpi_actors.wire.stdio import LogText


async def test_the_examples_install(tmp_path: Path, warden: Warden) -> None:
    """All examples but the one that refuses are offered; for that one, its own words are shown."""
    changed = Changes()
    depot = depot_of(tmp_path, EXAMPLES, warden, changed=changed)
    await depot.prepare()
    names = DirectoryStore(EXAMPLES).names()
    offered = tuple(name for name in names if name != "failing")
    assert depot.interpreters() == offered
    assert changed.count >= len(offered)
    assert states(depot) == {name: "failed" if name == "failing" else "installed" for name in names}
    assert detail(depot, "failing") == (
        "init.py ended: exit code 1: failing: this interpreter refuses every peer, on purpose"
    )
    assert on_disk(tmp_path) == list(offered)


async def test_a_launcher_runs_what_is_installed(tmp_path: Path, warden: Warden) -> None:
    """An installed interpreter runs as a rank."""
    depot = depot_of(tmp_path, single(EXAMPLES / "dummy"), warden)
    await depot.prepare()
    starter = ProcessStarter(warden, depot, tmp_path / "scratch")
    order = Order(job=JobId("0" * 16), rank=0, incarnation=0, size=1, program="dummy")
    with trio.fail_after(DEADLINE):
        async with starter.start(order) as program:
            assert not isinstance(program, ChannelTalk)
            (command,) = await program.commands()
            assert isinstance(command, LogText)
            assert (await program.wait()).ok


async def test_add_twice(tmp_path: Path, store: Path, warden: Warden) -> None:
    """To add what is installed does nothing and says so, even if both adds run at once."""
    interpreter(store, "a")
    changed = Changes()
    depot = depot_of(tmp_path, store, warden, changed=changed)
    await depot.prepare()
    await depot.delete("a")
    results: list[bool] = []

    async def add() -> None:
        results.append(await depot.add("a"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(add)
        nursery.start_soon(add)
    assert sorted(results) == [False, True]
    assert changed.count >= 3


async def test_add_what_is_not_there(tmp_path: Path, store: Path, warden: Warden) -> None:
    """An error names what the store has instead; without a store, it says so."""
    interpreter(store, "a")
    depot = depot_of(tmp_path, store, warden)
    await depot.prepare()
    for name in ("b", "", "..", "../store/a", "a\0"):
        with pytest.raises(InstallFailed, match="the store has a"):
            await depot.add(name)
    with pytest.raises(InstallFailed, match="there is no store"):
        await depot_of(tmp_path, None, warden).add("a")


async def test_using(tmp_path: Path, store: Path, warden: Warden) -> None:
    """What is in use is counted, and not deleted until nobody uses it."""
    interpreter(store, "a", run="1")
    depot = depot_of(tmp_path, store, warden)
    await depot.prepare()
    async with depot.using("a") as place, depot.using("a") as same:
        assert (place / "run.py").read_text() == "1"
        assert place == same
        assert [entry.in_use for entry in depot.listing()] == [2]
        with pytest.raises(InterpreterInUse, match="a is in use"):
            await depot.delete("a")
    with pytest.raises(KeyError, match="x"):
        async with depot.using("a"):
            raise KeyError("x")
    assert [entry.in_use for entry in depot.listing()] == [0]
    await depot.delete("a")


async def test_delete(tmp_path: Path, store: Path, warden: Warden) -> None:
    """What is deleted is gone from the disk at once, not offered any more, and can be added again."""
    interpreter(store, "a")
    interpreter(store, "b")
    changed = Changes()
    depot = depot_of(tmp_path, store, warden, changed=changed)
    await depot.prepare()
    changed.count = 0
    await depot.delete("a")
    assert (depot.interpreters(), on_disk(tmp_path)) == (("b",), ["b"])
    assert changed.count
    changed.count = 0
    assert states(depot) == {"a": "available", "b": "installed"}
    for act in (depot.delete("a"), enter(depot, "a"), depot.delete("../b")):
        with pytest.raises(UnknownInterpreter, match="Installed: b"):
            await act
    assert await depot.add("a")
    assert (depot.interpreters(), on_disk(tmp_path)) == (("a", "b"), ["a", "b"])
    assert changed.count


async def test_delete_while_another_is_installed(tmp_path: Path, store: Path, warden: Warden) -> None:
    """A deletion does not wait for an init.py that runs, and does not disturb it."""
    started, go_on = tmp_path / "started", tmp_path / "go on"
    os.mkfifo(started)
    os.mkfifo(go_on)
    interpreter(store, "a")
    interpreter(store, "slow", f"open({str(started)!r}, 'w').close(); open({str(go_on)!r}).close()")
    depot = depot_of(tmp_path, store, warden)
    with trio.fail_after(DEADLINE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(depot.prepare)
            await trio.to_thread.run_sync(started.read_text)
            assert depot.interpreters() == ("a",)
            await depot.delete("a")
            assert depot.interpreters() == ()
            await trio.to_thread.run_sync(go_on.write_text, "")
    assert depot.interpreters() == ("slow",)
    assert on_disk(tmp_path) == ["slow"]


async def test_a_delete_that_fails(tmp_path: Path, store: Path, warden: Warden) -> None:
    """When the disk refuses a deletion, the interpreter stays, and the error says why."""
    interpreter(store, "a")
    depot = depot_of(tmp_path, store, warden)
    await depot.prepare()
    await depot.pin("a")
    folder = tmp_path / "daemon" / FOLDER
    folder.rename(tmp_path / "away")
    folder.write_text("")
    with pytest.raises(DepotUnusable, match=r"cannot delete a: .*Not a directory"):
        await depot.delete("a")
    records = remembered(tmp_path)
    assert (set(records.installed), set(records.pinned), set(records.unwanted)) == ({"a"}, {"a"}, set())
    assert depot.interpreters() == ("a",)
    folder.unlink()
    (tmp_path / "away").rename(folder)
    await depot.delete("a")
    assert on_disk(tmp_path) == []


async def test_quota(tmp_path: Path, store: Path, warden: Warden) -> None:
    """The smallest are installed while there is room; a person's choice displaces the least recently used."""
    for name, size in (("a", 600), ("b", 300), ("c", 100), ("d", 601)):
        interpreter(store, name, size=size)
    depot = depot_of(tmp_path, store, warden, max_size=1000)
    await depot.prepare()
    assert depot.interpreters() == ("a", "b", "c")
    assert (states(depot)["d"], detail(depot, "d"), depot.could_install()) == ("available", "", ("d",))
    async with depot.using("a"):
        await depot.pin("b")
        assert depot.could_install() == ()
        holders = r"of which 900 must stay: a \(in use\), b \(pinned\)"
        words = f"it needs 601 bytes, and 1000 are allowed for all, {holders}"
        assert re.match(words, detail(depot, "d"))
        with pytest.raises(InstallFailed, match=f"cannot install d: {words}"):
            await depot.add("d")
    assert states(depot)["d"] == "available"
    assert await depot.add("d")
    assert on_disk(tmp_path) == ["b", "d"]


async def test_one_that_fails_takes_no_room(tmp_path: Path, store: Path, warden: Warden) -> None:
    """The room of an interpreter that failed goes to the next ones."""
    interpreter(store, "a", "import sys; sys.exit(1)", size=500)
    interpreter(store, "b", size=600)
    depot = depot_of(tmp_path, store, warden, max_size=1000)
    await depot.prepare()
    assert states(depot) == {"a": "failed", "b": "installed"}


async def test_the_next_start(tmp_path: Path, store: Path, warden: Warden) -> None:
    """What is installed is taken up without another init.py, even without a store; leftovers are removed."""
    runs = tmp_path / "runs"
    interpreter(store, "a", f"open({str(runs)!r}, 'a').write('x')")
    await depot_of(tmp_path, store, warden).prepare()
    folder = tmp_path / "daemon" / FOLDER
    write(folder / ".new-0123" / "program", {"run.py": ""})
    write(folder / ".old-0123" / "0", {"run.py": ""})
    write(folder / "unrecorded", {"init.py": "", "run.py": ""})
    write(folder, {".installed.json": "{}"})  # of an earlier release
    changed = Changes()
    depot = depot_of(tmp_path, store, warden, changed=changed)
    await depot.prepare()
    assert (depot.interpreters(), on_disk(tmp_path)) == (("a",), ["a"])
    assert changed.count
    depot = depot_of(tmp_path, None, warden)
    await depot.prepare()
    assert states(depot) == {"a": "installed"}
    assert runs.read_text() == "x"


async def test_another_store_at_the_next_start(tmp_path: Path, store: Path, warden: Warden) -> None:
    """Interpreters that the new store lacks, or has in another version, are not offered."""
    for name in ("changed", "gone", "same", "worse"):
        interpreter(store, name, run="1")
    await depot_of(tmp_path, store, warden).prepare()
    shutil.rmtree(store / "gone")
    (store / "changed" / "run.py").write_text("2")
    (store / "worse" / "init.py").write_text("1 / 0")
    depot = depot_of(tmp_path, store, warden)
    await depot.prepare()
    assert states(depot) == {"changed": "installed", "same": "installed", "worse": "failed"}
    assert on_disk(tmp_path) == ["changed", "same"]
    async with depot.using("changed") as place:
        assert (place / "run.py").read_text() == "2"


@pytest.mark.parametrize("damage", ["file", "directory", "database"])
async def test_damage_is_repaired(tmp_path: Path, store: Path, warden: Warden, damage: str) -> None:
    """An interpreter that lost files, was cut or is not recorded any more is installed again."""
    interpreter(store, "a", run="1")
    await depot_of(tmp_path, store, warden).prepare()
    folder = tmp_path / "daemon" / FOLDER
    match damage:
        case "file":
            (folder / "a" / "run.py").write_text("")
        case "directory":
            shutil.rmtree(folder / "a")
        case "database":
            (folder.parent / "store.db").unlink()
    depot = depot_of(tmp_path, store, warden)
    await depot.prepare()
    async with depot.using("a") as place:
        assert (place / "run.py").read_text() == "1"
    assert on_disk(tmp_path) == ["a"]


async def test_a_smaller_quota_at_the_next_start(
    tmp_path: Path, store: Path, warden: Warden, caplog: pytest.LogCaptureFixture
) -> None:
    """After the quota has shrunk, the least recently used go; pinned ones stay."""
    for name, size in (("a", 500), ("b", 300), ("c", 100)):
        interpreter(store, name, size=size)
    clock = Clock()
    depot = depot_of(tmp_path, store, warden, clock=clock)
    await depot.prepare()
    for name in ("b", "c", "a"):
        clock.now += 1000
        await enter(depot, name)
    depot = depot_of(tmp_path, store, warden, max_size=650, clock=clock)
    await depot.prepare(fill=False)
    assert states(depot) == {"a": "installed", "b": "available", "c": "installed"}
    await depot.pin("a")
    depot = depot_of(tmp_path, store, warden, max_size=450, clock=clock)
    await depot.prepare()
    assert on_disk(tmp_path) == ["a"]
    assert "50 bytes more than allowed are installed, and stay: a" in caplog.text


async def test_a_directory_that_cannot_be_made(tmp_path: Path, store: Path, warden: Warden) -> None:
    """A daemon's directory that cannot be used is an error."""
    (tmp_path / "daemon").write_text("")
    with pytest.raises(DepotUnusable, match="Not a directory"):
        await depot_of(tmp_path, store, warden).prepare()


async def test_the_store_changes_meanwhile(tmp_path: Path, store: Path, warden: Warden) -> None:
    """An interpreter that changed since the store was opened is not installed."""
    interpreter(store, "a", run="1")
    source = DirectoryStore(store)
    (store / "a" / "run.py").write_text("2")
    depot = depot_of(tmp_path, source, warden)
    await depot.prepare()
    assert "has changed since the store was opened" in detail(depot, "a")
    assert on_disk(tmp_path) == []


@pytest.mark.parametrize("checkpoints", range(22))
async def test_cancelled_anywhere(tmp_path: Path, store: Path, warden: Warden, checkpoints: int) -> None:
    """Wherever an installation is cancelled, the disk, the records and the offer agree."""
    interpreter(store, "a")
    await depot_of(tmp_path, None, warden).prepare()
    depot = depot_of(tmp_path, store, warden)
    await depot.prepare(fill=False)
    with trio.fail_after(DEADLINE), trio.CancelScope() as scope:
        scheduled = CancelAfter(scope, checkpoints)
        trio.lowlevel.add_instrument(scheduled)
        try:
            await depot.add("a")
        finally:
            trio.lowlevel.remove_instrument(scheduled)
    assert list(depot.interpreters()) == on_disk(tmp_path)
    again = depot_of(tmp_path, None, warden)
    await again.prepare()
    assert again.interpreters() == depot.interpreters()
    assert await depot.add("a") == (not again.interpreters())


class CancelAfter(trio.abc.Instrument):
    """Cancels a scope when the current task has been scheduled a number of times."""

    def __init__(self, scope: trio.CancelScope, times: int) -> None:
        self._scope = scope
        self._task = trio.lowlevel.current_task()
        self._left = times

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        """Count; trio calls this."""
        if task is self._task:
            self._left -= 1
            if self._left < 0:
                self._scope.cancel()


async def enter(depot: Depot, name: str) -> None:
    """Use an interpreter for no time."""
    async with depot.using(name):
        pass
