"""Schedules: what one rank does in a collective operation, as rounds of steps. No I/O.

A builder adds sends, receives and computations; a fence ends a round. `runs` starts the steps of a round in
order, and the next round when all steps of this one are complete (as in LibNBC: Hoefler, Lumsdaine, Rehm,
SC 2007). Blocking and non-blocking operations share the same schedules.
"""

from __future__ import annotations

from collections.abc import Callable

Bytes = bytes | bytearray | memoryview
Data = bytes | bytearray | memoryview | tuple[Bytes, ...]
"""Contiguous bytes (one-dimensional, format B), or a tuple of such pieces, sent as one message."""


class Box:
    """Memory for a payload whose size only the sender knows."""

    __slots__ = ("value",)

    def __init__(self, value: Data = b"") -> None:
        self.value: Data = value


class SendStep:
    """Send to a member. The value of a box is read when the step starts."""

    __slots__ = ("data", "dest")

    def __init__(self, dest: int, data: Data | Box) -> None:
        self.dest = dest
        self.data = data


class ReceiveStep:
    """Receive from a member into memory, or a message of any size into a box."""

    __slots__ = ("into", "source")

    def __init__(self, source: int, into: memoryview | Box) -> None:
        self.source = source
        self.into = into


Step = SendStep | ReceiveStep | Callable[[], None]


class Schedule:
    """One rank's steps in a collective operation. Members of the group are named by their index.

    The sends of a schedule must be fixed when it starts. So the numbers of a rank's messages do not depend on
    timing, and a new incarnation gives each message the same number.

    Args:
        kind: the number of the collective operation; 0 for none.
    """

    __slots__ = ("_open", "kind", "rounds")

    def __init__(self, kind: int = 0) -> None:
        self.kind = kind
        self.rounds: list[list[Step]] = []
        self._open = False

    def send(self, dest: int, data: Data | Box) -> None:
        """Add a send to member `dest`. Memory is read when the round starts."""
        self._round().append(SendStep(dest, data))

    def recv(self, source: int, into: memoryview | Box) -> None:
        """Add a receive from member `source`, of at most what `into` holds, or of any size into a box."""
        self._round().append(ReceiveStep(source, into))

    def compute(self, function: Callable[[], None]) -> None:
        """Add a call of a function, which happens in its place when the round starts."""
        self._round().append(function)

    def fence(self) -> None:
        """End the round: steps added later start when all steps before are complete."""
        self._open = False

    def sends(self) -> list[SendStep]:
        """Return all sends, in the order in which they were added."""
        return [step for round in self.rounds for step in round if type(step) is SendStep]

    def _round(self) -> list[Step]:
        if not self._open:
            self.rounds.append([])
            self._open = True
        return self.rounds[-1]


_kinds: dict[int, str] = {}


def name_kinds(names: dict[int, str]) -> None:
    """Name the collective operations of some kinds, for messages to people."""
    _kinds.update(names)


def kind_name(kind: int) -> str:
    """Return the name of the collective operation of a kind."""
    return _kinds.get(kind, f"operation {kind}" if kind else "a point-to-point call")
