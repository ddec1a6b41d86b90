"""Operations that programs define, on buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..datatypes import buffer
from .plain import Reducer
from .state import UserFunction

if TYPE_CHECKING:
    from ..datatypes import Datatype


def user_reducer(function: UserFunction, datatype: Datatype, count: int) -> Reducer:
    """Return a reducer of `count` items of any datatype that calls a user's function.

    The reducer gets packed data; the function gets buffers that are laid out as the datatype says.
    """
    if datatype._contiguous:

        def reduce(inbuf: memoryview, inoutbuf: memoryview) -> None:
            if inbuf:
                function(buffer(inbuf), buffer(inoutbuf), datatype)

        reduce.own = True  # type: ignore[attr-defined]  # the program's: see `engine.runs`
        return reduce

    def lay_out(packed: memoryview) -> memoryview:
        view = memoryview(bytearray(extent))
        datatype._unpack(packed, view, count, origin)
        return view

    origin = max(0, -datatype.lb, -datatype.true_lb)
    extent = origin + max(0, count - 1) * datatype.extent + max(datatype.ub, datatype.true_ub)

    def reduce_laid_out(inbuf: memoryview, inoutbuf: memoryview) -> None:
        if inbuf:
            these, out = lay_out(inbuf), lay_out(inoutbuf)
            function(buffer(these[origin:]), buffer(out[origin:]), datatype)
            inoutbuf[:] = datatype._pack(out, count, origin)

    reduce_laid_out.own = True  # type: ignore[attr-defined]
    return reduce_laid_out
