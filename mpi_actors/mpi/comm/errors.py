"""How a call on a communicator fails: the communicator's error handler acts, then the error is raised.

Methods that must be fast have a try statement of their own and call `report_and_raise`; the others are
decorated with `handled`. MPI 4.1, section 9.3.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, NoReturn, ParamSpec, TypeVar

from .. import errhandler
from ..errors.exception import Exception as MPIException

if TYPE_CHECKING:
    from .handle import CommHandle

P = ParamSpec("P")
R = TypeVar("R")
H = TypeVar("H", bound="CommHandle")


def report_and_raise(comm: CommHandle, error: MPIException) -> NoReturn:
    """Let the error handler of `comm` act on an error of one of its methods, once; then raise the error.

    Does not return: the error handler may also end the job.
    """
    state = comm._h
    if error.__dict__.get("_reported"):
        raise error
    error.__dict__["_reported"] = True
    errhandler.report_and_raise(state.errhandler or errhandler.initial_state(), comm, error)


def handled(method: Callable[Concatenate[H, P], R]) -> Callable[Concatenate[H, P], R]:
    """Decorate a method of a communicator so that the communicator's error handler sees its errors."""

    @wraps(method)
    def wrapper(self: H, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except MPIException as error:
            report_and_raise(self, error)

    return wrapper
