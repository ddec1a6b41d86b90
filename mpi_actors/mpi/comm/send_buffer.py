"""Memory that a program attaches for buffered sends, and the messages that count against it.

The memory only limits how many bytes may be unsent: the copies that are sent lie elsewhere.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ..constants import BSEND_OVERHEAD, ERR_BUFFER
from ..datatypes import BUFFER_AUTOMATIC
from ..datatypes.acquire import acquire
from ..errors.exception import Exception as MPIException

if TYPE_CHECKING:
    from ..engine import Engine, Transfer


class SendBuffer:
    """Memory that a program has attached, and the messages that count against it.

    Attributes:
        memory: what the program attached, and gets back.
        size: bytes of the memory; None for as many as the messages need.
        held: unsent messages, each with its bytes and BSEND_OVERHEAD.
    """

    __slots__ = ("held", "memory", "size")

    def __init__(self, memory: object) -> None:
        self.memory = BUFFER_AUTOMATIC if memory is None else memory
        self.size: int | None = None
        if self.memory is not BUFFER_AUTOMATIC:
            self.size = acquire(memory, True, False).view.nbytes
        self.held: list[tuple[Transfer, int]] = []

    def reserve(self, nbytes: int) -> None:
        """Check that a message of `nbytes` bytes fits beside the unsent ones.

        Raises:
            MPI.Exception: ERR_BUFFER, if it does not.
        """
        for item in tuple(self.held):
            if item[0].done:
                with suppress(ValueError):  # a finalizer may have reserved memory, too, meanwhile
                    self.held.remove(item)
        if self.size is None:
            return
        needed = sum(size for _, size in self.held) + nbytes + BSEND_OVERHEAD
        if needed > self.size:
            raise MPIException(ERR_BUFFER, f"{needed} bytes needed, {self.size} attached")

    def hold(self, transfer: Transfer, nbytes: int) -> None:
        """Count a message of `nbytes` bytes until it is sent."""
        if not transfer.done:
            self.held.append((transfer, nbytes + BSEND_OVERHEAD))

    def flush(self, engine: Engine) -> None:
        """Wait until all messages are sent."""
        engine.wait_all([transfer for transfer, _ in tuple(self.held)])
        self.held.clear()
