"""Who keeps the choice streams of a job for recovery. Pure.

What the holder has is stable: it survives every loss that the job survives. Today the job's coordinator is
the only holder, since a job does not survive its coordinator. Once several peers keep the record of a job,
each of them holds the streams, and a position is stable when a majority has it: then `position` is what such
a majority has said, and nothing else changes. The streams need no agreement among holders, because each has
one writer, fenced by its incarnation.
"""

from __future__ import annotations

import attrs

from ..ids import Incarnation, Rank
from ..wire.choices import ChoicePiece
from .streams import check_overlap


@attrs.define
class _Held:
    incarnation: Incarnation = 0
    data: bytearray = attrs.field(factory=bytearray)


class ChoiceHolder:
    """The whole streams of all ranks of one job."""

    def __init__(self) -> None:
        self._held: dict[Rank, _Held] = {}

    def begin(self, rank: Rank, incarnation: Incarnation) -> bytes:
        """Begin a new incarnation, and return the stream that it must repeat.

        From now on nothing of earlier incarnations is taken: whoever depended on their choices has told them.
        """
        held = self._held.setdefault(rank, _Held())
        held.incarnation = incarnation
        return bytes(held.data)

    def take(self, piece: ChoicePiece) -> bool:
        """Keep a piece of a batch that is complete. Return False if bytes before it are missing.

        Raises:
            ConflictingChoices: other bytes are kept at the same position.
        """
        held = self._held.setdefault(piece.rank, _Held())
        if piece.incarnation != held.incarnation:
            return True  # of an incarnation that is over
        if piece.offset > len(held.data):
            return False
        check_overlap(piece, 0, held.data)
        held.data += piece.data[len(held.data) - piece.offset :]
        return True

    def stream(self, rank: Rank, incarnation: Incarnation) -> bytes:
        """Return the stream of a rank, if that is its newest incarnation; else nothing."""
        held = self._held.get(rank)
        return bytes(held.data) if held and held.incarnation == incarnation else b""

    def position(self, rank: Rank) -> tuple[Incarnation, int]:
        """Return the newest incarnation of a rank, and the position up to which its stream is stable."""
        held = self._held.get(rank)
        return (held.incarnation, len(held.data)) if held else (0, 0)
