"""`chaos` on real daemons: what it shows, its exit codes, and that it leaves nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import trio
from e2e_harness import DEADLINE, EXAMPLES, environment, leaves_nothing, until

from mpi_actors.events import Log, RankLost, RankStarted
from mpi_actors.faults import FaultDriver, parse_plan
from mpi_actors.pool.local.pool import open_local_pool

pytestmark = pytest.mark.e2e

ROUNDS = ["-n", "3", "--peers", "2", str(EXAMPLES / "round_echo"), "30", "0.02"]
"""A job of a few seconds, with a line for each round and one more."""


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where pools put their directories."""
    place = tmp_path / "temporary"
    place.mkdir()
    return place


def command(*words: str) -> list[str]:
    """The command's own process."""
    return [sys.executable, "-m", "mpi_actors", "chaos", *words]


def chaos(temporary: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        command(*words), env=environment(temporary), capture_output=True, text=True, check=False,
        timeout=DEADLINE, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def objects(done: subprocess.CompletedProcess[str]) -> dict[str, list[dict[str, Any]]]:
    """What `--json` printed, by event."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in done.stdout.splitlines():
        each = json.loads(line)
        found.setdefault(each["event"], []).append(each)
    return found


def test_a_job_that_survives_its_losses_is_right(temporary: Path) -> None:
    """A plan with several faults; all that happens is told, with times."""
    plan = (
        "kill 2 at line 3; drop lane 0-1 at line 8; slow 0-1 by 20ms for 1s at line 9; kill peer 1 at line 12"
    )
    with leaves_nothing(temporary):
        done = chaos(temporary, "--runs", "1", "--json", "--faults", plan, *ROUNDS)
    assert (done.returncode, done.stderr) == (0, "")
    found = objects(done)
    assert found["undisturbed"][0]["lines"] == 31
    assert [each["text"] for each in found["fault"]] == [
        "kill 2", "drop lane 0-1", "slow 0-1 by 0.02s", "kill peer 1",
    ]  # fmt: skip
    assert {"rank 2 is lost", "rank 1 is lost"} <= {each["text"] for each in found["lost"]}
    assert all(each["after"] >= 0 for each in (*found["lost"], *found["replaced"]))
    assert found["run-finished"][0]["verdict"] == "right"
    [end] = found["chaos-finished"]
    assert (end["right"], end["wrong"], end["hung"], end["failed"], end["repeat"]) == (1, 0, 0, 0, [])
    assert end["replaced_s"]["worst"] > 0


SECOND = """
import os
print(sum(range(10)))
import time
from mpi4py import MPI
for number in range(20):
    print(number if os.environ["MPI_ACTORS_INCARNATION"] == "0" else -number, flush=True)
    time.sleep(0.05)
"""


def test_what_fails_is_shown_with_the_way_to_repeat_it(temporary: Path, tmp_path: Path) -> None:
    """A run that is wrong or fails by name; the command that is printed repeats it."""
    place = tmp_path / "second.py"
    place.write_text(SECOND)
    with leaves_nothing(temporary):
        done = chaos(temporary, "--seed", "4", "--runs", "1", "--faults", "kill 0 at line 9", str(place))
    assert done.returncode in (1, 3), done.stdout
    assert f"--seed 4 --faults 'kill 0 at line 9' -n 1 --peers 1 {place}" in done.stdout


def test_a_program_that_fails_alone_is_no_use(temporary: Path, tmp_path: Path) -> None:
    """It is said so, and nothing is lost on purpose."""
    place = tmp_path / "fails.py"
    place.write_text("raise SystemExit(5)\n")
    with leaves_nothing(temporary):
        done = chaos(temporary, str(place))
    assert done.returncode == 3
    assert "fails without any fault" in done.stderr
    assert "\n" not in done.stderr.strip()


async def test_ctrl_c_shows_what_was_found(temporary: Path) -> None:
    """The table of the runs that have ended, the seed, and nothing left behind."""
    with leaves_nothing(temporary), trio.fail_after(DEADLINE):
        process = await trio.lowlevel.open_process(
            command("--minutes", "60", "--faults", "kill 1 at line 2", *ROUNDS),
            env=environment(temporary), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        said = b""
        while b"\n  right" not in said:
            said += await process.stdout.receive_some()
        process.send_signal(signal.SIGINT)
        said += b"".join([data async for data in process.stdout])
        assert await process.wait() == 128 + signal.SIGINT
        await process.stdout.aclose()
    assert b"runs with" in said
    assert b"seed " in said.splitlines()[-1]


async def test_a_cut_is_noticed_and_heals(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is cut off loses its ranks to others, and is a member again after the cut."""
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with leaves_nothing(temporary), trio.fail_after(DEADLINE):
        async with open_local_pool(EXAMPLES / "round_echo", peers=2) as pool, trio.open_nursery() as nursery:
            job = await pool.start("round_echo", 2, "60", "0.05")
            driver = FaultDriver(parse_plan("cut 0-1 for 4s at line 3"), pool)
            nursery.start_soon(driver.run)
            async for seen in job.events():
                if isinstance(seen.event, Log):
                    driver.note_event("line")
            result = await job.wait()
            assert result.ok, result.reason
            events = [seen.event async for seen in job.events()]
            assert [event.rank for event in events if isinstance(event, RankLost)] == [1]
            assert (1, 1) in [(e.rank, e.incarnation) for e in events if isinstance(e, RankStarted)]
            await until(lambda: all(len(peer.sees) == 1 for peer in pool.peers))
