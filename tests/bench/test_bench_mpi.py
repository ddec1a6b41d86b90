"""The benchmark of MPI programs measures each contestant, and tells of all in tables."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mpi_actors.bench import mpi_speed
from mpi_actors.bench.mpi_speed import LOCAL, RELAY, SHARED, SpeedResult

SIZES = [1, 1 << 10, 1 << 16, 1 << 20, 1 << 24]


@pytest.mark.parametrize(
    ("what", "calls"),
    [("pipe", {"Send/Recv", "send/recv"}), ("spinning", {"Send/Recv"}), ("sleeping", {"Send/Recv"})],
)
def test_a_yardstick_is_measured(what: str, calls: set[str]) -> None:
    """Both processes take part, and a time comes out for each size; a larger message takes longer."""
    command = [sys.executable, "-m", "mpi_actors.bench.mpi_yardsticks", what, "0.05"]
    figures = json.loads(subprocess.check_output(command, timeout=600))
    assert set(figures) == calls
    for row in figures.values():
        assert list(map(int, row)) == SIZES
        assert 0 < row["1"] < row[str(1 << 24)]


def test_the_tables() -> None:
    """Each contestant has a line, and ours are divided by what they are compared with."""
    pair = {
        LOCAL: {"Send/Recv": {1: 3.0, 1 << 20: 200.0}, "send/recv": {1: 9.0}},
        SHARED: {"Send/Recv": {1: 1.5, 1 << 20: 100.0}, "send/recv": {1: 9.0}},
        "socket pair, spinning": {"Send/Recv": {1: 3.0, 1 << 20: 400.0}},
    }
    group = {LOCAL: {call: {8: 5.0} for call in ("Barrier", "Bcast", "Allreduce")}}
    lines = mpi_speed.report(SpeedResult(3, pair, group, "", "Open MPI 5.0"))
    assert "Open MPI 5.0" in lines[0]
    ratios = [line.split()[-2:] for line in lines if line.startswith(f"  {LOCAL} / ")]
    assert ratios[:2] == [["2.00x", "2.00x"], ["1.00x", "0.50x"]]
    assert any(line.endswith("1 MiB") for line in lines)
    absent = mpi_speed.report(SpeedResult(3, pair, group, "no network", ""))
    assert "absent: no network" in absent[0]


@pytest.mark.e2e
def test_ours_are_measured() -> None:
    """The program runs on one host and on two, with two ranks and with four."""
    result = mpi_speed.measure(rounds=1, scale=0.01, open_mpi=False)
    assert set(result.group) == {LOCAL, RELAY}
    for name in (LOCAL, RELAY):
        for calls in (result.pair[name], result.group[name]):
            assert all(time > 0 for row in calls.values() for time in row.values())
        assert list(result.pair[name]["send/recv"]) == SIZES
