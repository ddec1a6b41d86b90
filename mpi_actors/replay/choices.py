"""Choices as bytes: outcomes that the program did not decide, in the order in which they were made.

All choices of a rank are one stream across its incarnations; a position is a byte offset. A record begins
with 3 bits of kind and 5 of value, where 31 says that a longer number follows (LEB128). Most are one byte.

A *source* says which rank's message a receive from ANY_SOURCE matched. Receives have ordinals, so that these
records may come in another order than the receives. *Answers* are the results of tests, probes and their
like; they are repeated in the order of the program's calls. *Looks* at clocks are repeated for each clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import BadChoices

NO = 0
"""So many tests or probes in a row found nothing: the value, at least 1. So no record begins with a zero."""
SOURCE = 1
"""The receive with the next ordinal matched a message of this rank."""
SOURCE_AT = 2
"""The same of another receive: the value is the step to its ordinal, in zigzag; the rank follows."""
YES = 3
"""A test or a probe found something: 0; or, of a probe for ANY_SOURCE, the message's rank plus 1."""
INDEX = 4
"""One of several operations was complete: its index."""
SET = 5
"""So many operations were complete; the steps between their indices follow."""
CANCEL = 6
"""A receive was cancelled: 1, or a message had matched it: 0; its ordinal follows."""
MORE = 7
"""A look at the clock of that number; the step since the last look at it follows, in zigzag and nanoseconds.
Values from `_CLOCKS` on are free."""

_CLOCKS = 16
"""Clocks that can be recorded: more than Python has."""
_BITS = 5
"""Bits of the value in a record's first byte."""
_LONG = (1 << _BITS) - 1
"""The value in the first byte of a record whose value is this or more; what is more follows."""
_MOST_BITS = 70
"""Bits of the longest number: one that is longer is no number of ours."""
_SHORT = [[bytes([kind << _BITS | value]) for value in range(_LONG)] for kind in range(8)]
"""The records that are one byte, by kind and value."""

REALTIME, MONOTONIC, PERF_COUNTER, PROCESS_TIME, THREAD_TIME = range(5)
"""The clocks, by the functions of the module `time` that look at them; MPI.Wtime looks at `perf_counter`."""

NAMES = {
    NO: "a test or probe that finds nothing",
    YES: "a test or probe that finds something",
    INDEX: "a wait or test for any of several operations",
    SET: "a wait or test for some of several operations",
    CANCEL: "Cancel",
}
"""What the program called, in words for people, by the kind of answer."""


class ChoiceAnswer(NamedTuple):
    """The recorded result of one call; of kind NO, of `value` calls in a row."""

    kind: int
    value: int = 0
    more: tuple[int, ...] = ()
    """The indices of a SET; the ordinal of a CANCEL."""


class Recorded(NamedTuple):
    """The choices of a stream."""

    sources: dict[int, int]
    """Which rank's message a receive matched, by the receive's ordinal."""
    withdrawn: frozenset[int]
    """The ordinals of receives that were cancelled before a message matched them."""
    answers: list[ChoiceAnswer]
    """In the order of the calls."""
    clocks: dict[int, list[int]]
    """What looks at each clock saw, in nanoseconds."""
    expected: int = 0
    """The ordinal that the next `SOURCE` means."""


