"""Pools to run jobs on from Python: of real daemons on this machine, or in memory.

>>> import mpi_actors, trio
>>> async def hello(rank):
...     await rank.log(f"rank {rank.rank} of {rank.size} says {rank.args[0]}")
>>> async def main():
...     async with mpi_actors.open_pool(peers=2, memory=True, programs={"hello": hello}) as pool:
...         job = await pool.start("hello", 2, "hi")
...         result = await job.wait()
...     print(result.output)
>>> trio.run(main)
('rank 0 of 2 says hi',)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..config import RestartPolicy, Settings
from ..coordination.result import JobResult
from ..errors import UsageError
from ..ids import JobId, Rank

if TYPE_CHECKING:
    from ..programs.functions import ProgramFunction
    from .local.peer import OnEvent


class PoolJob(Protocol):
    """A job of a pool."""

    @property
    def id(self) -> JobId:
        """Its name."""
        ...

    async def wait(self) -> JobResult:
        """Wait for the job's end."""
        ...

    def kill(self, reason: str = ...) -> None:
        """Ask that the job end; `wait` tells when it has."""
        ...

    async def why(self, patience: float = ...) -> list[str]:
        """What each rank does or waits for, a text each; hosts have `patience` seconds to answer."""
        ...


class Pool(Protocol):
    """A pool of peers, named by number. It can be given to a `faults.FaultDriver`."""

    async def start(
        self, program: str, size: int, *args: str, restart: RestartPolicy | None = ..., at: int = ...
    ) -> PoolJob:
        """Start a job with ranks 0 … size-1, coordinated by peer `at`.

        Raises:
            UnknownInterpreter: that peer does not offer the program.
            UsageError: the number of ranks is not usable.
        """
        ...

    async def start_script(
        self, program: Path | str, size: int, *args: str, restart: RestartPolicy | None = ..., at: int = ...
    ) -> PoolJob:
        """Have all peers offer an mpi4py script, and start a job of it, coordinated by peer `at`.

        Raises:
            UsageError: there is no such file, the number of ranks is not usable, or the pool is in memory.
        """
        ...

    async def add(self) -> object:
        """One more peer; returns when it is connected with all others."""
        ...

    async def settle(self) -> None:
        """Wait until all living peers are connected with each other."""
        ...

    async def kill(self, index: int) -> None:
        """End a peer as `kill -9` does."""
        ...

    async def freeze(self, index: int) -> None:
        """Stop a peer as SIGSTOP does."""
        ...

    async def thaw(self, index: int) -> None:
        """Let a frozen peer go on."""
        ...

    async def cut(self, i: int, j: int) -> None:
        """Let nothing pass between two peers.

        Raises:
            UnsupportedFault: they are real daemons.
        """
        ...

    async def heal(self, i: int, j: int) -> None:
        """End a cut.

        Raises:
            UnsupportedFault: they are real daemons.
        """
        ...

    async def kill_process(self, rank: Rank) -> None:
        """Kill the process of a rank of the last job."""
        ...

    async def kill_peer(self, i: int) -> None:
        """`kill`, under the name that fault plans use."""
        ...

    async def freeze_peer(self, i: int) -> None:
        """`freeze`, under the name that fault plans use."""
        ...

    async def thaw_peer(self, i: int) -> None:
        """`thaw`, under the name that fault plans use."""
        ...


@asynccontextmanager
async def open_pool(
    peers: int = 3,
    *,
    memory: bool = False,
    programs: Mapping[str, ProgramFunction] | None = None,
    store: Path | str | None = None,
    scripts: Iterable[Path | str] = (),
    settings: Settings | None = None,
    debug: bool = False,
    on_event: OnEvent | None = None,
) -> AsyncIterator[Pool]:
    """A pool of connected peers, all of which are stopped on leaving.

    Args:
        peers: how many.
        memory: all in this process, on a network in memory; else real daemons over libp2p.
        programs: what can be run in memory: async functions by name.
        store: what real daemons can run: a directory of interpreters, or one interpreter's directory.
        scripts: mpi4py scripts that real daemons can run, too, by the names of their files; others can be
            given to `start_script`.
        settings: of the peers.
        debug: repeat what real daemons write to standard error on ours.
        on_event: awaited with each event that a real daemon tells; see `local_peer.OnEvent`.

    Raises:
        UsageError: `peers`, `store` or `programs` are not as described.
        DaemonEnded: a daemon did not come up.
        PoolNotReady: the daemons did not find each other in time.
    """
    if peers < 1:
        raise UsageError(f"a pool has at least 1 peer, not {peers}")
    if memory:
        if store is not None or tuple(scripts) or on_event is not None:
            raise UsageError(
                "a pool in memory takes programs={name: async function}, no store, scripts or on_event"
            )
        from .memory import open_memory_pool

        async with open_memory_pool(programs or {}, peers=peers, settings=settings) as in_memory:
            yield in_memory
        return
    if programs is not None:
        raise UsageError("real daemons run interpreters of a store; programs={…} is for memory=True")
    from .local.pool import open_local_pool
    from .local.script import script

    given = [script(path) for path in scripts]
    if store is None and not given:
        raise UsageError(
            "name a store: store='DIRECTORY' with a subdirectory for each interpreter, or an interpreter's "
            "own directory; or scripts=['SCRIPT']; or memory=True with programs={name: async function}"
        )
    async with open_local_pool(
        store, peers=peers, scripts=given, settings=settings, debug=debug, on_event=on_event
    ) as local:
        yield local
