"""Memory that a program attaches for buffered sends, and what is thought to lie in it.

The memory only limits how much may be on its way: the copies that are sent are ordinary objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..constants import BSEND_OVERHEAD, ERR_BUFFER
from ..datatypes import BUFFER_AUTOMATIC
from ..datatypes.acquire import acquire
from ..errors.exception import Exception as MPIException

if TYPE_CHECKING:
    from ..engine import Engine, Transfer


class SendBuffer:
    """Memory that a program has attached, and the messages that it is thought to hold.

    Attributes:
        memory: what was attached, to be given back.
        size: its bytes; None: as many as are needed.
        held: messages that are not sent yet, with their bytes.
    """

    __slots__ = ("held", "memory", "size")

    def __init__(self, memory: object) -> None:
        self.memory = BUFFER_AUTOMATIC if memory is None else memory
        self.size: int | None = None
        if self.memory is not BUFFER_AUTOMATIC:
            self.size = acquire(memory, True, False).view.nbytes
        self.held: list[tuple[Transfer, int]] = []

    def reserve(self, nbytes: int) -> None:
        """Make sure that a message has a place.

        Raises:
            MPI.Exception: ERR_BUFFER, if those that are not sent yet leave none.
        """
        self.held = [(transfer, size) for transfer, size in self.held if not transfer.done]
        if self.size is None:
            return
        needed = sum(size for _, size in self.held) + nbytes + BSEND_OVERHEAD
        if needed > self.size:
            raise MPIException(ERR_BUFFER, f"a buffer of {self.size} bytes, where {needed} are needed")

    def hold(self, transfer: Transfer, nbytes: int) -> None:
        """Remember a message until it is sent."""
        if not transfer.done:
            self.held.append((transfer, nbytes + BSEND_OVERHEAD))

    def flush(self, engine: Engine) -> None:
        """Wait until all messages are sent."""
        engine.wait_all([transfer for transfer, _ in self.held])
        self.held = []
