"""Bitswap 1.2.0: the messages in which peers ask each other for blocks, and send them.

On a stream, each message follows its length. Source: https://specs.ipfs.tech/bitswap-protocol/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from ...errors import BadBlock, BadCid, BadMessage
from . import protobuf
from .cid import Cid, Codec
from .limits import MAX_BLOCK

PROTOCOL = "/ipfs/bitswap/1.2.0"
"""Name of the protocol, by which peers open streams."""

MAX_MESSAGE = 4 * 1024 * 1024
"""Bytes of one message at most, as in IPFS."""
MAX_WANTS = 4096
"""Wants that are read of one message, and presences; further ones are passed over: we remember no more."""
MAX_BLOCKS = 4096
"""Blocks in one message at most: with more, each would have less than 1 KiB."""

_MAX_FIELDS = 65_536
"""Fields in one message and its parts at most: to read two million empty ones would take seconds."""
_MAX_CID = 128
"""Bytes of an identifier or prefix at most: room for the longest hashes that IPFS knows, 64 bytes."""
_MAX_LENGTH = 4
"""Bytes of a message's length at most: `MAX_MESSAGE` takes four, of 7 bits each."""
_OLD_PREFIX = bytes((0, Codec.DAG_PB, 0x12, 32))
"""The prefix of blocks in the oldest form of messages, which has no prefixes: that of version 0."""
_EMPTY = memoryview(b"")

AnyCid = Cid | bytes
"""An identifier; or the bytes of one that is of a kind not used here: such are only sent back."""


@attrs.frozen
class Want:
    """The sender wants a block, or no longer wants it."""

    cid: AnyCid
    priority: int = 1
    """The sender wants blocks with higher priorities first."""
    cancel: bool = False
    """The sender no longer wants the block."""
    have: bool = False
    """The sender only asks whether the receiver has the block."""
    send_dont_have: bool = False
    """The sender wants an answer even if the receiver does not have the block."""


@attrs.frozen
class Presence:
    """Whether the sender has a block."""

    cid: AnyCid
    have: bool


@attrs.frozen
class Block:
    """A block, without its identifier: the receiver finds that by hashing."""

    prefix: bytes
    """See `Cid.prefix`."""
    data: bytes | memoryview


@attrs.frozen(kw_only=True)
class BitswapMessage:
    """One message of bitswap."""

    wants: Sequence[Want] = ()
    full: bool = False
    """The wants replace all earlier wants of the sender."""
    blocks: Sequence[Block] = ()
    presences: Sequence[Presence] = ()
    pending_bytes: int = 0
    """Bytes of blocks that the sender still has to send."""


# --- writing ----------------------------------------------------------------------------------------------


def encode(*messages: BitswapMessage) -> bytes:
    """Return the bytes of messages, each behind its length. The data of blocks is copied once."""
    found: list[bytes | memoryview] = []
    for message in messages:
        parts = list(_parts(message))
        found += (protobuf.encode_varint(sum(map(len, parts))), *parts)
    return b"".join(found)


def _parts(message: BitswapMessage) -> Iterator[bytes | memoryview]:
    if message.wants or message.full:
        wantlist = b"".join(protobuf.encode_bytes(1, _encode_want(want)) for want in message.wants)
        yield protobuf.encode_bytes(1, wantlist + _flag(2, message.full))
    for block in message.blocks:
        head = protobuf.encode_bytes(1, block.prefix) + protobuf.head_of_bytes(2, len(block.data))
        yield protobuf.head_of_bytes(3, len(head) + len(block.data)) + head
        yield block.data
    for presence in message.presences:
        kind = b"" if presence.have else protobuf.encode_number(2, 1)
        yield protobuf.encode_bytes(4, protobuf.encode_bytes(1, _raw(presence.cid)) + kind)
    if message.pending_bytes:
        yield protobuf.encode_number(5, message.pending_bytes)


def asking(cids: Sequence[Cid], *, cancel: bool = False) -> tuple[Want, ...]:
    """Return wants for blocks, the most urgent first; or the cancellations of such wants."""
    most = len(cids)
    return tuple(
        Want(cid, most - number, cancel=cancel, send_dont_have=not cancel) for number, cid in enumerate(cids)
    )


def _flag(field: int, value: bool) -> bytes:
    return protobuf.encode_number(field, 1) if value else b""


def _raw(cid: AnyCid) -> bytes:
    return cid.raw if isinstance(cid, Cid) else cid


def _encode_want(want: Want) -> bytes:
    return (
        protobuf.encode_bytes(1, _raw(want.cid))
        + protobuf.encode_number(2, want.priority & 0xFFFF_FFFF_FFFF_FFFF)
        + _flag(3, want.cancel)
        + _flag(4, want.have)
        + _flag(5, want.send_dont_have)
    )


# --- reading ----------------------------------------------------------------------------------------------


