"""Specifications of messages, as programs write them: a buffer, or a list that says more about it.

    buf | [buf, type] | [buf, count] | [buf, (count, displ)] | [buf, count, type]
    | [buf, (count, displ), type] | [buf, count, displ, type]

Any of count, displ (both in items) and type may be None: then they follow from the buffer. A type may be
given by its code. A wrong specification raises TypeError, ValueError, KeyError or BufferError, as programs
for mpi4py expect.
"""

from __future__ import annotations

from operator import index
from typing import Any, NoReturn

from ..constants import ERR_BUFFER, ERR_TYPE, PROC_NULL
from ..errors.exception import Exception as MPIException
from .acquire import acquire, native
from .datatype import Datatype
from .exports import raw
from .memory import everything
from .message import BufferMessage
from .predefined import BYTE, _typedict
from .sentinels import BOTTOM, IN_PLACE

CASTABLE = frozenset("Bbc?hHiIlLqQnNefdP")
"""Formats of one character that memoryview can cast to bytes."""

OTHER_PROTOCOLS = ("__dlpack__", "__cuda_array_interface__")

SEQUENCES = (list, tuple)
KINDS = (Datatype, str)
NOTHING = memoryview(bytearray())
"""The memory of a message without bytes."""


def fast_view(buf: Any) -> memoryview | None:
    """Return the bytes of one of the simplest buffers, contiguous in C order; None: the caller has to
    parse.
    """
    if buf.__class__ is list or buf.__class__ is tuple:
        return None
    try:
        view = memoryview(buf)
        if view.format in CASTABLE and buf is not BOTTOM and buf is not IN_PLACE:
            return view.cast("B")
    except (TypeError, ValueError, BufferError):
        pass  # not a buffer, or not so simple: the parser finds out
    return None


def fast_target(buf: Any) -> memoryview | None:
    """Return the bytes of one of the simplest buffers to receive into; None: the caller has to parse."""
    view = fast_view(buf)
    return None if view is None or view.readonly else view


def parse_send(spec: Any, *, rank: int = 0, blocks: int = 1) -> BufferMessage:
    """Parse the specification of a message to send.

    Args:
        spec: see the module's text.
        rank: the destination. If it is PROC_NULL, the specification is not looked at.
        blocks: how many blocks of `count` items the buffer has, if the count is not given.

    Raises:
        MPI.Exception: ERR_TYPE, if the datatype is null or not committed; ERR_BUFFER, for IN_PLACE.
    """
    return _parse(spec, False, rank, blocks)


def parse_recv(spec: Any, *, rank: int = 0, blocks: int = 1) -> BufferMessage:
    """Parse the specification of a message to receive, whose memory must be writable; see `parse_send`."""
    return _parse(spec, True, rank, blocks)


def _parse(spec: Any, writable: bool, rank: int, blocks: int) -> BufferMessage:
    if rank == PROC_NULL:
        return BufferMessage(NOTHING, 0, 0, BYTE)
    count = displ = kind = None
    if isinstance(spec, SEQUENCES):
        given = len(spec)
        if given == 2:
            buf, count = spec
            if isinstance(count, KINDS):
                kind, count = count, None
            elif isinstance(count, SEQUENCES):
                count, displ = count
        elif given == 3:
            buf, count, kind = spec
            if isinstance(count, SEQUENCES):
                count, displ = count
        elif given == 4:
            buf, count, displ, kind = spec
        else:
            raise ValueError(f"a message is described by 2 to 4 items, not {given}")
    else:
        buf = whole(spec)
    view, datatype = located(buf, kind, writable)
    definition = datatype._h
    length = 0 if buf is BOTTOM else len(view)
    offset = 0
    if displ is not None:
        displ = index(displ)
        if displ < 0:
            raise ValueError(f"a negative displacement: {displ}")
        if displ:
            offset = displ * extent_of(datatype, "a displacement")
            if offset > length:
                raise ValueError(f"the displacement {displ} is behind the end of the buffer")
            length -= offset
    if count is not None:
        count = index(count)
        if count < 0:
            raise ValueError(f"a negative count: {count}")
        if count and buf is None:
            raise ValueError(f"{count} items of None")
    elif length:
        extent = 0 if definition is None else definition.extent
        if extent <= 0:
            extent_of(datatype, "the count")
        count = length // extent
        if count * extent != length:
            raise ValueError(f"{length} bytes are not a whole number of items of extent {extent}")
        if blocks > 1:
            count, rest = divmod(count, blocks)
            if rest:
                raise ValueError(f"{length // extent} items cannot be divided into {blocks} equal blocks")
    else:
        count = 0
    if definition is None or not definition.ready:
        unusable(datatype)
    return BufferMessage(view, offset, count, datatype)


def whole(spec: Any) -> Any:
    """Return a specification that is a buffer; TypeError if it is not."""
    try:
        memoryview(spec)
    except TypeError:
        if isinstance(spec, type) or not any(hasattr(spec, name) for name in OTHER_PROTOCOLS):
            raise TypeError(f"a message is a buffer or a list, not {type(spec).__name__}") from None
    except ValueError:
        pass  # a buffer whose elements have no format
    return spec


def located(buf: Any, kind: Any, writable: bool) -> tuple[memoryview, Datatype]:
    """Return the memory of a buffer, and the datatype given for it or that of its format.

    Raises:
        BufferError: the memory is not contiguous, or read-only and `writable`.
        KeyError: there is no datatype for the code or the format.
        TypeError: it is not a buffer.
        MPIException: ERR_BUFFER, for IN_PLACE.
    """
    if buf is None:
        return NOTHING, typed(kind)
    if buf is BOTTOM:
        return everything(), typed(kind)
    if buf is IN_PLACE:
        raise MPIException(ERR_BUFFER, "MPI.IN_PLACE has no meaning here")
    try:
        view = raw(buf)
        if kind is None:
            format = memoryview(buf).format
            datatype = _typedict.get(format) or typed(native(format))
        elif isinstance(kind, Datatype):
            datatype = kind
        else:
            datatype = typed(kind)
    except (TypeError, ValueError, BufferError):
        view, format, _ = acquire(buf, writable, kind is None)
        return view, BYTE if kind is None and not format else typed(format if kind is None else kind)
    if writable and view.readonly:
        raise BufferError("the buffer is read-only")
    return view, datatype


def typed(kind: Any) -> Datatype:
    """Return a datatype, or the datatype for a code; KeyError if there is none."""
    if isinstance(kind, Datatype):
        return kind
    try:
        return _typedict[kind]
    except KeyError:
        raise KeyError(f"no datatype for {kind!r}") from None


def extent_of(datatype: Datatype, what: str) -> int:
    """Return a datatype's extent, to measure `what`; ValueError if it is null or the extent not positive."""
    definition = datatype._h
    if definition is None:
        raise ValueError(f"{what} of items of a null datatype")
    if definition.extent <= 0:
        raise ValueError(f"{what} of items of extent {definition.extent}")
    return definition.extent


def unusable(datatype: Datatype) -> NoReturn:
    """Raise ERR_TYPE for a datatype that is null or not committed."""
    raise MPIException(ERR_TYPE, "the datatype is not committed" if datatype else "null datatype")
