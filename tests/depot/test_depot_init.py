"""Running init.py: what it gets, what it may do, and what is left of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import trio
import trio.testing
from store_harness import DEADLINE, depot_of, detail, interpreter, on_disk, states

from mpi_actors.content.store import tree
from mpi_actors.errors import InstallFailed
from mpi_actors.process import Warden


async def test_init_runs_once_in_the_copy(
    tmp_path: Path, store: Path, warden: Warden, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that init.py makes beside itself are installed, those at home are not; the store stays."""
    code = """
import os, sys
assert sys.argv == ["init.py"] and sys.stdin.read() == ""
open("made", "a").write("x")
open(os.path.expanduser("~/temporary"), "w").write("x")
assert "SECRET" not in os.environ
"""
    interpreter(store, "a", code)
    monkeypatch.setenv("SECRET", "x")
    depot = depot_of(tmp_path, store, warden)
    await depot.prepare()
    assert states(depot) == {"a": "installed"}, detail(depot, "a")
    async with depot.using("a") as place:
        assert sorted(path.name for path in place.iterdir()) == ["init.py", "made", "run.py"]
        assert (place / "made").read_text() == "x"
    assert depot.listing()[0].size == len(code) + 1
    assert not (store / "a" / "made").exists()
    assert on_disk(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; sys.exit(3)", r"^init\.py ended: exit code 3$"),
        ("import os; os.write(1, b'1\\n'); os.write(2, b'two\\n'); os._exit(1)", r"exit code 1: (.|\n)*two"),
        ("import os; os.kill(os.getpid(), 11)", "crashed with SIGSEGV"),
        ("1 / 0", r"exit code 1: Traceback(.|\n)*ZeroDivisionError"),
        ("import os; os.write(1, b'\\x1b[2J\\xff'); os._exit(1)", "exit code 1: \ufffd\\[2J\ufffd$"),
        ("import os; os.remove('run.py')", r"^it has no run\.py$"),
        ("open('mpi-actors.toml', 'w').write('protocol = 1')", r'toml: protocol must be "stdio"'),
        ("import os; os.mkfifo('pipe')", "'pipe' is a device, pipe or socket"),
        ("[open(str(i), 'w') for i in range(200)]", "more than 100 files"),
    ],
)
async def test_init_fails(
    tmp_path: Path, store: Path, warden: Warden, code: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interpreter whose init.py fails, or leaves files that are refused, is not installed."""
    monkeypatch.setattr(tree, "MAX_ENTRIES", 100)
    interpreter(store, "bad", code)
    interpreter(store, "good", "#" * 1000)
    depot = depot_of(tmp_path, store, warden)
    await depot.prepare()
    assert states(depot) == {"bad": "failed", "good": "installed"}
    assert re.search(why, detail(depot, "bad"))
    with pytest.raises(InstallFailed, match="cannot install bad: "):
        await depot.add("bad")
    assert on_disk(tmp_path) == ["good"]


async def test_init_hangs(
    tmp_path: Path, store: Path, warden: Warden, mock_clock: trio.testing.MockClock
) -> None:
    """An init.py that does not end is killed with its children; its output is shown."""
    pids = tmp_path / "pids"
    os.mkfifo(pids)
    code = f"""
import os, signal
child = os.fork()
if child:
    print("still here")
    with open({str(pids)!r}, "w") as file: file.write(f"{{os.getpid()}} {{child}}")
signal.pause()
"""
    interpreter(store, "a", code)
    depot = depot_of(tmp_path, store, warden, init_timeout=1.5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(depot.prepare)
        text = await trio.to_thread.run_sync(pids.read_text)
        await trio.testing.wait_all_tasks_blocked(0.01)
        mock_clock.jump(1.4)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert all(alive(int(pid)) for pid in text.split())
        mock_clock.jump(0.2)
    assert detail(depot, "a") == "init.py did not end within 1.5 s: still here"
    assert not any(alive(int(pid)) for pid in text.split())
    assert on_disk(tmp_path) == []


async def test_init_prints_endlessly(tmp_path: Path, store: Path, warden: Warden) -> None:
    """An init.py that floods its output is killed long before its time, and little of it is kept."""
    interpreter(store, "a", "import os\nwhile True: os.write(2, b'x' * 65536)")
    depot = depot_of(tmp_path, store, warden, init_output_limit=1_000_000)
    with trio.fail_after(DEADLINE):
        await depot.prepare()
    assert detail(depot, "a").startswith("init.py wrote more than 1000000 bytes: xxx")
    assert len(detail(depot, "a")) < 5000


async def test_output_up_to_the_limit(tmp_path: Path, store: Path, warden: Warden) -> None:
    """Output up to the limit does no harm, on either stream."""
    interpreter(store, "a", "import os; os.write(1, b'x' * 50); os.write(2, b'x' * 50)")
    depot = depot_of(tmp_path, store, warden, init_output_limit=100)
    await depot.prepare()
    assert states(depot) == {"a": "installed"}, detail(depot, "a")


async def test_init_leaves_a_child(tmp_path: Path, store: Path, warden: Warden) -> None:
    """A child that stays in a session of its own is ended; the installation succeeds."""
    pid = tmp_path / "pid"
    code = f"""
import os, signal
ready, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    open({str(pid)!r}, "w").write(str(os.getpid()))
    os.write(tell, b"x")
    signal.pause()
os.read(ready, 1)
"""
    interpreter(store, "a", code)
    depot = depot_of(tmp_path, store, warden)
    await depot.prepare()
    assert states(depot) == {"a": "installed"}, detail(depot, "a")
    assert not alive(int(pid.read_text()))


async def test_init_writes_too_large_a_file(tmp_path: Path, store: Path, warden: Warden) -> None:
    """No file may become larger than all interpreters together may be."""
    interpreter(store, "a", "open('data', 'wb').truncate(20_001)")
    depot = depot_of(tmp_path, store, warden, max_size=20_000)
    await depot.prepare()
    assert "File too large" in detail(depot, "a")


async def test_init_outgrows_the_quota(tmp_path: Path, store: Path, warden: Warden) -> None:
    """Files that init.py makes count: an interpreter that becomes too large is not installed."""
    code = "for name in 'ab': open(name, 'wb').write(b'x' * 800)"
    interpreter(store, "a", code)
    depot = depot_of(tmp_path, store, warden, max_size=1000)
    await depot.prepare()
    needs = 1600 + len(code)
    allowed = "and 1000 are allowed for all. Raise the limit."
    assert detail(depot, "a") == f"it needs {needs} bytes after init.py ran, {allowed}"
    assert on_disk(tmp_path) == []


async def test_a_deep_directory(tmp_path: Path, store: Path, warden: Warden) -> None:
    """An init.py that makes directories deeper than Python can recurse does no harm."""
    code = "import os\nfor _ in range(1500): os.mkdir('directory'); os.chdir('directory')"
    interpreter(store, "a", code)
    depot = depot_of(tmp_path, store, warden)
    await depot.prepare()
    assert "directories inside one another" in detail(depot, "a")
    assert on_disk(tmp_path) == []


async def test_cancelled_while_init_runs(tmp_path: Path, store: Path, warden: Warden) -> None:
    """A cancelled installation ends its init.py and leaves nothing; the next one starts afresh."""
    started = tmp_path / "started"
    os.mkfifo(started)
    code = f"""
import os, signal
if os.path.exists({str(started)!r}):
    with open({str(started)!r}, "w") as file: file.write(str(os.getpid()))
    signal.pause()
"""
    interpreter(store, "a", code)
    depot = depot_of(tmp_path, store, warden)
    with trio.fail_after(DEADLINE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(depot.prepare)
            pid = int(await trio.to_thread.run_sync(started.read_text))
            assert states(depot) == {"a": "installing"}
            nursery.cancel_scope.cancel()
    assert not alive(pid)
    assert on_disk(tmp_path) == []
    assert states(depot) == {"a": "available"}
    started.unlink()
    assert await depot.add("a")
    assert on_disk(tmp_path) == ["a"]


async def test_no_warden(tmp_path: Path, store: Path) -> None:
    """Without a running warden, nothing is installed, and the error says so."""
    interpreter(store, "a")
    depot = depot_of(tmp_path, store, Warden())
    await depot.prepare()
    assert detail(depot, "a") == "the warden is not running"
    assert on_disk(tmp_path) == []


async def test_the_warden_dies(tmp_path: Path, store: Path, warden: Warden) -> None:
    """The loss of the warden fails the installation that runs, and no other."""
    once = tmp_path / "once"
    code = f"""
import os, signal
if not os.path.exists({str(once)!r}):
    open({str(once)!r}, "w").close()
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()
"""
    interpreter(store, "a", code)
    depot = depot_of(tmp_path, store, warden)
    with trio.fail_after(DEADLINE):
        await depot.prepare()
        assert detail(depot, "a") == "init.py ended: lost with its warden"
        assert await depot.add("a")


def alive(pid: int) -> bool:
    """Whether a process with that id exists."""
    return os.path.exists(f"/proc/{pid}")
