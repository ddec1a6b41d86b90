"""Pools of real daemons: what `LocalPool` promises."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
import trio

import mpi_actors
from mpi_actors.errors import (
    BadStore,
    DaemonEnded,
    DialFailed,
    InstallFailed,
    UnknownInterpreter,
    UnknownPeer,
    UsageError,
)
from mpi_actors.events import JobFinished, JobStarted
from mpi_actors.pool.local.pool import open_local_pool

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[3] / "example"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which pools make theirs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_the_life_of_a_pool(temporary: Path) -> None:
    """Jobs, status, questions and errors; one peer more, one less; at the end nothing is left."""
    descriptors = len(os.listdir("/proc/self/fd"))
    with trio.fail_after(600):
        async with open_local_pool(EXAMPLES, peers=2) as pool:
            job = await pool.start("echo", 2, "hi", "there")
            result = await job.wait()
            assert (result.ok, result.exit_code, result.output) == (True, 0, ("hi there",))
            events = [seen.event async for seen in job.events()]
            assert isinstance(events[0], JobStarted)
            assert isinstance(events[-1], JobFinished)
            assert [line.text for line in (await job.logs()).lines if line.stream == "log"] == ["hi there"]
            assert "is over" in (await job.why())[0]

            status = await pool.peers[0].status()
            assert status.pid == pool.peers[0].pid
            assert [peer.peer for peer in status.peers] == [pool.peers[1].id]
            assert "echo" in status.interpreters
            assert (status.protocol_errors, status.running) == ({}, 0)
            assert status.tasks > 10

            with pytest.raises(UnknownInterpreter):
                await pool.start("nonsense", 1)
            with pytest.raises(InstallFailed, match="refuses every peer"):
                await pool.start("failing", 1)
            with pytest.raises(UsageError):
                await pool.start("echo", 0)
            with pytest.raises(UnknownPeer):
                await pool.kill(2)
            with pytest.raises(UnknownPeer):
                await pool.cut(0, 2)

            endless = await pool.start("round_echo", 2, "100000", "0.05")
            assert len(await endless.why()) == 2
            endless.kill("enough")
            result = await endless.wait()
            assert not result.ok
            assert "enough" in result.reason

            new = await pool.add()
            assert set(new.sees) == {pool.peers[0].id, pool.peers[1].id}
            await pool.kill(1)
            await pool.settle()
            with pytest.raises(DaemonEnded, match="killed by SIGKILL"):
                await pool.peers[1].status()
            assert (await (await pool.start("echo", 2, "again")).wait()).output == ("again",)
    assert os.listdir(temporary) == []
    assert len(os.listdir("/proc/self/fd")) <= descriptors


async def test_losing_the_coordinator_is_told(temporary: Path) -> None:
    """`wait` returns when the job's coordinator is killed, and a dead peer starts no more jobs."""
    with trio.fail_after(600):
        async with mpi_actors.open_pool(peers=1, store=EXAMPLES / "round_echo") as pool:
            job = await pool.start("round_echo", 2, "100000", "0.05")
            await pool.kill(0)
            result = await job.wait()
            assert not result.ok
            assert "its coordinator, peer 0 has ended: killed by SIGKILL" in result.reason
            with pytest.raises(DaemonEnded):
                await pool.start("round_echo", 1)
    assert os.listdir(temporary) == []


async def test_what_cannot_be_opened_is_said(temporary: Path) -> None:
    """A store that does not exist raises the daemon's own error, and leaves nothing."""
    with trio.fail_after(600), pytest.raises(BadStore, match="there is no"):
        async with open_local_pool(temporary / "nothing", peers=1):
            raise AssertionError("it opened")
    assert os.listdir(temporary) == []


async def test_an_error_inside_comes_out_as_it_is(temporary: Path) -> None:
    """The caller's own exception is in no group; frozen daemons and running jobs do not delay the end."""

    async def fail() -> None:
        async with open_local_pool(EXAMPLES / "round_echo", peers=1) as pool:
            await pool.start("round_echo", 2, "100000", "0.05")
            await pool.freeze(0)
            raise ZeroDivisionError

    with trio.fail_after(600), pytest.raises(ZeroDivisionError):
        await fail()
    assert os.listdir(temporary) == []


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.5])
async def test_cancelled_while_it_opens(temporary: Path, seconds: float) -> None:
    """A pool that is cancelled before it is open leaves nothing."""
    with trio.move_on_after(seconds):
        async with open_local_pool(EXAMPLES / "echo", peers=2):
            await trio.sleep_forever()
    assert os.listdir(temporary) == []


async def test_connect_raises_what_the_daemon_raises(temporary: Path) -> None:
    """An error of the daemon keeps its class on the way to the launcher."""
    from mpi_actors.wire.control import Connect

    with trio.fail_after(600):
        async with open_local_pool(EXAMPLES / "echo", peers=1) as pool:
            peer = pool.peers[0]
            with pytest.raises(DialFailed):
                await peer.ask(Connect(address="/ip4/127.0.0.1/tcp/1"))
