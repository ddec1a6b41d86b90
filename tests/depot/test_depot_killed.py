"""The depot of a process that was killed with SIGKILL, and one on a disk that is really full."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from store_harness import DEADLINE, depot_of, interpreter, on_disk, remembered

from mpi_actors.depot.depot import FOLDER
from mpi_actors.process import Warden

HERE = Path(__file__).parent
STRIDE = 17


def run(directory: Path, store: Path, steps: int) -> subprocess.CompletedProcess[str]:
    """Let the victim work for this many steps."""
    command = [sys.executable, str(HERE / "depot_victim.py"), str(directory), str(store), str(steps)]
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE.parent / "support"), str(HERE)])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE
    )


async def test_killed_at_any_step(tmp_path: Path, store: Path, warden: Warden) -> None:
    """Wherever a process is killed, the next one offers exactly what is whole, and leaves nothing else."""
    for name, size in (("a", 300), ("b", 300), ("big", 600)):
        interpreter(store, name, "open('made', 'w').write('x')", size=size)
    deaths, steps = 0, 5
    while True:
        place = tmp_path / str(steps)
        result = run(place / "daemon", store, steps)
        depot = depot_of(place, store, warden, max_size=1000)
        await depot.prepare(fill=False)
        installed = remembered(place).installed
        assert on_disk(place) == sorted(installed) == list(depot.interpreters())
        for name in installed:
            files = sorted(path.name for path in (place / "daemon" / FOLDER / name).iterdir())
            assert files == ["data", "init.py", "made", "run.py"]
        if result.returncode == 0:
            break
        assert result.returncode == -9, result.stderr
        deaths += 1
        await depot.add("a")  # and all goes on
        steps += STRIDE
    assert result.stdout == "done\n"
    assert sorted(installed) == ["a", "b"]
    assert deaths > 3


FULL = """
import os, sys, trio
from pathlib import Path
from store_harness import Changes, on_disk, remembered
from depot_standins import MemorySource, Thing, quick_warden
from mpi_actors.errors import InstallFailed
from mpi_actors.depot.depot import Depot

async def main(directory):
    source = MemorySource({"a": Thing(300_000), "b": Thing(300_000), "c": Thing(900_000), "d": Thing(10)})
    depot = Depot(directory / "daemon", source, quick_warden(), on_change=Changes())
    await depot.prepare()
    print(*depot.interpreters())
    try:
        await depot.add("c")
    except InstallFailed as error:
        print(str(error).replace(str(directory), "DIR"))
    print(*on_disk(directory), *remembered(directory).failures)
    with open(directory / "filling", "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError as error:
            print(error.strerror)
    for name in ("a", "b"):
        await depot.delete(name)
    print(*on_disk(directory), *remembered(directory).installed)
    await depot.add("b")
    print(*depot.interpreters())

trio.run(main, Path(sys.argv[1]))
"""


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """What does not fit raises our error and leaves nothing; without any room, one can still delete."""
    mount = 'mount -t tmpfs -o size=1300k tmpfs "$1"'
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-e", "-c"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*alone, mount, "sh", str(tmp_path)], capture_output=True, check=False).returncode
    ):
        pytest.skip("this user cannot mount a small disk of its own")
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE.parent / "support"), str(HERE)])
    result = subprocess.run(
        [*alone, f'{mount}; exec "$2" -c "$3" "$1"', "sh", str(tmp_path), sys.executable, FULL],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    lines = result.stdout.splitlines()
    assert lines[0] == "a b d", result.stderr
    assert lines[1].startswith("cannot install c: the disk that holds DIR")
    assert lines[1].endswith("is full. Free some space there, then try again.")
    assert lines[2:] == ["a b d", "No space left on device", "d d", "b d"], result.stderr
