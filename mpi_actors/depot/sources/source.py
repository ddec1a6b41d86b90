"""Where interpreters come from."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

MAX_NAME = 255
"""Bytes of an interpreter's name in UTF-8."""


class InterpreterSource(Protocol):
    """A store of interpreters, which never changes: another content is another store, with another name."""

    @property
    def pool(self) -> str:
        """The name of the pool: the same for all peers with an equal store."""
        ...

    @property
    def opened(self) -> bool:
        """Whether it is known what the store holds."""
        ...

    async def open(self) -> None:
        """Learn what the store holds. Idempotent; may be tried again when it has failed.

        Raises:
            ContentError: nobody who has it can be reached, now; the text says what to do.
            BadStore: it is no store, or holds no interpreters.
        """
        ...

    def names(self) -> tuple[str, ...]:
        """Its interpreters, sorted; none before it is opened. `flaw_of` has nothing against the names."""
        ...

    def size(self, name: str) -> int:
        """The bytes in an interpreter's files.

        Raises:
            KeyError: there is none of that name.
        """
        ...

    def version(self, name: str) -> str:
        """Differs whenever anything in the interpreter does.

        Raises:
            KeyError: there is none of that name.
        """
        ...

    async def fetch(self, name: str, directory: Path) -> None:
        """Put an interpreter's files into `directory`, which is made; exactly those of its `version`.

        When it raises or is cancelled, a part of them may be there.

        Raises:
            KeyError: there is none of that name.
            BadStore: it cannot be read, or is no longer what it was.
            ContentError: it cannot be fetched, now.
            OSError: the directory cannot be made or written.
        """
        ...

    async def retain(self, version: str) -> None:
        """Keep what was fetched as that version, to serve it to others. Idempotent.

        Raises:
            ContentError: the store cannot do that now.
        """
        ...

    async def release(self, version: str) -> None:
        """End `retain`: what only that version needed is removed. Idempotent, also for what was never kept.

        Raises:
            ContentError: the store cannot do that now; try again later.
        """
        ...

    async def retained(self) -> frozenset[str]:
        """The versions that are kept.

        Raises:
            ContentError: the store cannot tell now.
        """
        ...


def flaw_of(name: str) -> str | None:
    """Why a text cannot be an interpreter's name; None if it can.

    Names stand in commands, in lists with commas, and are the names of directories.
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
