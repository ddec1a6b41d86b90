"""Posted receives and arrived messages, matched by source, tag and context in MPI's order. Pure.

A message matches the first posted receive that takes it, a receive the first arrived message that it takes
(MPI 4.1, section 3.5). Messages of one source arrive in the order in which they were sent.
"""

from __future__ import annotations

from typing import NamedTuple

from .transfer import Receive, Sending


class Envelope(NamedTuple):
    """A message that has arrived, seen from outside."""

    source: int
    """World rank."""
    tag: int
    count: int  # type: ignore[assignment]
    """Bytes."""


class Arrival:
    """A message that has arrived, or has been announced, or is being read."""

    __slots__ = (
        "body", "complete", "context", "note", "pulled", "receive", "sender", "seq", "size", "source",
        "sync", "tag",
    )  # fmt: skip

    def __init__(self, source: int, context: int, tag: int, note: int, size: int, seq: int) -> None:
        self.source = source
        self.context = context
        self.tag = tag
        self.note = note
        self.size = size
        self.seq = seq
        self.sync = False
        """Its sender waits until it is matched."""
        self.body: memoryview | bytearray | bytes | None = None
        """Where its bytes are, or are being put."""
        self.complete = False
        """All its bytes are here."""
        self.pulled = False
        """Its bytes come when they are asked for."""
        self.receive: Receive | None = None
        """The receive that it has been matched with."""
        self.sender: Sending | None = None
        """Of this process's own synchronous send, which is complete when this is matched."""

    @property
    def count(self) -> int:
        """Bytes."""
        return self.size

    def envelope(self) -> Envelope:
        """Seen from outside."""
        return Envelope(self.source, self.tag, self.size)


Matched = Arrival
"""A message that was taken out of the queue by a matched probe."""


class Matching:
    """The two queues of each context."""

    __slots__ = ("posted", "unexpected")

    def __init__(self) -> None:
        self.posted: dict[int, list[Receive]] = {}
        self.unexpected: dict[int, list[Arrival]] = {}

    def arrive(self, source: int, context: int, tag: int) -> Receive | None:
        """The posted receive that takes a message, taken out of its queue."""
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
        """No receive took it: it waits for one."""
        queue = self.unexpected.get(arrival.context)
        if queue is None:
            self.unexpected[arrival.context] = [arrival]
        else:
            queue.append(arrival)

    def post(self, receive: Receive) -> Arrival | None:
        """The arrived message that a receive takes, taken out of its queue; else the receive waits."""
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
        """The first arrived message that fits, taken out of its queue."""
        queue = self.unexpected.get(context)
        if queue:
            for at, arrival in enumerate(queue):
                if (arrival.source == source or source < 0) and (arrival.tag == tag or tag < 0):
                    del queue[at]
                    return arrival
        return None

    def find(self, source: int, context: int, tag: int) -> Arrival | None:
        """The first arrived message that fits, left where it is."""
        for arrival in self.unexpected.get(context, ()):
            if (arrival.source == source or source < 0) and (arrival.tag == tag or tag < 0):
                return arrival
        return None

    def withdraw(self, receive: Receive) -> bool:
        """Take a posted receive back; False if it has been matched."""
        queue = self.posted.get(receive.context, [])
        for at, other in enumerate(queue):
            if other is receive:
                del queue[at]
                return True
        return False

    def forget(self, context: int) -> None:
        """A communicator is gone; what is still under way goes on."""
        for queues in (self.posted, self.unexpected):
            if not queues.get(context):
                queues.pop(context, None)

    def left(self) -> int:
        """Messages and receives that wait."""
        return sum(map(len, self.posted.values())) + sum(map(len, self.unexpected.values()))
