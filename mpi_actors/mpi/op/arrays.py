"""Reductions with numpy, for more than a few items. The caller passes the module numpy, which is not
imported here.

The arguments are: the module, the name of the operation, and the character of the elements (see `Element`).
"""

from __future__ import annotations

from typing import Any

from .plain import Reducer

UFUNC = {
    "SUM": "add",
    "PROD": "multiply",
    "LAND": "logical_and",
    "LOR": "logical_or",
    "LXOR": "logical_xor",
    "BAND": "bitwise_and",
    "BOR": "bitwise_or",
    "BXOR": "bitwise_xor",
    "MAX": "maximum",
    "MIN": "minimum",
}
"""The numpy function of each operation."""


def numbers(numpy: Any, operation: str, code: str) -> Reducer:
    """Return a reducer of integers or floating-point numbers."""
    dtype = numpy.dtype(code)
    if code not in "efdg":
        return integers(numpy, getattr(numpy, UFUNC[operation]), dtype)
    if operation in ("MAX", "MIN"):
        return extremes(numpy, numpy.greater if operation == "MAX" else numpy.less, dtype)
    function, frombuffer, errstate = getattr(numpy, UFUNC[operation]), numpy.frombuffer, numpy.errstate

    def reduce(inbuf: memoryview, inoutbuf: memoryview) -> None:
        out = frombuffer(inoutbuf, dtype)
        with errstate(all="ignore"):
            function(frombuffer(inbuf, dtype), out, out=out)

    return reduce


def integers(numpy: Any, function: Any, dtype: Any) -> Reducer:
    """Return a reducer of integers, which wrap around."""
    frombuffer = numpy.frombuffer

    def reduce(inbuf: memoryview, inoutbuf: memoryview) -> None:
        out = frombuffer(inoutbuf, dtype)
        function(frombuffer(inbuf, dtype), out, out=out)

    return reduce


def extremes(numpy: Any, better: Any, dtype: Any) -> Reducer:
    """Return a reducer that keeps the greatest or least numbers.

    It does not use `maximum`, which may give either of two zeros, depending on the processor: ranks must
    agree to the bit.
    """

    def reduce(inbuf: memoryview, inoutbuf: memoryview) -> None:
        these, out = numpy.frombuffer(inbuf, dtype), numpy.frombuffer(inoutbuf, dtype)
        with numpy.errstate(all="ignore"):
            chosen = better(these, out)
            numpy.logical_or(chosen, these != these, out=chosen)
        numpy.copyto(out, these, where=chosen)

    return reduce


def complex_products(numpy: Any, code: str) -> Reducer:
    """Return a reducer that multiplies complex numbers, part by part.

    It does not use `multiply`, whose products and sums some processors fuse: ranks must agree to the bit.
    """
    dtype = numpy.dtype(code)

    def reduce(inbuf: memoryview, inoutbuf: memoryview) -> None:
        these, out = numpy.frombuffer(inbuf, dtype), numpy.frombuffer(inoutbuf, dtype)
        a, b, c, d = these[0::2], these[1::2], out[0::2], out[1::2]
        with numpy.errstate(all="ignore"):
            real, imaginary = a * c, a * d
            real -= b * d
            imaginary += b * c
        out[0::2], out[1::2] = real, imaginary

    return reduce


def locations(numpy: Any, operation: str, code: str) -> Reducer:
    """Return a reducer for MAXLOC or MINLOC; of equal values it keeps the one with the lesser index."""
    dtype = numpy.dtype([("value", code), ("index", "i")])
    better = numpy.greater if operation == "MAXLOC" else numpy.less

    def reduce(inbuf: memoryview, inoutbuf: memoryview) -> None:
        these, out = numpy.frombuffer(inbuf, dtype), numpy.frombuffer(inoutbuf, dtype)
        with numpy.errstate(all="ignore"):
            worse = better(out["value"], these["value"])
            chosen = better(these["value"], out["value"])
        chosen |= ~worse & (these["index"] < out["index"])
        out[chosen] = these[chosen]

    return reduce
