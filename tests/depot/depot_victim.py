"""A program that installs and deletes for real, and kills itself at some step; see `test_depot_killed`.

Usage: depot_victim.py DIRECTORY STORE STEPS
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import trio
from depot_crash import Crasher, CrashingDatabase

from mpi_actors.depot.depot import Depot
from mpi_actors.depot.sources.directory import DirectoryStore
from mpi_actors.process import Warden


class Killer(Crasher):
    """Kills its own process."""

    def step(self, where: str) -> None:
        """Kill the process if it is time."""
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        assert self._left is not None
        self._left -= 1


async def main(directory: Path, store: Path, steps: int) -> None:
    """Install, use, pin and delete, each in the place of something else."""
    killer = Killer(directory)
    killer.arm(steps)
    database = CrashingDatabase(directory / "store.db", killer)
    warden = Warden()
    async with trio.open_nursery() as nursery:
        await nursery.start(warden.run)
        depot = Depot(
            directory, DirectoryStore(store), warden, max_size=1000, database=database, on_change=lambda: None
        )
        with killer.watching():
            await depot.prepare()
            await depot.pin("b")
            await depot.add("big")
            async with depot.using("b"):
                await depot.delete("big")
            await depot.ensure("a")
        nursery.cancel_scope.cancel()
    print("done")


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
