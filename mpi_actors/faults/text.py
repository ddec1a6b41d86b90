"""Fault plans as people write them, on one line or in a file.

    kill 2 at 1.5s; freeze peer 1 for 3s at line 20; cut 0-1 for 2s at random

Parts are separated by `;` or by the ends of lines; what follows a `#` is a comment. Each part is a fault, how
long it lasts (`for`, three seconds by default), and when it comes (`at`, at random by default).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn, TypeVar

from ..errors import BadFaultPlan
from .plan import (
    After,
    AtEvent,
    AtRandom,
    CutOff,
    DropLane,
    Fault,
    FaultPlan,
    FreezePeer,
    KillPeer,
    KillProcess,
    Partition,
    SlowLink,
    Trigger,
    line,
    message,
    nearest,
)

T = TypeVar("T")

USUAL_SECONDS = 3.0
"""Seconds that a stop, a cut or a slow link lasts when the text does not say: long enough to be noticed."""

FORMS = (
    "kill RANK",
    "kill peer P",
    "freeze peer P for TIME",
    "cut P-Q for TIME",
    "split P,Q | R for TIME",
    "slow P-Q by TIME for TIME",
    "drop lane RANK-RANK",
)
"""Every fault, as it is written."""
TRIGGERS = (
    "at TIME",
    "at line K",
    "at line K of rank R",
    "at message K of rank R",
    "at event NAME K",
    "at random",
)
"""Every moment, as it is written. TIME is such as 1.5s, 200ms or 1min, from the job's start."""

_VERBS = ("kill", "freeze", "cut", "split", "slow", "drop")
_MOMENTS = ("line", "message", "event", "random")
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0}
_TOKENS = re.compile(r"[A-Za-z_]+|[0-9]+(?:\.[0-9]+)?(?:ms|s|min)?(?![A-Za-z0-9])|\S")
_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|min)")


def parse_plan(text: str, seed: int = 0) -> FaultPlan:
    """Return the plan that a text describes: in this module's words, or the JSON of `FaultPlan.to_json`.

    Raises:
        BadFaultPlan: the text cannot be read; the error is one line, and says what was expected where.
    """
    if text.lstrip().startswith("{"):
        return FaultPlan.from_json(text)
    parts = [part.strip() for each in text.splitlines() for part in each.partition("#")[0].split(";")]
    return FaultPlan(tuple(_Part(part).fault() for part in parts if part), seed)


def read_plan(given: str, seed: int = 0) -> FaultPlan:
    """Return the plan in the file of that name, or else the plan that the text itself describes.

    Raises:
        BadFaultPlan: there is no such file, or what is in it or in the text cannot be read.
    """
    try:
        place = Path(given)
        if place.is_file():
            try:
                return parse_plan(place.read_text(), seed)
            except BadFaultPlan as error:
                raise BadFaultPlan(f"{given}: {error}") from None
    except (OSError, ValueError) as error:
        raise BadFaultPlan(f"{given[:60]!r}: {error}") from None
    if "/" in given or re.fullmatch(r"\S+\.\w+", given):
        raise BadFaultPlan(f"there is no file {given!r}; a plan is a file, or text such as `kill 2 at 1.5s`")
    return parse_plan(given, seed)


