"""Windows of one-sided communication: only the names of the interface. No window can be made."""

from __future__ import annotations

from collections.abc import Callable

from .. import attributes
from .. import errhandler as handlers
from ..constants import ERR_WIN
from ..errhandler import Errhandler
from ..handle import Handle, constant
from ..refused import refuse

SENTENCE = "mpi_actors has no one-sided communication (windows): use messages"
"""What NotImplementedError says."""

_MAKERS = ("Create", "Allocate", "Allocate_shared", "Create_dynamic")
_METHODS = (
    *("Attach", "Detach", "Free", "Set_info", "Get_info", "Get_group", "Shared_query", "tomemory"),
    *("Get_attr", "Set_attr", "Delete_attr", "Put", "Get", "Accumulate", "Get_accumulate", "Fetch_and_op"),
    *("Compare_and_swap", "Rput", "Rget", "Raccumulate", "Rget_accumulate", "Fence", "Start", "Complete"),
    *("Post", "Wait", "Test", "Lock", "Unlock", "Lock_all", "Unlock_all", "Flush", "Flush_all"),
    *("Flush_local", "Flush_local_all", "Sync", "Get_errhandler", "Set_errhandler", "Call_errhandler"),
    "Set_name",
)


class Win(Handle):
    """A handle to a window; always null, as there is no one-sided communication."""

    __slots__ = ()
    _error = ERR_WIN

    def Get_name(self) -> str:
        """Return the name: a null window has one."""
        return "MPI_WIN_NULL"

    @property
    def name(self) -> str:
        """The name."""
        return self.Get_name()

    @classmethod
    def Create_keyval(
        cls,
        copy_fn: Callable[..., object] | bool | None = None,
        delete_fn: Callable[..., object] | bool | None = None,
        nopython: bool = False,
    ) -> int:
        """Make a key for attributes of windows. See `attributes.create_keyval` for the arguments."""
        return attributes.create_keyval("Win", copy_fn, delete_fn, nopython)

    @classmethod
    def Free_keyval(cls, keyval: int) -> int:
        """Free a key of attributes, and return KEYVAL_INVALID."""
        return attributes.free_keyval("Win", keyval)

    @classmethod
    def Create_errhandler(cls, errhandler_fn: Callable[[Win, int], None]) -> Errhandler:
        """Make an error handler that calls a function with the window and the error code."""
        return handlers.create("Win", errhandler_fn)


refuse(Win, SENTENCE, _MAKERS, _METHODS)
for _name in ("info", "group", "group_size", "group_rank", "attrs", "flavor", "model"):
    setattr(Win, _name, property(Handle._require, doc=f"Not implemented: {SENTENCE}."))

Win._kind = Win
WIN_NULL = constant("WIN_NULL", Win())
