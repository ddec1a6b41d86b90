"""Control messages as bytes: a length, a message number, and the fields in MessagePack.

The codec refuses what it does not know with a named error: unknown numbers, missing fields, wrong types,
values outside their limits. A peer that sends such a thing loses its connection.
"""

from __future__ import annotations

import struct
from typing import cast

import msgspec

from ..errors import BadMessage, FrameTooLarge
from .messages import REGISTRY, ControlMessage

_LAYOUT = struct.Struct("<IH")

MAX_CONTROL = 2 * 1024 * 1024
"""Bytes of the largest control message."""

_NUMBERS = {cls: number for number, cls in REGISTRY.items()}
_DECODERS: dict[int, msgspec.msgpack.Decoder[object]] = {
    number: msgspec.msgpack.Decoder(cls, strict=True) for number, cls in REGISTRY.items()
}
_encoder = msgspec.msgpack.Encoder()


def encode(message: ControlMessage) -> bytes:
    """The bytes of one control message.

    Raises:
        BadMessage: it is too large to be sent, or holds a text with half a character.
    """
    try:
        body = _encoder.encode(message)
    except UnicodeEncodeError as error:
        raise BadMessage(f"{type(message).__name__} holds text that is no Unicode: {error}") from None
    if len(body) > MAX_CONTROL:
        raise BadMessage(
            f"{type(message).__name__} of {len(body)} bytes is over the limit of {MAX_CONTROL}: "
            "use fewer or shorter arguments"
        )
    return _LAYOUT.pack(len(body), _NUMBERS[type(message)]) + body


class ControlDecoder:
    """Turns received bytes into control messages, however they were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[ControlMessage]:
        """Take received bytes, return the messages that they complete.

        Raises:
            FrameTooLarge: a message announces more than `MAX_CONTROL` bytes.
            BadMessage: a message is of no known kind, or breaks its type's rules.
        """
        self._buffer += data
        messages: list[ControlMessage] = []
        at = 0
        while len(self._buffer) - at >= _LAYOUT.size:
            length, number = _LAYOUT.unpack_from(self._buffer, at)
            if length > MAX_CONTROL:
                raise FrameTooLarge(f"a control message of {length} bytes; the limit is {MAX_CONTROL}")
            if number not in _DECODERS:
                raise BadMessage(f"a control message of unknown number {number}")
            end = at + _LAYOUT.size + length
            if end > len(self._buffer):
                break
            body = bytes(self._buffer[at + _LAYOUT.size : end])
            messages.append(_decode(number, body))
            at = end
        del self._buffer[:at]
        return messages


def _decode(number: int, body: bytes) -> ControlMessage:
    try:
        return cast(ControlMessage, _DECODERS[number].decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"a bad {REGISTRY[number].__name__}: {error}") from None
