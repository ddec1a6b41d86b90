"""What a job is, and when it cannot go on after the loss of a rank. Pure."""

from __future__ import annotations

import attrs

from ..config import JobLimits, ReplayOptions, RestartPolicy
from ..errors import NotReplayable
from ..ids import JobId, PeerId, short_peer
from .seats import Seat


@attrs.frozen(kw_only=True)
class JobSpec:
    """What a job runs: a program, with `size` ranks."""

    job: JobId
    program: str
    """The name of an interpreter or a script."""
    size: int
    """The number of ranks."""
    args: tuple[str, ...] = ()
    """Arguments of the program."""
    restart: RestartPolicy | None = None
    """None: `lost` if the program uses MPI, else `failed`."""
    replay: ReplayOptions = attrs.field(factory=ReplayOptions)
    secret: bytes = attrs.field(default=b"", repr=False)
    """The ranks' entropy comes from it; only hosts of the job know it."""
    home: PeerId
    """The peer that starts the job. It hosts rank 0 if it can."""
    limits: JobLimits = attrs.field(factory=JobLimits)


def why_not_replayable(spec: JobSpec, seat: Seat, reason: str, *, ran: bool) -> str:
    """Return why no new incarnation can take a seat, whose present one is lost; "" if one can.

    Args:
        spec: the job.
        seat: the seat.
        reason: why the incarnation is lost.
        ran: whether it can have had consequences.
    """
    lost = f"{NotReplayable.__name__}: rank {seat.rank} "
    if seat.choice:
        return (
            f"{NotReplayable.__name__}: {seat.choice}: rank {seat.rank} was lost on {short_peer(seat.peer)} "
            f"({reason}), and cannot be run again, because what it saw then is not recorded"
        )
    if ran and not spec.replay.replay:
        return (
            f"{lost}was lost on {short_peer(seat.peer)} ({reason}). The job was started with --no-replay, so "
            "nothing is kept with which the rank could run again"
        )
    return ""
