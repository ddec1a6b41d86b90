"""Messages from rank to rank through two daemons.

Two processes hold one daemon each, with real libp2p between them. The ranks are async functions in the
daemons: the benchmark measures the way of a message from endpoint to endpoint, with numbering, log, frames,
links, streams and credit.
"""

from __future__ import annotations

import os
import statistics
import sys
from time import perf_counter

import attrs
import trio

from ..config import PeerLimits, Settings
from ..daemon.tree import Daemon
from ..errors import MpiActorsError
from ..net.libp2p.identity import ephemeral
from ..net.libp2p.transport import Libp2pTransport
from ..programs.functions import FunctionStarter, ProgramFunction, RankContext
from . import second

_POOL = "bench"
_READY = 30.0
"""Seconds that the daemons may take to connect: loading libp2p takes some on a busy machine."""
_TRIPS = 200
"""Round trips of one byte: enough for a median."""
_WARM_UP_TRIPS = 20
"""Round trips that do not count."""


@attrs.frozen
class RelayResult:
    """The speed of messages, and the time of a round trip."""

    message_bytes: int
    mb_per_s: float
    """The median of `runs`, in 10^6 bytes a second."""
    runs: tuple[float, ...]
    round_trip_us: float
    """The median time of a message of one byte there and back, in microseconds."""


async def measure(size: int = 1 << 20, count: int = 64, runs: int = 5) -> RelayResult:
    """Send `count` messages of `size` bytes to a rank in another process: once to warm up, then `runs` times.

    Raises:
        MpiActorsError: the job failed, or the other process ended too early.
    """
    speeds: list[float] = []
    trips: list[float] = []

    async def stream(rank: RankContext) -> None:
        payload = os.urandom(size)
        for _ in range(1 + runs):
            start = perf_counter()
            for _ in range(count):
                await rank.send(1, payload)
            await rank.receive_bytes(1)
            speeds.append(size * count / 1e6 / (perf_counter() - start))
        for _ in range(_TRIPS):
            start = perf_counter()
            await rank.send(1, b".")
            await rank.receive_bytes(1)
            trips.append((perf_counter() - start) * 1e6)

    async with trio.open_nursery() as nursery:
        command = [sys.executable, "-m", "mpi_actors.bench.relay", str(count), str(runs)]
        server = await second.start(nursery, command)
        address = await server.line()
        daemon = _daemon(stream)
        await nursery.start(daemon.run)
        with trio.fail_after(_READY):
            await daemon.connect(address)
        job = await daemon.start_job("stream", 2)
        result = await job.wait()
        await server.end()
        daemon.stop()
    if not result.ok:
        raise MpiActorsError(f"the benchmark's job failed: {result.reason}")
    return RelayResult(
        size, statistics.median(speeds[1:]), tuple(speeds[1:]), statistics.median(trips[_WARM_UP_TRIPS:])
    )


def _daemon(program: ProgramFunction) -> Daemon:
    return Daemon(
        transport=Libp2pTransport(ephemeral()),
        starter=FunctionStarter({"stream": program}),
        pool=_POOL,
        # one slot, so that the second rank goes to the other peer
        settings=Settings(peer=PeerLimits(slots=1)),
    )


async def _serve(count: int, runs: int) -> None:
    """Run the daemon of rank 1, until standard input ends."""

    async def sink(rank: RankContext) -> None:
        for _ in range(1 + runs):
            for _ in range(count):
                await rank.receive_bytes(0)
            await rank.send(0, b"k")
        for _ in range(_TRIPS):
            await rank.send(0, await rank.receive_bytes(0))

    daemon = _daemon(sink)
    async with trio.open_nursery() as nursery:
        await nursery.start(daemon.run)
        print(daemon.transport.addresses[0], flush=True)
        await trio.lowlevel.FdStream(os.dup(0)).receive_some()
        daemon.stop()


if __name__ == "__main__":
    trio.run(_serve, int(sys.argv[1]), int(sys.argv[2]))
