"""A daemon that does nothing: how fast it starts, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

import attrs
import trio

from .soak import rss_mb

_SETTLE = 3.0
"""Seconds from the start until the daemon is idle: it installs interpreters first."""


@attrs.frozen
class IdleResult:
    """The costs of one idle daemon."""

    start_s: float
    """Seconds from the command to its first output, the peer's addresses."""
    rss_mb: float
    """Resident memory in 10^6 bytes."""
    cpu_percent: float
    """Processor time over `seconds`, in per cent of one core."""
    seconds: float
    """Seconds for which the daemon was watched."""


async def measure(store: Path, seconds: float = 10.0) -> IdleResult:
    """Start a console on `store` without input, and watch it for `seconds`."""
    with tempfile.TemporaryDirectory(prefix="mpi-actors-bench-") as path:
        command = [sys.executable, "-m", "mpi_actors", "-path", path, "-ipfs-store", str(store)]
        async with trio.open_nursery() as nursery:
            begin = perf_counter()
            start = partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            daemon = await nursery.start(start)
            seen = b""
            while b"/p2p/" not in seen:
                seen += await daemon.stdout.receive_some()
            took = perf_counter() - begin
            nursery.start_soon(_drain, daemon.stdout)
            await trio.sleep(_SETTLE)
            before = _cpu(daemon.pid)
            await trio.sleep(seconds)
            used = _cpu(daemon.pid) - before
            memory = rss_mb(daemon.pid)
            await daemon.stdin.aclose()
    return IdleResult(took, memory, 100 * used / seconds, seconds)


async def _drain(stream: trio.abc.ReceiveStream) -> None:
    while await stream.receive_some():
        pass


def _cpu(pid: int) -> float:
    """Return the processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
