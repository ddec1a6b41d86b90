"""What a request points to: a pending operation, or one that can be started again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from ..constants import SUCCESS
from ..errhandler import initial_state, report_and_raise
from ..errors.exception import Exception as MPIException
from ..handle import forget

if TYPE_CHECKING:
    from ..engine import Transfer
    from ..handle import HasErrhandler
    from ..status import Status

    Finish = Callable[[Transfer], object]
    """Called once when an operation has succeeded; it unpacks or unpickles. `wait` returns its result."""


class Pending:
    """A started operation.

    Attributes:
        transfer: the engine's part of the operation; None once a call has reported that it is complete.
        comm: the communicator of the operation; None if it has none.
        finish: makes the result of a successful operation.
        buffer: keeps alive what the operation uses.
        persistent: whether the operation can be started again.
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
        """Forget the complete operation: a call has reported it."""
        self.transfer = None
        self.buffer = None
        forget(self)

    def describe(self, transfer: Transfer, status: Status) -> None:
        """Fill a status with how the operation has ended."""
        source, comm = transfer.source, self.comm
        if source >= 0 and comm is not None:
            source = comm.index.get(source, source)
        status._set(source, transfer.tag, transfer.error, transfer.count, transfer.cancelled)

    def outcome(self, transfer: Transfer, status: Status | None) -> object:
        """Retire a complete operation and return its result.

        No error handler has acted on an error that this raises: see `fail`.

        Raises:
            MPIException: the operation has failed.
            Exception: a callback of the program raised this.
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
        """Let the communicator's error handler act on an error, then raise the error."""
        comm = self.comm
        if comm is None:
            raise error
        error.__dict__["_reported"] = True  # so that a method of the communicator does not report it again
        report_and_raise(comm.errhandler or initial_state(), comm.cls._of(comm), error)

    def free(self) -> None:
        """Give up the request, while the operation goes on."""
        forget(self)


class PersistentPending(Pending):
    """An operation that `begin` starts, as often as the program wants. `transfer` is None between two
    starts."""

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
        """Become inactive until the next start."""
        self.transfer = None


def empty(status: Any) -> None:
    """Make a status, if there is one, the empty status, which the standard wants for inactive requests."""
    if status is not None:
        status._clear()
