"""Protocol buffers, as far as blocks and bitswap need them: written canonically, read strictly.

What strangers send is read by nothing else: every length is checked against what is there, and nothing is
copied. Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import BadBlock

VARINT = 0
BYTES = 2
_MAX_VARINT = 10
_FIXED = {1: 8, 5: 4}

Value = int | memoryview


def encode_varint(number: int) -> bytes:
    """A number from 0 to 2**64 - 1.

    Raises:
        ValueError: it is another number.
    """
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{number} is no unsigned 64-bit number")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode_varint(data: bytes | bytearray | memoryview, start: int = 0) -> tuple[int, int]:
    """The number at `start`, and where it ends.

    Raises:
        BadBlock: there is no whole number, or it is larger than 64 bits.
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
    """A field that holds bytes, a text or a message."""
    return encode_varint(field << 3 | BYTES) + encode_varint(len(value)) + value


def encode_number(field: int, value: int) -> bytes:
    """A field that holds a number."""
    return encode_varint(field << 3 | VARINT) + encode_varint(value)


def fields(data: bytes | memoryview) -> Iterator[tuple[int, Value]]:
    """Every field of a message in turn: its number, and an int or a view of its bytes.

    Fields of fixed size, which nothing here has, are passed over.

    Raises:
        BadBlock: a field is cut off, of an unknown kind, or numbered 0.
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
    """The value of a field that has to be a number.

    Raises:
        BadBlock: it is none.
    """
    if not isinstance(value, int):
        raise BadBlock("a field in it should be a number")
    return value


def as_bytes(value: Value) -> memoryview:
    """The value of a field that has to be bytes.

    Raises:
        BadBlock: it is a number.
    """
    if isinstance(value, int):
        raise BadBlock("a field in it should not be a number")
    return value


def as_text(value: Value) -> str:
    """The value of a field that has to be a text.

    Raises:
        BadBlock: it is none, or not UTF-8.
    """
    try:
        return bytes(as_bytes(value)).decode()
    except UnicodeDecodeError:
        raise BadBlock("a text in it is not UTF-8") from None
