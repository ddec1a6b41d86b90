"""One send, receive or run of a schedule, pending or finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .frames import SYNC

if TYPE_CHECKING:
    from .matching import Arrival
    from .schedule import Data

STANDARD, BUFFERED, SYNCHRONOUS, READY = range(4)
"""The modes of a send (MPI 4.1, section 3.4)."""
ANY_SOURCE = -1
"""The wildcard for the source of a receive, as in the module MPI."""
ANY_TAG = -1
"""The wildcard for the tag of a receive, as in the module MPI."""


class Transfer:
    """A send, a receive, or a run of a schedule. The engine writes the fields; callers read them."""

    __slots__ = ("cancelled", "count", "done", "error", "exception", "on_done", "payload", "source", "tag")

    def __init__(self) -> None:
        self.done = False
        self.error = 0
        """An MPI error class (ERR_…); 0 is success."""
        self.exception: BaseException | None = None
        """A Python error that was raised inside: the caller that waits raises it."""
        self.source = ANY_SOURCE
        """The world rank that sent the received message."""
        self.tag = ANY_TAG
        self.count = 0
        """Bytes received."""
        self.cancelled = False
        """The program cancelled it before a message matched it."""
        self.payload: bytearray | bytes | None = None
        """The message, if the receive was posted without memory."""
        self.on_done: Callable[[Transfer], None] | None = None
        """The engine calls it once, under its lock, when the transfer is done."""

    def finish(self) -> None:
        """Mark it as done, and call `on_done`."""
        self.done = True
        if self.on_done is not None:
            self.on_done(self)

    def describe(self) -> str:
        """Return what it waits for, in words for people."""
        return "a collective operation"


class Receive(Transfer):
    """A receive. Its envelope may have wildcards, which are -1."""

    __slots__ = ("arrival", "context", "into", "note", "ordinal", "recorded", "want_source", "want_tag")

    def __init__(self, source: int, context: int, tag: int, into: memoryview | None, note: int = 0) -> None:
        self.done = False
        self.error = 0
        self.exception = None
        self.source = ANY_SOURCE
        self.tag = ANY_TAG
        self.count = 0
        self.cancelled = False
        self.payload = None
        self.on_done = None
        self.want_source = source
        self.context = context
        self.want_tag = tag
        self.into = into
        self.note = note
        self.arrival: Arrival | None = None
        """The message that has matched it."""
        self.ordinal = -1
        """The number by which its choices are recorded; -1 if it can make none."""
        self.recorded = False
        """Its source was any rank, and is the one that an earlier incarnation has recorded."""

    def describe(self) -> str:
        """See `Transfer.describe`."""
        source = "any rank" if self.want_source < 0 else f"rank {self.want_source}"
        if self.context & 1:
            return f"a message of a collective operation from {source}"
        tag = "any tag" if self.want_tag < 0 else f"tag {self.want_tag}"
        what = "the rest of a message" if self.arrival is not None else "a message"
        return f"{what} from {source}, {tag}{', as recorded' if self.recorded else ''}"


class Sending(Transfer):
    """A send. `number` is its tag, `note` the kind of its collective operation, `seq` its message number.

    `mode` becomes STANDARD when a receive is known to have matched it; `flags` remain as they were.
    `stage` is one of the stages that `outlet` names."""

    __slots__ = ("context", "data", "dest", "flags", "mode", "note", "number", "seq", "size", "stage")

    def __init__(
        self, dest: int, context: int, tag: int, data: Data, size: int, mode: int, note: int = 0
    ) -> None:
        super().__init__()
        self.dest = dest
        self.context = context
        self.number = tag
        self.data = data
        self.size = size
        self.mode = mode
        self.flags = SYNC if mode == SYNCHRONOUS else 0
        """What its frames say of it: SYNC or 0."""
        self.note = note
        self.seq = -1
        self.stage = 0

    def describe(self) -> str:
        """See `Transfer.describe`."""
        if self.context & 1:
            return f"rank {self.dest} to take a message of a collective operation"
        return f"rank {self.dest} to receive {self.size} bytes, tag {self.number}"


def done_transfer(source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Transfer:
    """Return a transfer that is done from the beginning and has moved nothing."""
    transfer = Transfer()
    transfer.done = True
    transfer.source = source
    transfer.tag = tag
    return transfer


def size_of(data: Data) -> int:
    """Return how many bytes data have."""
    return sum(map(len, data)) if type(data) is tuple else len(data)


def copy_of(data: Data) -> bytes:
    """Return data as bytes that the program cannot change."""
    if type(data) is bytes:
        return data
    return b"".join(data) if type(data) is tuple else bytes(data)  # type: ignore[arg-type]


def describe_many(transfers: Sequence[Transfer], how_many: str) -> str:
    """Return what transfers that are not done wait for, in words; `how_many`: "all of" or "one of"."""
    waiting = [transfer.describe() for transfer in transfers if not transfer.done]
    if len(waiting) == 1:
        return waiting[0]
    more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
    return f"{how_many}: {'; '.join(waiting[:3])}{more}"
