"""What every pool offers, and `open_pool`: a pool of real daemons on this machine, or one in memory.

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

from ..config import ReplayOptions, RestartPolicy, Settings
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
        """The job's name."""
        ...

    async def wait(self) -> JobResult:
        """Wait for the end of the job; return its result."""
        ...

    def kill(self, reason: str = ...) -> None:
        """Ask the coordinator to end the job; `wait` returns when it has ended."""
        ...

    async def why(self, patience: float = ...) -> list[str]:
        """Return a text for each rank: what it does or waits for. Hosts have `patience` seconds to answer."""
        ...


class Pool(Protocol):
    """A pool of peers, which have numbers from 0. A `faults.FaultDriver` can act on it."""

    async def start(
        self,
        program: str,
        size: int,
        *args: str,
        restart: RestartPolicy | None = ...,
        replay: ReplayOptions | None = ...,
        at: int = ...,
    ) -> PoolJob:
        """Start a job with ranks 0 … size-1, coordinated by peer `at`.

        Raises:
            UnknownInterpreter: that peer does not offer the program.
            UsageError: `size` is not a possible number of ranks.
        """
        ...

    async def start_script(
        self,
        program: Path | str,
        size: int,
        *args: str,
        restart: RestartPolicy | None = ...,
        replay: ReplayOptions | None = ...,
        at: int = ...,
    ) -> PoolJob:
        """Make all peers offer an mpi4py script, and start a job of it, coordinated by peer `at`.

        Raises:
            UsageError: there is no such file, `size` is not a possible number of ranks, or the pool is in
                memory.
        """
        ...

    async def add(self) -> object:
        """Add a peer. Return it when it is connected with all others."""
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
        """Let nothing pass between two peers, until `heal`."""
        ...

    async def heal(self, i: int, j: int) -> None:
        """End a cut."""
        ...

    async def slow(self, i: int, j: int, delay: float) -> None:
        """Let what two peers send each other take `delay` seconds longer; 0 ends that."""
        ...

    async def drop_lane(self, rank: Rank, other: Rank) -> None:
        """End the connection between the processes of two ranks of the last job; they get another one."""
        ...

    async def kill_process(self, rank: Rank) -> None:
        """Kill the process of a rank of the last job."""
        ...

    async def kill_peer(self, i: int) -> None:
        """Do what `kill` does: this is its name in fault plans."""
        ...

    async def freeze_peer(self, i: int) -> None:
        """Do what `freeze` does: this is its name in fault plans."""
        ...

    async def thaw_peer(self, i: int) -> None:
        """Do what `thaw` does: this is its name in fault plans."""
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
    """Open a pool of connected peers. All stop at the end.

    Args:
        peers: the number of peers, at least 1.
        memory: run all peers in this process, on a network in memory; else each is a real daemon over libp2p.
        programs: what peers in memory offer: async functions by name.
        store: what real daemons offer: a directory of interpreters, or the directory of one interpreter.
        scripts: mpi4py scripts that real daemons offer, too, by the names of their files. `start_script` can
            add others.
        settings: the settings of all peers.
        debug: repeat the standard error of real daemons on that of this process.
        on_event: awaited with each event of a real daemon; see `local.peer.OnEvent`.

    Raises:
        UsageError: an argument is not as described.
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
