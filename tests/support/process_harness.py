"""A few ways to run and watch programs."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

import trio

from mpi_actors.process import Exit, Process, ProcessSpec, ResourceLimits, Warden, clean_environment

DEADLINE = 600.0
"""Seconds after which a test counts as hung, on however slow a machine."""

SAY = "import os, signal; os.write(1, b'%d\\n' % os.getpid()); signal.pause()"
"""A program that says its pid and waits."""

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
"""A program with a child, one in a process group of its own, an escaped one (twice forked, with a session
of its own), an escaped one with a child, if asked an escaped one with an empty environment. Each says its
pid."""
TREE_SIZE = 6


def spec(*argv: str, limits: ResourceLimits | None = None, **extra: str) -> ProcessSpec:
    """A spec for a program in the root directory with a clean environment."""
    env = clean_environment(extra, home="/", seed=0)
    return ProcessSpec(argv, cwd="/", env=env, limits=limits or ResourceLimits())


def python(code: str, *args: str, limits: ResourceLimits | None = None) -> ProcessSpec:
    """A spec that runs Python code."""
    return spec(sys.executable, "-c", code, *args, limits=limits)


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    """Everything up to the end of the stream."""
    data = b""
    with trio.fail_after(DEADLINE):
        async for chunk in stream:
            data += chunk
    return data


async def read_lines(stream: trio.abc.ReceiveStream, count: int) -> list[bytes]:
    """The stream's first lines, which are all that has been written."""
    data = b""
    with trio.fail_after(DEADLINE):
        while data.count(b"\n") < count:
            data += await stream.receive_some()
    return data.splitlines()


async def ended(process: Process) -> Exit:
    """The end of a process, with a deadline for the test."""
    with trio.fail_after(DEADLINE):
        return await process.wait()


async def run(warden: Warden, program: ProcessSpec) -> tuple[Exit, bytes, bytes]:
    """Run a program that reads nothing and writes little; its end, output and error output."""
    with trio.fail_after(DEADLINE):
        process = await warden.spawn(program)
        output, errors = await read_all(process.stdout), await read_all(process.stderr)
        result = await process.wait()
    process.close()
    return result, output, errors


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something in /proc, which tells nobody when it changes."""
    with trio.fail_after(DEADLINE):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await trio.sleep(0.01)


def handles(pids: list[bytes]) -> list[int]:
    """Handles of living processes, to see them die without mistaking others for them."""
    return [os.pidfd_open(int(pid)) for pid in pids]


def are_dead(pidfds: list[int]) -> bool:
    """Whether all those processes have died by now."""
    return set(select.select(pidfds, [], [], 0)[0]) == set(pidfds)


async def all_dead(pidfds: list[int]) -> None:
    """Wait until all those processes have died; closes the handles."""
    try:
        with trio.fail_after(DEADLINE):
            for pidfd in pidfds:
                await trio.lowlevel.wait_readable(pidfd)
    finally:
        for pidfd in pidfds:
            os.close(pidfd)


def children_of(pid: int) -> list[int]:
    """The pids of a process's children."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
