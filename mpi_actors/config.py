"""The settings that have defaults: times in seconds, sizes in bytes."""

from __future__ import annotations

import os
from typing import Literal

import attrs

KIB = 1024
MIB = 1024 * KIB

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
class Timing:
    """How long to wait for others."""

    heartbeat: float = 0.2
    """Between two heartbeats on a link."""
    dead_after: float = 2.0
    """Silence after which a peer counts as lost, on a quiet machine."""
    dead_after_most: float = 8.0
    """The same on the busiest: the detector adapts between the two."""
    hello: float = 5.0
    """For a new stream to say what it is, and for a new link to be accepted."""
    redial_first: float = 0.25
    """Before the first new attempt to reach a peer; doubled each time …"""
    redial_most: float = 15.0
    """… up to this."""
    forget_after: float = 600.0
    """Attempts to reach a peer that nobody asked for in person end after this time."""
    start_rank: float = 20.0
    """For a host to start a rank."""
    flush: float = 5.0
    """For the last log lines of a rank that has ended to arrive."""
    shutdown: float = 2.0
    """For the whole daemon to stop before what is left is cancelled."""


@attrs.frozen(kw_only=True)
class LaneLimits:
    """What one rank's endpoint may hold."""

    message: int = 64 * MIB
    """The largest message."""
    window: int = 4 * MIB
    """Bytes in flight from one rank to another; a single larger message may exceed it."""
    log_memory: int = 256 * MIB
    """Of the sender's log, in memory; beyond it is spilled to an unnamed temporary file."""
    log_total: int = 8 * KIB * MIB
    """Of the sender's log, in all; beyond it the job fails with SendLogFull."""
    log_messages: int = 20_000_000
    """Messages in the sender's log: each takes some 200 bytes of memory, wherever its payload lies."""
    requests: int = 100_000
    """Unanswered requests for messages."""


@attrs.frozen(kw_only=True)
class JobLimits:
    """When a job is given up."""

    failures: int = 10
    """Times that one rank may fail by itself within `failures_period` when it is started again."""
    failures_period: float = 60.0
    losses: int = 200
    """Times that one rank may lose its process on a living peer within `losses_period`."""
    losses_period: float = 600.0
    wait_for_host: float = 30.0
    """How long a rank may wait for a peer that can take it."""
    prepare: float = 600.0
    """How long a host may take to install what a rank needs."""
    log_lines: int = 10_000
    """Lines of a job's log that its peer keeps for `logs JOB`; older ones are dropped and counted."""
    log_bytes: int = 16 * MIB
    """The same in characters; the last line is kept whatever its size."""


@attrs.frozen(kw_only=True)
class PeerLimits:
    """What one peer takes."""

    slots: int = attrs.field(factory=lambda: os.cpu_count() or 1)
    """Ranks that it hosts before others are preferred."""
    cores: int = attrs.field(factory=lambda: len(os.sched_getaffinity(0)))
    """Processors that its ranks may keep busy while they wait: fewer where other daemons share the host."""
    max_ranks: int = 256
    """Ranks that it hosts at most."""
    max_links: int = 512
    """Peers that it is connected to at most."""
    max_pending: int = 64
    """Streams that have not yet said what they are, or whose other half is missing."""


@attrs.frozen(kw_only=True)
class Settings:
    """All of them."""

    timing: Timing = attrs.field(factory=Timing)
    lanes: LaneLimits = attrs.field(factory=LaneLimits)
    jobs: JobLimits = attrs.field(factory=JobLimits)
    peer: PeerLimits = attrs.field(factory=PeerLimits)


def settings_of_one_of(peers: int) -> Settings:
    """The settings of one of several peers on this machine: its ranks may use their share of it."""
    whole = PeerLimits()
    return Settings(peer=attrs.evolve(whole, cores=max(1, whole.cores // peers)))
