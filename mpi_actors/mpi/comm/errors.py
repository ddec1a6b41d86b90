"""What becomes of an error in a call on a communicator: its error handler acts, then the error is raised.

The methods that must be quick have a try statement of their own and call `raised`; others are `handled`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, NoReturn, ParamSpec, TypeVar

from .. import errhandler
from ..errors.exception import Exception as MPIException
from .state import CommState

if TYPE_CHECKING:
    from .handle import CommHandle

P = ParamSpec("P")
R = TypeVar("R")
H = TypeVar("H", bound="CommHandle")


def raised(comm: CommHandle, error: MPIException) -> NoReturn:
    """A method of `comm` has failed. Does not return: raises the error, or ends the job."""
    state = comm._h
    if error.__dict__.get("_reported"):
        raise error
    error.__dict__["_reported"] = True
    errhandler.raised(state.errhandler or errhandler.initial_state(), comm, error)


def failed(state: CommState | None, error: MPIException) -> NoReturn:
    """The same where only the state of the communicator is at hand, as in requests."""
    if state is None:
        raise error
    raised(state.cls._of(state), error)


def handled(method: Callable[Concatenate[H, P], R]) -> Callable[Concatenate[H, P], R]:
    """Decorate a method of a communicator so that its error handler sees what it raises."""

    @wraps(method)
    def wrapper(self: H, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except MPIException as error:
            raised(self, error)

    return wrapper
