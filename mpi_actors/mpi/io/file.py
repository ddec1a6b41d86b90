"""Files of parallel I/O: only the names of the interface. No file can be opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from .. import errhandler as handlers
from ..constants import ERR_FILE
from ..errhandler import Errhandler, initial_state
from ..handle import Handle, constant
from ..refused import refuse

SENTENCE = "mpi_actors has no parallel I/O: let one rank read or write, or use a file for each rank"
"""What NotImplementedError says."""

_METHODS = (
    *("Close", "Set_size", "Preallocate", "Get_size", "Get_amode", "Get_group", "Set_info", "Get_info"),
    *("Set_view", "Get_view", "Read_at", "Read_at_all", "Write_at", "Write_at_all", "Iread_at"),
    *("Iread_at_all", "Iwrite_at", "Iwrite_at_all", "Read", "Read_all", "Write", "Write_all", "Iread"),
    *("Iread_all", "Iwrite", "Iwrite_all", "Seek", "Get_position", "Get_byte_offset", "Read_shared"),
    *("Write_shared", "Iread_shared", "Iwrite_shared", "Read_ordered", "Write_ordered", "Seek_shared"),
    *("Get_position_shared", "Read_at_all_begin", "Read_at_all_end", "Write_at_all_begin"),
    *("Write_at_all_end", "Read_all_begin", "Read_all_end", "Write_all_begin", "Write_all_end"),
    *("Read_ordered_begin", "Read_ordered_end", "Write_ordered_begin", "Write_ordered_end"),
    *("Get_type_extent", "Set_atomicity", "Get_atomicity", "Sync"),
)


class File(Handle):
    """A handle to a file; always null, as there is no parallel I/O."""

    __slots__ = ()
    _error = ERR_FILE

    @classmethod
    def Create_errhandler(cls, errhandler_fn: Callable[[File, int], None]) -> Errhandler:
        """Make an error handler that calls a function with the file and the error code."""
        return handlers.create("File", errhandler_fn)

    def Get_errhandler(self) -> Errhandler:
        """Return the error handler. That of FILE_NULL is the one that new files begin with."""
        return Errhandler._to(_of_null[0])

    def Set_errhandler(self, errhandler: Errhandler) -> None:
        """Set the error handler."""
        _of_null[0] = handlers.state_for(errhandler, "File")

    def Call_errhandler(self, errorcode: int) -> None:
        """Let the error handler act on an error code."""
        handlers.call(_of_null[0], self, errorcode)


refuse(File, SENTENCE, ("Open", "Delete"), _METHODS)
for _name in ("size", "amode", "group", "group_size", "group_rank", "info", "atomicity"):
    setattr(File, _name, property(Handle._require, doc=f"Not implemented: {SENTENCE}."))

File._kind = File
FILE_NULL = constant("FILE_NULL", File())
_of_null = [initial_state()]


def Register_datarep(
    datarep: str,
    read_fn: Callable[..., None],
    write_fn: Callable[..., None],
    extent_fn: Callable[..., int],
) -> NoReturn:
    """Refuse: there is no parallel I/O."""
    raise NotImplementedError(SENTENCE)
