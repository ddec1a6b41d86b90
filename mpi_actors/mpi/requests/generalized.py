"""Generalized requests: the program itself says when its operation is complete (MPI 4.1, section 13.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..constants import SUCCESS
from ..engine import engine
from ..engine.transfer import Transfer
from ..errhandler import code_of
from ..errors.exception import Exception as MPIException
from ..status import Status
from .request import Request
from .state import Pending

if TYPE_CHECKING:
    Callback = Callable[..., Any]


class Generalized(Pending):
    """The state of a generalized request: its callbacks and their arguments.

    Attributes:
        result: the object that `wait` returns.
    """

    __slots__ = ("_arguments", "_cancel", "_free", "_freed", "_keywords", "_query", "result")

    def __init__(
        self,
        transfer: Transfer,
        query: Callback | None,
        free: Callback | None,
        cancel: Callback | None,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
    ) -> None:
        super().__init__(transfer, None, None)
        self._query = query
        self._free = free
        self._cancel = cancel
        self._arguments = arguments
        self._keywords = keywords
        self._freed = False
        self.result: Any = None

    def _call(self, function: Callback | None, *first: object) -> int:
        if function is None:
            return SUCCESS
        try:
            function(*first, *self._arguments, **self._keywords)
        except BaseException as error:  # noqa: BLE001  # any error of a callback becomes a code
            return code_of(error)
        return SUCCESS

    def describe(self, transfer: Transfer, status: Status) -> None:
        """Let the program's query function fill the status.

        Raises:
            MPIException: the function failed.
        """
        status._clear()
        code = self._call(self._query, status)
        if self._cancel is None:
            status.Set_cancelled(False)
        if code != SUCCESS:
            raise MPIException(code)

    def outcome(self, transfer: Transfer, status: Status | None) -> object:
        """Call the query function and, if that succeeds, the free function; return the result.

        Raises:
            MPIException: one of them failed.
        """
        self.retire()
        code = SUCCESS
        try:
            self.describe(transfer, Status() if status is None else status)
        except MPIException as error:
            code = error.Get_error_code()
        code = code or self._call(self._free)
        if code != SUCCESS:
            raise MPIException(code)
        return self.result

    def cancel(self, complete: bool) -> None:
        """Call the cancel function.

        Raises:
            MPIException: the function failed.
        """
        code = self._call(self._cancel, complete)
        if code != SUCCESS:
            raise MPIException(code)

    def free(self) -> None:
        """Give up the request. The free function is called now if the operation is complete, otherwise
        then."""
        super().free()
        self._freed = True
        if self.transfer is not None and self.transfer.done:
            self.complete()

    def complete(self) -> None:
        """Call the free function if the program gave up the request before the operation was complete.

        Raises:
            MPIException: the function failed.
        """
        if self._freed and self.transfer is not None:
            self.transfer = None
            code = self._call(self._free)
            if code != SUCCESS:
                raise MPIException(code)


class Grequest(Request):
    """A handle to an operation of the program."""

    __slots__ = ()
    _state = Generalized

    @classmethod
    def Start(
        cls,
        query_fn: Callback | None = None,
        free_fn: Callback | None = None,
        cancel_fn: Callback | None = None,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> Grequest:
        """Make a request for an operation of the program.

        Args:
            query_fn: called as query_fn(status, …) to fill a status, when a call completes the request.
            free_fn: called as free_fn(…) to clean up, when nothing needs the request any more.
            cancel_fn: called as cancel_fn(complete, …) by `Cancel`.
            args: further arguments of the three functions.
            kwargs: their keyword arguments.
        """
        request = cls._to(
            Generalized(Transfer(), query_fn, free_fn, cancel_fn, tuple(args or ()), dict(kwargs or {}))
        )
        assert isinstance(request, Grequest)
        return request

    def Cancel(self) -> None:
        """Call the cancel function."""
        pending: Generalized = self._require()
        pending.cancel(pending.transfer is None or pending.transfer.done)

    def Complete(self) -> None:
        """Declare the operation complete."""
        self.complete()

    def complete(self, obj: Any = None) -> None:
        """Declare the operation complete, with the object that `wait` returns."""
        pending: Generalized = self._require()
        pending.result = obj
        if pending.transfer is not None:
            engine().complete(pending.transfer)
        pending.complete()
