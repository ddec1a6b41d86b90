"""A small stand-in for a daemon: runs two trees of processes under a warden and prints their pids."""

from __future__ import annotations

import os
import sys

import trio

from mpi_actors.process import Process, ProcessSpec, Warden, clean_environment


async def relay(process: Process) -> None:
    """Copy a program's output to standard output, one write at a time."""
    async for chunk in process.stdout:
        os.write(1, chunk)


async def main() -> None:
    """Run until killed."""
    async with trio.open_nursery() as nursery:
        warden = Warden()
        await nursery.start(warden.run)
        env = clean_environment(home="/", seed=0)
        for _ in range(2):
            program = ProcessSpec((sys.executable, "-c", sys.argv[1], "clear"), cwd="/", env=env)
            nursery.start_soon(relay, await warden.spawn(program))
        assert warden.pid is not None
        os.write(1, b"%d\n" % warden.pid)


if __name__ == "__main__":
    trio.run(main)
