"""Pieces of choice streams, as the payload of a CHOICES frame. Sans-I/O.

A choice stream is the record of everything that one rank did not decide itself, over all its incarnations. A
position is a number of bytes from the stream's beginning.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import attrs

from ..errors import BadFrame
from ..ids import MAX_RANKS, Incarnation, Rank

_LAYOUT = struct.Struct("<IIQQI")

PIECE_COST = _LAYOUT.size
"""Bytes that each piece takes beside its data."""


@attrs.frozen
class ChoicePiece:
    """Some bytes of the stream of one rank."""

    rank: Rank
    incarnation: Incarnation
    """The incarnation whose stream this is. What earlier incarnations had recorded is its beginning."""
    stable: int
    """The position up to which, as the sender knows, the stream cannot be lost."""
    offset: int
    """The position of the first byte of `data`."""
    data: bytes = attrs.field(repr=False)

    @property
    def end(self) -> int:
        """The position behind the last byte."""
        return self.offset + len(self.data)


def encode_pieces(pieces: Iterable[ChoicePiece]) -> bytes:
    """Return pieces as the payload of a frame."""
    parts: list[bytes] = []
    for piece in pieces:
        head = _LAYOUT.pack(piece.rank, piece.incarnation, piece.stable, piece.offset, len(piece.data))
        parts += (head, piece.data)
    return b"".join(parts)


def decode_pieces(payload: bytes | memoryview) -> list[ChoicePiece]:
    """Return the pieces that `encode_pieces` encoded.

    Raises:
        BadFrame: the payload is cut short, or names a rank that cannot be.
    """
    payload = bytes(payload)
    pieces = []
    at = 0
    while at < len(payload):
        if len(payload) - at < PIECE_COST:
            raise BadFrame("the header of a piece of choices is cut short")
        rank, incarnation, stable, offset, length = _LAYOUT.unpack_from(payload, at)
        at += PIECE_COST
        if rank >= MAX_RANKS or not 0 < length <= len(payload) - at:
            raise BadFrame(f"a piece of {length} bytes of the choices of rank {rank}")
        pieces.append(ChoicePiece(rank, incarnation, stable, offset, payload[at : at + length]))
        at += length
    return pieces
