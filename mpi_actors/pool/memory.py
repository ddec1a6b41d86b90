"""A pool in one process: whole daemons on a network in memory, async functions as programs.

It is made for tests under trio's mock clock. All code above the transport and the programs is that of real
pools.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import attrs
import trio

from ..config import ReplayOptions, RestartPolicy, Settings
from ..daemon.tree import Daemon
from ..errors import UnknownPeer, UsageError
from ..ids import PeerId, Rank
from ..jobs.job import Job
from ..net.memory.network import MemoryNetwork
from ..programs.functions import FunctionStarter, ProgramFunction

_POOL = "memory"
"""The name of the pool, which real pools take from their store."""


@attrs.define(eq=False)
class MemoryPeer:
    """One peer of a pool in memory."""

    index: int
    daemon: Daemon
    starter: FunctionStarter
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    ended: trio.Event = attrs.field(factory=trio.Event)

    @property
    def id(self) -> PeerId:
        """The peer's identity."""
        return self.daemon.local

    @property
    def alive(self) -> bool:
        """Whether the peer was not killed."""
        return not self.scope.cancel_called


class MemoryPool:
    """A pool in one process, made by `open_memory_pool`. Peers have numbers; faults take effect at once.

    It is a `faults.FaultTarget` for the ranks of the last job.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        network: MemoryNetwork,
        starter: Callable[[int], FunctionStarter],
        settings: Settings,
    ) -> None:
        self.network = network
        self.peers: list[MemoryPeer] = []
        self._nursery = nursery
        self._starter = starter
        self._settings = settings
        self._job: Job | None = None

    async def add(self) -> MemoryPeer:
        """Add a peer. Return it when it is connected with all peers that it can reach."""
        index = len(self.peers)
        transport = self.network.transport(PeerId(f"peer-{index:03}"))
        starter = self._starter(index)
        others = [peer for peer in self.peers if peer.alive]
        daemon = Daemon(
            transport=transport,
            starter=starter,
            pool=_POOL,
            settings=self._settings,
            bootstrap=[address for peer in others for address in peer.daemon.transport.addresses],
            daemon_pid=10_000 + index,
        )
        peer = MemoryPeer(index, daemon, starter)
        self.peers.append(peer)
        await self._nursery.start(self._live, peer)
        return peer

    async def settle(self) -> None:
        """Wait until all living peers are connected with each other."""
        living = [peer for peer in self.peers if peer.alive]
        while any(len(peer.daemon.roster) < len(living) - 1 for peer in living):
            joined = trio.Event()
            ends = [peer.daemon.bus.listen(lambda _: joined.set()) for peer in living]  # noqa: B023
            await joined.wait()
            for end in ends:
                end()

    async def start(
        self,
        program: str,
        size: int,
        *args: str,
        restart: RestartPolicy | None = None,
        replay: ReplayOptions | None = None,
        at: int = 0,
    ) -> Job:
        """Start a job with ranks 0 … size-1, coordinated by peer `at`."""
        self._job = await self.peer(at).daemon.start_job(program, size, args, restart=restart, replay=replay)
        return self._job

    async def start_script(
        self,
        program: object,
        size: int,
        *args: str,
        restart: RestartPolicy | None = None,
        replay: ReplayOptions | None = None,
        at: int = 0,
    ) -> Job:
        """Refuse: a pool in memory has no processes.

        Raises:
            UsageError: always.
        """
        raise UsageError("a pool in memory runs async functions: mpi4py scripts need real daemons")

    def peer(self, index: int) -> MemoryPeer:
        """Return the peer of that number.

        Raises:
            UnknownPeer: there is no such peer.
        """
        if not 0 <= index < len(self.peers):
            raise UnknownPeer(f"there is no peer {index}; there are {len(self.peers)}")
        return self.peers[index]

    # --- faults -------------------------------------------------------------------------------------------

    async def kill(self, index: int) -> None:
        """End a peer as SIGKILL does."""
        peer = self.peer(index)
        self.network.kill(peer.id)
        peer.scope.cancel()
        await peer.ended.wait()

    async def freeze(self, index: int) -> None:
        """Stop a peer as SIGSTOP does: it sends and receives nothing."""
        self.network.freeze(self.peer(index).id)

    async def thaw(self, index: int) -> None:
        """Let a frozen peer go on."""
        self.network.thaw(self.peer(index).id)

    async def cut(self, i: int, j: int) -> None:
        """Let nothing pass between two peers. Their connection does not end."""
        self.network.cut(self.peer(i).id, self.peer(j).id)

    async def heal(self, i: int, j: int) -> None:
        """End a cut."""
        self.network.heal(self.peer(i).id, self.peer(j).id)

    async def slow(self, i: int, j: int, delay: float) -> None:
        """Let what two peers send each other take `delay` seconds longer; 0 ends that."""
        self.network.delay(self.peer(i).id, self.peer(j).id, delay)

    async def drop_lane(self, rank: Rank, other: Rank) -> None:
        """End the lane between two ranks of the last job. Do nothing if their programs have none."""
        if self._job is not None:
            for peer in self.peers:
                if peer.alive:
                    peer.daemon.host.lanes.drop(self._job.id, rank, other)

    async def kill_process(self, rank: Rank) -> None:
        """Kill the program of a rank of the last job, at whichever peer. Do nothing if none runs."""
        if self._job is not None:
            for peer in self.peers:
                peer.starter.kill(self._job.id, rank)

    async def kill_peer(self, i: int) -> None:
        """Do what `kill` does: this is its name in fault plans."""
        await self.kill(i)

    async def freeze_peer(self, i: int) -> None:
        """Do what `freeze` does: this is its name in fault plans."""
        await self.freeze(i)

    async def thaw_peer(self, i: int) -> None:
        """Do what `thaw` does: this is its name in fault plans."""
        await self.thaw(i)

    async def _live(self, peer: MemoryPeer, *, task_status: trio.TaskStatus[None]) -> None:
        try:
            with peer.scope:
                await peer.daemon.run(task_status=task_status)
        finally:
            peer.ended.set()


@asynccontextmanager
async def open_memory_pool(
    programs: Mapping[str, ProgramFunction],
    *,
    peers: int = 3,
    settings: Settings | None = None,
    network: MemoryNetwork | None = None,
    starter: Callable[[int], FunctionStarter] | None = None,
) -> AsyncIterator[MemoryPool]:
    """Open a pool of connected peers. All stop at the end.

    Args:
        programs: the programs that each peer offers, by their names.
        peers: the number of peers at first.
        settings: the settings of all peers.
        network: the network; by default a new one.
        starter: makes the starter of the peer of a number; by default one for `programs`.
    """
    make = starter or (lambda _: FunctionStarter(programs))
    async with trio.open_nursery() as nursery:
        pool = MemoryPool(nursery, network or MemoryNetwork(), make, settings or Settings())
        for _ in range(peers):
            await pool.add()
        await pool.settle()
        yield pool
        for peer in pool.peers:
            pool.network.thaw(peer.id)
        nursery.cancel_scope.cancel()
