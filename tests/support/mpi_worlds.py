"""Worlds of MPI ranks without daemons: processes on this machine, wired with socket pairs.

In tests, `run_world(4, function, …)` gives what the function returns on each rank. As a command:

    python tests/support/mpi_worlds.py -n 4 script.py args…
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import mpi_actors
from mpi_actors.wire.environment import RankEnvironment

T = TypeVar("T")
PACKAGE = Path(mpi_actors.__file__).parent
SHIM = PACKAGE / "shim"
PATIENCE = 600.0


class WorldFailed(AssertionError):
    """A rank failed, or the world did not end in time."""


@contextlib.contextmanager
def wires(n: int) -> Iterator[list[dict[int, socket.socket]]]:
    """A socket for each pair of ranks: `wires[i][j]` is rank i's end of the lane to rank j."""
    ends: list[dict[int, socket.socket]] = [{} for _ in range(n)]
    try:
        for i in range(n):
            for j in range(i):
                ends[i][j], ends[j][i] = socket.socketpair()
        yield ends
    finally:
        for lanes in ends:
            for sock in lanes.values():
                sock.close()


def environment(rank: int, n: int, lanes: Mapping[int, socket.socket]) -> dict[str, str]:
    """What a rank's engine reads from its environment."""
    descriptors = {other: sock.fileno() for other, sock in lanes.items()}
    return RankEnvironment("0123456789abcdef", rank, n, lanes=descriptors).write()


def run_world(n: int, function: Callable[..., T], *args: object, patience: float = PATIENCE) -> list[T]:
    """Run `function(*args)` on each of n ranks (forked processes); what each returns, by rank.

    Raises:
        WorldFailed: a rank raised (the text has its traceback), died, or did not end in time.
    """
    with wires(n) as ends, tempfile.TemporaryDirectory(prefix="mpi-world-") as directory:
        children = {}
        for rank in range(n):
            pid = os.fork()
            if pid == 0:
                _child(rank, n, ends, Path(directory), function, args)
            children[pid] = rank
        statuses = _reap(children, patience)
        results: list[T] = []
        failures = []
        for rank in range(n):
            path = Path(directory, str(rank))
            if path.exists():
                ok, value = pickle.loads(path.read_bytes())
                if ok:
                    results.append(value)
                    continue
                failures.append(f"rank {rank}:\n{value}")
            else:
                failures.append(f"rank {rank} ended with status {statuses.get(rank)}")
        if failures:
            raise WorldFailed("\n".join(failures))
        return results


def _child(
    rank: int,
    n: int,
    ends: list[dict[int, socket.socket]],
    directory: Path,
    function: Callable[..., Any],
    args: tuple[object, ...],
) -> None:
    code = 1
    try:
        for other, lanes in enumerate(ends):
            for sock in lanes.values():
                if other != rank:
                    sock.close()
        os.environ.update(environment(rank, n, ends[rank]))
        for sock in ends[rank].values():
            sock.detach()
        try:
            from mpi_actors.mpi.engine import engine
            from mpi_actors.mpi.engine.ending import linger

            result = (True, function(*args))
            linger(engine())
            code = 0
        except BaseException:  # noqa: BLE001 - the parent shows it
            result = (False, traceback.format_exc())
        part = directory / f"{rank}.part"
        part.write_bytes(pickle.dumps(result))
        part.rename(directory / str(rank))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _reap(children: dict[int, int], patience: float) -> dict[int, int]:
    """Wait for all; when one fails or time is up, kill the rest. Exit codes by rank."""
    codes: dict[int, int] = {}
    deadline = time.monotonic() + patience
    previous = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        while children:
            left = deadline - time.monotonic()
            if left <= 0:
                _kill(children)
                left = 10.0
            signal.setitimer(signal.ITIMER_REAL, left)
            try:
                pid, status = os.waitpid(-1, 0)
            except (InterruptedError, ChildProcessError):
                continue
            if pid in children:
                code = codes[children.pop(pid)] = os.waitstatus_to_exitcode(status)
                if code:
                    _kill(children)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        _kill(children)
    return codes


def _kill(children: dict[int, int]) -> None:
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def launch(n: int, command: list[str], *, patience: float | None = None, **options: Any) -> int:
    """Run a command of `boot` on n ranks; the first exit code that is not 0, like mpiexec."""
    with wires(n) as ends:
        processes = []
        for rank in range(n):
            env = {**os.environ, **environment(rank, n, ends[rank])}
            env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SHIM), os.environ.get("PYTHONPATH", "")]))
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "mpi_actors.mpi.boot", *command],
                    env=env,
                    pass_fds=[sock.fileno() for sock in ends[rank].values()],
                    **options,
                )
            )
        for lanes in ends:
            for sock in lanes.values():
                sock.close()
        children = {process.pid: rank for rank, process in enumerate(processes)}
        try:
            codes = _reap(children, patience if patience is not None else 3600.0)
        finally:
            for process in processes:
                process.returncode = 0  # reaped above
    return next((code for code in codes.values() if code > 0), next(filter(None, codes.values()), 0))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Run a program on ranks of this machine, without daemons.")
    parser.add_argument("-n", type=int, default=1, help="ranks")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds until all are killed")
    parser.add_argument("-m", nargs=argparse.REMAINDER, help="a module and its arguments")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="script.py args…")
    options = parser.parse_args()
    command = ["-m", *options.m] if options.m else options.command
    return launch(options.n, command, patience=options.patience)


if __name__ == "__main__":
    sys.exit(main())
