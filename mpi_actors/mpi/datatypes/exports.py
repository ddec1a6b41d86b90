"""Views whose memory others look at by way of them.

When the garbage collector of CPython before 3.13 finds a memoryview among its garbage that has been
asked for its buffer by something else, it takes the memory away from it all the same, and the process crashes
when that something gives the buffer back. A view of a view is harmless: both share one buffer. So nothing
here asks a memoryview for its buffer, but for the objects of `MPI.buffer`, whose views are known here, and
thus no garbage, for as long as they are asked for something. Those that can be written to are asked by way of
an array of ctypes, which is only an address to the collector.
"""

from __future__ import annotations

from contextlib import suppress
from pickle import PickleBuffer

from .memory import address_of, array_at, view_at

_held: dict[int, memoryview] = {}
_lingering: dict[int, memoryview] = {}
"""Those whose owner is gone, and that have been looked at since."""


def exporter(view: memoryview) -> object:
    """What is to be asked for the bytes of a view, in its place; `let_go` of it in the end."""
    whole = view.obj
    if type(whole) is (bytes if view.readonly else bytearray) and len(view) == len(whole):
        return whole
    if not view.readonly:
        return array_at(address_of(view), len(view), view)
    own = memoryview(view)  # nothing else is read-only
    _held[id(own)] = own
    return own


def let_go(own: object) -> None:
    """Nobody will ask it any more; what has been asked for may last longer."""
    if type(own) is memoryview:
        _lingering[id(own)] = own
        _held.pop(id(own), None)
    for key in list(_lingering):  # a collection, which may come here, cannot begin while such a list is made
        view = _lingering.get(key)
        if view is not None:
            with suppress(BufferError):
                view.release()
                _lingering.pop(key, None)


def raw(obj: object) -> memoryview:
    """All bytes of an object with the buffer protocol, in one dimension.

    Raises:
        TypeError: it has none.
        BufferError: they are not contiguous.
    """
    if type(obj) is not memoryview:
        try:
            return PickleBuffer(obj).raw()  # type: ignore[arg-type]
        except TypeError:
            obj = memoryview(obj)  # type: ignore[arg-type]  # PickleBuffer does not know Python's `__buffer__`
    if not obj.contiguous:
        raise BufferError("a memoryview of memory that is not contiguous")
    try:
        return obj.cast("B")
    except (TypeError, ValueError):
        # Fortran's order, or a format that cast does not know
        return view_at(address_of(obj), obj.nbytes, obj.readonly, obj)
