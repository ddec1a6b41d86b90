"""What the commands need of a peer's directory, whether or not its daemon runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from ..arguments.content import ContentArguments

if TYPE_CHECKING:
    from ...content.store.backend import ContentBackend
    from ...depot.listing import InterpreterEntry


class CollectedReport(Protocol):
    """What `Content.collect` removed."""

    @property
    def interpreters(self) -> tuple[str, ...]:
        """Their names."""
        ...

    @property
    def blocks(self) -> int:
        """How many."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the blocks."""
        ...


class Content(Protocol):
    """The content and the interpreters of one peer."""

    @property
    def backend(self) -> ContentBackend:
        """Where content is kept and found."""
        ...

    @property
    def why(self) -> str:
        """Which backend that is, and why."""
        ...

    async def interpreters(self) -> list[InterpreterEntry]:
        """Those that are installed here, or failed to be, sorted by name."""
        ...

    async def pin_interpreter(self, name: str) -> None:
        """Never remove it by oneself.

        Raises:
            UnknownInterpreter: it is not installed.
        """
        ...

    async def unpin_interpreter(self, name: str) -> None:
        """End `pin_interpreter`.

        Raises:
            UnknownInterpreter: it is not installed.
        """
        ...

    async def collect(self) -> CollectedReport:
        """Remove what nothing needs."""
        ...


OpenContent = Callable[[ContentArguments], AbstractAsyncContextManager[Content]]
