"""What a person gets to see of one interpreter."""

from __future__ import annotations

from typing import Literal

import attrs

from ..content.store.database import Failure, Installed, Records

State = Literal["installed", "failed", "available", "installing"]
"""`failed`: it could not be installed; `available`: the store has it; `installing`: that goes on now."""


@attrs.frozen
class InterpreterEntry:
    """One interpreter, for `list`."""

    name: str
    size: int
    """Bytes of its files as installed; if it is not installed, bytes in the store."""
    state: State
    in_use: int = 0
    """How many ranks use it now."""
    detail: str = ""
    """Why it failed, with the last output of its `init.py`; or why it cannot be installed now."""
    pinned: bool = False
    """Whether only a person can delete it."""
    last_use: float | None = None
    """Unix time at which a job last used it; None if no job has since it was installed."""


def installed_entry(
    row: Installed, *, pinned: bool, in_use: int = 0, last_use: float | None = None
) -> InterpreterEntry:
    """Return the entry of an installed interpreter."""
    return InterpreterEntry(
        name=row.name,
        size=row.size,
        state="installed",
        in_use=in_use,
        pinned=pinned,
        last_use=row.last_use if last_use is None else last_use,
    )


def recorded_entries(records: Records) -> list[InterpreterEntry]:
    """Return the entries that the database alone knows, sorted by name.

    They do not say what is in use, nor what else the store has. The sizes of failed ones are 0: not known.
    """
    found = [installed_entry(row, pinned=name in records.pinned) for name, row in records.installed.items()]
    found += [failed_entry(failure, 0, records) for failure in records.failures.values()]
    return sorted(found, key=lambda entry: entry.name)


def failed_entry(failure: Failure, size: int, records: Records) -> InterpreterEntry:
    """Return the entry of an interpreter that cannot be installed; `size` is its bytes in the store."""
    pinned = failure.name in records.pinned
    return InterpreterEntry(
        name=failure.name, size=size, state="failed", detail=failure.detail, pinned=pinned
    )
