"""Events in words, for the console and for `run`. Pure."""

from __future__ import annotations

import enum

import attrs

from ...events import (
    STDERR_FOLLOWS,
    Event,
    JobFinished,
    JobStarted,
    Log,
    Notice,
    PeerJoined,
    PeerLost,
    RankInstalling,
    RankLost,
    RankStarted,
    RankWaiting,
)
from ...ids import JobId, short_peer
from .tables import seconds_text


class TextKind(enum.Enum):
    """What a text is. This decides to which stream it goes, and whether a quiet console shows it."""

    LOG = "log"
    """A line that a program logged: always shown, on standard output."""
    STDERR = "stderr"
    """A line that a program wrote to standard error: always shown, on standard error."""
    NEWS = "news"
    """News of peers and jobs: on standard output, unless the console is quiet."""
    FAILURE = "failure"
    """What a person has to know: always shown, on standard error."""

    @property
    def is_error(self) -> bool:
        """Whether the text goes to standard error."""
        return self in (TextKind.STDERR, TextKind.FAILURE)


@attrs.frozen
class Shown:
    """An event as text, without the end of its last line."""

    text: str
    kind: TextKind


def show(event: Event, *, several: bool = False) -> Shown | None:
    """Return how a console shows an event; None if it does not show it.

    Args:
        event: the event.
        several: jobs run side by side, so that each log line names its job.
    """
    match event:
        case Log(job=job, rank=rank, text=text, stream=stream):
            of_job = f"{short_job(job)} " if several else ""
            if stream == "stderr":
                return Shown(f"{of_job}[{rank} stderr] {text}", TextKind.STDERR)
            return Shown(of_job + (f"[{rank}] " if rank or several else "") + text, TextKind.LOG)
        case JobStarted(job=job, program=program, ranks=ranks):
            return _news(f"job {job} started: {program}, {ranks} rank{'s' if ranks > 1 else ''}")
        case JobFinished(job=job, ok=True, seconds=seconds):
            return _news(f"job {job} finished after {seconds_text(seconds)}")
        case JobFinished(job=job, reason=reason, seconds=seconds):
            text = f"job {job} failed after {seconds_text(seconds)}: {reason}"
            return Shown(text.rstrip().replace("\n", "\n    "), TextKind.FAILURE)
        case Notice(text=text):
            return Shown(f"note: {text}", TextKind.FAILURE)
        case RankLost() | RankInstalling() | RankStarted() | RankWaiting():
            text = describe(event)
            return _news(f"job {short_job(event.job)}: {text}") if text else None
    text = describe(event)
    return _news(text) if text else None


def describe(event: Event) -> str:
    """Return what becomes of peers and of a job's ranks, without the job's name; "" for all other events."""
    match event:
        case RankLost(rank=rank, peer=peer, reason=reason):
            # the program's standard error was shown as it came
            why = reason.partition(STDERR_FOLLOWS)[0].partition("\n")[0]
            return f"rank {rank} on {short_peer(peer)} is lost: {why}"
        case RankInstalling(rank=rank, peer=peer, program=program):
            return f"{short_peer(peer)} installs {program} for rank {rank}"
        case RankStarted(rank=rank, incarnation=number, peer=peer) if number > 0:
            return f"rank {rank} runs again, on {short_peer(peer)}"
        case RankWaiting(rank=rank, seconds=seconds, reason=reason):
            return f"rank {rank} waits up to {seconds:.0f} s for a peer: {reason}"
        case PeerJoined(peer=peer, address=address, interpreters=interpreters):
            offers = ", ".join(interpreters) or "nothing yet"
            return f"peer {short_peer(peer)} joined{f' at {address}' if address else ''}: {offers}"
        case PeerLost(peer=peer, reason=reason):
            return f"peer {short_peer(peer)} left: {reason}"
    return ""


def short_job(job: JobId) -> str:
    """Return the beginning of a job's id, which is enough to name it."""
    return job[:8]


def printable(text: str) -> str:
    """Return a stranger's text without characters that control a terminal, except tabs and line ends."""
    return "".join(char if char.isprintable() or char in "\t\n" else "\ufffd" for char in text)


def _news(text: str) -> Shown:
    return Shown(text, TextKind.NEWS)
