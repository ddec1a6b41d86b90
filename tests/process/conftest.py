"""A warden for each test."""

from __future__ import annotations

import pytest
import trio

from mpi_actors.process import Warden


@pytest.fixture
async def warden(nursery: trio.Nursery) -> Warden:
    """A running warden; ended after the test."""
    warden = Warden()
    await nursery.start(warden.run)
    return warden