class _Part:
    """One fault, word by word."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = _TOKENS.findall(text)
        self._at = 0

    def fault(self) -> Fault:
        verb = self._next()
        if verb not in _VERBS:
            if verb in ("thaw", "heal"):
                other = "freeze peer 1 for 3s" if verb == "thaw" else "cut 0-1 for 3s"
                self._fail(f"a fault says itself when it ends, such as `{other}`, and needs no {verb!r}")
            self._fail(f"there is no fault {verb!r}{nearest(verb, _VERBS)}; faults: {', '.join(FORMS)}")
        return self._rest(verb)

    def _rest(self, verb: str) -> Fault:
        match verb:
            case "kill":
                if self._take("peer", "daemon"):
                    return KillPeer(self._number("a peer's number"), self._when())
                self._take("rank", "process")
                return KillProcess(self._number("a rank's number, or `peer` and its number"), self._when())
            case "freeze":
                self._take("peer", "daemon")
                return FreezePeer(self._number("a peer's number"), self._duration(), self._when())
            case "cut":
                a, b = self._pair("peers")
                return CutOff(a, b, self._duration(), self._when())
            case "split":
                return Partition(self._groups(), self._duration(), self._when())
            case "slow":
                self._take("link")
                a, b = self._pair("peers")
                if not self._take("by"):
                    self._fail(
                        f"{self._found()} in place of `by` and a time, such as `by 200ms`{self._hint('by')}"
                    )
                return SlowLink(a, b, self._time(), self._duration(), self._when())
            case _:
                self._take("lane")
                one, other = self._pair("ranks")
                return DropLane(one, other, self._when())

    # --- parts of a fault ---------------------------------------------------------------------------------

    def _pair(self, what: str) -> tuple[int, int]:
        self._take(what)
        expected = f"two {what}, such as 0-1"
        one = self._number(expected)
        if not self._take("-"):
            self._fail(f"{self._found()} in place of `-`: {expected}")
        return one, self._number(expected)

    def _groups(self) -> tuple[tuple[int, ...], ...]:
        expected = "groups of peers, such as 0,1 | 2"
        groups = [[self._number(expected)]]
        while True:
            if self._take(","):
                groups[-1].append(self._number(expected))
            elif self._take("|"):
                groups.append([self._number(expected)])
            else:
                return tuple(map(tuple, groups))

    def _duration(self) -> float:
        return self._time() if self._take("for") else USUAL_SECONDS

    def _when(self) -> Trigger:
        when = self._moment() if self._take("at") else AtRandom()
        if self._at < len(self._words):
            words = ("at", "for") if isinstance(when, AtRandom) else ()
            expected = "`at` and a moment" if words else "`;`"
            self._fail(f"{self._found()} in place of {expected}{self._hint(*words)}")
        return when

    def _moment(self) -> Trigger:
        word = self._peek()
        if _TIME.fullmatch(word):
            return After(self._time())
        self._at += 1
        when: Trigger
        match word:
            case "random":
                when = AtRandom()
            case "line":
                k = self._count()
                when = AtEvent(line(self._of_rank() if self._take("of") else None), k)
            case "message":
                k = self._count()
                if not self._take("of"):
                    self._fail(f"{self._found()} in place of `of rank R`{self._hint('of')}")
                when = AtEvent(message(self._of_rank()), k)
            case "event":
                kind = self._next()
                when = AtEvent(kind, self._count())
            case _:
                self._at -= 1
                hint = "; a time has a unit, such as 1.5s" if word[:1].isdigit() else self._hint(*_MOMENTS)
                self._fail(f"{self._found()} in place of a moment{hint}; moments: {', '.join(TRIGGERS)}")
        return when

    def _of_rank(self) -> int:
        self._take("rank")
        return self._number("`rank` and its number")

    def _count(self) -> int:
        return self._number("a number from 1", least=1)

    # --- words --------------------------------------------------------------------------------------------

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        word = self._peek()
        self._at += 1
        return word

    def _take(self, *words: str) -> bool:
        found = self._peek() in words
        self._at += found
        return found

    def _number(self, expected: str, least: int = 0) -> int:
        word = self._peek()
        if not (word.isascii() and word.isdigit()) or int(word) < least:
            self._fail(f"{self._found()} in place of {expected}")
        self._at += 1
        return int(word)

    def _time(self) -> float:
        found = _TIME.fullmatch(self._peek())
        if found is None:
            self._fail(f"{self._found()} in place of a time, such as 1.5s, 200ms or 1min")
        self._at += 1
        return round(float(found[1]) * _UNITS[found[2]], 6)

    def _found(self) -> str:
        return repr(self._peek()) if self._peek() else "nothing more"

    def _hint(self, *names: str) -> str:
        return nearest(self._peek(), names)

    def _fail(self, text: str) -> NoReturn:
        """Say what is wrong in this part.

        Raises:
            BadFaultPlan: always.
        """
        raise BadFaultPlan(f"in {self._text[:80]!r}: {text}")


# --- and back -----------------------------------------------------------------------------------------------


def format_plan(plan: FaultPlan) -> str:
    """Return one line from which `parse_plan` makes the same faults."""
    return "; ".join(format_fault(fault) for fault in plan.faults)


def format_fault(fault: Fault) -> str:
    """Return a fault as people write it."""
    return f"{_what(fault)} {_at(fault.when)}"


def format_seconds(seconds: float) -> str:
    """Return a time as plans have it, exactly."""
    return f"{f'{seconds:.6f}'.rstrip('0').rstrip('.')}s"


def _what(fault: Fault) -> str:
    match fault:
        case KillProcess(rank):
            return f"kill {rank}"
        case KillPeer(peer):
            return f"kill peer {peer}"
        case FreezePeer(peer, seconds):
            return f"freeze peer {peer} for {format_seconds(seconds)}"
        case CutOff(a, b, seconds):
            return f"cut {a}-{b} for {format_seconds(seconds)}"
        case SlowLink(a, b, delay, seconds):
            return f"slow {a}-{b} by {format_seconds(delay)} for {format_seconds(seconds)}"
        case DropLane(rank, other):
            return f"drop lane {rank}-{other}"
        case Partition(groups, seconds):
            sides = " | ".join(",".join(map(str, group)) for group in groups)
            return f"split {sides} for {format_seconds(seconds)}"


def _at(when: Trigger) -> str:
    match when:
        case After(seconds):
            return f"at {format_seconds(seconds)}"
        case AtRandom():
            return "at random"
        case AtEvent(kind, k):
            word, _, rest = kind.partition(" ")
            return f"at {word} {k} {rest}".rstrip() if word in ("line", "message") else f"at event {kind} {k}"
