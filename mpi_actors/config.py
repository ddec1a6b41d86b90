"""Settings and their defaults. Times are in seconds, sizes in bytes."""

from __future__ import annotations

import os
from typing import Literal

import attrs

KIB = 1024
"""Bytes in a kibibyte."""
MIB = 1024 * KIB
"""Bytes in a mebibyte."""

DEFAULT_MAX_SIZE = 10_000_000
"""Bytes that the installed interpreters of one peer may take: enough for a few dozen small programs."""
DEFAULT_KEEP = 30 * 86400.0
"""Seconds after which a peer removes an interpreter that no job has used: a month."""
DEFAULT_LISTEN = ("/ip4/127.0.0.1/tcp/0",)
"""Addresses on which a peer listens: any free port, for this machine only."""

RestartPolicy = Literal["lost", "failed"]
"""Which ranks of a job are started again.

`lost`: those whose process was killed or whose peer was lost; a rank that fails by itself fails the job.
`failed`: also those that fail by themselves, within the limits of `JobLimits`.
"""


@attrs.frozen(kw_only=True)
class ReplayOptions:
    """What a job does so that a rank which is started again does the same once more."""

    replay: bool = True
    """Log, compare and record. Otherwise the job fails as soon as a rank is lost."""
    real_entropy: bool = False
    """Random numbers without a seed come from the system, and not from the job's secret."""
    output_may_differ: bool = False
    """When a rank writes other lines than before its loss, warn, and do not fail the job."""


@attrs.frozen(kw_only=True)
class Timing:
    """How long a peer waits for others."""

    heartbeat: float = 0.2
    """From one heartbeat on a link to the next."""
    dead_after: float = 2.0
    """Silence after which a peer counts as lost, while its heartbeats are regular …"""
    dead_after_most: float = 8.0
    """… and at most, however irregular they are: the detector adapts between the two."""
    hello: float = 5.0
    """For a new stream to send its preamble, and for a new link to be accepted."""
    redial_first: float = 0.25
    """Before the second attempt to reach a peer. Each further wait is twice as long …"""
    redial_most: float = 15.0
    """… up to this one."""
    forget_after: float = 600.0
    """After this time attempts to reach a peer end, unless a person asked for the peer."""
    start_rank: float = 20.0
    """For a host to start a rank."""
    flush: float = 5.0
    """For the last log lines of an ended rank to reach the coordinator."""
    shutdown: float = 2.0
    """For the whole daemon to stop in good order, before the rest is cancelled."""


@attrs.frozen(kw_only=True)
class LaneLimits:
    """What the endpoint of one rank may hold."""

    message: int = 64 * MIB
    """The largest message."""
    window: int = 4 * MIB
    """Bytes in flight from one rank to another. A single larger message may exceed it."""
    log_memory: int = 256 * MIB
    """Of a rank's log in memory. Beyond that, the log goes to an unnamed temporary file."""
    log_total: int = 8 * KIB * MIB
    """Of a rank's log in all. Beyond that, the job fails with SendLogFull."""
    log_messages: int = 20_000_000
    """Messages in a rank's log. Each takes some 200 bytes of memory besides its payload."""
    requests: int = 100_000
    """Requests of a program for messages that are not answered yet."""


@attrs.frozen(kw_only=True)
class JobLimits:
    """When the coordinator gives up a job, and what it keeps of the job's log."""

    failures: int = 10
    """Times that a rank which is restarted may fail by itself within `failures_period`."""
    failures_period: float = 60.0
    """The period for `failures`."""
    losses: int = 200
    """Times that a rank may lose its process, on a living peer, within `losses_period`."""
    losses_period: float = 600.0
    """The period for `losses`."""
    wait_for_host: float = 30.0
    """How long a rank may wait for a peer that can host it."""
    prepare: float = 600.0
    """How long a host may take to install the program of a rank."""
    log_lines: int = 10_000
    """Lines of a job's log that the coordinator keeps for `logs JOB`. Older ones are dropped and counted."""
    log_bytes: int = 16 * MIB
    """The same in characters. The last line is kept, whatever its size."""


@attrs.frozen(kw_only=True)
class PeerLimits:
    """What one peer takes on."""

    slots: int = attrs.field(factory=lambda: os.cpu_count() or 1)
    """Ranks that the peer hosts before coordinators prefer other peers."""
    cores: int = attrs.field(factory=lambda: len(os.sched_getaffinity(0)))
    """Processors that its ranks may keep busy while they wait; fewer if other daemons share the machine."""
    max_ranks: int = 256
    """Ranks that the peer hosts at most."""
    max_links: int = 512
    """Peers to which the peer is linked at most."""
    max_pending: int = 64
    """Streams that may wait for their preamble, or for the other stream of their link."""


@attrs.frozen(kw_only=True)
class Settings:
    """All settings of a peer."""

    timing: Timing = attrs.field(factory=Timing)
    lanes: LaneLimits = attrs.field(factory=LaneLimits)
    jobs: JobLimits = attrs.field(factory=JobLimits)
    peer: PeerLimits = attrs.field(factory=PeerLimits)


def settings_of_one_of(peers: int) -> Settings:
    """Return settings for one of `peers` peers on this machine: its ranks may use their share of it."""
    whole = PeerLimits()
    return Settings(peer=attrs.evolve(whole, cores=max(1, whole.cores // peers)))
