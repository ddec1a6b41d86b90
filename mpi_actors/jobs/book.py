"""The jobs that a peer starts: what can be one, how it is found by name, and when it is forgotten."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence

from ..config import MIB
from ..errors import UnknownInterpreter, UnknownJob, UsageError
from ..ids import MAX_RANKS, JobId
from ..programs.program import Launcher
from ..wire.messages import check_arguments
from .job import Job

_ENDED_JOBS = 100
_ENDED_LOGS = 64 * MIB


def check_job(launcher: Launcher, program: str, size: int, args: Sequence[str]) -> None:
    """Refuse at once what could not be a job of this peer.

    Raises:
        UnknownInterpreter: the program is not installed here, and could not be; the text names what is.
        UsageError: the number of ranks, or an argument, is not usable.
    """
    if not 1 <= size <= MAX_RANKS:
        raise UsageError(f"the number of ranks must be from 1 to {MAX_RANKS}, not {size}")
    check_arguments(args)
    installed, installable = launcher.interpreters(), launcher.installable()
    if program not in installed and program not in installable:
        known = f"installed: {', '.join(installed) or 'none'}"
        if installable:
            known += f"; could be installed: {', '.join(installable)}"
        raise UnknownInterpreter(f"no interpreter {program!r} is installed here; {known}")


def find_job(jobs: Mapping[JobId, Job], name: str) -> Job:
    """The job whose name begins so.

    Raises:
        UnknownJob: there is none, or more than one.
    """
    found = [job for id, job in jobs.items() if name and id.startswith(name)]
    if len(found) != 1:
        known = ", ".join(jobs) or "none"
        raise UnknownJob(f"{'several jobs begin' if found else 'no job begins'} with {name!r}: {known}")
    return found[0]


def forget_old_jobs(jobs: MutableMapping[JobId, Job]) -> None:
    """Drop the oldest of those that have ended, so that neither their number nor their logs grow for ever."""
    ended = [job for job in jobs.values() if job.result is not None]
    size = sum(job.log.size for job in ended)
    for number, job in enumerate(ended):
        if len(ended) - number <= _ENDED_JOBS and size <= _ENDED_LOGS:
            return
        size -= job.log.size
        del jobs[job.id]
