"""Safe ways for other objects to look at the memory of a memoryview.

CPython before 3.13 has a flaw. Another object may have got its buffer from a memoryview. If the garbage
collector finds that memoryview among its garbage, it takes the memory away all the same, and the process
crashes when the other object gives the buffer back. A view of a view is harmless, as both share one buffer.

So nothing here asks a memoryview for its buffer, except for objects of `MPI.buffer`. Their read-only views
are in a table here, so that they are not collected while another object looks at them. A ctypes array exports
their writable memory; the collector sees only its address.
"""

from __future__ import annotations

from contextlib import suppress
from pickle import PickleBuffer

from .memory import address_of, array_at, view_at

_held: dict[int, memoryview] = {}
"""Views that an owner exports, by identity."""
_lingering: dict[int, memoryview] = {}
"""Views whose owner is gone, and that somebody may still be looking at, by identity."""


def exporter(view: memoryview) -> object:
    """Return an object that exports the bytes of a view in its place. Its owner calls `let_go` in the end."""
    whole = view.obj
    if type(whole) is (bytes if view.readonly else bytearray) and len(view) == len(whole):
        return whole
    if not view.readonly:
        return array_at(address_of(view), len(view), view)
    own = memoryview(view)  # no other kind of object is read-only
    _held[id(own)] = own
    return own


def let_go(own: object) -> None:
    """Note that nobody will ask an exporter for its bytes any more. Buffers given before may last longer."""
    if type(own) is memoryview:
        _lingering[id(own)] = own
        _held.pop(id(own), None)
    for key in list(_lingering):  # a copy: a garbage collection may call this
        view = _lingering.get(key)
        if view is not None:
            with suppress(BufferError):
                view.release()
                _lingering.pop(key, None)


def raw(obj: object) -> memoryview:
    """Return all bytes of an object with the buffer protocol, in one dimension.

    Raises:
        TypeError: it does not have the protocol.
        BufferError: its memory is not contiguous.
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
        # in Fortran order, or of a format that `cast` does not know
        return view_at(address_of(obj), obj.nbytes, obj.readonly, obj)
