"""Worlds of `engine_world` in which one rule is broken: each must be found out."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from engine_hosts import SimHost
from engine_world import EngineWorld

from mpi_actors.errors import MpiActorsError
from mpi_actors.ids import JobId, PeerId, Rank
from mpi_actors.lanes.choices import ChoiceReporter, JobChoices
from mpi_actors.net.link import Link
from mpi_actors.replay.page import Page
from mpi_actors.replay.streams import ChoiceStreams
from mpi_actors.wire.choices import ChoicePiece
from mpi_actors.wire.frame import Frame


class ForgetfulStreams(ChoiceStreams):
    """Streams that keep some pieces from some peers."""

    def __init__(self, keeps: Callable[[Hashable, ChoicePiece], bool]) -> None:
        super().__init__()
        self._keeps = keeps

    def news(self, peer: Hashable, most: int) -> list[ChoicePiece]:
        """See `ChoiceStreams.news`."""
        return [piece for piece in super().news(peer, most) if not self._keeps(peer, piece)]


class TellsItsRanksOnly(JobChoices):
    """A host tells other hosts only what its own ranks have chosen, not what it has learned."""

    def __init__(self, job: JobId, coordinator: PeerId, keeper: ChoiceReporter) -> None:
        super().__init__(job, coordinator, keeper)
        self._here: set[Rank] = set()
        self._streams = ForgetfulStreams(self._keeps)

    def attach(
        self,
        rank: int,
        incarnation: int,
        page: Page,
        stable: int,
        on_broken: Callable[[MpiActorsError], None],
    ) -> None:
        """See `JobChoices.attach`."""
        self._here.add(rank)
        super().attach(rank, incarnation, page, stable, on_broken)

    def _keeps(self, peer: Hashable, piece: ChoicePiece) -> bool:
        return peer != self.coordinator and piece.rank not in self._here


class ReportsItsRanksOnly(TellsItsRanksOnly):
    """A host tells the coordinator only what its own ranks have chosen."""

    def _keeps(self, peer: Hashable, piece: ChoicePiece) -> bool:
        return peer == self.coordinator and piece.rank not in self._here


class TellsNobody(TellsItsRanksOnly):
    """Only the coordinator hears of choices, some time later."""

    def _keeps(self, peer: Hashable, piece: ChoicePiece) -> bool:
        return peer != self.coordinator


class ReadsBeforeTheBytes(JobChoices):
    """What goes ahead of bytes is what pages had some time before."""

    _skip = 0

    def _read_pages(self, *, all: bool = False) -> None:
        self._skip += 1
        if all or self._skip % 3 == 0:
            super()._read_pages(all=all)


class GathersOfTheLostOnly(JobChoices):
    """At a recovery, a host tells only what it knows of the lost ranks."""

    def __init__(self, job: JobId, coordinator: PeerId, keeper: ChoiceReporter) -> None:
        super().__init__(job, coordinator, keeper)
        self._asked: set[Rank] | None = None
        self._streams = ForgetfulStreams(
            lambda peer, piece: (
                peer == coordinator and self._asked is not None and piece.rank not in self._asked
            )
        )

    def answer(self, round: int) -> None:
        """See `JobChoices.answer`."""
        assert isinstance(self._keeper, SimHost)
        self._asked = {rank for rank, _ in self._keeper.lost}
        super().answer(round)

    def next_frame(self, link: Link, most: int) -> Frame | None:
        """See `JobChoices.next_frame`."""
        frame = super().next_frame(link, most)
        if frame is None:
            self._asked = None
        return frame


def with_choices(choices: type[JobChoices]) -> type[EngineWorld]:
    """A world with other daemons."""
    return type(choices.__name__, (EngineWorld,), {"choices_class": choices, "laziness": (0.998,)})
