"""What `list` and `gc` show, at the console and on the command line. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .duration import format_ago
from .size import format_size
from .tables import one_line, table

if TYPE_CHECKING:
    from ...content.store.backend import DirectoryEntry as ContentEntry
    from ...depot.listing import InterpreterEntry as Interpreter

_MAX_DETAIL_LINES = 10
"""Lines of an interpreter's detail that a list shows: enough for the end of a traceback."""
_INDENT = "    "
_MARKS = {"file": "", "directory": "/", "link": "@"}


def interpreter_lines(interpreters: Sequence[Interpreter], now: float) -> list[str]:
    """Return a table of interpreters. Below an interpreter stands its detail, if it has one: why it failed.

    Args:
        interpreters: the interpreters to show.
        now: the time in seconds since 1970.
    """
    rows = [
        (
            each.name,
            # the size of a failed interpreter may be unknown
            format_size(each.size) if each.size or each.state != "failed" else "",
            each.state,
            _last_use(each, now),
            "yes" if each.pinned else "",
            str(each.in_use or ""),
        )
        for each in interpreters
    ]
    head, *lines = table(("name", "size", "state", "last use", "pinned", "in use"), rows)
    shown = [head]
    for line, each in zip(lines, interpreters, strict=True):
        shown.append(line)
        shown.extend(_INDENT + detail for detail in _detail(each))
    return shown


def entry_lines(entries: Sequence[ContentEntry]) -> list[str]:
    """Return a table of a directory's entries. Directories end with a slash, links with an @."""
    rows = [(str(each.cid), format_size(each.size), each.name + _MARKS[each.kind]) for each in entries]
    return table(("cid", "size", "name"), rows)


def collected_lines(interpreters: Sequence[str], blocks: int, size: int) -> list[str]:
    """Return lines that say what `gc` removed.

    Args:
        interpreters: the names of removed interpreters.
        blocks: the number of removed blocks.
        size: the bytes of these blocks.
    """
    lines = [f"removed the interpreter {name}" for name in interpreters]
    if blocks:
        lines.append(f"removed {blocks} block{'' if blocks == 1 else 's'}, {format_size(size)}")
    return lines or ["there was nothing to remove"]


def _last_use(interpreter: Interpreter, now: float) -> str:
    if interpreter.last_use is not None:
        return format_ago(now - interpreter.last_use)
    return "never" if interpreter.state == "installed" else ""


def _detail(interpreter: Interpreter) -> Iterator[str]:
    """Yield the first line, which says what went wrong, and the last lines, where a program says why."""
    lines = interpreter.detail.strip().splitlines()
    if len(lines) > _MAX_DETAIL_LINES:
        yield one_line(lines[0])
        yield "…"
        lines = lines[1 - _MAX_DETAIL_LINES :]
    for line in lines:
        yield one_line(line)
