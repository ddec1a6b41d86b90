"""Tells coordinators the news of recorded choices, and hosts how far the coordinators here have them."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from ..actors import Bell
from ..ids import JobId, PeerId
from ..net.link import Link
from ..wire.messages import ChoicesStable
from .choices import JobChoices

_LEAST_PAUSE = 0.005
"""Seconds between two reports to the coordinator while there is news: they are the longest time for which
news are repeated ahead of each message to another peer …"""
_LONGEST_PAUSE = 0.25
"""… and between two looks at pages in which nothing happens: about as often as a heartbeat."""


class ChoiceKeeper:
    """Sees that coordinators get the news of choices, and hosts the answers, some milliseconds later.

    Args:
        link: returns the link to a peer; None if there is none.
        tell: sends a control message to a peer.
    """

    def __init__(
        self,
        link: Callable[[PeerId], Link | None],
        tell: Callable[[PeerId, ChoicesStable], object],
    ) -> None:
        self._link = link
        self.tell = tell
        self._jobs: dict[JobId, JobChoices] = {}
        self._bell = Bell()

    def open(self, job: JobId, coordinator: PeerId) -> JobChoices:
        """Return the choices of a job that this peer takes part in from now on."""
        self._jobs[job] = JobChoices(job, coordinator, self)
        return self._jobs[job]

    def close(self, job: JobId) -> None:
        """Forget a job that is over."""
        self._jobs.pop(job, None)

    def on_link_down(self, peer: PeerId) -> None:
        """See `JobChoices.on_link_down`."""
        for choices in self._jobs.values():
            choices.on_link_down(peer)

    def soon(self) -> None:
        """There is news."""
        self._bell.ring()

    def report(self, choices: JobChoices) -> None:
        """Have the link to a job's coordinator ask for its news."""
        link = self._link(choices.coordinator)
        if link is not None:
            link.mark_ready(choices)

    async def run(self) -> None:
        """Look after all jobs that may have choices, until cancelled."""
        pause = _LEAST_PAUSE
        while True:
            watched = any(choices.watched for choices in self._jobs.values())
            with trio.move_on_after(pause if watched else math.inf) as timeout:
                await self._bell.wait()
            if not timeout.cancelled_caught:
                pause = _LEAST_PAUSE
                await trio.sleep(pause)
            news = [choices.look() for choices in tuple(self._jobs.values()) if choices.active]
            pause = _LEAST_PAUSE if any(news) else min(2 * pause, _LONGEST_PAUSE)
