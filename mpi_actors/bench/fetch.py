"""Fetches a file from a peer on this machine: with our client, and with that of py-libp2p.

Our client fetches from disk to disk, the other one in memory. Each fetch has two new processes over loopback,
so that no block is there yet and the memory figures are its own.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Literal

import attrs
import trio

from ..content.bitswap.exchange import Exchange
from ..content.bitswap.fetch import fetch_tree
from ..content.formats.cid import Cid
from ..content.store.blocks import BlockStore
from ..content.store.publish import publish
from ..errors import MpiActorsError
from ..net.libp2p.identity import ephemeral
from ..net.libp2p.transport import Libp2pTransport
from ..net.transport import ByteStream
from . import fetch_stock, second

Kind = Literal["ours", "stock"]
"""Our client, or the one that py-libp2p brings along."""
Announce = Callable[[str, str], Awaitable[None]]
"""Takes the address and the root once a process serves."""

_MODULE = "mpi_actors.bench.fetch"
_MB = 1e6
"""Bytes of a megabyte."""


@attrs.frozen
class Side:
    """Several fetches with one client. Memory is the peak of resident memory above that before the fetch."""

    mb_per_s: float
    """The median of `runs`, in 10^6 bytes a second."""
    runs: tuple[float, ...]
    """The speed of each fetch."""
    fetcher_mb: float
    """Memory of the process that fetches, in 10^6 bytes."""
    server_mb: float
    """Memory of the process that serves, in 10^6 bytes."""


@attrs.frozen
class FetchResult:
    """The fetches of one file size with both clients."""

    mib: int
    """The size of the file in MiB."""
    ours: Side
    stock: Side

    @property
    def ratio(self) -> float:
        """Our speed divided by that of the other client."""
        return self.ours.mb_per_s / self.stock.mb_per_s


async def measure(mib: int = 32, runs: int = 3) -> FetchResult:
    """Fetch a file of `mib` MiB `runs` times with each client, in turns."""
    with tempfile.TemporaryDirectory(prefix="mpi-actors-bench-") as name:
        scratch = Path(name)
        _make_file(scratch / "tree", mib)
        results: dict[Kind, list[tuple[float, float, float]]] = {"ours": [], "stock": []}
        for run in range(runs):
            for kind, found in results.items():
                found.append(await _one(kind, scratch, mib << 20, run))
    return FetchResult(mib, _side(results["ours"]), _side(results["stock"]))


def _make_file(tree: Path, mib: int) -> None:
    tree.mkdir()
    with open(tree / "file", "wb") as file:
        for _ in range(mib):
            file.write(os.urandom(1 << 20))


def _side(found: list[tuple[float, float, float]]) -> Side:
    speeds, fetcher, server = zip(*found, strict=True)
    return Side(statistics.median(speeds), speeds, max(fetcher), max(server))


async def _one(kind: Kind, scratch: Path, size: int, run: int) -> tuple[float, float, float]:
    command = [sys.executable, "-m", _MODULE, kind]
    async with trio.open_nursery() as nursery:
        server = await second.start(nursery, [*command, "serve", str(scratch)])
        here = json.loads(await server.line())
        store = scratch / f"fetched-{run}"
        arguments = [here["address"], here["root"], str(store), str(size)]
        done = await trio.run_process([*command, "fetch", *arguments], capture_stdout=True)
        fetched = json.loads(done.stdout)
        await server.end()
        served = json.loads(await server.line())
    return size / _MB / fetched["seconds"], fetched["mb"], served["mb"]


# --- the two processes ------------------------------------------------------------------------------------


def _resident(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024 / _MB
    raise MpiActorsError("this system has no memory figures in /proc")


class _Memory:
    """The peak of this process's resident memory from now on, above the present value, in 10^6 bytes."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self._before = _resident("VmRSS:")

    def grown(self) -> float:
        return _resident("VmHWM:") - self._before


async def _serve(kind: Kind, scratch: Path) -> None:
    """Serve until standard input ends, then print the memory."""
    memory: list[_Memory] = []

    async def announce(address: str, root: str) -> None:
        memory.append(_Memory())
        print(json.dumps({"address": address, "root": root}), flush=True)

    async with trio.open_nursery() as nursery:
        if kind == "ours":
            nursery.start_soon(_serve_ours, scratch, announce)
        else:
            nursery.start_soon(fetch_stock.serve, scratch / "tree" / "file", announce)
        await trio.lowlevel.FdStream(os.dup(0)).receive_some()
        print(json.dumps({"mb": memory[0].grown()}), flush=True)
        nursery.cancel_scope.cancel()


async def _refuse(_: ByteStream) -> None:
    return


async def _serve_ours(scratch: Path, announce: Announce) -> None:
    store = BlockStore(scratch / "published")

    def put(cid: Cid, block: bytes) -> None:
        store.put(cid, block)

    root = publish(scratch / "tree", put).cid
    transport = Libp2pTransport(ephemeral())
    async with trio.open_nursery() as nursery:
        await nursery.start(transport.run, _refuse)
        await nursery.start(Exchange(transport, store).run)
        await announce(transport.addresses[0], str(root))


async def _fetch_ours(address: str, root: str, directory: Path) -> float:
    store = BlockStore(directory)
    transport = Libp2pTransport(ephemeral())
    exchange = Exchange(transport, store)
    async with trio.open_nursery() as nursery:
        await nursery.start(transport.run, _refuse)
        await nursery.start(exchange.run)
        peer = await transport.connect(address)
        start = perf_counter()
        await fetch_tree(Cid.parse(root), blocks=store, exchange=exchange, providers=lambda: [peer])
        seconds = perf_counter() - start
        nursery.cancel_scope.cancel()
    return seconds


async def _fetch(kind: Kind, address: str, root: str, directory: Path, size: int) -> None:
    memory = _Memory()
    if kind == "ours":
        seconds = await _fetch_ours(address, root, directory)
    else:
        seconds = await fetch_stock.fetch(address, root, size)
    print(json.dumps({"seconds": seconds, "mb": memory.grown()}))


def main(kind: Kind, role: str, *arguments: str) -> None:
    """Run one of the two processes of a fetch: `kind` is the client, `role` is `serve` or `fetch`."""
    if role == "serve":
        trio.run(_serve, kind, Path(arguments[0]))
    else:
        address, root, directory, size = arguments
        trio.run(_fetch, kind, address, root, Path(directory), int(size))


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
