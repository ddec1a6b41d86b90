"""What a daemon tells the process of a rank by environment variables. Sans-I/O, and light: ranks load it.

The daemon writes them with `RankEnvironment.write`; the library in the rank reads them with
`RankEnvironment.read`, or one of them by its name. A process without them is a job of one rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

JOB = "MPI_ACTORS_JOB"
"""The job's id: 16 hexadecimal digits."""
RANK = "MPI_ACTORS_RANK"
"""The rank, from 0."""
SIZE = "MPI_ACTORS_SIZE"
"""How many ranks the job has."""
INCARNATION = "MPI_ACTORS_INCARNATION"
"""Which attempt at this rank the process is, from 0."""
CHANNEL = "MPI_ACTORS_CHANNEL"
"""The descriptor of the rank's end of its channel to the daemon, see `wire.channel`; for MPI programs."""
PAGE = "MPI_ACTORS_PAGE"
"""The descriptor of the memory in which the rank writes its choices, see `replay.page`; for MPI programs."""
SEED = "MPI_ACTORS_SEED"
"""The number that seeds random numbers, fixed by job and rank; for MPI programs."""
PROCESSOR = "MPI_ACTORS_PROCESSOR"
"""The host name that the program must see, that of the first incarnation's host; empty: its own host's."""
REPLAY = "MPI_ACTORS_REPLAY"
"""`0` if nothing is logged, compared or recorded, so that the rank cannot be run again."""
ENTROPY = "MPI_ACTORS_ENTROPY"
"""The secret from which random numbers without a seed come, in hexadecimal digits; not set: the system's."""
PROCESS = "MPI_ACTORS_PROCESS"
"""The id of the rank's process. The rank sets it, and so sees that it has executed another program."""
LANES = "MPI_ACTORS_LANES"
"""Lanes that exist before the process starts, as `rank:descriptor,rank:descriptor`; only without a daemon."""

NO_JOB = "0" * 16
"""The job's id in a process that no daemon started."""


class RankEnvironment(NamedTuple):
    """The variables, with their values as numbers where they are numbers; None for those that are not set."""

    job: str = NO_JOB
    rank: int = 0
    size: int = 1
    incarnation: int = 0
    channel: int | None = None
    page: int | None = None
    seed: int | None = None
    processor: str | None = None
    replay: bool = True
    entropy: str | None = None
    lanes: Mapping[int, int] = {}
    """Descriptors by rank."""

    def write(self) -> dict[str, str]:
        """Return the variables that are set, by their names."""
        variables = {
            JOB: self.job,
            RANK: str(self.rank),
            SIZE: str(self.size),
            INCARNATION: str(self.incarnation),
        }
        if not self.replay:
            variables[REPLAY] = "0"
        optional = (CHANNEL, self.channel), (PAGE, self.page), (SEED, self.seed)
        for name, value in (*optional, (PROCESSOR, self.processor), (ENTROPY, self.entropy)):
            if value is not None:
                variables[name] = str(value)
        if self.lanes:
            variables[LANES] = ",".join(f"{rank}:{descriptor}" for rank, descriptor in self.lanes.items())
        return variables

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> RankEnvironment:
        """Return what the variables say; those that are not there have the values of a job of one rank.

        Raises:
            ValueError: a value that must be a number is not one.
        """
        channel, page, seed = map(variables.get, (CHANNEL, PAGE, SEED))
        return cls(
            job=variables.get(JOB, NO_JOB),
            rank=int(variables.get(RANK, "0")),
            size=int(variables.get(SIZE, "1")),
            incarnation=int(variables.get(INCARNATION, "0")),
            channel=None if channel is None else int(channel),
            page=None if page is None else int(page),
            seed=None if seed is None else int(seed),
            processor=variables.get(PROCESSOR),
            replay=variables.get(REPLAY) != "0",
            entropy=variables.get(ENTROPY),
            lanes=dict(map(_lane, filter(None, variables.get(LANES, "").split(",")))),
        )


def _lane(pair: str) -> tuple[int, int]:
    rank, _, descriptor = pair.partition(":")
    return int(rank), int(descriptor)
