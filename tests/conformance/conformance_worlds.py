"""Ways to run a program on several ranks: our daemons, the development harness, real Open MPI."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from mpi_actors.bench import mpi_peer

_HARNESS = Path(__file__).parents[1] / "support" / "mpi_worlds.py"
_MPIEXEC = Path(__file__).with_name("conformance_mpiexec.py")
_GRACE = 15.0
"""Seconds that a launcher gets to take down its ranks."""


class World(NamedTuple):
    """Where ranks come from."""

    name: str
    launcher: tuple[str, ...]
    """A command line, up to the number of ranks."""
    interpreter: tuple[str, ...] = ()
    """What comes between the number of ranks and the program."""

    def command(self, size: int, *program: str | Path) -> list[str]:
        """Run a script, or `-m` and a module, with its arguments."""
        return [*self.launcher, "-n", str(size), *self.interpreter, *map(str, program)]

    @property
    def python(self) -> str:
        """For programs outside of ranks that start some."""
        return self.interpreter[0] if self.interpreter else sys.executable

    @property
    def mpiexec(self) -> str:
        """A command that takes `-n N PYTHON PROGRAM…`."""
        if self.interpreter:
            return shlex.join(self.launcher)
        return shlex.join((sys.executable, str(_MPIEXEC), *self.launcher, "--"))


def daemons(peers: int = 1) -> World:
    """Real daemons on this machine, by the command that people use."""
    name = "1 daemon" if peers == 1 else f"{peers} daemons"
    return World(name, (sys.executable, "-m", "mpi_actors", "run", "--peers", str(peers)))


def harness() -> World:
    """The same library between processes that are wired directly."""
    return World("harness", (sys.executable, str(_HARNESS)))


def open_mpi() -> World:
    """Real mpi4py with Open MPI, in an environment of its own.

    Raises:
        mpi_peer.Unavailable: it cannot be installed.
    """
    peer = mpi_peer.open_mpi()
    return World("Open MPI", peer.launcher, (str(peer.python),))


class Job:
    """A program that runs; what it prints goes to a file."""

    def __init__(self, command: list[str], output: Path, **environment: str) -> None:
        self.command = shlex.join(command)
        self.output = output
        with output.open("ab") as file:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            )  # fmt: skip

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or None if it has not ended by then."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> None:
        """Have it end: by SIGTERM, and then whatever it leaves behind by SIGKILL."""
        self._process.terminate()
        self.wait(_GRACE)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def tail(self, lines: int = 12) -> str:
        """The end of what it has printed."""
        return "\n".join(self.output.read_text(errors="replace").splitlines()[-lines:])
