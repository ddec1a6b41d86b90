"""Schedules: what one rank does in a collective operation, as rounds of steps. No I/O.

A builder adds sends, receives and computations; a fence ends a round. Whoever runs the schedule starts the
steps of a round in order, and the next round when all of this one are complete (as in LibNBC: Hoefler,
Lumsdaine, Rehm, SC 2007). Blocking and non-blocking operations share it.
"""

from __future__ import annotations

from collections.abc import Callable

Bytes = bytes | bytearray | memoryview
Data = bytes | bytearray | memoryview | tuple[Bytes, ...]
"""Contiguous bytes (one-dimensional, format B), or several such that are sent as if they were one."""


class Box:
    """Holds a payload whose size only its sender knows."""

    __slots__ = ("value",)

    def __init__(self, value: Data = b"") -> None:
        self.value: Data = value


class SendStep:
    """Send to a member; what a box holds is read when the step starts."""

    __slots__ = ("data", "dest")

    def __init__(self, dest: int, data: Data | Box) -> None:
        self.dest = dest
        self.data = data


class ReceiveStep:
    """Receive from a member into memory, or into a box whatever comes."""

    __slots__ = ("into", "source")

    def __init__(self, source: int, into: memoryview | Box) -> None:
        self.source = source
        self.into = into


Step = SendStep | ReceiveStep | Callable[[], None]


class Schedule:
    """One rank's steps. Members are known by their index; `kind` says which collective this is.

    The sends that a schedule has are fixed when it starts: that keeps the numbers of a rank's messages, by
    which they are recognised when it is run again, independent of timing.
    """

    __slots__ = ("_open", "kind", "rounds")

    def __init__(self, kind: int = 0) -> None:
        self.kind = kind
        self.rounds: list[list[Step]] = []
        self._open = False

    def send(self, dest: int, data: Data | Box) -> None:
        """Send to member `dest`. Memory is read when its round starts."""
        self._round().append(SendStep(dest, data))

    def recv(self, source: int, into: memoryview | Box) -> None:
        """Receive from member `source`: at most as much as `into` holds, or anything into a box."""
        self._round().append(ReceiveStep(source, into))

    def compute(self, function: Callable[[], None]) -> None:
        """Call a function, in its place, when its round starts."""
        self._round().append(function)

    def fence(self) -> None:
        """All steps before are complete before any step after starts."""
        self._open = False

    def sends(self) -> list[SendStep]:
        """All sends, in the order in which they were added."""
        return [step for round in self.rounds for step in round if type(step) is SendStep]

    def _round(self) -> list[Step]:
        if not self._open:
            self.rounds.append([])
            self._open = True
        return self.rounds[-1]


_kinds: dict[int, str] = {}


def name_kinds(names: dict[int, str]) -> None:
    """Say which collective operation each kind is, for messages to people."""
    _kinds.update(names)


def kind_name(kind: int) -> str:
    """The collective operation of that kind."""
    return _kinds.get(kind, f"operation {kind}" if kind else "a point-to-point call")
