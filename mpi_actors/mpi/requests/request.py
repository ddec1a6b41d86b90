"""Requests: handles to operations that have been started, and how programs wait for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

from ..constants import ERR_REQUEST
from ..engine import engine
from ..errors.exception import Exception as MPIException
from ..handle import constant
from .many import ManyRequests
from .state import Pending, PersistentPending, empty

if TYPE_CHECKING:
    from ..engine import Transfer
    from ..handle import HasErrhandler
    from ..status import Status
    from .state import Finish


class Request(ManyRequests):
    """A handle to a pending operation. It becomes null when a call reports that the operation is complete."""

    __slots__ = ()
    _error = ERR_REQUEST
    _state: type[Pending] = Pending
    _h: Pending | None

    def __new__(cls, request: Request | None = None) -> Self:
        """Make a null handle, or another handle to the same operation.

        Raises:
            TypeError: the operation belongs to another class of requests.
        """
        self = super().__new__(cls, request)
        if self._h is not None and not isinstance(self._h, cls._state):
            raise TypeError(f"this request is no {cls.__name__}")
        return self

    @classmethod
    def _of(
        cls,
        transfer: Transfer,
        comm: HasErrhandler | None = None,
        finish: Finish | None = None,
        buf: object = None,
    ) -> Self:
        """Make the request for a started transfer on a communicator. See `Pending` for the arguments."""
        self = object.__new__(cls)
        self._h = Pending(transfer, comm, finish, buf)
        return self

    @classmethod
    def fromhandle(cls, handle: int) -> Self:
        """Return the request for a number that `handle` gave."""
        return cls(Request._to(super().fromhandle(handle)._h))

    def _wait(self, status: Status | None) -> Any:
        pending = self._h
        if pending is None or pending.transfer is None:
            self._nothing(status)
            return None
        transfer = pending.transfer
        if not transfer.done:
            engine().wait(transfer)
        return self._complete(pending, transfer, status)

    def _test(self, status: Status | None) -> tuple[bool, Any]:
        pending = self._h
        if pending is None or pending.transfer is None:
            self._nothing(status)
            return True, None
        transfer = pending.transfer
        if not engine().test(transfer):
            return False, None
        return True, self._complete(pending, transfer, status)

    def _complete(self, pending: Pending, transfer: Transfer, status: Status | None) -> object:
        if not pending.persistent:
            self._h = None
        try:
            return pending.outcome(transfer, status)
        except MPIException as error:
            pending.fail(error)

    def _nothing(self, status: Status | None) -> None:
        """Report a request that is null, inactive, or completed through another handle."""
        if self._h is not None and not self._h.persistent:
            self._h = None
        empty(status)

    def Wait(self, status: Status | None = None) -> Literal[True]:
        """Wait until the operation is complete."""
        self._wait(status)
        return True

    def Test(self, status: Status | None = None) -> bool:
        """Return whether the operation is complete; if so, complete the request."""
        return self._test(status)[0]

    def wait(self, status: Status | None = None) -> Any:
        """Wait until the operation is complete; return the object that it received, or None."""
        return self._wait(status)

    def test(self, status: Status | None = None) -> tuple[bool, Any | None]:
        """Return whether the operation is complete, and the object that it received."""
        return self._test(status)

    def Get_status(self, status: Status | None = None) -> bool:
        """Return whether the operation is complete, without completing the request."""
        pending = self._h
        if pending is None or pending.transfer is None:
            empty(status)
            return True
        if not engine().test(pending.transfer):
            return False
        if status is not None:
            pending.describe(pending.transfer, status)
        return True

    get_status = Get_status

    def Cancel(self) -> None:
        """Ask to cancel the operation. The program must still wait for it. Sends are not cancelled."""
        pending: Pending = self._require()
        if pending.transfer is None:
            raise MPIException(ERR_REQUEST, "the request is not active")
        engine().cancel(pending.transfer)

    def cancel(self) -> None:
        """The same as `Cancel`."""
        self.Cancel()

    def Free(self) -> None:
        """Give up the request. A started operation goes on by itself."""
        pending: Pending = self._require()
        pending.free()
        self._h = None


Request._kind = Request
REQUEST_NULL = constant("REQUEST_NULL", Request())


class Prequest(Request):
    """A handle to a persistent operation, which the program can start again and again."""

    __slots__ = ()
    _state = PersistentPending

    @classmethod
    def _of(  # type: ignore[override]  # it starts later
        cls,
        start: Callable[[], Transfer],
        comm: HasErrhandler | None = None,
        finish: Finish | None = None,
        buf: object = None,
    ) -> Self:
        """Make the request for the operation that `start` starts."""
        self = object.__new__(cls)
        self._h = PersistentPending(start, comm, finish, buf)
        return self

    def Start(self) -> None:
        """Start the operation. ERR_REQUEST if it is active."""
        pending: PersistentPending = self._require()
        if pending.transfer is not None:
            pending.fail(MPIException(ERR_REQUEST, "the request is already active"))
        pending.begin()

    @classmethod
    def Startall(cls, requests: Sequence[Prequest]) -> None:
        """Start several operations, in this order.

        Raises:
            TypeError: one of the requests is not persistent.
        """
        for request in requests:
            if not isinstance(request, Prequest):
                raise TypeError(f"expected Prequest, got {type(request).__name__}")
        for request in requests:
            request.Start()

    def Pready(self, partition: int) -> None:
        """Refuse: partitioned communication is not implemented."""
        _no_partitions()

    def Pready_range(self, partition_low: int, partition_high: int) -> None:
        """Refuse: partitioned communication is not implemented."""
        _no_partitions()

    def Pready_list(self, partitions: Sequence[int]) -> None:
        """Refuse: partitioned communication is not implemented."""
        _no_partitions()

    def Parrived(self, partition: int) -> bool:
        """Refuse: partitioned communication is not implemented."""
        _no_partitions()


def _no_partitions() -> NoReturn:
    raise NotImplementedError("mpi_actors has no partitioned communication: use Send_init and Recv_init")
