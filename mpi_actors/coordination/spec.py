"""What a job is, and when it cannot go on after the loss of a rank. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ..config import JobLimits, ReplayOptions, RestartPolicy
from ..errors import LogLost, NotReplayable
from ..ids import JobId, PeerId, short_peer
from .seats import Phase, Seat


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


LEAVING = 10.0
"""Seconds in which the others must end after a rank has left without a word: long enough where all ranks
leave so, and short for people who wait for an answer that may never come."""


def why_log_lost(seats: Iterable[Seat], now: float) -> str:
    """Return why the job cannot go on after a rank has left without a word; "" if none has, or if it can."""
    seats = tuple(seats)
    leaver = next((seat for seat in seats if seat.left and seat.phase is Phase.ENDED), None)
    if leaver is None:
        return ""
    how = (
        "with exit code 0 and without a word, by exit or _exit in C, or by exec of another program. End a "
        "program by returning, by sys.exit or by os._exit"
    )
    if leaver.incarnation and leaver.again:
        return (
            f"{LogLost.__name__}: rank {leaver.rank} was lost, has run again, and has left before others "
            f"could compare what it sent: {how}"
        )
    lost = next((seat for seat in seats if seat.again and seat.phase is not Phase.ENDED), None)
    if lost is None and now < leaver.since + LEAVING:
        return ""
    if lost is None:
        return (
            f"{LogLost.__name__}: rank {leaver.rank} has left {how}. Its last messages may be lost with it, "
            f"and others still run {LEAVING:g} s later"
        )
    return (
        f"{LogLost.__name__}: rank {lost.rank} was lost and needs the messages of rank {leaver.rank} again, "
        f"which has left {how}"
    )
