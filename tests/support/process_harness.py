"""Helpers that run and watch programs."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Mapping

import trio

from mpi_actors.process import Exit, Process, ProcessSpec, ResourceLimits, Warden, clean_environment

DEADLINE = 600.0
"""Seconds after which a test counts as hung, on however slow a machine."""

SAY = "import os, signal; os.write(1, b'%d\\n' % os.getpid()); signal.pause()"
"""A program that prints its pid and waits."""

TREE = f"""
import os, signal, sys
SAY = {SAY!r}
def say(): exec(SAY)
def child(then):
    if os.fork() == 0:
        try: then()
        finally: os._exit(0)
def escape(then): child(lambda: (os.setsid(), child(then)))
child(say)
child(lambda: (os.setpgid(0, 0), say()))
escape(say)
escape(lambda: (child(say), say()))
if "clear" in sys.argv: escape(lambda: os.execve(sys.executable, ["python", "-c", SAY], {{}}))
say()
"""
"""A program with five descendants: a child, a child in a process group of its own, an escaped one (forked
twice, with a session of its own), and an escaped one with a child. With the argument "clear", another one
escapes, with an empty environment. Each prints its pid."""
TREE_SIZE = 6
"""Processes of TREE without "clear"."""


def spec(
    *argv: str, limits: ResourceLimits | None = None, env: Mapping[str, str] | None = None
) -> ProcessSpec:
    """Make a spec for a program in the root directory with a clean environment and what `env` adds to it."""
    clean = clean_environment(env or {}, home="/", seed=0)
    return ProcessSpec(argv, cwd="/", env=clean, limits=limits or ResourceLimits())


def python(code: str, *args: str, limits: ResourceLimits | None = None) -> ProcessSpec:
    """Make a spec that runs Python code."""
    return spec(sys.executable, "-c", code, *args, limits=limits)


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    """Read up to the end of the stream."""
    data = b""
    with trio.fail_after(DEADLINE):
        async for chunk in stream:
            data += chunk
    return data


async def read_lines(stream: trio.abc.ReceiveStream, count: int) -> list[bytes]:
    """Read the first lines of the stream, which are all that was written."""
    data = b""
    with trio.fail_after(DEADLINE):
        while data.count(b"\n") < count:
            data += await stream.receive_some()
    return data.splitlines()


async def ended(process: Process) -> Exit:
    """Wait for the exit of a process, with a deadline for the test."""
    with trio.fail_after(DEADLINE):
        return await process.wait()


async def run(warden: Warden, program: ProcessSpec) -> tuple[Exit, bytes, bytes]:
    """Run a program that reads nothing and writes little; return its exit, output and error output."""
    with trio.fail_after(DEADLINE):
        process = await warden.spawn(program)
        output, errors = await read_all(process.stdout), await read_all(process.stderr)
        result = await process.wait()
    process.close()
    return result, output, errors


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition about /proc, which gives no notice of changes."""
    with trio.fail_after(DEADLINE):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await trio.sleep(0.01)


def handles(pids: list[bytes]) -> list[int]:
    """Open handles of living processes, which no other process can take over."""
    return [os.pidfd_open(int(pid)) for pid in pids]


def are_dead(pidfds: list[int]) -> bool:
    """Return whether all those processes have died."""
    return set(select.select(pidfds, [], [], 0)[0]) == set(pidfds)


async def all_dead(pidfds: list[int]) -> None:
    """Wait until all those processes have died; close the handles."""
    try:
        with trio.fail_after(DEADLINE):
            for pidfd in pidfds:
                await trio.lowlevel.wait_readable(pidfd)
    finally:
        for pidfd in pidfds:
            os.close(pidfd)


def children_of(pid: int) -> list[int]:
    """Return the pids of a process's children."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
