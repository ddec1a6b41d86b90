"""The jobs that a peer has started: found by the beginning of their names, forgotten when there are many."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from .config import MIB
from .errors import UnknownJob
from .ids import JobId
from .job import Job

_ENDED_JOBS = 100
_ENDED_LOGS = 64 * MIB


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
