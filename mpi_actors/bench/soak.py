"""Many jobs in a row on two daemons: does anything grow?"""

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
"""Jobs before the first look at the daemons: caches and tables then have their size."""


@attrs.frozen
class Footprint:
    """What a daemon holds."""

    rss_mb: float
    """Resident memory in 10^6 bytes."""
    descriptors: int
    """Open file descriptors."""
    tasks: int
    """Living trio tasks."""


@attrs.frozen
class SoakResult:
    """What each daemon held before the jobs and after them."""

    jobs: int
    median_s: float
    """The median of the seconds from a job's start to its end."""
    before: tuple[Footprint, ...]
    """By daemon, after the warm-up."""
    after: tuple[Footprint, ...]
    """By daemon, after all jobs."""


async def measure(store: Path, jobs: int = 200) -> SoakResult:
    """Run `jobs` jobs of `echo` with two ranks on two daemons, one after the other.

    Raises:
        MpiActorsError: a job gave a wrong answer.
    """
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
    """Return what a daemon holds now."""
    status = await peer.status()
    return Footprint(rss_mb(peer.pid), len(os.listdir(f"/proc/{peer.pid}/fd")), status.tasks)


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process, in 10^6 bytes.

    Raises:
        MpiActorsError: /proc does not tell.
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise MpiActorsError(f"/proc has no memory figures for process {pid}")
