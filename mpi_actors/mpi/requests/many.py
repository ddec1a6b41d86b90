"""Completing several requests at once: any, all, or some of them (MPI 4.1, section 3.7.5).

Here the place of a request is its position in the list that the program gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..constants import ERR_IN_STATUS, SUCCESS, UNDEFINED
from ..engine import engine
from ..errors.exception import Exception as MPIException
from ..handle import Handle
from ..status import Status
from .state import Pending, empty

if TYPE_CHECKING:
    from ..engine import Transfer


class Active:
    """The active ones among some requests, with their places.

    Raises:
        TypeError: one of them is not a request.
    """

    def __init__(self, requests: Sequence[Any]) -> None:
        self.requests = requests
        self.places: list[int] = []
        self.transfers: list[Transfer] = []
        self._pending: list[Pending] = []
        for place, request in enumerate(requests):
            if not isinstance(request, ManyRequests):
                raise TypeError(f"expected Request, got {type(request).__name__}")
            pending: Pending | None = request._h
            if pending is None:
                continue
            if pending.transfer is not None:
                self.places.append(place)
                self.transfers.append(pending.transfer)
                self._pending.append(pending)
            elif not pending.persistent:
                request._h = None  # another handle has completed it

    def outcome(self, index: int, status: Status | None) -> object:
        """Complete the active request number `index` and return its result. Errors are as in
        `Pending.outcome`."""
        pending = self._pending[index]
        if not pending.persistent:
            self.requests[self.places[index]]._h = None
        return pending.outcome(self.transfers[index], status)

    def one(self, index: int, status: Status | None) -> object:
        """Complete one request alone: the error handler acts on its error."""
        try:
            return self.outcome(index, status)
        except MPIException as error:
            self._pending[index].fail(error)

    def several(self, indices: Sequence[int], statuses: list[Status] | None) -> list[object]:
        """Complete several requests and return their results.

        If one has failed, its error code is in its status, and the error is ERR_IN_STATUS.

        Raises:
            BaseException: a callback of the program raised this; of several the first.
        """
        results: list[object] = []
        failed: tuple[int, MPIException] | None = None
        other: BaseException | None = None
        for place, index in enumerate(indices):
            status = statuses[place] if statuses is not None and place < len(statuses) else None
            try:
                results.append(self.outcome(index, status))
                code = SUCCESS
            except MPIException as error:
                failed = failed or (index, error)
                code = error.Get_error_code()
            except BaseException as error:  # noqa: BLE001  # all must be completed first
                other = other or error
                code = SUCCESS
            if status is not None:
                status.Set_error(code)
        if other is not None:
            raise other
        if failed is not None:
            index, first = failed
            self._pending[index].fail(MPIException(ERR_IN_STATUS, str(first)))
        return results

    def describe(self, index: int, status: Status | None) -> None:
        """Fill a status for the active request number `index`, without completing it."""
        if status is not None:
            self._pending[index].describe(self.transfers[index], status)


def room(statuses: Any, needed: int) -> Any:
    """Make a list of statuses at least as long as needed, and return it. Other sequences stay as they are."""
    if isinstance(statuses, list):
        statuses.extend(Status() for _ in range(len(statuses), needed))
    return statuses


def wait_any(requests: Sequence[Any], status: Status | None) -> tuple[int, Any]:
    """Wait until a request is complete; return its place and result. The place is UNDEFINED if none is
    active."""
    active = Active(requests)
    if not active.transfers:
        empty(status)
        return UNDEFINED, None
    index = engine().wait_any(active.transfers)
    return active.places[index], active.one(index, status)


def test_any(requests: Sequence[Any], status: Status | None) -> tuple[int, bool, Any]:
    """As `wait_any`, without waiting. The second value is True if a request is complete, or none is
    active."""
    active = Active(requests)
    if not active.transfers:
        empty(status)
        return UNDEFINED, True, None
    index = engine().test_any(active.transfers)
    if index < 0:
        return UNDEFINED, False, None
    return active.places[index], True, active.one(index, status)


def _results_of_all(active: Active, statuses: list[Status] | None) -> list[Any]:
    """Complete all requests. An inactive one has the result None and an empty status."""
    filled = room(statuses, len(active.requests))
    inactive = set(range(len(active.requests))).difference(active.places)
    if filled is not None:
        for place in inactive:
            if place < len(filled):
                filled[place]._clear()
    results: list[Any] = [None] * len(active.requests)
    own = None
    if filled is not None:
        own = [filled[place] if place < len(filled) else Status() for place in active.places]
    for place, result in zip(active.places, active.several(range(len(active.transfers)), own), strict=True):
        results[place] = result
    return results


def wait_all(requests: Sequence[Any], statuses: list[Status] | None) -> list[Any]:
    """Wait until all requests are complete; return their results."""
    active = Active(requests)
    if active.transfers:
        engine().wait_all(active.transfers)
    return _results_of_all(active, statuses)


def test_all(requests: Sequence[Any], statuses: list[Status] | None) -> tuple[bool, list[Any] | None]:
    """Complete all requests if all are complete now; otherwise return (False, None) and complete none."""
    active = Active(requests)
    if active.transfers and not engine().test_all(active.transfers):
        return False, None
    return True, _results_of_all(active, statuses)


def some(
    requests: Sequence[Any], statuses: list[Status] | None, wait: bool
) -> tuple[list[int] | None, list[Any] | None]:
    """Complete the requests that are complete, and return their places and results; None if none is active.

    With `wait` at least one is complete.
    """
    active = Active(requests)
    if not active.transfers:
        return None, None
    indices = sorted(engine().wait_some(active.transfers) if wait else engine().test_some(active.transfers))
    filled = room(statuses, len(indices))
    return [active.places[index] for index in indices], active.several(indices, filled)


class ManyRequests(Handle):
    """The class methods of Request that take several requests. They fill `statuses`, and make a list
    longer."""

    __slots__ = ()

    @classmethod
    def Waitany(cls, requests: Sequence[Any], status: Status | None = None) -> int:
        """Wait until a request is complete, and return its place; UNDEFINED if none is active."""
        return wait_any(requests, status)[0]

    @classmethod
    def waitany(cls, requests: Sequence[Any], status: Status | None = None) -> tuple[int, Any]:
        """Wait until a request is complete, and return its place and object."""
        return wait_any(requests, status)

    @classmethod
    def Testany(cls, requests: Sequence[Any], status: Status | None = None) -> tuple[int, bool]:
        """Return the place of a complete request and True.

        The result is (UNDEFINED, False) if none is complete, and (UNDEFINED, True) if none is active.
        """
        return test_any(requests, status)[:2]

    @classmethod
    def testany(cls, requests: Sequence[Any], status: Status | None = None) -> tuple[int, bool, Any | None]:
        """As `Testany`, with the object."""
        return test_any(requests, status)

    @classmethod
    def Waitall(cls, requests: Sequence[Any], statuses: list[Status] | None = None) -> Literal[True]:
        """Wait until all requests are complete. ERR_IN_STATUS if one has failed."""
        wait_all(requests, statuses)
        return True

    @classmethod
    def waitall(cls, requests: Sequence[Any], statuses: list[Status] | None = None) -> list[Any]:
        """Wait until all requests are complete, and return their objects."""
        return wait_all(requests, statuses)

    @classmethod
    def Testall(cls, requests: Sequence[Any], statuses: list[Status] | None = None) -> bool:
        """Return whether all requests are complete; if not, complete none."""
        return test_all(requests, statuses)[0]

    @classmethod
    def testall(
        cls, requests: Sequence[Any], statuses: list[Status] | None = None
    ) -> tuple[bool, list[Any] | None]:
        """As `Testall`, with the objects."""
        return test_all(requests, statuses)

    @classmethod
    def Waitsome(cls, requests: Sequence[Any], statuses: list[Status] | None = None) -> list[int] | None:
        """Wait until a request is complete; return the places of all complete ones. None if none is
        active."""
        return some(requests, statuses, wait=True)[0]

    @classmethod
    def waitsome(
        cls, requests: Sequence[Any], statuses: list[Status] | None = None
    ) -> tuple[list[int] | None, list[Any] | None]:
        """As `Waitsome`, with the objects."""
        return some(requests, statuses, wait=True)

    @classmethod
    def Testsome(cls, requests: Sequence[Any], statuses: list[Status] | None = None) -> list[int] | None:
        """Return the places of the complete requests, perhaps of none. None if no request is active."""
        return some(requests, statuses, wait=False)[0]

    @classmethod
    def testsome(
        cls, requests: Sequence[Any], statuses: list[Status] | None = None
    ) -> tuple[list[int] | None, list[Any] | None]:
        """As `Testsome`, with the objects."""
        return some(requests, statuses, wait=False)

    @classmethod
    def Get_status_any(cls, requests: Sequence[Any], status: Status | None = None) -> tuple[int, bool]:
        """As `Testany`, without completing the request."""
        active = Active(requests)
        if not active.transfers:
            empty(status)
            return UNDEFINED, True
        index = engine().test_any(active.transfers)
        if index < 0:
            return UNDEFINED, False
        active.describe(index, status)
        return active.places[index], True

    @classmethod
    def Get_status_all(cls, requests: Sequence[Any], statuses: list[Status] | None = None) -> bool:
        """As `Testall`, without completing the requests."""
        active = Active(requests)
        if active.transfers and not engine().test_all(active.transfers):
            return False
        filled = room(statuses, len(requests)) or ()
        for status in filled:
            empty(status)
        for index, place in enumerate(active.places):
            if place < len(filled):
                active.describe(index, filled[place])
        return True

    @classmethod
    def Get_status_some(
        cls, requests: Sequence[Any], statuses: list[Status] | None = None
    ) -> list[int] | None:
        """As `Testsome`, without completing the requests."""
        active = Active(requests)
        if not active.transfers:
            return None
        indices = sorted(engine().test_some(active.transfers))
        filled = room(statuses, len(indices)) or ()
        for place, index in enumerate(indices):
            if place < len(filled):
                active.describe(index, filled[place])
        return [active.places[index] for index in indices]

    get_status_any = Get_status_any
    get_status_all = Get_status_all
    get_status_some = Get_status_some
