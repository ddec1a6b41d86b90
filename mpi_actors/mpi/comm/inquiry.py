"""What programs ask of a communicator or keep with it: size, rank, hints, attributes, error handler …"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from .. import attributes, errhandler
from ..constants import CONGRUENT, IDENT, MAX_OBJECT_NAME, SIMILAR, UNDEFINED, UNEQUAL
from ..engine import engine
from ..errhandler import Errhandler, state_for
from ..group import Group
from ..info import Info
from . import kinds
from .errors import handled
from .handle import NULL, CommHandle


class CommInquiry(CommHandle):
    """Get_size, Get_rank, Get_group, Get_name, Get_info … and the properties.

    MPI 4.1, sections 7.4.1, 7.4.4, 7.6.1, 7.8, 8.5.5 and 11.8.
    """

    __slots__ = ()

    @handled
    def Get_size(self) -> int:
        """Number of processes in the (local) group."""
        return len(self._live().members)

    @handled
    def Get_rank(self) -> int:
        """Rank of this process in the (local) group."""
        return self._live().rank

    @handled
    def Get_group(self) -> Group:
        """The (local) group."""
        return Group._with(self._live().members)

    @handled
    def Is_inter(self) -> bool:
        """Whether the communicator is an intercommunicator."""
        return self._live().remote is not None

    @handled
    def Is_intra(self) -> bool:
        """Whether the communicator is an intracommunicator."""
        return self._live().remote is None

    @handled
    def Get_topology(self) -> int:
        """The kind of topology: CART, GRAPH, DIST_GRAPH, or UNDEFINED without one."""
        topology = self._live().topology
        return UNDEFINED if topology is None else int(topology.kind)

    @handled
    def Compare(self, comm: CommHandle) -> int:
        """Compare with another communicator.

        IDENT means the same communicator, CONGRUENT the same processes with the same ranks, SIMILAR the same
        processes with other ranks, UNEQUAL anything else.
        """
        one, other = self._live(), comm._live()
        if one is other:
            return IDENT
        if (one.remote is None) != (other.remote is None):
            return UNEQUAL
        if (one.members, one.remote) == (other.members, other.remote):
            return CONGRUENT
        if set(one.members) == set(other.members) and set(one.remote or ()) == set(other.remote or ()):
            return SIMILAR
        return UNEQUAL

    @handled
    def Get_name(self) -> str:
        """The name that messages to people use."""
        return self._h.name if self._h is NULL else self._live().name

    @handled
    def Set_name(self, name: str) -> None:
        """Set the name. Only the first MAX_OBJECT_NAME - 1 characters are kept."""
        self._live().name = name[: MAX_OBJECT_NAME - 1]

    @handled
    def Get_info(self) -> Info:
        """Return a new info object with the communicator's hints."""
        return Info.Create(self._live().info)

    @handled
    def Set_info(self, info: Info) -> None:
        """Set hints. Hints that `info` does not have stay as they are."""
        self._live().info.update(info._require())

    @classmethod
    def Get_parent(cls) -> Any:
        """The communicator with the processes that spawned this one: COMM_NULL, as jobs spawn none."""
        return kinds.INTER()

    @property
    def size(self) -> int:
        """Number of processes in the (local) group."""
        state = self._h
        return len(state.members) if state.live else self.Get_size()

    @property
    def rank(self) -> int:
        """Rank of this process in the (local) group."""
        state = self._h
        return state.rank if state.live else self.Get_rank()

    @property
    def group(self) -> Group:
        """The (local) group."""
        return self.Get_group()

    @property
    def is_inter(self) -> bool:
        """Whether the communicator is an intercommunicator."""
        return self.Is_inter()

    @property
    def is_intra(self) -> bool:
        """Whether the communicator is an intracommunicator."""
        return self.Is_intra()

    @property
    def topology(self) -> int:
        """The kind of topology: CART, GRAPH, DIST_GRAPH, or UNDEFINED without one."""
        return self.Get_topology()

    @property
    def is_topo(self) -> bool:
        """Whether the communicator has a topology."""
        return self.Get_topology() != UNDEFINED

    @property
    def name(self) -> str:
        """The name that messages to people use."""
        return self.Get_name()

    @name.setter
    def name(self, value: str) -> None:
        self.Set_name(value)

    @property
    def info(self) -> Info:
        """The hints, as a new info object."""
        return self.Get_info()

    @info.setter
    def info(self, value: Info) -> None:
        self.Set_info(value)


class CommCaching(CommHandle):
    """Attributes: values that programs cache with a communicator. MPI 4.1, section 7.7.2."""

    __slots__ = ()

    @handled
    def Get_attr(self, keyval: int) -> Any:
        """The value of an attribute; None if it is not set. Raises ERR_KEYVAL for an unknown key."""
        return attributes.get_attribute("Comm", self._live().attributes, keyval)

    @handled
    def Set_attr(self, keyval: int, attrval: Any) -> None:
        """Set an attribute. Raises ERR_KEYVAL for an unknown key."""
        attributes.set_attribute(self, "Comm", self._live().attributes, keyval, attrval)

    @handled
    def Delete_attr(self, keyval: int) -> None:
        """Delete an attribute. Raises ERR_KEYVAL for an unknown key."""
        attributes.delete_attribute(self, "Comm", self._live().attributes, keyval)

    @classmethod
    def Create_keyval(
        cls,
        copy_fn: Callable[[Any, int, Any], Any] | None = None,
        delete_fn: Callable[[Any, int, Any], None] | None = None,
        nopython: bool = False,
    ) -> int:
        """Return a new key for attributes.

        `copy_fn` returns the value for a duplicate of the communicator. `delete_fn` is called with each value
        that is deleted or replaced.
        """
        return attributes.create_keyval("Comm", copy_fn, delete_fn, nopython)

    @classmethod
    def Free_keyval(cls, keyval: int) -> int:
        """Free a key: no value can be set for it any more. Return KEYVAL_INVALID."""
        return attributes.free_keyval("Comm", keyval)


class CommErrors(CommHandle):
    """The error handler of a communicator; Abort. MPI 4.1, sections 9.3 and 11.4."""

    __slots__ = ()

    @classmethod
    def Create_errhandler(cls, errhandler_fn: Callable[[Any, int], None]) -> Errhandler:
        """Return an error handler that calls a function with the communicator and the error code."""
        return errhandler.create("Comm", errhandler_fn)

    @handled
    def Get_errhandler(self) -> Errhandler:
        """The communicator's error handler."""
        return Errhandler._to(self._live().errhandler or errhandler.initial_state())

    @handled
    def Set_errhandler(self, errhandler: Errhandler) -> None:
        """Set the communicator's error handler."""
        self._live().errhandler = state_for(errhandler, "Comm")

    @handled
    def Call_errhandler(self, errorcode: int) -> None:
        """Let the communicator's error handler act on an error code."""
        state = self._live()
        errhandler.call(state.errhandler or errhandler.initial_state(), self, errorcode)

    def Abort(self, errorcode: int = 0) -> NoReturn:
        """End the whole job with this exit code."""
        engine().abort(errorcode)
