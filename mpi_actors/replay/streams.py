"""What one peer knows of the choice streams of one job, and what it must tell the others. Pure.

A choice must not be lost while somebody who depends on it lives: an incarnation that chose otherwise would
contradict what others have seen. The process that chose may die: its page is in memory that its peer keeps.
The whole peer may die: then whoever depends on the choice is dead, too, or got it together with the message.
So, before bytes of a rank leave for another peer, everything that is known here and could be lost goes ahead
on the same link: of the ranks here, and of all others (causal logging: Manetho, IEEE TC 41(5), 1992; Alvisi
and Marzullo, IEEE TSE 24(2), 1998). The same goes to the holder of the streams, which answers up to which
position they are stable: they cannot be lost any more, and everybody forgets them.

What goes ahead at one time is a batch, which arrives as a whole or not at all: choices depend on choices of
other ranks, and a rank that repeats its own without those of the others would wait for what they no longer
do.

A stream belongs to an incarnation. When a new one begins, the holder has all of its beginning that anybody
depends on. So what is known of older incarnations is either stable or void, and is forgotten.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import attrs

from ..errors import ConflictingChoices
from ..ids import Incarnation, Rank
from ..wire.choices import PIECE_COST, ChoicePiece


@attrs.define
class _Stream:
    """What is known of one rank's stream and is not stable: `data` from position `base` on."""

    incarnation: Incarnation
    base: int
    data: bytearray = attrs.field(factory=bytearray)

    @property
    def end(self) -> int:
        return self.base + len(self.data)


class ChoiceStreams:
    """See the module's text. Peers may be named by anything that can be a key."""

    def __init__(self) -> None:
        self._streams: dict[Rank, _Stream] = {}
        self._sent: dict[Hashable, dict[Rank, int]] = {}
        """By peer and rank, the position up to which the peer got the stream on its present link."""
        self._version = 0
        """Grows with everything that is new here."""
        self._told: dict[Hashable, int] = {}
        """By peer, the version of which it got everything."""
        self.unstable = 0
        """Bytes that are known here and not known to be stable."""

    # --- what becomes known -------------------------------------------------------------------------------

    def begin(self, rank: Rank, incarnation: Incarnation, stable: int = 0) -> None:
        """A rank has that incarnation, whose stream is stable up to there, if not further. Older news changes
        nothing."""
        stream = self._streams.get(rank)
        if stream is None or stream.incarnation < incarnation:
            self._replace(rank, stream, incarnation, stable)
        elif stream.incarnation == incarnation:
            self._forget(stream, stable)

    def record(self, rank: Rank, incarnation: Incarnation, data: bytes) -> None:
        """A rank of this peer has recorded more choices. Those of an incarnation that is over are void."""
        stream = self._streams[rank]
        if data and stream.incarnation == incarnation:
            stream.data += data
            self.unstable += len(data)
            self._version += 1

    def learn(self, piece: ChoicePiece) -> bool:
        """Another peer has told this one a piece, in a batch that is complete.

        Return False if bytes before it are missing here. They are missing only when this peer has left the
        job and taken part in it again meanwhile. Then the sender sends everything once more, before anything
        that depends on it.

        Raises:
            ConflictingChoices: this peer knows other bytes at the same position.
        """
        stream = self._streams.get(piece.rank)
        if stream is None or stream.incarnation < piece.incarnation:
            stream = self._replace(piece.rank, stream, piece.incarnation, piece.stable)
        elif stream.incarnation > piece.incarnation:
            return True
        self._forget(stream, piece.stable)
        if piece.offset > stream.end:
            return False
        check_overlap(piece, stream.base, stream.data)
        if (new := piece.end - stream.end) > 0:
            stream.data += piece.data[-new:]
            self.unstable += new
            self._version += 1
        return True

    # --- what others must know ----------------------------------------------------------------------------

    def has_news(self, peer: Hashable) -> bool:
        """Return whether there may be something that this peer must get before bytes of a rank."""
        return self._told.get(peer, 0) != self._version

    def news(self, peer: Hashable, most: int) -> list[ChoicePiece]:
        """Return what this peer must get now, at most `most` bytes of it; it counts as sent from now on.

        The batch is complete when `has_news` says no; until then nothing that depends on choices may be sent.
        """
        sent = self._sent.setdefault(peer, {})
        pieces: list[ChoicePiece] = []
        for rank, stream in self._streams.items():
            offset = max(stream.base, sent.get(rank, 0))
            if offset >= stream.end:
                continue
            most -= PIECE_COST
            if most <= 0:
                return pieces
            sent[rank] = end = min(stream.end, offset + most)
            data = bytes(stream.data[offset - stream.base : end - stream.base])
            pieces.append(ChoicePiece(rank, stream.incarnation, stream.base, offset, data))
            most -= len(data)
            if end < stream.end:
                return pieces
        self._told[peer] = self._version
        return pieces

    def forget_sent(self, peer: Hashable) -> None:
        """What this peer was sent may not have arrived, or it may have forgotten it: its link has ended, or
        it hosts a new incarnation."""
        self._sent.pop(peer, None)
        self._told.pop(peer, None)

    def position(self, rank: Rank) -> int:
        """Return the position up to which a rank's stream is known here, or stable."""
        stream = self._streams.get(rank)
        return stream.end if stream else 0

    def backlog(self) -> Iterable[tuple[Rank, int]]:
        """Return the number of bytes that are not stable, of each rank that has any."""
        return ((rank, len(stream.data)) for rank, stream in self._streams.items() if stream.data)

    # --- inside -------------------------------------------------------------------------------------------

    def _replace(self, rank: Rank, old: _Stream | None, incarnation: Incarnation, stable: int) -> _Stream:
        if old is not None:
            self.unstable -= len(old.data)
            for sent in self._sent.values():
                sent.pop(rank, None)
        stream = self._streams[rank] = _Stream(incarnation, stable)
        return stream

    def _forget(self, stream: _Stream, position: int) -> None:
        """Forget what is stable."""
        if position > stream.base:
            known = len(stream.data)
            del stream.data[: position - stream.base]
            self.unstable -= known - len(stream.data)
            stream.base = position


class ChoiceBatches:
    """Pieces that have come, by sender, until their batches are complete."""

    def __init__(self) -> None:
        self._coming: dict[Hashable, list[ChoicePiece]] = {}

    def add(self, sender: Hashable, pieces: list[ChoicePiece], *, more: bool) -> list[ChoicePiece]:
        """Keep pieces of a batch, of which there is `more` to come or not; return the batch once it is
        whole."""
        coming = self._coming.pop(sender, [])
        coming += pieces
        if not more:
            return coming
        self._coming[sender] = coming
        return []

    def forget(self, sender: Hashable) -> None:
        """A link has ended: what has come of a batch is void."""
        self._coming.pop(sender, None)


def check_overlap(piece: ChoicePiece, base: int, data: bytes | bytearray) -> None:
    """Check that a piece repeats what is known at the same positions: `data` from `base` on.

    Raises:
        ConflictingChoices: it does not.
    """
    first, last = max(piece.offset, base), min(piece.end, base + len(data))
    if first < last:
        known = data[first - base : last - base]
        if known != piece.data[first - piece.offset : last - piece.offset]:
            raise ConflictingChoices(
                f"two records of what rank {piece.rank} chose (incarnation {piece.incarnation}) differ "
                f"between bytes {first} and {last}: a peer that keeps them is faulty"
            )
