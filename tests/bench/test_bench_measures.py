"""The benchmarks run, and what they report is of the right kind. No figure is asserted: machines differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpi_actors.bench import fetch, recovery, relay, soak

STORE = Path(__file__).parents[2] / "example"
pytestmark = pytest.mark.e2e


async def test_the_relay_is_measured() -> None:
    """Messages cross two real daemons, and each run has a speed."""
    result = await relay.measure(size=100_000, count=4, runs=2)
    assert len(result.runs) == 2
    assert min(*result.runs, result.round_trip_us) > 0


@pytest.mark.parametrize("loss", ["kill", "process"])
async def test_recovery_is_measured(loss: recovery.Loss) -> None:
    """A daemon or process is lost in each run, its rank comes back, and the answers are right."""
    result = await recovery.measure(STORE, runs=1, loss=loss, seed=1)
    assert result.right == 1
    assert all(seconds > 0 for seconds in result.seconds)


async def test_a_soak_is_measured() -> None:
    """Jobs run one after another; afterwards no descriptor is open that was not open before."""
    result = await soak.measure(STORE, jobs=5)
    assert [after.descriptors for after in result.after] == [before.descriptors for before in result.before]


async def test_a_fetch_is_measured() -> None:
    """A file is fetched over real streams by ours and by the yardstick, each with new processes."""
    result = await fetch.measure(mib=1, runs=1)
    assert result.ratio > 0
    assert len(result.ours.runs) == len(result.stock.runs) == 1
    assert min(result.ours.mb_per_s, result.stock.mb_per_s, result.ours.fetcher_mb) > 0
