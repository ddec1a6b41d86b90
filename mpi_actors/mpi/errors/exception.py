"""MPI.Exception, and the functions of error classes, codes and strings."""

from __future__ import annotations

from .added import added
from .classes import ERR_ARG, ERR_UNKNOWN, SUCCESS


class Exception(RuntimeError):
    """An MPI call failed. `error_code`, `error_class` and `error_string` say how.

    An exception compares with integers by its code.

    Args:
        ierr: the error code; a negative number counts as ERR_UNKNOWN.
        detail: what this library adds to the code's text, such as the wrong argument.
    """

    def __init__(self, ierr: int = SUCCESS, detail: str = "", /) -> None:
        code = int(ierr)
        if code < SUCCESS:
            code = ERR_UNKNOWN
        self.ob_mpi = code
        self.detail = detail
        super().__init__(code, detail) if detail else super().__init__(code)

    def __repr__(self) -> str:
        return f"MPI.Exception({self.ob_mpi})"

    def __str__(self) -> str:
        text = self.Get_error_string()
        return f"{text}: {self.detail}" if self.detail else text

    def __int__(self) -> int:
        return self.ob_mpi

    def __bool__(self) -> bool:
        return self.ob_mpi != SUCCESS

    def __hash__(self) -> int:
        return hash(self.ob_mpi)

    def __eq__(self, other: object) -> bool:
        return self.ob_mpi == int(other) if isinstance(other, int | Exception) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return self.ob_mpi != int(other) if isinstance(other, int | Exception) else NotImplemented

    def __lt__(self, other: int | Exception) -> bool:
        return self.ob_mpi < int(other)

    def __le__(self, other: int | Exception) -> bool:
        return self.ob_mpi <= int(other)

    def __gt__(self, other: int | Exception) -> bool:
        return self.ob_mpi > int(other)

    def __ge__(self, other: int | Exception) -> bool:
        return self.ob_mpi >= int(other)

    def Get_error_code(self) -> int:
        """Return the error code."""
        return self.ob_mpi

    def Get_error_class(self) -> int:
        """Return the error class of the code: one of MPI.ERR_*, or a class that the program has added."""
        return added.error_class(self.ob_mpi)

    def Get_error_string(self) -> str:
        """Return what the code means, for people."""
        return added.text(self.ob_mpi)

    @property
    def error_code(self) -> int:
        """The error code."""
        return self.ob_mpi

    @property
    def error_class(self) -> int:
        """The error class of the code."""
        return self.Get_error_class()

    @property
    def error_string(self) -> str:
        """What the code means, for people."""
        return self.Get_error_string()


def Get_error_class(errorcode: int) -> int:
    """Return the class of an error code."""
    return added.error_class(errorcode)


def Get_error_string(errorcode: int) -> str:
    """Return what an error code means, for people."""
    return added.text(errorcode)


def Add_error_class() -> int:
    """Add an error class, and return it: a number greater than ERR_LASTCODE."""
    return added.add_class()


def Remove_error_class(errorclass: int) -> None:
    """Remove an added class. ERR_ARG if the class still has codes or a string, or was not added."""
    try:
        added.remove_class(errorclass)
    except ValueError as wrong:
        raise Exception(ERR_ARG, str(wrong)) from None


def Add_error_code(errorclass: int) -> int:
    """Add an error code of a class, and return it. ERR_ARG if there is no such class."""
    try:
        return added.add_code(errorclass)
    except ValueError as wrong:
        raise Exception(ERR_ARG, str(wrong)) from None


def Remove_error_code(errorcode: int) -> None:
    """Remove an added code. ERR_ARG if the code still has a string, or was not added."""
    try:
        added.remove_code(errorcode)
    except ValueError as wrong:
        raise Exception(ERR_ARG, str(wrong)) from None


def Add_error_string(errorcode: int, string: str) -> None:
    """Set the string of an added class or code. ERR_ARG for a predefined one."""
    try:
        added.add_text(errorcode, string)
    except ValueError as wrong:
        raise Exception(ERR_ARG, str(wrong)) from None


def Remove_error_string(errorcode: int) -> None:
    """Remove the string of an added class or code. ERR_ARG if it has none."""
    try:
        added.remove_text(errorcode)
    except ValueError as wrong:
        raise Exception(ERR_ARG, str(wrong)) from None
