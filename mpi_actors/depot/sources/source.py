"""The interface of every store of interpreters, and the names that interpreters may have."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

MAX_NAME = 255
"""Bytes of an interpreter's name in UTF-8 at most: file systems take no longer names."""


class InterpreterSource(Protocol):
    """A store of interpreters. It never changes: with other content, it would be another store."""

    @property
    def pool(self) -> str:
        """The name of the pool: the same for all peers with an equal store."""
        ...

    @property
    def opened(self) -> bool:
        """Whether it is known what the store has."""
        ...

    async def open(self) -> None:
        """Learn what the store has. Idempotent; if it fails, it may be tried again.

        Raises:
            ContentError: no peer that has the store can be reached now; the text says what to do.
            BadStore: what was found is not a store, or has no interpreters.
        """
        ...

    def names(self) -> tuple[str, ...]:
        """Return the names of its interpreters, sorted; none before `open`. Each passes `flaw_of`."""
        ...

    def size(self, name: str) -> int:
        """Return the bytes in an interpreter's files.

        Raises:
            KeyError: the store has none of that name.
        """
        ...

    def version(self, name: str) -> str:
        """Return the interpreter's version: a text that differs whenever anything in the interpreter differs.

        Raises:
            KeyError: the store has none of that name.
        """
        ...

    async def fetch(self, name: str, directory: Path) -> None:
        """Make `directory`, and put into it exactly the files of an interpreter's `version`.

        When this raises or is cancelled, a part of them may be there.

        Raises:
            KeyError: the store has none of that name.
            BadStore: the store cannot be read, or has changed.
            ContentError: the interpreter cannot be fetched now.
            OSError: the directory cannot be made or written.
        """
        ...

    async def retain(self, version: str) -> None:
        """Keep the content that was fetched as that version, to serve it to others. Idempotent.

        Raises:
            ContentError: the store cannot do that now.
        """
        ...

    async def release(self, version: str) -> None:
        """Undo `retain`, and remove what only that version needed. Idempotent, even if it was never kept.

        Raises:
            ContentError: the store cannot do that now; try again later.
        """
        ...

    async def retained(self) -> frozenset[str]:
        """Return the versions that `retain` keeps.

        Raises:
            ContentError: the store cannot say now.
        """
        ...


def flaw_of(name: str) -> str | None:
    """Return why a text cannot be an interpreter's name, as words to follow the name; None if it can.

    Names stand in commands and in lists with commas, and directories have them.
    """
    if not name:
        return "is empty"
    if name.startswith("."):
        return "begins with a dot"
    if "/" in name or "," in name:
        return "has a slash or a comma in it"
    if not name.isprintable() or any(character.isspace() for character in name):
        return "has a space or something that cannot be printed in it"
    if len(name.encode()) > MAX_NAME:
        return f"is longer than {MAX_NAME} bytes"
    return None
