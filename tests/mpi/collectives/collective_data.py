"""Data for tests of collective algorithms: bytes that tell which rank they are of, and operations on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from struct import iter_unpack, pack

Reducer = Callable[[memoryview, memoryview], None]


def pattern(rank: int, length: int, what: int = 0) -> bytes:
    """Bytes that differ from rank to rank."""
    return bytes((31 * rank + 7 * what + 3 * index + index // 256) % 251 for index in range(length))


def views(blocks: Sequence[bytes]) -> list[memoryview]:
    """Writable memory with a copy of some bytes."""
    return [memoryview(bytearray(block)) for block in blocks]


def blank(sizes: Sequence[int]) -> list[memoryview]:
    """Writable memory of some sizes."""
    return [memoryview(bytearray(size)) for size in sizes]


def read_only(data: bytes) -> memoryview:
    """Read-only memory."""
    return memoryview(data)


def compose(left: bytes, right: bytes) -> bytes:
    """Items of two bytes (a, b), which are maps x -> a x + b modulo 256; their composition does not
    commute.
    """
    items = zip(iter_unpack("BB", left), iter_unpack("BB", right), strict=True)
    return b"".join(bytes((a * c % 256, (a * d + b) % 256)) for (a, b), (c, d) in items)


def add(left: bytes, right: bytes) -> bytes:
    """Items of one double, added: that commutes, but is not associative in the last bits."""
    items = zip(iter_unpack("d", left), iter_unpack("d", right), strict=True)
    return b"".join(pack("d", x + y) for (x,), (y,) in items)


def total(left: bytes, right: bytes) -> bytes:
    """Items of two bytes, added modulo 256 each."""
    return bytes((x + y) % 256 for x, y in zip(left, right, strict=True))


Operation = Callable[[bytes, bytes], bytes]


def reducer_for(operation: Operation, itemsize: int) -> Callable[[int], Reducer]:
    """A reducer as algorithms use it, which checks that it gets as many items as it was made for."""

    def factory(count: int) -> Reducer:
        def reducer(inbuf: memoryview, inoutbuf: memoryview) -> None:
            assert len(inbuf) == len(inoutbuf) == count * itemsize
            inoutbuf[:] = operation(bytes(inbuf), bytes(inoutbuf))

        return reducer

    return factory


def combined(operation: Operation, contributions: Sequence[bytes]) -> bytes:
    """The contributions combined in the order of ranks."""
    return reduce(operation, contributions)


def doubles(rank: int, count: int) -> bytes:
    """Numbers whose sum depends on the order in which they are added."""
    numbers = [10.0 ** ((rank * 5 + index) % 17) + 0.1 * rank for index in range(count)]
    return pack(f"{count}d", *((-1) ** rank * number for number in numbers))
