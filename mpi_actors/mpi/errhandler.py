"""Error handlers: what happens when a call on a communicator, session, window or file fails."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from .constants import ERR_ARG, ERR_ERRHANDLER, ERR_OTHER, SUCCESS
from .errors.exception import Exception as MPIException
from .handle import Handle, constant, forget
from .rc import rc

MOST_FUNCTIONS = 32
"""So many error handlers of one kind of object may a program have made and not freed."""

if TYPE_CHECKING:
    ErrorFunction = Callable[[Any, int], None]


class ErrhandlerState:
    """A predefined behaviour (`function` is None) or a function of the program."""

    __slots__ = ("function", "kind")

    def __init__(self, kind: str, function: ErrorFunction | None = None) -> None:
        self.kind = kind
        self.function = function


_made: dict[str, int] = {}  # how many functions there are, by kind


class Errhandler(Handle):
    """A handle to an error handler."""

    __slots__ = ("_owner",)
    _error = ERR_ERRHANDLER
    _h: ErrhandlerState | None
    _owner: bool

    def Free(self) -> None:
        """Make this handle null; who uses the error handler keeps it."""
        state = self._require()
        if getattr(self, "_owner", False):
            self._owner = False
            _made[state.kind] -= 1
            forget(state)
        if self is not ERRORS_RETURN and self is not ERRORS_ABORT and self is not ERRORS_ARE_FATAL:
            self._h = None


Errhandler._kind = Errhandler
ERRHANDLER_NULL = constant("ERRHANDLER_NULL", Errhandler())
ERRORS_RETURN = constant("ERRORS_RETURN", Errhandler._to(ErrhandlerState("return")))
ERRORS_ABORT = constant("ERRORS_ABORT", Errhandler._to(ErrhandlerState("abort")))
ERRORS_ARE_FATAL = constant("ERRORS_ARE_FATAL", Errhandler._to(ErrhandlerState("fatal")))

_by_rc = {
    "default": ERRORS_ARE_FATAL,
    "exception": ERRORS_RETURN,
    "abort": ERRORS_ABORT,
    "fatal": ERRORS_ARE_FATAL,
}


def initial_state() -> ErrhandlerState:
    """The error handler that new objects begin with, as `mpi4py.rc.errors` says."""
    state = _by_rc[rc.errors]._h
    assert state is not None
    return state


def create(kind: str, function: ErrorFunction) -> Errhandler:
    """A handler that calls `function(object, code)` for objects of a kind ("Comm", "Session", …)."""
    if not callable(function):
        raise TypeError(f"an error handler is a callable, not {type(function).__name__}")
    if _made.get(kind, 0) >= MOST_FUNCTIONS:
        raise RuntimeError(f"there are already {MOST_FUNCTIONS} error handlers for {kind} objects")
    _made[kind] = _made.get(kind, 0) + 1
    made = Errhandler._to(ErrhandlerState(kind, function))
    made._owner = True
    return made


def chosen(errhandler: Errhandler, kind: str) -> ErrhandlerState:
    """The state to remember when an object of a kind is given an error handler."""
    state: ErrhandlerState = errhandler._require()
    if state.function is not None and state.kind != kind:
        raise MPIException(ERR_ARG, f"an error handler for {state.kind} objects, not for {kind} objects")
    return state


def call(state: ErrhandlerState, target: object, code: int, text: str = "") -> None:
    """Let an error handler act on a code: nothing, end the job, or call the program's function."""
    if code == SUCCESS and state.function is None:
        return
    if state.function is not None:
        try:
            state.function(target, code)
        except BaseException:  # noqa: BLE001  # nobody could go on: the standard leaves no way to report it
            from traceback import print_exc

            print_exc()
            _abort(code, "exception in an error handler of the program")
    elif state.kind != "return":
        _abort(code, text or str(MPIException(code)))


def raised(state: ErrhandlerState, target: object, error: MPIException) -> NoReturn:
    """A call on `target` failed: its error handler acts, then the error is raised if we are still here."""
    call(state, target, error.Get_error_code(), str(error))
    raise error


def code_of(error: BaseException) -> int:
    """A callback of the program has raised: show where, and give the code that the call fails with."""
    from traceback import print_exception

    print_exception(error, file=sys.stderr)
    return error.Get_error_code() if isinstance(error, MPIException) else ERR_OTHER


def _abort(code: int, text: str) -> NoReturn:
    from .engine import engine

    engine().abort(code, text)
