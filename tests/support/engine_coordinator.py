"""The coordinator of `engine_world`: real decisions and the real holder of choices, on simple messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from engine_links import HOME, JOB, Report, name_of, number_of

from mpi_actors.coordination.decisions import JobDecisions, JobSpec
from mpi_actors.coordination.seats import (
    Action,
    Announce,
    ChoiceRecorded,
    Drop,
    End,
    Fence,
    Phase,
    PlaceRank,
    Preparing,
    Seal,
)
from mpi_actors.ids import Incarnation, PeerId, Rank
from mpi_actors.replay.holder import ChoiceHolder
from mpi_actors.wire.choices import ChoicePiece

if TYPE_CHECKING:
    from engine_hosts import Order
    from engine_world import EngineWorld


class Wrong(AssertionError):
    """Somebody has seen what a repeated rank contradicts, or the job does not end."""


class Coordinator:
    """The job's coordinator: decides as the real one, and holds the choices.

    Args:
        world: where it lives.
    """

    def __init__(self, world: EngineWorld) -> None:
        self.world = world
        self.decisions = JobDecisions(
            JobSpec(job=JOB, program="program", size=world.size, home=name_of(HOME))
        )
        self.holder = ChoiceHolder()
        self.exits: dict[int, tuple[int, int]] = {}
        """Incarnations whose process was killed, by rank, with the number of bytes that their pages had."""
        self.shown: dict[tuple[int, int], str] = {}
        """Lines, by rank and number."""

    # --- see `ChoiceSink` ---------------------------------------------------------------------------------

    def on_pieces(self, pieces: list[ChoicePiece], sender: PeerId) -> None:
        """Keep pieces."""
        for piece in pieces:
            if not self.holder.take(piece):
                raise Wrong(f"the choices of rank {piece.rank} have a gap before byte {piece.offset}")
        self._take_exits()

    def on_sealed(self, sender: PeerId, round: int) -> None:
        """A host has told all that it knows."""
        self.carry_out(self.decisions.on_sealed(sender, round, self.time))

    def position(self, rank: Rank) -> tuple[Incarnation, int]:
        """See `ChoiceHolder.position`."""
        return self.holder.position(rank)

    # --- what hosts report --------------------------------------------------------------------------------

    def on_report(self, report: Report) -> bool:
        """A process has told something; return False if it came too early."""
        seat = self.decisions.seats[report.rank]
        if seat.incarnation != report.incarnation or seat.phase is Phase.VACANT:
            return True
        if seat.phase is Phase.STARTING:
            return False
        if report.kind == "line":
            before = self.shown.setdefault((report.rank, report.number), report.text)
            if before != report.text:
                raise Wrong(f"line {report.number} of rank {report.rank} was {before} and is {report.text}")
        elif report.kind == "ENDED":
            self._exited(report.rank, report.incarnation, killed=False)
        else:
            raise Wrong(f"rank {report.rank} says {report.kind}: {report.text}")
        return True

    def on_up(self, rank: int, incarnation: int) -> None:
        """An incarnation runs."""
        self.carry_out(self.decisions.on_rank_started(rank, incarnation, self.time, mpi=True))

    def on_killed(self, rank: int, incarnation: int, choices: int) -> None:
        """A process was killed; its host lives."""
        self.exits[rank] = incarnation, choices
        self._take_exits()

    def on_peer_down(self, host: int) -> None:
        """A host is gone, or is given up."""
        self.carry_out(self.decisions.on_peer_down(name_of(host), "lost", self.time))

    def _take_exits(self) -> None:
        for rank, (incarnation, choices) in tuple(self.exits.items()):
            if not self.decisions.is_current(rank, incarnation):
                del self.exits[rank]
            elif self.holder.position(rank)[1] >= choices:
                del self.exits[rank]
                self._exited(rank, incarnation, killed=True)

    def _exited(self, rank: int, incarnation: int, *, killed: bool) -> None:
        self.carry_out(
            self.decisions.on_rank_exited(
                rank, incarnation, killed=killed, code=-9 if killed else 0, text="ended", now=self.time
            )
        )

    # --- effects ------------------------------------------------------------------------------------------

    @property
    def time(self) -> float:
        """The time by which hosts are never late."""
        return self.world.now / 1_000_000

    def carry_out(self, actions: Iterable[Action]) -> None:
        """See `jobs.effects`."""
        for action in actions:
            match action:
                case PlaceRank(rank, incarnation, peer):
                    self._start(rank, incarnation, number_of(peer))
                case Announce(rank, incarnation, peer):
                    for host in self.world.hosts:
                        self._tell(host.number, _place(rank, incarnation, number_of(peer)))
                case Fence(rank, incarnation, peer):
                    if peer in self.decisions.peers:
                        self._tell(number_of(peer), _stop(rank, incarnation))
                case Seal(round, lost, hosts):
                    self.world.hosts[HOME].fence(lost)
                    for peer in hosts:
                        self._tell(number_of(peer), _seal(round, lost))
                case End(ok, _, reason):
                    if not ok:
                        raise Wrong(f"the job failed: {reason}")
                case Drop() | Preparing() | ChoiceRecorded():
                    raise Wrong(f"unexpected: {action}")

    def _tell(self, host: int, order: Order) -> None:
        self.world.order(host, order)

    def _start(self, rank: int, incarnation: int, host: int) -> None:
        places = {
            seat.rank: (seat.incarnation, number_of(seat.peer))
            for seat in self.decisions.placed()
            if seat.peer is not None
        }
        stream = self.holder.begin(rank, incarnation)
        self._tell(host, lambda at: at.start(rank, incarnation, stream, places))


def _place(rank: int, incarnation: int, host: int) -> Order:
    return lambda at: at.place(rank, incarnation, host)


def _stop(rank: int, incarnation: int) -> Order:
    return lambda at: at.stop(rank, incarnation)


def _seal(round: int, lost: Sequence[tuple[int, int]]) -> Order:
    return lambda at: at.seal(round, lost)
