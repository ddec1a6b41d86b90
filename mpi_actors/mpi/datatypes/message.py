"""Parsed specifications of messages: where items are, how many there are, and of which datatype."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .datatype import Datatype
from .packing import check, pack, unpack

Target = tuple[memoryview, Callable[[int], None] | None]
"""Memory to receive into, and what to call afterwards with the number of bytes received, or None."""


class BufferMessage:
    """Items in memory. If the specification was parsed for several blocks, `count` is that of one block.

    Args:
        view: all the memory, as bytes.
        offset: the byte in it at which the first item begins.
        count: how many items.
        datatype: theirs. The program may free it while the message is under way.
    """

    __slots__ = ("_definition", "count", "datatype", "offset", "view")

    def __init__(self, view: memoryview, offset: int, count: int, datatype: Datatype) -> None:
        self.view = view
        self.offset = offset
        self.count = count
        self.datatype = datatype
        self._definition = datatype._h

    @property
    def nbytes(self) -> int:
        """Bytes that the items (of one block) have in a message."""
        return self.count * self._definition.size  # type: ignore[union-attr]

    def packed(self) -> memoryview | bytearray:
        """Return the bytes to send, without a copy if they are contiguous; ERR_BUFFER if some are not in
        memory.
        """
        definition = self._definition
        assert definition is not None
        if definition.dense:
            start = self.offset
            stop = start + self.count * definition.size
            view = self.view
            if stop <= len(view):
                return view if stop - start == len(view) else view[start:stop]
        return pack(definition.layout, self.view, self.count, self.offset)

    def target(self) -> Target:
        """Return the memory to receive into; see `Target`. ERR_BUFFER if some items are not in memory."""
        definition = self._definition
        assert definition is not None
        view, count = self.view, self.count
        total = count * definition.size
        if definition.dense:
            start = self.offset
            stop = start + total
            if stop <= len(view):
                return (view if total == len(view) else view[start:stop]), None
        layout = definition.layout
        if total == 0:
            return memoryview(bytearray()), None
        check(layout, view, count, self.offset)
        if layout.start is not None and (count == 1 or definition.extent == definition.size):
            start = self.offset + layout.start
            return view[start : start + total], None
        received = memoryview(bytearray(total))
        offset = self.offset

        def spread(nbytes: int) -> None:
            unpack(layout, received[:nbytes], view, count, offset)

        return received, spread

    def block(self, number: int) -> BufferMessage:
        """Return a block by its number: blocks of `count` items follow each other."""
        if number == 0:
            return self
        extent: int = self._definition.extent  # type: ignore[union-attr]
        return BufferMessage(self.view, self.offset + number * self.count * extent, self.count, self.datatype)


class VMessage:
    """Blocks of items of one datatype in memory; `displs` (in items) are where each block begins."""

    __slots__ = ("counts", "datatype", "displs", "view")

    def __init__(
        self, view: memoryview, counts: Sequence[int], displs: Sequence[int], datatype: Datatype
    ) -> None:
        self.view = view
        self.counts = counts
        self.displs = displs
        self.datatype = datatype

    @property
    def nbytes(self) -> int:
        """Bytes that all blocks have in messages."""
        return sum(self.counts) * self.datatype._h.size  # type: ignore[union-attr]

    def block(self, number: int) -> BufferMessage:
        """Return a block by its number."""
        extent: int = self.datatype._h.extent  # type: ignore[union-attr]
        return BufferMessage(self.view, self.displs[number] * extent, self.counts[number], self.datatype)


class WMessage:
    """Blocks of items in memory, each of its own datatype; `displs` are in bytes."""

    __slots__ = ("counts", "datatypes", "displs", "view")

    def __init__(
        self, view: memoryview, counts: Sequence[int], displs: Sequence[int], datatypes: Sequence[Datatype]
    ) -> None:
        self.view = view
        self.counts = counts
        self.displs = displs
        self.datatypes = datatypes

    @property
    def nbytes(self) -> int:
        """Bytes that all blocks have in messages."""
        return sum(self.block(number).nbytes for number in range(len(self.counts)))

    def block(self, number: int) -> BufferMessage:
        """Return a block by its number."""
        return BufferMessage(self.view, self.displs[number], self.counts[number], self.datatypes[number])
