"""What a person is told of one interpreter."""

from __future__ import annotations

from typing import Literal

import attrs

from ..content.store.database import Failure, Installed, Records

State = Literal["installed", "failed", "available", "installing"]


@attrs.frozen
class InterpreterEntry:
    """One interpreter, for `list`."""

    name: str
    size: int
    """Bytes: as installed, or in the store."""
    state: State
    """`failed`: it could not be installed; `available`: it is in the store; `installing`: just now."""
    in_use: int = 0
    """How many ranks use it now."""
    detail: str = ""
    """Why it failed, with the last output of its `init.py`, or why it cannot be installed now."""
    pinned: bool = False
    """It is deleted by nobody but a person."""
    last_use: float | None = None
    """Unix time at which a job last used it; None if none has since it was installed."""


def installed_entry(
    row: Installed, *, pinned: bool, in_use: int = 0, last_use: float | None = None
) -> InterpreterEntry:
    """The entry of an installed interpreter."""
    return InterpreterEntry(
        name=row.name,
        size=row.size,
        state="installed",
        in_use=in_use,
        pinned=pinned,
        last_use=row.last_use if last_use is None else last_use,
    )


def recorded_entries(records: Records) -> list[InterpreterEntry]:
    """What the database alone tells, sorted by name: without what is in use, and what the store has besides.

    The sizes of failed ones are not known, and 0.
    """
    found = [installed_entry(row, pinned=name in records.pinned) for name, row in records.installed.items()]
    found += [failed_entry(failure, 0, records) for failure in records.failures.values()]
    return sorted(found, key=lambda entry: entry.name)


def failed_entry(failure: Failure, size: int, records: Records) -> InterpreterEntry:
    """The entry of an interpreter that cannot be installed."""
    pinned = failure.name in records.pinned
    return InterpreterEntry(
        name=failure.name, size=size, state="failed", detail=failure.detail, pinned=pinned
    )
