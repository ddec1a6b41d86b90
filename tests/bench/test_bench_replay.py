"""The price of replay is measured in turns, and told as ratios."""

from __future__ import annotations

import pytest

from mpi_actors.bench import replay_price
from mpi_actors.bench.replay_price import PriceResult

NAMES = {"1", str(1 << 20), str(1 << 24), "named", "any", "task"}


def test_the_report() -> None:
    """Each figure next to that without replay."""
    without = {"1": 3.0, str(1 << 20): 100.0, str(1 << 24): 2000.0, "named": 4.0, "any": 4.5, "task": 50.0}
    dear = {"1": 3.3, str(1 << 20): 120.0, str(1 << 24): 2500.0, "named": 4.5, "any": 5.5, "task": 51.0}
    result = PriceResult(5, dear, without)
    assert result.any_source_us == pytest.approx(1.0)
    lines = replay_price.report(result)
    assert len(lines) == 2 + len(NAMES)
    assert "3.3 µs, 3.0 µs; ratio 1.10" in lines[1]
    assert "+1.00 µs" in lines[-1]


@pytest.mark.e2e
def test_both_are_measured() -> None:
    """With replay and without."""
    result = replay_price.measure(rounds=1, scale=0.01)
    assert set(result.ratios) == NAMES
    assert all(ratio > 0 for ratio in result.ratios.values())
