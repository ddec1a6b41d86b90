"""How long a pool takes to replace a rank whose daemon was killed or frozen, and whether the answer stays.

Real daemons, a ring of ranks, `kill -9` (or SIGSTOP) of a random daemon that has not started the job, at a
random moment. Measured from the signal to the event that the replacement has been started.
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

_PEERS = 3
_ROUNDS = 25
_DELAY = 0.03


@attrs.frozen
class RecoveryResult:
    """What was measured."""

    loss: Loss
    runs: int
    right: int
    """Runs that gave the undisturbed answer."""
    median_s: float
    """Seconds from the loss to the replacement's start."""
    worst_s: float
    seconds: tuple[float, ...]


async def measure(store: Path, runs: int = 20, loss: Loss = "kill", seed: int = 0) -> RecoveryResult:
    """Run the ring `runs` times with a loss in each.

    Args:
        store: a directory with the interpreter `round_echo`.
        seed: decides who is lost when.
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
    """Cause a loss at a random moment; returns the seconds until the last lost rank was started again."""
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
    with trio.fail_after(30):
        return await _next_start(job, before) - before


async def _next_start(job: LocalJob, after: float) -> float:
    async for seen in job.events():
        if isinstance(seen.event, RankStarted) and (seen.time > after if after else len(job.ranks) == _PEERS):
            return seen.time
    raise MpiActorsError("the job ended before the loss was mended")
