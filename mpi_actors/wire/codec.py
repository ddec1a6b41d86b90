"""Control messages as bytes: a length, a message number, and the fields in MessagePack.

The codec refuses unknown numbers, missing fields, wrong types and values outside their limits with a named
error. A peer that sends such a message loses its connection.
"""

from __future__ import annotations

import struct
from typing import cast

import msgspec

from ..errors import BadMessage, FrameTooLarge
from .messages import REGISTRY, ControlMessage

_LAYOUT = struct.Struct("<IH")

MAX_CONTROL = 2 * 1024 * 1024
"""Bytes of the largest control message: twice what the arguments of a job may take."""

_NUMBERS = {cls: number for number, cls in REGISTRY.items()}
_DECODERS: dict[int, msgspec.msgpack.Decoder[object]] = {
    number: msgspec.msgpack.Decoder(cls, strict=True) for number, cls in REGISTRY.items()
}
_encoder = msgspec.msgpack.Encoder()


def encode(message: ControlMessage) -> bytes:
    """Return the bytes of one control message.

    Raises:
        BadMessage: the message is too large, or holds a text that is not Unicode (a lone surrogate).
    """
    try:
        body = _encoder.encode(message)
    except UnicodeEncodeError as error:
        raise BadMessage(f"{type(message).__name__} holds text that is not Unicode: {error}") from None
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
        """Take received bytes and return the messages that they complete.

        Raises:
            FrameTooLarge: a header announces more than `MAX_CONTROL` bytes.
            BadMessage: a message has an unknown number, or breaks the rules of its class.
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
