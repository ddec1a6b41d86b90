"""The choice of a kernel: plain Python for few items or without numpy, else numpy."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from ..constants import ERR_OP
from ..errors.exception import Exception as MPIException
from . import plain
from .elements import COMPLEX, PAIR, Element
from .plain import Reducer
from .validity import check

FEW = 20
"""Items: up to this many, plain Python is faster than calling numpy."""

WORTH_IMPORTING = 100_000
"""Items: plain Python takes about as long for this many as the import of numpy takes. To import it then costs
at most twice what the best choice, known afterwards, would have cost (the ski-rental rule)."""


class _Numpy:
    """The module numpy, which is imported once it is worth that."""

    def __init__(self) -> None:
        self.module: Any = None
        self.missing = False
        """It is not installed."""
        self.items = 0
        """Items that plain Python has reduced because numpy was not loaded."""

    def get(self) -> Any:
        """Return the module, after importing it; None if it is not installed."""
        if self.module is None and not self.missing:
            try:
                self.module = import_module("numpy")
            except ImportError:
                self.missing = True
        return self.module

    def worth(self, count: int) -> Any:
        """Return the module if a reduction of `count` items should use it, else None."""
        if self.module is not None:
            return self.module
        if "numpy" not in sys.modules:
            self.items += count
            if self.items < WORTH_IMPORTING:
                return None
        return self.get()


numpy = _Numpy()

_single: dict[tuple[str, str, str], Reducer] = {}
"""Reducers of one element, by operation, kind and code: programs reduce single numbers again and again."""


def reducer(operation: str, element: Element, count: int) -> Reducer:
    """Return a reducer of `count` elements for a predefined operation.

    Raises:
        MPI.Exception: ERR_OP, if the operation is not defined for such elements, or needs numpy (for long
            double), which is not installed.
    """
    if count == 1:
        key = (operation, *element)
        known = _single.get(key)
        if known is None:
            known = _single[key] = _make(operation, element, 1)
        return known
    return _make(operation, element, count)


def _make(operation: str, element: Element, count: int) -> Reducer:
    check(operation, element)
    if operation == "NO_OP":
        return _copy
    if operation == "REPLACE" or count == 0:
        return _keep
    kind, code = element
    module = None
    if code == "g":
        module = numpy.get()
        if module is None or module.dtype("g").itemsize != 16:
            raise MPIException(ERR_OP, "reducing long double needs numpy, and a long double of 16 bytes")
    elif count > FEW:
        module = numpy.worth(count)
    if module is not None:
        return _with_numpy(module, operation, element)
    if kind == PAIR:
        return plain.locations(operation, code)
    if kind == COMPLEX:
        if operation == "PROD":
            return plain.complex_products(code)
        count *= 2
    return plain.numbers(operation, code, count)


def _with_numpy(numpy: Any, operation: str, element: Element) -> Reducer:
    from . import arrays  # few programs need it: keeps the start fast

    kind, code = element
    if kind == PAIR:
        return arrays.locations(numpy, operation, code)
    if kind == COMPLEX and operation == "PROD":
        return arrays.complex_products(numpy, code)
    return arrays.numbers(numpy, operation, code)


def _copy(inbuf: memoryview, inoutbuf: memoryview) -> None:
    inoutbuf[:] = inbuf


def _keep(inbuf: memoryview, inoutbuf: memoryview) -> None:
    """Keep what is in `inoutbuf`: it replaces the rest."""
