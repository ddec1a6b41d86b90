"""The yardstick of a bare libp2p stream runs."""

from __future__ import annotations

from mpi_actors.bench.bare_stream import MESSAGE, measure
from mpi_actors.net.libp2p.quirks import MAX_WRITE


async def test_the_bare_stream_is_measured() -> None:
    """Two processes exchange the messages and a speed comes out for each run."""
    result = await measure(mib=2, runs=2)
    assert (result.message_bytes, result.write_bytes, result.bytes_per_run) == (MESSAGE, MAX_WRITE, 2 << 20)
    assert len(result.runs) == 2
    assert min(result.runs) > 0
