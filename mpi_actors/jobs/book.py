"""The jobs that a peer starts: which can be started, how they are found by name, when they are forgotten."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence

from ..config import MIB
from ..errors import UnknownInterpreter, UnknownJob, UsageError
from ..ids import MAX_RANKS, JobId
from ..programs.program import ProgramStarter
from ..wire.fields import check_arguments
from .job import Job

_MAX_ENDED_JOBS = 100
"""Jobs that have ended and can still be asked for: as many as people look back at."""
_MAX_ENDED_LOGS = 64 * MIB
"""Characters in the logs of all jobs that have ended: little beside the memory of a daemon."""


def check_job(starter: ProgramStarter, program: str, size: int, args: Sequence[str]) -> None:
    """Check that this peer could start such a job.

    Raises:
        UnknownInterpreter: the program is not installed here and cannot be installed; the text names those
            that are or can be.
        UsageError: the number of ranks is not from 1 to `MAX_RANKS`, or an argument cannot be sent.
    """
    if not 1 <= size <= MAX_RANKS:
        raise UsageError(f"the number of ranks must be from 1 to {MAX_RANKS}, not {size}")
    check_arguments(args)
    installed, installable = starter.interpreters(), starter.installable()
    if program not in installed and program not in installable:
        known = f"installed: {', '.join(installed) or 'none'}"
        if installable:
            known += f"; could be installed: {', '.join(installable)}"
        raise UnknownInterpreter(f"no interpreter {program!r} is installed here; {known}")


def find_job(jobs: Mapping[JobId, Job], name: str) -> Job:
    """Return the job whose name begins with `name`.

    Raises:
        UnknownJob: no job's name begins so, or the names of several do.
    """
    found = {id: job for id, job in jobs.items() if name and id.startswith(name)}
    if len(found) > 1:
        raise UnknownJob(f"{name!r} stands for several jobs: {', '.join(found)}")
    if not found:
        known = f"the jobs are {', '.join(jobs)}" if jobs else "this peer has started no job"
        raise UnknownJob(f"there is no job {name!r}: {known}")
    return next(iter(found.values()))


def forget_old_jobs(jobs: MutableMapping[JobId, Job]) -> None:
    """Drop the oldest jobs that have ended, so that neither their number nor their logs grow for ever."""
    ended = [job for job in jobs.values() if job.result is not None]
    size = sum(job.log.size for job in ended)
    for number, job in enumerate(ended):
        if len(ended) - number <= _MAX_ENDED_JOBS and size <= _MAX_ENDED_LOGS:
            return
        size -= job.log.size
        del jobs[job.id]
