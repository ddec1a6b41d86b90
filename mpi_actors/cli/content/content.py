"""The content and the interpreters of one peer, as the commands see them, whether or not its daemon runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import attrs
import trio

from ...content.access import Access
from ...content.store.backend import ContentBackend
from ...depot.listing import InterpreterEntry, recorded_entries
from ...errors import UnknownInterpreter
from ..arguments.content import ContentArguments


@attrs.frozen
class CollectedReport:
    """What `Content.collect` removed."""

    blocks: int
    """How many blocks."""
    size: int
    """Bytes of the blocks."""
    interpreters: tuple[str, ...] = ()
    """Names of interpreters."""


class Content:
    """The content and the interpreters of one peer.

    Args:
        access: the peer's blocks and its database.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    @property
    def backend(self) -> ContentBackend:
        """Where content is kept and found."""
        return self._access.backend

    @property
    def why(self) -> str:
        """Which backend it is, and why that one, in a line for people."""
        return self._access.why

    async def interpreters(self) -> list[InterpreterEntry]:
        """Return the interpreters that are installed in the peer's directory or failed to be, by name."""
        records = await trio.to_thread.run_sync(self._access.database.records)
        return recorded_entries(records)

    async def pin_interpreter(self, name: str) -> None:
        """Keep an installed interpreter, even if its room is needed.

        Raises:
            UnknownInterpreter: the interpreter is not installed.
        """
        await self._require(name)
        await trio.to_thread.run_sync(self._access.database.pin, name)

    async def unpin_interpreter(self, name: str) -> None:
        """Undo `pin_interpreter`.

        Raises:
            UnknownInterpreter: the interpreter is not installed.
        """
        await self._require(name)
        await trio.to_thread.run_sync(self._access.database.unpin, name)

    async def collect(self) -> CollectedReport:
        """Remove the blocks that nothing needs. Only a daemon removes interpreters, its own."""
        collected = await self.backend.collect()
        return CollectedReport(collected.blocks, collected.size)

    async def _require(self, name: str) -> None:
        records = await trio.to_thread.run_sync(self._access.database.records)
        if name not in records.installed and name not in records.pinned:
            known = ", ".join(records.installed) or "nothing"
            raise UnknownInterpreter(f"no interpreter {name!r} is installed here. Installed: {known}")


OpenContent = Callable[[ContentArguments], AbstractAsyncContextManager[Content]]
"""Opens the content that a command works on."""
