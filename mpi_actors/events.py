"""What happens in a pool, as typed events and as the JSON lines of `--events`.

The JSON form is stable. Each line is an object with `time` (seconds since 1970), `event` (the event's name)
and the fields of the class. Later versions may add fields and events; they never remove one or change its
meaning.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import attrs

from .ids import Incarnation, JobId, PeerId, Rank

logger = logging.getLogger(__name__)

Item = TypeVar("Item")


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened on this peer, or that this peer saw."""

    name: ClassVar[str]
    """The event's name in JSON."""


@attrs.frozen(kw_only=True)
class PeerJoined(Event):
    """A peer has said hello and is a member of the pool from now on. `interpreters` are those it offers."""

    name = "peer-joined"
    peer: PeerId
    address: str
    interpreters: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class PeerOffers(Event):
    """A connected peer offers other interpreters than before."""

    name = "peer-offers"
    peer: PeerId
    interpreters: tuple[str, ...]


@attrs.frozen(kw_only=True)
class PeerLost(Event):
    """A peer is gone; `reason` says how this peer noticed."""

    name = "peer-lost"
    peer: PeerId
    reason: str


@attrs.frozen(kw_only=True)
class JobStarted(Event):
    """This peer coordinates a new job with `ranks` ranks."""

    name = "job-started"
    job: JobId
    program: str
    ranks: int


@attrs.frozen(kw_only=True)
class RankInstalling(Event):
    """The host of a rank installs the program before it starts the rank."""

    name = "rank-installing"
    job: JobId
    rank: Rank
    incarnation: Incarnation
    peer: PeerId
    program: str


@attrs.frozen(kw_only=True)
class RankStarted(Event):
    """A process of a rank runs: the first (incarnation 0), or one that replaces another."""

    name = "rank-started"
    job: JobId
    rank: Rank
    incarnation: Incarnation
    peer: PeerId
    pid: int
    daemon_pid: int


STDERR_FOLLOWS = "; its standard error ended with:\n"
"""In the reason of a `RankLost` or `JobFinished`: what follows is what the program wrote last."""


@attrs.frozen(kw_only=True)
class RankLost(Event):
    """An incarnation ended before its work was done; the coordinator starts another in its place."""

    name = "rank-lost"
    job: JobId
    rank: Rank
    incarnation: Incarnation
    peer: PeerId
    reason: str


@attrs.frozen(kw_only=True)
class RankWaiting(Event):
    """No peer can host a rank now. The job waits for one, for at most `seconds` seconds."""

    name = "rank-waiting"
    job: JobId
    rank: Rank
    seconds: float
    reason: str


@attrs.frozen(kw_only=True)
class Log(Event):
    r"""A program logged a line (`stream` is `log`), or wrote a line to standard error (`stderr`).

    In `text`, a byte that is not UTF-8 is one lone surrogate, `\udc80` to `\udcff` in JSON, as Python's
    `surrogateescape` has it. If the rank did not write the line's end, `ended` is false: its next text in
    that stream goes on with the line.
    """

    name = "log"
    job: JobId
    rank: Rank
    text: str
    stream: str = "log"
    ended: bool = True


@attrs.frozen(kw_only=True)
class JobFinished(Event):
    """A job has ended. `seconds` is how long it ran."""

    name = "job-finished"
    job: JobId
    ok: bool
    exit_code: int
    reason: str
    seconds: float


@attrs.frozen(kw_only=True)
class Notice(Event):
    """Text that a person at the console should read."""

    name = "notice"
    text: str


def event_classes() -> dict[str, type[Event]]:
    """Return the classes of all events, by their names in JSON."""
    # attrs replaces each class by one with slots, which comes later in the list than the class as written
    return {cls.name: cls for cls in Event.__subclasses__()}


def to_json(event: Event, time: float) -> str:
    """Return the event as one line of JSON, without the newline. `time` is in seconds since 1970.

    Lone surrogates are escaped, so that the line can be written as UTF-8.
    """
    fields: dict[str, Any] = {"time": round(time, 6), "event": event.name}
    fields |= attrs.asdict(event)
    # in a string of JSON, what `backslashreplace` makes of a surrogate is the escape that stands for it
    return json.dumps(fields, ensure_ascii=False).encode(errors="backslashreplace").decode()


class EventBus:
    """Passes each event to all listeners, at once and in order.

    A listener that cannot keep up holds the bus. Until it lets go, jobs take nothing more of what their ranks
    write; everything else goes on.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []
        self._holds = 0
        self._when_free: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` with each event from now on; return a function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def held(self) -> bool:
        """Whether a listener holds the bus."""
        return self._holds > 0

    def hold(self) -> Callable[[], None]:
        """Stop what ranks write; return a function that ends this hold. The caller calls it once."""
        self._holds += 1
        return self._let_go

    def when_free(self, act: Callable[[], None]) -> Callable[[], None]:
        """Call `act` whenever the last hold ends; return a function that ends this."""
        self._when_free.append(act)
        return lambda: self._when_free.remove(act)

    def _let_go(self) -> None:
        self._holds -= 1
        if not self._holds:
            for act in tuple(self._when_free):
                act()

    def emit(self, event: Event) -> None:
        """Pass an event to all listeners. An exception of one is logged, and does not reach the others."""
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                logger.exception("a listener could not take %s", event.name)


class BoundedOutbox(Generic[Item]):
    """Items on their way to a reader that may be slow, in order and in bounded memory.

    The outbox holds the bus from the moment when items of `hold_at` or more wait, until items of `free_at` or
    less do. Meanwhile jobs take nothing that ranks write, so that ranks wait. Other events are few, and
    nothing is dropped.

    Args:
        bus: held while the reader cannot keep up.
        hold_at: size from which the bus is held, in any unit.
        free_at: size down to which it is held.
    """

    def __init__(self, bus: EventBus, *, hold_at: int, free_at: int) -> None:
        self._bus = bus
        self._hold_at = hold_at
        self._free_at = free_at
        self._waiting: deque[tuple[Item, int]] = deque()
        self._size = 0
        self._in_hand = 0
        self._let_go: Callable[[], None] | None = None

    def __len__(self) -> int:
        """Return the number of items that nobody has taken."""
        return len(self._waiting)

    def put(self, item: Item, size: int) -> None:
        """Add an item of that size."""
        self._waiting.append((item, size))
        self._size += size
        if self._let_go is None and self._size >= self._hold_at:
            self._let_go = self._bus.hold()

    def take(self, enough: float) -> list[Item]:
        """Take items until their sizes reach `enough`, or none is left. They count until `written`."""
        items = []
        taken = 0
        while self._waiting and taken < enough:
            item, size = self._waiting.popleft()
            items.append(item)
            taken += size
        self._in_hand += taken
        return items

    def written(self) -> None:
        """Forget what was taken: the reader has it. This may free the bus."""
        self._size -= self._in_hand
        self._in_hand = 0
        if self._size <= self._free_at:
            self._free()

    def clear(self) -> None:
        """Forget all items, and free the bus."""
        self._waiting.clear()
        self._size = self._in_hand = 0
        self._free()

    def _free(self) -> None:
        let_go, self._let_go = self._let_go, None
        if let_go is not None:
            let_go()
