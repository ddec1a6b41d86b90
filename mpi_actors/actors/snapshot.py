"""A supervision tree at one moment, for people to look at."""

from __future__ import annotations

import enum

import attrs

from .mailbox import MailboxStatistics


class ChildState(enum.Enum):
    """What a child is doing."""

    IDLE = "idle"
    """Its supervisor does not run, or has not started it yet."""
    STARTING = "starting"
    """It runs, and has not called `Actor.ready`."""
    RUNNING = "running"
    STOPPING = "stopping"
    """It must stop or was cancelled, and still runs."""
    WAITING = "waiting"
    """It will be started: after its backoff, or when its group has stopped."""


@attrs.frozen
class ChildSnapshot:
    """One child at one moment."""

    id: str
    state: ChildState
    restart: str
    """permanent, transient or temporary."""
    generation: int
    """Which run: 0, 1, 2 …; -1 if it never ran."""
    restarts: int
    """How often it was restarted in this run of its supervisor."""
    last_error: str
    """The last error with which it failed; empty if it never failed."""
    mailbox: MailboxStatistics
    nested: SupervisorSnapshot | None
    """The tree below, if it is a supervisor."""


@attrs.frozen
class SupervisorSnapshot:
    """A supervisor and all below it, at one moment."""

    name: str
    strategy: str
    """one for one, rest for one or one for all."""
    running: bool
    restarts: int
    """Restarts, of one child or of a group, in this run of the supervisor."""
    children: tuple[ChildSnapshot, ...]
    """In start order."""
