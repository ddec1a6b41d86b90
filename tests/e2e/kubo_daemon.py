"""A real IPFS daemon for tests: in a directory of its own, on loopback, connected to nobody."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEADLINE = 600.0
"""Seconds after which a test counts as hung, on however slow a machine."""
BUILT = Path.home() / ".cache" / "mpi_actors" / "kubo-v0.39.0" / "ipfs"
"""Where `.ci/kubo` puts it."""
_READY = b"Daemon is ready"


def kubo_binary() -> Path:
    """The `ipfs` command; the test is skipped if there is none, or fails where all tests have to run.

    Taken from $MPI_ACTORS_KUBO, what `.ci/kubo` has built, or PATH.
    """
    named = os.environ.get("MPI_ACTORS_KUBO")
    found = named or (str(BUILT) if os.access(BUILT, os.X_OK) else shutil.which("ipfs"))
    if found is not None and os.access(found, os.X_OK):
        return Path(found)
    reason = "there is no IPFS daemon: run .ci/kubo, which builds one, or set MPI_ACTORS_KUBO to an `ipfs`"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class KuboDaemon:
    """One daemon, which can be stopped and started again. All methods block.

    Args:
        place: where its files are; made.
        binary: the `ipfs` command.
    """

    def __init__(self, place: Path, binary: Path) -> None:
        self._binary = binary
        self._repository = place / "repository"
        self._log = place / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._api_port = 0
        place.mkdir(parents=True)
        self.ipfs("init", "--profile", "test", api=False)
        self.ipfs("bootstrap", "rm", "--all", api=False)

    @property
    def api(self) -> str:
        """The multiaddr of its RPC API: the same after it was started again."""
        return f"/ip4/127.0.0.1/tcp/{self._api_port}"

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text(errors="replace")

    def ipfs(self, *args: str | Path, api: bool = True) -> str:
        """Run the command line client; returns what it prints.

        Args:
            args: its arguments.
            api: whether it asks the running daemon.
        """
        command = [str(self._binary), *(["--api", self.api] if api else []), *map(str, args)]
        environment = self._environment()
        done = subprocess.run(command, env=environment, capture_output=True, timeout=DEADLINE, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')}"
        return done.stdout.decode()

    def peer(self) -> str:
        """Its libp2p identity."""
        return self.ipfs("id", "-f", "<id>").strip()

    def addresses(self) -> list[str]:
        """Where other nodes can reach it, with its identity."""
        return self.ipfs("id", "-f", "<addrs>").split()

    def start(self, *options: str) -> None:
        """Start it, and wait until it answers."""
        assert self._process is None
        if self._api_port:  # where those who know it look for it
            self.ipfs("config", "Addresses.API", self.api, api=False)
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [str(self._binary), "daemon", *options],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + DEADLINE
        while _READY not in self._log.read_bytes():
            assert self._process.poll() is None, f"the IPFS daemon ended: {self.log}"
            assert time.monotonic() < end, f"the IPFS daemon is not ready: {self.log}"
            time.sleep(0.02)
        self._api_port = int((self._repository / "api").read_text().rpartition("/")[2])

    def stop(self) -> None:
        """End it in an orderly way."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)  # a test may have stopped it
        process.send_signal(number)
        try:
            process.wait(DEADLINE)
        finally:
            process.kill()
            process.wait()

    def _environment(self) -> dict[str, str]:
        mine = {"IPFS_PATH": str(self._repository), "IPFS_TELEMETRY": "off", "GOLOG_LOG_LEVEL": "error"}
        return {**os.environ, **mine}


@contextmanager
def running_kubo(place: Path, *options: str) -> Iterator[KuboDaemon]:
    """A daemon that runs inside, with options of `ipfs daemon`."""
    daemon = KuboDaemon(place, kubo_binary())
    try:
        daemon.start(*options)
        yield daemon
    finally:
        daemon.kill()
