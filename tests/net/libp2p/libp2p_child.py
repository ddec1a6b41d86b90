"""A peer in a process of its own, for tests that kill or stop it: prints its address, then echoes."""

from __future__ import annotations

import sys

import trio

from mpi_actors.net.libp2p import identity
from mpi_actors.net.libp2p.transport import Libp2pTransport
from mpi_actors.net.transport import ByteStream


async def echo(stream: ByteStream) -> None:
    """Send back what comes, until the end."""
    while data := await stream.receive_some(1 << 20):
        await stream.send_all(data)


async def main() -> None:
    """Serve until killed."""
    transport = Libp2pTransport(identity.ephemeral())
    async with trio.open_nursery() as nursery:
        await nursery.start(transport.run, echo)
        print(transport.addresses[0], flush=True)


if __name__ == "__main__":
    sys.exit(trio.run(main))
