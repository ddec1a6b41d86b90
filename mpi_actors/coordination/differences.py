"""What is said when a new incarnation of a rank does not write what the one before had written. Pure."""

from __future__ import annotations

from ..ids import Incarnation, Rank

_MOST_SHOWN = 120
"""Characters of a line that are shown: both lines fit on a screen."""
_BEFORE = 40
"""Of these, characters before the first difference."""
CAUSES = (
    "Its program is not deterministic between its receives: look for process ids, the order of a set of "
    "objects, a race of threads, or what others have changed meanwhile, in what it writes. "
    "--output-may-differ makes a warning of this"
)
"""What to look for, for people whose job ended because of a difference."""


def other_line(rank: Rank, incarnation: Incarnation, line: int, old: bytes | None, new: bytes) -> str:
    """Say that a new incarnation wrote another line than the one before.

    Args:
        rank: the rank.
        incarnation: the new incarnation.
        line: the line's number, from 1.
        old: the line as it was shown, or its beginning; None if it is not kept any more.
        new: the beginning of the new line.
    """
    if old is None:
        before, now = "(a line that is no longer kept)", _shown(new, 0)
    else:
        at = _first_difference(_text(old), _text(new))
        before, now = _shown(old, at), _shown(new, at)
    return (
        f"rank {rank} was started again (incarnation {incarnation}) and line {line} of its output is not "
        f"what it had written before.\n    before: {before}\n    now:    {now}"
    )


def fewer_lines(rank: Rank, incarnation: Incarnation, lines: int, before: int, old: bytes | None) -> str:
    """Say that a new incarnation ended well with fewer lines than the one before.

    Args:
        rank: the rank.
        incarnation: the new incarnation.
        lines: how many lines it wrote.
        before: how many lines were written before.
        old: the first line that is missing; None if it is not kept any more.
    """
    first = "(a line that is no longer kept)" if old is None else _shown(old, 0)
    return (
        f"rank {rank} was started again (incarnation {incarnation}) and ended with line {lines} of its "
        f"output; it had written {before} lines before.\n    before: {first}\n    now:    (nothing)"
    )


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _text(line: bytes) -> str:
    return line.decode(errors="backslashreplace")


def _shown(line: bytes, at: int) -> str:
    """Return the part of a line around character `at`, in quotes."""
    text = _text(line)
    start = at - _BEFORE if at + _BEFORE > _MOST_SHOWN else 0
    end = start + _MOST_SHOWN
    return ("…" if start else "") + repr(text[start:end]) + ("…" if end < len(text) else "")
