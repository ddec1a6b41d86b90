"""Each transport keeps the contract of `Transport`."""

from __future__ import annotations

from itertools import count

import pytest
import trio
from trio.testing import MockClock

from mpi_actors.ids import PeerId
from mpi_actors.net.breakable import BreakableTransport, Obstacles
from mpi_actors.net.libp2p import identity
from mpi_actors.net.libp2p.transport import Libp2pTransport
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.net.transport import Transport

pytest.register_assert_rewrite("transport_contract")

from transport_contract import Backend, TransportContract  # noqa: E402


class MemoryBackend:
    """Peers on one memory network."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self._names = count()

    def transport(self) -> Transport:
        """A new peer's transport."""
        return self._network.transport(PeerId(f"peer{next(self._names)}"))


def _memory() -> Backend:
    return MemoryBackend(MemoryNetwork(latency=0.001))


class BreakableBackend(MemoryBackend):
    """The same, behind obstacles that are not there."""

    def transport(self) -> Transport:
        """A new peer's transport."""
        return BreakableTransport(super().transport(), Obstacles())


def _breakable() -> Backend:
    return BreakableBackend(MemoryNetwork(latency=0.001))


def _memory_at_its_worst() -> Backend:
    return MemoryBackend(MemoryNetwork(latency=0.05, bandwidth=1e6, capacity=5000, short_reads=0.5, seed=1))


class Libp2pBackend:
    """Peers on loopback, in real time."""

    def transport(self) -> Transport:
        """A new peer's transport."""
        return Libp2pTransport(identity.ephemeral())


class TestTransport(TransportContract):
    """The contract, for each backend, in real or virtual time."""

    @pytest.fixture(
        params=[(_memory, True), (_memory_at_its_worst, True), (_breakable, True), (Libp2pBackend, False)],
        ids=["memory", "memory-worst", "breakable", "libp2p"],
    )
    def made(self, request: pytest.FixtureRequest) -> tuple[Backend, bool]:
        """One backend."""
        make, virtual = request.param
        return make(), virtual

    @pytest.fixture
    def backend(self, made: tuple[Backend, bool]) -> Backend:
        """The maker of the peers."""
        return made[0]

    @pytest.fixture
    def clock(self, made: tuple[Backend, bool]) -> trio.abc.Clock | None:
        """Virtual time, where only trio's clock counts."""
        return MockClock(autojump_threshold=0) if made[1] else None
