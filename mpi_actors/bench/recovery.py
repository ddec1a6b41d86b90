"""How long does a pool take to replace a rank whose daemon was killed or frozen, and is the answer the same?

The benchmark runs a ring of ranks on real daemons. At a random moment it sends SIGKILL or SIGSTOP to a random
daemon that does not coordinate the job. It measures the time from the signal to the event that the
replacement has started.
"""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path
from typing import Literal

import attrs
import trio

from ..errors import MpiActorsError
from ..events import RankStarted
from ..pool.local.job import LocalJob
from ..pool.local.pool import LocalPool, open_local_pool

Loss = Literal["kill", "freeze", "process"]
"""SIGKILL or SIGSTOP for a daemon, or SIGKILL for a rank's process."""

_PEERS = 3
"""Daemons, and ranks: one on each."""
_ROUNDS = 25
"""Times that a message goes round the ring: about two seconds with `_DELAY`, time enough for a loss."""
_DELAY = 0.03
"""Seconds that each rank waits before it passes the message on."""
_DEADLINE = 30.0
"""Seconds until a lost rank must run again: many times the longest detection."""


@attrs.frozen
class RecoveryResult:
    """The losses of one kind."""

    loss: Loss
    runs: int
    """All runs."""
    right: int
    """Runs that gave the undisturbed answer."""
    median_s: float
    """The median of `seconds`."""
    worst_s: float
    """The largest of `seconds`."""
    seconds: tuple[float, ...]
    """Of each run: seconds from the loss to the replacement's start."""


async def measure(store: Path, runs: int = 20, loss: Loss = "kill", seed: int = 0) -> RecoveryResult:
    """Run the ring `runs` times with a loss in each.

    Args:
        store: a directory with the interpreter `round_echo`.
        runs: the number of runs.
        loss: the kind of loss.
        seed: decides what is lost and when.
    """
    rng = random.Random(seed)
    times: list[float] = []
    right = 0
    async with open_local_pool(store, peers=_PEERS) as pool:
        undisturbed = await (await pool.start("round_echo", _PEERS, str(_ROUNDS))).wait()
        for _ in range(runs):
            job = await pool.start("round_echo", _PEERS, str(_ROUNDS), str(_DELAY))
            took = await _lose_one(pool, job, loss, rng)
            result = await job.wait()
            right += result.ok and result.output == undisturbed.output
            times.append(took)
            living = [peer for peer in pool.peers if peer.alive]
            for peer in living:
                if peer.frozen:
                    await pool.kill(peer.index)
            for _ in range(_PEERS - sum(peer.alive for peer in pool.peers)):
                await pool.add()
    return RecoveryResult(loss, runs, right, statistics.median(times), max(times), tuple(times))


async def _lose_one(pool: LocalPool, job: LocalJob, loss: Loss, rng: random.Random) -> float:
    """Cause a loss at a random moment; return the seconds until the lost rank started again."""
    duration = _ROUNDS * _PEERS * _DELAY
    while len(job.ranks) < _PEERS:
        await _next_start(job, 0.0)
    await trio.sleep(rng.uniform(0.1, 0.8) * duration)
    rank = rng.randrange(1, _PEERS)
    started = job.ranks[rank]
    [victim] = [peer.index for peer in pool.peers if peer.id == started.peer]
    if victim == 0 and loss != "process":
        raise MpiActorsError("the ring was not spread over the peers")
    before = time.time()
    if loss == "kill":
        await pool.kill(victim)
    elif loss == "freeze":
        await pool.freeze(victim)
    else:
        await pool.kill_process(rank)
    with trio.fail_after(_DEADLINE):
        return await _next_start(job, before) - before


async def _next_start(job: LocalJob, after: float) -> float:
    async for seen in job.events():
        if isinstance(seen.event, RankStarted) and (seen.time > after if after else len(job.ranks) == _PEERS):
            return seen.time
    raise MpiActorsError("the job ended before the lost rank was replaced")
