"""Peers on loopback for the tests of the real transport."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from mpi_actors.net.libp2p import identity
from mpi_actors.net.libp2p.transport import Libp2pTransport
from mpi_actors.net.transport import Accept, ByteStream

LIMIT = 600.0  # seconds after which a test is taken to hang
CHILD = Path(__file__).with_name("libp2p_child.py")


def new_peer(**options: Any) -> Libp2pTransport:
    """Make a transport with a new identity, which does not run yet."""
    return Libp2pTransport(identity.ephemeral(), **options)


@asynccontextmanager
async def running(transport: Libp2pTransport, accept: Accept) -> AsyncIterator[Libp2pTransport]:
    """Run `transport` during the block; a block that hangs fails."""
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            await nursery.start(transport.run, accept)
            yield transport
            nursery.cancel_scope.cancel()


async def echo(stream: ByteStream) -> None:
    """Send back what comes, until the end."""
    while data := await stream.receive_some(1 << 20):
        await stream.send_all(data)


async def send_for_ever(stream: ByteStream) -> None:
    """Send until sending fails."""
    while True:
        await stream.send_all(bytes(1 << 20))


async def keep(_stream: ByteStream) -> None:
    """Neither read nor write, until cancelled."""
    await trio.sleep_forever()


async def refuse(_stream: ByteStream) -> None:
    """Fail: nobody should open a stream to this side."""
    raise AssertionError("nobody should come here")


@asynccontextmanager
async def pair(accept: Accept) -> AsyncIterator[tuple[Libp2pTransport, Libp2pTransport]]:
    """Connect two peers; `accept` serves the streams that the first opens to the second."""
    async with running(new_peer(), refuse) as near, running(new_peer(), accept) as far:
        assert await near.connect(far.addresses[0]) == far.local
        yield near, far


@asynccontextmanager
async def child() -> AsyncIterator[tuple[trio.Process, str]]:
    """Run a peer that echoes in a process of its own; give its address. It is killed at the end."""
    async with trio.open_nursery() as nursery:
        command = [sys.executable, str(CHILD)]
        process = await nursery.start(partial(trio.run_process, command, stdout=subprocess.PIPE, check=False))
        try:
            line = b""
            while not line.endswith(b"\n"):
                line += await process.stdout.receive_some()
            yield process, line.decode().strip()
        finally:
            process.kill()


async def receive_exactly(stream: ByteStream, n: int) -> bytes:
    """Receive the next `n` bytes."""
    data = bytearray()
    while len(data) < n:
        piece = await stream.receive_some(n - len(data))
        assert piece, f"the end came after {len(data)} of {n} bytes"
        data += piece
    return bytes(data)
