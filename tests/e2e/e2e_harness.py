"""Looking at processes from outside, and running `run` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

EXAMPLES = Path(__file__).parents[2] / "example"
DEADLINE = 600.0
"""Seconds after which a test counts as hung, on however slow a machine."""

RUN = """if True:
    import json, pathlib, sys
    from mpi_actors.cli.arguments.run import RunArguments
    from mpi_actors.cli.run.launch import run
    options = json.loads(sys.argv[1])
    for name in ("events", "store"):
        options[name] = options.get(name) and pathlib.Path(options[name])
    sys.exit(run(RunArguments(**{**options, "args": tuple(options.get("args", ()))})))
"""


def processes_of(place: Path) -> dict[int, str]:
    """Processes that name a path below `place` on their command lines, or work there; wardens of these."""
    found: dict[int, str] = {}
    wardens: dict[int, tuple[str, str]] = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            cwd = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue  # gone, or not ours
        if cwd.startswith(str(place)) or any(str(place) in arg for arg in argv):
            found[pid] = " ".join(argv)
        elif any(arg.endswith("warden_main.py") for arg in argv):
            wardens[pid] = (argv[-3], " ".join(argv))
    for pid, (daemon, line) in wardens.items():
        if daemon.isdigit() and int(daemon) in found:
            found[pid] = line
    return found


@contextmanager
def leaves_nothing(place: Path) -> Iterator[None]:
    """What is done inside leaves no process that has to do with `place`, no file in it, no descriptor."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert processes_of(place) == {}
    assert list(place.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) <= before


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something in /proc, which tells nobody when it changes."""
    with trio.fail_after(DEADLINE):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await trio.sleep(0.02)


def run_command(**options: Any) -> list[str]:
    """The command of a process that calls `run` with these options."""
    return [sys.executable, "-c", RUN, json.dumps(options)]


def environment(temporary: Path) -> dict[str, str]:
    """Ours, with another place for temporary files."""
    return {**os.environ, "TMPDIR": str(temporary)}


def run(temporary: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Call `run` in a process of its own, to its end."""
    return subprocess.run(
        run_command(**options),
        env=environment(temporary), capture_output=True, text=True, check=False, timeout=DEADLINE,
    )  # fmt: skip
