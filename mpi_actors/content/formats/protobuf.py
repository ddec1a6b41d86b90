"""Protocol Buffers, as far as blocks and bitswap need them: written canonically, read strictly.

All bytes from strangers are read here: every length is checked against the bytes that are there, and nothing
is copied. Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import BadBlock

VARINT = 0
"""Wire type of a number."""
BYTES = 2
"""Wire type of bytes, texts and messages, which begin with their length."""
_MAX_VARINT = 10
"""Bytes of a number at most: 64 bits, 7 in each byte."""
_FIXED = {1: 8, 5: 4}
"""Wire types of fixed size, and how many bytes each has."""

Value = int | memoryview
"""The value of a field: a number, or a view of its bytes."""


def encode_varint(number: int) -> bytes:
    """Return the bytes of a number from 0 to 2**64 - 1.

    Raises:
        ValueError: the number is not in that range.
    """
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{number} is not an unsigned 64-bit number")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode_varint(data: bytes | bytearray | memoryview, start: int = 0) -> tuple[int, int]:
    """Return the number that begins at byte `start`, and the position behind it.

    Raises:
        BadBlock: the number is cut off, or has more than 64 bits.
    """
    number = shift = 0
    for position in range(start, min(len(data), start + _MAX_VARINT)):
        byte = data[position]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >= 1 << 64:
                break
            return number, position + 1
        shift += 7
    raise BadBlock("a number in it is cut off or too large")


def encode_bytes(field: int, value: bytes) -> bytes:
    """Return the bytes of a field that holds bytes, a text or a message."""
    return head_of_bytes(field, len(value)) + value


def head_of_bytes(field: int, size: int) -> bytes:
    """Return what stands before the `size` bytes of a field that holds bytes, a text or a message."""
    return encode_varint(field << 3 | BYTES) + encode_varint(size)


def encode_number(field: int, value: int) -> bytes:
    """Return the bytes of a field that holds a number."""
    return encode_varint(field << 3 | VARINT) + encode_varint(value)


def fields(data: bytes | memoryview) -> Iterator[tuple[int, Value]]:
    """Yield each field of a message in turn: its number and its value.

    Fields of fixed size are passed over: no message here has any.

    Raises:
        BadBlock: a field is cut off, has an unknown wire type, or has the number 0.
    """
    view = memoryview(data)
    at = 0
    while at < len(view):
        key, at = decode_varint(view, at)
        field, kind = key >> 3, key & 7
        if not field:
            raise BadBlock("a field in it has the number 0")
        if kind == VARINT:
            number, at = decode_varint(view, at)
            yield field, number
            continue
        if kind == BYTES:
            size, at = decode_varint(view, at)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise BadBlock(f"a field in it is of the unknown kind {kind}")
        if size > len(view) - at:
            raise BadBlock("a field in it is cut off")
        if kind == BYTES:
            yield field, view[at : at + size]
        at += size


def as_number(value: Value) -> int:
    """Return the value of a field that has to be a number.

    Raises:
        BadBlock: the value is bytes.
    """
    if not isinstance(value, int):
        raise BadBlock("a field in it should be a number")
    return value


def as_bytes(value: Value) -> memoryview:
    """Return the value of a field that has to be bytes.

    Raises:
        BadBlock: the value is a number.
    """
    if isinstance(value, int):
        raise BadBlock("a field in it should not be a number")
    return value


def as_text(value: Value) -> str:
    """Return the value of a field that has to be a text.

    Raises:
        BadBlock: the value is a number, or not UTF-8.
    """
    try:
        return bytes(as_bytes(value)).decode()
    except UnicodeDecodeError:
        raise BadBlock("a text in it is not UTF-8") from None
