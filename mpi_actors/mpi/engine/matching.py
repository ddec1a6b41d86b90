"""Posted receives and arrived messages, matched by source, tag and context in the order of MPI. No I/O.

A message matches the first posted receive that fits, a receive the first arrived message that fits (MPI 4.1,
section 3.5). Messages of one source arrive in the order in which they were sent.
"""

from __future__ import annotations

from typing import NamedTuple

from .frames import SYNC
from .marks import Marked
from .transfer import Receive, Sending


class Envelope(NamedTuple):
    """What a probe learns of a message that has arrived."""

    source: int
    """World rank."""
    tag: int
    count: int  # type: ignore[assignment]
    """Bytes."""


class Arrival:
    """A message that has arrived, or has been announced, or is being read."""

    __slots__ = (
        "body", "complete", "context", "had", "note", "pulled", "receive", "sender", "seq", "size", "source",
        "sync", "tag", "told",
    )  # fmt: skip

    def __init__(self, source: int, context: int, tag: int, note: int, size: int, seq: int) -> None:
        self.source = source
        self.context = context
        self.tag = tag
        self.note = note
        self.size = size
        self.seq = seq
        self.had = False
        """A receive of an earlier incarnation has matched it, and its sender knows that."""
        self.sync = False
        """Its sender waits until a receive matches it."""
        self.body: memoryview | bytearray | bytes | None = None
        """The memory that has its bytes, or into which they are being read."""
        self.complete = False
        """All its bytes are in `body`."""
        self.pulled = False
        """It was announced: its bytes come when this rank pulls them."""
        self.receive: Receive | None = None
        """The receive that it has matched."""
        self.told = False
        """A receive matched it before, and was abandoned: its sender has been told of the match."""
        self.sender: Sending | None = None
        """A synchronous send of this rank to itself, which is complete when a receive matches the message."""

    @property
    def wanted(self) -> bool:
        """Whether a receive has matched it, if only one that was abandoned."""
        return self.receive is not None or self.told

    @property
    def count(self) -> int:
        """Its bytes; the same as `size`, by the name that `Envelope` has."""
        return self.size

    def marked(self) -> Marked:
        """Return all that it says beside its payload."""
        return Marked(self.note, SYNC if self.sync else 0, self.tag, self.context, self.size)

    def envelope(self) -> Envelope:
        """Return what a probe learns of it."""
        return Envelope(self.source, self.tag, self.size)


Matched = Arrival
"""A message that was taken out of the queue by a matched probe."""


class Matching:
    """The two queues of each context: posted receives, and messages that no receive has taken."""

    __slots__ = ("posted", "unexpected")

    def __init__(self) -> None:
        self.posted: dict[int, list[Receive]] = {}
        self.unexpected: dict[int, list[Arrival]] = {}

    def arrive(self, source: int, context: int, tag: int) -> Receive | None:
        """Take the first posted receive that fits a message out of its queue; None if none fits."""
        queue = self.posted.get(context)
        if queue:
            for at, receive in enumerate(queue):
                if (receive.want_source == source or receive.want_source < 0) and (
                    receive.want_tag == tag or receive.want_tag < 0
                ):
                    del queue[at]
                    return receive
        return None

    def keep(self, arrival: Arrival) -> None:
        """Queue a message that no receive took."""
        queue = self.unexpected.get(arrival.context)
        if queue is None:
            self.unexpected[arrival.context] = [arrival]
        else:
            queue.append(arrival)

    def put_back(self, arrival: Arrival) -> None:
        """Queue a message again whose receive was abandoned: before later messages of the same source."""
        queue = self.unexpected.setdefault(arrival.context, [])
        for at, other in enumerate(queue):
            if other.source == arrival.source and other.seq > arrival.seq:
                queue.insert(at, arrival)
                return
        queue.append(arrival)

    def post(self, receive: Receive) -> Arrival | None:
        """Take the first arrived message that fits out of its queue; if none fits, queue the receive."""
        context = receive.context
        arrival = None
        if self.unexpected.get(context):
            arrival = self.take(receive.want_source, context, receive.want_tag)
        if arrival is None:
            queue = self.posted.get(context)
            if queue is None:
                self.posted[context] = [receive]
            else:
                queue.append(receive)
        return arrival

    def take(self, source: int, context: int, tag: int) -> Arrival | None:
        """Take the first arrived message that fits out of its queue; None if none fits."""
        queue = self.unexpected.get(context)
        if queue:
            for at, arrival in enumerate(queue):
                if (arrival.source == source or source < 0) and (arrival.tag == tag or tag < 0):
                    del queue[at]
                    return arrival
        return None

    def find(self, source: int, context: int, tag: int) -> Arrival | None:
        """Return the first arrived message that fits, and leave it in its queue; None if none fits."""
        for arrival in self.unexpected.get(context, ()):
            if (arrival.source == source or source < 0) and (arrival.tag == tag or tag < 0):
                return arrival
        return None

    def remove(self, arrival: Arrival) -> None:
        """Take an arrived message out of its queue."""
        self.unexpected[arrival.context].remove(arrival)

    def withdraw(self, receive: Receive) -> bool:
        """Take a posted receive out of its queue; return False if a message has matched it."""
        queue = self.posted.get(receive.context, [])
        for at, other in enumerate(queue):
            if other is receive:
                del queue[at]
                return True
        return False

    def forget(self, context: int) -> None:
        """Drop the queues of a context whose communicator is gone, unless something waits in them."""
        for queues in (self.posted, self.unexpected):
            if not queues.get(context):
                queues.pop(context, None)

    def left(self) -> int:
        """Return how many messages and receives wait."""
        return sum(map(len, self.posted.values())) + sum(map(len, self.unexpected.values()))
