"""Many jobs in a row on two daemons: what grows?"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import attrs

from ..errors import MpiActorsError
from ..pool.local.peer import LocalPeer
from ..pool.local.pool import open_local_pool

_WARM_UP = 10


@attrs.frozen
class Footprint:
    """What a daemon holds."""

    rss_mb: float
    descriptors: int
    tasks: int


@attrs.frozen
class SoakResult:
    """What was measured: each peer before (after some jobs to warm up) and after."""

    jobs: int
    median_s: float
    """Seconds from a job's start to its end."""
    before: tuple[Footprint, ...]
    after: tuple[Footprint, ...]


async def measure(store: Path, jobs: int = 200) -> SoakResult:
    """Run `jobs` jobs of `echo` with two ranks on two daemons, one after the other."""
    times = []
    async with open_local_pool(store, peers=2) as pool:
        for number in range(_WARM_UP + jobs):
            if number == _WARM_UP:
                before = [await footprint(peer) for peer in pool.peers]
            start = time.perf_counter()
            result = await (await pool.start("echo", 2, "hello", str(number))).wait()
            times.append(time.perf_counter() - start)
            if not result.ok or result.output != (f"hello {number}",):
                raise MpiActorsError(f"job {number} went wrong: {result}")
        after = [await footprint(peer) for peer in pool.peers]
    return SoakResult(jobs, statistics.median(times[_WARM_UP:]), tuple(before), tuple(after))


async def footprint(peer: LocalPeer) -> Footprint:
    """What that daemon holds now."""
    status = await peer.status()
    return Footprint(rss_mb(peer.pid), len(os.listdir(f"/proc/{peer.pid}/fd")), status.tasks)


def rss_mb(pid: int) -> float:
    """Resident memory of a process, in 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise MpiActorsError(f"no memory figures for process {pid}")