class Decoder:
    """Turns the bytes of one stream into messages. Do not use it after an error.

    Args:
        max_message: bytes of one message at most.
    """

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self._max = max_message
        self._length: int | None = None
        self._buffer = bytearray()  # bytes of the length, or of the message once its length is known

    @property
    def midway(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer) or self._length is not None

    @property
    def held(self) -> int:
        """Bytes in memory of a message that has not ended."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[BitswapMessage]:
        """Take the stream's next bytes, and return the messages that end in them. Their blocks are views.

        Raises:
            BadMessage: a message is too long, or makes no sense.
        """
        found: list[BitswapMessage] = []
        rest = memoryview(data)
        while True:
            if self._length is None:
                rest = self._take_length(rest)
            if self._length is None:
                return found
            missing = self._length - len(self._buffer)
            if len(rest) < missing:
                self._buffer += rest
                return found
            whole: bytearray | memoryview = rest[:missing]
            if self._buffer:
                self._buffer += whole
                whole, self._buffer = self._buffer, bytearray()  # a new one: the message has views of the old
            rest, self._length = rest[missing:], None
            found.append(decode(whole))

    def _take_length(self, data: memoryview) -> memoryview:
        """Read a message's length if all of it is there; return the bytes behind it."""
        known = len(self._buffer)
        self._buffer += data[: _MAX_LENGTH - known]
        if all(byte & 0x80 for byte in self._buffer):
            if len(self._buffer) == _MAX_LENGTH:
                raise BadMessage("a bitswap message is too long")
            return data[:0]
        number, end = protobuf.decode_varint(self._buffer)
        if number > self._max:
            raise BadMessage(f"a bitswap message of {number} bytes is too long")
        self._buffer.clear()
        self._length = number
        return data[end - known :]


def decode(data: bytes | bytearray | memoryview) -> BitswapMessage:
    """Return the message that `data` encodes, without its length. Its blocks are views of `data`.

    Raises:
        BadMessage: the message makes no sense, or has too many parts.
    """
    try:
        return _Reader().message(memoryview(data))
    except BadBlock as error:
        raise BadMessage(f"a bitswap message makes no sense: {error}") from None


class _Reader:
    """Reads one message."""

    def __init__(self) -> None:
        self._left = _MAX_FIELDS

    def message(self, data: memoryview) -> BitswapMessage:
        wants: list[Want] = []
        blocks: list[Block] = []
        presences: list[Presence] = []
        full = False
        pending = 0
        for field, value in self._fields(data):
            if field == 1:
                for inner, item in self._fields(value):
                    if inner == 1 and len(wants) < MAX_WANTS:
                        wants.append(self._want(item))
                    elif inner == 2:
                        full = bool(protobuf.as_number(item))
            elif field == 2:
                blocks.append(_block(_OLD_PREFIX, value))
            elif field == 3:
                _, prefix, block = self._pick(value, 2)
                blocks.append(_block(_short(prefix), _EMPTY if block is None else block))
            elif field == 4 and len(presences) < MAX_WANTS:
                _, cid, kind = self._pick(value, 2)
                presences.append(Presence(_cid(cid), not _number(kind)))
            elif field == 5:
                pending = protobuf.as_number(value)
            if len(blocks) > MAX_BLOCKS:
                raise BadBlock(f"it has more than {MAX_BLOCKS} blocks")
        return BitswapMessage(
            wants=wants, full=full, blocks=blocks, presences=presences, pending_bytes=pending
        )

    def _want(self, value: protobuf.Value) -> Want:
        _, cid, priority, cancel, kind, send_dont_have = self._pick(value, 5)
        number = _number(priority)
        return Want(
            _cid(cid),
            number - (1 << 64) if number >= 1 << 63 else number,
            cancel=bool(_number(cancel)),
            have=bool(_number(kind)),
            send_dont_have=bool(_number(send_dont_have)),
        )

    def _pick(self, value: protobuf.Value, most: int) -> list[protobuf.Value | None]:
        """Return the fields 1 to `most` of an inner message, at their numbers; pass over others."""
        found: list[protobuf.Value | None] = [None] * (most + 1)
        for field, item in self._fields(value):
            if field <= most:
                found[field] = item
        return found

    def _fields(self, value: protobuf.Value) -> Iterator[tuple[int, protobuf.Value]]:
        for each in protobuf.fields(protobuf.as_bytes(value)):
            self._left -= 1
            if self._left < 0:
                raise BadBlock("it has too many fields")
            yield each


def _number(value: protobuf.Value | None) -> int:
    return 0 if value is None else protobuf.as_number(value)


def _cid(value: protobuf.Value | None) -> AnyCid:
    raw = _short(value)
    try:
        return Cid.from_bytes(raw)
    except BadCid:
        return raw


def _short(value: protobuf.Value | None) -> bytes:
    view = _EMPTY if value is None else protobuf.as_bytes(value)
    if len(view) > _MAX_CID:
        raise BadBlock(f"an identifier of {len(view)} bytes is too long")
    return bytes(view)


def _block(prefix: bytes, value: protobuf.Value) -> Block:
    data = protobuf.as_bytes(value)
    if len(data) > MAX_BLOCK:
        raise BadBlock(f"a block of {len(data)} bytes is too large")
    return Block(prefix, data)
