"""Error handlers: what happens when a call on a communicator, session, window or file fails (MPI 4.1, section
9.3)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from .constants import ERR_ARG, ERR_ERRHANDLER, ERR_OTHER, SUCCESS
from .engine import engine
from .errors.exception import Exception as MPIException
from .handle import Handle, constant, forget
from .rc import rc

MAX_FUNCTIONS = 32
"""Error handlers for one kind of object that a program may have at a time: as many as mpi4py allows."""

if TYPE_CHECKING:
    ErrorFunction = Callable[[Any, int], None]


class ErrhandlerState:
    """A predefined behaviour, named by `kind`, or a `function` of the program for objects of a `kind`."""

    __slots__ = ("function", "kind")

    def __init__(self, kind: str, function: ErrorFunction | None = None) -> None:
        self.kind = kind
        self.function = function


_count: dict[str, int] = {}  # how many functions there are, by kind of object


class Errhandler(Handle):
    """A handle to an error handler."""

    __slots__ = ("_owner",)
    _error = ERR_ERRHANDLER
    _h: ErrhandlerState | None
    _owner: bool

    def Free(self) -> None:
        """Make this handle null. Objects that use the error handler keep it."""
        state = self._require()
        if getattr(self, "_owner", False):
            self._owner = False
            _count[state.kind] -= 1
            forget(state)
        if self is not ERRORS_RETURN and self is not ERRORS_ABORT and self is not ERRORS_ARE_FATAL:
            self._h = None


Errhandler._kind = Errhandler
ERRHANDLER_NULL = constant("ERRHANDLER_NULL", Errhandler())
_RETURN, _ABORT, _FATAL = (ErrhandlerState(kind) for kind in ("return", "abort", "fatal"))
ERRORS_RETURN = constant("ERRORS_RETURN", Errhandler._to(_RETURN))
ERRORS_ABORT = constant("ERRORS_ABORT", Errhandler._to(_ABORT))
ERRORS_ARE_FATAL = constant("ERRORS_ARE_FATAL", Errhandler._to(_FATAL))

_by_rc = {"default": _FATAL, "exception": _RETURN, "abort": _ABORT, "fatal": _FATAL}


def initial_state() -> ErrhandlerState:
    """Return the error handler that new objects begin with, as `mpi4py.rc.errors` says."""
    return _by_rc[rc.errors]


def create(kind: str, function: ErrorFunction) -> Errhandler:
    """Make an error handler that calls `function(object, code)` for objects of a kind ("Comm", "Session" …).

    Raises:
        TypeError: the function cannot be called.
        RuntimeError: there are already `MAX_FUNCTIONS` error handlers for this kind.
    """
    if not callable(function):
        raise TypeError(f"an error handler is a callable, not {type(function).__name__}")
    if _count.get(kind, 0) >= MAX_FUNCTIONS:
        raise RuntimeError(f"there are already {MAX_FUNCTIONS} error handlers for {kind} objects")
    _count[kind] = _count.get(kind, 0) + 1
    made = Errhandler._to(ErrhandlerState(kind, function))
    made._owner = True
    return made


def state_for(errhandler: Errhandler, kind: str) -> ErrhandlerState:
    """Return the state that an object of a kind keeps when a program sets its error handler.

    ERR_ARG if the error handler is for another kind of object.
    """
    state: ErrhandlerState = errhandler._require()
    if state.function is not None and state.kind != kind:
        raise MPIException(ERR_ARG, f"an error handler for {state.kind} objects, not for {kind} objects")
    return state


def call(state: ErrhandlerState, target: object, code: int, text: str = "") -> None:
    """Let an error handler act on a code: do nothing, end the job, or call the program's function."""
    if code == SUCCESS and state.function is None:
        return
    if state.function is not None:
        try:
            state.function(target, code)
        except BaseException:  # noqa: BLE001  # the standard gives no way to report it, so the job ends
            from traceback import print_exc

            print_exc()
            _abort(code, "exception in an error handler of the program")
    elif state.kind != "return":
        _abort(code, text or str(MPIException(code)))


def report_and_raise(state: ErrhandlerState, target: object, error: MPIException) -> NoReturn:
    """Let an error handler act on the error of a call on `target`, then raise the error."""
    call(state, target, error.Get_error_code(), str(error))
    raise error


def code_of(error: BaseException) -> int:
    """Show the error that a callback of the program raised, and return the code that the MPI call fails
    with."""
    from traceback import print_exception

    print_exception(error, file=sys.stderr)
    return error.Get_error_code() if isinstance(error, MPIException) else ERR_OTHER


def _abort(code: int, text: str) -> NoReturn:
    engine().abort(code, text)