class ChoiceEncoder:
    """Makes records. Each continues those made before, so all must go into one stream, in their order.

    Args:
        recorded: what the stream has already; None for an empty one.
    """

    __slots__ = ("_clocks", "_expected")

    def __init__(self, recorded: Recorded | None = None) -> None:
        self._expected = 0 if recorded is None else recorded.expected
        self._clocks: dict[int, int] = {}
        if recorded is not None:
            self._clocks.update((number, looks[-1]) for number, looks in recorded.clocks.items())

    def source(self, ordinal: int, source: int) -> bytes:
        """A receive matched a message of a rank."""
        step = ordinal - self._expected
        self._expected = ordinal + 1
        if not step:
            return _SHORT[SOURCE][source] if source < _LONG else _record(SOURCE, source)
        return _record(SOURCE_AT, _zigzag(step)) + _number(source)

    def no(self, count: int) -> bytes:
        """So many tests or probes in a row found nothing."""
        return _record(NO, count)

    def yes(self, source: int = -1) -> bytes:
        """A test or a probe found something. `source`: the message's, if the probe was for any."""
        return _record(YES, source + 1)

    def index(self, index: int) -> bytes:
        """One of several operations was complete."""
        return _record(INDEX, index)

    def some(self, indices: Sequence[int]) -> bytes:
        """Some of several operations were complete. The indices ascend."""
        last, parts = -1, [_record(SET, len(indices))]
        for index in indices:
            parts.append(_number(index - last - 1))
            last = index
        return b"".join(parts)

    def cancel(self, ordinal: int, withdrawn: bool) -> bytes:
        """A receive was cancelled, or a message had matched it before."""
        return _record(CANCEL, int(withdrawn)) + _number(ordinal)

    def clock(self, number: int, now: int) -> bytes:
        """A look at a clock saw so many nanoseconds."""
        step = now - self._clocks.get(number, 0)
        self._clocks[number] = now
        return _SHORT[MORE][number] + _number(_zigzag(step))


def parse(stream: bytes) -> Recorded:
    """Return the choices of a stream.

    Raises:
        BadChoices: it is cut in the middle of a record, or a record is unknown or contradicts another.
    """
    sources: dict[int, int] = {}
    withdrawn: set[int] = set()
    answers: list[ChoiceAnswer] = []
    clocks: dict[int, list[int]] = {}
    expected = at = 0
    end = len(stream)
    while at < end:
        start = at
        first = stream[at]
        kind, value = first >> _BITS, first & _LONG
        at += 1
        if value == _LONG:
            more, at = _read(stream, at)
            value += more
        if kind in (SOURCE, SOURCE_AT):
            ordinal = expected
            if kind == SOURCE_AT:
                ordinal += _unzigzag(value)
                value, at = _read(stream, at)
            if ordinal < 0 or ordinal in sources:
                raise BadChoices(f"byte {start} of a rank's choices: receive {ordinal} matches a second time")
            sources[ordinal] = value
            expected = ordinal + 1
        elif kind == MORE and value < _CLOCKS:
            step, at = _read(stream, at)
            looks = clocks.setdefault(value, [])
            looks.append(_unzigzag(step) + (looks[-1] if looks else 0))
        elif kind == SET and value:
            indices, last = [], -1
            for _ in range(value):
                step, at = _read(stream, at)
                last += step + 1
                indices.append(last)
            answers.append(ChoiceAnswer(SET, value, tuple(indices)))
        elif kind == CANCEL and value <= 1:
            ordinal, at = _read(stream, at)
            if value:
                withdrawn.add(ordinal)
            answers.append(ChoiceAnswer(CANCEL, value, (ordinal,)))
        elif kind in (YES, INDEX) or (kind == NO and value):
            answers.append(ChoiceAnswer(kind, value))
        else:
            raise BadChoices(f"byte {start} of a rank's choices: no record begins with {first:#04x}")
    both = withdrawn & sources.keys()
    if both:
        raise BadChoices(f"a rank's choices say that receive {min(both)} was cancelled, and that it matched")
    return Recorded(sources, frozenset(withdrawn), answers, clocks, expected)


def _record(kind: int, value: int) -> bytes:
    if value < _LONG:
        return _SHORT[kind][value]
    return bytes([kind << _BITS | _LONG]) + _number(value - _LONG)


def _number(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _read(stream: bytes, at: int) -> tuple[int, int]:
    """Return the number at a byte, and where it ends."""
    start, value, shift = at, 0, 0
    try:
        while True:
            digit = stream[at]
            at += 1
            value |= (digit & 0x7F) << shift
            if digit < 0x80:
                return value, at
            shift += 7
            if shift >= _MOST_BITS:
                raise BadChoices(f"byte {start} of a rank's choices: a number does not end")
    except IndexError:
        raise BadChoices(f"a rank's choices are cut in the middle of a record, at byte {at}") from None


def _zigzag(step: int) -> int:
    return step << 1 if step >= 0 else (-step << 1) - 1


def _unzigzag(value: int) -> int:
    return -(value + 1 >> 1) if value & 1 else value >> 1
