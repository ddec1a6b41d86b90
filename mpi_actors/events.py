"""What happens in a pool, as typed events and as the JSON lines of `--events`.

The JSON form is stable: an object a line with `time` (seconds since 1970), `event` (the name) and the fields
of the class. New fields and events may come; none goes or changes its meaning.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, ClassVar

import attrs

from .ids import Incarnation, JobId, PeerId, Rank

logger = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened on or was seen by this peer."""

    name: ClassVar[str]


@attrs.frozen(kw_only=True)
class PeerJoined(Event):
    """A peer was greeted and counts from now on."""

    name = "peer-joined"
    peer: PeerId
    address: str
    interpreters: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class PeerOffers(Event):
    """A peer that counts offers other interpreters than before."""

    name = "peer-offers"
    peer: PeerId
    interpreters: tuple[str, ...]


@attrs.frozen(kw_only=True)
class PeerLost(Event):
    """A peer is gone: `reason` says how that was noticed."""

    name = "peer-lost"
    peer: PeerId
    reason: str


@attrs.frozen(kw_only=True)
class JobStarted(Event):
    """This peer coordinates a new job."""

    name = "job-started"
    job: JobId
    program: str
    ranks: int


@attrs.frozen(kw_only=True)
class RankInstalling(Event):
    """A rank's host has not installed the program, and does that before it starts the rank."""

    name = "rank-installing"
    job: JobId
    rank: Rank
    incarnation: Incarnation
    peer: PeerId
    program: str


@attrs.frozen(kw_only=True)
class RankStarted(Event):
    """A rank's process runs, for the first time (incarnation 0) or again."""

    name = "rank-started"
    job: JobId
    rank: Rank
    incarnation: Incarnation
    peer: PeerId
    pid: int
    daemon_pid: int


@attrs.frozen(kw_only=True)
class RankLost(Event):
    """An incarnation is over without having ended well; another is to take its place."""

    name = "rank-lost"
    job: JobId
    rank: Rank
    incarnation: Incarnation
    peer: PeerId
    reason: str


@attrs.frozen(kw_only=True)
class RankWaiting(Event):
    """No peer can take a rank now; the job waits, visibly, until the deadline."""

    name = "rank-waiting"
    job: JobId
    rank: Rank
    seconds: float
    reason: str


@attrs.frozen(kw_only=True)
class Log(Event):
    """A program logged a line (`stream` is `log`), or wrote one to standard error (`stderr`)."""

    name = "log"
    job: JobId
    rank: Rank
    text: str
    stream: str = "log"


@attrs.frozen(kw_only=True)
class JobFinished(Event):
    """A job is over."""

    name = "job-finished"
    job: JobId
    ok: bool
    exit_code: int
    reason: str
    seconds: float


@attrs.frozen(kw_only=True)
class Notice(Event):
    """Something that a person at the console should know."""

    name = "notice"
    text: str


def event_classes() -> dict[str, type[Event]]:
    """The classes of events by their names."""
    # attrs makes each class anew, with slots: the one that counts comes after the one that it was made from
    return {cls.name: cls for cls in Event.__subclasses__()}


def to_json(event: Event, time: float) -> str:
    """The event as one line of JSON, without the newline."""
    fields: dict[str, Any] = {"time": round(time, 6), "event": event.name}
    fields |= attrs.asdict(event)
    return json.dumps(fields, ensure_ascii=False)


class EventBus:
    """Tells each event to whoever listens, at once and in order.

    A listener that cannot keep up holds the bus: until it lets go, jobs take no more log lines of their
    ranks. Everything else goes on.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []
        self._holds = 0
        self._when_free: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` with each event from now on; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def held(self) -> bool:
        """Somebody cannot keep up."""
        return self._holds > 0

    def hold(self) -> Callable[[], None]:
        """Ask for no more log lines; returns what ends that, to be called once."""
        self._holds += 1
        return self._let_go

    def when_free(self, act: Callable[[], None]) -> Callable[[], None]:
        """Call `act` whenever the last hold ends; returns what ends that."""
        self._when_free.append(act)
        return lambda: self._when_free.remove(act)

    def _let_go(self) -> None:
        self._holds -= 1
        if not self._holds:
            for act in tuple(self._when_free):
                act()

    def emit(self, event: Event) -> None:
        """Tell everybody. What a listener raises is its own affair: it is logged, and the others are told."""
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                logger.exception("a listener could not take %s", event.name)
