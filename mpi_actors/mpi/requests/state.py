"""What a request points to: a pending operation, one that can be started again, or the program's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from ..constants import SUCCESS
from ..errhandler import initial_state, raised
from ..errors.exception import Exception as MPIException
from ..handle import forget

if TYPE_CHECKING:
    from ..engine import Transfer
    from ..handle import HasErrhandler
    from ..status import Status

    Finish = Callable[[Transfer], object]
    """Called once when an operation has succeeded: unpacks, unpickles; its result is what `wait` returns."""


class Pending:
    """A started operation. `transfer` is None when somebody has seen that it was complete.

    `buffer` keeps alive what the operation uses.
    """

    __slots__ = ("buffer", "comm", "finish", "transfer")
    persistent = False

    def __init__(
        self,
        transfer: Transfer | None,
        comm: HasErrhandler | None,
        finish: Finish | None,
        buffer: object = None,
    ) -> None:
        self.transfer = transfer
        self.comm = comm
        self.finish = finish
        self.buffer = buffer

    def retire(self) -> None:
        """The operation has completed and somebody has been told."""
        self.transfer = None
        self.buffer = None
        forget(self)

    def describe(self, transfer: Transfer, status: Status) -> None:
        """Say in a status how the operation has ended."""
        source, comm = transfer.source, self.comm
        if source >= 0 and comm is not None:
            source = comm.index.get(source, source)
        status._set(source, transfer.tag, transfer.error, transfer.count, transfer.cancelled)

    def outcome(self, transfer: Transfer, status: Status | None) -> object:
        """Retire a complete operation and give its result; raises MPIException or what a callback raised.

        The error is not yet passed to an error handler: see `fail`.
        """
        self.retire()
        if status is not None:
            self.describe(transfer, status)
        if transfer.exception is not None:
            raise transfer.exception
        if transfer.error != SUCCESS:
            raise MPIException(transfer.error)
        if self.finish is None or transfer.cancelled:
            return None
        return self.finish(transfer)

    def fail(self, error: MPIException) -> NoReturn:
        """Let the communicator's error handler act, then raise."""
        comm = self.comm
        if comm is None:
            raise error
        error.__dict__["_reported"] = True  # a method of the communicator may see the error next
        raised(comm.errhandler or initial_state(), comm.cls._of(comm), error)

    def free(self) -> None:
        """The program gives up the request; the operation goes on."""
        forget(self)


class PersistentPending(Pending):
    """An operation that `begin` starts, as often as the program wants."""

    __slots__ = ("_start",)
    persistent = True

    def __init__(
        self,
        start: Callable[[], Transfer],
        comm: HasErrhandler | None,
        finish: Finish | None,
        buffer: object = None,
    ) -> None:
        super().__init__(None, comm, finish, buffer)
        self._start = start

    def begin(self) -> None:
        """Start the operation."""
        self.transfer = self._start()

    def retire(self) -> None:
        """Be inactive until the next start."""
        self.transfer = None


def empty(status: Any) -> None:
    """Make a status, if there is one, what waiting for nothing gives."""
    if status is not None:
        status._clear()
