"""The speed of a bare py-libp2p stream between two processes: the yardstick for messages that daemons relay.

Both hosts come from `mpi_actors.net.libp2p.transport.build_host`, so they have the same settings and
work-arounds as the project's own transport. Nothing else of the project touches the bytes.

    python -m mpi_actors.bench.bare_stream [--mib 64] [--runs 5]

prints one JSON object; speeds are in MB/s (10^6 bytes).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from time import perf_counter

import attrs
import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.network.swarm import Swarm
from multiaddr import Multiaddr

from ..net import addresses
from ..net.libp2p import identity
from ..net.libp2p.dial import dial
from ..net.libp2p.quirks import MAX_WRITE
from ..net.libp2p.transport import build_host
from . import second

PROTOCOL = TProtocol("/mpi-actors/bench/bare")
"""The libp2p protocol of the measured stream."""
MESSAGE = 1 << 20
"""Bytes of a message, as in `relay`."""
ORDER_SIZE = 8
"""Bytes of the number, big endian, that tells the reader how many bytes a run has."""
_MODULE = "mpi_actors.bench.bare_stream"


@attrs.frozen
class Result:
    """The speeds of several runs."""

    mb_per_s: float
    """The median of `runs`, in 10^6 bytes a second."""
    runs: tuple[float, ...]
    """The speed of each run."""
    message_bytes: int
    """Bytes of a message."""
    write_bytes: int
    """Bytes of each write to the stream."""
    bytes_per_run: int
    """Bytes of all messages of a run."""


async def measure(mib: int = 64, runs: int = 5) -> Result:
    """Send `mib` messages of 1 MiB to a host in another process: once to warm up, then `runs` times.

    A run lasts from the first write until the other side confirms that it has read the last byte.

    Raises:
        MpiActorsError: the other process ended too early.
    """
    async with trio.open_nursery() as nursery:
        command = [sys.executable, "-m", _MODULE, "--serve"]
        server = await second.start(nursery, command)
        speeds = await _send(await server.line(), mib, runs)
        await server.end()
    size = mib * MESSAGE
    return Result(statistics.median(speeds), tuple(speeds), MESSAGE, MAX_WRITE, size)


async def _send(address: str, mib: int, runs: int) -> list[float]:
    key_pair = identity.ephemeral()
    host = build_host(key_pair)
    message = memoryview(os.urandom(MESSAGE))
    speeds = []
    async with host.run([]):
        try:
            swarm = host.get_network()
            assert isinstance(swarm, Swarm)
            peer = await dial(swarm, addresses.parse(address), identity.peer_id(key_pair))
            remote = next(each for each in host.get_live_peers() if each.to_base58() == peer)
            stream = await host.new_stream(remote, [PROTOCOL])
            for _ in range(1 + runs):
                start = perf_counter()
                await stream.write((mib * MESSAGE).to_bytes(ORDER_SIZE, "big"))
                for _ in range(mib):
                    for offset in range(0, MESSAGE, MAX_WRITE):
                        await stream.write(bytes(message[offset : offset + MAX_WRITE]))
                assert await stream.read(1) == b"k"
                speeds.append(mib * MESSAGE / 1e6 / (perf_counter() - start))
            await stream.close()
        finally:
            with trio.CancelScope(shield=True):
                await host.close()
    return speeds[1:]


async def _swallow(stream: INetStream) -> None:
    """Serve runs: read their number of bytes, read the bytes, confirm with one byte."""
    try:
        while True:
            order = b""
            while len(order) < ORDER_SIZE:
                order += await stream.read(ORDER_SIZE - len(order))
            left = int.from_bytes(order, "big")
            while left:
                left -= len(await stream.read(min(left, MESSAGE)))
            await stream.write(b"k")
    except StreamEOF:
        await stream.close()


async def _serve() -> None:
    """Print an address and serve there, until standard input ends."""
    host = build_host(identity.ephemeral())
    host.set_stream_handler(PROTOCOL, _swallow)
    async with host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        try:
            print(host.get_addrs()[0], flush=True)
            await trio.lowlevel.FdStream(os.dup(0)).receive_some()
        finally:
            with trio.CancelScope(shield=True):
                await host.close()


def main() -> None:
    """Run the command line above."""
    parser = argparse.ArgumentParser(description="Speed of a bare py-libp2p stream between two processes.")
    parser.add_argument("--mib", type=int, default=64, help="messages of 1 MiB in a run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        trio.run(_serve)
    else:
        print(json.dumps(attrs.asdict(trio.run(measure, options.mib, options.runs))))


if __name__ == "__main__":
    main()
