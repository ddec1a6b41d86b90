"""A supervision tree at one moment, for people to look at."""

from __future__ import annotations

import enum

import attrs

from .mailbox import MailboxStatistics


class ChildState(enum.Enum):
    """What a child is doing."""

    IDLE = "idle"
    """Its supervisor does not run, or has not come to it yet."""
    STARTING = "starting"
    """It runs, and has not said that it is ready."""
    RUNNING = "running"
    STOPPING = "stopping"
    """It was asked to stop, or cancelled, and still runs."""
    WAITING = "waiting"
    """It does not run and will be started: after its backoff, or when its group has stopped."""


@attrs.frozen
class ChildSnapshot:
    """One child."""

    id: str
    state: ChildState
    restart: str
    """permanent, transient or temporary."""
    generation: int
    """Which run: 0, 1, 2 …; -1 = it never ran."""
    restarts: int
    """How often it was started again in this run of its supervisor."""
    last_error: str
    """What it failed with last; empty if it never did."""
    mailbox: MailboxStatistics
    nested: SupervisorSnapshot | None
    """The tree below, if it is a supervisor."""


@attrs.frozen
class SupervisorSnapshot:
    """A supervisor and all that is below it."""

    name: str
    strategy: str
    """one for one, rest for one or one for all."""
    running: bool
    restarts: int
    """How many restarts, of one child or a group, it has made in this run."""
    children: tuple[ChildSnapshot, ...]
    """In start order."""
