"""What all tests stand on: hypothesis on any machine, a warden, an empty store."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, settings

from mpi_actors.process import Warden

# how long an example takes says something of the machine, and nothing of what is tested
settings.register_profile(
    "any machine",
    settings(),
    deadline=None,
    suppress_health_check=[*settings().suppress_health_check, HealthCheck.too_slow],
)
settings.load_profile("any machine")

# without job control, a shell starts what it puts into the background with SIGINT ignored
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
async def warden(nursery: trio.Nursery) -> Warden:
    """A running warden; ended after the test."""
    warden = Warden()
    await nursery.start(warden.run)
    return warden


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An empty store."""
    path = tmp_path / "store"
    path.mkdir()
    return path
