"""What many tests stand on: a warden, an empty store."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from mpi_actors.process import Warden


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
