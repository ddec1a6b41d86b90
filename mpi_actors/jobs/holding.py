"""The coordinator as holder of its job's recorded choices: what hosts tell of them, and what they get."""

from __future__ import annotations

from collections.abc import Callable, Collection

import attrs

from ..errors import BadFrame, ConflictingChoices, Impostor
from ..ids import Incarnation, JobId, PeerId, Rank
from ..replay.holder import ChoiceHolder
from ..wire.choices import ChoicePiece


@attrs.frozen
class ChoicesCame:
    """A host has told choices for which the end of a rank may wait."""


@attrs.frozen
class Sealed:
    """A host has told all choices that it knows, for that round of the gathering."""

    peer: PeerId
    round: int


class Holding:
    """See the module's text, and `lanes.choices.ChoiceSink`.

    Args:
        job: the job.
        holder: has the choices.
        hosts: the peers that got an order of the job.
        post: puts news into the coordinator's mailbox; returns whether there was room.
        kill: ends the job, for a reason.
    """

    def __init__(
        self,
        job: JobId,
        holder: ChoiceHolder,
        hosts: Collection[PeerId],
        post: Callable[[ChoicesCame | Sealed], bool],
        kill: Callable[[str], None],
    ) -> None:
        self._job = job
        self._holder = holder
        self._hosts = hosts
        self._post = post
        self._kill = kill
        self.awaited = False
        """Whether the coordinator wants to know that choices have come."""

    def on_pieces(self, pieces: list[ChoicePiece], sender: PeerId) -> None:
        """Keep what a host tells.

        Raises:
            Impostor: that peer hosts no rank of the job.
            BadFrame: something before these pieces is missing.
        """
        if sender not in self._hosts:
            raise Impostor(f"it tells choices of job {self._job}, of which it hosts no rank")
        try:
            for piece in pieces:
                if not self._holder.take(piece):
                    raise BadFrame(f"the choices of rank {piece.rank} have a gap before byte {piece.offset}")
        except ConflictingChoices as error:
            self._kill(f"{type(error).__name__}: {error}")
        if self.awaited:
            self.awaited = not self._post(ChoicesCame())

    def on_sealed(self, sender: PeerId, round: int) -> None:
        """A host has told all that it knows, for that round of the gathering."""
        self._post(Sealed(sender, round))

    def position(self, rank: Rank) -> tuple[Incarnation, int]:
        """Return the newest incarnation of a rank, and how much of its recorded choices is here."""
        return self._holder.position(rank)
