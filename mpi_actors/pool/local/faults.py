"""The faults of a local pool: signals to daemons and processes, and requests to daemons about their links."""

from __future__ import annotations

from ...errors import UnknownPeer
from ...ids import Rank
from .job import LocalJob
from .peer import LocalPeer


class LocalFaults:
    """What can be lost in a pool of real daemons: a `faults.FaultTarget` for the ranks of the last job."""

    def __init__(self) -> None:
        self.peers: list[LocalPeer] = []
        self._job: LocalJob | None = None
        self._cut: set[frozenset[int]] = set()
        """Pairs of peers that are cut off from each other."""
        self._delays: dict[frozenset[int], float] = {}
        """Seconds by which links between pairs of peers are slowed."""

    def peer(self, index: int) -> LocalPeer:
        """Return the peer of that number.

        Raises:
            UnknownPeer: there is no such peer.
        """
        if not 0 <= index < len(self.peers):
            raise UnknownPeer(f"there is no peer {index}; there are {len(self.peers)}")
        return self.peers[index]

    def _living(self) -> list[LocalPeer]:
        return [peer for peer in self.peers if peer.alive and not peer.frozen]

    async def kill(self, index: int) -> None:
        """End a peer with SIGKILL."""
        await self.peer(index).kill()

    async def freeze(self, index: int) -> None:
        """Stop a peer with SIGSTOP. Its ranks still run, but other peers hear nothing of them."""
        self.peer(index).freeze()

    async def thaw(self, index: int) -> None:
        """Let a frozen peer go on with SIGCONT."""
        self.peer(index).thaw()

    async def cut(self, i: int, j: int) -> None:
        """Let no bytes pass between two daemons, until `heal`. Their connection does not end by itself."""
        self._cut.add(frozenset((i, j)))
        self._obstruct(i, j)

    async def heal(self, i: int, j: int) -> None:
        """End a cut."""
        self._cut.discard(frozenset((i, j)))
        self._obstruct(i, j)

    async def slow(self, i: int, j: int, delay: float) -> None:
        """Let what two daemons write to each other take `delay` seconds longer; 0 ends that."""
        self._delays[frozenset((i, j))] = delay
        self._obstruct(i, j)

    def _obstruct(self, i: int, j: int) -> None:
        pair = frozenset((i, j))
        cut, delay = pair in self._cut, self._delays.get(pair, 0.0)
        for one, other in ((self.peer(i), self.peer(j)), (self.peer(j), self.peer(i))):
            one.obstruct(other.id, cut=cut, delay=delay)

    async def drop_lane(self, rank: Rank, other: Rank) -> None:
        """End the connection between the processes of two ranks of the last job; they get another one."""
        job = self._job
        if job is None or job.result is not None:
            return
        hosts = {started.peer for started in job.ranks.values() if started.rank in (rank, other)}
        for peer in self._living():
            if peer.id in hosts:
                peer.break_lane(job.id, rank, other)

    async def kill_process(self, rank: Rank) -> None:
        """Kill the process of a rank of the last job with SIGKILL. Do nothing if none runs."""
        if self._job is not None:
            self._job.kill_process(rank)

    async def kill_peer(self, i: int) -> None:
        """Do what `kill` does: this is its name in fault plans."""
        await self.kill(i)

    async def freeze_peer(self, i: int) -> None:
        """Do what `freeze` does: this is its name in fault plans."""
        await self.freeze(i)

    async def thaw_peer(self, i: int) -> None:
        """Do what `thaw` does: this is its name in fault plans."""
        await self.thaw(i)
