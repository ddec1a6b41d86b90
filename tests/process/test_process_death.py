"""Whatever dies, no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from process_harness import (
    SAY,
    TREE,
    TREE_SIZE,
    all_dead,
    are_dead,
    ended,
    handles,
    python,
    read_lines,
    run,
    spec,
)

import mpi_actors
from mpi_actors.errors import WardenLost
from mpi_actors.process import Exit, Warden


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV], ids=lambda s: s.name)
async def test_no_process_outlives_a_killed_daemon(number: signal.Signals) -> None:
    """A daemon that dies takes its warden process, its ranks and their escaped descendants with it."""
    daemon = await trio.lowlevel.open_process(
        [sys.executable, str(Path(__file__).with_name("standin_daemon.py")), TREE],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(mpi_actors.__file__).parents[1])},
    )
    assert daemon.stdout is not None
    try:
        pids = await read_lines(daemon.stdout, 2 * (TREE_SIZE + 1) + 1)
        pidfds = handles(pids)
    finally:
        daemon.send_signal(number)
        await daemon.wait()
    await all_dead(pidfds)
    await daemon.stdout.aclose()


@pytest.mark.parametrize("way", ["kill", "leader"])
async def test_a_ward_ends_with_its_descendants(warden: Warden, way: str) -> None:
    """However the leader ends, its descendants are dead when `wait` returns; other wards live."""
    other = await warden.spawn(python(TREE))
    others = handles(await read_lines(other.stdout, TREE_SIZE))
    process = await warden.spawn(python(TREE, "clear"))
    pidfds = handles(await read_lines(process.stdout, TREE_SIZE + 1))
    if way == "kill":
        process.kill()
    else:
        os.kill(process.pid, signal.SIGTERM)
    assert (await ended(process)).killed
    assert are_dead(pidfds)
    await all_dead(pidfds)
    for pidfd in others:
        signal.pidfd_send_signal(pidfd, 0)
    other.kill()
    await ended(other)
    await all_dead(others)


async def test_an_exit_code_survives_the_sweep(warden: Warden) -> None:
    """A leader that leaves children behind is reported with its own exit code."""
    code = "import os, signal, sys\nif os.fork() == 0: os.setsid(); signal.pause()\nsys.exit(7)"
    result, _, _ = await run(warden, python(code))
    assert result.code == 7


async def test_a_cancelled_warden_leaves_nothing() -> None:
    """When `run` is cancelled, all processes die before it returns, and `wait` returns for each."""
    async with trio.open_nursery() as nursery:
        warden = Warden()
        await nursery.start(warden.run)
        process = await warden.spawn(python(TREE, "clear"))
        pidfds = handles(await read_lines(process.stdout, TREE_SIZE + 1))
        nursery.cancel_scope.cancel()
    assert are_dead(pidfds)
    await all_dead(pidfds)
    assert await process.wait() == Exit(lost=True)
    process.kill()
    with pytest.raises(WardenLost):
        await warden.spawn(spec("true"))


async def test_a_killed_warden_process_loses_its_wards(warden: Warden) -> None:
    """When the warden process is killed, its wards and their marked descendants die; the next spawn works."""
    process = await warden.spawn(python(TREE))
    first = warden.pid
    assert first is not None
    pidfds = handles(await read_lines(process.stdout, TREE_SIZE))
    os.kill(first, signal.SIGKILL)
    result = await ended(process)
    assert result == Exit(lost=True)
    assert result.killed
    await all_dead(pidfds)
    assert (await run(warden, spec("echo", "again")))[1] == b"again\n"
    assert warden.pid != first


async def test_a_killed_warden_process_takes_unmarked_leaders_along(warden: Warden) -> None:
    """A ward that has cleared its environment dies with the warden process all the same."""
    process = await warden.spawn(spec("env", "-i", sys.executable, "-c", SAY))
    pidfds = handles(await read_lines(process.stdout, 1))
    assert warden.pid is not None
    os.kill(warden.pid, signal.SIGKILL)
    await all_dead(pidfds)
    assert (await ended(process)).lost


async def test_a_warden_process_killed_during_a_spawn(warden: Warden, nursery: trio.Nursery) -> None:
    """A spawn that the warden process cannot answer any more raises WardenLost."""
    await run(warden, spec("true"))
    warden_pid = warden.pid
    assert warden_pid is not None
    os.kill(warden_pid, signal.SIGSTOP)

    async def kill_warden_process() -> None:
        await trio.testing.wait_all_tasks_blocked(0.05)
        os.kill(warden_pid, signal.SIGKILL)

    nursery.start_soon(kill_warden_process)
    with pytest.raises(WardenLost):
        await warden.spawn(spec("true"))
    assert (await run(warden, spec("true")))[0].ok


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
async def test_the_warden_process_ignores_polite_signals(warden: Warden, number: signal.Signals) -> None:
    """Signals that a terminal or a service manager sends to a whole group do not end the warden process."""
    await run(warden, spec("true"))
    warden_pid = warden.pid
    assert warden_pid is not None
    os.kill(warden_pid, number)
    assert (await run(warden, spec("true")))[0].ok
    assert warden.pid == warden_pid
