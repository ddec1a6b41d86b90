"""COMM_WORLD, COMM_SELF and COMM_NULL. They exist from the import on; the first two live from Init to
Finalize."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errhandler import initial_state
from ..handle import constant
from .communicator import Comm, Intercomm, Intracomm
from .context import SELF_CONTEXT, WORLD_CONTEXT
from .handle import NULL
from .state import CommState

if TYPE_CHECKING:
    from ..engine import Engine

_BEFORE = "MPI is not initialized"
_AFTER = "MPI is finalized"

for _cls in (Comm, Intracomm, Intercomm):
    _cls.__module__ = "mpi_actors.mpi.comm"  # pickle looks for the constants there

NULL.cls = Comm
COMM_NULL = constant("COMM_NULL", Comm())
COMM_SELF = constant("COMM_SELF", Intracomm._of(CommState(Intracomm, "MPI_COMM_SELF")))
COMM_WORLD = constant("COMM_WORLD", Intracomm._of(CommState(Intracomm, "MPI_COMM_WORLD")))

for _comm in (COMM_NULL, COMM_SELF, COMM_WORLD):
    _comm._h.constant = _comm
for _comm in (COMM_SELF, COMM_WORLD):
    _comm._h.absence = _BEFORE


def attach(engine: Engine) -> None:
    """Bring COMM_WORLD and COMM_SELF to life, when MPI is initialized and the processes of the job are
    known."""
    COMM_SELF._h.attach(engine, SELF_CONTEXT, (engine.rank,))
    COMM_WORLD._h.attach(engine, WORLD_CONTEXT, tuple(range(engine.size)))
    for comm in (COMM_SELF, COMM_WORLD):
        comm._h.errhandler = initial_state()


def detach() -> None:
    """End COMM_WORLD and COMM_SELF, when MPI is finalized: calls on them fail from now on."""
    for comm in (COMM_SELF, COMM_WORLD):
        comm._h.live = False
        comm._h.count = 0
        comm._h.absence = _AFTER
